//! The addresses and names by which the sender of a description can be found, and the search for
//! them.

use super::Sdp;
use super::session::{attribute, connection_host};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// Every host of the `o=`, `c=`, `a=rtcp` and `a=candidate` lines.
#[derive(Debug, Default)]
pub(super) struct SenderHosts {
    addresses: BTreeSet<IpAddr>,
    /// Domain names in lower case. Names without a dot are left out: they are ordinary words.
    names: BTreeSet<String>,
}

impl SenderHosts {
    pub(super) fn of(sdp: &Sdp) -> Self {
        let mut hosts = Self::default();
        for line in sdp.all_lines() {
            match line.as_bytes()[0] {
                // o=<username> <id> <version> IN IP4 <host>; some write user names with blanks.
                b'o' => hosts.add(line.split_ascii_whitespace().skip(1).last()),
                b'c' => hosts.add(connection_host(&line[2..])),
                b'a' => hosts.add_attribute(line),
                _ => {}
            }
        }
        hosts
    }

    fn add_attribute(&mut self, line: &str) {
        match attribute(line) {
            // a=rtcp:<port> IN IP4 <host>
            Some((name, value)) if name.eq_ignore_ascii_case("rtcp") => {
                self.add(value.split_ascii_whitespace().nth(3));
            }
            // a=candidate:<foundation> <component> <transport> <priority> <host> <port> typ <type>
            // raddr <host> rport <port>
            Some((name, value)) if name.eq_ignore_ascii_case("candidate") => {
                let mut words = value.split_ascii_whitespace();
                self.add(words.nth(4));
                self.add(words.skip_while(|w| *w != "raddr").nth(1));
            }
            _ => {}
        }
    }

    fn add(&mut self, host: Option<&str>) {
        // A TTL or whatever else stands behind a slash is no part of it.
        let Some(host) = host.and_then(|host| host.split('/').next()) else {
            return;
        };
        if let Ok(address) = host.parse() {
            self.addresses.insert(address);
        } else if host.contains('.') {
            self.names.insert(host.to_ascii_lowercase());
        }
    }

    /// Whether the line names one of them, however an IPv6 address is spelled. One pass over the
    /// line: a description may hold thousands of lines and of hosts.
    pub(super) fn are_in(&self, line: &str) -> bool {
        self.has_ipv4(line) || self.has_ipv6(line) || self.has_name(line)
    }

    fn has_ipv4(&self, line: &str) -> bool {
        line.split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|word| word.trim_matches('.').parse::<Ipv4Addr>().ok())
            .any(|address| self.addresses.contains(&IpAddr::V4(address)))
    }

    /// Colons around an address blur its ends (`add:2001:db8::1:5060`): each stretch between two of
    /// them that is short enough is tried.
    fn has_ipv6(&self, line: &str) -> bool {
        const LONGEST: usize = 45;
        let is_ours = |text: &str| {
            text.trim_matches('.')
                .parse()
                .is_ok_and(|address| self.addresses.contains(&IpAddr::V6(address)))
        };
        self.addresses.iter().any(IpAddr::is_ipv6)
            && line
                .split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.')
                .any(|word| {
                    let colons = || word.match_indices(':').map(|(at, _)| at);
                    std::iter::once(0)
                        .chain(colons().flat_map(|at| [at, at + 1]))
                        .any(|start| {
                            let rest = &word[start..word.len().min(start + LONGEST + 1)];
                            is_ours(rest)
                                || rest
                                    .match_indices(':')
                                    .any(|(end, _)| is_ours(&rest[..end]) || is_ours(&rest[..=end]))
                        })
                })
    }

    fn has_name(&self, line: &str) -> bool {
        !self.names.is_empty()
            && line
                .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'))
                .map(|word| word.trim_matches('.'))
                .any(|word| self.names.contains(&word.to_ascii_lowercase()))
    }
}

/// Whether the text names any host at all: an address, or a dotted name whose last label begins
/// with a letter (`1.8.0` and `29.97` are numbers). In doubt it does.
pub(super) fn names_a_host(text: &str) -> bool {
    let ipv4 = |word: &str| word.trim_matches('.').split('.').count() >= 4;
    let ipv6 = |word: &str| {
        word.contains("::") && word.len() > 2 || word.bytes().filter(|b| *b == b':').count() >= 7
    };
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .any(ipv4)
        || text
            .split(|c: char| !c.is_ascii_hexdigit() && c != ':')
            .any(ipv6)
        || text
            .split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_'))
            .any(is_dotted_name)
}

fn is_dotted_name(word: &str) -> bool {
    let Some((start, last)) = word.trim_matches('.').rsplit_once('.') else {
        return false;
    };
    let mut letters = last.chars();
    !start.is_empty() && letters.next().is_some_and(char::is_alphabetic) && letters.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> SenderHosts {
        SenderHosts::of(&Sdp::parse(format!("v=0\n{text}").as_bytes()).unwrap())
    }

    #[test]
    fn hosts_are_taken_from_every_line_that_names_one() {
        let hosts = hosts(
            "o=- 1 1 IN IP4 PBX.example.com\nc=IN IP4 192.0.2.1/127\nm=audio 4 RTP/AVP 0\n\
             c=IN IP6 2001:DB8:0::1\na=rtcp:5 IN IP4 192.0.2.2\n\
             a=candidate:1 1 UDP 9 192.0.2.3 5 typ srflx raddr 192.0.2.4 rport 6\n",
        );
        for line in [
            "a=x:192.0.2.1",
            "X=udp/192.0.2.2:5060",
            "a=x:<192.0.2.3>",
            "a=192.0.2.4.",
            "a=x:2001:db8::1",
            "a=x:[2001:db8:0:0::1]:5060",
            "a=add:2001:db8::1:5060",
            "b=AS:64 pbx.EXAMPLE.com",
            "a=ssrc:1 cname:user@pbx.example.com",
        ] {
            assert!(hosts.are_in(line), "{line}");
        }
    }

    #[test]
    fn what_only_resembles_a_host_is_none() {
        let hosts = hosts("o=- 1 1 IN IP4 phone\nc=IN IP4 192.0.2.1\n");
        for line in [
            "a=tool:phone",
            "a=x:192.0.2.11",
            "a=x:92.0.2.1",
            "a=x:1192.0.2.1",
            "a=fmtp:101 0-16",
        ] {
            assert!(!hosts.are_in(line), "{line}");
        }
    }

    #[test]
    fn any_host_is_told_from_numbers_and_words() {
        for text in [
            "secret.example",
            "sip:bob@PBX.secret.example.;x",
            "http://m\u{fc}ller.example/",
            "x192.0.2.1:5",
            "192.000.002.001",
            "[2001:db8::1]:5060",
            "add:2001:db8:0:0:0:0:0:1",
        ] {
            assert!(names_a_host(text), "{text}");
        }
        for text in [
            "",
            "...",
            "phone",
            "29.97",
            "tool 1.8.0",
            "tool-1.8.0-rc1",
            "e.g. this",
            "12:30:45",
            "::",
            "urn:x-y:z",
        ] {
            assert!(!names_a_host(text), "{text}");
        }
    }
}
