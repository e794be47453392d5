//! Every variant of pcap and pcapng, read to its end.

use std::io::Cursor;
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use sgsim::capture::{CaptureReader, Frame, LinkType};
use sgsim::packet::Content;

use crate::build::*;

/// Time, link type, wire length and captured bytes of every record.
type Seen = (i64, LinkType, u32, Vec<u8>);

fn records(bytes: Vec<u8>) -> Vec<Seen> {
    let mut reader = CaptureReader::new("test", Cursor::new(bytes)).unwrap();
    let mut seen = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        seen.push((record.time.0, record.link, record.wire_length, record.bytes.to_vec()));
    }
    assert!(reader.next_record().unwrap().is_none(), "the end stays the end");
    seen
}

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn pcap_in_both_byte_orders_and_resolutions() {
    for order in ORDERS {
        for (magic, nanoseconds) in [(0xa1b2_c3d4, 123_456_000), (0xa1b2_3c4d, 123_456)] {
            let file = join(&[
                &pcap_header(order, magic, 0x3400_0001),
                &pcap_record(order, 1_700_000_000, 123_456, 1514, &[1, 2, 3]),
                &pcap_record(order, 4_294_967_295, 4_294_967_295, 0, &[]),
            ]);
            let seen = records(file);
            assert_eq!(
                seen[0],
                (1_700_000_000_000_000_000 + nanoseconds, LinkType::ETHERNET, 1514, vec![1, 2, 3])
            );
            assert_eq!((seen.len(), seen[1].2), (2, 0), "an odd fraction refuses no record");
        }
    }
}

#[test]
fn pcap_variants() {
    // Kuznetzov's records have eight bytes more.
    let mut file = pcap_header(Order::Little, 0xa1b2_cd34, 101);
    let record = pcap_record(Order::Little, 1, 2, 3, &[]);
    let captured = 2_u32.to_le_bytes();
    file.extend(join(&[&record[..8], &captured, &record[12..], &[9; 8], &[7, 7]]));
    assert_eq!(records(file), [(1_000_002_000, LinkType::RAW, 3, vec![7, 7])]);

    // IXIA's file header has four bytes more. Wireshark 4.0 shows the same.
    for magic in [0x1c00_01ac, 0x1c00_01ab] {
        let mut file = pcap_header(Order::Big, magic, 101);
        file.extend(18_u32.to_be_bytes());
        file.extend(pcap_record(Order::Big, 1, 2, 3, &[7, 7]));
        assert_eq!(records(file), [(1_000_002_000, LinkType::RAW, 3, vec![7, 7])]);
    }

    // Before version 2.3 the wire length came first; in 2.3 either did.
    for (minor, first, second) in [(2, 9_u32, 2_u32), (3, 9, 2), (3, 2, 9), (4, 2, 9)] {
        let mut file = pcap_header(Order::Big, 0xa1b2_c3d4, 101);
        file[7] = minor;
        file.extend(join(&[&[0; 8], &first.to_be_bytes(), &second.to_be_bytes(), &[5, 6]]));
        assert_eq!(records(file), [(0, LinkType::RAW, 9, vec![5, 6])], "2.{minor}");
    }

    // A snap length of zero, or below what was captured, refuses nothing.
    let mut file = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
    file[16..20].fill(0);
    file.extend(pcap_record(Order::Little, 0, 0, 54, &syn_frame(1)));
    assert_eq!(records(file).len(), 1);
}

#[test]
fn pcapng_sections_interfaces_and_resolutions() {
    let mut file = Vec::new();
    for order in ORDERS {
        let offset = option(
            order,
            14,
            &if order == Order::Little { (-5_i64).to_le_bytes() } else { (-5_i64).to_be_bytes() },
        );
        let binary = join(&[
            &option(order, 2, b"\xffeth0"),
            &option(order, 9, &[0x8a]),
            &offset,
            &option(order, 0, &[]),
        ]);
        file.extend(join(&[
            &section(order),
            &interface(order, 1, 0, &[]),
            &interface(order, 101, 96, &option(order, 9, &[9])),
            &interface(order, 276, 96, &option(order, 9, &[12])),
            &interface(order, 113, 96, &binary),
            &enhanced(order, 3, 10 << 10 | 512, 200, &[1; 100]),
            &enhanced(order, 0, 1_700_000_000_123_456, 60, &[2; 5]),
            &enhanced(order, 1, 1_700_000_000_123_456_789, 60, &[3; 6]),
            &enhanced(order, 2, 1_700_000_000_123_456_789, 60, &[]),
        ]));
    }
    let expected = [
        (5_500_000_000, LinkType::LINUX_SLL, 200, vec![1; 100]),
        (1_700_000_000_123_456_000, LinkType::ETHERNET, 60, vec![2; 5]),
        (1_700_000_000_123_456_789, LinkType::RAW, 60, vec![3; 6]),
        (1_700_000_000_123_456, LinkType::LINUX_SLL2, 60, vec![]),
    ];
    assert_eq!(records(file), [expected.clone(), expected].concat());
}

#[test]
fn pcapng_blocks_of_other_kinds() {
    for order in ORDERS {
        let simple = |wire: u32, bytes: &[u8]| block(order, 3, &join(&[&order.u32(wire), bytes]));
        let obsolete = join(&[
            &order.u16(0),
            &order.u16(77),
            &order.u32(0),
            &order.u32(1_000_000),
            &order.u32(2),
            &order.u32(40),
            &[8, 9, 0, 0],
        ]);
        let file = join(&[
            &section(order),
            &block(order, 0x0bad_beef, &vec![0xee; 300_000]),
            &interface(order, 101, 4, &[]),
            &block(order, 4, &[0; 8]),
            &block(order, 5, &[0; 16]),
            &simple(3, &[1, 2, 3]),
            &block(order, 2, &obsolete),
            &block(order, 10, &[0; 9]),
            &simple(9, &[1, 2, 3, 4]),
            &block(order, 0x4000_0bad, &[]),
        ]);
        let expected = [
            (0, LinkType::RAW, 3, vec![1, 2, 3]),
            (1_000_000_000, LinkType::RAW, 40, vec![8, 9]),
            (1_000_000_000, LinkType::RAW, 9, vec![1, 2, 3, 4]),
        ];
        assert_eq!(records(file), expected, "a simple packet is cut by the snap length, at the time before");
    }
    assert!(records(section(Order::Big)).is_empty());
}

/// Some writers pad a block but do not count the padding. Wireshark 4.0 rounds up, and shows the same.
#[test]
fn pcapng_block_lengths_that_leave_out_the_padding() {
    for order in ORDERS {
        let unpadded = |kind: u32, body: &[u8]| {
            let mut block = block(order, kind, body);
            let length = order.u32(u32::try_from(12 + body.len()).unwrap());
            let end = block.len() - 4;
            block[4..8].copy_from_slice(&length);
            block[end..].copy_from_slice(&length);
            block
        };
        let packet = |bytes: &[u8]| {
            let captured = order.u32(u32::try_from(bytes.len()).unwrap());
            unpadded(6, &join(&[&[0; 12], &captured, &order.u32(99), bytes]))
        };
        let name = join(&[&order.u16(2), &order.u16(5), b"eth00"]);
        let file = join(&[
            &section(order),
            &unpadded(1, &join(&[&order.u16(101), &[0, 0], &order.u32(0), &name])),
            &packet(&[7; 5]),
            &unpadded(0x0bad, &[1; 9]),
            &packet(&[8; 6]),
        ]);
        let expected = [(0, LinkType::RAW, 99, vec![7; 5]), (0, LinkType::RAW, 99, vec![8; 6])];
        assert_eq!(records(file), expected, "{order:?}");
    }
}

/// What an independent writer makes of it.
#[test]
fn pcapng_as_pcap_file_writes_it() {
    let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
    writer.write_pcapng_block(InterfaceDescriptionBlock::new(pcap_file::DataLink::ETHERNET, 65535)).unwrap();
    let frame = syn_frame(40000);
    for interface_id in [0, 0] {
        let packet = EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_micros(1_700_000_000_123_456),
            original_len: 54,
            data: frame.as_slice().into(),
            options: vec![],
        };
        writer.write_pcapng_block(packet).unwrap();
    }
    let seen = records(writer.into_inner());
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], (1_700_000_000_123_456_000, LinkType::ETHERNET, 54, frame));
}

#[test]
fn frames_are_decoded_on_the_way() {
    let file = join(&[
        &pcap_header(Order::Little, 0xa1b2_c3d4, 1),
        &pcap_record(Order::Little, 1, 0, 1514, &syn_frame(40000)),
    ]);
    let mut reader = CaptureReader::new("test", Cursor::new(file)).unwrap();
    let Frame { packet, link, captured } = reader.next_frame().unwrap().unwrap();
    assert_eq!((packet.time.0, packet.length, link, captured), (1_000_000_000, 1514, LinkType::ETHERNET, 54));
    let Content::Ip(ip) = packet.content else { panic!() };
    assert_eq!(ip.ports(), Some((40000, 443)));
}

/// A source that gives a byte at a time, as a slow pipe may.
struct Drip(Cursor<Vec<u8>>);

impl std::io::Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

#[test]
fn slow_sources_and_long_records_make_no_difference() {
    let order = Order::Little;
    let mut file = pcap_header(order, 0xa1b2_c3d4, 1);
    for (second, length) in [(0, 54), (1, 200_000), (2, 1), (3, 262_144), (4, 0)] {
        file.extend(pcap_record(order, second, 0, 300_000, &vec![0x5a; length]));
    }
    let expected = records(file.clone());
    assert_eq!(expected.iter().map(|seen| seen.3.len()).collect::<Vec<_>>(), [54, 200_000, 1, 262_144, 0]);
    let mut reader = CaptureReader::new("drip", Drip(Cursor::new(file))).unwrap();
    for wanted in expected {
        assert_eq!(reader.next_record().unwrap().unwrap().bytes, wanted.3);
    }
}
