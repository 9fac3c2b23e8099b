//! Hundreds of ways to write a header that must stay on its side: none brings it to the other.

use crate::world::{INSIDE, World};
use sbc_core::testing::{Answering, End, Placed};

/// Of strangers no header crosses that is not known, no identity, and nobody's software.
const STAYING: [&str; 4] = [
    "X-Secret",
    "P-Asserted-Identity",
    "User-Agent",
    "Record-Route",
];
const BEFORE_COLON: [&str; 5] = ["", " ", "\t", "  ", "\r\n "];
const BEHIND_COLON: [&str; 5] = ["", " ", "\t", "\r\n ", "\r\n\t\r\n "];
const VALUE: &str = "<sip:hunter2@192.0.2.66;lr>";

fn cases(name: &str) -> [String; 4] {
    let alternate = name.chars().enumerate().map(|(n, c)| match n % 2 {
        0 => c.to_ascii_lowercase(),
        _ => c.to_ascii_uppercase(),
    });
    let (lower, upper) = (name.to_ascii_lowercase(), name.to_ascii_uppercase());
    [name.to_owned(), lower, upper, alternate.collect()]
}

fn spellings() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for name in STAYING.iter().flat_map(|name| cases(name)) {
        for (before, behind) in BEFORE_COLON
            .iter()
            .flat_map(|before| BEHIND_COLON.map(|behind| (before, behind)))
        {
            all.push(vec![format!("{name}{before}:{behind}{VALUE}")]);
        }
        // Behind a header that crosses, by what somebody may take for a line end.
        for end in [
            "\n", "\r", "\n\r", "\0", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "%0d%0a",
        ] {
            all.push(vec![format!("Subject: lunch{end}{name}: {VALUE}")]);
        }
        all.push(vec![format!("{name}: {VALUE}"), format!("{name}: again")]);
    }
    all
}

#[test]
fn no_spelling_of_a_header_that_must_stay_reaches_the_other_side() {
    let spellings = spellings();
    assert!(spellings.len() >= 500, "{} spellings", spellings.len());
    let mut through = 0;
    for lines in &spellings {
        let mut world = World::new(1).bob_answers(Answering::refusing(486));
        let mut call = Placed::to("bob", INSIDE);
        call.headers.clone_from(lines);
        world.sim.call(world.alice, call);
        world.sim.run_to_the_end();
        let Some(call) = world.sim.phone(world.bob).calls().first() else {
            // Refused for its defects.
            let ended = world.alices().ended();
            assert!(
                matches!(ended, Some(End::Refused(400)) | None),
                "{lines:?}: {ended:?}"
            );
            continue;
        };
        through += 1;
        let wire = call.messages()[0].message.to_bytes();
        let text = String::from_utf8_lossy(&wire);
        for line in text.split(['\r', '\n']) {
            let name = line.split(':').next().unwrap_or_default().trim();
            let smuggled = STAYING.iter().any(|n| n.eq_ignore_ascii_case(name));
            assert!(!smuggled, "{lines:?} became {line:?}");
        }
        let end = "\r\n";
        let whole = text.replace(end, "");
        assert!(!whole.contains(['\r', '\n', '\0']), "{lines:?}: {text}");
    }
    assert!(through >= 200, "{through} calls went through");
}
