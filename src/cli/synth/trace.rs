//! `ClassBench` header traces.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::synth::{Pareto, Trace};

use super::super::{Error, ExitStatus, files, filters, output};

/// Write a ClassBench header trace for a filter set: corners of its filters, repeated with Pareto's locality.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// ClassBench filter set.
    #[arg(value_name = "FILTERS", help_heading = "Input")]
    filters: PathBuf,
    /// How many headers.
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Headers")]
    count: u64,
    /// Exponent of the Pareto distribution (its a).
    #[arg(long, value_name = "A", default_value_t = 1.0, value_parser = positive, help_heading = "Headers")]
    shape: f64,
    /// Scale of the Pareto distribution (its b): 0 is no locality, 0.0001 a little, 0.01 some, 1 much.
    #[arg(long, value_name = "B", default_value_t = 0.0, value_parser = not_negative, help_heading = "Headers")]
    locality: f64,
    /// Seed: the same seed, the same trace.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Headers")]
    seed: u64,
    /// Write to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text)
        .and_then(|number| if number > 0.0 { Ok(number) } else { Err("it must be above 0".to_owned()) })
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if (0.0..=1000.0).contains(&number) { Ok(number) } else { Err("it must be from 0 to 1000".to_owned()) }
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    files::check_apart(std::slice::from_ref(&args.filters), args.output.iter())?;
    let rules = filters::read(&args.filters)?;
    if rules.is_empty() {
        output::complain(&format_args!("{}: there is no filter in it", args.filters.display()));
        return Ok(ExitStatus::Nothing);
    }
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    let mut out = files::create_plain(path)?;
    let pareto = Pareto { shape: args.shape, scale: args.locality };
    let mut written = Ok(());
    for header in
        Trace::new(&rules, pareto, args.seed).take(usize::try_from(args.count).unwrap_or(usize::MAX))
    {
        let (source, destination) = (header.source().to_bits(), header.destination().to_bits());
        written = writeln!(
            out,
            "{source}\t{destination}\t{}\t{}\t{}",
            header.source_port(),
            header.destination_port(),
            header.protocol().0
        );
        if written.is_err() {
            break;
        }
    }
    written
        .and_then(|()| out.flush())
        .or_else(files::unless_closed)
        .map_err(|error| files::cannot_write(path, &error))?;
    output::remark(&format_args!("seed {}: {} headers", args.seed, args.count));
    Ok(ExitStatus::Done)
}
