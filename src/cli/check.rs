//! `sgsim check`: validates a scenario and prints what it understood.

use std::io::Write;
use std::path::PathBuf;

use crate::policy::Scenario;
use crate::report;

use super::{BesideArgs, Error, ExitStatus, load, output};

/// Validate a scenario and print what was understood.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios (YAML or JSON) and exports of clouds, Terraform and Kubernetes, together.
    #[arg(value_name = "FILE", required = true)]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let loaded = Scenario::load_all(&args.beside.inputs(&args.scenarios));
    load::report_findings(&loaded);
    let scenario = loaded.scenario.ok_or(Error::Scenario)?;
    let mut out = output::stdout();
    report::check::write(&mut out, &scenario)?;
    out.flush()?;
    Ok(ExitStatus::Done)
}
