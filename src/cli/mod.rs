//! The command line: one file per verb. Parses, opens files, calls the library, prints; decides nothing itself.

mod check;
mod convert;
mod costs;
mod explain;
mod files;
mod filters;
mod flows;
mod live;
mod load;
mod logs;
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

use crate::policy::Inputs;

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
  sgsim replay node.pcap -s sg.json -s ports.json
  sgsim replay flow.log -s sg.json -s ports.json --against-log
  sgsim explain -s cluster.yaml 'tcp 192.168.0.10:40000 > 192.168.0.21:10250'
  sgsim test cluster.test.yaml
  sgsim preset show cce/tunnel --set vpc=192.168.0.0/16 --set container=10.0.0.0/16 --set master=192.168.0.8/29

Exit status: 0 done, 1 found what --fail-on names, an expectation failed or a log tells otherwise, 2 could not run or
could not read all of it, 4 there was nothing to check.";

#[derive(Debug, Subcommand)]
enum Verb {
    Replay(replay::Args),
    Explain(explain::Args),
    Check(check::Args),
    Synth(Box<synth::Args>),
    Load(costs::Args),
    Test(test::Args),
    Record(record::Args),
    Convert(convert::Args),
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
    /// Scenarios (YAML or JSON) and exports of clouds, Terraform and Kubernetes: groups, rules, who is attached. Of
    /// several a later one counts over an earlier one.
    #[arg(short = 's', long = "scenario", value_name = "FILE", required = true, help_heading = "Input")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
}

/// What is said beside the files of a scenario.
#[derive(Debug, clap::Args)]
struct BesideArgs {
    /// Bind a group to addresses that no file attaches: node=192.168.0.21,192.168.0.22.
    #[arg(long, value_name = "GROUP=IP,...", help_heading = "Input")]
    attach: Vec<String>,
    /// Take groups that were exported through Huawei's v1 or v2.0 API, which shows deny rules as allow rules, to have no
    /// deny rules.
    #[arg(long, help_heading = "Input")]
    trust_allow: bool,
}

impl BesideArgs {
    fn inputs(&self, files: &[PathBuf]) -> Inputs {
        Inputs { files: files.to_vec(), attach: self.attach.clone(), trust_allow: self.trust_allow }
    }
}

impl ScenarioArgs {
    /// The files as a person would name them.
    fn name(&self) -> String {
        load::names(&self.scenarios)
    }

    /// The options that give the same scenario again.
    fn again(&self) -> String {
        let files = self.scenarios.iter().map(|path| format!("-s {}", path.display()));
        let attach = self.beside.attach.iter().map(|attach| format!("--attach {attach}"));
        let trust = self.beside.trust_allow.then(|| "--trust-allow".to_owned());
        files.chain(attach).chain(trust).collect::<Vec<_>>().join(" ")
    }
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
            Verb::Convert(args) => convert::run(&args),
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
