//! `sgsim check`: validates a scenario and prints what it understood.

use std::io::Write;
use std::path::PathBuf;

use crate::policy::Scenario;
use crate::report;

use super::{Error, ExitStatus, load, output};

/// Validate a scenario and print what was understood.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario file (YAML or JSON).
    #[arg(value_name = "FILE")]
    scenario: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let loaded = Scenario::load(&args.scenario);
    load::report_findings(&loaded);
    let scenario = loaded.scenario.ok_or(Error::Scenario)?;
    let mut out = output::stdout();
    report::check::write(&mut out, &scenario)?;
    out.flush()?;
    Ok(ExitStatus::Done)
}
