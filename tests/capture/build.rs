//! Bytes of frames and captures, as the standards lay them out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const A4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
pub(crate) const B4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 21);
pub(crate) const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
pub(crate) const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x21);

pub(crate) fn v4_ends() -> (IpAddr, IpAddr) {
    (A4.into(), B4.into())
}

pub(crate) fn v6_ends() -> (IpAddr, IpAddr) {
    (A6.into(), B6.into())
}

/// Joins byte strings.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ether_type.to_be_bytes(), payload])
}

/// What follows a tag's own type: identifier (with a priority, which must not matter), type, payload.
pub(crate) fn vlan(identifier: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&(0xa000 | identifier).to_be_bytes(), &ether_type.to_be_bytes(), payload])
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(protocol, &[], 0, 0, payload)
}

/// `fragment` is the sixteen bits of flags and offset (in units of eight bytes).
pub(crate) fn ipv4_with(
    protocol: u8,
    options: &[u8],
    identification: u16,
    fragment: u16,
    payload: &[u8],
) -> Vec<u8> {
    let header = u8::try_from(20 + options.len()).unwrap();
    let total = u16::try_from(usize::from(header) + payload.len()).unwrap();
    join(&[
        &[0x40 + header / 4, 0],
        &total.to_be_bytes(),
        &identification.to_be_bytes(),
        &fragment.to_be_bytes(),
        &[64, protocol, 0xde, 0xad],
        &A4.octets(),
        &B4.octets(),
        options,
        payload,
    ])
}

pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    join(&[&[0x60, 0, 0, 0], &length.to_be_bytes(), &[next, 64], &A6.octets(), &B6.octets(), payload])
}

/// An extension header of `8 * (1 + length)` bytes.
pub(crate) fn extension(next: u8, length: u8) -> Vec<u8> {
    let mut header = vec![0; 8 * (1 + usize::from(length))];
    header[0] = next;
    header[1] = length;
    header
}

/// An IPv6 fragment header; `offset` in units of eight bytes.
pub(crate) fn fragment_header(next: u8, offset: u16, more: bool, id: u32) -> Vec<u8> {
    join(&[&[next, 0], &(offset << 3 | u16::from(more)).to_be_bytes(), &id.to_be_bytes()])
}

pub(crate) fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    join(&[
        &source.to_be_bytes(),
        &destination.to_be_bytes(),
        &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
    ])
}

pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload])
}

pub(crate) fn icmp(kind: u8, code: u8, identifier: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[kind, code, 0, 0], &identifier.to_be_bytes(), &[0, 1], payload])
}

/// Byte order of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

pub(crate) fn pcap_header(order: Order, magic: u32, link: u32) -> Vec<u8> {
    let [major, minor] = [2, 4].map(|part| order.u16(part));
    join(&[&order.u32(magic), &major, &minor, &[0; 8], &order.u32(65535), &order.u32(link)])
}

pub(crate) fn pcap_record(order: Order, seconds: u32, fraction: u32, wire: u32, bytes: &[u8]) -> Vec<u8> {
    let captured = u32::try_from(bytes.len()).unwrap();
    join(&[&order.u32(seconds), &order.u32(fraction), &order.u32(captured), &order.u32(wire), bytes])
}

/// A pcapng block of any type, padded and closed.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = order.u32(u32::try_from(12 + body.len() + padding).unwrap());
    join(&[&order.u32(kind), &length, body, &[0; 3][..padding], &length])
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = join(&[&order.u32(0x1a2b_3c4d), &order.u16(1), &order.u16(0), &[0xff; 8]]);
    block(order, 0x0a0d_0d0a, &body)
}

pub(crate) fn interface(order: Order, link: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
    block(order, 1, &join(&[&order.u16(link), &[0, 0], &order.u32(snap_length), options]))
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let length = order.u16(u16::try_from(value.len()).unwrap());
    let padding = value.len().next_multiple_of(4) - value.len();
    join(&[&order.u16(code), &length, value, &[0; 3][..padding]])
}

/// An enhanced packet block, with a comment that is not UTF-8 behind the frame.
pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, wire: u32, bytes: &[u8]) -> Vec<u8> {
    let padding = bytes.len().next_multiple_of(4) - bytes.len();
    let body = join(&[
        &order.u32(interface),
        &order.u32(u32::try_from(ticks >> 32).unwrap()),
        &order.u32(u32::try_from(ticks & 0xffff_ffff).unwrap()),
        &order.u32(u32::try_from(bytes.len()).unwrap()),
        &order.u32(wire),
        bytes,
        &[0; 3][..padding],
        &option(order, 1, b"\xff\xfe not text"),
    ]);
    block(order, 6, &body)
}

/// A small whole frame: TCP SYN over IPv4 in Ethernet, 54 bytes.
pub(crate) fn syn_frame(source: u16) -> Vec<u8> {
    ethernet(0x0800, &ipv4(6, &tcp(source, 443, 0x02)))
}
