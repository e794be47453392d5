//! What tunnels carry, each kind byte for byte as its standard lays it out.

use sgsim::capture::{LinkType, MOST_NESTED, TunnelPorts, decode, decode_layers};
use sgsim::packet::{Carries, Content, Layer, Timestamp, Transport};

use crate::build::*;

/// The layers of a raw IP packet that was captured to its end.
fn layers(bytes: &[u8]) -> Vec<Layer> {
    cut(bytes, bytes.len())
}

/// The same when only so many bytes were captured.
fn cut(bytes: &[u8], captured: usize) -> Vec<Layer> {
    with_ports(bytes, captured, &TunnelPorts::default())
}

fn with_ports(bytes: &[u8], captured: usize, ports: &TunnelPorts) -> Vec<Layer> {
    let length = u32::try_from(bytes.len()).unwrap();
    let bytes = &bytes[..captured];
    let layers = decode_layers(LinkType::RAW, Timestamp(7), bytes, length, ports);
    assert_eq!(layers[0].packet.content, decode(LinkType::RAW, bytes, length));
    assert_eq!(layers[0].packet.length, length);
    layers
}

/// Where the innermost layer was found, and what it is, in words.
fn told(layers: &[Layer]) -> String {
    let last = layers.last().unwrap();
    let content = match last.packet.content {
        Content::Ip(ip) => match ip.transport {
            Transport::Tcp { source, destination, .. } => format!("tcp {source} {destination}"),
            Transport::Ports { source, destination } => format!("udp {source} {destination}"),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    };
    let domain = match last.packet.content {
        Content::Ip(ip) => ip.domain,
        _ => last.within,
    };
    format!("{domain}: {content}")
}

fn inner() -> Vec<u8> {
    ipv4(6, &tcp(1000, 80, 2))
}

fn frame() -> Vec<u8> {
    ethernet(0x0800, &inner())
}

/// VXLAN (RFC 7348): flags, reserved, VNI, reserved.
fn vxlan(vni: u8, payload: &[u8]) -> Vec<u8> {
    join(&[&[8, 0, 0, 0, 0, 0x10, vni, 0], payload])
}

/// In UDP to this port, in IPv4.
fn over_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    ipv4(17, &udp(50000, port, payload))
}

fn gre(flags: u8, protocol: u16, fields: &[u8], payload: &[u8]) -> Vec<u8> {
    ipv4(47, &join(&[&[flags, 0], &protocol.to_be_bytes(), fields, payload]))
}

#[test]
fn vxlan_by_its_destination_port() {
    let payload = vxlan(7, &frame());
    for port in [4789, 8472] {
        let layers = layers(&over_udp(port, &payload));
        assert_eq!(told(&layers), "vxlan 4103: tcp 1000 80");
        assert_eq!(layers.len(), 2);
        assert_eq!((layers[0].carries, layers[1].carries), (Carries::Packet, Carries::Nothing));
        // 20 and 8 bytes of headers, 8 of VXLAN.
        assert_eq!(layers[1].packet.length + 36, layers[0].packet.length);
        assert_eq!(layers[1].packet.time, Timestamp(7));
    }
    assert_eq!(layers(&ipv4(17, &udp(4789, 50000, &payload))).len(), 1, "a source port says nothing");
    let other = over_udp(4790, &payload);
    let ports = TunnelPorts::new(&[4790, 9999]);
    assert_eq!(told(&with_ports(&other, other.len(), &ports)), "vxlan 4103: tcp 1000 80");
    assert_eq!(layers(&over_udp(9999, &payload)).len(), 1);
    let tagged = vxlan(7, &ethernet(0x8100, &vlan(5, 0x0800, &inner())));
    assert_eq!(told(&layers(&over_udp(4789, &tagged))), "vxlan 4103, vlan 5: tcp 1000 80");
    let in_v6 = ipv6(17, &udp(50000, 4789, &vxlan(7, &ethernet(0x86dd, &ipv6(17, &udp(1, 2, &[]))))));
    assert_eq!(told(&layers(&in_v6)), "vxlan 4103: udp 1 2");
    // What lies behind the length of UDP is padding.
    let padded =
        ipv4(17, &join(&[&udp(50000, 4789, &vxlan(7, &ethernet(0x86dd, &[]))), &ipv6(6, &tcp(1, 2, 2))]));
    assert_eq!(told(&layers(&padded)), "vxlan 4103: Malformed");
}

#[test]
fn what_a_tunnel_carries_beside_ip_is_told() {
    let content = |payload: &[u8]| layers(&over_udp(4789, &vxlan(7, payload)))[1].packet.content;
    assert_eq!(content(&ethernet(0x0806, &[0; 28])), Content::Arp);
    assert_eq!(content(&ethernet(0x88cc, &[0; 28])), Content::NotIp);
    assert_eq!(content(&[0; 5]), Content::Malformed, "no whole Ethernet header");
    let no_vni = join(&[&[0; 8], &frame()]);
    assert_eq!(told(&layers(&over_udp(4789, &no_vni))), "unreadable: Malformed", "the VNI is not valid");
    assert_eq!(told(&layers(&over_udp(4789, &[8, 0, 0]))), "unreadable: Malformed");
}

#[test]
fn a_capture_that_cuts_the_inside_says_so() {
    let packet = over_udp(4789, &vxlan(7, &frame()));
    let told_of = |captured| told(&cut(&packet, captured));
    assert_eq!(told_of(25), ": Truncated", "no telling whether it is a tunnel");
    assert_eq!(told_of(27), "unreadable: Truncated");
    assert_eq!(told_of(30), "unreadable: Truncated");
    assert_eq!(told_of(40), "vxlan 4103: Truncated");
    assert_eq!(told_of(36 + 14 + 19), "vxlan 4103: Truncated");
    assert_eq!(told_of(36 + 14 + 20), "vxlan 4103: Truncated");
    assert_eq!(told_of(36 + 14 + 20 + 14), "vxlan 4103: tcp 1000 80");
}

#[test]
fn vxlan_gpe_names_what_follows() {
    let gpe = |flags: u8, next: u8, payload: &[u8]| {
        over_udp(4790, &join(&[&[flags, 0, 0, next, 0, 0, 9, 0], payload]))
    };
    let v6 = ipv6(6, &tcp(1000, 80, 2));
    assert_eq!(told(&layers(&gpe(0x0c, 1, &inner()))), "vxlan-gpe 9: tcp 1000 80");
    assert_eq!(told(&layers(&gpe(0x0c, 2, &v6))), "vxlan-gpe 9: tcp 1000 80");
    assert_eq!(told(&layers(&gpe(0x0c, 3, &frame()))), "vxlan-gpe 9: tcp 1000 80");
    assert_eq!(told(&layers(&gpe(0x08, 0, &frame()))), "vxlan-gpe 9: tcp 1000 80", "no next protocol");
    // A network service header (RFC 8300) of six words, metadata type 1, then IPv4.
    let service = join(&[&[0, 6, 1, 1], &[0; 20], &inner()]);
    assert_eq!(told(&layers(&gpe(0x0c, 4, &service))), "vxlan-gpe 9: tcp 1000 80");
    assert_eq!(told(&layers(&gpe(0x0c, 4, &[0, 1, 1, 1]))), "unreadable: Malformed");
    assert_eq!(told(&layers(&gpe(0x0c, 77, &inner()))), "vxlan-gpe 9: NotIp");
    assert_eq!(told(&layers(&gpe(0x0d, 1, &inner()))), "vxlan-gpe 9: NotIp", "maintenance");
    assert_eq!(told(&layers(&gpe(0x1c, 1, &inner()))), "unreadable: Malformed", "version 1");
    assert_eq!(told(&layers(&gpe(0x04, 1, &inner()))), "unreadable: Malformed", "no VNI");
}

#[test]
fn geneve_steps_over_its_options() {
    let geneve = |first: u8, flags: u8, protocol: u16, options: &[u8], payload: &[u8]| {
        let protocol = protocol.to_be_bytes();
        over_udp(6081, &join(&[&[first, flags], &protocol, &[0, 0, 5, 0], options, payload]))
    };
    assert_eq!(told(&layers(&geneve(0, 0, 0x6558, &[], &frame()))), "geneve 5: tcp 1000 80");
    assert_eq!(told(&layers(&geneve(2, 0x40, 0x6558, &[9; 8], &frame()))), "geneve 5: tcp 1000 80");
    assert_eq!(told(&layers(&geneve(0, 0, 0x0800, &[], &inner()))), "geneve 5: tcp 1000 80");
    assert_eq!(told(&layers(&geneve(0, 0x80, 0x6558, &[], &frame()))), "geneve 5: NotIp", "control message");
    assert_eq!(told(&layers(&geneve(0x40, 0, 0x6558, &[], &frame()))), "unreadable: Malformed", "version 1");
    assert_eq!(
        told(&layers(&geneve(0x3f, 0, 0x6558, &[], &frame()))),
        "unreadable: Malformed",
        "options too long"
    );
    assert_eq!(told(&layers(&geneve(0, 0, 0x05dc, &[], &frame()))), "geneve 5: NotIp", "a length is no type");
}

#[test]
fn gre_with_each_of_its_fields() {
    let (sum, key, sequence) = ([0xab; 4], [0, 0, 0, 40], [0, 0, 0, 1]);
    assert_eq!(told(&layers(&gre(0, 0x0800, &[], &inner()))), "gre: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0, 0x86dd, &[], &ipv6(6, &tcp(1, 2, 2))))), "gre: tcp 1 2");
    assert_eq!(told(&layers(&gre(0, 0x6558, &[], &frame()))), "gre: tcp 1000 80");
    // One MPLS label, the bottom of the stack.
    assert_eq!(told(&layers(&gre(0, 0x8847, &[0, 0x10, 0x01, 64], &inner()))), "gre: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0x80, 0x0800, &sum, &inner()))), "gre: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0x20, 0x0800, &key, &inner()))), "gre-key 40: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0x10, 0x0800, &sequence, &inner()))), "gre: tcp 1000 80");
    let all = join(&[&sum, &key, &sequence]);
    assert_eq!(told(&layers(&gre(0xb0, 0x0800, &all, &inner()))), "gre-key 40: tcp 1000 80");
    // Cisco's cache redirection, whose second version has a header of its own.
    assert_eq!(told(&layers(&gre(0, 0x883e, &[], &inner()))), "gre: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0, 0x883e, &[0; 4], &inner()))), "gre: tcp 1000 80");
    assert_eq!(told(&layers(&gre(0x40, 0x0800, &[0; 4], &inner()))), "gre: NotIp", "source routes");
    assert_eq!(told(&layers(&gre(0, 0x880b, &[], &[0x21, 0x45]))), "gre: NotIp", "PPP");
    assert_eq!(told(&layers(&ipv4(47, &[0, 1, 0x88, 0x0b, 0, 0, 0, 0]))), "gre: NotIp", "PPTP");
    assert_eq!(told(&layers(&ipv4(47, &[0, 2, 8, 0]))), "unreadable: Malformed", "version 2");
    assert_eq!(told(&layers(&gre(0x20, 0x0800, &[0, 0], &[]))), "unreadable: Malformed");
}

/// RFC 7637 section 3.2: a key of 24 bits of subnet, from 0x1000 on, and 8 of flow; neither checksum nor sequence number.
#[test]
fn nvgre_is_a_key_with_a_subnet_in_it() {
    let teb = |flags, key: u32, more: &[u8]| gre(flags, 0x6558, &join(&[&key.to_be_bytes(), more]), &frame());
    assert_eq!(told(&layers(&teb(0x20, 0x0010_0001, &[]))), "nvgre 4096: tcp 1000 80");
    assert_eq!(told(&layers(&teb(0x20, 0x0010_00ff, &[]))), "nvgre 4096: tcp 1000 80", "the flow is no part");
    assert_eq!(told(&layers(&teb(0x20, 0x000f_ffff, &[]))), "gre-key 1048575: tcp 1000 80", "reserved");
    assert_eq!(
        told(&layers(&teb(0x20, 0xffff_ff00, &[]))),
        "gre-key 4294967040: tcp 1000 80",
        "the vendor's"
    );
    assert_eq!(
        told(&layers(&teb(0x30, 0x0010_0001, &[0; 4]))),
        "gre-key 1048577: tcp 1000 80",
        "a sequence number"
    );
}

#[test]
fn ip_in_ip() {
    assert_eq!(told(&layers(&ipv4(4, &inner()))), "ip-in-ip: tcp 1000 80");
    assert_eq!(told(&layers(&ipv6(4, &inner()))), "ip-in-ip: tcp 1000 80");
    assert_eq!(told(&layers(&ipv4(41, &ipv6(6, &tcp(1, 2, 2))))), "6in4: tcp 1 2");
    assert_eq!(told(&layers(&ipv6(41, &ipv6(6, &tcp(1, 2, 2))))), "6in4: tcp 1 2");
    assert_eq!(told(&layers(&ipv4(4, &ipv6(6, &tcp(1, 2, 2))))), "ip-in-ip: Malformed", "it says IPv4");
    assert_eq!(told(&layers(&ipv4(4, &[]))), "ip-in-ip: Malformed");
}

/// draft-foschiano-erspan-03.
#[test]
fn erspan_in_its_three_types() {
    assert_eq!(told(&layers(&gre(0, 0x88be, &[], &frame()))), "erspan-1: tcp 1000 80");
    // Version 1 and VLAN 12; class, how it was tagged, cut or not, session 0x155; reserved, index.
    let second = |tagging: u8, was_cut: u8| [0x10, 12, tagging << 3 | was_cut << 2 | 1, 0x55, 0, 0, 0, 0];
    let type_2 = |tagging, was_cut, frame: &[u8]| {
        gre(0x10, 0x88be, &join(&[&[0, 0, 0, 1], &second(tagging, was_cut)]), frame)
    };
    assert_eq!(told(&layers(&type_2(0, 0, &frame()))), "erspan-2 341: tcp 1000 80", "it had no tag");
    assert_eq!(
        told(&layers(&type_2(2, 0, &frame()))),
        "erspan-2 341, vlan 12: tcp 1000 80",
        "it was taken off"
    );
    let tagged = ethernet(0x8100, &vlan(12, 0x0800, &inner()));
    assert_eq!(
        told(&layers(&type_2(3, 0, &tagged))),
        "erspan-2 341, vlan 12: tcp 1000 80",
        "it is still there"
    );
    assert_eq!(told(&layers(&type_2(0, 0, &frame()[..30]))), "erspan-2 341: Malformed");
    assert_eq!(
        told(&layers(&type_2(0, 1, &frame()[..30]))),
        "erspan-2 341: Truncated",
        "the mirror has cut it"
    );
    // Version 2; timestamp, group tag, then kind of frame, hardware, and whether a part of the platform follows.
    let type_3 = |kind: u8, more: u8, payload: &[u8]| {
        let header = [0x20, 12, 1, 0x55, 0, 0, 0, 0, 0, 0, kind << 2, more];
        gre(0x10, 0x22eb, &join(&[&[0, 0, 0, 1], &header]), payload)
    };
    assert_eq!(told(&layers(&type_3(0, 0, &frame()))), "erspan-3 341: tcp 1000 80");
    assert_eq!(told(&layers(&type_3(0, 1, &join(&[&[0; 8], &frame()])))), "erspan-3 341: tcp 1000 80");
    assert_eq!(told(&layers(&type_3(2, 0, &inner()))), "erspan-3 341: tcp 1000 80");
    assert_eq!(told(&layers(&type_3(7, 0, &frame()))), "erspan-3 341: NotIp", "an unknown kind of frame");
    assert_eq!(told(&layers(&gre(0x10, 0x88be, &[0; 12], &frame()))), "unreadable: Malformed", "version 0");
}

#[test]
fn tunnels_in_tunnels_are_opened_so_far_and_no_further() {
    let wrap = |packet: Vec<u8>| over_udp(4789, &vxlan(7, &ethernet(0x0800, &packet)));
    let nested = |depth| (0..depth).fold(inner(), |packet, _| wrap(packet));
    for depth in 1..=MOST_NESTED {
        let layers = layers(&nested(depth));
        assert_eq!(layers.len(), depth + 1);
        assert_eq!(layers.last().unwrap().carries, Carries::Nothing);
    }
    let deeper = layers(&nested(MOST_NESTED + 2));
    assert_eq!(deeper.len(), MOST_NESTED + 1);
    assert_eq!(deeper.last().unwrap().carries, Carries::TooDeep);
    let mixed = ipv4(4, &gre(0x20, 0x0800, &[0, 0, 0, 1], &over_udp(4789, &vxlan(1, &frame()))));
    assert_eq!(told(&layers(&mixed)), "ip-in-ip, gre-key 1, vxlan 4097: tcp 1000 80");
}

/// Only positions are kept of fragments, so their inside cannot be told; that it is there is.
#[test]
fn a_tunnel_in_fragments_is_told_by_its_first() {
    let payload = udp(50000, 4789, &vxlan(7, &frame()));
    let first = ipv4_with(17, &[], 7, 0x2000, &payload[..64]);
    let later = ipv4_with(17, &[], 7, 8, &payload[64..]);
    for (fragment, carries) in [(first, Carries::Fragments), (later, Carries::Nothing)] {
        let layers = layers(&fragment);
        assert_eq!((layers.len(), layers[0].carries), (1, carries));
    }
    // The inside may come in fragments as anything else does.
    let inner = ipv4_with(17, &[], 9, 0x2000, &udp(1, 2, &[0; 16]));
    let layers = layers(&over_udp(4789, &vxlan(7, &ethernet(0x0800, &inner))));
    let Content::Ip(ip) = layers[1].packet.content else { panic!("{layers:?}") };
    assert!(ip.fragment.is_some_and(|fragment| fragment.more));
}
