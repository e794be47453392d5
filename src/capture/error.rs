//! What can be wrong with a capture, told with the file, the byte and what was expected there.

use std::fmt;
use std::io;

use super::LinkCounts;

/// Why a capture could not be read, or not further.
///
/// Prints all there is to tell, as a fragment fit for "failed to ..."; so it has no source of its own. What was
/// read before it stays valid.
#[derive(Debug, thiserror::Error)]
pub struct CaptureError {
    name: String,
    offset: u64,
    problem: CaptureProblem,
}

impl CaptureError {
    pub(super) const fn new(name: String, offset: u64, problem: CaptureProblem) -> Self {
        Self { name, offset, problem }
    }

    /// The capture, as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The byte, counted from 0, at which the record, block or header starts that could not be read.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the capture just ends too early.
    pub const fn is_cut(&self) -> bool {
        matches!(self.problem, CaptureProblem::Cut { .. } | CaptureProblem::Empty)
    }

    /// What is wrong there.
    pub const fn problem(&self) -> &CaptureProblem {
        &self.problem
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            CaptureProblem::Open(error) => write!(f, "open {}: {error}", self.name),
            CaptureProblem::Directory | CaptureProblem::Pipe => {
                write!(f, "open {}: {}", self.name, self.problem)
            }
            problem => write!(f, "read {} at byte {}: {problem}", self.name, self.offset),
        }
    }
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureProblem {
    /// The file is missing, or not ours to read.
    #[error("{0}")]
    Open(io::Error),
    /// The path is a directory.
    #[error("is a directory, expected a pcap or pcapng file")]
    Directory,
    /// A pipe stands before other captures.
    #[error("is a pipe or a device, which can only be the last of several captures")]
    Pipe,
    /// The system failed while reading.
    #[error("{0}")]
    Read(io::Error),
    /// There is no byte in it.
    #[error("the file is empty, expected a pcap or pcapng capture")]
    Empty,
    /// It starts with something else; up to four bytes of it.
    #[error("not a capture: it starts with {}, expected the magic number of pcap or pcapng{}", Hex(.0), or_log(.0))]
    NotACapture(Vec<u8>),
    /// The file ends inside a header, record or block.
    #[error("the file ends inside a {what}: expected {expected} bytes, found {present}")]
    Cut {
        /// What is incomplete.
        what: &'static str,
        /// Bytes it takes.
        expected: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// A file that is shorter than it was.
    #[error("the file ended at byte {end}, it was {length} bytes long when it was opened")]
    Shrunk {
        /// Where it ended when that was met.
        end: u64,
        /// Its length in bytes before.
        length: u64,
    },
    /// A length, or a number of things, that cannot be.
    #[error("{what} is {found}, expected {expected}")]
    ImpossibleLength {
        /// Which length or number.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// What it may say.
        expected: Expected,
    },
    /// A version of the format that nobody reads.
    #[error("{format} version {major}.{minor}, expected {expected}")]
    Version {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// Major version found.
        major: u16,
        /// Minor version found.
        minor: u16,
        /// What is readable.
        expected: &'static str,
    },
    /// A pcapng section whose byte order is not told.
    #[error("the byte-order magic of a section is {}, expected 1a 2b 3c 4d or 4d 3c 2b 1a", Hex(.0))]
    ByteOrder([u8; 4]),
    /// Frames of link types that are not decoded, by link type. Told when the capture is at its end; they were given as
    /// [`Content::NotIp`](crate::packet::Content::NotIp).
    #[error("{}", Undecoded(.0))]
    LinkType(LinkCounts),
    /// A pcapng packet names an interface that the section does not have.
    #[error("a packet of interface {id}, but the section describes {known} interfaces")]
    UnknownInterface {
        /// Number of the interface, from 0.
        id: u32,
        /// How many there are.
        known: usize,
    },
}

/// What a length may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// No more than this.
    AtMost(u64),
    /// No less than this.
    AtLeast(u64),
    /// Exactly this.
    Exactly(u64),
    /// A multiple of this.
    MultipleOf(u64),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Exactly(value) => write!(f, "{value}"),
            Self::MultipleOf(factor) => write!(f, "a multiple of {factor}"),
        }
    }
}

/// What else a text might have been.
fn or_log(start: &[u8]) -> &'static str {
    if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        ", or of a text a flow log: AWS or Huawei VPC flow logs, events of CloudWatch, Azure NSG flow logs, Zeek's conn.log, \
         CSV with a heading; what a cloud exports of groups and interfaces is given with -s"
    } else {
        ""
    }
}

/// Link types that are not decoded, with their frames.
struct Undecoded<'a>(&'a LinkCounts);

impl fmt::Display for Undecoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Link types that are told one by one: a section may have thousands.
        const TOLD: usize = 8;

        for (i, (link, frames)) in self.0.iter().take(TOLD).enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{link} is not supported, frames that are not decoded: {frames}")?;
        }
        match self
            .0
            .iter()
            .skip(TOLD)
            .map(|(_, frames)| frames)
            .fold((0, 0), |(n, sum), more| (n + 1, sum + more))
        {
            (0, _) => Ok(()),
            (links, frames) => write!(f, "; and {links} other link types: {frames}"),
        }
    }
}

/// Bytes as `0a 0d 0d 0a`.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A problem at a byte of a capture that has yet to be named.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: u64,
    pub(super) problem: CaptureProblem,
}

impl Fault {
    pub(super) fn named(self, name: &str) -> CaptureError {
        CaptureError::new(name.to_owned(), self.offset, self.problem)
    }
}
