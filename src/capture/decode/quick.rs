//! The frames that make up most of any capture, decoded without the generality of the layers.
//!
//! Says nothing where anything is unusual; where it says something, it is what [`decode`](super::decode) says
//! (a test compares them on frames of all kinds).

use super::ether::IPV4;
use super::view::u16_of;
use crate::packet::{Compact, Protocol, Timestamp};

/// An Ethernet frame with at most one VLAN tag that holds a whole IPv4 packet without options, and in it TCP, UDP or
/// an ICMP echo whose lengths all agree.
#[inline]
pub fn quick(time: Timestamp, bytes: &[u8], wire_length: u32) -> Option<Compact> {
    // The shortest frame that qualifies: Ethernet, IPv4 and UDP headers.
    let head = bytes.first_chunk::<42>()?;
    let (domain, ip, left) = match u16_of(head[12], head[13]) {
        IPV4 => (0, bytes.get(14..)?, wire_length.checked_sub(14)?),
        0x8100 if u16_of(head[16], head[17]) == IPV4 => {
            let vlan = u16_of(head[14], head[15]) & 0xfff;
            let domain = if vlan == 0 { 0 } else { 0x8000 | vlan };
            (domain, bytes.get(18..)?, wire_length.checked_sub(18)?)
        }
        _ => return None,
    };
    let [v, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3, rest @ ..] =
        ip.first_chunk::<28>()?;
    let total = u16_of(*l0, *l1);
    // Neither "more fragments" nor an offset; and the frame holds all that the header promises.
    if *v != 0x45
        || u16_of(*f0, *f1) & 0x3fff != 0
        || u32::from(total) > left
        || bytes.len() > wire_length as usize
    {
        return None;
    }
    let payload = total.checked_sub(20)?;
    let [p0, p1, p2, p3, p4, p5, ..] = *rest;
    let (ports, detail) = match Protocol(*protocol) {
        Protocol::TCP => {
            let [offset, flags] = *ip.get(32..)?.first_chunk()?;
            let header = u16::from(offset >> 4) * 4;
            if header < 20 || header > payload {
                return None;
            }
            ([u16_of(p0, p1), u16_of(p2, p3)], flags)
        }
        Protocol::UDP => {
            let length = u16_of(p4, p5);
            if payload < 8 || length < 8 || length > payload {
                return None;
            }
            ([u16_of(p0, p1), u16_of(p2, p3)], 0)
        }
        // Echo request and reply.
        Protocol::ICMP if payload >= 8 && matches!(p0, 0 | 8) && p1 == 0 => ([u16_of(p4, p5); 2], p0),
        _ => return None,
    };
    Some(Compact {
        time,
        addresses: [u32::from_be_bytes([*s0, *s1, *s2, *s3]), u32::from_be_bytes([*d0, *d1, *d2, *d3])],
        ports,
        length: wire_length,
        domain,
        protocol: Protocol(*protocol),
        detail,
        place: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::capture::{CaptureReader, LinkType, decode};

    /// The frames of the shipped captures.
    fn frames() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        let mut frames = Vec::new();
        for name in ["cce-tunnel.pcap", "cce-turbo.pcap", "cce-vpc.pcapng"] {
            let mut reader = CaptureReader::open(folder.join(name)).unwrap();
            while let Some(record) = reader.next_record().unwrap() {
                frames.push(record.bytes.to_vec());
            }
        }
        frames
    }

    fn agrees(bytes: &[u8], wire_length: u32) -> bool {
        let time = Timestamp(7);
        let Some(compact) = quick(time, bytes, wire_length) else { return false };
        let packet = compact.packet();
        assert_eq!(packet.content, decode(LinkType::ETHERNET, bytes, wire_length));
        assert_eq!((packet.time, packet.length), (time, wire_length));
        assert_eq!(Compact::of(&packet), Some(compact));
        true
    }

    #[test]
    fn most_frames_of_the_shipped_captures_are_decoded_quickly_and_right() {
        let frames = frames();
        let quick = frames.iter().filter(|bytes| agrees(bytes, u32::try_from(bytes.len()).unwrap())).count();
        assert!(quick * 10 > frames.len() * 9, "{quick} of {}", frames.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Headers with a few bytes changed, frames cut, wire lengths that lie.
        #[test]
        fn what_is_decoded_quickly_is_decoded_right(
            changes in prop::collection::vec((0usize..60, any::<u8>()), 0..3),
            cut in prop::option::of(0usize..80),
            lie in prop::sample::select(vec![0_i64, 0, 0, -20, -1, 1, 400]),
            step in 1usize..40,
        ) {
            for bytes in frames().iter().step_by(step) {
                let length = i64::try_from(bytes.len()).unwrap() + lie;
                let wire_length = u32::try_from(length.max(0)).unwrap();
                let mut bytes = bytes.clone();
                for &(at, byte) in &changes {
                    if let Some(place) = bytes.get_mut(at) {
                        *place = byte;
                    }
                }
                bytes.truncate(cut.unwrap_or(usize::MAX));
                agrees(&bytes, wire_length);
            }
        }
    }
}
