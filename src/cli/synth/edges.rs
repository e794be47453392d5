//! Rule-driven traffic: every boundary of every rule, and whether all rules are reached.

use std::io::Write;
use std::path::PathBuf;

use crate::capture::{CaptureFormat, CaptureWriter, LinkType};
use crate::compile::Compiled;
use crate::report;
use crate::synth::Coverage;

use super::super::{Error, ExitStatus, ScenarioArgs, files, load, output};

/// Make packets on and around every boundary of every rule; say which rules they reach, and why not the others.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Most packets on boundaries. Overlaps of two rules come last, and there may be as many as the square of the rules.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Output")]
    packets: u64,
    /// Write the packets to this capture too (.pcapng; else pcap; `-` is standard output, and the coverage goes to standard
    /// error).
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    files::check_apart(&args.scenario.scenarios, args.output.iter())?;
    let scenario = load::scenario(&args.scenario)?;
    let policy = &scenario.policy;
    let matcher = Compiled::new(policy);
    let mut writer = match &args.output {
        None => None,
        Some(path) => {
            let is_new = path.extension().is_some_and(|extension| extension == "pcapng");
            let format = if is_new { CaptureFormat::Pcapng } else { CaptureFormat::Pcap };
            let comment = "sgsim synth edges";
            let new = CaptureWriter::new(files::create_bytes(path)?, format, LinkType::ETHERNET, comment);
            Some((new.map_err(|error| files::cannot_write(path, &error))?, path))
        }
    };
    let (mut bytes, mut failed) = (Vec::new(), None);
    let coverage = Coverage::of(policy, &matcher, args.packets, |segment| {
        if let (Some((writer, _)), None) = (&mut writer, &failed) {
            bytes.clear();
            segment.write(&mut bytes);
            failed = writer.write(segment.time, &bytes).err();
        }
    });
    if let Some((writer, path)) = writer {
        let finished = failed.map_or(Ok(()), Err).and_then(|()| writer.finish());
        finished.map_err(|error| files::cannot_write(path, &error))?;
    }
    let status = if coverage.packets == 0 { ExitStatus::Nothing } else { ExitStatus::Done };
    if args.output.as_deref().is_some_and(files::is_stdout) {
        let mut told = Vec::new();
        report::coverage::write(&mut told, policy, &coverage)?;
        output::remark(&String::from_utf8_lossy(&told).trim_end());
    } else {
        let mut out = output::stdout();
        report::coverage::write(&mut out, policy, &coverage)?;
        out.flush()?;
    }
    Ok(status)
}
