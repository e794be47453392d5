//! Packets as bytes, and in the words of `tests/semantics/`.

use std::fmt::Write as _;
use std::net::IpAddr;

/// TCP control bits.
pub(crate) const FIN: u8 = 0x01;
/// SYN.
pub(crate) const SYN: u8 = 0x02;
/// RST.
pub(crate) const RST: u8 = 0x04;
/// ACK.
pub(crate) const ACK: u8 = 0x10;

/// SCTP chunks: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, DATA (RFC 9260 section 3.2).
pub(crate) const INIT: u8 = 1;
/// INIT ACK.
pub(crate) const INIT_ACK: u8 = 2;
/// COOKIE ECHO.
pub(crate) const COOKIE_ECHO: u8 = 10;
/// COOKIE ACK.
pub(crate) const COOKIE_ACK: u8 = 11;
/// DATA.
pub(crate) const DATA: u8 = 0;

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// TCP with these flags.
    Tcp { ports: (u16, u16), flags: u8 },
    /// UDP (17) or UDP-Lite (136).
    Datagram { protocol: u8, ports: (u16, u16) },
    /// SCTP with one chunk.
    Sctp { ports: (u16, u16), chunk: u8 },
    /// ICMP or `ICMPv6`, by the family of the addresses. `quoted` is the packet that an error is about.
    Icmp { kind: u8, code: u8, identifier: u16, quoted: Option<Box<Packet>>, quoted_bytes: usize },
    /// Another protocol.
    Other(u8),
}

/// What stands between the fixed IP header and the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Nothing.
    None,
    /// IPv4: four bytes of options. IPv6: destination options.
    Options,
    /// IPv6: hop-by-hop and destination options and a routing header. IPv4: eight bytes of options.
    More,
}

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// What it carries.
    pub body: Body,
    /// Options and extension headers.
    pub extra: Extra,
    /// Bytes of payload behind the headers.
    pub padding: usize,
}

/// A piece of a datagram: offset and length in its payload, and whether more follow.
pub(crate) type Piece = (usize, usize, bool);

impl Body {
    /// The protocol number, in a packet of this family.
    pub(crate) const fn protocol(&self, v6: bool) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Datagram { protocol, .. } | Self::Other(protocol) => *protocol,
            Self::Sctp { .. } => 132,
            Self::Icmp { .. } => {
                if v6 {
                    58
                } else {
                    1
                }
            }
        }
    }
}

impl Packet {
    /// A packet without anything special.
    pub(crate) const fn new(from: IpAddr, to: IpAddr, body: Body) -> Self {
        Self { from, to, body, extra: Extra::None, padding: 0 }
    }

    /// IPv6.
    pub(crate) const fn v6(&self) -> bool {
        self.from.is_ipv6()
    }

    /// The protocol number.
    pub(crate) const fn protocol(&self) -> u8 {
        self.body.protocol(self.v6())
    }

    /// The transport header and payload.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let ports = |(from, to): (u16, u16)| [from.to_be_bytes(), to.to_be_bytes()].concat();
        let mut bytes = match &self.body {
            Body::Tcp { ports: both, flags } => {
                // One number everywhere: inside every window, and what a reset has to have.
                let number = 1000u32.to_be_bytes();
                let mut bytes = ports(*both);
                bytes.extend(number);
                bytes.extend(if flags & ACK == 0 { [0; 4] } else { number });
                bytes.extend([5 << 4, *flags, 0x40, 0, 0, 0, 0, 0]);
                bytes
            }
            Body::Datagram { ports: both, .. } => {
                let length = u16::try_from(8 + self.padding).unwrap_or(u16::MAX);
                // UDP may go without a checksum in IPv4, UDP-Lite never; whether it is right nobody looks.
                [ports(*both), length.to_be_bytes().to_vec(), vec![0, 1]].concat()
            }
            Body::Sctp { ports: both, chunk } => sctp(ports(*both), *chunk),
            Body::Icmp { kind, code, identifier, quoted, quoted_bytes } => {
                let mut bytes = vec![*kind, *code, 0, 0];
                bytes.extend(identifier.to_be_bytes());
                bytes.extend([0, 1]);
                if let Some(quoted) = quoted {
                    let inner = quoted.datagram(1);
                    let header = inner.len() - quoted.payload().len();
                    bytes.extend(&inner[..inner.len().min(header + quoted_bytes)]);
                }
                bytes
            }
            // Also a GRE header of version 0.
            Body::Other(_) => vec![0, 0, 0x08, 0, 1, 2, 3, 4],
        };
        bytes.resize(bytes.len() + self.padding, 0);
        bytes
    }

    /// The packet; `token` tells it from others.
    pub(crate) fn datagram(&self, token: u16) -> Vec<u8> {
        let payload = self.payload();
        let mut bytes = self.header(token, payload.len(), None);
        bytes.extend(payload);
        bytes
    }

    /// One fragment of it.
    pub(crate) fn fragment(&self, token: u16, piece: Piece) -> Vec<u8> {
        let payload = self.payload();
        let (offset, length, _) = piece;
        let mut bytes = self.header(token, length, Some(piece));
        bytes.extend(&payload[offset..offset + length]);
        bytes
    }

    fn header(&self, token: u16, payload: usize, piece: Option<Piece>) -> Vec<u8> {
        let u16_of = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let options = match self.extra {
                    Extra::None => 0,
                    Extra::Options => 4,
                    Extra::More => 8,
                };
                let mut bytes = vec![0x45 + u8::try_from(options / 4).unwrap_or(0), 0];
                bytes.extend(u16_of(20 + options + payload));
                bytes.extend(token.to_be_bytes());
                let part = piece.map_or(0, |(offset, _, more)| offset / 8 + if more { 0x2000 } else { 0 });
                bytes.extend(u16_of(part));
                bytes.extend([64, self.protocol(), 0, 0]);
                bytes.extend(from.octets());
                bytes.extend(to.octets());
                // No-operation options.
                bytes.resize(20 + options, 1);
                bytes
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut chain = vec![];
                let mut next = self.protocol();
                let options = |next| [next, 0, 1, 4, 0, 0, 0, 0];
                // Destination options would be fragmented with the rest; hop-by-hop options never are.
                if self.extra == Extra::More && piece.is_none() {
                    // A routing header without segments left.
                    chain.splice(0..0, [next, 0, 4, 0, 0, 0, 0, 0]);
                    next = 43;
                }
                if self.extra != Extra::None && piece.is_none() {
                    chain.splice(0..0, options(next));
                    next = 60;
                }
                if let Some((offset, _, more)) = piece {
                    let mut header = vec![next, 0];
                    header.extend(u16_of(offset + usize::from(more)));
                    header.extend(u32::from(token).to_be_bytes());
                    chain.splice(0..0, header);
                    next = 44;
                }
                if self.extra == Extra::More {
                    chain.splice(0..0, options(next));
                    next = 0;
                }
                let mut bytes = vec![0x60, 0];
                bytes.extend(token.to_be_bytes());
                bytes.extend(u16_of(chain.len() + payload));
                bytes.extend([next, 64]);
                bytes.extend(from.octets());
                bytes.extend(to.octets());
                bytes.extend(chain);
                bytes
            }
            _ => panic!("a packet between two families"),
        }
    }

    /// In the words of `tests/semantics/`, without time and verdict.
    pub(crate) fn words(&self, token: u16, piece: Option<Piece>) -> String {
        let name = match self.protocol() {
            6 => "tcp".to_owned(),
            17 => "udp".to_owned(),
            1 => "icmp".to_owned(),
            58 => "icmpv6".to_owned(),
            132 => "sctp".to_owned(),
            136 => "udplite".to_owned(),
            47 => "gre".to_owned(),
            number => number.to_string(),
        };
        let later = piece.is_some_and(|(offset, ..)| offset > 0);
        let end = |address: IpAddr, port: u16| std::net::SocketAddr::new(address, port).to_string();
        let mut text = match &self.body {
            Body::Tcp { ports, .. } | Body::Datagram { ports, .. } | Body::Sctp { ports, .. } if !later => {
                format!("{name} {} > {}", end(self.from, ports.0), end(self.to, ports.1))
            }
            _ => format!("{name} {} > {}", self.from, self.to),
        };
        match &self.body {
            _ if later => {}
            Body::Tcp { flags, .. } => write!(text, " {}", flag_letters(*flags)).unwrap(),
            Body::Sctp { chunk, .. } => write!(text, " (chunk {chunk})").unwrap(),
            Body::Icmp { kind, code, identifier, .. } => {
                write!(text, " {kind}/{code} id={identifier}").unwrap();
            }
            _ => {}
        }
        if let Some((offset, length, more)) = piece {
            write!(text, " frag={token}:{offset}+{length}{}", if more { "+" } else { "" }).unwrap();
        }
        if let Body::Icmp { quoted: Some(quoted), quoted_bytes, .. } = &self.body {
            write!(text, " quotes {} ({quoted_bytes} bytes)", quoted.words(1, None)).unwrap();
        }
        if self.extra != Extra::None {
            write!(text, " ({:?})", self.extra).unwrap();
        }
        text
    }
}

/// One chunk. Both ends have the same verification tag, so that every packet has the right one.
fn sctp(mut bytes: Vec<u8>, chunk: u8) -> Vec<u8> {
    let tag = 7u32.to_be_bytes();
    bytes.extend(if chunk == INIT { [0; 4] } else { tag });
    bytes.extend([0; 4]);
    match chunk {
        INIT | INIT_ACK => {
            bytes.extend([chunk, 0, 0, 20]);
            bytes.extend(tag);
            bytes.extend([0, 0, 0x40, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
        }
        DATA => bytes.extend([chunk, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
        _ => bytes.extend([chunk, 0, 0, 4]),
    }
    bytes
}

/// Flags as tcpdump writes them.
pub(crate) fn flag_letters(flags: u8) -> String {
    let letters =
        [(SYN, 'S'), (FIN, 'F'), (RST, 'R'), (0x08, 'P'), (ACK, '.'), (0x20, 'U'), (0x40, 'E'), (0x80, 'W')];
    let set: String = letters.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect();
    if set.is_empty() { "none".to_owned() } else { set }
}

/// The token of a packet that the kernel reports.
pub(crate) fn token_of(bytes: &[u8]) -> Option<u16> {
    match bytes.first()? >> 4 {
        4 => Some(u16::from_be_bytes([*bytes.get(4)?, *bytes.get(5)?])),
        6 => Some(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        _ => None,
    }
}
