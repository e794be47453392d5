//! Rule sets of a wanted size and shape.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::synth::{ClusterRules, ParseDistributionError, RuleShape, RuleWish, Share};

use super::super::{Error, ExitStatus, files, output};

/// Write a rule set: a scenario, or ClassBench filters.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many rules.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Rules")]
    count: u32,
    /// How remotes and ports look.
    #[arg(long, value_enum, default_value_t, value_name = "SHAPE", help_heading = "Rules")]
    shape: Shape,
    /// Seed: the same seed, the same rules.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Rules")]
    seed: u64,
    /// Groups that the rules are spread over.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Rules")]
    groups: u32,
    /// Interfaces of each group.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Rules")]
    interfaces: u32,
    /// Share of rules about IPv6.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = "Rules")]
    ipv6: Share,
    /// Share of rules whose remote is a group.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = "Rules")]
    group_remotes: Share,
    /// Share of rules that deny.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = "Rules")]
    deny: Share,
    /// Share of rules for egress.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share, help_heading = "Rules")]
    egress: Share,
    /// Write ClassBench filters instead of a scenario.
    #[arg(long, help_heading = "Output")]
    classbench: bool,
    /// Write to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Shape {
    /// As the groups of a cluster's interface: what the benches of sgsim measure. Takes --count alone.
    #[default]
    Cluster,
    /// Many hosts and small subnets, single ports.
    Narrow,
    /// Few wide networks, port ranges.
    Wide,
    /// Networks inside networks.
    Nested,
}

fn share(text: &str) -> Result<Share, ParseDistributionError> {
    text.parse()
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    let mut out = files::create_plain(path)?;
    let shape = match args.shape {
        Shape::Cluster => None,
        Shape::Narrow => Some(RuleShape::Narrow),
        Shape::Wide => Some(RuleShape::Wide),
        Shape::Nested => Some(RuleShape::Nested),
    };
    let written = match shape {
        None => {
            let rules = ClusterRules::new(args.count as usize);
            let text = if args.classbench { rules.filters() } else { rules.scenario() };
            out.write_all(text.as_bytes())
        }
        Some(shape) => {
            let wish = RuleWish {
                rules: args.count,
                groups: args.groups,
                interfaces: args.interfaces,
                shape,
                ipv6: args.ipv6,
                group_remotes: args.group_remotes,
                deny: args.deny,
                egress: args.egress,
            };
            if args.classbench {
                wish.write_filters(args.seed, &mut out)
            } else {
                wish.write_scenario(args.seed, &mut out)
            }
        }
    };
    written
        .and_then(|()| out.flush())
        .or_else(files::unless_closed)
        .map_err(|error| files::cannot_write(path, &error))?;
    if shape.is_some() {
        output::remark(&format_args!("seed {}: {} rules", args.seed, args.count));
    }
    Ok(ExitStatus::Done)
}
