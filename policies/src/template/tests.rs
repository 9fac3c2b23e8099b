use super::{Template, TemplateError};
use crate::facts::{Field, Part, Party};

/// The text where From is `Alice <sip:+49301@a.example>` and X-Foo is `a}b`.
fn rendered(template: &str) -> String {
    let template = Template::parse(template).unwrap_or_else(|e| panic!("{template}: {e}"));
    let lookup = |field: &Field| {
        let value = match field {
            Field::Party(Party::From, Part::User) => "+49301",
            Field::Party(Party::From, Part::Host) => "a.example",
            Field::Header(name) if name.as_str().eq_ignore_ascii_case("x-foo") => "a}b",
            _ => return None,
        };
        Some(value.to_owned())
    };
    template
        .render_with(&lookup)
        .unwrap_or_else(|e| panic!("{template:?}: {e}"))
}

#[test]
fn text_and_names_and_expressions_join() {
    for (template, text) in [
        ("plain $ } text", "plain $ } text"),
        ("5 $$ or $$1", "5 $ or $1"),
        (
            "$${from.user} $$$${from.user}",
            "${from.user} $${from.user}",
        ),
        ("$$$${from.user}$$${from.user}", "$${from.user}$+49301"),
        ("<sip:${from.user}@x>", "<sip:+49301@x>"),
        ("${ from.user }${from.host}", "+49301a.example"),
        ("${header[\"X-FOO\"]}", "a}b"),
        ("${header['x-foo'] | upper}", "A}B"),
        ("${header [ \"X-Foo\" ] ~ '}'}", "a}b}"),
        ("${from.user | replace('+', '00')}", "0049301"),
        ("${from.user | slice(1)}", "49301"),
        ("${from.user | slice(1, 3)}", "49"),
        ("${from.user | slice(-2)}", "01"),
        ("${from.user | slice(4, 2)}", ""),
        ("${from.user[1:3]}", "49"),
        ("${from.display | default('none')}", "none"),
        ("${'+' if from.user is startingwith('+') else '-'}", "+"),
        ("${from.display is not defined}", "true"),
        (
            "${from.display | lower}${to.user | slice(1)}${to.user | trim}",
            "",
        ),
        ("${to.user | replace('a', 'b')}${to.user ~ ''}", ""),
        ("${{'a': 'b'}['a']}", "b"),
        ("[${from.display}${to.user}${trunk.name}]", "[]"),
        ("${from.user ~ from.host}", "+49301a.example"),
    ] {
        assert_eq!(rendered(template), text, "{template}");
    }
}

#[test]
fn what_cannot_exist_is_an_error_when_loaded() {
    for template in [
        "a $1",
        "$0${from.user}",
        "${",
        "${}",
        "${from.user",
        "${from.}",
        "${contact['user']}",
        "${status}",
        "${$1}",
        "${map}",
        "${map.x}",
        "${from.user + fro.user}",
        "${from.user.x}",
        "${from['user']}",
        "${header}",
        "${header.x}",
        "${header[from.user]}",
        "${header[\"a b\"]}",
        "${x}",
        "${range(3)}",
        "${from.user | nothing}",
        "${from.user is nothing}",
        "${from.user from.host}",
        "${map.x['y']}",
        "a\nb",
    ] {
        let error = match Template::parse(template) {
            Ok(parsed) => panic!("{template} is {parsed:?}"),
            Err(error) => error,
        };
        assert!(
            !error.to_string().is_empty() && !error.hint().is_empty(),
            "{template}"
        );
    }
    assert_eq!(Template::parse("${").unwrap_err(), TemplateError::Unclosed);
}
