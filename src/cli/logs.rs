//! Flow logs: as traffic, and against the model.

use std::io::Write;
use std::path::PathBuf;

use crate::analyze::Fidelity;
use crate::capture::{FlowLog, LoggedFlow};
use crate::compile::Compiled;
use crate::diag::escape;
use crate::packet::{Flow, Timestamp};
use crate::policy::Policy;
use crate::replay::FirstPackets;
use crate::report::fidelity::Compared;
use crate::report::{CaptureSummary, Format, plural};

use super::{Error, ExitStatus, files, output};

/// Logs that were read.
pub(super) struct Logs {
    pub(super) names: Vec<String>,
    /// Flows of all logs, each with its log, in the order of time.
    pub(super) flows: Vec<(usize, LoggedFlow)>,
    pub(super) summaries: Vec<CaptureSummary>,
    pub(super) errors: Vec<String>,
}

impl Logs {
    /// The logs, when all of these files are some. A log among captures is a mistake.
    pub(super) fn among(files: &[PathBuf]) -> Result<Option<Self>, Error> {
        let (logs, others): (Vec<_>, Vec<_>) = files.iter().partition(|path| FlowLog::is_one(path));
        match (logs.first(), others.first()) {
            (None, _) => Ok(None),
            (Some(_), None) => Ok(Some(Self::read(files))),
            (Some(log), Some(other)) => Err(Error::Message(format!(
                "{} is a flow log and {} is none: replay them apart",
                log.display(),
                other.display()
            ))),
        }
    }

    fn read(files: &[PathBuf]) -> Self {
        let mut logs = Self { names: vec![], flows: vec![], summaries: vec![], errors: vec![] };
        for (number, path) in files.iter().enumerate() {
            let name = path.display().to_string();
            let mut summary = CaptureSummary { name: name.clone(), ..CaptureSummary::default() };
            let (log, read) = FlowLog::open(path);
            let times = log.flows.iter().map(|flow| flow.time);
            (summary.first, summary.last) = (times.clone().min(), times.max());
            summary.frames = log.flows.len() as u64;
            if read.is_ok() || log.records > 0 {
                output::remark(&format_args!("{}: {}", escape(&name), about(&log)));
            }
            logs.flows.extend(log.flows.into_iter().map(|flow| (number, flow)));
            if let Err(error) = read {
                let told = format!("failed to {error}");
                summary.error = Some(told.clone());
                logs.errors.push(told);
            }
            logs.names.push(name);
            logs.summaries.push(summary);
        }
        logs.flows.sort_by_key(|(log, flow)| (flow.time, *log, flow.line));
        logs
    }

    /// The opening packets with their times.
    pub(super) fn openings(&self) -> Vec<(Flow, Timestamp)> {
        self.flows.iter().map(|(_, flow)| (flow.flow, flow.time)).collect()
    }
}

/// What was read, and what was worked out on the way.
fn about(log: &FlowLog) -> String {
    let inferred = log.flows.iter().filter(|flow| flow.inferred).count();
    let mut parts = vec![format!(
        "{} of {}, {inferred} of them with a direction inferred from ports and times",
        plural(log.flows.len() as u64, "flow"),
        plural(log.records, "record"),
    )];
    if log.empty > 0 {
        parts.push(format!("{} without a flow", plural(log.empty, "record")));
    }
    if log.assumed_echo > 0 {
        parts.push(format!("{} taken to be echo requests", plural(log.assumed_echo, "ICMP flow")));
    }
    parts.join("; ")
}

/// Compares what the model says with what the logs say.
pub(super) fn compare(
    logs: &Logs,
    policy: &Policy,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<ExitStatus, Error> {
    let matcher = Compiled::new(policy);
    let judge = FirstPackets::new(policy, &matcher);
    let mut fidelity = Fidelity::default();
    for (log, flow) in &logs.flows {
        fidelity.add(&judge, *log, flow);
    }
    for error in &logs.errors {
        output::complain(error);
    }
    let compared = Compared { logs: &logs.names, policy, fidelity: &fidelity };
    let written = match format {
        Format::Text => compared.text(out),
        Format::Json => compared.json(out),
        _ => return Err(Error::Message("--against-log writes text or json".to_owned())),
    };
    written.and_then(|()| out.flush()).or_else(files::unless_closed)?;
    Ok(if !logs.errors.is_empty() {
        ExitStatus::Failed
    } else if fidelity.compared == 0 {
        ExitStatus::Nothing
    } else if fidelity.disagreements.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Found
    })
}
