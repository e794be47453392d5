//! The pcapng container (draft-ietf-opsawg-pcapng): sections of blocks.
//!
//! Section headers, interface descriptions and the three kinds of packet block are read; every other block
//! (statistics, names, secrets, custom, unknown) is stepped over without being kept.

use super::LinkType;
use super::error::{CaptureProblem, Expected, Fault};
use super::source::{Located, Source};
use super::ticks::Ticks;
use crate::packet::Timestamp;

/// The type of a section header block; it reads the same in both byte orders.
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and length before a block's body, length again behind it.
const BLOCK_OVERHEAD: u32 = 12;
/// The longest block that is looked into: a frame of the longest kind, and options.
const LONGEST_BLOCK: u32 = (128 << 20) + (1 << 20);

/// State of one pcapng file.
#[derive(Debug)]
pub(super) struct PcapNg {
    little_endian: bool,
    /// Interfaces of the current section.
    interfaces: Vec<Interface>,
    /// Simple packets have no time; they take that of the packet before.
    last_time: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// 0 is "no limit".
    snap_length: u32,
    ticks: Ticks,
    offset_seconds: i64,
}

/// The fields of a packet block that differ from kind to kind.
struct Fields {
    interface: u32,
    ticks: Option<u64>,
    captured: u32,
    wire_length: u32,
    /// Where the frame starts in the body.
    start: usize,
}

impl PcapNg {
    pub(super) const fn new() -> Self {
        Self { little_endian: true, interfaces: Vec::new(), last_time: Timestamp(0) }
    }

    /// The next packet; `None` at the end of the file.
    pub(super) fn next(&mut self, source: &mut Source) -> Result<Option<Located>, Fault> {
        loop {
            let Some(head) = source.whole("block header", 8)?.and_then(<[u8]>::first_chunk::<8>) else {
                return Ok(None);
            };
            let [k0, k1, k2, k3, l0, l1, l2, l3] = *head;
            let kind = [k0, k1, k2, k3];
            if kind == SECTION {
                self.section(source)?;
                continue;
            }
            let length = self.u32([l0, l1, l2, l3]);
            check_length(source, length, BLOCK_OVERHEAD)?;
            match self.u32(kind) {
                INTERFACE => self.interface(source, length)?,
                kind @ (OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) => {
                    return self.packet(source, kind, length).map(Some);
                }
                _ => step_over(source, length)?,
            }
        }
    }

    const fn u16(&self, bytes: [u8; 2]) -> u16 {
        if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    const fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }

    /// Starts a section: its byte order counts from here on, and it has no interfaces yet.
    fn section(&mut self, source: &mut Source) -> Result<(), Fault> {
        /// Up to and with the section length.
        const LEAST: u32 = 28;

        let start = source.offset();
        let Some(&head) = source.whole("section header", 16)?.and_then(<[u8]>::first_chunk::<16>) else {
            return Ok(());
        };
        let [_, _, _, _, l0, l1, l2, l3, o0, o1, o2, o3, a0, a1, i0, i1] = head;
        self.little_endian = match [o0, o1, o2, o3] {
            [0x1a, 0x2b, 0x3c, 0x4d] => false,
            [0x4d, 0x3c, 0x2b, 0x1a] => true,
            other => return Err(source.fault(CaptureProblem::ByteOrder(other))),
        };
        let length = self.u32([l0, l1, l2, l3]);
        check_length(source, length, LEAST)?;
        let (major, minor) = (self.u16([a0, a1]), self.u16([i0, i1]));
        if major != 1 {
            let expected = "1.0";
            let problem = CaptureProblem::Version { format: "pcapng", major, minor, expected };
            return Err(Fault { offset: start, problem });
        }
        self.interfaces.clear();
        step_over(source, length)
    }

    /// Adds an interface to the section.
    fn interface(&mut self, source: &mut Source, length: u32) -> Result<(), Fault> {
        check_length(source, length, BLOCK_OVERHEAD + 8)?;
        let fault = |source: &Source, what, found: usize, most: usize| {
            source.fault(CaptureProblem::ImpossibleLength {
                what,
                found: found as u64,
                expected: Expected::AtMost(most as u64),
            })
        };
        let (mut ticks, mut offset_seconds) = (Ticks::MICROSECONDS, 0);
        let body = self.body(source, length)?;
        let Some((&[t0, t1, _, _, s0, s1, s2, s3], mut options)) = body.split_first_chunk() else {
            return Err(fault(source, "the length of an interface block", 0, 0));
        };
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk() {
            let (code, size) = (self.u16([c0, c1]), usize::from(self.u16([l0, l1])));
            let Some((value, _)) = rest.split_at_checked(size) else {
                let most = rest.len();
                return Err(fault(source, "the length of an interface option", size, most));
            };
            match (code, value) {
                (0, _) => break,
                (9, &[resolution]) => ticks = Ticks::of_resolution(resolution),
                (14, &[b0, b1, b2, b3, b4, b5, b6, b7]) => {
                    let value = [b0, b1, b2, b3, b4, b5, b6, b7];
                    offset_seconds = if self.little_endian {
                        i64::from_le_bytes(value)
                    } else {
                        i64::from_be_bytes(value)
                    };
                }
                _ => {}
            }
            options = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
        let link = LinkType(u32::from(self.u16([t0, t1])));
        let snap_length = self.u32([s0, s1, s2, s3]);
        self.interfaces.push(Interface { link, snap_length, ticks, offset_seconds });
        source.consume(length as usize);
        Ok(())
    }

    /// A block's body, checked to be whole and closed by its length.
    fn body<'a>(&self, source: &'a mut Source, length: u32) -> Result<&'a [u8], Fault> {
        if length > LONGEST_BLOCK {
            return Err(impossible_block(source, length, Expected::AtMost(u64::from(LONGEST_BLOCK))));
        }
        let block = source.whole("block", length as usize)?.unwrap_or_default();
        let trailer = match block.last_chunk::<4>() {
            Some(trailer) => self.u32(*trailer),
            None => 0,
        };
        if trailer != length {
            return Err(trailer_differs(source, trailer, length));
        }
        let block = source.peek(length as usize)?;
        Ok(block.get(8..block.len().saturating_sub(4)).unwrap_or_default())
    }

    /// A packet of any of the three kinds.
    fn packet(&mut self, source: &mut Source, kind: u32, length: u32) -> Result<Located, Fault> {
        let (least, what) = match kind {
            SIMPLE_PACKET => (4, "the captured length of a simple packet"),
            _ => (20, "the captured length of a packet"),
        };
        check_length(source, length, BLOCK_OVERHEAD + least)?;
        let body = self.body(source, length)?;
        let room = body.len() - least as usize;
        let fields = self.fields(kind, body);
        let Some(interface) = self.interfaces.get(fields.interface as usize).copied() else {
            let problem =
                CaptureProblem::UnknownInterface { id: fields.interface, known: self.interfaces.len() };
            return Err(source.fault(problem));
        };
        let captured = if kind == SIMPLE_PACKET {
            match interface.snap_length {
                0 => fields.wire_length,
                most => fields.wire_length.min(most),
            }
        } else {
            fields.captured
        };
        let most = room.min(interface.link.longest_frame() as usize);
        if captured as usize > most {
            return Err(source.fault(CaptureProblem::ImpossibleLength {
                what,
                found: u64::from(captured),
                expected: Expected::AtMost(most as u64),
            }));
        }
        if let Some(ticks) = fields.ticks {
            self.last_time = interface.ticks.time(ticks, interface.offset_seconds);
        }
        let block = source.consume(length as usize);
        let start = block.start + 8 + fields.start;
        Ok(Located {
            time: self.last_time,
            link: interface.link,
            bytes: start..start + captured as usize,
            wire_length: fields.wire_length,
        })
    }

    /// Reads the fixed part of a packet block, which is long enough.
    fn fields(&self, kind: u32, body: &[u8]) -> Fields {
        let word = |index: usize| {
            let bytes = body.get(4 * index..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| self.u32(*bytes))
        };
        if kind == SIMPLE_PACKET {
            return Fields { interface: 0, ticks: None, captured: 0, wire_length: word(0), start: 4 };
        }
        let interface = match body.first_chunk::<2>() {
            // The obsolete block keeps a count of drops in the other half of the word.
            Some(number) if kind == OBSOLETE_PACKET => u32::from(self.u16(*number)),
            _ => word(0),
        };
        let ticks = Some(u64::from(word(1)) << 32 | u64::from(word(2)));
        Fields { interface, ticks, captured: word(3), wire_length: word(4), start: 20 }
    }
}

/// Checks a block's stated length before anything is made of it.
fn check_length(source: &Source, length: u32, least: u32) -> Result<(), Fault> {
    if length < least {
        return Err(impossible_block(source, length, Expected::AtLeast(u64::from(least))));
    }
    if !length.is_multiple_of(4) {
        return Err(impossible_block(source, length, Expected::MultipleOf(4)));
    }
    Ok(())
}

fn impossible_block(source: &Source, length: u32, expected: Expected) -> Fault {
    let what = "the length of a block";
    source.fault(CaptureProblem::ImpossibleLength { what, found: u64::from(length), expected })
}

fn trailer_differs(source: &Source, trailer: u32, length: u32) -> Fault {
    source.fault(CaptureProblem::ImpossibleLength {
        what: "the length that closes a block",
        found: u64::from(trailer),
        expected: Expected::Exactly(u64::from(length)),
    })
}

/// Steps over a block of any length without keeping it.
fn step_over(source: &mut Source, length: u32) -> Result<(), Fault> {
    let offset = source.offset();
    let present = source.skip(u64::from(length))?;
    if present < u64::from(length) {
        let problem = CaptureProblem::Cut { what: "block", expected: u64::from(length), present };
        return Err(Fault { offset, problem });
    }
    Ok(())
}
