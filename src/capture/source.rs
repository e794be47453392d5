//! A reader with a buffer that grows to one record and no further, and that knows where in the file it is.

use std::io::{self, Read};
use std::ops::Range;

use super::LinkType;
use super::compressed::Compression;
use super::error::{CaptureProblem, Fault};
use crate::packet::Timestamp;

/// Bytes asked of the reader at once. Small enough that hundreds of rotated captures can be open together.
pub(super) const CHUNK: usize = 128 << 10;

/// A record whose bytes are still in the source's buffer.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) bytes: Range<usize>,
    pub(super) wire_length: u32,
    /// Where its interface is described; in a pcap file, where it starts itself.
    pub(super) described: u64,
}

/// Buffered bytes of a capture.
pub(super) struct Source {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The part of the buffer that holds bytes not yet consumed.
    filled: Range<usize>,
    /// Offset in the capture of the first byte not yet consumed.
    offset: u64,
    /// Bytes cut out behind what is not yet consumed.
    cut_out: u64,
}

impl Source {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::at(reader, 0)
    }

    /// A source whose next byte is at this offset of the capture.
    pub(super) fn at(reader: Box<dyn Read + Send>, offset: u64) -> Self {
        Self { reader, buffer: Vec::new(), filled: 0..0, offset, cut_out: 0 }
    }

    /// The decompressed stream, if this one is compressed. Offsets are those of what it holds.
    pub(super) fn decompressed(mut self) -> Result<Self, Fault> {
        let Some(compression) = Compression::of(self.peek(4)?) else { return Ok(self) };
        let start = io::Cursor::new(self.buffer[self.filled].to_vec());
        Ok(Self::new(compression.open(Box::new(start.chain(self.reader)))))
    }

    /// Offset in the capture of the next byte.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// A fault at the next byte.
    pub(super) const fn fault(&self, problem: CaptureProblem) -> Fault {
        Fault { offset: self.offset, problem }
    }

    /// The next bytes: `wanted` of them, or those that are left when the capture ends before.
    ///
    /// The buffer grows with what the reader delivers, never with what a length field promises.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], Fault> {
        while self.filled.len() < wanted {
            if self.filled.end == self.buffer.len() {
                if self.filled.start > 0 {
                    self.buffer.copy_within(self.filled.clone(), 0);
                    self.filled = 0..self.filled.len();
                } else {
                    self.buffer.resize(self.buffer.len() + CHUNK, 0);
                }
            }
            match self.reader.read(&mut self.buffer[self.filled.end..]) {
                Ok(0) => break,
                Ok(count) => self.filled.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault(CaptureProblem::Read(error))),
            }
        }
        let end = self.filled.end.min(self.filled.start.saturating_add(wanted));
        Ok(&self.buffer[self.filled.start..end])
    }

    /// The next `wanted` bytes as what they are called; `None` at the end of the capture.
    pub(super) fn whole(&mut self, what: &'static str, wanted: usize) -> Result<Option<&[u8]>, Fault> {
        let present = self.peek(wanted)?.len();
        if present == 0 && wanted > 0 {
            return Ok(None);
        }
        if present < wanted {
            return Err(self.cut(what, wanted as u64, present as u64));
        }
        self.peek(wanted).map(Some)
    }

    /// The fault of a capture that ends inside something.
    pub(super) const fn cut(&self, what: &'static str, expected: u64, present: u64) -> Fault {
        self.fault(CaptureProblem::Cut { what, expected, present })
    }

    /// Consumes bytes that [`peek`](Self::peek) has shown, and says where [`bytes`](Self::bytes) finds them until
    /// the next `peek`. What was [cut out](Self::cut_out) of them counts as consumed as well.
    pub(super) fn consume(&mut self, count: usize) -> Range<usize> {
        let count = count.min(self.filled.len());
        let consumed = self.filled.start..self.filled.start + count;
        self.filled.start += count;
        self.offset += count as u64 + std::mem::take(&mut self.cut_out);
        consumed
    }

    /// Cuts out the `count` bytes behind the next `kept`, so that these are followed by what lies behind; never holds
    /// more of them than a chunk. Returns how many of them there were.
    pub(super) fn cut_out(&mut self, kept: usize, count: u64) -> Result<u64, Fault> {
        let mut left = count;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
            let present = self.peek(kept + step)?.len().saturating_sub(kept);
            if present == 0 {
                break;
            }
            let start = self.filled.start + kept;
            self.buffer.copy_within(start + present..self.filled.end, start);
            self.filled.end -= present;
            left -= present as u64;
        }
        self.cut_out += count - left;
        Ok(count - left)
    }

    /// Bytes consumed since the last `peek`.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Consumes bytes that nobody looks at, and returns how many of them there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, Fault> {
        let mut left = count;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
            let present = self.peek(step)?.len();
            self.consume(present);
            left -= present as u64;
            if present < step {
                break;
            }
        }
        Ok(count - left)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("offset", &self.offset).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pcapng::PcapNg;
    use super::*;

    fn block(kind: u32, body: &[&[u8]]) -> Vec<u8> {
        let body = body.concat();
        let length = u32::try_from(12 + body.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    }

    #[test]
    fn the_buffer_does_not_follow_the_length_of_a_block() {
        let section = block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]);
        // A comment of 65,532 bytes, again and again, and behind them that times count in seconds.
        let comment = [&[1, 0, 0xfc, 0xff][..], &vec![b'x'; 65_532]].concat();
        let interface =
            block(1, &[&[101, 0, 0, 0, 0, 0, 0, 0], &comment.repeat(99), &[9, 0, 1, 0, 0, 0, 0, 0]]);
        let time = [0, 0, 0, 0, 7, 0, 0, 0];
        let packet =
            |frame: &[u8]| block(6, &[&[0; 4], &time, &[4, 0, 0, 0, 9, 0, 0, 0], frame, &comment.repeat(99)]);
        let file = [section, interface, packet(b"one."), packet(b"two.")].concat();
        let length = file.len() as u64;
        let mut source = Source::new(Box::new(io::Cursor::new(file)));
        let mut pcapng = PcapNg::new();
        for frame in [b"one.", b"two."] {
            let located =
                pcapng.next(&mut source).ok().flatten().map(|at| (at.time.0, source.bytes(at.bytes)));
            assert_eq!(located, Some((7_000_000_000, &frame[..])));
        }
        assert_eq!(source.offset(), length);
        assert!(matches!(pcapng.next(&mut source), Ok(None)));
        assert!(source.buffer.len() <= 4 * CHUNK, "{}", source.buffer.len());
    }
}
