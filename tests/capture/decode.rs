//! Every link type, header and way of being cut.

use sgsim::capture::{LinkType, decode};
use sgsim::packet::{
    AddressPair, Content, Domain, Fragment, Icmp, IpPacket, Protocol, Quoted, TcpFlags, Transport,
};

use crate::build::*;

fn whole(link: LinkType, bytes: &[u8]) -> Content {
    decode(link, bytes, u32::try_from(bytes.len()).unwrap())
}

/// The IP packet in bytes of a link type.
fn ip_in(link: LinkType, bytes: &[u8]) -> IpPacket {
    match whole(link, bytes) {
        Content::Ip(packet) => packet,
        other => panic!("{other:?} in {bytes:02x?}"),
    }
}

fn raw(bytes: &[u8]) -> IpPacket {
    ip_in(LinkType::RAW, bytes)
}

fn syn(source: u16, destination: u16) -> Transport {
    Transport::Tcp { source, destination, flags: TcpFlags::SYN }
}

fn ports(source: u16, destination: u16) -> Transport {
    Transport::Ports { source, destination }
}

#[test]
fn every_link_type_leads_to_the_same_packet() {
    let v4 = ipv4(6, &tcp(40000, 443, 2));
    let v6 = ipv6(6, &tcp(40000, 443, 2));
    let sll = |device: u16, protocol: u16, payload: &[u8]| {
        join(&[&[0, 4], &device.to_be_bytes(), &[0; 10], &protocol.to_be_bytes(), payload])
    };
    let sll2 = |protocol: u16, payload: &[u8]| {
        join(&[&protocol.to_be_bytes(), &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], payload])
    };
    let snap = |oui: [u8; 3], ether_type: u16, payload: &[u8]| {
        join(&[&[0xaa, 0xaa, 3], &oui, &ether_type.to_be_bytes(), payload])
    };
    let lengths = |frame: &[u8]| ethernet(u16::try_from(frame.len()).unwrap(), frame);
    let frames = [
        (LinkType::ETHERNET, ethernet(0x0800, &v4), ethernet(0x86dd, &v6)),
        (LinkType::ETHERNET, lengths(&snap([0; 3], 0x0800, &v4)), lengths(&snap([0; 3], 0x86dd, &v6))),
        (LinkType::ETHERNET, lengths(&join(&[&[6, 6, 3], &v4])), ethernet(0x86dd, &v6)),
        (LinkType::RAW, v4.clone(), v6.clone()),
        (LinkType::RAW_BSD, v4.clone(), v6.clone()),
        (LinkType::RAW_OPENBSD, v4.clone(), v6.clone()),
        (LinkType::NULL, join(&[&[2, 0, 0, 0], &v4]), join(&[&[30, 0, 0, 0], &v6])),
        (LinkType::NULL, join(&[&[0, 0, 0, 2], &v4]), join(&[&[0, 0, 0, 24], &v6])),
        (LinkType::NULL, join(&[&[15, 0, 8, 0], &v4]), join(&[&[15, 0, 0x86, 0xdd], &v6])),
        (LinkType::LOOP, join(&[&[0, 0, 0, 2], &v4]), join(&[&[0, 0, 0, 28], &v6])),
        (LinkType::LINUX_SLL, sll(1, 0x0800, &v4), sll(1, 0x86dd, &v6)),
        (LinkType::LINUX_SLL, sll(1, 4, &snap([0; 3], 0x0800, &v4)), sll(65534, 0x86dd, &v6)),
        (LinkType::LINUX_SLL2, sll2(0x0800, &v4), sll2(0x86dd, &v6)),
    ];
    for (link, four, six) in frames {
        let packet = ip_in(link, &four);
        assert_eq!((packet.source(), packet.destination()), v4_ends(), "{link}");
        assert_eq!((packet.transport, packet.domain), (syn(40000, 443), Domain::NONE), "{link}");
        let packet = ip_in(link, &six);
        assert_eq!((packet.source(), packet.destination()), v6_ends(), "{link}");
        assert_eq!(packet.transport, syn(40000, 443), "{link}");
    }
    assert_eq!(ip_in(LinkType::IPV4, &v4).addresses, AddressPair::V4 { source: A4, destination: B4 });
    assert_eq!(ip_in(LinkType::IPV6, &v6).addresses, AddressPair::V6 { source: A6, destination: B6 });

    assert_eq!(whole(LinkType::IPV4, &v6), Content::Malformed);
    assert_eq!(whole(LinkType::IPV6, &v4), Content::Malformed);
    assert_eq!(whole(LinkType::RAW, &[0x50; 40]), Content::Malformed);
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x0800, &v6)), Content::Malformed);
    assert_eq!(whole(LinkType::LINUX_SLL, &sll(824, 0x0800, &v4)), Content::NotIp, "netlink");
    assert_eq!(whole(LinkType::LINUX_SLL, &sll(1, 1, &v4)), Content::NotIp, "Novell's raw 802.3");
    assert_eq!(whole(LinkType::NULL, &join(&[&[7, 0, 0, 0], &v4])), Content::NotIp);
    assert_eq!(whole(LinkType::ETHERNET, &lengths(&snap([0, 0, 12], 0x0800, &v4))), Content::NotIp, "CDP");
    assert_eq!(whole(LinkType(147), &v4), Content::NotIp, "not supported, so not guessed");
}

#[test]
fn frames_without_ip_are_told_apart() {
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x0806, &[0; 28])), Content::Arp);
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x8100, &vlan(7, 0x0806, &[0; 28]))), Content::Arp);
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x8035, &[0; 28])), Content::NotIp, "RARP");
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x88cc, &[0; 50])), Content::NotIp, "LLDP");
    assert_eq!(
        whole(LinkType::ETHERNET, &ethernet(38, &[0x42, 0x42, 3, 0])),
        Content::NotIp,
        "spanning tree"
    );
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0, &[])), Content::NotIp);
    assert_eq!(decode(LinkType::ETHERNET, &ethernet(0x0806, &[]), 60), Content::Arp, "cut behind its type");
}

#[test]
fn vlan_stacks_of_any_depth_are_walked() {
    let v4 = ipv4(17, &udp(1, 2, &[]));
    let one = ip_in(LinkType::ETHERNET, &ethernet(0x8100, &vlan(100, 0x0800, &v4)));
    assert_eq!(one.domain, Domain::NONE.in_vlan(100));
    let two = ip_in(LinkType::ETHERNET, &ethernet(0x88a8, &vlan(7, 0x8100, &vlan(8, 0x0800, &v4))));
    assert_eq!(two.domain.vlans().collect::<Vec<_>>(), [7, 8]);
    let priority = ip_in(LinkType::ETHERNET, &ethernet(0x8100, &vlan(0, 0x0800, &v4)));
    assert_eq!(priority.domain, Domain::NONE);
    let mut deep = v4;
    let mut inner = 0x0800;
    for identifier in (1..=50).rev() {
        deep = vlan(identifier, inner, &deep);
        inner = 0x9100;
    }
    let packet = ip_in(LinkType::ETHERNET, &ethernet(0x9200, &deep));
    // As many as fit, from the outside: what is found later must not push a tunnel out.
    assert_eq!(packet.domain.vlans().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(packet.transport, ports(1, 2));
}

#[test]
fn ipv4_options_and_padding_are_not_payload() {
    let packet = raw(&ipv4_with(6, &[1; 40], 0, 0, &tcp(1, 2, 2)));
    assert_eq!(packet.transport, syn(1, 2));
    // An ICMP message of four bytes, padded by Ethernet to the shortest frame.
    let mut padded = ethernet(0x0800, &ipv4(1, &[8, 0, 0, 0]));
    padded.resize(60, 0x55);
    assert_eq!(ip_in(LinkType::ETHERNET, &padded).transport, Transport::Malformed);
}

#[test]
fn a_total_length_of_zero_reaches_to_the_end_of_the_frame() {
    let mut v4 = ipv4(6, &tcp(1, 2, 2));
    v4[2..4].fill(0);
    assert_eq!(raw(&v4).transport, syn(1, 2));
    let mut v6 = ipv6(17, &udp(3, 4, &[0; 99]));
    v6[4..6].fill(0);
    assert_eq!(raw(&v6).transport, ports(3, 4));
    // A jumbogram: hop-by-hop options with the jumbo payload option, which we need not read.
    let jumbo = join(&[&[17, 0, 0xc2, 4, 0, 1, 0, 8], &udp(3, 4, &[])]);
    let mut jumbo = ipv6(0, &jumbo);
    jumbo[4..6].fill(0);
    assert_eq!(raw(&jumbo).transport, ports(3, 4));
}

#[test]
fn a_length_that_exceeds_the_frame_hides_no_ports() {
    let mut v4 = ipv4(6, &tcp(1, 2, 2));
    v4[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    assert_eq!(raw(&v4).transport, syn(1, 2));
    assert_eq!(raw(&v4[..33]).transport, Transport::Malformed, "but what is not there is not there");
}

#[test]
fn ipv4_headers_that_cannot_be() {
    let good = ipv4(6, &tcp(1, 2, 2));
    let with = |index: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[index] = value;
        bytes
    };
    assert_eq!(whole(LinkType::IPV4, &with(0, 0x44)), Content::Malformed, "header of 16 bytes");
    assert_eq!(raw(&with(0, 0x4f)).transport, Transport::Malformed, "header beyond the packet");
    assert_eq!(raw(&with(3, 10)).transport, Transport::Malformed, "total length inside the header");
}

#[test]
fn every_ipv6_extension_header_is_walked() {
    let segment = tcp(1, 2, 2);
    for kind in [0, 43, 60, 135, 139, 140] {
        for length in [0, 1, 31] {
            let packet = raw(&ipv6(kind, &join(&[&extension(6, length), &segment])));
            assert_eq!((packet.protocol, packet.transport), (Protocol::TCP, syn(1, 2)), "{kind}/{length}");
        }
    }
    let authenticated = join(&[&[6, 4], &[0; 22], &segment]);
    assert_eq!(raw(&ipv6(51, &authenticated)).transport, syn(1, 2));
    let chain = join(&[
        &extension(60, 0),
        &extension(43, 2),
        &extension(44, 1),
        &fragment_header(51, 0, false, 9),
        &[60, 1],
        &[0; 10],
        &extension(6, 0),
        &segment,
    ]);
    let packet = raw(&ipv6(0, &chain));
    assert_eq!((packet.transport, packet.fragment), (syn(1, 2), None), "an atomic fragment is none");

    let none = raw(&ipv6(59, &[]));
    assert_eq!((none.protocol, none.transport), (Protocol(59), Transport::Other));
    let esp = raw(&ipv6(50, &[0; 40]));
    assert_eq!((esp.protocol, esp.transport), (Protocol(50), Transport::Other));
    let beyond = raw(&ipv6(60, &extension(6, 0)[..4]));
    assert_eq!((beyond.protocol, beyond.transport), (Protocol(60), Transport::Malformed));
}

#[test]
fn fragments_are_described() {
    let first = raw(&ipv4_with(17, &[], 77, 0x2000, &udp(5, 6, &[0; 1472])[..1000]));
    assert_eq!(first.transport, ports(5, 6));
    assert_eq!(first.fragment, Some(Fragment { id: 77, offset: 0, length: 1000, more: true }));
    let later = raw(&ipv4_with(17, &[], 77, 125, &[0; 480]));
    assert_eq!(later.transport, Transport::LaterFragment);
    assert_eq!(later.fragment, Some(Fragment { id: 77, offset: 1000, length: 480, more: false }));
    let whole = raw(&ipv4_with(17, &[], 77, 0x4000, &udp(5, 6, &[])));
    assert_eq!(whole.fragment, None, "do not fragment");
    let tiny = raw(&ipv4_with(6, &[], 1, 0x2000, &tcp(1, 2, 2)[..8]));
    assert_eq!(tiny.transport, Transport::Malformed, "RFC 1858: the flags are in the next fragment");

    let first = join(&[&fragment_header(60, 0, true, 0x0102_0304), &extension(17, 0), &udp(5, 6, &[0; 8])]);
    let first = raw(&ipv6(44, &first));
    assert_eq!((first.protocol, first.transport), (Protocol::UDP, ports(5, 6)));
    assert_eq!(first.fragment, Some(Fragment { id: 0x0102_0304, offset: 0, length: 24, more: true }));
    let later = raw(&ipv6(44, &join(&[&fragment_header(60, 3, false, 9), &[0; 16]])));
    assert_eq!((later.protocol, later.transport), (Protocol(60), Transport::LaterFragment));
    assert_eq!(later.fragment, Some(Fragment { id: 9, offset: 24, length: 16, more: false }));
    let nested = join(&[&fragment_header(44, 0, true, 1), &fragment_header(6, 0, true, 2), &tcp(1, 2, 2)]);
    assert_eq!(raw(&ipv6(44, &nested)).transport, Transport::Malformed);
}

#[test]
fn transports_with_ports() {
    for (protocol, shortest) in [(17, 8), (136, 8), (132, 12), (33, 12)] {
        let mut header = udp(1000, 2000, &[0; 16]);
        assert_eq!(raw(&ipv4(protocol, &header)).transport, ports(1000, 2000));
        assert_eq!(raw(&ipv6(protocol, &header)).transport, ports(1000, 2000));
        header.truncate(shortest - 1);
        assert_eq!(raw(&ipv4(protocol, &header)).transport, Transport::Malformed, "{protocol}");
    }
    assert_eq!(raw(&ipv4(47, &[0; 40])).transport, Transport::Other);
    assert_eq!(raw(&ipv4(51, &[0; 40])).transport, Transport::Other, "AH in IPv4 is a protocol");
    assert_eq!(raw(&ipv4(58, &[0; 40])).transport, Transport::Other, "ICMPv6 in IPv4");
    assert_eq!(raw(&ipv6(1, &[0; 40])).transport, Transport::Other, "ICMP in IPv6");
}

#[test]
fn transport_headers_that_contradict_themselves() {
    let mut segment = tcp(1, 2, 2);
    segment[12] = 0x40;
    assert_eq!(raw(&ipv4(6, &segment)).transport, Transport::Malformed, "header of 16 bytes");
    segment[12] = 0x60;
    assert_eq!(raw(&ipv4(6, &segment)).transport, Transport::Malformed, "options beyond the packet");
    let mut datagram = udp(1, 2, &[0; 4]);
    for (length, expected) in [(0, ports(1, 2)), (7, Transport::Malformed), (13, Transport::Malformed)] {
        datagram[5] = length;
        assert_eq!(raw(&ipv4(17, &datagram)).transport, expected, "length {length}");
    }
}

fn icmp_in(packet: &IpPacket) -> Icmp {
    match packet.transport {
        Transport::Icmp(icmp) => icmp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn icmp_messages() {
    let echo = icmp_in(&raw(&ipv4(1, &icmp(8, 0, 0x1234, &[]))));
    assert_eq!((echo.kind, echo.code, echo.identifier, echo.quoted), (8, 0, 0x1234, Quoted::None));
    let reply = icmp_in(&raw(&ipv6(58, &icmp(129, 0, 0x1234, &[]))));
    assert_eq!((reply.kind, reply.identifier), (129, 0x1234));
    let redirect = icmp_in(&raw(&ipv4(1, &icmp(5, 1, 0, &ipv4(17, &udp(1, 2, &[]))))));
    assert_eq!((redirect.identifier, redirect.quoted), (0, Quoted::None), "redirects are no errors");
    assert_eq!(raw(&ipv4(1, &[8, 0, 0, 0, 1, 2, 3])).transport, Transport::Malformed);
}

#[test]
fn errors_quote_a_packet() {
    let v4 = |quoted: &[u8]| icmp_in(&raw(&ipv4(1, &icmp(3, 4, 0, quoted)))).quoted;
    let v6 = |quoted: &[u8]| icmp_in(&raw(&ipv6(58, &icmp(2, 0, 0, quoted)))).quoted;
    let addresses = AddressPair::V4 { source: A4, destination: B4 };
    let quote =
        |protocol, ports, message| Quoted::Packet { addresses, protocol: Protocol(protocol), ports, message };
    let packet = |protocol, ports| quote(protocol, ports, (0, 0));

    let eight = &ipv4_with(6, &[1; 4], 0, 0, &tcp(40000, 443, 2))[..32];
    assert_eq!(v4(eight), packet(6, (40000, 443)), "RFC 792: the header and eight bytes");
    assert_eq!(v4(&ipv4(1, &icmp(8, 0, 7, &[]))), quote(1, (7, 7), (8, 0)));
    assert_eq!(v4(&ipv4(1, &icmp(3, 1, 7, &[]))), quote(1, (0, 0), (3, 1)));
    assert_eq!(v4(&ipv4(50, &[1; 8])), packet(50, (0, 0)));
    assert_eq!(v4(&ipv4_with(17, &[], 1, 0x2001, &[0; 8])), Quoted::None, "a later fragment");
    assert_eq!(v4(&ipv4(6, &[0, 1])), Quoted::None);
    assert_eq!(v4(&ipv4(6, &tcp(1, 2, 2))[..19]), Quoted::None);
    assert_eq!(v4(&ipv6(6, &tcp(1, 2, 2))), Quoted::None, "of the other family");
    assert_eq!(v4(&[]), Quoted::None);

    let addresses = AddressPair::V6 { source: A6, destination: B6 };
    let chained = ipv6(0, &join(&[&extension(44, 0), &fragment_header(17, 0, true, 1), &udp(1, 2, &[])]));
    assert_eq!(
        v6(&chained),
        Quoted::Packet { addresses, protocol: Protocol::UDP, ports: (1, 2), message: (0, 0) }
    );
    let echo = ipv6(58, &icmp(128, 0, 9, &[]));
    assert_eq!(
        v6(&echo),
        Quoted::Packet { addresses, protocol: Protocol::ICMPV6, ports: (9, 9), message: (128, 0) }
    );
}

#[test]
fn the_snap_length_cuts_and_says_so() {
    let frame = ethernet(0x0800, &ipv4(6, &tcp(40000, 443, 2)));
    let cut = |length: usize| decode(LinkType::ETHERNET, &frame[..length], 1514);
    assert_eq!(cut(0), Content::Truncated);
    assert_eq!(cut(33), Content::Truncated, "one byte of the addresses is missing");
    for length in 34..48 {
        let Content::Ip(packet) = cut(length) else { panic!("{length}") };
        assert_eq!((packet.source(), packet.destination()), v4_ends());
        assert_eq!(packet.transport, Transport::Truncated, "ports are no use without the flags");
    }
    let Content::Ip(packet) = cut(48) else { panic!() };
    assert_eq!(packet.transport, syn(40000, 443));

    let error = ethernet(0x0800, &ipv4(1, &icmp(3, 3, 0, &ipv4(17, &udp(1, 2, &[])))));
    let wire = u32::try_from(error.len()).unwrap();
    for length in 36..66 {
        let Content::Ip(packet) = decode(LinkType::ETHERNET, &error[..length], wire) else { panic!() };
        assert_eq!(icmp_in(&packet).quoted, Quoted::Truncated, "{length}");
    }
}

#[test]
fn a_packet_that_ends_is_malformed_not_truncated() {
    assert_eq!(whole(LinkType::ETHERNET, &[0; 13]), Content::Malformed);
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x8100, &[0])), Content::Malformed);
    assert_eq!(whole(LinkType::RAW, &[]), Content::Malformed);
    assert_eq!(whole(LinkType::RAW, &ipv4(6, &[])[..19]), Content::Malformed);
    assert_eq!(decode(LinkType::RAW, &ipv4(6, &[])[..19], 20), Content::Truncated);
    assert_eq!(raw(&ipv4(6, &[])).transport, Transport::Malformed);
    assert_eq!(
        decode(LinkType::RAW, &ipv4(6, &tcp(1, 2, 2)), 0),
        whole(LinkType::RAW, &ipv4(6, &tcp(1, 2, 2)))
    );
}
