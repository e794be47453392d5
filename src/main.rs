//! The `sgsim` command.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

fn main() -> ExitCode {
    match sgsim::cli::Cli::try_parse() {
        Ok(cli) => cli.run().into(),
        Err(error) => {
            // A closed pipe behind `--help` is no mistake.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            }
        }
    }
}
