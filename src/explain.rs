//! `sbc explain` and `sbc test`: what becomes of a request, and why; and whether that is what was
//! expected.

use crate::cli::{complain, exit, load, say};
use crate::registry::Modules;
use clap::Args;
use policies::explain::{self, Case, Sample};
use policies::{Compiled, Loaded};
use sbc_core::net::ListenerId;
use sbc_core::sip::Message;
use sbc_core::{Clock, Entropy, SystemClock};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Decides among targets that share calls by weight: the same each time, so that two explanations
/// can be compared.
const SEED: u64 = 1;

/// A request and where it arrives.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The configuration.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/sbc/sbc.yaml")]
    config: PathBuf,
    /// The listener that the request arrives at.
    #[arg(long, value_name = "NAME")]
    listener: String,
    /// Where it comes from.
    #[arg(long, value_name = "IP:PORT")]
    source: SocketAddr,
    /// A file with the request, `-` for standard input; lines may end with LF. Without it: a sample
    /// INVITE.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ruri", "from", "to"])]
    message: Option<PathBuf>,
    /// The Request-URI of the sample; user 100 at the listener where not given.
    #[arg(long, value_name = "URI")]
    ruri: Option<String>,
    /// From of the sample; user `caller` at the source where not given.
    #[arg(long, value_name = "URI")]
    from: Option<String>,
    /// To of the sample; its Request-URI where not given.
    #[arg(long, value_name = "URI")]
    to: Option<String>,
    /// Prints the explanation as JSON.
    #[arg(long)]
    json: bool,
}

/// Explains; the code that the program ends with.
pub(crate) fn run(args: &ExplainArgs) -> u8 {
    let compiled = match load(Loaded::from_path(&args.config), &Modules::default()) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    let listener = match explain::listener(&compiled.network, &args.listener, args.source.ip()) {
        Ok(listener) => listener,
        Err(why) => {
            complain(&format!("sbc explain: {why}"));
            return exit::USAGE;
        }
    };
    match request(args, &compiled, listener) {
        Ok((message, defects)) => {
            show(args, &compiled, listener, message, &defects);
            exit::OK
        }
        Err(why) => {
            complain(&format!("sbc explain: {why}"));
            exit::USAGE
        }
    }
}

/// The request, and what is wrong with it.
fn request(
    args: &ExplainArgs,
    compiled: &Compiled,
    listener: ListenerId,
) -> Result<(Message, Vec<String>), String> {
    let Some(path) = &args.message else {
        let sample = Sample {
            ruri: args.ruri.clone(),
            from: args.from.clone(),
            to: args.to.clone(),
            headers: Vec::new(),
        };
        let text = sample.invite(&compiled.network, listener, args.source);
        let message = Message::parse_datagram(text.clone()).map_err(|e| e.to_string())?;
        let defects = explain::defects(&message, &text);
        return Ok((message, defects));
    };
    let file = bytes_of(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let message = explain::read(&file).map_err(|why| format!("{}: {why}", path.display()))?;
    let defects = explain::defects(&message, &file);
    Ok((message, defects))
}

/// A file, no more of it than a message may have; one byte beyond shows that there is more.
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let most = sbc_core::limits::DATAGRAM_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?
            .take(most)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn show(
    args: &ExplainArgs,
    compiled: &Compiled,
    listener: ListenerId,
    message: Message,
    defects: &[String],
) {
    let mut explanation = compiled.engine.explain(Case {
        incoming: explain::incoming(&compiled.network, listener, args.source, message),
        now: SystemClock::start().now(),
        entropy: Entropy::from_seed(SEED),
        verdicts: None,
    });
    explanation.request.defects = defects.to_vec();
    if args.json {
        match serde_json::to_string_pretty(&explanation) {
            Ok(json) => say(&json),
            Err(error) => complain(&format!("sbc explain: {error}")),
        }
        return;
    }
    if args.message.is_none() {
        say("A sample INVITE, made here (--message FILE explains one of yours):\n");
    }
    say(explanation.to_string().trim_end());
}

/// A configuration with its cases.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The configuration.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/sbc/sbc.yaml")]
    config: PathBuf,
    /// Prints the results as JSON.
    #[arg(long)]
    json: bool,
}

/// `sbc test`: runs the cases of a configuration; the code that the program ends with.
pub(crate) fn test(args: &TestArgs) -> u8 {
    let compiled = match load(Loaded::from_path(&args.config), &Modules::default()) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    let tested = compiled.test(SystemClock::start().now());
    let failed = tested
        .iter()
        .filter(|case| !case.failures.is_empty())
        .count();
    if args.json {
        let json = serde_json::json!({
            "file": args.config.display().to_string(),
            "cases": tested.len(),
            "failed": failed,
            "results": tested,
        });
        say(&json.to_string());
    } else {
        for case in &tested {
            say(&case.to_string());
        }
        say(&match (tested.len(), failed) {
            (0, _) => "no cases: the configuration has no `tests`".to_owned(),
            (1, 0) => "the one case passed".to_owned(),
            (all, 0) => format!("all {all} cases passed"),
            (all, failed) => format!("{failed} of {all} cases failed"),
        });
    }
    if failed == 0 { exit::OK } else { exit::FAILED }
}
