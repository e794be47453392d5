//! Flow logs as traffic: what clouds write of flows that passed or did not, read as the packets that opened them.
//!
//! A log says less than a capture: mostly each direction of a conversation is a record of its own, without saying which
//! side began. [`conversation`] puts the two together and infers who opened it, and marks what was inferred.

mod azure;
mod conversation;
mod document;
mod lines;
mod records;
mod zeek;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

use crate::packet::{Flow, Protocol, Timestamp};

use super::compressed::Compression;
use lines::Lines;
use records::Line;

/// Bytes that tell what a file is.
const START: usize = 4 << 10;

/// What a log says became of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Logged {
    /// It passed.
    Accept,
    /// It did not.
    Reject,
}

impl std::fmt::Display for Logged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
        })
    }
}

/// The opening of a conversation that a log tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedFlow {
    /// Its first packet.
    pub flow: Flow,
    /// The same conversation opened by the other side, where that is possible and the log does not rule it out.
    pub reversed: Option<Flow>,
    /// When it was first seen: the start of its record.
    pub time: Timestamp,
    /// What the log says of the side that opened it; `None` when it says nothing.
    pub logged: Option<Logged>,
    /// Whether who opened it was worked out from ports and times.
    pub inferred: bool,
    /// The line of its first record, from 1; 0 where lines mean nothing.
    pub line: u64,
}

/// A whole log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FlowLog {
    /// Conversations in the order of time.
    pub flows: Vec<LoggedFlow>,
    /// Records that were read.
    pub records: u64,
    /// Records without a flow: NODATA, SKIPDATA.
    pub empty: u64,
    /// ICMP flows that are taken to be echo requests, because the log has no type.
    pub assumed_echo: u64,
}

/// Why a log could not be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum FlowLogError {
    /// The system failed.
    #[error("read {name}: {error}")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// A line is not what its format says.
    #[error("read {name} at line {line}: {problem}")]
    Line {
        /// The file.
        name: String,
        /// The line, from 1.
        line: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// A value of a JSON document is not what its format says.
    #[error("read {name} at {pointer}: {problem}")]
    Place {
        /// The file.
        name: String,
        /// Where it stands, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What was found and what was expected.
        problem: String,
    },
}

/// The same without the file's name.
enum Stop {
    Read(io::Error),
    Line(u64, String),
    Place(String, String),
}

impl Stop {
    fn named(self, name: String) -> FlowLogError {
        match self {
            Self::Read(error) => FlowLogError::Read { name, error },
            Self::Line(line, problem) => FlowLogError::Line { name, line, problem },
            Self::Place(pointer, problem) => FlowLogError::Place { name, pointer, problem },
        }
    }
}

/// One direction of a flow, as a log has it.
#[derive(Debug, Clone, Copy)]
struct Record {
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
    protocol: Protocol,
    /// ICMP type and code, where the log has them.
    message: Option<(u8, u8)>,
    start: Timestamp,
    logged: Option<Logged>,
    /// All TCP flags that were seen.
    flags: Option<u8>,
    /// The log says that the source opened it.
    oriented: bool,
    line: u64,
}

/// What the first bytes of a text say about its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Records,
    Zeek,
    Azure,
    CloudWatch,
}

impl Format {
    fn of(start: &str) -> Option<Self> {
        let line = start.lines().find(|line| !line.trim().is_empty())?;
        if line.starts_with("#separator") || line.starts_with("#fields") {
            return Some(Self::Zeek);
        }
        let tight: String = start.chars().filter(|c| !c.is_whitespace()).collect();
        if tight.starts_with("{\"records\":") {
            return Some(Self::Azure);
        }
        if tight.starts_with('{') && tight.contains("\"events\":[") {
            return Some(Self::CloudWatch);
        }
        records::looks_like(line).then_some(Self::Records)
    }
}

/// The text of a file, decompressed.
fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut start = [0; 4];
    let mut present = 0;
    while present < start.len() {
        match file.read(&mut start[present..])? {
            0 => break,
            count => present += count,
        }
    }
    let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(start).take(present as u64).chain(file));
    Ok(match Compression::of(&start[..present]) {
        Some(compression) => compression.open(whole),
        None => whole,
    })
}

impl FlowLog {
    /// Whether a file is a flow log; a file that cannot be read is none.
    pub fn is_one(path: &Path) -> bool {
        if !path.is_file() {
            return false;
        }
        let mut start = Vec::new();
        let read = open(path).and_then(|reader| reader.take(START as u64).read_to_end(&mut start));
        // What was cut inside a character is no reason to doubt the rest.
        let text = String::from_utf8_lossy(&start);
        (read.is_ok() || !start.is_empty()) && Format::of(&text).is_some()
    }

    /// Reads a file. Where it cannot be read further, what was read before is there beside the error.
    pub fn open(path: &Path) -> (Self, Result<(), FlowLogError>) {
        let name = path.display().to_string();
        match open(path) {
            Ok(reader) => Self::read(&name, reader),
            Err(error) => (Self::default(), Err(FlowLogError::Read { name, error })),
        }
    }

    /// Reads a text as [`open`](Self::open) does a file; `name` is what errors call it.
    pub fn read(name: &str, reader: impl Read) -> (Self, Result<(), FlowLogError>) {
        let (mut log, mut records) = (Self::default(), Vec::new());
        let read = log.records_of(reader, &mut records);
        (log.flows, log.assumed_echo) = conversation::openings(records);
        (log, read.map_err(|stop| stop.named(name.to_owned())))
    }

    /// Collects the records of a text, and counts them.
    fn records_of(&mut self, mut reader: impl Read, records: &mut Vec<Record>) -> Result<(), Stop> {
        let mut start = Vec::with_capacity(START);
        reader.by_ref().take(START as u64).read_to_end(&mut start).map_err(Stop::Read)?;
        let reader = io::Cursor::new(start.clone()).chain(reader);
        // What was cut inside a character is no reason to doubt the rest.
        let start = String::from_utf8_lossy(&start).into_owned();
        let format = Format::of(&start).ok_or_else(|| Stop::Line(1, "expected a flow log".to_owned()))?;
        match format {
            Format::Azure => {
                let read = azure::read(&document::read(reader)?, records);
                self.records = records.len() as u64;
                return read;
            }
            Format::CloudWatch => {
                let events = document::read::<document::Events>(reader)?.events;
                let mut columns = None;
                for (at, event) in events.iter().enumerate() {
                    let read = records::line(&event.message, &mut columns, 0);
                    let stop = |problem| Stop::Place(format!("/events/{at}/message"), problem);
                    self.add(read.map_err(stop), records)?;
                }
            }
            Format::Zeek | Format::Records => {
                let read = if format == Format::Zeek { zeek::line } else { records::line };
                let mut columns = None;
                for line in Lines::new(reader) {
                    let (number, line) = line?;
                    let read = read(&line, &mut columns, number);
                    self.add(read.map_err(|problem| Stop::Line(number, problem)), records)?;
                }
            }
        }
        Ok(())
    }

    /// Counts what a line says, and keeps its record.
    fn add(&mut self, read: Result<Option<Line>, Stop>, records: &mut Vec<Record>) -> Result<(), Stop> {
        match read? {
            Some(Line::Record(record)) => records.push(record),
            Some(Line::Empty) => self.empty += 1,
            None => return Ok(()),
        }
        self.records += 1;
        Ok(())
    }
}
