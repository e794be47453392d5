//! `sgsim replay`: which traffic would each group allow or drop, and which rule decides.

use std::io::Write;

use crate::compile::Linear;
use crate::pipeline;
use crate::replay::Replay;
use crate::report::{self, Options, Results, Show};

use super::source::Source;
use super::{Error, ExitStatus, ScenarioArgs, load, output, threads};

/// Judge captured traffic: what would each group allow or drop, and which rule decides?
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// List connections of these verdicts in full: allowed, blocked, assumed, undecided, outside, all.
    #[arg(long, value_name = "VERDICT,...", default_value = "", hide_default_value = true, value_parser = show, help_heading = "Output")]
    show: Show,
    /// Add what each group allows and blocks, peer by peer.
    #[arg(long, help_heading = "Output")]
    matrix: bool,
    /// Exit with status 1 when there are connections of these verdicts.
    #[arg(long, value_name = "VERDICT,...", default_value = "", hide_default_value = true, value_parser = show, help_heading = "Output")]
    fail_on: Show,
    /// Threads to work with: all processors unless told.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    threads: Option<u16>,
    /// Bytes of a capture that are decoded as one piece; changes nothing but the speed.
    #[arg(long, hide = true, value_name = "BYTES", default_value_t = pipeline::BLOCK_SIZE)]
    block_size: usize,
}

fn show(text: &str) -> Result<Show, String> {
    if text.is_empty() {
        Ok(Show::NONE)
    } else {
        text.parse().map_err(|e: report::ParseShowError| e.to_string())
    }
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let scenario = load::scenario(&args.scenario)?;
    let policy = &scenario.policy;
    let matcher = Linear::new(policy);
    let threads = threads::pool(args.threads)?;
    threads.install(|| {
        let input = args.source.open_all(args.block_size)?;
        let mut replay = input.prepare(Replay::new(policy, &matcher));
        let (captures, errors) = input.judge(&args.source, &mut replay, None);
        let results = Results {
            scenario: &args.scenario.scenario.display().to_string(),
            policy,
            matcher: &matcher,
            tally: &replay.tally(),
            connections: replay.connections(),
            captures: &captures,
        };
        let mut out = output::stdout();
        report::text::write(&results, Options { show: args.show, matrix: args.matrix }, &mut out)?;
        out.flush()?;
        for error in &errors {
            output::complain(error);
        }
        let _ = args.fail_on;
        Ok(if errors.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
    })
}
