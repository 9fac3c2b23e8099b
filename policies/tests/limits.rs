//! The bounds of a configuration: the last that fits is taken, one past it is an error.

mod fake;

use policies::Loaded;

/// What is printed for a text; nothing where it is sound.
fn printed(text: &str) -> String {
    let registry = fake::Fake::default();
    match Loaded::from_text("sbc.yaml", text).and_then(|l| l.compile(&registry)) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

/// Sound, with more realms and profiles as given.
fn sound(realms: &str, profiles: &str, profile: &str) -> String {
    format!(
        "listeners: {{ a: {{ realm: r, udp: \"127.0.0.1:5060\" }} }}\n\
         realms:\n  r: {{}}\n{realms}\
         trunks: {{ t: {{ realm: r, targets: [ \"sip:127.0.0.2\" ] }} }}\n\
         profiles:\n  p: {{}}\n{profiles}\
         routes: [ {{ name: x, to: [ t ], profile: {profile} }} ]\n"
    )
}

#[test]
fn a_file_may_have_so_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sbc.yaml");
    let text = sound("", "", "p");
    for (size, fits) in [(16 << 20, true), ((16 << 20) + 1, false)] {
        let filler = "#".repeat(size - text.len());
        std::fs::write(&path, format!("{text}{filler}")).unwrap();
        let loaded = Loaded::from_path(&path);
        let error = loaded.err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            error.contains("larger than 16777216 bytes"),
            !fits,
            "{error}"
        );
        assert_eq!(error.is_empty(), fits, "{error}");
    }
}

#[test]
fn a_tree_may_be_nested_so_deeply() {
    let nested = |depth: usize| printed(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(!nested(32).contains("nested too deeply"));
    assert!(nested(33).contains("nested too deeply"));
}

#[test]
fn aliases_may_add_so_many_nodes() {
    // A list of nine items has ten nodes, and ten of them in a list are 101.
    let text = |copies: usize| {
        let nine = ["x"; 9].join(", ");
        format!("a: &a [{nine}]\nb: [{}]\n", vec!["*a"; copies].join(", "))
    };
    assert!(!printed(&text(10_000)).contains("aliases make the file too large"));
    assert!(printed(&text(10_001)).contains("aliases make the file too large"));
}

#[test]
fn a_profile_may_have_so_many_parents() {
    let chain = |parents: usize| {
        let one = |n| format!("  p{n}: {{ extends: p{} }}\n", n - 1);
        let first = "  p0: {}\n".to_owned();
        let profiles = first + &(1..=parents).map(one).collect::<String>();
        printed(&sound("", &profiles, &format!("p{parents}")))
    };
    assert_eq!(chain(16), "");
    let error = chain(17);
    assert!(error.contains("expected at most 16 parents"), "{error}");
}

#[test]
fn so_many_problems_are_printed_and_the_rest_counted() {
    let wrong = |count: usize| {
        let keys: String = (0..count).map(|n| format!("wrong{n}: 1\n")).collect();
        printed(&(sound("", "", "p") + &keys))
    };
    let (hundred, more) = (wrong(100), wrong(101));
    assert_eq!(hundred.matches("unknown key").count(), 100);
    assert_eq!(more.matches("unknown key").count(), 100);
    let last = |text: &str| {
        text.trim_end()
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(!last(&hundred).contains("1 more"), "{}", last(&hundred));
    assert!(last(&more).contains("1 more"), "{}", last(&more));
}

#[test]
fn there_may_be_so_many_realms() {
    let realms = |count: usize| {
        // One is there already.
        let more: String = (1..count).map(|n| format!("  r{n}: {{}}\n")).collect();
        printed(&sound(&more, "", "p"))
    };
    assert_eq!(realms(4_096), "");
    let error = realms(4_097);
    assert!(error.contains("expected at most 4096"), "{error}");
}

#[test]
fn a_limit_may_be_so_high() {
    let error = |calls: u64, cps: u64| {
        let limits = format!("limits: {{ calls: {calls}, cps: {cps} }}\n");
        printed(&(sound("", "", "p") + &limits))
    };
    assert_eq!(error(1_000_000, 100_000), "");
    assert!(error(1_000_001, 100_000).contains("from 1 to 1000000"));
    assert!(error(1_000_000, 100_001).contains("from 1 to 100000"));
}

#[test]
fn so_many_names_are_suggested() {
    let profiles = ["pa", "pb", "pc", "pd"];
    for (count, wanted) in [(2, 2), (3, 3), (4, 3)] {
        let more: String = profiles[..count]
            .iter()
            .map(|p| format!("  {p}x: {{}}\n"))
            .collect();
        let error = printed(&sound("", &more, "pex"));
        let (_, suggested) = error.split_once("did you mean ").expect("a suggestion");
        assert_eq!(suggested.matches('`').count(), 2 * wanted, "{error}");
    }
}

#[test]
fn a_long_line_is_shown_in_part() {
    let shown = |chars: usize| {
        let key = "wrong: ";
        let text = key.to_owned() + &"q".repeat(chars - key.len());
        let error = printed(&(sound("", "", "p") + &text + "\n"));
        key.len() + error.matches('q').count()
    };
    assert_eq!((shown(159), shown(160), shown(161)), (159, 160, 160));
}

#[test]
fn a_map_may_have_so_many_keys_and_expressions() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sbc.yaml");
    let text = sound("", "", "p") + "maps: { m: { file: m.csv } }\n";
    std::fs::write(&path, text).unwrap();
    let mut keys: String = (0..1_000_000).map(|n| format!("{n},x\n")).collect();
    for fits in [true, false] {
        std::fs::write(dir.path().join("m.csv"), &keys).unwrap();
        let loaded = Loaded::from_path(&path).and_then(|l| l.compile(&fake::Fake::default()));
        let error = loaded.err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(error.contains("more than 1000000 keys"), !fits, "{error}");
        assert_eq!(error.is_empty(), fits, "{error}");
        keys.push_str("one,more\n");
    }
    for (size, fits) in [(16 << 20, true), ((16 << 20) + 1, false)] {
        std::fs::write(dir.path().join("m.csv"), "#".repeat(size)).unwrap();
        let loaded = Loaded::from_path(&path).and_then(|l| l.compile(&fake::Fake::default()));
        let error = loaded.err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            error.contains("cannot be read: larger than 16777216 bytes"),
            !fits,
            "{error}"
        );
    }
    let regexes = |count: usize| {
        let rules = vec!["{ match: a, with: b }"; count].join(", ");
        printed(&(sound("", "", "p") + &format!("maps: {{ m: {{ regex: [ {rules} ] }} }}\n")))
    };
    assert_eq!(regexes(1_000), "");
    let error = regexes(1_001);
    assert!(error.contains("expected at most 1000"), "{error}");
}

#[test]
fn the_request_of_a_case_may_have_so_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let head = "INVITE sip:a@b SIP/2.0\nSubject: ";
    let message = dir.path().join("invite.sip");
    let loaded = |bytes: usize| {
        std::fs::write(
            &message,
            format!("{head}{}", "x".repeat(bytes - head.len())),
        )
        .unwrap();
        let text = format!(
            "listeners: {{ a: {{ realm: r, udp: \"127.0.0.1:5060\" }} }}\nrealms: {{ r: }}\n\
             routes: [ {{ name: x, reject: 404 }} ]\n\
             tests: [ {{ name: a, expect: {{ reject: 400 }}, invite: {{ listener: a, \
             source: \"127.0.0.1:5060\", message: {:?} }} }} ]\n",
            message.display().to_string()
        );
        let loaded = Loaded::from_text("limits.yaml", &text);
        let compiled = loaded.and_then(|l| l.compile(&fake::Fake::default()));
        compiled.map(|_| ()).map_err(|errors| errors.to_string())
    };
    let error = loaded(65_536).unwrap_err();
    assert!(error.contains("larger than 65535 bytes"), "{error}");
    // Its headers have bounds of their own: it is read, and refused by those.
    let error = loaded(65_535).map_or_else(|e| e, |()| "none".to_owned());
    assert!(!error.contains("larger than"), "{error}");
}
