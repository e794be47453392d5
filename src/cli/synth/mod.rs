//! `sgsim synth`: makes traffic, and rule sets to try it on.

mod capture;
mod edges;
mod rules;
mod trace;

use super::{Error, ExitStatus};

/// Make traffic: a workload as a capture or as flow records; or rule sets and traces for them.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(flatten)]
    capture: capture::Args,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Rules(rules::Args),
    Trace(trace::Args),
    Edges(edges::Args),
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    match &args.verb {
        None => capture::run(&args.capture),
        Some(Verb::Rules(args)) => rules::run(args),
        Some(Verb::Trace(args)) => trace::run(args),
        Some(Verb::Edges(args)) => edges::run(args),
    }
}
