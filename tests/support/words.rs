//! Packets as the verdict tables write them.

use std::net::{IpAddr, SocketAddr};

use sgsim::packet::{
    AddressPair, Carries, Content, Domain, Fragment, Icmp, IpPacket, Layer, Packet, Protocol, Quoted,
    TcpFlags, Timestamp, Transport, Tunnel, TunnelKind,
};

/// A packet and what is expected of it.
pub(crate) struct Line {
    /// As written.
    pub(crate) text: String,
    /// The packet, and the tunnels that it was found in.
    pub(crate) layer: Layer,
    /// The expected outcome, as written.
    pub(crate) expected: String,
}

fn endpoint(text: &str) -> (IpAddr, u16) {
    match text.parse::<SocketAddr>() {
        Ok(socket) => (socket.ip(), socket.port()),
        Err(_) => (text.parse().unwrap_or_else(|_| panic!("address {text}")), 0),
    }
}

fn flags(text: &str) -> Option<TcpFlags> {
    if text == "none" {
        return Some(TcpFlags(0));
    }
    let bit = |letter| match letter {
        'S' => Some(0x02),
        'F' => Some(0x01),
        'R' => Some(0x04),
        'P' => Some(0x08),
        '.' => Some(0x10),
        _ => None,
    };
    text.chars().map(bit).sum::<Option<u8>>().map(TcpFlags)
}

fn fragment(text: &str) -> Option<Fragment> {
    let (id, rest) = text.strip_prefix("frag=")?.split_once(':')?;
    let more = rest.ends_with('+');
    let (offset, length) = rest.trim_end_matches('+').split_once('+')?;
    Some(Fragment { id: id.parse().ok()?, offset: offset.parse().ok()?, length: length.parse().ok()?, more })
}

fn quoted(words: &[&str]) -> Quoted {
    match words {
        ["cut", ..] => Quoted::Truncated,
        [protocol, from, ">", to, rest @ ..] => {
            let ((from, source), (to, destination)) = (endpoint_of_quote(from), endpoint_of_quote(to));
            let addresses = AddressPair::new(from, to).unwrap();
            let protocol = protocol.parse().unwrap();
            let message = match (protocol, rest.first().and_then(|word| word.split_once('/'))) {
                (_, Some((kind, code))) => (kind.parse().unwrap(), code.parse().unwrap()),
                (Protocol::ICMP, None) => (8, 0),
                (Protocol::ICMPV6, None) => (128, 0),
                _ => (0, 0),
            };
            Quoted::Packet { addresses, protocol, ports: (source, destination), message }
        }
        _ => panic!("quotation {words:?}"),
    }
}

fn endpoint_of_quote(text: &str) -> (IpAddr, u16) {
    endpoint(text)
}

/// The domain inside a tunnel, for `vxlan=7` or `gre`.
fn tunnel(domain: Domain, word: &str) -> Option<Domain> {
    let (code, id) = word.split_once('=').map_or((word, None), |(code, id)| (code, id.parse().ok()));
    let kind = TunnelKind::ALL.iter().find(|kind| kind.code() == code)?;
    domain.in_tunnel(Tunnel { kind: *kind, id })
}

/// What a packet holds, and the tunnels that it was found in.
fn content(words: &[&str]) -> (Content, Domain) {
    let alone = |content, rest: &[&str]| {
        let domain = rest.iter().fold(Domain::NONE, |domain, word| tunnel(domain, word).unwrap());
        (content, domain)
    };
    let (protocol, from, to, rest) = match words {
        ["arp", rest @ ..] => return alone(Content::Arp, rest),
        ["not-ip", rest @ ..] => return alone(Content::NotIp, rest),
        ["unreadable", rest @ ..] => return alone(Content::Truncated, rest),
        [protocol, from, ">", to, rest @ ..] => (protocol.parse::<Protocol>().unwrap(), from, to, rest),
        _ => panic!("packet {words:?}"),
    };
    let ((from, source), (to, destination)) = (endpoint(from), endpoint(to));
    let mut tcp = TcpFlags::SYN;
    let mut icmp = Icmp { kind: 8, code: 0, identifier: 0, quoted: Quoted::None };
    let (mut domain, mut within, mut part, mut lost) = (Domain::NONE, Domain::NONE, None, None);
    for (index, word) in rest.iter().enumerate() {
        if *word == "quotes" {
            icmp.quoted = quoted(&rest[index + 1..]);
            break;
        } else if let Some(vlan) = word.strip_prefix("vlan=") {
            domain = domain.in_vlan(vlan.parse().unwrap());
        } else if let Some(inside) = tunnel(domain, word) {
            (domain, within) = (inside, inside);
        } else if let Some(identifier) = word.strip_prefix("id=") {
            icmp.identifier = identifier.parse().unwrap();
        } else if word.starts_with("frag=") {
            part = Some(fragment(word).unwrap_or_else(|| panic!("fragment {word}")));
        } else if *word == "cut" {
            lost = Some(Transport::Truncated);
        } else if *word == "broken" {
            lost = Some(Transport::Malformed);
        } else if let Some((kind, code)) = word.split_once('/') {
            (icmp.kind, icmp.code) = (kind.parse().unwrap(), code.parse().unwrap());
        } else {
            tcp = flags(word).unwrap_or_else(|| panic!("word {word}"));
        }
    }
    let transport = match (lost, part, protocol) {
        (Some(lost), ..) => lost,
        (None, Some(Fragment { offset: 1.., .. }), _) => Transport::LaterFragment,
        (None, _, Protocol::TCP) => Transport::Tcp { source, destination, flags: tcp },
        (None, _, Protocol::ICMP | Protocol::ICMPV6) => Transport::Icmp(icmp),
        (None, _, protocol) if protocol.has_ports() => Transport::Ports { source, destination },
        _ => Transport::Other,
    };
    let addresses = AddressPair::new(from, to).unwrap();
    (Content::Ip(IpPacket { domain, addresses, protocol, transport, fragment: part }), within)
}

/// Reads `TIME PACKET => EXPECTED`.
pub(crate) fn parse(line: &str) -> Line {
    let (packet, expected) = line.split_once("=>").unwrap_or_else(|| panic!("no => in {line}"));
    let words: Vec<_> = packet.split_whitespace().collect();
    let seconds: f64 = words[0].parse().unwrap_or_else(|_| panic!("time in {line}"));
    #[allow(clippy::cast_possible_truncation)]
    let time = Timestamp((seconds * 1e9).round() as i64);
    let (content, within) = content(&words[1..]);
    let layer = Layer { packet: Packet { time, length: 100, content }, within, carries: Carries::Nothing };
    Line { text: packet_text(line), layer, expected: expected.trim().to_owned() }
}

fn packet_text(line: &str) -> String {
    line.split("=>").next().unwrap_or_default().trim().to_owned()
}
