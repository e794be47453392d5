//! A pcap file by blocks, each of which can be read and decoded on its own.
//!
//! Where the records of a block start is guessed from its bytes; whoever puts the blocks together must check that each
//! begins where the one before it ended, and read those again that do not. So the outcome never rests on a
//! guess: a capture whose payload is itself a capture only takes longer.
//!
//! Only whole files of the pcap container are read here; everything else goes through
//! [`CaptureReader`](super::CaptureReader).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::{CaptureError, CaptureProblem, Fault};
use super::pcap::{self, Pcap, RecordHeader};
use super::source::Source;
use super::{LinkCounts, LinkType, TunnelPorts, decode, decode_layers, quick};
use crate::packet::{Compact, Layer, Packet};

/// Read at once: what is decoded of it stays in the cache beside it.
const PIECE: usize = 128 << 10;
/// Read behind a block, so that its last record is seldom cut; the next block reads it again.
const SLACK: u64 = 2048;
/// Records in a row that a guess must fit.
const CHAIN: usize = 6;
/// Guessed times lie this close to the first record's, in seconds.
const NEAR: u32 = 40 * 24 * 3600;

/// Takes the packets of a block, in order.
pub trait Sink {
    /// A packet that has a compact form.
    fn compact(&mut self, packet: Compact);
    /// Any packet.
    fn packet(&mut self, packet: Packet);
    /// The packets of a frame whose tunnels are opened, outermost first.
    fn layers(&mut self, layers: &[Layer]);
}

/// What was read of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where its first record starts; `None` when no start could be guessed.
    pub start: Option<u64>,
    /// Where the first record behind it starts, or the one that could not be read.
    pub end: u64,
    /// Whether the record at `end` could not be read.
    pub stopped: bool,
}

/// A regular file in the pcap format.
#[derive(Debug)]
pub struct Blocks {
    file: File,
    name: String,
    length: u64,
    pcap: Pcap,
    size: u64,
    /// Seconds of the first record: guesses keep near it.
    seconds: u32,
    /// Where tunnels are opened.
    tunnels: Option<TunnelPorts>,
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// A part of a file in memory.
struct Window<'a> {
    file: &'a File,
    /// How long the file is taken to be.
    length: u64,
    buffer: &'a mut Vec<u8>,
    /// The offset of the first byte.
    begin: u64,
    filled: usize,
}

impl Window<'_> {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Lets go of so many bytes at the front.
    fn drop_front(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.begin += count as u64;
        self.filled -= count;
    }

    /// Reads on until there are so many bytes, as far as the file goes.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let left = usize::try_from(self.length.saturating_sub(self.begin)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.filled < wanted {
            let (rest, offset) = (&mut self.buffer[self.filled..wanted], self.begin + self.filled as u64);
            match read_at(self.file, rest, offset) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Gives the records that start before `limit` to `each`, up to the first that is not all there or longer than `most`;
/// returns where that is.
#[inline]
fn records(
    bytes: &[u8],
    limit: usize,
    header_length: usize,
    most: u32,
    read: impl Fn(&[u8; 16]) -> RecordHeader,
    mut each: impl FnMut(&RecordHeader, &[u8]),
) -> usize {
    let mut at = 0;
    while at < limit
        && let Some(rest) = bytes.get(at..)
        && let Some(header) = rest.first_chunk()
    {
        let header = read(header);
        if header.captured > most {
            break;
        }
        let next = header_length + header.captured as usize;
        let Some(body) = rest.get(header_length..next) else { break };
        each(&header, body);
        at += next;
    }
    at
}

impl Blocks {
    /// Opens a capture for reading by blocks of `size` bytes; `None` when it is not a regular file or not a
    /// pcap file, or anything is wrong with its header: then [`CaptureReader`](super::CaptureReader) has more to say.
    pub fn open(path: &Path, size: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() {
            return None;
        }
        // The longest of file headers, and what all record headers begin with.
        let (length, mut head) = (metadata.len(), vec![]);
        let mut window = Window { file: &file, length, buffer: &mut head, begin: 0, filled: 0 };
        window.fill(28 + 16).ok()?;
        let head = window.bytes();
        if !pcap::is_magic(*head.first_chunk()?) {
            return None;
        }
        let pcap = Pcap::new(&mut Source::new(Box::new(io::Cursor::new(head.to_vec())))).ok()?;
        let first = head.get(pcap.file_header()..).and_then(<[u8]>::first_chunk);
        let seconds = first.map_or(0, |header| pcap.record(header).seconds);
        let name = path.display().to_string();
        Some(Self { file, name, length, pcap, size: size.max(64) as u64, seconds, tunnels: None })
    }

    /// Opens tunnels on the way: what they carry follows them as layers of the frame.
    #[must_use]
    pub fn opening(mut self, tunnels: Option<TunnelPorts>) -> Self {
        self.tunnels = tunnels;
        self
    }

    /// The capture, as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the first byte of every frame is.
    pub const fn link(&self) -> LinkType {
        self.pcap.link()
    }

    /// How many blocks there are.
    pub const fn count(&self) -> u64 {
        self.length.div_ceil(self.size)
    }

    /// Where the first record of the file starts.
    pub const fn first_record(&self) -> u64 {
        self.pcap.file_header() as u64
    }

    /// Where a block ends; records that start before belong to it.
    pub fn end(&self, index: u64) -> u64 {
        ((index + 1) * self.size).min(self.length)
    }

    /// Reads a block and gives its packets to `sink`.
    ///
    /// `start` is where its first record starts; without it the start is guessed. `buffer` is scratch space.
    pub fn parse(
        &self,
        index: u64,
        start: Option<u64>,
        buffer: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> io::Result<Block> {
        let end = self.end(index);
        let begin = start.unwrap_or(index * self.size).max(self.first_record());
        if begin >= end {
            return Ok(Block { start: Some(begin), end: begin, stopped: false });
        }
        let (file, length) = (&self.file, self.length);
        let mut window = Window { file, length, buffer, begin, filled: 0 };
        // Of the block and what may run over its end.
        let piece = |begin| PIECE.min(usize::try_from((end + SLACK).saturating_sub(begin)).unwrap_or(PIECE));
        window.fill(piece(begin))?;
        let mut at = match start {
            Some(_) => 0,
            None if index == 0 => 0,
            None => match self.guess_in(&mut window, end)? {
                Some(at) => at,
                None => return Ok(Block { start: None, end: begin, stopped: false }),
            },
        };
        let first = begin + at as u64;
        let (header_length, most) = (self.pcap.record_header(), self.pcap.link().longest_frame());
        // Within the window.
        let mut limit = usize::try_from(end - begin).unwrap_or(usize::MAX);
        let mut whole = false;
        let stopped = loop {
            let walked = self.walk(&window.bytes()[at..], limit - at, sink);
            if walked == 0 && whole {
                break true;
            }
            at += walked;
            if at >= limit {
                break false;
            }
            // The next record is not all there.
            window.drop_front(at);
            limit -= at;
            at = 0;
            window.fill(piece(window.begin).max(header_length))?;
            let Some(header) = window.bytes().first_chunk() else { break true };
            let header = self.pcap.record(header);
            if header.captured > most {
                break true;
            }
            let next = header_length + header.captured as usize;
            window.fill(next)?;
            if window.filled < next {
                break true;
            }
            whole = true;
        };
        Ok(Block { start: Some(first), end: window.begin + at as u64, stopped })
    }

    /// Decodes the records that start before `limit`, up to the first that is not all there; returns where that is.
    fn walk(&self, bytes: &[u8], limit: usize, sink: &mut impl Sink) -> usize {
        let (pcap, link) = (&self.pcap, self.pcap.link());
        let whole = |time, bytes: &[u8], wire_length| Packet {
            time,
            length: wire_length,
            content: decode(link, bytes, wire_length),
        };
        if let Some(ports) = &self.tunnels {
            return self.records(bytes, limit, |header, bytes| {
                sink.layers(&decode_layers(link, pcap.time(header), bytes, header.wire_length, ports));
            });
        }
        if link != LinkType::ETHERNET {
            return self.records(bytes, limit, |header, bytes| {
                sink.packet(whole(pcap.time(header), bytes, header.wire_length));
            });
        }
        self.records(bytes, limit, |header, bytes| {
            let time = pcap.time(header);
            match quick(time, bytes, header.wire_length) {
                Some(compact) => sink.compact(compact),
                None => sink.packet(whole(time, bytes, header.wire_length)),
            }
        })
    }

    /// Gives these records to `each`, by a loop of its own for the common variant.
    #[inline]
    fn records(&self, bytes: &[u8], limit: usize, each: impl FnMut(&RecordHeader, &[u8])) -> usize {
        let (pcap, most) = (&self.pcap, self.pcap.link().longest_frame());
        if pcap.is_common() {
            return records(bytes, limit, Pcap::COMMON_HEADER, most, Pcap::common_record, each);
        }
        records(bytes, limit, pcap.record_header(), most, |header| pcap.record(header), each)
    }

    /// Where in the window the first record of the block that ends at `end` may start.
    fn guess_in(&self, window: &mut Window<'_>, end: u64) -> io::Result<Option<usize>> {
        let limit = usize::try_from(end - window.begin).unwrap_or(usize::MAX);
        let found = self.guess(window.bytes(), window.filled.min(limit));
        if found.is_some() || window.filled >= limit {
            return Ok(found);
        }
        // Inside of a record that is longer than a piece.
        window.fill(limit)?;
        Ok(self.guess(window.bytes(), window.filled.min(limit)))
    }

    /// The first place among `candidates` at which a chain of plausible records starts.
    fn guess(&self, bytes: &[u8], candidates: usize) -> Option<usize> {
        (0..candidates).find(|&at| {
            let mut next = at;
            for _ in 0..CHAIN {
                let Some(header) = bytes.get(next..).and_then(<[u8]>::first_chunk) else {
                    return next > at;
                };
                let header = self.pcap.record(header);
                if !self.is_plausible(&header) {
                    return false;
                }
                next += self.pcap.record_header() + header.captured as usize;
            }
            true
        })
    }

    fn is_plausible(&self, header: &RecordHeader) -> bool {
        header.captured > 0
            && header.captured <= header.wire_length
            && header.wire_length <= self.pcap.link().longest_frame()
            && header.seconds.abs_diff(self.seconds) < NEAR
            && self.pcap.is_tidy(header)
    }

    /// Why no record could be read at this offset, which lies before the end that the file had when it was opened.
    pub fn error_at(&self, offset: u64) -> CaptureError {
        match self.fault_at(offset) {
            Ok(fault) => fault.named(&self.name),
            Err(error) => self.read_error(offset, error),
        }
    }

    fn fault_at(&self, offset: u64) -> io::Result<Fault> {
        let shrunk = |end| Fault { offset, problem: CaptureProblem::Shrunk { end, length: self.length } };
        let end = self.file.metadata()?.len();
        if end < self.length {
            return Ok(shrunk(end));
        }
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        // Not behind the length that the blocks were cut by, even where the file has grown.
        let rest = file.take(self.length.saturating_sub(offset));
        let mut source = Source::at(Box::new(rest), offset);
        // A file that can be read on by now was cut and has grown again.
        Ok(self.pcap.next(&mut source).err().unwrap_or_else(|| shrunk(offset)))
    }

    /// That none of so many frames is decoded, because of the link type.
    pub fn unsupported(&self, frames: u64) -> CaptureError {
        let problem = CaptureProblem::LinkType(LinkCounts::of(self.link(), frames));
        CaptureError::new(self.name.clone(), self.first_record(), problem)
    }

    /// An error of the system while reading a block.
    pub fn read_error(&self, offset: u64, error: io::Error) -> CaptureError {
        CaptureError::new(self.name.clone(), offset, CaptureProblem::Read(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl Sink for Nowhere {
        fn compact(&mut self, _: Compact) {}
        fn packet(&mut self, _: Packet) {}
        fn layers(&mut self, _: &[Layer]) {}
    }

    /// Else all is read again, one block after the other, and nobody sees it but by the time it takes.
    #[test]
    fn each_block_is_guessed_to_start_where_the_one_before_ends() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.pcap");
        // Smaller than a piece, and larger.
        for size in [10_000, 150_000] {
            let blocks = Blocks::open(&path, size).unwrap();
            let mut end = blocks.first_record();
            for index in 0..blocks.count() {
                if end >= blocks.end(index) {
                    // Inside of a record that began before.
                    continue;
                }
                let block = blocks.parse(index, None, &mut vec![], &mut Nowhere).unwrap();
                assert_eq!(block.start, Some(end), "block {index} of {size} bytes");
                assert!(!block.stopped && block.end >= blocks.end(index));
                end = block.end;
            }
        }
    }
}
