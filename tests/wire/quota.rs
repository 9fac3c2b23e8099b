//! Limits of the box and of trunks over real sockets: the refusal, the pages, the record.

use crate::peers::plain::Text;
use crate::stage::Stage;

/// Another call than the stage's own, and what it hears.
fn next_call(stage: &mut Stage) -> Text {
    let mut call = stage.caller.dialog("4930999");
    let offer = stage.offer();
    stage.caller.send(&mut call, "INVITE", "", &offer);
    let heard = loop {
        let heard = stage.caller.next().expect("an answer");
        if heard.status() > 100 {
            break heard;
        }
    };
    call.refused(&heard);
    stage.caller.send(&mut call, "ACK", "", "");
    heard
}

fn is_as_written(refusal: &Text, line: &str, retry_after: &[&str]) {
    assert!(refusal.0.starts_with(line), "{}", refusal.0);
    assert_eq!(refusal.headers("Retry-After"), retry_after);
    assert!(refusal.header("To").contains(";tag="), "{}", refusal.0);
}

#[test]
fn a_full_box_refuses_the_next_call_and_takes_one_as_soon_as_there_is_room() {
    let mut stage = Stage::with("limits: { calls: 1 }\n", &[]);
    stage.answered();
    for refused in 1..=3 {
        let refusal = next_call(&mut stage);
        is_as_written(&refusal, "SIP/2.0 503 Too Many Calls\r\n", &["5"]);
        assert_eq!(stage.border.metric("sbc_refused_total"), f64::from(refused));
    }
    // In from the carrier, out to the PBX; nothing was begun for the others.
    assert_eq!(stage.border.metric("sbc_trunk_calls"), 2.0);
    assert_eq!(stage.border.metric("sbc_calls_started_total"), 1.0);
    stage.caller.send(&mut stage.call, "BYE", "", "");
    let bye = stage.callee.expect("BYE");
    stage.caller.expect("200");
    // The callee has not answered it yet, and the next call comes through.
    stage.call = stage.caller.dialog("4930123456");
    stage.answered();
    stage.callee.reply(&bye, "200 OK", "", "");
    stage.hang_up();
    assert_eq!(stage.border.metric("sbc_trunk_calls"), 0.0);
}

#[test]
fn a_call_of_a_full_trunk_is_refused_as_written_and_has_its_record() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let file = dir.path().join("cdr.jsonl");
    let more = format!("control: {{ cdr: {{ sinks: [ {{ file: {file:?} }} ] }} }}\n");
    let limits = "limits: { calls: 1, code: 486, reason: All Lines Taken }";
    let carrier = format!("carrier:\n    {limits}\n");
    let replaced = [
        ("carrier:\n", carrier.as_str()),
        ("base: {}", "base: { control: [ { use: cdr } ] }"),
    ];
    let mut stage = Stage::with(&more, &replaced);
    stage.answered();
    let refusal = next_call(&mut stage);
    is_as_written(&refusal, "SIP/2.0 486 All Lines Taken\r\n", &[]);
    assert_eq!(stage.border.metric("sbc_trunk_refused_total"), 1.0);
    stage.hang_up();
    drop(stage);
    let text = std::fs::read_to_string(&file).expect("records");
    let mut records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // Each call has a task of its own: they may come in any order.
    records.sort_by_key(|record| record["status"].as_u64());
    let [ended, refused] = records.as_slice() else {
        panic!("{text}");
    };
    assert_eq!(refused["reason"], "limit of trunk carrier: calls");
    assert_eq!(
        (&refused["status"], &refused["trunk"]),
        (&486.into(), &"carrier".into())
    );
    assert_eq!(refused["call_id_b"], serde_json::Value::Null);
    assert_eq!(ended["reason"], "hung up");
}
