//! The pcapng container (draft-ietf-opsawg-pcapng): sections of blocks.
//!
//! Section headers, interface descriptions and the three kinds of packet block are read; every other block
//! (statistics, names, secrets, custom, unknown) is stepped over without being kept.

use super::LinkType;
use super::error::{CaptureProblem, Expected, Fault};
use super::source::{CHUNK, Located, Source};
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
const LONGEST_BLOCK: u64 = (128 << 20) + (1 << 20);
/// The most interfaces in a section: all that the obsolete packet block can name, and far more than any host has.
const MOST_INTERFACES: usize = 1 << 16;

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
    /// Where its description stands.
    described: u64,
}

/// A block of which the head was seen.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Where it starts.
    offset: u64,
    /// Its length, as the head states it.
    stated: u32,
}

/// The fields of a packet block that differ from kind to kind.
struct Fields {
    interface: u32,
    ticks: Option<u64>,
    captured: u32,
    wire_length: u32,
}

impl PcapNg {
    pub(super) const fn new() -> Self {
        Self { little_endian: true, interfaces: Vec::new(), last_time: Timestamp(0) }
    }

    /// The next packet; `None` at the end of the file.
    pub(super) fn next(&mut self, source: &mut Source) -> Result<Option<Located>, Fault> {
        loop {
            let offset = source.offset();
            let Some(head) = source.whole("block header", 8)?.and_then(<[u8]>::first_chunk::<8>) else {
                return Ok(None);
            };
            let [k0, k1, k2, k3, l0, l1, l2, l3] = *head;
            let kind = [k0, k1, k2, k3];
            if kind == SECTION {
                self.section(source)?;
                continue;
            }
            let block = Block { offset, stated: self.u32([l0, l1, l2, l3]) };
            block.check(BLOCK_OVERHEAD)?;
            match self.u32(kind) {
                INTERFACE => self.interface(source, block)?,
                kind @ (OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) => {
                    return self.packet(source, kind, block).map(Some);
                }
                _ => self.step_over(source, block)?,
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
        let block = Block { offset: start, stated: self.u32([l0, l1, l2, l3]) };
        block.check(LEAST)?;
        let (major, minor) = (self.u16([a0, a1]), self.u16([i0, i1]));
        if major != 1 {
            let expected = "1.0";
            let problem = CaptureProblem::Version { format: "pcapng", major, minor, expected };
            return Err(Fault { offset: start, problem });
        }
        self.interfaces.clear();
        self.step_over(source, block)
    }

    /// Adds an interface to the section. Its options are read one by one: they may be long.
    fn interface(&mut self, source: &mut Source, block: Block) -> Result<(), Fault> {
        block.check(BLOCK_OVERHEAD + 8)?;
        if self.interfaces.len() >= MOST_INTERFACES {
            let (found, most) = (self.interfaces.len() as u64 + 1, MOST_INTERFACES as u64);
            let what = "the number of interfaces in a section";
            return Err(block.impossible(what, found, Expected::AtMost(most)));
        }
        let head = source.peek(16)?;
        let Some(&[_, _, _, _, _, _, _, _, t0, t1, _, _, s0, s1, s2, s3]) = head.first_chunk() else {
            return Err(block.cut(head.len() as u64));
        };
        source.consume(16);
        let (mut ticks, mut offset_seconds) = (Ticks::MICROSECONDS, 0);
        let end = block.offset + block.length() - 4;
        while end - source.offset() >= 4 {
            // Where the file ends inside an option, the block is not whole: that is told below.
            let Some(&[c0, c1, l0, l1]) = source.peek(4)?.first_chunk() else { break };
            source.consume(4);
            let (code, size) = (self.u16([c0, c1]), u64::from(self.u16([l0, l1])));
            let most = end - source.offset();
            if size > most {
                let what = "the length of an interface option";
                return Err(block.impossible(what, size, Expected::AtMost(most)));
            }
            match (code, size) {
                (0, _) => break,
                (9, 1) => {
                    if let &[resolution] = source.peek(1)? {
                        ticks = Ticks::of_resolution(resolution);
                    }
                }
                (14, 8) => {
                    if let Some(&value) = source.peek(8)?.first_chunk() {
                        offset_seconds = if self.little_endian {
                            i64::from_le_bytes(value)
                        } else {
                            i64::from_be_bytes(value)
                        };
                    }
                }
                _ => {}
            }
            source.skip(size.next_multiple_of(4).min(most))?;
        }
        self.step_over(source, block)?;
        let link = LinkType(u32::from(self.u16([t0, t1])));
        let snap_length = self.u32([s0, s1, s2, s3]);
        self.interfaces.push(Interface { link, snap_length, ticks, offset_seconds, described: block.offset });
        Ok(())
    }

    /// Steps over what is left of a block, of any length, without keeping it, and checks that its length closes it.
    fn step_over(&self, source: &mut Source, block: Block) -> Result<(), Fault> {
        source.skip(block.offset + block.length() - 4 - source.offset())?;
        let trailer = source.peek(4)?;
        let Some(&trailer) = trailer.first_chunk() else {
            let present = trailer.len() as u64;
            return Err(block.cut(source.offset() + present - block.offset));
        };
        block.close(self.u32(trailer))?;
        source.consume(4);
        Ok(())
    }

    /// A packet of any of the three kinds. Of the block only the fixed part and the frame are kept where much lies behind.
    fn packet(&mut self, source: &mut Source, kind: u32, block: Block) -> Result<Located, Fault> {
        let (least, what) = match kind {
            SIMPLE_PACKET => (4, "the captured length of a simple packet"),
            _ => (20, "the captured length of a packet"),
        };
        block.check(BLOCK_OVERHEAD + least)?;
        if block.length() > LONGEST_BLOCK {
            return Err(block.impossible_length(Expected::AtMost(LONGEST_BLOCK)));
        }
        let start = 8 + least as usize;
        let head = source.peek(start)?;
        if head.len() < start {
            return Err(block.cut(head.len() as u64));
        }
        let fields = self.fields(kind, head.get(8..).unwrap_or_default());
        let Some(interface) = self.interfaces.get(fields.interface as usize).copied() else {
            let problem =
                CaptureProblem::UnknownInterface { id: fields.interface, known: self.interfaces.len() };
            return Err(Fault { offset: block.offset, problem });
        };
        let captured = if kind == SIMPLE_PACKET {
            match interface.snap_length {
                0 => fields.wire_length,
                most => fields.wire_length.min(most),
            }
        } else {
            fields.captured
        };
        let room = block.length() - u64::from(BLOCK_OVERHEAD + least);
        let most = room.min(u64::from(interface.link.longest_frame()));
        if u64::from(captured) > most {
            return Err(block.impossible(what, u64::from(captured), Expected::AtMost(most)));
        }
        let kept = start + captured as usize;
        let behind = block.length() - 4 - kept as u64;
        let gap = if behind > CHUNK as u64 { behind } else { 0 };
        let cut_out = source.cut_out(kept, gap)?;
        let whole = usize::try_from(block.length() - gap).unwrap_or(usize::MAX);
        let bytes = source.peek(whole)?;
        let Some(&trailer) = bytes.last_chunk().filter(|_| bytes.len() == whole && cut_out == gap) else {
            return Err(block.cut(bytes.len() as u64 + cut_out));
        };
        block.close(self.u32(trailer))?;
        if let Some(ticks) = fields.ticks {
            self.last_time = interface.ticks.time(ticks, interface.offset_seconds);
        }
        let bytes = source.consume(whole);
        Ok(Located {
            time: self.last_time,
            link: interface.link,
            bytes: bytes.start + start..bytes.start + kept,
            wire_length: fields.wire_length,
            described: interface.described,
        })
    }

    /// Reads the fixed part of a packet block, which is long enough.
    fn fields(&self, kind: u32, body: &[u8]) -> Fields {
        let word = |index: usize| {
            let bytes = body.get(4 * index..).and_then(<[u8]>::first_chunk);
            bytes.map_or(0, |bytes| self.u32(*bytes))
        };
        if kind == SIMPLE_PACKET {
            return Fields { interface: 0, ticks: None, captured: 0, wire_length: word(0) };
        }
        let interface = match body.first_chunk::<2>() {
            // The obsolete block keeps a count of drops in the other half of the word.
            Some(number) if kind == OBSOLETE_PACKET => u32::from(self.u16(*number)),
            _ => word(0),
        };
        let ticks = Some(u64::from(word(1)) << 32 | u64::from(word(2)));
        Fields { interface, ticks, captured: word(3), wire_length: word(4) }
    }
}

impl Block {
    /// Bytes it takes in the file. Some writers pad the body but do not count that; as Wireshark does, the length is rounded up.
    const fn length(self) -> u64 {
        (self.stated as u64).next_multiple_of(4)
    }

    /// Checks the stated length before anything is made of it.
    const fn check(self, least: u32) -> Result<(), Fault> {
        if self.stated < least {
            return Err(self.impossible_length(Expected::AtLeast(least as u64)));
        }
        Ok(())
    }

    /// Checks the length behind the body, which is the same again.
    const fn close(self, trailer: u32) -> Result<(), Fault> {
        if trailer == self.stated {
            return Ok(());
        }
        if !self.stated.is_multiple_of(4) {
            return Err(self.impossible_length(Expected::MultipleOf(4)));
        }
        let expected = Expected::Exactly(self.stated as u64);
        Err(self.impossible("the length that closes a block", trailer as u64, expected))
    }

    /// The fault of a capture that ends inside the block.
    const fn cut(self, present: u64) -> Fault {
        if !self.stated.is_multiple_of(4) {
            return self.impossible_length(Expected::MultipleOf(4));
        }
        let problem = CaptureProblem::Cut { what: "block", expected: self.length(), present };
        Fault { offset: self.offset, problem }
    }

    const fn impossible_length(self, expected: Expected) -> Fault {
        self.impossible("the length of a block", self.stated as u64, expected)
    }

    const fn impossible(self, what: &'static str, found: u64, expected: Expected) -> Fault {
        let problem = CaptureProblem::ImpossibleLength { what, found, expected };
        Fault { offset: self.offset, problem }
    }
}
