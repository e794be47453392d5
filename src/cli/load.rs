//! Opens what a command works on.

use std::path::PathBuf;

use crate::diag::Style;
use crate::policy::{Loaded, Scenario};

use super::{BesideArgs, Error, ScenarioArgs, output};

/// Reads a scenario; its findings go to standard error, and errors among them end the command.
pub(super) fn scenario(args: &ScenarioArgs) -> Result<Scenario, Error> {
    of_files(&args.scenarios, &args.beside)
}

/// The same, for files that [`ScenarioArgs`] do not name.
pub(super) fn of_files(files: &[PathBuf], beside: &BesideArgs) -> Result<Scenario, Error> {
    let loaded = Scenario::load_all(&beside.inputs(files));
    report_findings(&loaded);
    loaded.scenario.ok_or(Error::Scenario)
}

/// Prints the findings about a scenario to standard error.
pub(super) fn report_findings(loaded: &Loaded) {
    if !loaded.diagnostics.is_empty() {
        output::remark(&loaded.render(Style::Coloured));
    }
}

/// The files as a person would name them.
pub(super) fn names(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
