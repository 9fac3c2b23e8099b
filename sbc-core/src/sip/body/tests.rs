use super::*;

fn parse(content_type: &str, body: &str) -> Result<Vec<Part>, MultipartError> {
    parse_multipart(content_type, &Bytes::copy_from_slice(body.as_bytes()))
}

fn bodies(content_type: &str, body: &str) -> Vec<String> {
    parse(content_type, body)
        .unwrap()
        .into_iter()
        .map(|part| String::from_utf8(part.body.to_vec()).unwrap())
        .collect()
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    let mut writer = MultipartWriter::new("b1".to_owned());
    writer.part("application/sdp", None, b"v=0\r\n");
    writer.part(
        "application/rs-metadata+xml",
        Some("recording-session"),
        b"--b\r\n\0\xff",
    );
    writer.part("text/plain\r\nX: y", Some("render\n"), b"");
    let (content_type, body) = writer.finish();
    assert_eq!(content_type, "multipart/mixed;boundary=b1");
    let parts = parse_multipart(&content_type, &body).unwrap();
    assert_eq!(parts.len(), 3);
    assert!(parts[0].is("application/sdp"));
    assert_eq!(parts[0].disposition, Disposition::Session);
    assert_eq!(&parts[0].body[..], b"v=0\r\n");
    assert_eq!(parts[1].disposition, Disposition::RecordingSession);
    assert_eq!(&parts[1].body[..], b"--b\r\n\0\xff");
    assert_eq!(&*parts[2].content_type, "text/plain  X: y");
    assert_eq!(parts[2].disposition, Disposition::Other);
    assert!(parts[2].body.is_empty());
}

#[test]
fn preamble_epilogue_blanks_and_bare_line_feeds_are_read_over() {
    let body = "preamble\r\n--x y \t\r\nContent-Type: a/b\n\none\n--x y\n\ntwo\r\n\
        --x y--  \r\nepilogue\r\n--x y\r\n\r\nno part";
    let content_type = "Multipart / Mixed ; Boundary = \"x y\" ; charset=x";
    assert_eq!(bodies(content_type, body), ["one", "two"]);
}

#[test]
fn a_line_that_only_starts_like_the_boundary_is_content() {
    let body = "--b\r\n\r\n--bc\r\n --b\r\n--b-\r\n\r\n--b--x\r\n--b--\r\n";
    assert_eq!(
        bodies("multipart/mixed;boundary=b", body),
        ["--bc\r\n --b\r\n--b-\r\n\r\n--b--x"]
    );
}

#[test]
fn parts_without_headers_or_without_empty_line_are_read() {
    let parts = parse(
        "multipart/mixed;boundary=b",
        "--b\r\n\r\nplain\r\n--b\r\nv=0\r\no=x\r\n--b\r\nContent-Type: a/b\r\n--b\r\n--b--",
    )
    .unwrap();
    assert_eq!(parts.len(), 4);
    assert_eq!(&*parts[0].content_type, "text/plain");
    assert_eq!(&parts[1].body[..], b"v=0\r\no=x");
    assert!(parts[2].is("A/B") && parts[2].body.is_empty());
    assert!(parts[3].body.is_empty());
}

#[test]
fn folded_headers_and_content_length_of_parts_are_understood() {
    let parts = parse(
        "multipart/mixed;boundary=b",
        "--b\r\nContent-Length: 1\r\nc:\r\n application/sdp\r\nX\r\n\
         Content-Disposition : Recording-Session ; handling=required\r\n\r\nlong\r\n--b--",
    )
    .unwrap();
    assert!(parts[0].is("application/sdp"));
    assert_eq!(parts[0].disposition, Disposition::RecordingSession);
    assert_eq!(&parts[0].body[..], b"long");
}

#[test]
fn nested_multiparts_are_flattened_in_order() {
    let body = "--o\r\n\r\n1\r\n--o\r\nContent-Type: multipart/alternative;boundary=i\r\n\r\n\
        --i\r\n\r\n2\r\n--i\r\n\r\n3\r\n--i--\r\n--o\r\n\r\n4\r\n--o--";
    assert_eq!(
        bodies("multipart/mixed;boundary=o", body),
        ["1", "2", "3", "4"]
    );
}

#[test]
fn a_body_that_is_not_multipart_is_one_part() {
    let parts = parse("application/sdp", "v=0").unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].disposition, Disposition::Session);
    assert!(parts[0].is("APPLICATION/sdp"));
    assert!(!parts[0].is("application/sd"));
}

#[test]
fn a_body_without_its_closing_boundary_keeps_its_last_part() {
    assert_eq!(
        bodies("multipart/mixed;boundary=b", "--b\r\n\r\none\r\n"),
        ["one\r\n"]
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    let why = |content_type: &str, body: &str| parse(content_type, body).unwrap_err().0;
    assert_eq!(why("multipart/mixed", "--b"), "no boundary");
    assert_eq!(why("multipart/mixed;boundary=", "--"), "no boundary");
    let long = format!("multipart/mixed;boundary={}", "b".repeat(71));
    assert_eq!(why(&long, ""), "no boundary");
    let missing = "the boundary does not appear";
    assert_eq!(why("multipart/mixed;boundary=b", "x"), missing);
    assert_eq!(why("multipart/mixed;boundary=b", "--b--"), missing);
}

#[test]
fn parts_and_nesting_are_bounded_at_the_limit() {
    let parts = |count: usize| {
        let body = "--b\r\n\r\nx\r\n".repeat(count) + "--b--";
        parse("multipart/mixed;boundary=b", &body).map(|parts| parts.len())
    };
    assert_eq!(parts(limits::BODY_PARTS), Ok(limits::BODY_PARTS));
    assert_eq!(
        parts(limits::BODY_PARTS + 1),
        Err(MultipartError("too many parts"))
    );
    let nested = |depth: usize| {
        let body = (1..=depth).rev().fold("leaf".to_owned(), |inner, level| {
            let kind = if level == depth {
                "text/plain".to_owned()
            } else {
                format!("multipart/mixed;boundary=b{}", level + 1)
            };
            format!("--b{level}\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n--b{level}--")
        });
        parse("multipart/mixed;boundary=b1", &body).map(|parts| parts.len())
    };
    assert_eq!(nested(limits::BODY_NESTING), Ok(1));
    assert_eq!(
        nested(limits::BODY_NESTING + 1),
        Err(MultipartError("nested too deep"))
    );
}
