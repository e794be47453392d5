//! Bytes of any kind panic nothing, and a frame that is cut anywhere never tells something else.

use std::io::Cursor;

use proptest::prelude::*;
use sgsim::capture::{CaptureReader, LinkType, decode};
use sgsim::packet::{Content, Icmp, IpPacket, Quoted, Transport};

use crate::build::*;

fn link_types() -> impl Strategy<Value = LinkType> {
    prop::sample::select(vec![0, 1, 12, 101, 108, 113, 228, 229, 276, 147]).prop_map(LinkType)
}

/// Frames with every kind of header in them.
fn frames() -> Vec<(LinkType, Vec<u8>)> {
    let quoted = ipv4_with(6, &[1; 8], 7, 0, &tcp(40000, 443, 0x12));
    let chain = join(&[
        &extension(43, 0),
        &extension(44, 1),
        &fragment_header(51, 0, true, 9),
        &[60, 1],
        &[0; 10],
        &extension(17, 0),
        &udp(53, 5353, &[0; 64]),
    ]);
    let mut padded = ethernet(0x0800, &ipv4(132, &udp(3868, 3868, &[0; 4])));
    padded.resize(60, 0xff);
    vec![
        (LinkType::ETHERNET, padded),
        (LinkType::ETHERNET, ethernet(0x88a8, &vlan(9, 0x8100, &vlan(8, 0x0800, &quoted)))),
        (LinkType::ETHERNET, ethernet(0x86dd, &ipv6(0, &chain))),
        (LinkType::RAW, ipv4(1, &icmp(3, 3, 0, &quoted))),
        (LinkType::RAW, ipv6(58, &icmp(3, 0, 0, &ipv6(0, &chain)))),
        (LinkType::RAW, ipv6(58, &icmp(128, 0, 0xabcd, &[0; 8]))),
        (LinkType::IPV4, ipv4_with(17, &[], 7, 0x2000, &udp(1, 2, &[0; 40]))),
        (LinkType::LINUX_SLL2, join(&[&[0x86, 0xdd], &[0; 18], &ipv6(60, &chain[16..])])),
        (LinkType::NULL, join(&[&[30, 0, 0, 0], &ipv6(51, &join(&[&[6, 1], &[0; 10], &tcp(1, 2, 4)]))])),
    ]
}

fn captures() -> Vec<Vec<u8>> {
    let mut captures = Vec::new();
    for order in [Order::Little, Order::Big] {
        let mut pcap = pcap_header(order, 0xa1b2_c3d4, 1);
        let mut pcapng = join(&[&section(order), &block(order, 77, &[0; 40])]);
        for (number, (link, bytes)) in (0..).zip(frames()) {
            let wire = u32::try_from(bytes.len()).unwrap();
            pcap.extend(pcap_record(order, number, 5, wire, &bytes));
            pcapng.extend(interface(order, u16::try_from(link.0).unwrap(), 0, &option(order, 9, &[9])));
            pcapng.extend(enhanced(order, number, 7, wire, &bytes));
        }
        captures.extend([pcap, pcapng]);
    }
    captures
}

/// Reads to the end or the first error; how many frames there were.
fn read(bytes: Vec<u8>) -> usize {
    let length = bytes.len();
    let Ok(mut reader) = CaptureReader::new("any", Cursor::new(bytes)) else { return 0 };
    let mut count = 0;
    while let Ok(Some(_)) = reader.next_frame() {
        count += 1;
        assert!(count <= length, "every frame takes a byte at least");
    }
    count
}

/// Whether `cut`, from fewer bytes of the same frame, says nothing that `full` does not.
fn tells_no_more(cut: Content, full: Content) -> bool {
    match (cut, full) {
        (Content::Truncated | Content::Malformed, _) => true,
        (Content::Ip(cut), Content::Ip(full)) => packet_tells_no_more(cut, full),
        (cut, full) => cut == full,
    }
}

fn packet_tells_no_more(cut: IpPacket, full: IpPacket) -> bool {
    let transport = match (cut.transport, full.transport) {
        // Where the walk ends early, the protocol is the header it ended at, and the fragment header may be missing.
        (Transport::Truncated | Transport::Malformed, _) => {
            return (cut.domain, cut.addresses) == (full.domain, full.addresses);
        }
        (
            Transport::Icmp(Icmp { quoted: Quoted::None | Quoted::Truncated, kind, code, identifier }),
            full,
        ) => {
            matches!(full, Transport::Icmp(full) if (full.kind, full.code, full.identifier) == (kind, code, identifier))
        }
        (cut, full) => cut == full,
    };
    transport && IpPacket { transport: full.transport, fragment: full.fragment, ..cut } == full
}

#[test]
fn a_frame_cut_at_any_length_never_tells_something_else() {
    for (link, bytes) in frames() {
        let wire = u32::try_from(bytes.len()).unwrap();
        let full = decode(link, &bytes, wire);
        assert!(matches!(full, Content::Ip(_)), "{full:?}");
        for length in 0..bytes.len() {
            let cut = decode(link, &bytes[..length], wire);
            assert!(tells_no_more(cut, full), "{link} at {length}: {cut:?}, whole {full:?}");
            assert_ne!(cut, Content::Malformed, "the capture cut it, not the sender");
            let ended = decode(link, &bytes[..length], 0);
            assert!(tells_no_more(ended, full), "{link} ends at {length}: {ended:?}, whole {full:?}");
            assert_ne!(ended, Content::Truncated, "nothing is missing from it");
        }
    }
}

#[test]
fn a_capture_cut_at_any_length_gives_the_frames_before() {
    for bytes in captures() {
        let all = read(bytes.clone());
        assert_eq!(all, frames().len());
        let mut before = 0;
        for length in 0..bytes.len() {
            let count = read(bytes[..length].to_vec());
            assert!(before <= count && count <= all);
            before = count;
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_decode(link in link_types(), bytes in prop::collection::vec(any::<u8>(), 0..200), wire in any::<u32>()) {
        decode(link, &bytes, wire);
    }

    #[test]
    fn damaged_frames_decode(
        index in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        wire in 0_u32..200,
    ) {
        let frames = frames();
        let (link, mut bytes) = index.get(&frames).clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        decode(link, &bytes, wire);
    }

    #[test]
    fn any_bytes_behind_a_magic_are_read_to_an_end(
        magic in prop::sample::select(vec![0xa1b2_c3d4_u32, 0xa1b2_3c4d, 0xa1b2_cd34, 0x0a0d_0d0a]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        read(join(&[&magic.to_le_bytes(), &bytes]));
    }

    #[test]
    fn damaged_captures_are_read_to_an_end(
        index in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let captures = captures();
        let mut bytes = index.get(&captures).clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        read(bytes);
    }
}
