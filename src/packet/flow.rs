//! The textual form of a flow: `tcp 192.168.0.10:40000 > 192.168.0.21:10250`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{
    AddressPair, Content, Domain, Family, Icmp, IcmpKind, IpPacket, Packet, Protocol, Quoted, TcpFlags,
    Timestamp, Transport,
};

/// The client port of a written flow that names none: the first of the IANA dynamic range (RFC 6335).
const EPHEMERAL: u16 = 49152;

/// The opening packet of a conversation, as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    protocol: Protocol,
    addresses: AddressPair,
    transport: Transport,
}

impl Flow {
    /// The packet that opens this flow: for TCP a lone SYN.
    pub const fn packet(&self, time: Timestamp) -> Packet {
        let length = match self.addresses {
            AddressPair::V4 { .. } => 64,
            AddressPair::V6 { .. } => 84,
        };
        Packet {
            time,
            length,
            content: Content::Ip(IpPacket {
                domain: Domain::NONE,
                addresses: self.addresses,
                protocol: self.protocol,
                transport: self.transport,
                fragment: None,
            }),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.addresses.source(), self.addresses.destination());
        match self.transport {
            Transport::Tcp { source, destination, .. } | Transport::Ports { source, destination } => {
                let (from, to) = (SocketAddr::new(from, source), SocketAddr::new(to, destination));
                write!(f, "{} {from} > {to}", self.protocol)
            }
            Transport::Icmp(icmp) => {
                let kind = IcmpKind { kind: icmp.kind, code: Some(icmp.code) };
                write!(f, "{} {from} > {to} {kind}", self.protocol)
            }
            _ => write!(f, "{} {from} > {to}", self.protocol),
        }
    }
}

/// Why a written flow could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{problem} in flow '{text}'; expected for example 'tcp 192.168.0.10:40000 > 192.168.0.21:10250', 'icmp 10.0.0.1 > 10.0.0.2 echo-request' or 'gre 10.0.0.1 > 10.0.0.2'"
)]
pub struct ParseFlowError {
    text: String,
    problem: String,
}

/// An address with or without a port: `10.0.0.1`, `10.0.0.1:80`, `fd00::1`, `[fd00::1]:80`.
fn endpoint(text: &str) -> Result<(IpAddr, Option<u16>), String> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok((address, None));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok((socket.ip(), Some(socket.port())));
    }
    Err(format!("'{text}' is not ADDRESS or ADDRESS:PORT (IPv6 with a port as [ADDRESS]:PORT)"))
}

fn icmp_message(family: Family, text: Option<&str>) -> Result<Icmp, String> {
    let text = text.unwrap_or("echo-request");
    let number =
        |part: &str| part.parse::<u8>().map_err(|_| format!("'{text}' is not an ICMP message of {family}"));
    let kind = match (IcmpKind::from_name(family, text), text.split_once('/')) {
        (Some(kind), _) => kind,
        (None, Some((kind, code))) => IcmpKind { kind: number(kind)?, code: Some(number(code)?) },
        (None, None) => IcmpKind { kind: number(text)?, code: None },
    };
    Ok(Icmp { kind: kind.kind, code: kind.code.unwrap_or(0), identifier: 1, quoted: Quoted::None })
}

fn parse(text: &str) -> Result<Flow, String> {
    let (left, right) = text.split_once('>').ok_or("no '>' between source and destination")?;
    let left: Vec<_> = left.split_whitespace().collect();
    let right: Vec<_> = right.split_whitespace().collect();
    let [protocol, source] = left[..] else { return Err("expected PROTOCOL SOURCE before '>'".into()) };
    let (destination, rest) = right.split_first().ok_or("no destination after '>'")?;
    let mut protocol: Protocol = protocol.parse().map_err(|e| format!("{e}"))?;
    let ((from, from_port), (to, to_port)) = (endpoint(source)?, endpoint(destination)?);
    let addresses = AddressPair::new(from, to).ok_or("source and destination are of different families")?;
    let family = addresses.family();
    if matches!((protocol, family), (Protocol::ICMP, Family::V6)) {
        protocol = Protocol::ICMPV6;
    }
    let is_icmp = matches!((protocol, family), (Protocol::ICMP, Family::V4) | (Protocol::ICMPV6, Family::V6));
    if !is_icmp && !rest.is_empty() {
        return Err(format!("unexpected '{}' behind the destination", rest.join(" ")));
    }
    if rest.len() > 1 {
        return Err(format!("unexpected '{}' behind the ICMP message", rest[1..].join(" ")));
    }
    let transport = if is_icmp {
        if from_port.or(to_port).is_some() {
            return Err("ICMP has no ports".into());
        }
        Transport::Icmp(icmp_message(family, rest.first().copied())?)
    } else if protocol.has_ports() {
        let destination = to_port.ok_or("no destination port")?;
        let source = from_port.unwrap_or(EPHEMERAL);
        match protocol {
            Protocol::TCP => Transport::Tcp { source, destination, flags: TcpFlags::SYN },
            _ => Transport::Ports { source, destination },
        }
    } else if from_port.or(to_port).is_some() {
        return Err(format!("protocol {protocol} has no ports"));
    } else {
        Transport::Other
    };
    Ok(Flow { protocol, addresses, transport })
}

impl FromStr for Flow {
    type Err = ParseFlowError;

    /// Reads `PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [ICMP-MESSAGE]`.
    ///
    /// Without a source port one of the dynamic range stands in; without a message ICMP means an echo request.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| ParseFlowError { text: text.to_owned(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_flows_round_trip() {
        for text in [
            "tcp 192.168.0.10:40000 > 192.168.0.21:10250",
            "udp [fd00::1]:5000 > [fd00::2]:53",
            "icmp 10.0.0.1 > 10.0.0.2 8/0",
            "icmpv6 fd00::1 > fd00::2 128/0",
            "gre 10.0.0.1 > 10.0.0.2",
            "sctp 10.0.0.1:1 > 10.0.0.2:2",
        ] {
            assert_eq!(text.parse::<Flow>().unwrap().to_string(), text);
        }
        assert_eq!(
            "tcp 1.2.3.4 > 5.6.7.8:22".parse::<Flow>().unwrap().to_string(),
            "tcp 1.2.3.4:49152 > 5.6.7.8:22"
        );
        assert_eq!(
            "icmp 1.2.3.4>5.6.7.8 fragmentation-needed".parse::<Flow>().unwrap().to_string(),
            "icmp 1.2.3.4 > 5.6.7.8 3/4"
        );
        assert_eq!(
            "icmp fd00::1 > fd00::2".parse::<Flow>().unwrap().to_string(),
            "icmpv6 fd00::1 > fd00::2 128/0"
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("tcp 1.2.3.4 5.6.7.8:22", "no '>'"),
            ("tcp 1.2.3.4 > 5.6.7.8", "no destination port"),
            ("tpc 1.2.3.4 > 5.6.7.8:1", "unknown protocol 'tpc'"),
            ("tcp 1.2.3.4 > fd00::1", "different families"),
            ("icmp 1.2.3.4:1 > 5.6.7.8", "ICMP has no ports"),
            ("icmp 1.2.3.4 > 5.6.7.8 ping", "'ping' is not an ICMP message"),
            ("gre 1.2.3.4 > 5.6.7.8:1", "protocol gre has no ports"),
            ("tcp 1.2.3.4 > 5.6.7.8:70000", "is not ADDRESS or ADDRESS:PORT"),
            ("tcp 1.2.3.4 > 5.6.7.8:1 now", "unexpected 'now'"),
        ] {
            let message = text.parse::<Flow>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
