//! Opens what a command works on.

use crate::diag::Style;
use crate::policy::{Loaded, Scenario};

use super::{Error, ScenarioArgs, output};

/// Reads a scenario; its findings go to standard error, and errors among them end the command.
pub(super) fn scenario(args: &ScenarioArgs) -> Result<Scenario, Error> {
    let loaded = Scenario::load_all(&args.beside.inputs(&args.scenarios));
    report_findings(&loaded);
    loaded.scenario.ok_or(Error::Scenario)
}

/// Prints the findings about a scenario to standard error.
pub(super) fn report_findings(loaded: &Loaded) {
    if !loaded.diagnostics.is_empty() {
        output::remark(&loaded.render(Style::Coloured));
    }
}
