//! The machines whose tables a chaos run is to cover.

use sbc_core::testing::{Never, Table, tables::TABLES};

/// Those of `sbc_core`, and the recording session.
pub(super) fn all() -> Vec<&'static Table> {
    let mut all = TABLES.to_vec();
    all.push(&RECORDING_SESSION);
    all
}

const STATES: &[&str] = &["`Idle`", "`Dialling`", "`Recording`", "`Done`"];
const INPUTS: &[&str] = &[
    "`Answered`",
    "`Answered`, no stream or no port",
    "`Changed`",
    "`Ended`",
    "provisional above 100",
    "refusal",
    "a transport that failed",
    "timeout",
    "our deadline",
    "2xx that takes a stream",
    "2xx that takes nothing",
    "ended by the peer",
];

const RECORDING_SESSION: Table = Table {
    machine: "recording session",
    states: STATES,
    inputs: INPUTS,
    never: &[
        Never {
            states: &["`Done`"],
            inputs: INPUTS,
            why: "the call tells nothing to one that has said Finished",
        },
        Never {
            states: &["`Idle`"],
            inputs: &[
                "`Changed`",
                "provisional above 100",
                "refusal",
                "a transport that failed",
                "timeout",
                "our deadline",
                "2xx that takes a stream",
                "2xx that takes nothing",
                "ended by the peer",
            ],
            why: "it has no leg, and what a call tells first is that it was answered",
        },
        Never {
            states: &["`Dialling`"],
            inputs: &[
                "`Answered`",
                "`Answered`, no stream or no port",
                "ended by the peer",
            ],
            why: "a call is answered once, and no dialog ends before its 2xx",
        },
        Never {
            states: &["`Dialling`"],
            inputs: &["timeout"],
            why: "our deadline comes within siprec's FAILOVER_TIME, 10 s; Timer B is 32 s",
        },
        Never {
            states: &["`Recording`"],
            inputs: &[
                "`Answered`",
                "`Answered`, no stream or no port",
                "provisional above 100",
                "refusal",
                "a transport that failed",
                "timeout",
                "our deadline",
                "2xx that takes a stream",
                "2xx that takes nothing",
            ],
            why: "a call is answered once; its INVITE has its final response",
        },
    ],
    source: include_str!("../../../siprec/src/client/session.rs"),
    words: &[
        (
            "failure",
            &[
                "refusal",
                "a transport that failed",
                "timeout",
                "our deadline",
            ],
        ),
        ("another server may be tried", &[]),
        ("none may be tried", &[]),
        ("anything", &[]),
    ],
};

#[test]
fn the_table_of_the_recording_session_says_what_its_module_doc_says() {
    assert_eq!(RECORDING_SESSION.drift(), Vec::<String>::new());
}
