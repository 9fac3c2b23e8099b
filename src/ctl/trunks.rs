//! `sbc trunks`.

use super::table::{Table, shown};
use super::{Fault, Reach, ended};
use clap::Args;
use hyper::Method;
use serde_json::Value;

/// How the daemon is found.
#[derive(Debug, Args)]
pub(crate) struct TrunksArgs {
    #[command(flatten)]
    reach: Reach,
}

/// `sbc trunks`.
pub(crate) fn trunks(args: &TrunksArgs) -> u8 {
    ended(ask(&args.reach))
}

fn ask(reach: &Reach) -> Result<(), Fault> {
    let api = reach.api()?;
    let answer = reach.ask(&api, Method::GET, "/v1/trunks", None)?;
    reach.show(&answer, readable)
}

fn readable(page: &Value) -> String {
    let headings = [
        "name", "realm", "calls", "of", "cps", "in", "out", "refused", "targets",
    ];
    let mut table = Table::new(&headings);
    for trunk in page["trunks"].as_array().into_iter().flatten() {
        let sum = |keys: [&str; 2]| {
            let numbers = keys.map(|key| trunk[key].as_u64().unwrap_or_default());
            Value::from(numbers.iter().sum::<u64>())
        };
        let targets = trunk["targets"].as_array().into_iter().flatten();
        let targets: Value = targets.map(|target| target["uri"].clone()).collect();
        table.row(&[
            &trunk["name"],
            &trunk["realm"],
            &sum(["calls_in", "calls_out"]),
            &trunk["limits"]["calls"],
            &trunk["limits"]["cps"],
            &trunk["attempts_in"],
            &trunk["attempts_out"],
            &sum(["refused_calls", "refused_cps"]),
            &targets,
        ]);
    }
    let limits = &page["limits"];
    let (calls, cps) = (shown(&limits["calls"]), shown(&limits["cps"]));
    format!(
        "{}\nthe whole box: calls {calls}, cps {cps}\n",
        table.render()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_of_both_directions_stand_beside_their_limit() {
        let page = json!({ "limits": { "calls": 100, "cps": null }, "trunks": [{
            "name": "carrier", "realm": "outside", "limits": { "calls": 30, "cps": 5 },
            "targets": [{ "uri": "sip:a" }, { "uri": "sip:b" }], "calls_in": 3, "calls_out": 4,
            "attempts_in": 10, "attempts_out": 20, "refused_calls": 1, "refused_cps": 2,
        }] });
        let expected = "\
            NAME     REALM    CALLS  OF  CPS  IN  OUT  REFUSED  TARGETS\n\
            carrier  outside  7      30  5    10  20   3        sip:a, sip:b\n\
            \nthe whole box: calls 100, cps -\n";
        assert_eq!(readable(&page), expected);
    }
}
