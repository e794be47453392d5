//! A written flow as a capture of one packet: what Wireshark or `sgsim explain` can look at.

use std::io::{self, Write};
use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, PacketBuilder};

use crate::packet::{Flow, Protocol, TcpFlags, Timestamp, Transport};

use super::{CaptureFormat, CaptureWriter, LinkType};

/// Hops that the packet may take.
const HOPS: u8 = 64;

/// Writes a pcap file that holds the opening packet of a flow.
pub fn write_flow(flow: &Flow, out: &mut impl Write) -> io::Result<()> {
    let packet = bytes(flow)?;
    let mut writer = CaptureWriter::new(out, CaptureFormat::Pcap, LinkType::RAW, "")?;
    writer.write(Timestamp(0), &packet)?;
    writer.finish()
}

/// The packet, from its IP header on.
fn bytes(flow: &Flow) -> io::Result<Vec<u8>> {
    let ip = flow.ip();
    let mut packet = vec![];
    let builder = || match (ip.source(), ip.destination()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
        (from, to) => PacketBuilder::ipv6(v6(from), v6(to), HOPS),
    };
    let written = match ip.transport {
        Transport::Tcp { source, destination, flags } => {
            let tcp = builder().tcp(source, destination, 0, u16::MAX);
            let tcp = if flags.has(TcpFlags::SYN) { tcp.syn() } else { tcp };
            tcp.write(&mut packet, &[])
        }
        Transport::Ports { source, destination } if ip.protocol == Protocol::UDP => {
            builder().udp(source, destination).write(&mut packet, &[])
        }
        Transport::Icmp(icmp) => {
            let [high, low] = icmp.identifier.to_be_bytes();
            match ip.source() {
                IpAddr::V4(_) => {
                    builder().icmpv4_raw(icmp.kind, icmp.code, [high, low, 0, 1]).write(&mut packet, &[])
                }
                IpAddr::V6(_) => {
                    builder().icmpv6_raw(icmp.kind, icmp.code, [high, low, 0, 1]).write(&mut packet, &[])
                }
            }
        }
        Transport::Ports { source, destination } => {
            let [ports_from, ports_to] = [source.to_be_bytes(), destination.to_be_bytes()];
            let mut header = [0; 16];
            header[..2].copy_from_slice(&ports_from);
            header[2..4].copy_from_slice(&ports_to);
            return bare(&ip, &header);
        }
        _ => return bare(&ip, &[0; 8]),
    };
    written.map_err(io::Error::other)?;
    Ok(packet)
}

/// A packet of a protocol that rules know by its number, with these bytes behind the IP header.
fn bare(ip: &crate::packet::IpPacket, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut packet = vec![];
    let length = u16::try_from(payload.len()).unwrap_or(0);
    match (ip.source(), ip.destination()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            Ipv4Header::new(length, HOPS, IpNumber(ip.protocol.0), from.octets(), to.octets())
                .map_err(io::Error::other)?
                .write(&mut packet)?;
        }
        (from, to) => Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: length,
            next_header: IpNumber(ip.protocol.0),
            hop_limit: HOPS,
            source: v6(from),
            destination: v6(to),
        }
        .write(&mut packet)?,
    }
    packet.extend_from_slice(payload);
    Ok(packet)
}

const fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::CaptureReader;
    use crate::packet::Content;

    #[test]
    fn a_written_flow_reads_back_as_itself() {
        for text in [
            "tcp 10.0.0.1:40000 > 10.0.0.2:22",
            "tcp [fd00::1]:40000 > [fd00::2]:22",
            "udp 10.0.0.1:1 > 10.0.0.2:53",
            "udp [fd00::1]:1 > [fd00::2]:53",
            "sctp 10.0.0.1:1 > 10.0.0.2:9",
            "icmp 10.0.0.1 > 10.0.0.2 8/0",
            "icmpv6 fd00::1 > fd00::2 128/0",
            "gre 10.0.0.1 > 10.0.0.2",
            "254 fd00::1 > fd00::2",
        ] {
            let flow: Flow = text.parse().unwrap();
            let mut file = vec![];
            write_flow(&flow, &mut file).unwrap();
            let mut reader = CaptureReader::new("written", std::io::Cursor::new(file)).unwrap();
            let frame = reader.next_frame().unwrap().unwrap();
            assert_eq!(frame.packet.content, Content::Ip(flow.ip()), "{text}");
            assert!(reader.next_frame().unwrap().is_none());
        }
    }
}
