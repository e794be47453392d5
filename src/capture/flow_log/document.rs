//! Logs that are one JSON document.

use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Stop;

/// Longest document, in bytes: it is held as a whole.
const MOST_BYTES: u64 = 256 << 20;

/// Reads a document of a form; fields that the form does not name are passed over.
pub(super) fn read<D: DeserializeOwned>(reader: impl Read) -> Result<D, Stop> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(Stop::Read)?;
    if bytes.len() as u64 > MOST_BYTES {
        let problem = "the document is longer than 256 MiB, which is not read: split it";
        return Err(Stop::Line(1, problem.to_owned()));
    }
    let stop = |error: serde_json::Error| {
        let (line, text) = (error.line() as u64, error.to_string());
        let place = format!(" at line {line} column {}", error.column());
        let what = text.strip_suffix(&place).unwrap_or(&text);
        Stop::Line(line, format!("{what} (column {})", error.column()))
    };
    serde_json::from_slice(&bytes).map_err(stop)
}

/// What the CLI prints for `CloudWatch`'s `FilterLogEvents` and `GetLogEvents`
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>): a record in each message.
#[derive(Debug, Deserialize)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
}

/// One event. Its own time is not needed: a record says when it started.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) message: String,
}
