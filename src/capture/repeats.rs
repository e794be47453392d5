//! Packets that a capture shows more than once: on several interfaces (`-i any`), at several hosts, on both sides of a
//! router, or twice at a mirrored port.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::{Frame, Record};
use crate::packet::{AddressPair, Content, Timestamp};

/// Frames in which a repetition is looked for.
const FRAMES: usize = 64;
/// How far apart two sightings of a packet may be, in nanoseconds.
const APART: i64 = 10_000_000;
/// Bytes of a packet that are compared.
const COMPARED: usize = 2048;

/// What makes two frames one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    /// Hash of the packet: its length and bytes from the IP header on, without time to live and header checksum.
    packet: u64,
    /// Hash of where it was seen: capture, link type, what stands before the IP header, time to live.
    place: u64,
    /// Whether the sender numbers its packets, so that two alike are one (RFC 6864 section 4).
    numbered: bool,
}

impl Print {
    /// The print of a frame of the `source`th capture; `None` for what is no IP.
    pub fn of(source: usize, record: &Record<'_>, frame: &Frame) -> Option<Self> {
        let Content::Ip(ip) = &frame.packet.content else { return None };
        let start = network(record.bytes, ip.addresses)?;
        let (link, packet) = record.bytes.split_at_checked(start)?;
        let (stated, varying, numbered) = match ip.addresses {
            AddressPair::V4 { .. } => {
                let numbered = packet.get(4..6) != Some(&[0, 0]);
                (u16_at(packet, 2)?, &[8, 10, 11][..], numbered)
            }
            AddressPair::V6 { .. } => (u16_at(packet, 4)?, &[7][..], false),
        };
        // Behind the packet there may be padding, at one place and not at another. Offload leaves the length zero.
        let header = if states_payload(ip.addresses) { 40 } else { 0 };
        let length = if stated == 0 { packet.len() } else { header + usize::from(stated) };
        let bytes = packet.get(..length).unwrap_or(packet);
        let bytes = bytes.get(..COMPARED).unwrap_or(bytes);

        let state = FixedState::with_seed(0);
        let mut hasher = state.build_hasher();
        hasher.write_u16(stated);
        let (header, rest) = bytes.split_at_checked(12)?;
        for (index, byte) in header.iter().enumerate() {
            hasher.write_u8(if varying.contains(&index) { 0 } else { *byte });
        }
        hasher.write(rest);
        let packet = hasher.finish();

        let mut hasher = state.build_hasher();
        hasher.write_usize(source);
        hasher.write_u32(record.link.0);
        hasher.write(link);
        hasher.write_u8(header[varying[0]]);
        Some(Self { packet, place: hasher.finish(), numbered })
    }
}

/// IPv6 states the length of what is behind its header, IPv4 that of all.
const fn states_payload(addresses: AddressPair) -> bool {
    matches!(addresses, AddressPair::V6 { .. })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Where in a frame the IP header with these addresses begins.
fn network(frame: &[u8], addresses: AddressPair) -> Option<usize> {
    let found = |at: usize, version: u8| frame.get(at).is_some_and(|first| first >> 4 == version);
    match addresses {
        AddressPair::V4 { source, destination } => {
            let pair = [source.octets(), destination.octets()].concat();
            (0..frame.windows(8).skip(12).len())
                .find(|&at| found(at, 4) && frame.get(at + 12..at + 20) == Some(&pair[..]))
        }
        AddressPair::V6 { source, destination } => {
            let pair = [source.octets(), destination.octets()].concat();
            (0..frame.windows(32).skip(8).len())
                .find(|&at| found(at, 6) && frame.get(at + 8..at + 40) == Some(&pair[..]))
        }
    }
}

/// Tells which frames of a timeline show a packet again.
///
/// Two frames show one packet when its bytes are the same but for time to live and header checksum, at most 64 IP frames
/// and 10 ms lie between them, and either they were seen at different places (capture, link type, link header, time to
/// live) or the packet has an IPv4 identification, which no sender gives twice in that time. A packet without one that
/// was seen twice at one place, in the same frame, was perhaps sent twice, and counts as two.
#[derive(Debug, Default)]
pub struct Repeats {
    window: VecDeque<(Timestamp, Print)>,
}

impl Repeats {
    /// Whether an IP frame shows a packet that was shown before.
    pub fn is_repeat(&mut self, time: Timestamp, print: Print) -> bool {
        let same = |(then, other): &(Timestamp, Print)| {
            other.packet == print.packet
                && (other.place != print.place || print.numbered)
                && time.0.abs_diff(then.0) <= APART.unsigned_abs()
        };
        let found = self.window.iter().any(same);
        if self.window.len() == FRAMES {
            self.window.pop_front();
        }
        self.window.push_back((time, print));
        found
    }
}
