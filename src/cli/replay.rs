//! `sgsim replay`: which traffic would each group allow or drop, and which rule decides.

use std::io::Write;

use crate::compile::Linear;
use crate::replay::{InOrder, Judged, Replay, Tally};
use crate::report::{self, Options, Results, Show};

use super::source::Source;
use super::{Error, ExitStatus, ScenarioArgs, load, output};

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
    let mut packets = args.source.open()?;
    let mut replay = packets.prepare(Replay::new(policy, &matcher));
    let mut tally = Tally::new(policy);
    let mut judged = Vec::new();
    let mut order = InOrder::default();
    while packets.judge_next(&mut replay, &mut (), &mut |frame| judged.push(frame)).is_some() {
        settle(&mut judged, &mut order, &replay, &mut tally);
    }
    replay.finish(&mut |frame| judged.push(frame));
    settle(&mut judged, &mut order, &replay, &mut tally);
    tally.finish(policy, &matcher, replay.connections());
    let (captures, errors) = packets.finish();
    let results = Results {
        scenario: &args.scenario.scenario.display().to_string(),
        policy,
        matcher: &matcher,
        tally: &tally,
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
}

fn settle(
    judged: &mut Vec<Judged>,
    _order: &mut InOrder,
    replay: &Replay<'_, Linear<'_>>,
    tally: &mut Tally,
) {
    for frame in judged.drain(..) {
        tally.add(&frame, replay.connections());
    }
}
