//! What is told about captures that break: file, byte, expected, found; and what came before is kept.

use std::io::{self, Cursor, Read};

use sgsim::capture::CaptureReader;

use crate::build::*;

/// Frames read before the error, and the error's text.
fn failure(bytes: Vec<u8>) -> (usize, String) {
    let mut reader = match CaptureReader::new("node.pcap", Cursor::new(bytes)) {
        Ok(reader) => reader,
        Err(error) => return (0, error.to_string()),
    };
    let mut count = 0;
    loop {
        match reader.next_record() {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("no error after {count} records"),
            Err(error) => {
                assert!(reader.next_record().is_ok_and(|record| record.is_none()), "finished");
                return (count, error.to_string());
            }
        }
    }
}

fn told(count: usize, text: &str) -> (usize, String) {
    (count, text.to_owned())
}

fn pcap(parts: &[&[u8]]) -> Vec<u8> {
    join(&[&pcap_header(Order::Little, 0xa1b2_c3d4, 1), &parts.concat()])
}

fn pcapng(parts: &[&[u8]]) -> Vec<u8> {
    join(&[&section(Order::Big), &parts.concat()])
}

#[test]
fn files_that_cannot_be_opened() {
    let open = |path: &str| CaptureReader::open(path).unwrap_err().to_string();
    let missing = open("no/such/node.pcap");
    assert!(missing.starts_with("open no/such/node.pcap: "), "{missing}");
    assert_eq!(open("src"), "open src: is a directory, expected a pcap or pcapng file");
}

#[test]
fn what_is_no_capture() {
    let empty = "read node.pcap at byte 0: the file is empty, expected a pcap or pcapng capture";
    assert_eq!(failure(vec![]), told(0, empty));
    let zip = "read node.pcap at byte 0: not a capture: it starts with 50 4b 03 04, expected the magic number of pcap or pcapng";
    assert_eq!(failure(b"PK\x03\x04and more".to_vec()), told(0, zip));
    let text = "read node.pcap at byte 0: not a capture: it starts with 7b 22 72 75, expected the magic number of pcap or \
                pcapng, or of a text a flow log: AWS or Huawei VPC flow logs, events of CloudWatch, Azure NSG flow logs, \
                Zeek's conn.log, CSV with a heading; what a cloud exports of groups and interfaces is given with -s";
    assert_eq!(failure(b"{\"rules\": []}".to_vec()), told(0, text));
    let short = "read node.pcap at byte 0: not a capture: it starts with d4 c3, expected the magic number of pcap or pcapng";
    assert_eq!(failure(vec![0xd4, 0xc3]), told(0, short));
}

#[test]
fn pcap_files_that_end_too_early() {
    let header =
        "read node.pcap at byte 0: the file ends inside a pcap file header: expected 24 bytes, found 20";
    assert_eq!(failure(pcap(&[])[..20].to_vec()), told(0, header));
    let record = pcap_record(Order::Little, 1, 2, 54, &syn_frame(1));
    let cut = "read node.pcap at byte 94: the file ends inside a record header: expected 16 bytes, found 15";
    assert_eq!(failure(pcap(&[&record, &record[..15]])), told(1, cut));
    let cut = "read node.pcap at byte 94: the file ends inside a record: expected 70 bytes, found 69";
    assert_eq!(failure(pcap(&[&record, &record[..69]])), told(1, cut));
}

#[test]
fn pcap_fields_that_cannot_be() {
    let mut record = pcap_record(Order::Little, 1, 2, 54, &syn_frame(1));
    record[8..12].copy_from_slice(&262_145_u32.to_le_bytes());
    let text =
        "read node.pcap at byte 24: the captured length of a record is 262145, expected at most 262144";
    assert_eq!(failure(pcap(&[&record])), told(0, text));
    let mut file = pcap(&[]);
    file[4] = 3;
    let text = "read node.pcap at byte 0: pcap version 3.4, expected 2.x";
    assert_eq!(failure(file), told(0, text));
}

#[test]
fn pcapng_files_that_end_too_early() {
    let packet = enhanced(Order::Big, 0, 0, 54, &syn_frame(1));
    let interface = interface(Order::Big, 1, 0, &[]);
    assert_eq!((interface.len(), packet.len()), (20, 104));
    let text = "read node.pcap at byte 48: the file ends inside a block: expected 104 bytes, found 103";
    assert_eq!(failure(pcapng(&[&interface, &packet[..103]])), told(0, text));
    let text = "read node.pcap at byte 152: the file ends inside a block header: expected 8 bytes, found 7";
    assert_eq!(failure(pcapng(&[&interface, &packet, &packet[..7]])), told(1, text));
    let text = "read node.pcap at byte 48: the file ends inside a block: expected 20 bytes, found 19";
    let unknown = block(Order::Big, 0x0bad, &[0; 8]);
    assert_eq!(failure(pcapng(&[&interface, &unknown[..19]])), told(0, text));
    let text = "read node.pcap at byte 0: the file ends inside a section header: expected 16 bytes, found 12";
    assert_eq!(failure(section(Order::Big)[..12].to_vec()), told(0, text));
}

#[test]
fn pcapng_fields_that_cannot_be() {
    let packet = |id| enhanced(Order::Big, id, 0, 54, &syn_frame(1));
    let ethernet = interface(Order::Big, 1, 0, &[]);
    let at = |byte: usize, what: &str| format!("read node.pcap at byte {byte}: {what}");

    let text = at(48, "a packet of interface 1, but the section describes 1 interfaces");
    assert_eq!(failure(pcapng(&[&ethernet, &packet(1)])), (0, text));
    let text = at(180, "a packet of interface 0, but the section describes 0 interfaces");
    let little = enhanced(Order::Little, 0, 0, 54, &syn_frame(1));
    let second = pcapng(&[&ethernet, &packet(0), &section(Order::Little), &little]);
    assert_eq!(failure(second), (1, text));

    let with = |index: usize, value: u32| {
        let mut bytes = packet(0);
        bytes[index..index + 4].copy_from_slice(&value.to_be_bytes());
        failure(pcapng(&[&ethernet, &bytes])).1
    };
    assert_eq!(with(4, 11), at(48, "the length of a block is 11, expected at least 12"));
    assert_eq!(with(4, 28), at(48, "the length of a block is 28, expected at least 32"));
    assert_eq!(with(4, 110), at(48, "the length of a block is 110, expected a multiple of 4"));
    let huge = "the length of a block is 4294967292, expected at most 135266304";
    assert_eq!(with(4, 0xffff_fffc), at(48, huge));
    assert_eq!(with(100, 112), at(48, "the length that closes a block is 112, expected 104"));
    let odd = &interface(Order::Big, 1, 0, &[])[..16];
    let odd = pcapng(&[odd, &[0, 0, 0, 99], &packet(0)]);
    assert_eq!(failure(odd).1, at(28, "the length that closes a block is 99, expected 20"));
    assert_eq!(with(20, 73), at(48, "the captured length of a packet is 73, expected at most 72"));

    let option = option(Order::Big, 9, &[6, 0, 0, 0, 0, 0, 0, 0]);
    let mut broken = interface(Order::Big, 1, 0, &option);
    broken[19] = 9;
    let text = at(28, "the length of an interface option is 9, expected at most 8");
    assert_eq!(failure(pcapng(&[&broken])), (0, text));

    let mut file = section(Order::Big);
    file[8] = 0;
    let text = at(0, "the byte-order magic of a section is 00 2b 3c 4d, expected 1a 2b 3c 4d or 4d 3c 2b 1a");
    assert_eq!(failure(file), (0, text));
    let mut file = section(Order::Big);
    file[13] = 2;
    assert_eq!(failure(file), (0, at(0, "pcapng version 2.0, expected 1.0")));
}

#[test]
fn interfaces_of_a_section_are_bounded() {
    let packet = |id| enhanced(Order::Big, id, 0, 54, &syn_frame(1));
    let ethernet = interface(Order::Big, 1, 0, &[]);
    let most = ethernet.repeat(65_536);
    // Each section has its own.
    let file =
        pcapng(&[&most, &packet(65_535), &section(Order::Big), &most, &packet(0), &ethernet, &packet(0)]);
    let byte = 28 + 65_536 * 20 + 104 + 28 + 65_536 * 20 + 104;
    let text = format!(
        "read node.pcap at byte {byte}: the number of interfaces in a section is 65537, expected at most 65536"
    );
    assert_eq!(failure(file), (2, text));
}

/// What lies behind the frame of a long block is not kept, and its errors are the same for that.
#[test]
fn long_blocks_are_told_like_short_ones() {
    let order = Order::Big;
    let head = [&[0; 12][..], &order.u32(4), &order.u32(9), b"edge"].concat();
    let ethernet = interface(order, 1, 0, &[]);
    let packet = enhanced(order, 0, 0, 54, &syn_frame(1));
    let chunk = 128 << 10;
    for behind in [chunk - 4, chunk, chunk + 4, 2 * chunk, 5 * chunk + 8] {
        let long = block(order, 6, &[&head[..], &vec![0x77; behind]].concat());
        let length = long.len();
        for present in [8, 27, 28, 31, 32, 33, length / 2, length - 5, length - 4, length - 1] {
            let text = format!(
                "read node.pcap at byte 152: the file ends inside a block: expected {length} bytes, found {present}"
            );
            assert_eq!(failure(pcapng(&[&ethernet, &packet, &long[..present]])), (1, text));
        }
        let mut open = long.clone();
        open[length - 1] ^= 1;
        let text = format!(
            "read node.pcap at byte 152: the length that closes a block is {}, expected {length}",
            length ^ 1
        );
        assert_eq!(failure(pcapng(&[&ethernet, &packet, &open, &packet])), (1, text));
        let text = format!(
            "read node.pcap at byte {}: the file ends inside a block header: expected 8 bytes, found 3",
            152 + length + 104
        );
        assert_eq!(failure(pcapng(&[&ethernet, &packet, &long, &packet, &packet[..3]])), (3, text));
    }
}

/// tshark 4.0 stops at such blocks too.
#[test]
fn blocks_that_are_stepped_over_are_closed_by_their_length() {
    let packet = enhanced(Order::Big, 0, 0, 54, &syn_frame(1));
    let ethernet = interface(Order::Big, 1, 0, &[]);
    let open = |mut block: Vec<u8>| {
        *block.last_mut().unwrap() = 99;
        block
    };
    let at = |byte: usize, length: usize| {
        format!("read node.pcap at byte {byte}: the length that closes a block is 99, expected {length}")
    };
    let unknown = open(block(Order::Big, 0x0bad, &[0; 8]));
    assert_eq!(failure(pcapng(&[&ethernet, &packet, &unknown, &packet])), (1, at(152, 20)));
    let next = open(section(Order::Big));
    assert_eq!(failure(pcapng(&[&ethernet, &packet, &next, &ethernet, &packet])), (1, at(152, 28)));
}

#[test]
fn unsupported_link_types_are_told_each_with_its_count() {
    let user = |link| interface(Order::Big, link, 0, &[]);
    let packet = |id| enhanced(Order::Big, id, 0, 54, &syn_frame(1));
    let file = pcapng(&[
        &user(1),
        &packet(0),
        &user(149),
        &user(147),
        &packet(1),
        &packet(2),
        &packet(1),
        &packet(0),
    ]);
    let text = "read node.pcap at byte 152: link type 147 is not supported, frames that are not decoded: 1; user-defined 2 (149) \
                is not supported, frames that are not decoded: 2";
    assert_eq!(failure(file), told(5, text));
    let links: Vec<_> = (1000..1100).map(user).collect();
    let packets: Vec<_> = (0..100).map(packet).collect();
    let (count, text) = failure(pcapng(&[&links.concat(), &packets.concat()]));
    let end = "link type 1007 is not supported, frames that are not decoded: 1; and 92 other link types: 92";
    assert!(count == 100 && text.ends_with(end), "{text}");
}

/// A disk that fails after what it has given.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is on fire")),
            count => Ok(count),
        }
    }
}

#[test]
fn errors_of_the_system_keep_their_place() {
    let record = pcap_record(Order::Little, 1, 2, 54, &syn_frame(1));
    let mut reader = CaptureReader::new("disk", Failing(Cursor::new(pcap(&[&record])))).unwrap();
    assert!(reader.next_record().unwrap().is_some());
    let error = reader.next_record().unwrap_err();
    assert_eq!(error.to_string(), "read disk at byte 94: the disk is on fire");
    assert_eq!((error.name(), error.offset()), ("disk", 94));
}
