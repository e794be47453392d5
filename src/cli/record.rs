//! `sgsim record`: a suite from traffic.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::compile::Compiled;
use crate::expect::record::{Anonymiser, Key, ParseKeyError, Recording, record};
use crate::pipeline;
use crate::replay::Replay;

use super::source::Source;
use super::{Error, ExitStatus, ScenarioArgs, files, load, output, threads};

/// Write a suite of expectations from traffic, to be reviewed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Write the suite to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Replace the addresses of peers consistently and prefix-preserving, by a random key unless one is given (64
    /// hexadecimal digits); networks that the scenario names stay the same.
    #[arg(long, value_name = "KEY", num_args = 0..=1, require_equals = true, default_missing_value = "", value_parser = key, help_heading = "Output")]
    anonymise: Option<Chosen>,
    /// Threads to work with: all processors unless told.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    threads: Option<u16>,
}

/// The key of `--anonymise`; without a text a random one.
#[derive(Debug, Clone)]
struct Chosen(Option<Key>);

fn key(text: &str) -> Result<Chosen, ParseKeyError> {
    if text.is_empty() { Ok(Chosen(None)) } else { text.parse().map(|key| Chosen(Some(key))) }
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let mut inputs = args.source.all_inputs();
    inputs.extend(args.scenario.scenarios.iter().cloned());
    files::check_apart(&inputs, args.output.iter())?;
    let scenario = load::scenario(&args.scenario)?;
    let matcher = Compiled::new(&scenario.policy);
    let input = args.source.open_all(&scenario, pipeline::BLOCK_SIZE)?;
    let mut replay = input.prepare(Replay::new(&scenario.policy, &matcher)).keeping_all();
    let threads = threads::pool(args.threads)?;
    let reading = threads.install(|| input.judge(&scenario.policy, &mut replay, None));
    for error in &reading.errors {
        output::complain(error);
    }
    let anonymiser = args.anonymise.as_ref().map(|chosen| Anonymiser::new(&scenario, chosen.0));
    let of_suite = |path: &PathBuf| from_suite(path, args.output.as_deref());
    let paths: Vec<_> = args.scenario.scenarios.iter().map(of_suite).collect();
    let captures: Vec<_> = reading.captures.iter().map(|capture| capture.name.clone()).collect();
    let recording =
        Recording { scenario_paths: &paths, captures: &captures, anonymiser: anonymiser.as_ref() };
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from("-"));
    let mut out = files::create_plain(&target)?;
    let written = record(&scenario, replay.connections().iter(), recording, &mut out)
        .and_then(|count| out.flush().map(|()| count))
        .map_err(|error| files::cannot_write(&target, &error))?;
    Ok(match (reading.errors.is_empty(), written) {
        (false, _) => ExitStatus::Failed,
        (true, 0) => ExitStatus::Nothing,
        (true, _) => ExitStatus::Done,
    })
}

/// The scenario's path as the suite has to name it: from the suite's folder.
fn from_suite(scenario: &Path, suite: Option<&Path>) -> String {
    let given = scenario.display().to_string();
    let Some(folder) = suite.filter(|path| !files::is_stdout(path)) else { return given };
    let folder =
        folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (Ok(folder), Ok(scenario)) = (folder.canonicalize(), scenario.canonicalize()) else { return given };
    let common = folder.components().zip(scenario.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| "..".into());
    let down = scenario.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<String>>().join("/")
}
