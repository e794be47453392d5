//! Opens what a command works on.

use std::path::Path;

use crate::diag::Style;
use crate::policy::{Loaded, Scenario};

use super::{Error, ScenarioArgs, output};

/// Reads a scenario; its findings go to standard error, and errors among them end the command.
pub(super) fn scenario(args: &ScenarioArgs) -> Result<Scenario, Error> {
    given(Scenario::load_all(&args.beside.inputs(&args.scenarios)))
}

/// The same, for a file that is not called so by [`ScenarioArgs`].
pub(super) fn scenario_file(path: &Path) -> Result<Scenario, Error> {
    given(Scenario::load(path))
}

fn given(loaded: Loaded) -> Result<Scenario, Error> {
    report_findings(&loaded);
    loaded.scenario.ok_or(Error::Scenario)
}

/// Prints the findings about a scenario to standard error.
pub(super) fn report_findings(loaded: &Loaded) {
    if !loaded.diagnostics.is_empty() {
        output::remark(&loaded.render(Style::Coloured));
    }
}
