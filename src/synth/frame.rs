//! A made packet as the bytes of an Ethernet frame, with right lengths and checksums.

use std::net::IpAddr;

use crate::packet::{AddressPair, Family, Protocol, TcpFlags};

use super::segment::{Body, Quote, Segment, VXLAN_PORT, ip_header};

/// The largest segment that a SYN announces.
pub(super) const fn mss(family: Family, tunnelled: bool) -> u16 {
    match (family, tunnelled) {
        (Family::V4, false) => 1460,
        (Family::V6, false) => 1440,
        (Family::V4, true) => 1410,
        (Family::V6, true) => 1390,
    }
}

/// A window that no flight of packets fills.
const WINDOW: u16 = 64240;

impl Segment {
    /// Adds the bytes of the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(outer) = self.outer {
            let length = self.inner_length() + 16;
            ethernet(outer.addresses, out);
            ip(outer.addresses, Protocol::UDP, length, self.id, None, out);
            put16(out, outer.port);
            put16(out, VXLAN_PORT);
            put16(out, low16(length));
            // Linux sends no checksum over IPv4 (RFC 7348 section 5 wants zero).
            put16(out, 0);
            out.extend_from_slice(&[0x08, 0, 0, 0]);
            out.extend_from_slice(&(outer.vni << 8).to_be_bytes());
        }
        ethernet(self.addresses, out);
        let (length, cut) = match self.fragment {
            None => (self.datagram(), None),
            Some(cut) => (cut.length, Some((cut.offset, cut.more))),
        };
        ip(self.addresses, self.protocol(), length, self.id, cut, out);
        match self.fragment {
            None => self.datagram_bytes(out),
            Some(cut) => {
                let mut whole = Vec::new();
                self.datagram_bytes(&mut whole);
                let part = cut.offset as usize..(cut.offset + cut.length) as usize;
                out.extend_from_slice(whole.get(part).unwrap_or(&[]));
            }
        }
    }

    /// Transport header and payload.
    fn datagram_bytes(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let checksum = match self.body {
            Body::Tcp { ports, seq, ack, flags } => {
                put16(out, ports.0);
                put16(out, ports.1);
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(&ack.to_be_bytes());
                let syn = flags.has(TcpFlags::SYN);
                out.extend_from_slice(&[if syn { 0x70 } else { 0x50 }, flags.0]);
                put16(out, WINDOW);
                out.extend_from_slice(&[0; 4]);
                if syn {
                    // The largest segment, selective acknowledgements.
                    out.extend_from_slice(&[2, 4]);
                    put16(out, mss(self.family(), self.outer.is_some()));
                    out.extend_from_slice(&[4, 2, 1, 1]);
                }
                Some(16)
            }
            Body::Udp { ports } => {
                put16(out, ports.0);
                put16(out, ports.1);
                put16(out, low16(self.datagram()));
                put16(out, 0);
                Some(6)
            }
            Body::Icmp { kind, code, identifier, sequence } => {
                out.extend_from_slice(&[kind, code, 0, 0]);
                put16(out, identifier);
                put16(out, sequence);
                Some(2)
            }
            Body::Error { kind, code, quoted } => {
                out.extend_from_slice(&[kind, code, 0, 0, 0, 0, 0, 0]);
                quote(&quoted, out);
                Some(2)
            }
            Body::Other(_) => None,
            Body::Ports { ports, .. } => {
                put16(out, ports.0);
                put16(out, ports.1);
                out.extend_from_slice(&[0; 8]);
                None
            }
        };
        self.payload.write(out);
        let Some(at) = checksum else { return };
        let protocol = self.protocol();
        let pseudo = if protocol == Protocol::ICMP {
            0
        } else {
            pseudo_header(self.addresses, protocol, self.datagram())
        };
        let mut sum = finish(add(pseudo, &out[start..]));
        if protocol == Protocol::UDP && sum == 0 {
            // Zero would mean that there is none (RFC 768).
            sum = 0xffff;
        }
        out[start + at..start + at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

#[allow(clippy::cast_possible_truncation)] // Lengths of IP are bounded by the builders.
const fn low16(number: u32) -> u16 {
    number as u16
}

fn put16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// A locally administered address for each host: the last four bytes of its IP address.
fn mac(address: IpAddr) -> [u8; 6] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [2, 0, a, b, c, d]
        }
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            [2, 6, a, b, c, d]
        }
    }
}

fn ethernet(addresses: AddressPair, out: &mut Vec<u8>) {
    out.extend_from_slice(&mac(addresses.destination()));
    out.extend_from_slice(&mac(addresses.source()));
    out.extend_from_slice(match addresses.family() {
        Family::V4 => &[0x08, 0x00],
        Family::V6 => &[0x86, 0xdd],
    });
}

/// The IP header in front of so many bytes; `cut` are offset and whether more fragments follow.
fn ip(
    addresses: AddressPair,
    protocol: Protocol,
    length: u32,
    id: u16,
    cut: Option<(u32, bool)>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    // The offset counts eights.
    let offset = cut.map_or(0, |(offset, _)| low16(offset / 8));
    let more = cut.is_some_and(|(_, more)| more);
    match addresses {
        AddressPair::V4 { source, destination } => {
            out.extend_from_slice(&[0x45, 0]);
            put16(out, low16(length + 20));
            put16(out, id);
            let flags = if cut.is_none() { 0x4000 } else { u16::from(more) << 13 };
            put16(out, flags | offset);
            out.extend_from_slice(&[64, protocol.0, 0, 0]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
            let sum = finish(add(0, &out[start..]));
            out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        }
        AddressPair::V6 { source, destination } => {
            let (extension, next) = if cut.is_some() { (8, 44) } else { (0, protocol.0) };
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            put16(out, low16(length + extension));
            out.extend_from_slice(&[next, 64]);
            out.extend_from_slice(&source.octets());
            out.extend_from_slice(&destination.octets());
            if cut.is_some() {
                out.extend_from_slice(&[protocol.0, 0]);
                put16(out, offset << 3 | u16::from(more));
                out.extend_from_slice(&u32::from(id).to_be_bytes());
            }
        }
    }
}

/// The packet that an ICMP error quotes: its IP header and eight bytes (RFC 792).
fn quote(quoted: &Quote, out: &mut Vec<u8>) {
    ip(quoted.addresses, quoted.protocol, quoted.length, quoted.id, None, out);
    if matches!(quoted.protocol, Protocol::ICMP | Protocol::ICMPV6) {
        put16(out, quoted.ports.0);
        put16(out, 0);
        put16(out, quoted.ports.1);
        put16(out, low16(quoted.rest));
    } else {
        put16(out, quoted.ports.0);
        put16(out, quoted.ports.1);
        out.extend_from_slice(&quoted.rest.to_be_bytes());
    }
    debug_assert!(quoted.size() == ip_header(quoted.addresses.family()) + 8);
}

/// Adds big-endian words, the last byte padded (RFC 1071).
fn add(sum: u32, bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    // 64 KiB of words are under 2^31.
    words.fold(sum, |sum, word| sum + word)
}

fn finish(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !low16(sum)
}

/// What the checksum covers beside the datagram (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo_header(addresses: AddressPair, protocol: Protocol, length: u32) -> u32 {
    let ends = match addresses {
        AddressPair::V4 { source, destination } => add(add(0, &source.octets()), &destination.octets()),
        AddressPair::V6 { source, destination } => add(add(0, &source.octets()), &destination.octets()),
    };
    ends + u32::from(protocol.0) + (length >> 16) + (length & 0xffff)
}
