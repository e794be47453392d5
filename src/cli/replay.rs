//! `sgsim replay`: which traffic would each group allow or drop, and which rule decides.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::compile::Linear;
use crate::policy::Policy;
use crate::replay::{ConnectionVerdict, InOrder, Judged, Replay, Tally, Verdict};
use crate::report::{
    Format, Options, PacketWriter, ParseFormatError, ParseShowError, RecordFormat, Repeats, Results, Show,
};

use super::source::{Packets, Source};
use super::{Error, ExitStatus, ScenarioArgs, files, live, load, output};

/// Judge captured traffic: what would each group allow or drop, and which rule decides?
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// List connections of these verdicts in full (text and markdown; the other formats hold all): allowed, blocked, assumed, undecided, outside, all.
    #[arg(long, value_name = "VERDICT,...", value_parser = verdicts, help_heading = "Output")]
    show: Option<Show>,
    /// Add what each group allows and blocks, peer by peer.
    #[arg(long, help_heading = "Output")]
    matrix: bool,
    /// Format of the report: text, json, ndjson, csv (connections, or the matrix) or markdown (a summary).
    #[arg(long, default_value_t, value_name = "FORMAT", value_parser = format, help_heading = "Output")]
    format: Format,
    /// Write the report to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Write one record per connection: CSV to a file named .csv, else NDJSON ('-': to standard output, in place of the
    /// report).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    connections: Option<PathBuf>,
    /// Write one record per packet, likewise.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    packets: Option<PathBuf>,
    /// Exit with status 1 when there are connections of these verdicts (or packets that are undecided), with 4 when no
    /// group was asked about anything.
    #[arg(long, value_name = "VERDICT,...", value_parser = verdicts, help_heading = "Output")]
    fail_on: Option<Show>,
}

fn format(text: &str) -> Result<Format, ParseFormatError> {
    text.parse()
}

fn verdicts(text: &str) -> Result<Show, ParseShowError> {
    text.parse()
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    args.check_files()?;
    let scenario = load::scenario(&args.scenario)?;
    let policy = &scenario.policy;
    let matcher = Linear::new(policy);
    let mut packets = args.source.open()?;
    // Created before the work begins, so that a file that cannot be written is told at once.
    let mut report_file = args.output.as_deref().map(files::create_plain).transpose()?;
    let connection_file = args.connections.as_deref().map(files::create).transpose()?;
    let packet_file = match args.packets.as_deref() {
        Some(path) => {
            Some((PacketWriter::new(policy, &matcher, args.record_format(path), files::create(path)?)?, path))
        }
        None => None,
    };
    let (replay, tally) = judge_all(policy, &matcher, &mut packets, packet_file)?;
    let repeats = Repeats { seen: packets.repetition(), left_out: args.source.dedup };
    let (captures, errors) = packets.finish();
    let results = Results {
        scenario: &args.scenario.scenario.display().to_string(),
        policy,
        matcher: &matcher,
        tally: &tally,
        connections: replay.connections(),
        captures: &captures,
        repeats,
    };
    if let (Some(path), Some(mut out)) = (&args.connections, connection_file) {
        args.record_format(path)
            .write_connections(&results, &mut out)
            .and_then(|()| out.flush())
            .map_err(|error| files::cannot_write(path, &error))?;
    }
    // Told even when nobody reads the report to its end.
    for error in &errors {
        output::complain(error);
    }
    match (&args.output, &mut report_file) {
        (Some(path), Some(out)) => {
            write_report(args, &results, out).map_err(|error| files::cannot_write(path, &error))?;
        }
        _ if args.records_to_stdout() => {}
        _ => match write_report(args, &results, &mut output::stdout()) {
            // Whoever reads has seen enough; what was found stays found.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            written => written?,
        },
    }
    if !errors.is_empty() {
        return Ok(ExitStatus::Failed);
    }
    Ok(args.fail_on.map_or(ExitStatus::Done, |failing| judged_by(failing, &tally)))
}

/// How a run ends that was asked to fail on these verdicts. A packet that could not be judged counts although it
/// belongs to no connection.
fn judged_by(failing: Show, tally: &Tally) -> ExitStatus {
    let any = |verdict: ConnectionVerdict| {
        let undecided =
            verdict == ConnectionVerdict::Undecided && tally.verdict(Verdict::Undecided).packets > 0;
        undecided || tally.connections(verdict).connections > 0
    };
    if ConnectionVerdict::ALL.into_iter().any(|verdict| failing.contains(verdict) && any(verdict)) {
        return ExitStatus::Found;
    }
    let asked = ConnectionVerdict::ALL
        .into_iter()
        .any(|verdict| verdict != ConnectionVerdict::Outside && any(verdict));
    if asked { ExitStatus::Done } else { ExitStatus::Nothing }
}

/// Replays all packets, counting them and writing their records on the way.
fn judge_all<'p>(
    policy: &'p Policy,
    matcher: &'p Linear<'p>,
    packets: &mut Packets,
    mut records: Option<(PacketWriter<'p, Box<dyn Write>>, &Path)>,
) -> Result<(Replay<'p, Linear<'p>>, Tally), Error> {
    let mut replay = packets.prepare(Replay::new(policy, matcher));
    let mut tally = Tally::new(policy);
    let mut order = InOrder::default();
    let mut judged: Vec<Judged> = Vec::new();
    let mut ticker = live::Ticker::start(packets.is_live());
    loop {
        let more = packets.judge_next(&mut replay, &mut (), &mut |frame| judged.push(frame)).is_some();
        if !more {
            replay.finish(&mut |frame| judged.push(frame));
        }
        for frame in judged.drain(..) {
            tally.add(&frame, replay.connections());
            if let Some(ticker) = &mut ticker {
                ticker.note(&frame, replay.connections(), policy);
            }
            if let Some((writer, path)) = &mut records {
                let mut result = Ok(());
                order.push(frame, &mut |frame| {
                    if result.is_ok() {
                        result = writer.write(&frame);
                    }
                });
                result.map_err(|error| files::cannot_write(path, &error))?;
            }
        }
        if !more {
            break;
        }
    }
    if let Some((writer, path)) = &mut records {
        writer.finish().map_err(|error| files::cannot_write(path, &error))?;
    }
    tally.finish(policy, matcher, replay.connections());
    Ok((replay, tally))
}

fn write_report(args: &Args, results: &Results<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let options = Options { show: args.show.unwrap_or_default(), matrix: args.matrix };
    args.format.write(results, options, out)?;
    out.flush()
}

impl Args {
    fn records_to_stdout(&self) -> bool {
        [&self.connections, &self.packets].into_iter().flatten().any(|path| files::is_stdout(path))
    }

    /// The format of a file of records: by its name, on standard output by `--format`.
    fn record_format(&self, path: &Path) -> RecordFormat {
        match self.format {
            Format::Csv if files::is_stdout(path) => RecordFormat::Csv,
            _ => RecordFormat::of(path),
        }
    }

    /// Refuses to write over what is read, or two outputs to one place.
    fn check_files(&self) -> Result<(), Error> {
        let outputs = [&self.output, &self.connections, &self.packets].into_iter().flatten();
        let inputs = self.source.captures.iter().chain([&self.scenario.scenario]);
        files::check_apart(inputs, outputs)
    }
}
