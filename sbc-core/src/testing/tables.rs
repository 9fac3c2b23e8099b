//! The tables of this crate's machines.

use super::table::{Never, Table};

/// All of them.
pub const TABLES: [&Table; 8] = [
    &CLIENT_INVITE,
    &CLIENT_OTHER,
    &SERVER_INVITE,
    &SERVER_OTHER,
    &LEG,
    &REINVITE,
    &OFFER_ANSWER,
    &CALL,
];

const NO_TIMER: &str = "this timer does not run in this state";

/// The INVITE client transaction.
pub const CLIENT_INVITE: Table = Table {
    machine: "client INVITE",
    states: &["Calling", "Proceeding", "Completed", "Accepted"],
    inputs: &[
        "Timer A",
        "Timer B",
        "Timer D",
        "Timer M",
        "transport error",
        "1xx",
        "2xx",
        "300-699",
    ],
    never: &[
        Never {
            states: &["Proceeding", "Completed", "Accepted"],
            inputs: &["Timer A", "Timer B"],
            why: NO_TIMER,
        },
        Never {
            states: &["Calling", "Proceeding", "Accepted"],
            inputs: &["Timer D"],
            why: NO_TIMER,
        },
        Never {
            states: &["Calling", "Proceeding", "Completed"],
            inputs: &["Timer M"],
            why: NO_TIMER,
        },
    ],
    source: include_str!("../transaction/client_invite.rs"),
    words: &[("-", &[]), ("request to send", &[])],
};

/// The client transaction of other requests.
pub const CLIENT_OTHER: Table = Table {
    machine: "client other",
    states: &["Trying", "Proceeding", "Completed"],
    inputs: &[
        "Timer E",
        "Timer F",
        "Timer K",
        "transport error",
        "1xx",
        "200-699",
    ],
    never: &[
        Never {
            states: &["Completed"],
            inputs: &["Timer E", "Timer F"],
            why: NO_TIMER,
        },
        Never {
            states: &["Trying", "Proceeding"],
            inputs: &["Timer K"],
            why: NO_TIMER,
        },
    ],
    source: include_str!("../transaction/client_non_invite.rs"),
    words: &[
        ("-", &[]),
        ("request to send", &[]),
        ("any response", &["1xx", "200-699"]),
    ],
};

/// The INVITE server transaction.
pub const SERVER_INVITE: Table = Table {
    machine: "server INVITE",
    states: &["Proceeding", "Accepted", "Completed", "Confirmed"],
    inputs: &[
        "INVITE again",
        "1xx from the owner",
        "2xx from the owner",
        "300-699 from the owner",
        "ACK",
        "Timer G",
        "Timer H",
        "Timer I",
        "Timer L",
        "transport error",
    ],
    never: &[
        Never {
            states: &["Proceeding", "Accepted", "Confirmed"],
            inputs: &["Timer G", "Timer H"],
            why: NO_TIMER,
        },
        Never {
            states: &["Proceeding", "Accepted", "Completed"],
            inputs: &["Timer I"],
            why: NO_TIMER,
        },
        Never {
            states: &["Proceeding", "Completed", "Confirmed"],
            inputs: &["Timer L"],
            why: NO_TIMER,
        },
        Never {
            states: &["Completed", "Confirmed"],
            inputs: &[
                "1xx from the owner",
                "2xx from the owner",
                "300-699 from the owner",
            ],
            why: "the leg refuses an INVITE once, and is silent then",
        },
        Never {
            states: &["Accepted"],
            inputs: &["1xx from the owner", "300-699 from the owner"],
            why: "after a 2xx the leg sends no other response",
        },
    ],
    source: include_str!("../transaction/server_invite.rs"),
    words: &[
        ("-", &[]),
        ("any", &[]),
        ("INVITE", &[]),
        (
            "other from the owner",
            &["1xx from the owner", "300-699 from the owner"],
        ),
        ("any from the owner", &[]),
    ],
};

/// The server transaction of other requests.
pub const SERVER_OTHER: Table = Table {
    machine: "server other",
    states: &["Trying", "Proceeding", "Completed"],
    inputs: &[
        "request again",
        "3.5 s",
        "64 T1",
        "Timer J",
        "100 from the owner before 3.5 s, on UDP",
        "100 from the owner otherwise",
        "101-199 from the owner",
        "408 from the owner",
        "other final from the owner",
        "transport error",
    ],
    never: &[
        Never {
            states: &["Proceeding", "Completed"],
            inputs: &["3.5 s"],
            why: NO_TIMER,
        },
        Never {
            states: &["Completed"],
            inputs: &["64 T1"],
            why: NO_TIMER,
        },
        Never {
            states: &["Trying"],
            inputs: &["64 T1"],
            why: "its 3.5 s are over first: the driver would be 28 s late",
        },
        Never {
            states: &["Trying", "Proceeding"],
            inputs: &["Timer J"],
            why: NO_TIMER,
        },
        Never {
            states: &["Trying", "Proceeding", "Completed"],
            inputs: &[
                "100 from the owner before 3.5 s, on UDP",
                "100 from the owner otherwise",
                "101-199 from the owner",
            ],
            why: "a leg leaves 100 to the set and passes no other 1xx to such requests",
        },
        Never {
            states: &["Completed"],
            inputs: &["408 from the owner", "other final from the owner"],
            why: "the leg answers a request once",
        },
    ],
    source: include_str!("../transaction/server_non_invite.rs"),
    words: &[
        ("-", &[]),
        ("any", &[]),
        ("request", &[]),
        (
            "100 from the owner before 3.5 s, on UDP",
            &["100 from the owner before 3.5 s, on UDP"],
        ),
        ("any from the owner", &[]),
    ],
};

const LEG_STATES: &[&str] = &[
    "Resolving",
    "Calling",
    "Answered",
    "Incoming",
    "Unconfirmed",
    "Confirmed",
    "Closing",
    "Ended",
];

/// The leg.
pub const LEG: Table = Table {
    machine: "leg",
    states: LEG_STATES,
    inputs: &[
        "addresses",
        "no address",
        "1xx",
        "2xx",
        "300-699",
        "Timer B",
        "Timer F",
        "transport error",
        "64 T1",
        "timer",
        "2xx again",
        "2xx of another dialog",
        "final response",
        "owner's ACK",
        "owner's 1xx",
        "owner's 2xx",
        "owner's refusal",
        "hang up",
        "CANCEL",
        "ACK",
        "BYE",
        "another request",
    ],
    never: LEG_NEVER,
    source: include_str!("../ua/leg.rs"),
    words: &[
        ("hung up", &[]),
        ("in an early dialog", &[]),
        ("other forks heard of", &[]),
        ("CANCEL sent", &[]),
        ("1xx above 100", &["1xx"]),
        ("300 to 699", &["300-699"]),
        ("64 T1 without final response", &["64 T1"]),
        ("early BYE", &["BYE"]),
        ("ACK with another tag of ours, or none", &["ACK"]),
        ("timer of a re-INVITE's 2xx", &["timer"]),
        ("BYE (crossing)", &["BYE"]),
        ("anything new", &["CANCEL", "ACK", "BYE", "another request"]),
    ],
};

const LEG_NEVER: &[Never] = &[
    Never {
        states: &[
            "Calling",
            "Answered",
            "Incoming",
            "Unconfirmed",
            "Confirmed",
            "Closing",
            "Ended",
        ],
        inputs: &["addresses", "no address"],
        why: "a leg asks for addresses once, and is let go of when it ends meanwhile",
    },
    Never {
        states: &["Resolving"],
        inputs: &[
            "1xx",
            "2xx",
            "300-699",
            "Timer B",
            "Timer F",
            "transport error",
            "64 T1",
            "timer",
            "2xx again",
            "2xx of another dialog",
            "final response",
            "owner's ACK",
            "owner's 1xx",
            "owner's 2xx",
            "owner's refusal",
            "CANCEL",
            "ACK",
            "BYE",
            "another request",
        ],
        why: "nothing was sent yet: nobody has heard of the dialog",
    },
    Never {
        states: &[
            "Answered",
            "Incoming",
            "Unconfirmed",
            "Confirmed",
            "Closing",
            "Ended",
        ],
        inputs: &["2xx", "300-699", "Timer B"],
        why: "the INVITE's transaction passes up one final response, or its end",
    },
    Never {
        states: &["Answered", "Incoming", "Unconfirmed", "Confirmed", "Ended"],
        inputs: &["1xx", "transport error"],
        why: "of the INVITE or of the BYE, and neither waits",
    },
    Never {
        states: &[
            "Calling",
            "Answered",
            "Incoming",
            "Unconfirmed",
            "Confirmed",
            "Ended",
        ],
        inputs: &["final response", "Timer F"],
        why: "of the BYE, which Closing waits for",
    },
    Never {
        states: &["Calling", "Answered", "Incoming"],
        inputs: &["timer"],
        why: "no 2xx of ours waits for its ACK",
    },
    Never {
        states: &["Answered", "Incoming"],
        inputs: &["64 T1"],
        why: "neither a CANCEL nor a 2xx of ours waits",
    },
    Never {
        states: &["Calling", "Incoming", "Unconfirmed"],
        inputs: &["2xx again", "2xx of another dialog"],
        why: "no INVITE of ours was answered",
    },
    Never {
        states: &[
            "Calling",
            "Incoming",
            "Unconfirmed",
            "Confirmed",
            "Closing",
            "Ended",
        ],
        inputs: &["owner's ACK"],
        why: "the owner acknowledges what it was told of, and at once or with a late answer",
    },
    Never {
        states: &[
            "Calling",
            "Answered",
            "Unconfirmed",
            "Confirmed",
            "Closing",
            "Ended",
        ],
        inputs: &["owner's 1xx", "owner's 2xx", "owner's refusal"],
        why: "the owner answers an INVITE that waits",
    },
];

/// A re-INVITE of ours.
pub const REINVITE: Table = Table {
    machine: "re-INVITE",
    states: &["none", "Waiting", "Accepted"],
    inputs: &[
        "owner's re-INVITE",
        "1xx",
        "2xx",
        "other final response",
        "Timer B",
        "transport error",
        "64 T1 without final response",
        "owner's cancel",
        "owner's ACK",
        "the dialog ends",
    ],
    never: &[
        Never {
            states: &["Waiting", "Accepted"],
            inputs: &["owner's re-INVITE"],
            why: "the owner sends one at a time",
        },
        Never {
            states: &["none", "Accepted"],
            inputs: &[
                "1xx",
                "other final response",
                "Timer B",
                "transport error",
                "64 T1 without final response",
            ],
            why: "its transaction has passed up its final response",
        },
        Never {
            states: &["none"],
            inputs: &["owner's cancel", "owner's ACK"],
            why: "the owner knows that none is open",
        },
        Never {
            states: &["Waiting"],
            inputs: &["owner's ACK"],
            why: "the owner acknowledges the 2xx that it was told of",
        },
    ],
    source: include_str!("../ua/reoffer.rs"),
    words: &[
        ("2xx again", &["2xx"]),
        ("the leg is hung up", &[]),
        ("the dialog ended", &[]),
    ],
};

/// Offer/answer of a dialog.
pub const OFFER_ANSWER: Table = Table {
    machine: "offer/answer",
    states: &["Idle", "LocalOffer", "RemoteOffer", "Stable"],
    inputs: &[
        "we send an offer",
        "an offer arrives",
        "an answer arrives",
        "refused",
        "we send the answer",
        "what we said is said again",
        "we refuse",
    ],
    never: &[
        Never {
            states: &["LocalOffer", "RemoteOffer", "Stable"],
            inputs: &["we send an offer", "an offer arrives"],
            why: "a leg keeps the exchange of its first INVITE here: one offer, in the INVITE or \
                  the 2xx; those of re-INVITE and UPDATE are b2bua::in_dialog's",
        },
        Never {
            states: &["RemoteOffer"],
            inputs: &["an answer arrives"],
            why: "who has sent the INVITE has sent the offer, or none",
        },
        Never {
            states: &["Idle", "LocalOffer", "Stable"],
            inputs: &["we send the answer"],
            why: "only an offer is answered",
        },
        Never {
            states: &["Idle", "LocalOffer", "RemoteOffer"],
            inputs: &["what we said is said again"],
            why: "our offer goes out with the 2xx only, which is its transaction's to repeat",
        },
        Never {
            states: &["Idle", "LocalOffer", "RemoteOffer", "Stable"],
            inputs: &["refused", "we refuse"],
            why: "with the first INVITE the dialog is refused",
        },
    ],
    source: include_str!("../dialog/offer_answer.rs"),
    words: &[
        (
            "what we said is said again (18x, then 200)",
            &["what we said is said again"],
        ),
        ("another offer arrives", &["an offer arrives"]),
        ("we want to offer", &["we send an offer"]),
        ("an answer repeats (18x, then 200)", &["an answer arrives"]),
    ],
};

/// The call.
pub const CALL: Table = Table {
    machine: "call",
    states: &[
        "(new)",
        "Admitting",
        "Dialing",
        "Connected",
        "Serving",
        "Ending",
    ],
    inputs: &[
        "INVITE, plan refuses",
        "INVITE, trunk is full",
        "INVITE, plan is an app",
        "INVITE, plan has modules",
        "INVITE, plan connects",
        "verdict continue",
        "verdict refuse",
        "callee's 1xx",
        "callee's 2xx",
        "callee refuses",
        "callee's 3xx",
        "callee fails",
        "rings too long",
        "caller's CANCEL",
        "caller's ACK",
        "callee's ACK",
        "caller's BYE",
        "callee's BYE",
        "request of one side",
        "its answer",
        "CANCEL of a re-INVITE",
        "no ACK",
        "longest duration",
        "operator",
        "last transaction over",
    ],
    never: CALL_NEVER,
    source: include_str!("../b2bua/call.rs"),
    words: &[
        ("fails", &["callee fails"]),
        (
            "callee refuses, fails, rings too long",
            &["callee refuses", "callee fails", "rings too long"],
        ),
        ("callee's 3xx, where it is followed", &["callee's 3xx"]),
        ("the same with the last target, or those left are full", &[]),
        ("any before Connected", &["Admitting", "Dialing"]),
        (
            "re-INVITE, UPDATE, INFO of one side",
            &["request of one side"],
        ),
        ("BYE of either side", &["caller's BYE", "callee's BYE"]),
        ("BYE", &["caller's BYE"]),
        ("CANCEL", &["caller's CANCEL"]),
    ],
};

const CALL_NEVER: &[Never] = &[
    Never {
        states: &["(new)"],
        inputs: &[
            "verdict continue",
            "verdict refuse",
            "callee's 1xx",
            "callee's 2xx",
            "callee refuses",
            "callee's 3xx",
            "callee fails",
            "rings too long",
            "caller's CANCEL",
            "caller's ACK",
            "callee's ACK",
            "caller's BYE",
            "callee's BYE",
            "request of one side",
            "its answer",
            "CANCEL of a re-INVITE",
            "no ACK",
            "longest duration",
            "operator",
            "last transaction over",
        ],
        why: "a call begins with its INVITE",
    },
    Never {
        states: &["Admitting", "Dialing", "Connected", "Serving", "Ending"],
        inputs: &[
            "INVITE, plan refuses",
            "INVITE, trunk is full",
            "INVITE, plan is an app",
            "INVITE, plan has modules",
            "INVITE, plan connects",
        ],
        why: "a call begins with its INVITE",
    },
    Never {
        states: &["Dialing", "Connected", "Serving"],
        inputs: &["verdict continue", "verdict refuse"],
        why: "modules are asked once, before anybody is called",
    },
    Never {
        states: &["Admitting", "Connected", "Serving", "Ending"],
        inputs: &[
            "callee's 1xx",
            "callee's 2xx",
            "callee refuses",
            "callee's 3xx",
            "callee fails",
        ],
        why: "nobody is being called; a leg that was given up tells nothing of its INVITE",
    },
    Never {
        states: &["Admitting", "Connected", "Serving", "Ending"],
        inputs: &["rings too long"],
        why: NO_TIMER,
    },
    Never {
        states: &["Admitting", "Dialing", "Serving", "Ending"],
        inputs: &["longest duration"],
        why: NO_TIMER,
    },
    Never {
        states: &["Connected", "Ending"],
        inputs: &["caller's CANCEL"],
        why: "the INVITE has its final response",
    },
    Never {
        states: &["Admitting", "Dialing"],
        inputs: &["caller's ACK", "caller's BYE", "no ACK"],
        why: "there was no 2xx yet; a BYE is an early one, and counts as CANCEL",
    },
    Never {
        states: &["Admitting", "Dialing", "Serving"],
        inputs: &["callee's ACK", "callee's BYE", "its answer"],
        why: "nobody has answered us",
    },
    Never {
        states: &["Ending"],
        inputs: &["callee's BYE"],
        why: "its leg is hung up, and a BYE that crosses ours is answered by the leg",
    },
    Never {
        states: &["Admitting"],
        inputs: &["CANCEL of a re-INVITE"],
        why: "the caller's only INVITE is that which waits: its CANCEL ends the call",
    },
    Never {
        states: &["Admitting", "Dialing", "Connected", "Serving"],
        inputs: &["last transaction over"],
        why: "the caller's leg is there until the end",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_the_module_docs_say() {
        for table in TABLES {
            assert_eq!(table.drift(), Vec::<String>::new(), "{}", table.machine);
        }
    }

    #[test]
    fn a_state_or_an_input_that_only_one_of_both_names_is_drift() {
        let more = Table {
            states: &["Idle", "LocalOffer", "RemoteOffer", "Stable", "Lost"],
            ..OFFER_ANSWER
        };
        assert_eq!(more.drift(), ["the doc does not name Lost"]);
        let fewer = Table {
            words: &[],
            ..OFFER_ANSWER
        };
        assert!(
            fewer
                .drift()
                .iter()
                .any(|d| d.contains("another offer arrives"))
        );
    }
}
