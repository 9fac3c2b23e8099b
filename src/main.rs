//! The `sbc` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    sbc::run_cli(std::env::args_os())
}
