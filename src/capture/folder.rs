//! A folder of captures, such as `tcpdump -C` and `-G` rotate them.

use std::path::{Path, PathBuf};

use super::{CaptureError, CaptureProblem, CaptureReader};

/// The captures of a folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// Its captures, told by content: in order of their first packet's time, then of their names.
    pub captures: Vec<PathBuf>,
    /// Files that are no captures: others, empty ones, pipes, and links that lead nowhere.
    pub others: usize,
}

impl Folder {
    /// Looks into the files of a folder, but not into folders in it nor at hidden files.
    ///
    /// A capture that breaks before its first packet stands first: whoever reads it will tell why.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let failed = |error| CaptureError::new(path.display().to_string(), 0, CaptureProblem::Open(error));
        let mut found = Vec::new();
        let mut others = 0;
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden || file.is_dir() {
                continue;
            }
            // Opening a pipe that nobody writes to would wait for ever.
            if !file.is_file() {
                others += 1;
                continue;
            }
            match first_time(&file) {
                Ok(time) => found.push((time, file)),
                Err(()) => others += 1,
            }
        }
        found.sort_unstable();
        Ok(Self { captures: found.into_iter().map(|(_, file)| file).collect(), others })
    }
}

/// The time of a capture's first packet; an error for what is no capture.
fn first_time(file: &Path) -> Result<Option<crate::packet::Timestamp>, ()> {
    match CaptureReader::open(file) {
        Ok(mut reader) => Ok(reader.next_record().ok().flatten().map(|record| record.time)),
        Err(error) => match error.problem() {
            CaptureProblem::NotACapture(_) | CaptureProblem::Empty => Err(()),
            _ => Ok(None),
        },
    }
}
