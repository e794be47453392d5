//! `sgsim convert`: an export as a scenario, or a scenario as what a cloud or Terraform takes.

use std::io::Write;
use std::path::PathBuf;

use crate::diag::{Severity, codes};
use crate::policy::{Scenario, Target};
use crate::report::plural;

use super::{BesideArgs, Error, ExitStatus, files, load, output};

/// Write groups in another form: an export as a scenario, a scenario as what a cloud or Terraform takes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenarios (YAML or JSON) and exports of clouds, Terraform and Kubernetes, together.
    #[arg(value_name = "FILE", required = true)]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
    /// The form: scenario (YAML with comments), huawei (VPC API v3), aws (describe-security-groups), openstack (Neutron
    /// API) or terraform (HCL, provider huaweicloud).
    #[arg(long, value_name = "FORM", default_value_t = Target::Scenario, value_parser = target, help_heading = "Output")]
    to: Target,
    /// Write to a file instead of standard output.
    #[arg(short = 'o', long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
}

fn target(text: &str) -> Result<Target, String> {
    let known = Target::ALL.iter().find(|(name, _)| *name == text).map(|(_, target)| *target);
    let names = || Target::ALL.map(|(name, _)| name).join(", ");
    known.ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    files::check_apart(&args.scenarios, args.output.iter())?;
    let loaded = Scenario::load_all(&args.beside.inputs(&args.scenarios));
    load::report_findings(&loaded);
    // What was said on the way goes along as comments.
    let told = |finding: &&crate::diag::Diagnostic| {
        finding.severity() == Severity::Note || finding.code != codes::NO_INTERFACES
    };
    let mut notes: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(told)
        .map(|finding| format!("{}: {}", finding.code.name, finding.message))
        .collect();
    let scenario = loaded.scenario.as_ref().ok_or(Error::Scenario)?;
    let left_out: Vec<&str> = scenario.left_out(args.to).collect();
    if !left_out.is_empty() {
        if left_out.len() == scenario.policy.groups.len() {
            let message = "there is nothing to write: no input has the rules of any group";
            return Err(Error::Message(message.to_owned()));
        }
        let note =
            format!("no input has the rules of these groups, so they are left out: {}", left_out.join(", "));
        output::remark(&format_args!("note: {note}"));
        notes.push(note);
    }
    let text = match scenario.export(args.to, &notes) {
        Ok(text) => text,
        Err(refused) => {
            for rule in &refused {
                output::complain(rule);
            }
            let rules = plural(refused.len() as u64, "rule");
            let message = format!("{rules} cannot be written as {}", args.to);
            return Err(Error::Message(message));
        }
    };
    if let Some(path) = &args.output {
        let mut out = files::create_plain(path)?;
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| files::cannot_write(path, &error))?;
    } else {
        let mut out = output::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(ExitStatus::Done)
}
