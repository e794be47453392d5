//! Our decoding of the shipped captures against tshark's: addresses, protocol, ports, fragments, ICMP, time.
//!
//! Outer headers only, with reassembly off, as a security group sees them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use sgsim::capture::{CaptureProblem, CaptureReader, Frame};
use sgsim::packet::{Content, Family, IcmpRole, IpPacket, Protocol, Transport};

use crate::{Compared, fields, has, of_folder, shipped};

/// The fields asked of tshark; of those that occur more than once (tunnels, quoted packets) the first counts.
const FIELDS: [&str; 33] = [
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "frame.protocols",
    "frame.encap_type",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.frag_offset",
    "ip.flags.mf",
    "ip.id",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.nxt",
    "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more",
    "ipv6.fraghdr.ident",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
    "icmp.type",
    "icmp.code",
    "icmp.ident",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.echo.identifier",
    "vlan.id",
];

/// What tshark says of one frame.
struct Row<'a>(Vec<&'a str>);

impl Row<'_> {
    fn all(&self, field: &str) -> impl Iterator<Item = &str> {
        let index = FIELDS.iter().position(|known| *known == field).unwrap();
        self.0[index].split(';').filter(|value| !value.is_empty())
    }

    fn first(&self, field: &str) -> &str {
        self.all(field).next().unwrap_or_default()
    }

    /// A number, decimal or hexadecimal, or a truth value.
    fn number(&self, field: &str) -> Option<u64> {
        match self.first(field) {
            "" => None,
            "True" => Some(1),
            "False" => Some(0),
            text => Some(match text.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok()?,
                None => text.parse().ok()?,
            }),
        }
    }

    fn address(&self, field: &str) -> Option<IpAddr> {
        self.first(field).parse().ok()
    }
}

/// Whether the outermost network layer of a frame is IP.
fn carries_ip(row: &Row<'_>) -> bool {
    let before = row.first("frame.protocols").split(':').find(|layer| {
        !matches!(
            *layer,
            "frame"
                | "eth"
                | "ethertype"
                | "vlan"
                | "ieee8021ad"
                | "ieee8021ah"
                | "vntag"
                | "cmd"
                | "hsr"
                | "cfp"
                | "llc"
                | "sll"
                | "null"
                | "raw"
                | "ppp"
                | "pppoes"
                | "mpls"
                | "fr"
                | "chdlc"
                | "nflog"
                | "pktap"
                | "ppi"
                | "pflog"
                | "enc"
                | "fddi"
                | "radiotap"
                | "wlan_radio"
                | "wlan"
                | "prism"
                | "ipnet"
                | "slip"
                | "avsp"
                | "pcap_pktdata"
        )
    });
    matches!(before, Some("ip" | "ipv6"))
}

/// What differs, as `name: ours, theirs` per line.
fn differences(frame: &Frame, row: &Row<'_>) -> String {
    let mut text = String::new();
    let mut compare = |name: &str, ours: String, theirs: String| {
        if ours != theirs {
            writeln!(text, "  {name}: {ours}, tshark {theirs}").unwrap();
        }
    };
    // tshark has none for pcapng's simple packets, which we give the time of the packet before.
    if let Some((seconds, fraction)) = row.first("frame.time_epoch").split_once('.') {
        let time =
            format!("{}.{:09}", frame.packet.time.0 / 1_000_000_000, frame.packet.time.0 % 1_000_000_000);
        compare("time", time, format!("{seconds}.{fraction}"));
    }
    compare("length", frame.packet.length.to_string(), row.first("frame.len").to_owned());
    compare("captured", frame.captured.to_string(), row.first("frame.cap_len").to_owned());
    match frame.packet.content {
        Content::Ip(packet) => {
            compare("content", "IP".to_owned(), if carries_ip(row) { "IP" } else { "other" }.to_owned());
            packet_differences(&packet, row, &mut compare);
        }
        Content::Arp => {
            let arp = row.first("frame.protocols").contains("arp");
            compare("content", "ARP".to_owned(), if arp { "ARP" } else { "other" }.to_owned());
        }
        // tshark shows a source address alone; a verdict needs both ends. And it shows what contradicts itself.
        Content::Truncated | Content::Malformed => {}
        Content::NotIp => {
            compare("content", "no IP".to_owned(), if carries_ip(row) { "IP" } else { "no IP" }.to_owned());
        }
    }
    text
}

fn packet_differences(packet: &IpPacket, row: &Row<'_>, compare: &mut impl FnMut(&str, String, String)) {
    let family = packet.addresses.family();
    let names = match family {
        Family::V4 => ["ip.src", "ip.dst", "ip.frag_offset", "ip.flags.mf", "ip.id"],
        Family::V6 => {
            ["ipv6.src", "ipv6.dst", "ipv6.fraghdr.offset", "ipv6.fraghdr.more", "ipv6.fraghdr.ident"]
        }
    };
    compare("source", format!("{:?}", Some(packet.source())), format!("{:?}", row.address(names[0])));
    compare(
        "destination",
        format!("{:?}", Some(packet.destination())),
        format!("{:?}", row.address(names[1])),
    );

    let vlans: Vec<_> = packet.domain.vlans().map(u64::from).collect();
    let theirs: Vec<u64> =
        row.all("vlan.id").filter_map(|id| id.parse().ok()).filter(|id| *id != 0).collect();
    // Tags inside a tunnel come after the outer ones.
    compare("VLANs", format!("{vlans:?}"), format!("{:?}", theirs.get(..vlans.len()).unwrap_or(&theirs)));

    // A quoted packet's fields would stand first where the outer packet has none.
    let quotes = matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6);
    if !(quotes && family == Family::V6) {
        // tshark 4 gives the offset as it is in the header, in units of eight bytes.
        let (offset, more) = (row.number(names[2]).unwrap_or(0) * 8, row.number(names[3]).unwrap_or(0));
        let ours = packet.fragment.map(|f| (u64::from(f.offset), u64::from(f.more), u64::from(f.id)));
        let theirs =
            (offset > 0 || more > 0).then(|| (offset, more, row.number(names[4]).unwrap_or_default()));
        compare("fragment", format!("{ours:?}"), format!("{theirs:?}"));
    }
    if family == Family::V4 {
        compare("protocol", packet.protocol.0.to_string(), row.first("ip.proto").to_owned());
    } else if !EXTENSIONS.contains(&row.number("ipv6.nxt").unwrap_or_default()) {
        compare("protocol", packet.protocol.0.to_string(), row.first("ipv6.nxt").to_owned());
    }
    transport_differences(packet, row, compare);
}

/// Numbers of extension headers that are walked: the protocol is behind them.
const EXTENSIONS: [u64; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

fn transport_differences(packet: &IpPacket, row: &Row<'_>, compare: &mut impl FnMut(&str, String, String)) {
    let layer = match packet.protocol {
        Protocol::TCP => "tcp",
        Protocol::SCTP => "sctp",
        Protocol::DCCP => "dccp",
        _ => "udp",
    };
    match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Ports { source, destination } => {
            let theirs = ["srcport", "dstport"].map(|end| row.first(&format!("{layer}.{end}")).to_owned());
            compare("ports", format!("{source} {destination}"), theirs.join(" "));
            if let Transport::Tcp { flags, .. } = packet.transport {
                let theirs = row.number("tcp.flags").unwrap_or_default() & 0xff;
                compare("flags", flags.0.to_string(), theirs.to_string());
            }
        }
        Transport::Icmp(icmp) => {
            let names = match packet.addresses.family() {
                Family::V4 => ["icmp.type", "icmp.code", "icmp.ident"],
                Family::V6 => ["icmpv6.type", "icmpv6.code", "icmpv6.echo.identifier"],
            };
            let theirs = names.map(|name| row.number(name));
            compare(
                "ICMP",
                format!("{:?}", (Some(u64::from(icmp.kind)), Some(u64::from(icmp.code)))),
                format!("{:?}", (theirs[0], theirs[1])),
            );
            if let IcmpRole::Request { .. } | IcmpRole::Reply { .. } = icmp.role(packet.addresses.family()) {
                compare(
                    "identifier",
                    format!("{:?}", Some(u64::from(icmp.identifier))),
                    format!("{:?}", theirs[2]),
                );
            }
        }
        // Malformed is what Linux's connection tracking takes no port from; tshark shows what there is.
        Transport::Other | Transport::LaterFragment | Transport::Truncated | Transport::Malformed => {}
    }
}

/// What differs between us and tshark in one capture, frame by frame, and in how many frames there are.
fn compared(capture: &Path) -> Compared {
    let (text, complaint) = fields(capture, &FIELDS);
    // Custom blocks of pcapng are no packets, but tshark numbers them: rows without a link type.
    let rows: Vec<_> = text.lines().map(|line| Row(line.split('|').collect())).collect();
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.first("frame.encap_type").is_empty()).collect();
    let mut wrong = String::new();
    let mut number = 0;
    let ended = match CaptureReader::open(capture) {
        Err(error) => Some(error),
        Ok(mut reader) => loop {
            match reader.next_frame() {
                Ok(None) => break None,
                // Told at the end of a capture that was read to its end.
                Err(error) if matches!(error.problem(), CaptureProblem::LinkType { .. }) => break None,
                Err(error) => break Some(error),
                Ok(Some(frame)) => {
                    number += 1;
                    let Some(row) = rows.get(number - 1) else { continue };
                    let found = differences(&frame, row);
                    if !found.is_empty() {
                        writeln!(wrong, " frame {number}:\n{found}").unwrap();
                    }
                }
            }
        },
    };
    let theirs = rows.len();
    // Where either gives up, the other may go on; both do, or neither, in a capture that is well.
    if number != theirs || ended.is_some() != complaint.is_some() {
        let ours = ended.map_or_else(|| "no error".to_owned(), |error| error.to_string());
        let told = complaint.unwrap_or_else(|| "no error".to_owned());
        writeln!(wrong, "  frames: {number}, {ours}; tshark {theirs}, {told}").unwrap();
    }
    Compared { wrong, frames: number }
}

#[test]
fn shipped_captures_decode_as_in_tshark() {
    if has("tshark") {
        shipped(compared);
    }
}

/// Any captures of yours.
#[test]
fn captures_of_a_folder_decode_as_in_tshark() {
    of_folder("tshark", include_str!("../public-captures.txt"), "frames", compared);
}
