//! `sgsim replay`: which traffic would each group allow or drop, and which rule decides.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::compile::{Compiled, Linear};
use crate::pipeline::{self, Difference, Verifier};
use crate::policy::{Policy, Scenario};
use crate::replay::{ConnectionVerdict, InOrder, Judged, Out, Replay, Tally, Verdict};
use crate::report::{
    Format, Options, PacketWriter, ParseFormatError, ParseShowError, RecordFormat, Repeats, Results, Show,
    made::JudgedWorkload,
};

use super::flows::FlowTally;
use super::logs::{self, Logs};
use super::source::{Reading, Source};
use super::{Error, ExitStatus, ScenarioArgs, files, load, output, threads};

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
    /// Compare the verdicts with the ACCEPT and REJECT of flow logs: a score, and the flows where they disagree (text or
    /// json). Exit with status 1 when there are some, with 4 when there was nothing to compare.
    #[arg(long, conflicts_with_all = ["flows", "connections", "packets", "show", "matrix", "fail_on", "verify"], help_heading = "Output")]
    against_log: bool,
    /// Threads to work with: all processors unless told, at most four for each.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    threads: Option<u16>,
    /// Keep about so many connections at most: where there are more, those seen longest ago are counted and let go. Unless
    /// told one for every 160 bytes of the captures, but at least 1048576 and at most 4194304.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Input")]
    max_connections: Option<u32>,
    /// Judge everything again by the plain reference, compare every N-th packet (all unless told), and stop at the
    /// first that differs.
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Input")]
    verify: Option<u64>,
    /// Bytes of a capture that are decoded as one piece; changes nothing but the speed.
    #[arg(long, hide = true, value_name = "BYTES", default_value_t = pipeline::BLOCK_SIZE)]
    block_size: usize,
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
    if args.against_log {
        return args.compare_logs(policy);
    }
    let matcher = Compiled::new(policy);
    // Created before the work begins, so that a file that cannot be written is told at once.
    let mut report_file = args.output.as_deref().map(files::create_plain).transpose()?;
    let connection_file = args.connections.as_deref().map(files::create).transpose()?;
    let packet_file = match args.packets.as_deref() {
        Some(path) => {
            Some((PacketWriter::new(policy, &matcher, args.record_format(path), files::create(path)?)?, path))
        }
        None => None,
    };
    let threads = threads::pool(args.threads)?;
    let finished = threads.install(|| args.judge_all(&scenario, &matcher, packet_file))?;
    let Finished { replay, reading, workload, mut unwritten } = finished;
    let Reading { captures, errors, repetition } = reading;
    let tally = threads.install(|| replay.tally());
    let results = Results {
        scenario: &args.scenario.name(),
        policy,
        matcher: &matcher,
        tally: &tally,
        connections: replay.connections(),
        captures: &captures,
        repeats: Repeats { seen: repetition, left_out: args.source.dedup },
        opened_tunnels: args.source.inner,
        workload: workload.as_ref(),
    };
    if let (Some(path), Some(mut out)) = (&args.connections, connection_file) {
        let written = args.record_format(path).write_connections(&results, &mut out);
        let written = written.and_then(|()| out.flush()).or_else(files::unless_closed);
        unwritten.extend(written.err().map(|error| files::cannot_write(path, &error)));
    }
    // Told even when nobody reads the report to its end.
    errors.iter().for_each(output::complain);
    unwritten.iter().for_each(output::complain);
    match (&args.output, &mut report_file) {
        (Some(path), Some(out)) => {
            threads
                .install(|| write_report(args, &results, out))
                .or_else(files::unless_closed)
                .map_err(|error| files::cannot_write(path, &error))?;
        }
        _ if args.records_to_stdout() => {}
        _ => threads
            .install(|| write_report(args, &results, &mut output::stdout()))
            .or_else(files::unless_closed)?,
    }
    if let (Some(text), false) = (results.let_go(), args.reports_notes()) {
        output::remark(&text);
    }
    if !errors.is_empty() || !unwritten.is_empty() {
        return Ok(ExitStatus::Failed);
    }
    let unmet = workload.as_ref().is_some_and(|workload| !workload.is_as_expected());
    let failed = args.fail_on.map_or(ExitStatus::Done, |failing| judged_by(failing, &tally));
    let made_nothing = args.source.synth.is_some() && captures.iter().all(|capture| capture.frames == 0);
    Ok(match () {
        () if unmet => ExitStatus::Found,
        () if made_nothing => ExitStatus::Nothing,
        () => failed,
    })
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
    let judged = [ConnectionVerdict::Allowed, ConnectionVerdict::Blocked, ConnectionVerdict::Assumed];
    let asked = judged.into_iter().any(any);
    if asked { ExitStatus::Done } else { ExitStatus::Nothing }
}

/// A finished replay, and what was read for it.
struct Finished<'p> {
    replay: Replay<'p, Compiled<'p>>,
    reading: Reading,
    workload: Option<JudgedWorkload>,
    /// The files of records that could not be written: what was judged is reported all the same.
    unwritten: Vec<Error>,
}
/// Takes the records of packets.
type Records<'a, 'p> = (PacketWriter<'p, Box<dyn Write + Send>>, &'a Path);

fn write_report(args: &Args, results: &Results<'_>, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    let options = Options { show: args.show.unwrap_or_default(), matrix: args.matrix };
    args.format.write(results, options, out)?;
    out.flush()
}

impl Args {
    /// Compares with what flow logs say.
    fn compare_logs(&self, policy: &Policy) -> Result<ExitStatus, Error> {
        let Some(logs) = Logs::among(&self.source.files()?)? else {
            return Err(Error::Message(
                "--against-log needs flow logs: captures say nothing of verdicts".to_owned(),
            ));
        };
        match &self.output {
            Some(path) => logs::compare(&logs, policy, self.format, &mut *files::create_plain(path)?),
            None => logs::compare(&logs, policy, self.format, &mut output::stdout()),
        }
    }

    /// Replays all packets, writing their records on the way.
    fn judge_all<'p>(
        &self,
        scenario: &'p Scenario,
        matcher: &'p Compiled<'p>,
        records: Option<Records<'_, 'p>>,
    ) -> Result<Finished<'p>, Error> {
        let policy = &scenario.policy;
        let input = self.source.open_all(scenario, self.block_size)?;
        let plan = input.plan().cloned();
        let mut flows = plan.as_ref().map(FlowTally::new);
        let most_connections = self.max_connections.unwrap_or_else(|| input.most_connections());
        let most_connections = usize::try_from(most_connections).unwrap_or(usize::MAX);
        let mut replay = input.prepare(Replay::new(policy, matcher)).keeping(most_connections);
        let linear = Linear::new(policy);
        let mut verifier = self.verifier(policy, &linear, most_connections)?;
        let mut records = records;
        if records.is_none() && verifier.is_none() && flows.is_none() {
            let reading = input.judge(policy, &mut replay, None);
            return Ok(Finished { replay, reading, workload: None, unwritten: vec![] });
        }
        let (mut order, mut result, mut agrees) = (InOrder::default(), Ok(()), true);
        // Whoever reads the records has seen enough, or they cannot be written; what is found is still wanted.
        let mut closed = false;
        let mut take = |judged: Judged| {
            order.push(judged, &mut |frame| {
                if let Some(flows) = &mut flows {
                    flows.take(&frame);
                }
                if let (Some(verifier), true) = (&mut verifier, agrees) {
                    agrees = verifier.agrees(&frame);
                }
                if let (Some((writer, _)), false) = (&mut records, closed) {
                    let written = writer.write(&frame);
                    closed = written.is_err();
                    result = written.or_else(files::unless_closed);
                }
            });
            if agrees { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let out: &mut Out<'_> = &mut take;
        let reading = input.judge(policy, &mut replay, Some(out));
        let mut unwritten = vec![];
        if let Some((writer, path)) = &mut records {
            let written = result.and_then(|()| if closed { Ok(()) } else { writer.finish() });
            let written = written.or_else(files::unless_closed);
            unwritten.extend(written.err().map(|error| files::cannot_write(path, &error)));
        }
        if let Some(verifier) = verifier {
            let compared = verifier.compared();
            if let Some(difference) = verifier.difference(&replay) {
                return Err(self.disagreement(&difference));
            }
            output::remark(&format_args!("verified: the reference agrees on {compared} frames"));
        }
        let flows = flows.map(FlowTally::finish);
        let workload = plan.zip(flows).map(|(plan, flows)| JudgedWorkload { plan, flows });
        Ok(Finished { replay, reading, workload, unwritten })
    }

    fn verifier<'p>(
        &self,
        policy: &'p Policy,
        linear: &'p Linear<'p>,
        most_connections: usize,
    ) -> Result<Option<Verifier<'p>>, Error> {
        let Some(every) = self.verify else { return Ok(None) };
        let captures = &self.source.captures;
        if captures.is_empty() || captures.iter().any(|path| files::is_stdout(path)) {
            let needs = "--verify reads the captures a second time: it needs files";
            return Err(Error::Message(needs.to_owned()));
        }
        if Logs::among(&self.source.files()?)?.is_some() {
            return Err(Error::Message("--verify compares captures, and these are flow logs".to_owned()));
        }
        if self.source.dedup {
            return Err(Error::Message(
                "--verify does not leave out repeated packets: not with --dedup".to_owned(),
            ));
        }
        Ok(Some(Verifier::new(
            policy,
            linear,
            &self.source.files()?,
            self.source.tunnels(),
            every,
            most_connections,
        )))
    }

    /// What to tell, and how to see it again.
    fn disagreement(&self, difference: &Difference) -> Error {
        let captures = self.source.captures.iter().map(|path| path.display().to_string());
        let captures = captures.collect::<Vec<_>>().join(" ");
        let scenario = self.scenario.again();
        let again = match difference {
            Difference::Frame { frame, .. } => {
                format!("sgsim explain {scenario} {captures} --frame {frame}")
            }
            Difference::Sum => format!("sgsim replay {scenario} {captures} --verify -j 1"),
        };
        Error::Message(format!("{difference}; this is a mistake in sgsim, please report it; see: {again}"))
    }

    /// Whether there is a report, and it says more than its rows.
    fn reports_notes(&self) -> bool {
        self.format != Format::Csv && (self.output.is_some() || !self.records_to_stdout())
    }

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
        let mut inputs = self.source.all_inputs();
        inputs.extend(self.scenario.scenarios.iter().cloned());
        files::check_apart(&inputs, outputs)
    }
}
