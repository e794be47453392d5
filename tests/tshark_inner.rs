//! What we find inside of tunnels against tshark: addresses and ports of every layer, network identifiers.
//!
//! `tests/public-captures.sh FOLDER` runs it over a folder and all in it. Without tshark on the path the test says so and passes.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sgsim::capture::{CaptureReader, TunnelPorts, decode_layers};
use sgsim::packet::{Carries, Content, IcmpRole, IpPacket, Layer, Protocol, Transport, TunnelKind};

/// The fields asked of tshark, each with all its occurrences, outermost first.
const FIELDS: [&str; 15] = [
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
    "gre.key",
    "erspan.spanid",
    "vlan.id",
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
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=|", "-E", "aggregator=;", "-r"]).arg(capture);
    for preference in ["ip.defragment", "ipv6.defragment", "tcp.desegment_tcp_streams"] {
        command.args(["-o", &format!("{preference}:FALSE")]);
    }
    command.args(["-d", "udp.port==8472,vxlan", "-d", "udp.port==4789,vxlan"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
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
    for field in [
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
    ] {
        let ours = told(layers, field);
        let at = FIELDS.iter().position(|known| *known == field).unwrap();
        let theirs: Vec<_> = row[at].iter().map(|value| plain(value)).collect();
        let same =
            if open_ended { theirs.starts_with(&ours) || ours.starts_with(&theirs) } else { ours == theirs };
        if !same {
            writeln!(text, "  {field}: {ours:?}, tshark {theirs:?} ({protocols})").unwrap();
        }
    }
    text
}

/// What differs in a capture, and how many frames have something inside.
fn compared(capture: &Path) -> (String, usize) {
    let (mut text, mut tunnels, mut number) = (String::new(), 0, 0);
    let Ok(mut reader) = CaptureReader::open(capture) else { return (text, 0) };
    let mut found = vec![];
    while let Ok(Some(record)) = reader.next_record() {
        let ports = TunnelPorts::default();
        found.push(decode_layers(record.link, record.time, record.bytes, record.wire_length, &ports));
    }
    if found.iter().all(|layers| layers.len() == 1) {
        return (text, 0);
    }
    for (layers, row) in found.iter().zip(rows(capture)) {
        number += 1;
        if layers.len() > 1 {
            tunnels += 1;
            let wrong = differences(layers, &row);
            if !wrong.is_empty() {
                writeln!(text, " frame {number}:\n{wrong}").unwrap();
            }
        }
    }
    (text, tunnels)
}

/// Whether tshark is there; a test that is skipped for the want of it says so.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn has_tshark() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: tshark is not on the path");
    }
    found
}

#[test]
fn the_shipped_tunnels_hold_what_tshark_finds() {
    if has_tshark() {
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.pcap");
        let (wrong, tunnels) = compared(&capture);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(tunnels > 200, "{tunnels}");
    }
}

/// Any captures of yours.
#[test]
#[allow(clippy::print_stderr, reason = "tells how it stands; the folder may be large")]
fn tunnels_of_a_folder_hold_what_tshark_finds() {
    let Some(folder) = std::env::var_os("SGSIM_CAPTURES") else { return };
    if !has_tshark() {
        return;
    }
    let (mut folders, mut files) = (vec![PathBuf::from(folder)], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let known = include_str!("public-tunnels.txt");
    let known: Vec<_> = known.lines().filter_map(|line| line.split_once('\t')).collect();
    let (mut frames, mut captures, mut excepted, mut differing) = (0, 0, 0, 0);
    for file in &files {
        let (wrong, tunnels) = compared(file);
        frames += tunnels;
        captures += usize::from(tunnels > 0);
        let name = file.file_name().unwrap().to_string_lossy();
        if wrong.is_empty() {
            continue;
        }
        if let Some((_, why)) = known.iter().find(|(part, _)| name.contains(part)) {
            excepted += 1;
            eprintln!("{name}: {why}");
        } else {
            differing += 1;
            eprintln!("{}\n{wrong}", file.display());
        }
    }
    eprintln!(
        "{frames} tunnelled frames in {captures} files, {excepted} that differ as known, {differing} others"
    );
    assert_eq!(differing, 0);
}
