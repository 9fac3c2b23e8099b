//! What attackers write: refused without panic, without network, without growth.

use crate::limits;
use crate::metadata::{ReadError, read};

fn refused(document: &str) -> ReadError {
    read(document.as_bytes()).expect_err("the document was read")
}

#[test]
fn document_types_are_refused() {
    for attack in [
        "<!DOCTYPE r><recording/>",
        "<!DOCTYPE r []><recording/>",
        "<!doctype recording><recording/>",
        "<?xml version='1.0'?><!DOCTYPE r SYSTEM 'file:///etc/passwd'><recording/>",
        "<!DOCTYPE r PUBLIC '-//X' 'http://127.0.0.1/x.dtd'><recording/>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><recording>&x;</recording>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM 'http://127.0.0.1:1/'>]><recording>&x;</recording>",
        "<!DOCTYPE r [<!ENTITY % p SYSTEM 'http://127.0.0.1/p.dtd'> %p;]><recording/>",
        "<!DOCTYPE r [<!ENTITY x PUBLIC 'a' 'file:///dev/random'>]><recording>&x;</recording>",
        "<!DOCTYPE r [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><recording>&b;</recording>",
        "<!DOCTYPE r [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><recording>&a;</recording>",
        "<!DOCTYPE r [<!ELEMENT r ANY>]><recording/>",
        "<!DOCTYPE r [<!ATTLIST recording x CDATA 'y'>]><recording/>",
        "<!DOCTYPE r [<!NOTATION n SYSTEM 'x'>]><recording/>",
        "\u{feff}<!DOCTYPE r><recording/>",
        " \r\n<!DOCTYPE r><recording/>",
        "<recording/><!DOCTYPE r>",
        "<recording><!DOCTYPE r></recording>",
    ] {
        assert_eq!(refused(attack), ReadError::DocType, "{attack}");
    }
}

#[test]
fn entities_that_xml_does_not_define_are_refused() {
    assert_eq!(refused("<recording>&xxe;</recording>"), ReadError::Entity);
    assert_eq!(refused("<recording>&nbsp;</recording>"), ReadError::Entity);
    assert_eq!(refused("<recording>&%p;</recording>"), ReadError::Entity);
    for attack in [
        "<recording a='&xxe;'/>",
        "<recording a='&nbsp;'/>",
        "<recording>&#xD800;</recording>",
        "<recording>&#x110000;</recording>",
        "<recording>&#99999999999999999999;</recording>",
        "<recording>&#0;</recording>",
        "<recording>&#x;</recording>",
    ] {
        assert!(matches!(refused(attack), ReadError::Xml(_)), "{attack}");
    }
}

#[test]
fn documents_that_are_not_well_formed_are_refused() {
    for attack in [
        "",
        " ",
        "<",
        "<recording",
        "<recording>",
        "<recording><session>",
        "<recording></session>",
        "</recording>",
        "<recording/><recording/>",
        "<recording/>text",
        "text<recording/>",
        "<recording a='1' a='2'/>",
        "<recording a=1/>",
        "<recording a='1/>",
        "<recording><![CDATA[</recording>",
        "<recording><!-- </recording>",
        "<recording><?pi </recording>",
        "<html/>",
        "<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'/>",
        "{\"json\": true}",
        "\0",
        "\u{fffe}<\0r\0/\0>",
    ] {
        refused(attack);
    }
}

#[test]
fn depth_size_elements_and_attributes_are_bounded_at_the_limit() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!(
            "<recording>{}{}</recording>",
            "<a>".repeat(inner),
            "</a>".repeat(inner)
        )
    };
    assert!(read(nested(limits::XML_DEPTH).as_bytes()).is_ok());
    assert!(matches!(
        refused(&nested(limits::XML_DEPTH + 1)),
        ReadError::Limit(_)
    ));

    let sized = |bytes: usize| format!("<recording>{}</recording>", "x".repeat(bytes - 23));
    assert!(read(sized(limits::XML_BYTES).as_bytes()).is_ok());
    assert!(matches!(
        refused(&sized(limits::XML_BYTES + 1)),
        ReadError::Limit(_)
    ));

    let wide = |elements: usize| format!("<recording>{}</recording>", "<a/>".repeat(elements - 1));
    assert!(read(wide(limits::XML_ELEMENTS).as_bytes()).is_ok());
    assert!(matches!(
        refused(&wide(limits::XML_ELEMENTS + 1)),
        ReadError::Limit(_)
    ));

    let attributes = |count: usize| {
        let list: String = (0..count).map(|n| format!(" a{n}='x'")).collect();
        format!("<recording{list}/>")
    };
    assert!(read(attributes(limits::XML_ATTRIBUTES).as_bytes()).is_ok());
    let over = attributes(limits::XML_ATTRIBUTES + 1);
    assert!(matches!(refused(&over), ReadError::Limit(_)));
}

#[test]
fn complaints_about_one_document_are_bounded() {
    let document = format!("<recording>{}</recording>", "<stream/>".repeat(1_000));
    let reading = read(document.as_bytes()).unwrap();
    assert_eq!(reading.complaints.len(), limits::COMPLAINTS);
}
