//! `observe.token`: what opens HTTP to others than this machine.

mod fake;

use policies::{Compiled, Errors, Loaded};

fn loaded(observe: &str) -> Result<Compiled, Errors> {
    let text = format!(
        "version: 1\nlisteners: {{ l: {{ realm: r, udp: \"127.0.0.1:5060\" }} }}\n\
         realms: {{ r: {{}} }}\nroutes: [ {{ name: none, reject: 404 }} ]\nobserve: {observe}\n"
    );
    Loaded::from_text("token test", &text)?.compile(&fake::Fake::default())
}

fn errors(observe: &str) -> Vec<String> {
    let errors = loaded(observe).expect_err(observe);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    for key in ["api", "metrics"] {
        for address in ["10.0.0.10:8080", "0.0.0.0:8080", "[2001:db8::1]:8080"] {
            let said = errors(&format!("{{ {key}: \"{address}\" }}"));
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].contains("or `token` beside it"), "{said:?}");
            let token = "token: 0123456789abcdef";
            let config = loaded(&format!("{{ {key}: \"{address}\", {token} }}"));
            assert!(config.is_ok(), "{key} {address}");
        }
        assert!(loaded(&format!("{{ {key}: \"[::1]:8080\" }}")).is_ok());
    }
}

#[test]
fn a_token_that_cannot_be_had_is_one_error() {
    let said = errors("{ api: \"10.0.0.10:8080\", token: { env: SBC_TEST_IS_NOT_SET } }");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("SBC_TEST_IS_NOT_SET is not set"),
        "{said:?}"
    );
}

#[test]
fn a_token_that_cannot_stand_in_a_header_is_refused_and_not_shown() {
    for token in [
        "'blanks in a token'",
        "'schlüssel-schlüssel'",
        "'quote\"quote\"quote'",
    ] {
        let said = errors(&format!("{{ api: \"127.0.0.1:8080\", token: {token} }}"));
        assert!(said[0].contains("cannot be sent as a token"), "{said:?}");
        assert!(!said[0].contains(&token[1..5]), "{said:?}");
    }
}

#[test]
fn a_short_token_warns() {
    let warnings = |token: &str| {
        let config = loaded(&format!("{{ api: \"127.0.0.1:8080\", token: {token} }}"));
        let warnings = config.expect("it works").warnings;
        let texts = warnings.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>()
    };
    let said = warnings("hunter2");
    assert!(
        said.iter()
            .any(|w| w.contains("7 characters can be guessed")),
        "{said:?}"
    );
    let said = warnings("0123456789abcdef");
    assert!(!said.iter().any(|w| w.contains("guessed")), "{said:?}");
}
