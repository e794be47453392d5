//! `sgsim explain`: why a flow or a frame gets its verdict.

use std::io::Write;
use std::path::PathBuf;

use crate::analyze::{Explanation, Recorder};
use crate::compile::{Compiled, Linear};
use crate::packet::{Flow, Timestamp};
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
    /// Explain what tunnels carry in the frame too.
    #[arg(long, requires = "frame", help_heading = "Input")]
    inner: bool,
    /// Take UDP to this port for VXLAN too, beside 4789 and 8472; may be given several times.
    #[arg(long, value_name = "PORT", requires = "inner", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    vxlan_port: Vec<u16>,
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
        Some(frame) => of_capture(&scenario.policy, args, frame),
        None => of_flows(&scenario.policy, &args.subjects),
    }
}

fn of_capture(policy: &Policy, args: &Args, frame: u64) -> Result<ExitStatus, Error> {
    let captures = args.subjects.iter().map(PathBuf::from).collect();
    let (inner, vxlan_port) = (args.inner, args.vxlan_port.clone());
    let mut packets = Source { captures, inner, vxlan_port, ..Source::default() }.open()?;
    let explanations = explain_frame(policy, &mut packets, frame);
    let (summaries, errors) = packets.finish();
    for error in &errors {
        output::complain(error);
    }
    let Some(outer) = explanations.first() else {
        let frames: u64 = summaries.iter().map(|summary| summary.frames).sum();
        return Err(Error::Message(format!("there is no frame {frame}: {frames} frames could be read")));
    };
    let mut out = output::stdout();
    for (number, explanation) in explanations.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        report::explain::write(&mut out, policy, explanation, report::explain::Subject::Frame)?;
    }
    out.flush()?;
    let undecoded = summaries.iter().flat_map(|summary| &summary.unsupported).next();
    if let (Reason::NotIp, Some(link)) = (outer.judged.judgement.reason, undecoded) {
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
        let mut packets = Packets::of_flows(vec![(flow, Timestamp(0))]);
        for explanation in explain_frame(policy, &mut packets, 1) {
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

/// Judges packets up to the frame wanted (and on, while it holds a fragment that waits), and explains its packets, outermost
/// first.
fn explain_frame(policy: &Policy, packets: &mut Packets, wanted: u64) -> Vec<Explanation> {
    let matcher = Linear::new(policy);
    let mut replay = packets.prepare(Replay::new(policy, &matcher));
    let mut recorder = Recorder::default();
    let mut explanations: Vec<Explanation> = vec![];
    // Packets of the frame that have no verdict yet.
    let (mut waiting, mut seen) = (0, false);
    loop {
        recorder.clear();
        let mut found: Vec<Judged> = vec![];
        let mut out = |judged: Judged| {
            if judged.frame == wanted {
                found.push(judged);
            }
        };
        let next = packets.judge_next(&mut replay, &mut recorder, &mut out);
        if next.is_none() {
            replay.finish(&mut out);
        }
        if next == Some(wanted) {
            (waiting, seen) = (waiting + 1, true);
        }
        waiting -= found.len();
        explanations.extend(found.into_iter().map(|judged| Explanation::new(policy, judged, &recorder)));
        if next.is_none() || (seen && waiting == 0 && !packets.has_inner()) {
            explanations.sort_by_key(|explanation| explanation.judged.sequence);
            return explanations;
        }
    }
}
