//! A one-packet capture for each failure.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::capture::write_flow;
use crate::packet::Flow;
use crate::report::suite::SuiteResults;

use super::{Error, files};

/// The packet of every failure, and its file: `SUITE-LINE-N.pcap`, where N counts what failed on this line of all
/// suites of this name, so that no two share a file.
pub(super) fn plan<'r>(folder: &Path, results: &'r SuiteResults<'_>) -> Vec<(PathBuf, &'r Flow)> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut planned = vec![];
    for suite in &results.suites {
        let stem = Path::new(&suite.outcome.suite).file_stem().unwrap_or_default().to_string_lossy();
        for checked in &suite.outcome.checked {
            let place = format!("{stem}-{}", checked.expectation.line);
            for example in checked.failures.iter().filter_map(|failure| failure.example.as_ref()) {
                let number = numbers.entry(place.clone()).or_default();
                *number += 1;
                planned.push((folder.join(format!("{place}-{number}.pcap")), &example.flow));
            }
        }
    }
    planned
}

/// Writes them, and the folder when there is none.
pub(super) fn write(folder: &Path, planned: &[(PathBuf, &Flow)]) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| files::cannot_write(folder, &error))?;
    for (path, flow) in planned {
        let mut out = files::create(path)?;
        write_flow(flow, &mut out).map_err(|error| files::cannot_write(path, &error))?;
    }
    Ok(())
}
