//! `sgsim explain`: why a flow or a frame gets its verdict.

use std::io::Write;
use std::path::PathBuf;

use crate::analyze::{Explanation, Recorder};
use crate::compile::Linear;
use crate::packet::Flow;
use crate::policy::Policy;
use crate::replay::{Judged, Replay};
use crate::report;

use super::source::{Packets, Source};
use super::{Error, ExitStatus, ScenarioArgs, load, output};

/// Show why a flow or a frame gets its verdict: state, deciding rule, near misses.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Flows such as 'tcp 192.168.0.10:40000 > 192.168.0.21:10250', or captures with --frame.
    #[arg(required = true, value_name = "FLOW|CAPTURE", help_heading = "Input")]
    subjects: Vec<String>,
    /// Number of the frame in the captures, as Wireshark counts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Input")]
    frame: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let scenario = load::scenario(&args.scenario)?;
    let policy = &scenario.policy;
    let mut out = output::stdout();
    match args.frame {
        Some(frame) => {
            let captures = args.subjects.iter().map(PathBuf::from).collect();
            let mut packets = Source { captures, flows: vec![] }.open()?;
            let explanation = explain_frame(policy, &mut packets, frame);
            let (summaries, errors) = packets.finish();
            if let Some(explanation) = &explanation {
                report::explain::write(&mut out, policy, explanation)?;
                out.flush()?;
            }
            for error in &errors {
                output::complain(error);
            }
            match (explanation, errors.is_empty()) {
                (Some(_), true) => Ok(ExitStatus::Done),
                (Some(_), false) => Ok(ExitStatus::Failed),
                (None, _) => {
                    let frames: u64 = summaries.iter().map(|summary| summary.frames).sum();
                    Err(Error::Message(format!("there is no frame {frame}: {frames} frames could be read")))
                }
            }
        }
        None => {
            let read = |text: &String| text.parse::<Flow>().map_err(|error| no_flow(text, &error));
            let flows: Vec<Flow> = args.subjects.iter().map(read).collect::<Result<_, _>>()?;
            let count = flows.len();
            let mut packets = Packets::Flows(flows.into_iter(), 0);
            for number in 1..=count as u64 {
                if number > 1 {
                    writeln!(out)?;
                }
                if let Some(explanation) = explain_frame(policy, &mut packets, number) {
                    report::explain::write(&mut out, policy, &explanation)?;
                }
            }
            out.flush()?;
            Ok(ExitStatus::Done)
        }
    }
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
