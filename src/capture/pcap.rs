//! The pcap container (draft-ietf-opsawg-pcap): a header of 24 bytes, then records.
//!
//! Read as libpcap reads it: both byte orders, microseconds and nanoseconds, Kuznetzov's modified records, and the
//! length fields that versions before 2.4 wrote the other way round. The file's snap length is not a bound: a
//! record may be longer, and writers put 0 there.

use super::LinkType;
use super::error::{CaptureProblem, Expected, Fault};
use super::source::{Located, Source};
use super::ticks;

/// Length of the file header, in bytes.
const FILE_HEADER: usize = 24;

/// How to read the records of one file.
#[derive(Debug)]
pub(super) struct Pcap {
    little_endian: bool,
    nanoseconds_per_unit: u64,
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

/// Nanoseconds per unit of the time fraction, and the length of a record header.
const fn variant(magic: u32) -> Option<(u64, usize)> {
    match magic {
        0xa1b2_c3d4 => Some((1000, 16)),
        0xa1b2_3c4d => Some((1, 16)),
        // Kuznetzov's patch: interface number, protocol and packet type behind the usual fields.
        0xa1b2_cd34 => Some((1000, 24)),
        _ => None,
    }
}

impl Pcap {
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
        let Some((nanoseconds_per_unit, record_header)) = found else {
            return Err(source.fault(CaptureProblem::NotACapture(magic.to_vec())));
        };
        let short = |bytes| if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        let lengths = match (short([a0, a1]), short([i0, i1])) {
            (2, 0..=2) | (543, 0) => Lengths::WireFirst,
            (2, 3) => Lengths::Either,
            (2, _) => Lengths::CapturedFirst,
            (major, minor) => {
                let expected = "2.0 to 2.4";
                let problem = CaptureProblem::Version { format: "pcap", major, minor, expected };
                return Err(Fault { offset: start, problem });
            }
        };
        source.consume(FILE_HEADER);
        let network = [l0, l1, l2, l3];
        let network = if little_endian { u32::from_le_bytes(network) } else { u32::from_be_bytes(network) };
        let link = LinkType::of_pcap(network);
        Ok(Self { little_endian, nanoseconds_per_unit, record_header, lengths, link })
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&self, source: &mut Source) -> Result<Option<Located>, Fault> {
        let Some(header) = source.whole("record header", self.record_header)? else { return Ok(None) };
        let Some(&header) = header.first_chunk::<16>() else { return Ok(None) };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = header;
        let [seconds, fraction, first, second] =
            [[s0, s1, s2, s3], [f0, f1, f2, f3], [c0, c1, c2, c3], [w0, w1, w2, w3]].map(|bytes| {
                if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
            });
        let (captured, wire_length) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::WireFirst => (second, first),
            Lengths::Either => (first.min(second), first.max(second)),
        };

        let most = self.link.longest_frame();
        if captured > most {
            return Err(source.fault(CaptureProblem::ImpossibleLength {
                what: "the captured length of a record",
                found: u64::from(captured),
                expected: Expected::AtMost(u64::from(most)),
            }));
        }
        // Bounded by `longest_frame`, so it fits.
        let total = self.record_header + captured as usize;
        source.whole("record", total)?;
        let mut bytes = source.consume(total);
        bytes.start += self.record_header;
        Ok(Some(Located {
            time: ticks::seconds_and(seconds, u64::from(fraction) * self.nanoseconds_per_unit),
            link: self.link,
            bytes,
            wire_length,
        }))
    }
}
