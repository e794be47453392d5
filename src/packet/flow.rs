//! The textual form of a flow: `tcp 192.168.0.10:40000 > 192.168.0.21:10250`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{
    AddressPair, Content, Domain, Family, Icmp, IcmpKind, IpPacket, Packet, Protocol, Quoted, Service,
    TcpFlags, Timestamp, Transport,
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
    /// The flow between these addresses that asks for this service; `None` when packets of their family cannot.
    pub fn new(addresses: AddressPair, service: Service) -> Option<Self> {
        let protocol = service.protocol();
        let transport = match service {
            Service::Port(Protocol::TCP, destination) => {
                Transport::Tcp { source: EPHEMERAL, destination, flags: TcpFlags::SYN }
            }
            Service::Port(_, destination) => Transport::Ports { source: EPHEMERAL, destination },
            Service::Icmp { kind, code, .. } => {
                Transport::Icmp(Icmp { kind, code, identifier: 1, quoted: Quoted::None })
            }
            Service::Other(_) => Transport::Other,
        };
        let flow = Self { protocol, addresses, transport };
        let possible = Service::at(addresses.family(), protocol, 0);
        let same = std::mem::discriminant(&possible) == std::mem::discriminant(&service);
        (same && Service::of(&flow.ip()) == Some(service)).then_some(flow)
    }

    /// The same flow from this source port, where its protocol has ports.
    #[must_use]
    pub const fn from_port(mut self, port: u16) -> Self {
        if let Transport::Tcp { source, .. } | Transport::Ports { source, .. } = &mut self.transport {
            *source = port;
        }
        self
    }

    /// The header of its opening packet.
    pub const fn ip(&self) -> IpPacket {
        IpPacket {
            domain: Domain::NONE,
            addresses: self.addresses,
            protocol: self.protocol,
            transport: self.transport,
            fragment: None,
        }
    }

    /// The packet that opens this flow: for TCP a lone SYN.
    pub const fn packet(&self, time: Timestamp) -> Packet {
        let length = match self.addresses {
            AddressPair::V4 { .. } => 64,
            AddressPair::V6 { .. } => 84,
        };
        Packet { time, length, content: Content::Ip(self.ip()) }
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
    fn a_flow_is_made_of_a_service_that_its_family_has() {
        let pair = |a: &str, b: &str| AddressPair::new(a.parse().unwrap(), b.parse().unwrap()).unwrap();
        let (v4, v6) = (pair("10.0.0.1", "10.0.0.2"), pair("fd00::1", "fd00::2"));
        let text = |pair, service| Flow::new(pair, service).map(|flow| flow.to_string());
        assert_eq!(
            text(v4, Service::Port(Protocol::TCP, 22)).as_deref(),
            Some("tcp 10.0.0.1:49152 > 10.0.0.2:22")
        );
        let echo = |family| Service::Icmp { family, kind: 8, code: 0 };
        assert_eq!(text(v4, echo(Family::V4)).as_deref(), Some("icmp 10.0.0.1 > 10.0.0.2 8/0"));
        assert_eq!(text(v6, echo(Family::V4)), None);
        assert_eq!(text(v4, Service::Other(Protocol::TCP)), None);
        assert_eq!(text(v4, Service::Port(Protocol::GRE, 1)), None);
        assert_eq!(text(v6, Service::Other(Protocol::ICMP)).as_deref(), Some("icmp fd00::1 > fd00::2"));
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
