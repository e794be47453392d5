//! The command line: one file per verb. Parses, opens files, calls the library, prints; decides nothing itself.

mod check;
mod costs;
mod explain;
mod files;
mod filters;
mod flows;
mod live;
mod load;
mod output;
mod preset;
mod record;
mod replay;
mod source;
mod synth;
mod test;
mod threads;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Which traffic would each security group allow or drop, and which rule decides?
#[derive(Debug, Parser)]
#[command(name = "sgsim", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Colour: on a terminal unless `NO_COLOR` is set, always, or never.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    color: Color,
}

const EXAMPLES: &str = "\
Examples:
  sgsim replay node.pcap -s cluster.yaml
  sgsim explain -s cluster.yaml 'tcp 192.168.0.10:40000 > 192.168.0.21:10250'
  sgsim test cluster.test.yaml
  sgsim preset show cce/tunnel --set vpc=192.168.0.0/16 --set container=10.0.0.0/16 --set master=192.168.0.8/29

Exit status: 0 done, 1 found what --fail-on names or an expectation failed, 2 could not run or could not read all of
it, 4 there was nothing to check.";

#[derive(Debug, Subcommand)]
enum Verb {
    Replay(replay::Args),
    Explain(explain::Args),
    Check(check::Args),
    Synth(Box<synth::Args>),
    Load(costs::Args),
    Test(test::Args),
    Record(record::Args),
    #[command(subcommand)]
    Preset(preset::Verb),
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// The scenario that every judging verb needs.
#[derive(Debug, clap::Args)]
struct ScenarioArgs {
    /// Scenario file: groups, rules, interfaces (YAML or JSON).
    #[arg(short = 's', long = "scenario", value_name = "FILE", help_heading = "Input")]
    scenario: PathBuf,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// It ran, and nothing was found that was asked to fail on.
    Done,
    /// It ran, and found what it was asked to fail on.
    Found,
    /// It could not run, or could not read all of its input.
    Failed,
    /// There was nothing to check.
    Nothing,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Found => 1,
            ExitStatus::Failed => 2,
            ExitStatus::Nothing => 4,
        })
    }
}

/// What keeps a command from its work.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// Findings about the scenario were printed already.
    #[error("the scenario has errors")]
    Scenario,
    /// Findings about the workload were printed already.
    #[error("the workload has errors")]
    Workload,
    /// Findings about a filter set were printed already.
    #[error("the filter set has errors")]
    Filters,
    /// Anything that one line tells.
    #[error("{0}")]
    Message(String),
    /// Writing failed; a closed pipe is no mistake.
    #[error("failed to write: {0}")]
    Write(#[from] std::io::Error),
}

impl Cli {
    /// Runs the command and says how it ended.
    pub fn run(self) -> ExitStatus {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let result = match self.verb {
            Verb::Replay(args) => replay::run(&args),
            Verb::Explain(args) => explain::run(&args),
            Verb::Check(args) => check::run(&args),
            Verb::Synth(args) => synth::run(&args),
            Verb::Load(args) => costs::run(&args),
            Verb::Test(args) => test::run(&args),
            Verb::Record(args) => record::run(&args),
            Verb::Preset(verb) => preset::run(&verb),
        };
        match result {
            Ok(status) => status,
            // Whoever reads has seen enough.
            Err(Error::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitStatus::Done,
            Err(Error::Scenario | Error::Workload | Error::Filters) => ExitStatus::Failed,
            Err(error) => {
                output::complain(&error);
                ExitStatus::Failed
            }
        }
    }
}
