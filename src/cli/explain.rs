//! `sgsim explain`: why a flow or a frame gets its verdict.

use std::io::Write;
use std::path::PathBuf;

use crate::analyze::{Explanation, Recorder};
use crate::compile::{Compiled, Linear};
use crate::packet::Flow;
use crate::policy::Policy;
use crate::replay::{Judged, Reason, Replay};
use crate::report;

use super::source::{Packets, Source};
use super::{Error, ExitStatus, ScenarioArgs, load, output};

/// Show why a flow or a frame gets its verdict: state, deciding rule, near misses.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Flows such as 'tcp 192.168.0.10:40000 > 192.168.0.21:10250', or captures with --frame.
    #[arg(required_unless_present = "engine", value_name = "FLOW|CAPTURE", help_heading = "Input")]
    subjects: Vec<String>,
    /// Number of the frame in the captures, as Wireshark counts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Input")]
    frame: Option<u64>,
    /// Show what the rules were compiled into: strategy, classes, tables, bytes.
    #[arg(long, conflicts_with_all = ["subjects", "frame"], help_heading = "Output")]
    engine: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let scenario = load::scenario(&args.scenario)?;
    if args.engine {
        let mut out = output::stdout();
        report::engine::write(&mut out, &scenario.policy, &Compiled::new(&scenario.policy).report())?;
        out.flush()?;
        return Ok(ExitStatus::Done);
    }
    match args.frame {
        Some(frame) => of_capture(&scenario.policy, &args.subjects, frame),
        None => of_flows(&scenario.policy, &args.subjects),
    }
}

fn of_capture(policy: &Policy, captures: &[String], frame: u64) -> Result<ExitStatus, Error> {
    let captures = captures.iter().map(PathBuf::from).collect();
    let mut packets = Source { captures, ..Source::default() }.open()?;
    let explanation = explain_frame(policy, &mut packets, frame);
    let (summaries, errors) = packets.finish();
    for error in &errors {
        output::complain(error);
    }
    let Some(explanation) = explanation else {
        let frames: u64 = summaries.iter().map(|summary| summary.frames).sum();
        return Err(Error::Message(format!("there is no frame {frame}: {frames} frames could be read")));
    };
    let mut out = output::stdout();
    report::explain::write(&mut out, policy, &explanation, report::explain::Subject::Frame)?;
    out.flush()?;
    let undecoded = summaries.iter().flat_map(|summary| &summary.unsupported).next();
    if let (Reason::NotIp, Some(link)) = (explanation.judged.judgement.reason, undecoded) {
        output::complain(&format_args!(
            "link type {} is not supported, its frames are not decoded",
            link.link_type
        ));
        return Ok(ExitStatus::Failed);
    }
    Ok(if errors.is_empty() { ExitStatus::Done } else { ExitStatus::Failed })
}

fn of_flows(policy: &Policy, flows: &[String]) -> Result<ExitStatus, Error> {
    let read = |text: &String| text.parse::<Flow>().map_err(|error| no_flow(text, &error));
    let flows: Vec<Flow> = flows.iter().map(read).collect::<Result<_, _>>()?;
    let mut out = output::stdout();
    for (index, flow) in flows.into_iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        // Each on its own: what one flow opens does not let another pass.
        let mut packets = Packets::Flows(vec![flow].into_iter(), 0);
        if let Some(explanation) = explain_frame(policy, &mut packets, 1) {
            report::explain::write(&mut out, policy, &explanation, report::explain::Subject::Flow)?;
        }
    }
    out.flush()?;
    Ok(ExitStatus::Done)
}

/// A text that is no flow may be meant as a capture.
fn no_flow(text: &str, error: &impl std::fmt::Display) -> Error {
    if !text.contains('>') && PathBuf::from(text).exists() {
        return Error::Message(format!(
            "{text} is a file: say with --frame N which of its frames to explain"
        ));
    }
    Error::Message(error.to_string())
}

/// Judges packets up to the one wanted (and on, while it is a fragment that waits), and explains that.
fn explain_frame(policy: &Policy, packets: &mut Packets, wanted: u64) -> Option<Explanation> {
    let matcher = Linear::new(policy);
    let mut replay = packets.prepare(Replay::new(policy, &matcher));
    let mut recorder = Recorder::default();
    loop {
        recorder.clear();
        let mut found: Option<Judged> = None;
        let mut out = |judged: Judged| {
            if judged.frame == wanted {
                found = Some(judged);
            }
        };
        let more = packets.judge_next(&mut replay, &mut recorder, &mut out);
        if more.is_none() {
            replay.finish(&mut out);
        }
        if let Some(judged) = found {
            return Some(Explanation::new(policy, judged, &recorder));
        }
        more?;
    }
}
