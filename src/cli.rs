//! The command line.

use crate::ctl::{self, CallArgs, CallsArgs, DrainArgs, ReloadArgs, TrunksArgs};
use crate::daemon::{Daemon, StartError};
use crate::explain::{self, ExplainArgs, TestArgs};
use crate::registry::Modules;
use crate::reload::Origin;
use crate::{demo, logging, signals, srs};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use policies::{Compiled, Loaded};
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit codes, as in `sysexits.h`.
pub mod exit {
    /// Everything went well.
    pub const OK: u8 = 0;
    /// What was asked for did not come out right.
    pub const FAILED: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 64;
    /// The daemon does not answer.
    pub const UNAVAILABLE: u8 = 69;
    /// The operating system refused something: an address cannot be bound.
    pub const SYSTEM: u8 = 71;
    /// The configuration is wrong.
    pub const CONFIG: u8 = 78;
}

#[derive(Debug, Parser)]
#[command(
    name = "sbc",
    version,
    about = "Session Border Controller and B2BUA with SIPREC recording",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon in the foreground; logs to stderr, prints `sbc ready` when every listener is
    /// bound.
    Run(ConfigFile),
    /// Checks a configuration: everything that `run` does except binding; shows all errors at once.
    Check(CheckArgs),
    /// Explains what becomes of a request and why: the same engine as for live traffic, and nothing
    /// is sent. Subscriber numbers stand in clear.
    Explain(ExplainArgs),
    /// Runs the cases of the configuration's `tests`; nothing is sent.
    Test(TestArgs),
    /// Runs only the recording server.
    Srs(SrsArgs),
    /// Shows the main job on loopback with nothing prepared: a call, recorded, with failover.
    Demo(DemoArgs),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Lists the calls of a running daemon.
    Calls(CallsArgs),
    /// Shows or ends one call of a running daemon.
    Call(CallArgs),
    /// Makes a running daemon read its configuration again; shows what changed, or every error.
    Reload(ReloadArgs),
    /// Lists the trunks of a running daemon, with what is counted there.
    Trunks(TrunksArgs),
    /// Ends a running daemon: no new calls, running ones may end, the rest get BYE.
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/sbc/sbc.yaml")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(id = "how", required = true, multiple = true)]
struct SrsArgs {
    /// A configuration whose `srs` section is used; everything else in it is left aside.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["listen", "dir"])]
    config: Option<PathBuf>,
    /// Where SIP is taken, UDP and TCP.
    #[arg(long, value_name = "IP:PORT", requires = "dir")]
    listen: Option<SocketAddr>,
    /// Where recordings are written.
    #[arg(long, value_name = "DIR", requires = "listen")]
    dir: Option<PathBuf>,
}

/// How the demo runs.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where recordings are written; a new folder below the system's temporary one where not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Stays up after the call and prints the address of the HTTP API.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Runs the program with these arguments (the first is its name).
pub fn run_cli(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            // Nobody to tell where the terminal is gone.
            let _printed = error.print();
            return ExitCode::from(if asked { exit::OK } else { exit::USAGE });
        }
    };
    let code = match cli.command {
        Command::Run(file) => run(&file),
        Command::Check(args) => check(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => explain::test(&args),
        Command::Srs(args) => srs(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Schema => schema(),
        Command::Calls(args) => ctl::calls(&args),
        Command::Call(args) => ctl::call(&args),
        Command::Reload(args) => ctl::reload(&args),
        Command::Trunks(args) => ctl::trunks(&args),
        Command::Drain(args) => ctl::drain(&args),
    };
    ExitCode::from(code)
}

fn schema() -> u8 {
    let schema = policies::schema::json_schema(&Modules::default());
    say(&format!("{schema:#}"));
    exit::OK
}

/// Loads, compiles, prints what is wrong or odd.
pub(crate) fn load(
    loaded: Result<Loaded, policies::Errors>,
    modules: &Modules,
) -> Result<Compiled, u8> {
    match loaded.and_then(|loaded| loaded.compile(modules)) {
        Ok(compiled) => {
            for warning in &compiled.warnings {
                complain(&warning.to_string());
            }
            Ok(compiled)
        }
        Err(errors) => {
            complain(&errors.to_string());
            Err(exit::CONFIG)
        }
    }
}

fn run(file: &ConfigFile) -> u8 {
    serve_from(&file.config, Loaded::from_path)
}

/// Runs a daemon with a file that is read again for each reload.
fn serve_from(path: &Path, read: fn(&Path) -> Result<Loaded, policies::Errors>) -> u8 {
    let modules = Modules::default();
    match load(read(path), &modules) {
        Ok(compiled) => {
            let path = path.to_owned();
            let origin = Origin {
                path,
                read,
                modules: modules.clone(),
            };
            let code = serve(compiled, Some(origin));
            modules.flush();
            code
        }
        Err(code) => code,
    }
}

fn check(args: &CheckArgs) -> u8 {
    if args.json {
        return check_json(&args.file);
    }
    match load(Loaded::from_path(&args.file.config), &Modules::default()) {
        Ok(compiled) => {
            say(&format!(
                "{}: ok ({} listeners, {} trunks, {} routes)",
                args.file.config.display(),
                compiled.network.listeners.len(),
                compiled.config.trunks.len(),
                compiled.config.routes.len()
            ));
            for file in compiled.files.iter().skip(1) {
                say(&format!("  with {}", file.display()));
            }
            exit::OK
        }
        Err(code) => code,
    }
}

fn check_json(file: &ConfigFile) -> u8 {
    let loaded = Loaded::from_path(&file.config);
    let files = match &loaded {
        Ok(loaded) => loaded.files().to_vec(),
        Err(_) => vec![file.config.clone()],
    };
    let files: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
    let result = loaded.and_then(|loaded| loaded.compile(&Modules::default()));
    let problem = |problem: &policies::Problem| {
        serde_json::json!({
            "file": problem.file(),
            "line": problem.position().map(|p| p.line),
            "column": problem.position().map(|p| p.column),
            "path": problem.path(),
            "message": problem.message(),
            "hint": problem.hint(),
        })
    };
    let (ok, errors, warnings) = match &result {
        Ok(compiled) => (
            true,
            Vec::new(),
            compiled.warnings.iter().map(problem).collect(),
        ),
        Err(errors) => (false, errors.iter().map(problem).collect(), Vec::new()),
    };
    let json = serde_json::json!({
        "file": file.config.display().to_string(),
        "files": files,
        "ok": ok,
        "errors": errors,
        "warnings": warnings,
    });
    say(&json.to_string());
    if ok { exit::OK } else { exit::CONFIG }
}

fn srs(args: &SrsArgs) -> u8 {
    let loaded = match (&args.config, args.listen, &args.dir) {
        (Some(file), ..) => return serve_from(file, srs::from_config),
        (None, Some(listen), Some(dir)) => srs::from_arguments(listen, dir),
        _ => return exit::USAGE,
    };
    match load(loaded, &Modules::default()) {
        Ok(compiled) => serve(compiled, None),
        Err(code) => code,
    }
}

/// Runs a daemon until a signal ends it.
fn serve(compiled: Compiled, origin: Option<Origin>) -> u8 {
    logging::start(&compiled.config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "sbc: no threads or descriptors to run on: {error}"
            ));
            return exit::SYSTEM;
        }
    };
    let code = runtime.block_on(async {
        let signals = match signals::Signals::install() {
            Ok(signals) => signals,
            Err(error) => {
                complain(&format!("sbc: signals cannot be caught: {error}"));
                return exit::SYSTEM;
            }
        };
        let daemon = match Daemon::start_as(compiled, origin, None).await {
            Ok(daemon) => daemon,
            Err(error) => return failed_start(&error),
        };
        say("sbc ready");
        signals::notify("READY=1");
        signals::until_ended(signals, &daemon).await;
        exit::OK
    });
    runtime.shutdown_background();
    code
}

/// Says why a daemon did not start, and with which code the program ends.
pub(crate) fn failed_start(error: &StartError) -> u8 {
    complain(&format!("sbc: {error}"));
    exit::SYSTEM
}

/// A line to stdout; nobody to tell where it is closed.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line to stderr.
pub(crate) fn complain(line: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{line}");
}
