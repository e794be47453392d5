//! The most common packets in 32 bytes, for pipelines that hold many of them.

use std::net::Ipv4Addr;

use super::{
    AddressPair, Content, Domain, Family, Icmp, IcmpRole, IpPacket, Packet, Protocol, Quoted, TcpFlags,
    Timestamp, Transport,
};

/// A whole IPv4 packet with ports or an ICMP query (code 0), in at most one VLAN; nothing of it is lost.
///
/// Everything else has no compact form: [`Compact::of`] says so, and [`Packet`] holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compact {
    /// When it was captured.
    pub time: Timestamp,
    /// Source and destination address.
    pub addresses: [u32; 2],
    /// Source and destination port; of an ICMP query twice its identifier.
    pub ports: [u16; 2],
    /// Bytes on the wire.
    pub length: u32,
    /// The [`Domain`], of which only one VLAN fits, or one tunnel without an identifier.
    pub domain: u16,
    /// IP protocol.
    pub protocol: Protocol,
    /// TCP flags, or the type of an ICMP query.
    pub detail: u8,
    /// Free for whoever holds it: the place in a batch.
    pub place: u32,
}

impl Compact {
    /// The compact form of a packet, where it has one.
    pub fn of(packet: &Packet) -> Option<Self> {
        let Content::Ip(ip) = &packet.content else { return None };
        let (AddressPair::V4 { source, destination }, None) = (ip.addresses, ip.fragment) else {
            return None;
        };
        let (ports, detail) = match (ip.transport, ip.protocol) {
            (Transport::Tcp { source, destination, flags }, Protocol::TCP) => {
                ([source, destination], flags.0)
            }
            (Transport::Ports { source, destination }, protocol)
                if protocol.has_ports() && protocol != Protocol::TCP =>
            {
                ([source, destination], 0)
            }
            (Transport::Icmp(icmp), Protocol::ICMP) => {
                let query =
                    matches!(icmp.role(Family::V4), IcmpRole::Request { .. } | IcmpRole::Reply { .. });
                if !query || icmp.code != 0 || icmp.quoted != Quoted::None {
                    return None;
                }
                ([icmp.identifier; 2], icmp.kind)
            }
            _ => return None,
        };
        Some(Self {
            time: packet.time,
            addresses: [source.to_bits(), destination.to_bits()],
            ports,
            length: packet.length,
            domain: u16::try_from(ip.domain.0).ok()?,
            protocol: ip.protocol,
            detail,
            place: 0,
        })
    }

    /// The packet.
    pub const fn packet(&self) -> Packet {
        Packet { time: self.time, length: self.length, content: Content::Ip(self.ip()) }
    }

    /// The IP packet.
    pub const fn ip(&self) -> IpPacket {
        let [source, destination] = self.addresses;
        IpPacket {
            domain: Domain(self.domain as u128),
            addresses: AddressPair::V4 {
                source: Ipv4Addr::from_bits(source),
                destination: Ipv4Addr::from_bits(destination),
            },
            protocol: self.protocol,
            transport: self.transport(),
            fragment: None,
        }
    }

    /// Its transport header.
    pub const fn transport(&self) -> Transport {
        let [source, destination] = self.ports;
        match self.protocol {
            Protocol::TCP => Transport::Tcp { source, destination, flags: TcpFlags(self.detail) },
            Protocol::ICMP => {
                Transport::Icmp(Icmp { kind: self.detail, code: 0, identifier: source, quoted: Quoted::None })
            }
            _ => Transport::Ports { source, destination },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Flow;

    #[test]
    fn nothing_is_lost() {
        assert_eq!(size_of::<Compact>(), 32);
        for text in ["tcp 10.0.0.1:1 > 10.0.0.2:2", "udp 10.0.0.1:1 > 10.0.0.2:2", "icmp 10.0.0.1 > 10.0.0.2"]
        {
            let mut packet = text.parse::<Flow>().unwrap().packet(Timestamp(7));
            assert_eq!(Compact::of(&packet).unwrap().packet(), packet);
            let Content::Ip(ip) = &mut packet.content else { unreachable!() };
            ip.domain = Domain::NONE.in_vlan(4095);
            assert_eq!(Compact::of(&packet).unwrap().packet(), packet);
            let Content::Ip(ip) = &mut packet.content else { unreachable!() };
            ip.domain = ip.domain.in_vlan(5);
            assert_eq!(Compact::of(&packet), None);
        }
        for text in ["gre 10.0.0.1 > 10.0.0.2", "tcp fd00::1 > [fd00::2]:2", "icmp 10.0.0.1 > 10.0.0.2 11/0"]
        {
            assert_eq!(Compact::of(&text.parse::<Flow>().unwrap().packet(Timestamp(7))), None, "{text}");
        }
    }
}
