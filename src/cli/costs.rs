//! `sgsim load`: what a rule set costs.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use crate::compile::five_tuple::FiveTupleRule;
use crate::load::{self, Watch, Wish};
use crate::report;

use super::{BesideArgs, Error, ExitStatus, files, filters, live, load as scenarios, output};

/// Measure what a rule set costs: compile time, memory, lookups and packets a second.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario: groups, rules, interfaces; several files (YAML, exports) together.
    #[arg(
        short = 's',
        long = "scenario",
        value_name = "FILE",
        required_unless_present = "filters",
        help_heading = "Input"
    )]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
    /// A ClassBench filter set instead of a scenario.
    #[arg(long, value_name = "FILE", conflicts_with = "scenarios", help_heading = "Input")]
    filters: Option<PathBuf>,
    /// Most threads: 1, 2, 4 and so on up to this number; all processors unless told.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    threads: Option<u16>,
    /// How many times as many rules to try.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 4, 8], value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Input")]
    scale: Vec<u32>,
    /// Stop after so many seconds and report what there is.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Input")]
    time_limit: u64,
    /// Packets of the replay.
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..=20_000_000), help_heading = "Input")]
    packets: u32,
    /// Seed of all random headers and packets.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Input")]
    seed: u64,
    /// Format of the report.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    format: Format,
    /// Write the report to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Draw throughput over rules and threads into this SVG file.
    #[arg(long, value_name = "FILE", conflicts_with = "filters", help_heading = "Output")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Tables for people.
    #[default]
    Text,
    /// One document.
    Json,
    /// A line for each speed.
    Csv,
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let inputs: Vec<PathBuf> = args.scenarios.iter().chain(&args.filters).cloned().collect();
    files::check_apart(&inputs, args.output.iter().chain(&args.plot))?;
    live::catch_interrupt();
    match &args.filters {
        Some(path) => of_filters(args, path),
        None => of_scenario(args),
    }
}

impl Args {
    fn wish(&self) -> Wish {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let most = self.threads.map_or(processors, usize::from);
        let mut threads: Vec<usize> =
            std::iter::successors(Some(1), |&n| Some(n * 2)).take_while(|&n| n < most).collect();
        threads.push(most);
        let mut factors = self.scale.clone();
        factors.sort_unstable();
        factors.dedup();
        Wish {
            threads,
            factors,
            limit: Duration::from_secs(self.time_limit),
            seed: self.seed,
            packets: self.packets,
        }
    }

    fn out(&self) -> Result<Box<dyn Write + Send>, Error> {
        self.output.as_deref().map_or_else(|| Ok(Box::new(output::stdout()) as Box<_>), files::create_plain)
    }
}

/// Shows how far it is, on a terminal.
struct Bar(bool);

impl Bar {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal())
    }

    fn tell(&self, done: usize, all: usize, what: &str) {
        if self.0 {
            let filled = (done * 20).checked_div(all).unwrap_or(0).min(20);
            let bar = format!("[{}{}]", "#".repeat(filled), " ".repeat(20 - filled));
            // Nothing is left to do when standard error is closed.
            let _ = write!(std::io::stderr(), "\r{bar} {what:<60}");
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.0 {
            let _ = write!(std::io::stderr(), "\r{:<90}\r", "");
        }
    }
}

fn of_scenario(args: &Args) -> Result<ExitStatus, Error> {
    let scenario = scenarios::of_files(&args.scenarios, &args.beside)?;
    let policy = &scenario.policy;
    if crate::synth::distinct_steps(policy).is_empty() {
        output::complain(&"no interface of the scenario has a rule: there is nothing to measure");
        return Ok(ExitStatus::Nothing);
    }
    let mut out = args.out()?;
    let wish = args.wish();
    let bar = Bar::new();
    let mut tell = |done: usize, all: usize, what: &str| bar.tell(done, all, what);
    let mut watch = Watch::new(&live::was_interrupted, &mut tell, wish.limit);
    let report = load::measure(policy, &wish, &mut watch);
    drop(bar);
    let name = scenarios::names(&args.scenarios);
    match args.format {
        Format::Text => report::load::write_text(&mut out, policy, &report)?,
        Format::Json => report::load::write_json(&mut out, policy, &name, args.seed, &report)?,
        Format::Csv => report::load::write_csv(&mut out, &report)?,
    }
    out.flush()?;
    if let Some(path) = &args.plot {
        let mut file = files::create_plain(path)?;
        let written = report::load::write_svg(&mut file, &report).and_then(|()| file.flush());
        written.map_err(|error| files::cannot_write(path, &error))?;
    }
    Ok(ended(report.difference.as_deref(), report.incomplete))
}

fn of_filters(args: &Args, path: &Path) -> Result<ExitStatus, Error> {
    let rules: Vec<FiveTupleRule> = filters::read(path)?;
    if rules.is_empty() {
        output::complain(&format_args!("{}: there is no filter in it", path.display()));
        return Ok(ExitStatus::Nothing);
    }
    let mut out = args.out()?;
    let wish = args.wish();
    let bar = Bar::new();
    let mut tell = |done: usize, all: usize, what: &str| bar.tell(done, all, what);
    let mut watch = Watch::new(&live::was_interrupted, &mut tell, wish.limit);
    let report =
        load::measure_list(&rules, &wish, &mut watch).map_err(|error| Error::Message(error.to_string()))?;
    drop(bar);
    match args.format {
        Format::Text => report::load::write_list_text(&mut out, &report)?,
        Format::Json => {
            report::load::write_list_json(&mut out, &path.display().to_string(), args.seed, &report)?;
        }
        Format::Csv => report::load::write_list_csv(&mut out, &report)?,
    }
    out.flush()?;
    Ok(ended(report.difference.as_deref(), report.incomplete))
}

fn ended(difference: Option<&str>, incomplete: bool) -> ExitStatus {
    if let Some(difference) = difference {
        output::complain(&format_args!("{difference}; this is a mistake in sgsim, please report it"));
        return ExitStatus::Found;
    }
    if incomplete {
        output::remark(&"stopped before everything was measured: raise --time-limit, or lower --scale");
    }
    ExitStatus::Done
}
