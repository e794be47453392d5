//! Workloads: built-in or read from a file, with the scenario they are for.

use std::path::Path;

use crate::diag::{Diagnostic, Source, Style, codes, did_you_mean, render_all};
use crate::policy::Scenario;
use crate::synth::{BUILTINS, Builtin, Plan, Workload};

use super::{Error, output};

/// How much of a workload is made.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Making {
    /// Seed of a workload: the same seed, the same packets. The workload's own unless told.
    #[arg(long, value_name = "N", help_heading = "Workload")]
    pub seed: Option<u64>,
    /// Make so many times as many conversations in so many times the time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), help_heading = "Workload")]
    pub scale: u32,
}

/// The plan of a workload for a scenario. Findings go to standard error, errors among them end the command.
pub(super) fn plan(name: &str, scenario: &Scenario, making: &Making) -> Result<Plan, Error> {
    let path = Path::new(name);
    let loaded = match Builtin::find(name) {
        Some(builtin) => Workload::parse(builtin.name, builtin.text),
        None if path.exists() => Workload::load(path),
        None => return Err(unknown(name)),
    };
    let scale = making.scale.max(1);
    let planned = Plan::make(loaded, &scenario.policy, &scenario.sets, making.seed, scale);
    if !planned.loaded.diagnostics.is_empty() {
        output::remark(&planned.loaded.render(Style::Coloured));
    }
    planned.plan.ok_or(Error::Workload)
}

fn unknown(name: &str) -> Error {
    let finding =
        Diagnostic::new(codes::UNKNOWN_WORKLOAD, format!("no workload and no file is called `{name}`"));
    let known = || BUILTINS.iter().map(|builtin| builtin.name);
    let help = did_you_mean(name, known());
    let list = || format!("the built-in workloads are {}", known().collect::<Vec<_>>().join(", "));
    let finding = finding.help(help.unwrap_or_else(list));
    output::remark(&render_all(&[finding], &Source::new(name, ""), Style::Coloured));
    Error::Workload
}
