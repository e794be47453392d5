//! What we find inside of tunnels against tshark: addresses and ports of every layer, network identifiers.

use std::fmt::Write as _;
use std::path::Path;

use sgsim::capture::{CaptureReader, TunnelPorts, decode_layers};
use sgsim::packet::{Carries, Content, IcmpRole, IpPacket, Layer, Protocol, Transport, TunnelKind};

use crate::{Compared, fields, has, of_folder};

/// The fields asked of tshark, each with all its occurrences, outermost first: what a frame is, and what is compared.
const FIELDS: [&str; 14] = [
    "frame.protocols",
    "frame.encap_type",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "tcp.srcport",
    "tcp.dstport",
    "vxlan.vni",
    "geneve.vni",
    "erspan.spanid",
    "gre.key",
];

/// Encapsulations that tshark opens and we do not: their inside is not ours to compare.
const NOT_OPENED: [&str; 12] = [
    "teredo",
    "gtp",
    "ayiya",
    "capwap",
    "l2tp",
    "ppp",
    "wlan",
    "pwethheuristic",
    "lisp",
    "amt",
    "zip",
    "esp",
];

fn rows(capture: &Path) -> Vec<Vec<Vec<String>>> {
    let (text, _) = fields(capture, &FIELDS);
    let values =
        |field: &str| field.split(';').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    let rows = text.lines().map(|line| line.split('|').map(values).collect::<Vec<Vec<String>>>());
    rows.filter(|row| !row[1].is_empty()).collect()
}

/// What we say, in the fields of tshark.
fn told(layers: &[Layer], field: &str) -> Vec<String> {
    let ips: Vec<IpPacket> = layers
        .iter()
        .filter_map(|layer| match layer.packet.content {
            Content::Ip(ip) => Some(ip),
            _ => None,
        })
        .collect();
    let ports = |protocol: Protocol, second: bool| -> Vec<String> {
        let of = |ip: &&IpPacket| ip.protocol == protocol;
        let ports = ips.iter().filter(of).filter_map(IpPacket::ports);
        ports.map(|(from, to)| if second { to } else { from }.to_string()).collect()
    };
    let within = layers.last().unwrap().within;
    let ids = |kinds: &[TunnelKind]| -> Vec<String> {
        let of = within.tunnels().filter(|tunnel| kinds.contains(&tunnel.kind));
        of.filter_map(|tunnel| tunnel.id).map(|id| id.to_string()).collect()
    };
    let addresses = |v4: bool, second: bool| -> Vec<String> {
        let of = ips.iter().filter(|ip| ip.source().is_ipv4() == v4);
        of.map(|ip| if second { ip.destination() } else { ip.source() }.to_string()).collect()
    };
    match field {
        "ip.src" => addresses(true, false),
        "ip.dst" => addresses(true, true),
        "ipv6.src" => addresses(false, false),
        "ipv6.dst" => addresses(false, true),
        "udp.srcport" => ports(Protocol::UDP, false),
        "udp.dstport" => ports(Protocol::UDP, true),
        "tcp.srcport" => ports(Protocol::TCP, false),
        "tcp.dstport" => ports(Protocol::TCP, true),
        "vxlan.vni" => ids(&[TunnelKind::Vxlan, TunnelKind::VxlanGpe]),
        "geneve.vni" => ids(&[TunnelKind::Geneve]),
        "erspan.spanid" => ids(&[TunnelKind::Erspan2, TunnelKind::Erspan3]),
        "gre.key" => ids(&[TunnelKind::GreKey]),
        _ => vec![],
    }
}

/// A number of tshark in decimal.
fn plain(value: &str) -> String {
    let hex = value.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    hex.map_or_else(|| value.to_owned(), |number| number.to_string())
}

/// What differs in a frame that has a tunnel in it.
fn differences(layers: &[Layer], row: &[Vec<String>]) -> String {
    let protocols = row[0].first().map_or("", String::as_str);
    let last = layers.last().unwrap();
    // An ICMP error shows the packet it quotes; what cannot be told to the end may be told in part.
    let open_ended = match last.packet.content {
        Content::Ip(ip) => match ip.transport {
            Transport::Icmp(icmp) => icmp.role(ip.addresses.family()) == IcmpRole::Error,
            Transport::Truncated | Transport::Malformed | Transport::LaterFragment => true,
            _ => last.carries != Carries::Nothing,
        },
        Content::Truncated | Content::Malformed => true,
        _ => false,
    } || protocols.split(':').any(|name| NOT_OPENED.contains(&name));
    let mut text = String::new();
    for (field, theirs) in FIELDS.into_iter().zip(row).skip(2) {
        let ours = told(layers, field);
        let theirs: Vec<_> = theirs.iter().map(|value| plain(value)).collect();
        let same =
            if open_ended { theirs.starts_with(&ours) || ours.starts_with(&theirs) } else { ours == theirs };
        if !same {
            writeln!(text, "  {field}: {ours:?}, tshark {theirs:?} ({protocols})").unwrap();
        }
    }
    text
}

/// What differs in a capture, in the frames that have something inside.
fn compared(capture: &Path) -> Compared {
    let mut compared = Compared::default();
    let Ok(mut reader) = CaptureReader::open(capture) else { return compared };
    let mut found = vec![];
    while let Ok(Some(record)) = reader.next_record() {
        let ports = TunnelPorts::default();
        found.push(decode_layers(record.link, record.time, record.bytes, record.wire_length, &ports));
    }
    if found.iter().all(|layers| layers.len() == 1) {
        return compared;
    }
    for (number, (layers, row)) in (1..).zip(found.iter().zip(rows(capture))) {
        if layers.len() > 1 {
            compared.frames += 1;
            let wrong = differences(layers, &row);
            if !wrong.is_empty() {
                writeln!(compared.wrong, " frame {number}:\n{wrong}").unwrap();
            }
        }
    }
    compared
}

#[test]
fn the_shipped_tunnels_hold_what_tshark_finds() {
    if has("tshark") {
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.pcap");
        let Compared { wrong, frames } = compared(&capture);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(frames > 200, "{frames}");
    }
}

/// Any captures of yours.
#[test]
fn tunnels_of_a_folder_hold_what_tshark_finds() {
    of_folder("tshark", include_str!("../public-tunnels.txt"), "tunnelled frames", compared);
}
