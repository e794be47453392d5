//! Where packets come from: captures as one timeline, or flows written on the command line.

use std::path::PathBuf;

use crate::capture::{CaptureError, CaptureReader, Timeline};
use crate::compile::Matcher;
use crate::packet::{Flow, Packet, Timestamp};
use crate::pipeline::{Captures, Read};
use crate::replay::{Judged, Observer, Out, Replay};
use crate::report::{CaptureSummary, UnsupportedLink};

use super::Error;

/// What errors call the capture that `-` stands for.
const STDIN: &str = "standard input";

/// What to judge.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Source {
    /// Captures (pcap or pcapng; `-` is standard input), one timeline in order of time.
    #[arg(value_name = "CAPTURE", conflicts_with = "flows", help_heading = "Input")]
    pub captures: Vec<PathBuf>,
    /// Judge a written flow instead of a capture: 'tcp 192.168.0.10:40000 > 192.168.0.21:10250'.
    #[arg(long = "flow", value_name = "FLOW", help_heading = "Input")]
    pub flows: Vec<Flow>,
}

/// Packets on their way into a replay.
pub(super) enum Packets {
    Captures { timeline: Box<Timeline>, summaries: Vec<CaptureSummary> },
    Flows(std::vec::IntoIter<Flow>, u64),
}

impl Source {
    /// Opens the captures. Those that cannot be read are told at the end, with the packets of the others.
    pub(super) fn open(&self) -> Result<Packets, Error> {
        if self.captures.is_empty() {
            return Ok(Packets::Flows(self.flows.clone().into_iter(), 0));
        }
        let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
        let timeline = match &self.captures[..] {
            [one] if is_stdin(one) => {
                let reader = CaptureReader::new(STDIN, std::io::stdin());
                reader.map(Timeline::of).map_err(|error| Error::Message(format!("failed to {error}")))?
            }
            several if several.iter().any(is_stdin) => {
                return Err(Error::Message(
                    "standard input '-' cannot be merged with other captures".to_owned(),
                ));
            }
            several => Timeline::open(several),
        };
        let name = |path: &PathBuf| {
            let name = if is_stdin(path) { STDIN.to_owned() } else { path.display().to_string() };
            CaptureSummary { name, ..CaptureSummary::default() }
        };
        let summaries = self.captures.iter().map(name).collect();
        Ok(Packets::Captures { timeline: Box::new(timeline), summaries })
    }
}

/// What a whole replay reads.
pub(super) enum Whole {
    Captures(Captures),
    Flows(Vec<Flow>),
}

impl Source {
    /// Opens everything for a whole replay.
    pub(super) fn open_all(&self, block_size: usize) -> Result<Whole, Error> {
        Ok(match &self.captures[..] {
            [] => Whole::Flows(self.flows.clone()),
            [one] if one.as_os_str() == "-" => {
                let reader = CaptureReader::new(STDIN, std::io::stdin());
                let reader = reader.map_err(|error| Error::Message(format!("failed to {error}")))?;
                Whole::Captures(Captures::of(reader))
            }
            several if several.iter().any(|path| path.as_os_str() == "-") => {
                return Err(Error::Message(
                    "standard input '-' cannot be merged with other captures".to_owned(),
                ));
            }
            several => Whole::Captures(Captures::open(several, block_size)),
        })
    }
}

impl Whole {
    /// A replay as this input needs it: written flows open their connections, so nothing was there before them.
    pub(super) fn prepare<'p, M: Matcher>(&self, replay: Replay<'p, M>) -> Replay<'p, M> {
        match self {
            Self::Captures(_) => replay,
            Self::Flows(_) => replay.without_past(),
        }
    }

    /// Judges everything; says what was read of each capture, and what went wrong.
    pub(super) fn judge<M: Matcher>(
        self,
        source: &Source,
        replay: &mut Replay<'_, M>,
        mut out: Option<&mut Out<'_>>,
    ) -> (Vec<CaptureSummary>, Vec<String>) {
        match self {
            Self::Captures(captures) => {
                let (reads, errors) = captures.judge(replay, out);
                let summary = |(path, read): (&PathBuf, Read)| {
                    let is_stdin = path.as_os_str() == "-";
                    let name = if is_stdin { STDIN.to_owned() } else { path.display().to_string() };
                    let links = read.unsupported.into_iter();
                    let unsupported =
                        links.map(|(link, frames)| UnsupportedLink { link_type: link.0, frames }).collect();
                    let Read { frames, first, last, .. } = read;
                    CaptureSummary { name, frames, first, last, unsupported, error: None }
                };
                let mut summaries: Vec<_> = source.captures.iter().zip(reads).map(summary).collect();
                tell_errors(&mut summaries, &errors);
                (summaries, errors.iter().map(told).collect())
            }
            Self::Flows(flows) => {
                for (number, flow) in (1..).zip(flows) {
                    replay.push(number, flow.packet(Timestamp(0)), &mut (), &mut |judged| {
                        if let Some(out) = &mut out {
                            // As few as were typed: not worth stopping for.
                            let _ = out(judged);
                        }
                    });
                }
                (vec![], vec![])
            }
        }
    }
}

impl Packets {
    /// A replay as these packets need it: written flows open their connections, so nothing was there before them.
    pub(super) fn prepare<'p, M: Matcher>(&self, replay: Replay<'p, M>) -> Replay<'p, M> {
        match self {
            Self::Captures { .. } => replay,
            Self::Flows(..) => replay.without_past(),
        }
    }

    /// The next packet with its frame number.
    pub(super) fn next(&mut self) -> Option<(u64, Packet)> {
        match self {
            Self::Flows(flows, number) => {
                let flow = flows.next()?;
                *number += 1;
                Some((*number, flow.packet(Timestamp(0))))
            }
            Self::Captures { timeline, summaries } => {
                let next = timeline.next()?;
                let packet = next.frame.packet;
                if let Some(summary) = summaries.get_mut(next.source) {
                    summary.frames += 1;
                    summary.first = Some(summary.first.map_or(packet.time, |first| first.min(packet.time)));
                    summary.last = Some(summary.last.map_or(packet.time, |last| last.max(packet.time)));
                    if !next.frame.link.is_supported() {
                        count_unsupported(&mut summary.unsupported, next.frame.link.0);
                    }
                }
                Some((next.number, packet))
            }
        }
    }

    /// Judges the next packet; `None` when there is none left.
    pub(super) fn judge_next<M: Matcher>(
        &mut self,
        replay: &mut Replay<'_, M>,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) -> Option<u64> {
        let (number, packet) = self.next()?;
        replay.push(number, packet, observer, out);
        Some(number)
    }

    /// What was read of each capture, and what went wrong.
    pub(super) fn finish(self) -> (Vec<CaptureSummary>, Vec<String>) {
        let Self::Captures { timeline, mut summaries } = self else { return (vec![], vec![]) };
        tell_errors(&mut summaries, timeline.errors());
        (summaries, timeline.errors().iter().map(told).collect())
    }
}

fn count_unsupported(links: &mut Vec<UnsupportedLink>, link_type: u32) {
    match links.iter_mut().find(|link| link.link_type == link_type) {
        Some(link) => link.frames += 1,
        None => links.push(UnsupportedLink { link_type, frames: 1 }),
    }
}

fn told(error: &CaptureError) -> String {
    format!("failed to {error}")
}

/// Writes errors into the summaries of their captures. The same capture may be given twice.
fn tell_errors(summaries: &mut [CaptureSummary], errors: &[CaptureError]) {
    for error in errors {
        let is_its = |summary: &&mut CaptureSummary| summary.name == error.name() && summary.error.is_none();
        if let Some(summary) = summaries.iter_mut().find(is_its) {
            summary.error = Some(told(error));
        }
    }
}
