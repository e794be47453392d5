//! Packets that captures show more than once.

use std::io::Cursor;

use sgsim::capture::{CaptureReader, Repetition, Timeline};

use crate::build::*;

/// A pcapng of frames: link type, microseconds, bytes.
fn capture(frames: &[(u16, u64, Vec<u8>)]) -> CaptureReader {
    let order = Order::Little;
    let mut file = section(order);
    for (number, (link, time, bytes)) in (0..).zip(frames) {
        file.extend(interface(order, *link, 0, &[]));
        file.extend(enhanced(order, number, *time, u32::try_from(bytes.len()).unwrap(), bytes));
    }
    CaptureReader::new("test", Cursor::new(file)).unwrap()
}

/// Numbers of the frames that are left when each packet is taken once.
fn left(frames: &[(u16, u64, Vec<u8>)]) -> Vec<u64> {
    let mut timeline = Timeline::of(capture(frames)).once();
    let left = timeline.by_ref().map(|frame| frame.number).collect::<Vec<_>>();
    let Repetition { looked, repeated } = timeline.repetition();
    assert_eq!(looked - repeated, left.len() as u64);
    let mut all = Timeline::of(capture(frames));
    assert_eq!(all.by_ref().count(), frames.len(), "unless asked for, nothing is left out");
    assert_eq!(all.repetition(), timeline.repetition());
    left
}

/// A packet with an identification and a hop limit.
fn packet(identification: u16, hops: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4_with(17, &[], identification, 0x4000, &udp(1, 2, payload));
    packet[8] = hops;
    packet[10] = hops;
    packet
}

fn cooked(kind: u8, packet: &[u8]) -> Vec<u8> {
    join(&[&[0, kind, 0, 1, 0, 6], &[0; 8], &[8, 0], packet])
}

#[test]
fn a_packet_is_known_again_wherever_it_is_seen() {
    let mut padded = ethernet(0x0800, &packet(7, 63, b"hello"));
    padded.resize(60, 0);
    let frames = [
        (1, 1000, ethernet(0x0800, &packet(7, 64, b"hello"))),
        (113, 1040, cooked(0, &packet(7, 64, b"hello"))),
        (113, 1050, cooked(4, &packet(7, 64, b"hello"))),
        (1, 1200, padded),
        (1, 1300, ethernet(0x0800, &packet(8, 64, b"hello"))),
        (1, 1400, ethernet(0x0800, &packet(7, 64, b"other"))),
        (1, 20_000, ethernet(0x0800, &packet(7, 64, b"hello"))),
    ];
    assert_eq!(left(&frames), [1, 5, 6, 7]);
}

#[test]
fn what_may_have_been_sent_twice_counts_twice() {
    let same = |packet: Vec<u8>| [(1, 10, ethernet(0x0800, &packet)), (1, 20, ethernet(0x0800, &packet))];
    assert_eq!(left(&same(packet(0, 64, b"counter:1"))), [1, 2], "no sender numbered them");
    assert_eq!(left(&same(packet(9, 64, b"counter:1"))), [1], "a mirrored port");
    let six = ipv6(17, &udp(1, 2, b"counter:1"));
    let twice = [(1, 10, ethernet(0x86dd, &six)), (1, 20, ethernet(0x86dd, &six)), (101, 30, six.clone())];
    assert_eq!(left(&twice), [1, 2]);
    // What carries no IP is never compared.
    let arp = ethernet(0x0806, &[0; 28]);
    assert_eq!(Timeline::of(capture(&[(1, 1, arp.clone()), (1, 2, arp)])).once().count(), 2);
}

#[test]
fn repetitions_are_looked_for_nearby_only() {
    let mut frames: Vec<_> =
        (0..100).map(|number| (1, 10, ethernet(0x0800, &packet(number + 1, 64, b"x")))).collect();
    frames.extend(frames.clone());
    assert_eq!(left(&frames).len(), 200, "more than 64 frames lie between");
}

#[test]
fn a_few_repetitions_are_no_news() {
    let noticed = |looked, repeated| Repetition { looked, repeated }.is_noticed();
    assert!(noticed(10, 1) && noticed(1000, 10));
    assert!(!noticed(0, 0) && !noticed(1000, 0) && !noticed(1000, 9));
}
