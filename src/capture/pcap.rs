//! The pcap container (draft-ietf-opsawg-pcap): a header of 24 bytes, then records.
//!
//! Read as libpcap reads it: both byte orders, microseconds and nanoseconds, Kuznetzov's modified records, IXIA's file
//! header, and the length fields that versions before 2.4 wrote the other way round. The file's snap length is not a bound: a
//! record may be longer, and writers put 0 there.

use super::LinkType;
use super::error::{CaptureProblem, Expected, Fault};
use super::source::{Located, Source};
use super::ticks;
use crate::packet::Timestamp;

/// Length of the file header, in bytes.
const FILE_HEADER: usize = 24;

/// How to read the records of one file.
#[derive(Debug, Clone)]
pub(super) struct Pcap {
    little_endian: bool,
    nanoseconds_per_unit: u16,
    file_header: usize,
    record_header: usize,
    lengths: Lengths,
    link: LinkType,
}

/// The order of captured length and wire length in a record header.
#[derive(Debug, Clone, Copy)]
enum Lengths {
    CapturedFirst,
    WireFirst,
    /// Version 2.3 was written both ways; the captured length is the smaller.
    Either,
}

/// Whether a capture that starts with these bytes is a pcap file.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    variant(u32::from_be_bytes(magic)).is_some() || variant(u32::from_le_bytes(magic)).is_some()
}

/// Nanoseconds per unit of the time fraction, and the lengths of file header and record headers.
const fn variant(magic: u32) -> Option<(u16, usize, usize)> {
    match magic {
        0xa1b2_c3d4 => Some((1000, FILE_HEADER, 16)),
        0xa1b2_3c4d => Some((1, FILE_HEADER, 16)),
        // Kuznetzov's patch: interface number, protocol and packet type behind the usual fields.
        0xa1b2_cd34 => Some((1000, FILE_HEADER, 24)),
        // IXIA's lcap, hardware and software: the length of all records behind the usual fields. libpcap does not read them;
        // Wireshark does, both with microseconds.
        0x1c00_01ac | 0x1c00_01ab => Some((1000, FILE_HEADER + 4, 16)),
        _ => None,
    }
}

#[inline]
fn words(header: &[u8; 16], word: impl Fn([u8; 4]) -> u32) -> [u32; 4] {
    let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = *header;
    [[s0, s1, s2, s3], [f0, f1, f2, f3], [c0, c1, c2, c3], [w0, w1, w2, w3]].map(word)
}

impl Pcap {
    /// Length of a record header of the common variant, in bytes.
    pub(super) const COMMON_HEADER: usize = 16;

    /// Reads the file header.
    pub(super) fn new(source: &mut Source) -> Result<Self, Fault> {
        let start = source.offset();
        let header = match source.whole("pcap file header", FILE_HEADER)?.and_then(<[u8]>::first_chunk) {
            Some(header) => *header,
            None => return Err(source.cut("pcap file header", FILE_HEADER as u64, 0)),
        };
        let [m0, m1, m2, m3, a0, a1, i0, i1, _, _, _, _, _, _, _, _, _, _, _, _, l0, l1, l2, l3]: [u8;
            FILE_HEADER] = header;

        let magic = [m0, m1, m2, m3];
        let (little_endian, found) = match variant(u32::from_le_bytes(magic)) {
            Some(found) => (true, Some(found)),
            None => (false, variant(u32::from_be_bytes(magic))),
        };
        let Some((nanoseconds_per_unit, file_header, record_header)) = found else {
            return Err(source.fault(CaptureProblem::NotACapture(magic.to_vec())));
        };
        let short = |bytes| if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        let lengths = match (short([a0, a1]), short([i0, i1])) {
            (2, 0..=2) | (543, 0) => Lengths::WireFirst,
            (2, 3) => Lengths::Either,
            (2, _) => Lengths::CapturedFirst,
            (major, minor) => {
                let expected = "2.x";
                let problem = CaptureProblem::Version { format: "pcap", major, minor, expected };
                return Err(Fault { offset: start, problem });
            }
        };
        source.whole("pcap file header", file_header)?;
        source.consume(file_header);
        let network = [l0, l1, l2, l3];
        let network = if little_endian { u32::from_le_bytes(network) } else { u32::from_be_bytes(network) };
        let link = LinkType::of_pcap(network);
        Ok(Self { little_endian, nanoseconds_per_unit, file_header, record_header, lengths, link })
    }

    /// Length of the file header, in bytes.
    pub(super) const fn file_header(&self) -> usize {
        self.file_header
    }

    /// Length of a record header, in bytes.
    pub(super) const fn record_header(&self) -> usize {
        self.record_header
    }

    /// What the first byte of every frame is.
    pub(super) const fn link(&self) -> LinkType {
        self.link
    }

    /// What a record header says.
    #[inline]
    pub(super) fn record(&self, header: &[u8; 16]) -> RecordHeader {
        let word = if self.little_endian { u32::from_le_bytes } else { u32::from_be_bytes };
        let [seconds, fraction, first, second] = words(header, word);
        let (captured, wire_length) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::WireFirst => (second, first),
            Lengths::Either => (first.min(second), first.max(second)),
        };
        RecordHeader { seconds, fraction, captured, wire_length }
    }

    /// Whether this is the variant that nearly every writer writes, of which [`Self::common_record`] reads the records.
    pub(super) fn is_common(&self) -> bool {
        let lengths = matches!(self.lengths, Lengths::CapturedFirst);
        self.little_endian && lengths && self.record_header == Self::COMMON_HEADER
    }

    /// What a record header of the common variant says.
    #[inline]
    pub(super) fn common_record(header: &[u8; 16]) -> RecordHeader {
        let [seconds, fraction, captured, wire_length] = words(header, u32::from_le_bytes);
        RecordHeader { seconds, fraction, captured, wire_length }
    }

    /// The moment a record header tells.
    #[inline]
    pub(super) fn time(&self, header: &RecordHeader) -> Timestamp {
        ticks::seconds_and(header.seconds, header.fraction, self.nanoseconds_per_unit)
    }

    /// Whether the fraction is less than a second, as every tidy writer has it.
    pub(super) const fn is_tidy(&self, header: &RecordHeader) -> bool {
        header.fraction as u64 * (self.nanoseconds_per_unit as u64) < 1_000_000_000
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&self, source: &mut Source) -> Result<Option<Located>, Fault> {
        let Some(header) = source.whole("record header", self.record_header)? else { return Ok(None) };
        let Some(header) = header.first_chunk::<16>() else { return Ok(None) };
        let header = self.record(header);
        let most = self.link.longest_frame();
        if header.captured > most {
            return Err(source.fault(CaptureProblem::ImpossibleLength {
                what: "the captured length of a record",
                found: u64::from(header.captured),
                expected: Expected::AtMost(u64::from(most)),
            }));
        }
        // Bounded by `longest_frame`, so it fits.
        let total = self.record_header + header.captured as usize;
        source.whole("record", total)?;
        let described = source.offset();
        let mut bytes = source.consume(total);
        bytes.start += self.record_header;
        let time = self.time(&header);
        Ok(Some(Located { time, link: self.link, bytes, wire_length: header.wire_length, described }))
    }
}

/// The part of a record header that all variants share.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHeader {
    pub(super) seconds: u32,
    fraction: u32,
    /// Bytes that follow.
    pub(super) captured: u32,
    /// Bytes on the wire.
    pub(super) wire_length: u32,
}
