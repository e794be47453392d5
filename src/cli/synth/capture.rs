//! A workload as a capture, or as flow records.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::capture::{CaptureFormat, CaptureWriter, LinkType};
use crate::policy::Scenario;
use crate::report;
use crate::synth::{BUILTINS, Builtin, Plan, Stream};

use super::super::workload::{self, Making};
use super::super::{BesideArgs, Error, ExitStatus, files, live, load, output};

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Workload: a file (YAML or JSON), or the name of a built-in one.
    #[arg(value_name = "WORKLOAD", required_unless_present_any = ["list", "print"])]
    workload: Option<String>,
    /// Scenario file: groups, rules, interfaces (YAML or JSON).
    #[arg(short = 's', long = "scenario", value_name = "FILE", required_unless_present_any = ["list", "print"], help_heading = "Input")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
    #[command(flatten)]
    making: Making,
    /// Stop after so many packets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workload")]
    packets: Option<u64>,
    /// Write to this file ('-': standard output).
    #[arg(short = 'o', long, value_name = "FILE", required_unless_present_any = ["list", "print"], help_heading = "Output")]
    output: Option<PathBuf>,
    /// What to write: by the name of the file unless told (.pcapng, .csv; else pcap).
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    format: Option<Format>,
    /// List the built-in workloads.
    #[arg(long, help_heading = "Output")]
    list: bool,
    /// Print a built-in workload, to be changed.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    print: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Classic pcap, nanoseconds.
    Pcap,
    /// pcapng, nanoseconds; says where it comes from.
    Pcapng,
    /// A record for each conversation, as CSV.
    Flows,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    if args.list {
        return list();
    }
    if let Some(name) = &args.print {
        return print(name);
    }
    let (Some(workload), Some(path)) = (&args.workload, &args.output) else {
        return Err(Error::Message("a workload needs a scenario and an output".to_owned()));
    };
    let mut inputs = args.scenarios.clone();
    inputs.push(PathBuf::from(workload));
    files::check_apart(&inputs, std::iter::once(path))?;
    let scenario = load::of_files(&args.scenarios, &args.beside)?;
    let plan = workload::plan(workload, &scenario, &args.making)?;
    let format = args.format.unwrap_or_else(|| Format::of(path));
    write(args, workload, &plan, &scenario, format, path)
}

impl Format {
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("pcapng") => Self::Pcapng,
            Some("csv") => Self::Flows,
            _ => Self::Pcap,
        }
    }
}

/// What was made.
#[derive(Default)]
struct Made {
    packets: u64,
    bytes: u64,
}

fn write(
    args: &Args,
    name: &str,
    plan: &Plan,
    scenario: &Scenario,
    format: Format,
    path: &Path,
) -> Result<ExitStatus, Error> {
    let mut out = files::create_bytes(path)?;
    let progress = live::Progress::start();
    let most = args.packets.unwrap_or(u64::MAX);
    let mut stream = Stream::new(plan);
    let comment = format!("sgsim synth {name}, seed {}, scale {}", plan.seed, args.making.scale);
    let made = match format {
        Format::Flows => {
            stream = stream.with_records();
            let _ = scenario;
            write_flows(&mut stream, plan, most, &mut out, &progress)
        }
        Format::Pcap => write_capture(&mut stream, most, CaptureFormat::Pcap, &comment, &mut out, &progress),
        Format::Pcapng => {
            write_capture(&mut stream, most, CaptureFormat::Pcapng, &comment, &mut out, &progress)
        }
    };
    drop(progress);
    let closed = matches!(&made, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
    let made = match made {
        Err(_) if closed => Made::default(),
        made => made.map_err(|error| files::cannot_write(path, &error))?,
    };
    if !closed {
        output::remark(&format_args!(
            "seed {}: {} packets, {} bytes, {} conversations",
            plan.seed,
            made.packets,
            made.bytes,
            stream.conversations()
        ));
    }
    match stream.error() {
        Some(error) => Err(Error::Message(error.to_string())),
        None if made.packets == 0 && !closed => Ok(ExitStatus::Nothing),
        None => Ok(ExitStatus::Done),
    }
}

fn write_capture(
    stream: &mut Stream<'_>,
    most: u64,
    format: CaptureFormat,
    comment: &str,
    out: &mut dyn Write,
    progress: &live::Progress,
) -> io::Result<Made> {
    let mut writer = CaptureWriter::new(out, format, LinkType::ETHERNET, comment)?;
    let (mut bytes, mut made) = (Vec::new(), Made::default());
    while made.packets < most
        && let Some(segment) = stream.next()
    {
        bytes.clear();
        segment.write(&mut bytes);
        writer.write(segment.time, &bytes)?;
        made.packets += 1;
        made.bytes += bytes.len() as u64;
        progress.set(made.packets);
    }
    writer.finish()?;
    Ok(made)
}

fn write_flows(
    stream: &mut Stream<'_>,
    plan: &Plan,
    most: u64,
    out: &mut dyn Write,
    progress: &live::Progress,
) -> io::Result<Made> {
    let mut writer = report::made::FlowWriter::new(out)?;
    let mut made = Made::default();
    while made.packets < most
        && let Some(segment) = stream.next()
    {
        made.packets += 1;
        made.bytes += u64::from(segment.length());
        progress.set(made.packets);
        while let Some(record) = stream.next_record() {
            writer.write(plan, &record)?;
        }
    }
    for record in stream.unfinished() {
        writer.write(plan, &record)?;
    }
    writer.finish()?;
    Ok(made)
}

fn list() -> Result<ExitStatus, Error> {
    let mut out = output::stdout();
    for builtin in BUILTINS {
        writeln!(out, "{:<11} {}", builtin.name, builtin.title)?;
    }
    out.flush()?;
    Ok(ExitStatus::Done)
}

fn print(name: &str) -> Result<ExitStatus, Error> {
    let Some(builtin) = Builtin::find(name) else {
        let known: Vec<_> = BUILTINS.iter().map(|builtin| builtin.name).collect();
        let known = known.join(", ");
        return Err(Error::Message(format!("no built-in workload is called '{name}': there are {known}")));
    };
    let mut out = output::stdout();
    out.write_all(builtin.text.as_bytes())?;
    out.flush()?;
    Ok(ExitStatus::Done)
}
