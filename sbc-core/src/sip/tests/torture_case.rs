//! A file of `tests/torture`, as the parser's tests and those of the whole daemon read it.
//!
//! It is `key: value` lines, a line `---`, and the message. Its line ends are written as LF and
//! read as CRLF; `\xHH` is a byte, `\\` a backslash, `\` before a line end takes both away,
//! `\{N*c}` stands for N times the byte c. Lines that start with `#` say what the file shows.
//!
//! | key | value |
//! |---|---|
//! | `datagram` | `ok`, or the defects, `;` between them, or `error` and the `ParseError` |
//! | `stream` | the same for the message on a stream; left out where it is as the datagram |
//! | `reply` | what the daemon does: a status, `none`, or `call` where it reaches the callee |
//! | the name of a view, see `view` in `torture` | what it gives; `-` for nothing |
//! | `header NAME` | the value |
//!
//! `reply` is left out where it is 200 to a request that is `ok`, 400 to one that has defects, and
//! nothing to a response or an error.

use std::path::Path;

/// One file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) expect: Vec<(String, String)>,
    pub(crate) wire: Vec<u8>,
}

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a file of text");
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let (head, message) = text
            .split_once("\n---\n")
            .unwrap_or_else(|| panic!("{name}: no line ---"));
        let expect = head
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(|line| {
                let (key, value) = line
                    .split_once(": ")
                    .unwrap_or_else(|| panic!("{name}: not `key: value`: {line}"));
                (key.to_owned(), value.to_owned())
            })
            .collect();
        Self {
            wire: wire(message),
            name,
            expect,
        }
    }

    pub(crate) fn expected(&self, key: &str) -> Option<&str> {
        let found = self.expect.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

fn wire(message: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = message.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\\' => match bytes.next() {
                Some(b'x') => {
                    let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                    out.push(u8::from_str_radix(&hex, 16).expect("a byte"));
                }
                Some(b'\n') => {}
                Some(b'{') => {
                    let inside: String = bytes
                        .by_ref()
                        .map(char::from)
                        .take_while(|c| *c != '}')
                        .collect();
                    let (count, byte) = inside.split_once('*').expect("\\{N*c}");
                    out.extend(byte.repeat(count.parse().expect("a number")).bytes());
                }
                Some(b'\\') => out.push(b'\\'),
                other => panic!("unknown escape {other:?}"),
            },
            byte => out.push(byte),
        }
    }
    out
}
