//! INFO: its body is opaque, and offers nothing (RFC 6086 §4, RFC 6337 §2.2).

use crate::world::{INSIDE, World, border, each_network, secs, to_bob};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, End, NodeId, Placed};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.66\r\ns=-\r\nc=IN IP4 192.0.2.66\r\nt=0 0\r\n\
                   m=audio 30000 RTP/AVP 0\r\n";
const PARTS: &str = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n\
                     Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.66\r\n\
                     s=-\r\nt=0 0\r\n--b--\r\n";
const PLAIN_PARTS: &str = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(200))
}

fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let heard = world.sim.phone(phone).calls()[0].messages().iter();
    let found = heard.filter(|heard| heard.what == what).last();
    let none = || panic!("no {what}\n{}", world.sim.ladder());
    &found.unwrap_or_else(none).message
}

fn heard(world: &World, phone: NodeId) -> Vec<&str> {
    world.sim.phone(phone).calls()[0].heard()
}

#[test]
fn sdp_in_an_info_is_refused_and_the_call_goes_on() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, other) = world.pairs()[side];
            for (kind, body) in [
                ("application/sdp", SDP),
                ("multipart/mixed;boundary=b", PARTS),
                ("multipart/mixed;boundary=another", PARTS),
            ] {
                world.sim.act(one, 0, Act::Body("INFO", kind, body));
                world.sim.run_for(secs(20));
                let refusal = last(&world, one, "415 INFO");
                let accept = refusal.header(&HeaderName::Accept);
                assert_eq!(accept, Some("application/sdp;q=0, */*"));
                assert!(!heard(&world, other).contains(&"INFO"));
                assert!(world.hears(one, other) && world.hears(other, one));
            }
            let plain = Act::Body("INFO", "multipart/mixed;boundary=b", PLAIN_PARTS);
            world.sim.act(one, 0, plain);
            world.sim.run_for(secs(20));
            assert_eq!(last(&world, other, "INFO").body(), PLAIN_PARTS);
            last(&world, one, "200 INFO");
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn an_info_package_crosses_with_all_that_describes_it() {
    let describing = [
        (HeaderName::InfoPackage, "Info-Package", "foo"),
        (HeaderName::RecvInfo, "Recv-Info", "bar"),
        (
            HeaderName::ContentDisposition,
            "Content-Disposition",
            "Info-Package",
        ),
        (HeaderName::ContentEncoding, "Content-Encoding", "gzip"),
        (HeaderName::ContentLanguage, "Content-Language", "de"),
        (HeaderName::MimeVersion, "MIME-Version", "1.0"),
    ];
    each_network(|run| {
        for side in 0..2 {
            // Of strangers, too.
            let mut world = run.with(border().otherwise(to_bob())).up(call());
            let (one, other) = world.pairs()[side];
            for (_, name, value) in &describing {
                let line = format!("{name}: {value}");
                world.sim.phone_mut(one).saying_next(&line);
            }
            let act = Act::Body("INFO", "application/foo", "abc");
            world.sim.act(one, 0, act);
            world.sim.run_for(secs(20));
            let info = last(&world, other, "INFO");
            for (name, _, value) in &describing {
                assert_eq!(info.header(name), Some(*value));
            }
            assert_eq!(
                info.header(&HeaderName::ContentType),
                Some("application/foo")
            );
            assert_eq!(info.body(), "abc");
            world.sim.finish();
        }
    });
}
