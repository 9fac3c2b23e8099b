//! Whole SBCs between phones that share no machine with them, in virtual time, over a network that
//! misbehaves by seed. One file for each feature; `chaos` draws calls at random. Most flows run
//! over five kinds of network (`world::each_network`), with `SBC_FLOW_SEEDS` seeds each.

mod agreement;
mod basic;
mod cancel;
mod chain;
mod chaos;
mod codecs;
mod explain;
mod forking;
mod glare;
mod hold;
mod in_dialog;
mod info;
mod ipv6;
mod late_offer;
mod limits;
mod lost;
mod media;
mod nat;
mod negotiation;
mod offers;
mod owed;
mod paths;
mod quota;
mod quota_reload;
mod recorder;
mod redirect;
mod refusal;
mod replies;
mod smuggled;
mod spiral;
mod strangers;
mod swap;
mod targets;
mod tcp;
mod transparent;
mod udp_to_tcp;
mod world;
