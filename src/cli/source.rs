//! Where packets come from: captures as one timeline, or flows written on the command line.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::capture::{
    CaptureError, CaptureReader, Folder, LinkType, Repetition, Sink, Timeline, TunnelPorts, decode_layers,
};
use crate::compile::{Compiled, Matcher};
use crate::packet::{Flow, Layer, Timestamp};
use crate::pipeline::{self, Captures, Outcome, Read};
use crate::policy::{Policy, Scenario};
use crate::replay::{Batch, Judged, Observer, Out, Replay};
use crate::report::{CaptureSummary, UnsupportedLink, plural};
use crate::synth::{Edges, Plan, Segment, Stream};

use super::logs::Logs;
use super::workload::{self, Making};
use super::{Error, live, output};

/// What errors call the capture that `-` stands for.
const STDIN: &str = "standard input";

/// The workload that is made from the rules themselves.
const EDGES: &str = "edges";
/// Most packets of it.
const MOST_EDGES: usize = 1_000_000;

/// The fewest connections that are kept unless the user says otherwise: of small captures, and of input of unknown length. They need
/// some 200 MB.
const FEWEST_CONNECTIONS: u32 = 1 << 20;
/// Above it, one connection for so many bytes of capture: the records of the shortest packets have some 60, a connection
/// needs some 120.
const BYTES_PER_CONNECTION: u64 = 160;

/// What to judge.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Source {
    /// Captures (pcap or pcapng, also .gz, .zst, .lz4; folders of them; `-` is standard input), one timeline in order
    /// of time; or flow logs (AWS, Huawei Cloud, Azure, Zeek conn.log, CSV).
    #[arg(
        value_name = "CAPTURE",
        required_unless_present_any = ["flows", "synth"],
        conflicts_with_all = ["flows", "synth"],
        help_heading = "Input"
    )]
    pub captures: Vec<PathBuf>,
    /// Judge a packet once that the captures show more than once: on several interfaces, at several hosts, mirrored.
    #[arg(long, conflicts_with_all = ["flows", "synth"], help_heading = "Input")]
    pub dedup: bool,
    /// Judge what tunnels carry too (VXLAN, VXLAN-GPE, Geneve, GRE, NVGRE, ERSPAN, IP in IP), as traffic of its own; what a
    /// dropped packet carries is dropped with it.
    #[arg(long, conflicts_with = "flows", help_heading = "Input")]
    pub inner: bool,
    /// Take UDP to this port for VXLAN too, beside 4789 and 8472; may be given several times.
    #[arg(long, value_name = "PORT", requires = "inner", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    pub vxlan_port: Vec<u16>,
    /// Judge a written flow instead of a capture: 'tcp 192.168.0.10:40000 > 192.168.0.21:10250'.
    #[arg(long = "flow", value_name = "FLOW", help_heading = "Input")]
    pub flows: Vec<Flow>,
    /// Judge the traffic of a workload as it is made, with no capture between: a file, the name of a built-in one
    /// (`sgsim synth --list`), or `edges`: every boundary of every rule.
    #[arg(long, value_name = "WORKLOAD", conflicts_with = "flows", help_heading = "Input")]
    pub synth: Option<String>,
    #[command(flatten)]
    pub making: Making,
}

/// Packets on their way into a replay.
pub(super) enum Packets {
    Captures {
        timeline: Box<Timeline>,
        summaries: Vec<CaptureSummary>,
        inner: VecDeque<(u64, Layer)>,
    },
    /// Flows that were written or logged, with what was read of their logs, and what went wrong.
    Flows {
        flows: std::vec::IntoIter<(Flow, Timestamp)>,
        number: u64,
        summaries: Vec<CaptureSummary>,
        errors: Vec<String>,
    },
}

impl Source {
    /// Where tunnels are to be opened.
    pub(super) fn tunnels(&self) -> Option<TunnelPorts> {
        self.inner.then(|| TunnelPorts::new(&self.vxlan_port))
    }

    /// Opens the captures. Those that cannot be read are told at the end, with the packets of the others.
    pub(super) fn open(&self) -> Result<Packets, Error> {
        if self.captures.is_empty() {
            return Ok(Packets::of_flows(self.written()));
        }
        let captures = unfolded(&self.captures)?;
        if let Some(logs) = Logs::among(&captures)? {
            let flows = logs.openings().into_iter();
            return Ok(Packets::Flows { flows, number: 0, summaries: logs.summaries, errors: logs.errors });
        }
        let timeline = match &captures[..] {
            [one] if is_stdin(one) => {
                let reader = CaptureReader::new(STDIN, live::StandardInput::open());
                let reader = reader.map(|reader| Timeline::of_with(reader, self.tunnels()));
                reader.map_err(|error| Error::Message(format!("failed to {error}")))?
            }
            several if several.iter().any(|path| is_stdin(path)) => {
                return Err(Error::Message(
                    "standard input '-' cannot be merged with other captures".to_owned(),
                ));
            }
            several => Timeline::open_with(several, self.tunnels()),
        };
        let name = |path: &PathBuf| {
            let name = if is_stdin(path) { STDIN.to_owned() } else { path.display().to_string() };
            CaptureSummary { name, ..CaptureSummary::default() }
        };
        let summaries = captures.iter().map(name).collect();
        let timeline = if self.dedup { timeline.once() } else { timeline };
        Ok(Packets::Captures { timeline: Box::new(timeline), summaries, inner: VecDeque::new() })
    }
}

/// What a whole replay reads.
pub(super) enum Whole {
    Captures(Captures, Vec<PathBuf>),
    /// Packet by packet, as they come.
    Live(Packets),
    Flows(Vec<(Flow, Timestamp)>, Reading),
    /// A workload, what the report calls it, and where its tunnels are to be opened.
    Made(Box<Plan>, String, Option<TunnelPorts>),
    /// The boundaries of the rules, and where tunnels are to be opened.
    Edges(Option<TunnelPorts>),
}

/// What was read of each capture, what went wrong, and how often packets were shown again.
#[derive(Default)]
pub(super) struct Reading {
    pub captures: Vec<CaptureSummary>,
    pub errors: Vec<String>,
    pub repetition: Repetition,
}

impl Source {
    /// Every file that may be read, those of a folder and the one behind standard input included.
    pub(super) fn all_inputs(&self) -> Vec<PathBuf> {
        let mut inputs = Vec::new();
        for path in &self.captures {
            if is_stdin(path) {
                inputs.push(PathBuf::from("/dev/stdin"));
            } else if let Ok(entries) = std::fs::read_dir(path) {
                inputs.extend(entries.flatten().map(|entry| entry.path()));
            } else {
                inputs.push(path.clone());
            }
        }
        inputs
    }

    /// The flows of the command line; they have no time.
    fn written(&self) -> Vec<(Flow, Timestamp)> {
        self.flows.iter().map(|&flow| (flow, Timestamp(0))).collect()
    }

    /// The captures, with those that are in a folder in its place.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, Error> {
        unfolded(&self.captures)
    }

    /// Opens everything for a whole replay of this scenario.
    pub(super) fn open_all(&self, scenario: &Scenario, block_size: usize) -> Result<Whole, Error> {
        if self.synth.as_deref() == Some(EDGES) {
            return Ok(Whole::Edges(self.tunnels()));
        }
        if let Some(name) = &self.synth {
            let plan = workload::plan(name, scenario, &self.making)?;
            let called = format!("workload {name}, seed {}", plan.seed);
            return Ok(Whole::Made(Box::new(plan), called, self.tunnels()));
        }
        if self.captures.is_empty() {
            return Ok(Whole::Flows(self.written(), Reading::default()));
        }
        if self.captures.iter().any(|path| is_stdin(path)) {
            return self.open().map(Whole::Live);
        }
        let files = self.files()?;
        if let Some(logs) = Logs::among(&files)? {
            let flows = logs.openings();
            let reading = Reading { captures: logs.summaries, errors: logs.errors, ..Reading::default() };
            return Ok(Whole::Flows(flows, reading));
        }
        Ok(Whole::Captures(Captures::open(&files, block_size, self.dedup, self.tunnels()), files))
    }
}

impl Whole {
    /// A replay as this input needs it: written flows open their connections, so nothing was there before them.
    pub(super) fn prepare<'p, M: Matcher>(&self, replay: Replay<'p, M>) -> Replay<'p, M> {
        match self {
            Self::Captures(..) | Self::Live(_) => replay,
            Self::Flows(..) | Self::Made(..) | Self::Edges(_) => replay.without_past(),
        }
    }

    /// How many connections are kept unless the user says otherwise: of a flood of the shortest packets so many that they need
    /// little more memory than the captures have bytes; of any other capture far more than there are.
    pub(super) fn most_connections(&self) -> u32 {
        let bytes = match self {
            Self::Captures(_, files) => {
                files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
            }
            Self::Live(_) => 0,
            Self::Flows(..) | Self::Made(..) | Self::Edges(_) => u64::MAX,
        };
        let most = u32::try_from(bytes / BYTES_PER_CONNECTION).unwrap_or(u32::MAX);
        most.clamp(FEWEST_CONNECTIONS, Replay::<Compiled<'_>>::MOST_CONNECTIONS)
    }

    /// Judges everything.
    pub(super) fn judge<M: Matcher>(
        self,
        policy: &Policy,
        replay: &mut Replay<'_, M>,
        mut out: Option<&mut Out<'_>>,
    ) -> Reading {
        match self {
            Self::Captures(captures, files) => {
                let progress = live::Progress::start();
                reading(captures.judge(replay, out, progress.count()), &files)
            }
            Self::Live(packets) => judge_live(packets, policy, replay, out),
            Self::Flows(flows, reading) => {
                let mut wanted = true;
                for (number, (flow, time)) in (1..).zip(flows) {
                    replay.push(number, flow.packet(time), &mut (), &mut |judged| {
                        if let (Some(out), true) = (&mut out, wanted) {
                            wanted = out(judged).is_continue();
                        }
                    });
                }
                reading
            }
            Self::Made(plan, name, tunnels) => judge_made(&plan, name, tunnels.as_ref(), replay, out),
            Self::Edges(tunnels) => judge_edges(policy, tunnels.as_ref(), replay, out),
        }
    }

    /// The workload, where there is one.
    pub(super) const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Made(plan, ..) => Some(plan),
            _ => None,
        }
    }
}

/// A packet that was made, and what is inside of it, found as it is in a capture. `bytes` is used again and again.
fn opened(segment: &Segment, ports: &TunnelPorts, bytes: &mut Vec<u8>) -> Vec<Layer> {
    bytes.clear();
    segment.write(bytes);
    decode_layers(LinkType::ETHERNET, segment.time, bytes, segment.length(), ports)
}

/// Judges packets on all boundaries of the rules.
fn judge_edges<M: Matcher>(
    policy: &Policy,
    tunnels: Option<&TunnelPorts>,
    replay: &mut Replay<'_, M>,
    out: Option<&mut Out<'_>>,
) -> Reading {
    let (mut packets, mut bytes) = (Vec::new(), Vec::new());
    let mut frames = 0;
    let tried = Edges::new(policy).for_each(&mut |segment| {
        match tunnels {
            Some(ports) => packets.extend(opened(&segment, ports, &mut bytes)),
            None => packets.push(Layer::outer(segment.packet())),
        }
        frames += 1;
        if frames < MOST_EDGES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if tried.is_break() {
        output::remark(&format_args!("only the first {MOST_EDGES} packets on boundaries are tried"));
    }
    let progress = live::Progress::start();
    let mut rest = &packets[..];
    let next = |batch: &mut Batch| {
        let [_, behind @ ..] = rest else { return false };
        let inside = behind.iter().take_while(|layer| layer.is_inner()).count();
        let (frame, later) = rest.split_at(1 + inside);
        batch.layers(frame);
        rest = later;
        true
    };
    let read = pipeline::judge_made(next, replay, out, progress.count());
    let Read { frames, first, last, .. } = read;
    let name = "boundaries of the rules".to_owned();
    let summary = CaptureSummary { name, frames, first, last, ..CaptureSummary::default() };
    Reading { captures: vec![summary], ..Reading::default() }
}

/// Judges a workload as it is made.
fn judge_made<M: Matcher>(
    plan: &Plan,
    name: String,
    tunnels: Option<&TunnelPorts>,
    replay: &mut Replay<'_, M>,
    out: Option<&mut Out<'_>>,
) -> Reading {
    let progress = live::Progress::start();
    let mut stream = Stream::new(plan);
    let mut bytes = Vec::new();
    let next = |batch: &mut Batch| {
        let Some(segment) = stream.next() else { return false };
        match tunnels {
            Some(ports) => batch.layers(&opened(&segment, ports, &mut bytes)),
            None => batch.packet(segment.packet()),
        }
        true
    };
    let Read { frames, first, last, .. } = pipeline::judge_made(next, replay, out, progress.count());
    let error = stream.error().map(ToString::to_string);
    let errors = error.iter().cloned().collect();
    let summary = CaptureSummary { name, frames, first, last, error, ..CaptureSummary::default() };
    Reading { captures: vec![summary], errors, repetition: Repetition::default() }
}

fn reading(outcome: Outcome, files: &[PathBuf]) -> Reading {
    let Outcome { reads, errors, repetition } = outcome;
    let told = |error: &CaptureError| format!("failed to {error}");
    let summary = |(path, read): (&PathBuf, Read)| {
        let name = path.display().to_string();
        let links = read.unsupported.into_iter();
        let unsupported = links.map(|(link, frames)| UnsupportedLink { link_type: link.0, frames }).collect();
        let error = errors.iter().find(|error| error.name() == name).map(told);
        let Read { frames, first, last, .. } = read;
        CaptureSummary { name, frames, first, last, unsupported, error }
    };
    let captures = files.iter().zip(reads).map(summary).collect();
    Reading { captures, errors: errors.iter().map(told).collect(), repetition }
}

/// Judges packets one by one, as they come, and tells meanwhile how it stands.
fn judge_live<M: Matcher>(
    mut packets: Packets,
    policy: &Policy,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
) -> Reading {
    let mut ticker = live::Ticker::start();
    let (mut judged, mut wanted): (Vec<Judged>, bool) = (Vec::new(), true);
    loop {
        let more = packets.judge_next(replay, &mut (), &mut |frame| judged.push(frame)).is_some();
        if !more {
            replay.finish(&mut |frame| judged.push(frame));
        }
        for frame in judged.drain(..) {
            ticker.note(&frame, replay.connections(), policy);
            if let (Some(out), true) = (&mut out, wanted) {
                wanted = out(frame).is_continue();
            }
        }
        if !more || !wanted {
            break;
        }
    }
    drop(ticker);
    let repetition = packets.repetition();
    let (captures, errors) = packets.finish();
    Reading { captures, errors, repetition }
}

/// The captures, with those that are in a folder in its place.
fn unfolded(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut captures = Vec::new();
    for path in paths {
        if !path.is_dir() {
            captures.push(path.clone());
            continue;
        }
        let failed = |error: CaptureError| Error::Message(format!("failed to {error}"));
        let folder = Folder::open(path).map_err(failed)?;
        let (name, others) = (path.display(), folder.others);
        if folder.captures.is_empty() {
            let others = plural(others as u64, "other file");
            return Err(Error::Message(format!("there is no capture in {name} ({others})")));
        }
        match others {
            0 => {}
            1 => output::remark(&format_args!("{name}: 1 file that is no capture is left out")),
            _ => output::remark(&format_args!("{name}: {others} files that are no captures are left out")),
        }
        captures.extend(folder.captures);
    }
    Ok(captures)
}

impl Packets {
    /// Flows without a log.
    pub(super) fn of_flows(flows: Vec<(Flow, Timestamp)>) -> Self {
        Self::Flows { flows: flows.into_iter(), number: 0, summaries: vec![], errors: vec![] }
    }

    /// A replay as these packets need it: written flows open their connections, so nothing was there before them.
    pub(super) fn prepare<'p, M: Matcher>(&self, replay: Replay<'p, M>) -> Replay<'p, M> {
        match self {
            Self::Captures { .. } => replay,
            Self::Flows { .. } => replay.without_past(),
        }
    }

    /// The next packet with its frame number: a frame, then what was opened of it.
    pub(super) fn next(&mut self) -> Option<(u64, Layer)> {
        match self {
            Self::Flows { flows, number, .. } => {
                let (flow, time) = flows.next()?;
                *number += 1;
                Some((*number, Layer::outer(flow.packet(time))))
            }
            Self::Captures { timeline, summaries, inner } => {
                if let Some(next) = inner.pop_front() {
                    return Some(next);
                }
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
                inner.extend(next.layers().map(|layer| (next.number, layer)));
                inner.pop_front()
            }
        }
    }

    /// Whether the next packet comes from the inside of the one before.
    pub(super) fn has_inner(&self) -> bool {
        matches!(self, Self::Captures { inner, .. } if !inner.is_empty())
    }

    /// Judges the next packet; `None` when there is none left.
    pub(super) fn judge_next<M: Matcher>(
        &mut self,
        replay: &mut Replay<'_, M>,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) -> Option<u64> {
        let (number, layer) = self.next()?;
        replay.push_layer(number, &layer, observer, out);
        Some(number)
    }

    /// How often the captures showed a packet again.
    pub(super) fn repetition(&self) -> Repetition {
        match self {
            Self::Captures { timeline, .. } => timeline.repetition(),
            Self::Flows { .. } => Repetition::default(),
        }
    }

    /// What was read of each capture, and what went wrong.
    pub(super) fn finish(self) -> (Vec<CaptureSummary>, Vec<String>) {
        let (timeline, mut summaries) = match self {
            Self::Captures { timeline, summaries, .. } => (timeline, summaries),
            Self::Flows { summaries, errors, .. } => return (summaries, errors),
        };
        // Ctrl-C cuts a live capture where it stands: that is its end, not an error.
        let ended = live::was_interrupted();
        let errors: Vec<_> = timeline.errors().iter().filter(|error| !(ended && error.is_cut())).collect();
        let told = |error: &CaptureError| format!("failed to {error}");
        for error in &errors {
            // The same capture may be given twice.
            let is_its =
                |summary: &&mut CaptureSummary| summary.name == error.name() && summary.error.is_none();
            if let Some(summary) = summaries.iter_mut().find(is_its) {
                summary.error = Some(told(error));
            }
        }
        (summaries, errors.into_iter().map(told).collect())
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn count_unsupported(links: &mut Vec<UnsupportedLink>, link_type: u32) {
    match links.iter_mut().find(|link| link.link_type == link_type) {
        Some(link) => link.frames += 1,
        None => links.push(UnsupportedLink { link_type, frames: 1 }),
    }
}
