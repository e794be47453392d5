//! Link types and tags beyond Ethernet with VLANs: each leads to the same packet, or is not guessed at.

use sgsim::capture::{LinkType, decode};
use sgsim::packet::{Content, Domain, TcpFlags, Transport};

use crate::build::*;

fn whole(link: LinkType, bytes: &[u8]) -> Content {
    decode(link, bytes, u32::try_from(bytes.len()).unwrap())
}

fn v4() -> Vec<u8> {
    ipv4(6, &tcp(40000, 443, 2))
}

fn v6() -> Vec<u8> {
    ipv6(6, &tcp(40000, 443, 2))
}

/// Frames that hold [`v4`], then [`v6`].
fn assert_leads_to_both(link: LinkType, four: &[u8], six: &[u8]) {
    for (bytes, ends) in [(four, v4_ends()), (six, v6_ends())] {
        let Content::Ip(packet) = whole(link, bytes) else { panic!("{link}: {:?}", whole(link, bytes)) };
        assert_eq!((packet.source(), packet.destination()), ends, "{link}");
        let syn = Transport::Tcp { source: 40000, destination: 443, flags: TcpFlags::SYN };
        assert_eq!((packet.transport, packet.domain), (syn, Domain::NONE), "{link}");
        for length in 0..bytes.len() {
            let wire = u32::try_from(bytes.len()).unwrap();
            let cut = decode(link, &bytes[..length], wire);
            assert!(
                matches!(cut, Content::Truncated)
                    || matches!(cut, Content::Ip(ip) if ip.addresses == packet.addresses),
                "{link} at {length}: {cut:?}"
            );
        }
    }
}

fn behind(header: &[u8], packet: &[u8]) -> Vec<u8> {
    join(&[header, packet])
}

fn snap(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    join(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type.to_be_bytes(), packet])
}

#[test]
fn point_to_point_links() {
    let both =
        |link, four: &[u8], six: &[u8]| assert_leads_to_both(link, &behind(four, &v4()), &behind(six, &v6()));
    both(LinkType::PPP, &[0x00, 0x21], &[0x57]);
    both(LinkType::PPP, &[0xff, 3, 0x21], &[0xff, 3, 0, 0x57]);
    both(LinkType::PPP_HDLC, &[0xff, 3, 0, 0x21], &[0x0f, 0, 0x86, 0xdd]);
    both(LinkType::PPP_PPPD, &[0, 3, 0, 0x21], &[1, 3, 0, 0x57]);
    both(LinkType::PPP_WITH_DIRECTION, &[0, 0xff, 3, 0, 0x21], &[1, 0x57]);
    both(LinkType::C_HDLC, &[0x8f, 0, 8, 0], &[0x0f, 0, 0x86, 0xdd]);
    both(LinkType::FRELAY, &[0x18, 0x41, 3, 0xcc], &[0x18, 0x40, 0x41, 3, 0, 0x8e]);
    both(
        LinkType::FRELAY,
        &[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0],
        &[0x18, 0x41, 3, 0x80, 0, 0, 0, 0x86, 0xdd],
    );

    both(LinkType::FRELAY, &[0x18, 0x41, 8, 0], &[0x18, 0x41, 0x86, 0xdd]);

    assert_eq!(whole(LinkType::PPP, &behind(&[0xc0, 0x21], &[1; 20])), Content::NotIp, "link control");
    assert_eq!(whole(LinkType::PPP, &behind(&[0x00, 0x2d], &v4())), Content::NotIp, "compressed TCP");
    assert_eq!(whole(LinkType::C_HDLC, &behind(&[0x8f, 0, 0, 46], &v4())), Content::NotIp);
    assert_eq!(
        whole(LinkType::FRELAY, &behind(&[0x18, 0x41, 0x13], &v4())),
        Content::NotIp,
        "not unnumbered"
    );
}

#[test]
fn sessions_over_ethernet_end_before_their_padding() {
    let session = |protocol: u16, packet: &[u8]| {
        let length = u16::try_from(packet.len() + 2).unwrap();
        join(&[&[0x11, 0, 0, 7], &length.to_be_bytes(), &protocol.to_be_bytes(), packet])
    };
    assert_leads_to_both(LinkType::PPP_ETHER, &session(0x21, &v4()), &session(0x57, &v6()));
    let (four, six) = (session(0x21, &v4()), session(0x57, &v6()));
    assert_leads_to_both(LinkType::ETHERNET, &ethernet(0x8864, &four), &ethernet(0x8864, &six));
    let tagged = ethernet(0x8100, &vlan(7, 0x8864, &four));
    assert!(matches!(whole(LinkType::ETHERNET, &tagged), Content::Ip(ip) if ip.domain.vlans().eq([7])));
    // Two bytes of padding are no part of the session's empty packet.
    let empty = join(&[&[0x11, 0, 0, 7, 0, 2, 0, 0x21], &v4()]);
    assert_eq!(whole(LinkType::PPP_ETHER, &empty), Content::Malformed);
    assert_eq!(whole(LinkType::ETHERNET, &ethernet(0x8863, &four)), Content::NotIp, "discovery");
    assert_eq!(
        whole(LinkType::PPP_ETHER, &behind(&[0x11, 0xa7, 0, 7, 0, 0], &[])),
        Content::NotIp,
        "end of session"
    );
}

#[test]
fn label_stacks() {
    let label = |value: u32, last: bool| (value << 12 | u32::from(last) << 8 | 64).to_be_bytes();
    let two = |packet: &[u8]| join(&[&label(16, false), &label(17, true), packet]);
    assert_leads_to_both(LinkType::MPLS, &two(&v4()), &two(&v6()));
    assert_leads_to_both(LinkType::ETHERNET, &ethernet(0x8847, &two(&v4())), &ethernet(0x8848, &two(&v6())));
    // Explicit null (RFC 3032): the label itself says what follows.
    assert_leads_to_both(LinkType::MPLS, &behind(&label(0, true), &v4()), &behind(&label(2, true), &v6()));
    assert_eq!(whole(LinkType::MPLS, &behind(&label(2, true), &v4())), Content::Malformed);
    let pseudowire = join(&[&label(18, true), &[0; 4], &ethernet(0x0800, &v4())]);
    assert_eq!(whole(LinkType::MPLS, &pseudowire), Content::NotIp, "nobody says that it is Ethernet");
    assert_eq!(whole(LinkType::MPLS, &label(18, false)), Content::Malformed, "no end of the stack");
}

#[test]
fn tags_of_switches_and_carriers() {
    let tag = |kind: u16, bytes: &[u8], inner: &[u8]| ethernet(kind, &behind(bytes, inner));
    let typed = |packet: &[u8], ether_type: u16| join(&[&ether_type.to_be_bytes(), packet]);
    let (four, six) = (typed(&v4(), 0x0800), typed(&v6(), 0x86dd));
    let both = |kind: u16, bytes: &[u8]| {
        assert_leads_to_both(LinkType::ETHERNET, &tag(kind, bytes, &four), &tag(kind, bytes, &six));
    };
    both(0x8926, &[0x80, 1, 0, 2]);
    both(0x892f, &[0x10, 0x2c, 0, 9]);
    both(0x8909, &[1, 1, 0, 1, 0, 5]);
    both(0xd28b, &[0, 1, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8]);
    both(0xd28b, &[0, 1, 1, 0x20, 1, 2, 3, 4, 5, 6]);
    let (four, six) = (ethernet(0x0800, &v4()), ethernet(0x86dd, &v6()));
    assert_leads_to_both(LinkType::ETHERNET, &tag(0x88e7, &[0, 0, 1, 2], &four), &tag(0x88e7, &[0; 4], &six));
    assert_leads_to_both(LinkType::ETHERNET, &tag(0x8903, &[1, 0x20], &four), &tag(0x8903, &[0; 2], &six));
    assert_leads_to_both(LinkType::NETANALYZER, &behind(&[0; 4], &four), &behind(&[0; 4], &six));
    assert_leads_to_both(LinkType::ETHERNET_BRCM_PREPEND, &behind(&[9; 4], &four), &behind(&[0; 4], &six));
    let chip = |tag: &[u8], packet: &[u8]| join(&[&[2; 12], tag, packet]);
    for (link, tag) in [
        (LinkType::ETHERNET_BRCM_TAG, &[0xff; 4][..]),
        (LinkType::ETHERNET_MARVELL_DSA, &[0xc0, 0, 0x20, 5]),
        (LinkType::ETHERNET_MARVELL_EDSA, &[0xda, 0xda, 0, 0, 0xc0, 0, 0x20, 5]),
    ] {
        assert_leads_to_both(link, &chip(tag, &typed(&v4(), 0x0800)), &chip(tag, &typed(&v6(), 0x86dd)));
    }
    let tagged = chip(&[0xe0, 0, 0x21, 5], &typed(&v4(), 0x0800));
    let content = whole(LinkType::ETHERNET_MARVELL_DSA, &tagged);
    assert!(matches!(content, Content::Ip(ip) if ip.domain.vlans().eq([0x105])), "{content:?}");
    // MACsec hides what it carries.
    assert_eq!(whole(LinkType::ETHERNET, &tag(0x88e5, &[0x2c, 0, 0, 0, 0, 1], &four)), Content::NotIp);
    assert_eq!(whole(LinkType::ETHERNET, &tag(0xd28b, &[0, 1, 9, 9], &four)), Content::NotIp);
}

#[test]
fn wireless_frames() {
    let frame = |control: [u8; 2], more: &[u8], body: &[u8]| join(&[&control, &[0; 22], more, body]);
    let (four, six) = (snap(0x0800, &v4()), snap(0x86dd, &v6()));
    let plain = |body: &[u8]| frame([0x08, 0x01], &[], body);
    assert_leads_to_both(LinkType::IEEE802_11, &plain(&four), &plain(&six));
    // Quality of service, HT control, a fourth address.
    let full = |body: &[u8]| frame([0x88, 0x83], &[0; 6 + 2 + 4], body);
    assert_leads_to_both(LinkType::IEEE802_11, &full(&four), &full(&six));

    let radiotap = |header: &[u8], body: &[u8]| join(&[header, body]);
    let short = [0, 0, 8, 0, 0, 0, 0, 0];
    assert_leads_to_both(
        LinkType::IEEE802_11_RADIOTAP,
        &radiotap(&short, &plain(&four)),
        &radiotap(&short, &plain(&six)),
    );
    // A timer, then flags that say: padded to four bytes.
    let padded = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0x20];
    let quality = |body: &[u8]| frame([0x88, 0x01], &[0, 0, 0, 0], body);
    assert_leads_to_both(
        LinkType::IEEE802_11_RADIOTAP,
        &radiotap(&padded, &quality(&four)),
        &radiotap(&padded, &quality(&six)),
    );
    assert_leads_to_both(
        LinkType::IEEE802_11_PRISM,
        &behind(&[0; 144], &plain(&four)),
        &behind(&[1; 144], &plain(&six)),
    );
    let avs = join(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56]]);
    assert_leads_to_both(
        LinkType::IEEE802_11_PRISM,
        &behind(&avs, &plain(&four)),
        &behind(&avs, &plain(&six)),
    );
    assert_leads_to_both(LinkType::IEEE802_11_AVS, &behind(&avs, &plain(&four)), &behind(&avs, &plain(&six)));

    for (control, what) in [
        ([0x80, 0], "a beacon"),
        ([0xd4, 0], "an acknowledgement"),
        ([0x48, 1], "without a body"),
        ([0x08, 0x41], "encrypted"),
    ] {
        assert_eq!(whole(LinkType::IEEE802_11, &frame(control, &[], &four)), Content::NotIp, "{what}");
    }
    assert_eq!(
        whole(LinkType::IEEE802_11, &frame([0x88, 1], &[0x80, 0], &four)),
        Content::NotIp,
        "several in one"
    );
    assert_eq!(
        whole(LinkType::IEEE802_11_RADIOTAP, &radiotap(&[0, 0, 4, 0, 0, 0, 0, 0], &four)),
        Content::Malformed
    );
}

#[test]
fn what_a_capturing_machine_puts_before() {
    let log = |family: u8, order: Order, packet: &[u8]| {
        let field = |kind: u16, value: &[u8]| {
            let length = u16::try_from(4 + value.len()).unwrap();
            let padding = value.len().next_multiple_of(4) - value.len();
            join(&[&order.u16(length), &order.u16(kind), value, &[0; 3][..padding]])
        };
        join(&[
            &[family, 0, 0, 7],
            &field(1, &[8, 0, 1, 0]),
            &field(10, b"odd"),
            &field(9, packet),
            &field(4, &[0; 4]),
        ])
    };
    assert_leads_to_both(LinkType::NFLOG, &log(2, Order::Little, &v4()), &log(10, Order::Big, &v6()));
    assert_eq!(whole(LinkType::NFLOG, &log(7, Order::Little, &v4())), Content::NotIp, "a bridge's");
    assert_eq!(whole(LinkType::NFLOG, &[2, 0, 0, 0, 3, 0, 9, 0]), Content::Malformed);
    assert_eq!(whole(LinkType::NFLOG, &[2, 0, 0, 0, 4, 0, 3, 0]), Content::NotIp, "no packet in it");

    let tap = |link: u32, packet: &[u8]| {
        join(&[&108_u32.to_le_bytes(), &1_u32.to_le_bytes(), &link.to_le_bytes(), &[0; 96], packet])
    };
    assert_leads_to_both(LinkType::PKTAP, &tap(1, &ethernet(0x0800, &v4())), &tap(12, &v6()));
    assert_eq!(whole(LinkType::PKTAP, &tap(258, &tap(1, &v4()))), Content::NotIp, "no tap of a tap");
    let information = |link: u32, packet: &[u8]| join(&[&[0, 0, 8, 0], &link.to_le_bytes(), packet]);
    assert_leads_to_both(LinkType::PPI, &information(101, &v4()), &information(1, &ethernet(0x86dd, &v6())));
    let solaris = |family: u8, packet: &[u8]| join(&[&[1, family], &[0; 22], packet]);
    assert_leads_to_both(LinkType::IPNET, &solaris(2, &v4()), &solaris(26, &v6()));
    let slip = |kind: u8, packet: &[u8]| join(&[&[1, kind], &[0; 14], packet]);
    assert_leads_to_both(LinkType::SLIP, &slip(0x45, &v4()), &slip(0x60, &v6()));
    assert_eq!(whole(LinkType::SLIP, &slip(0x80, &v4())), Content::NotIp, "compressed on the line");
    let filter = |family: u8, packet: &[u8]| join(&[&[61, family], &[0; 62], packet]);
    assert_leads_to_both(LinkType::PFLOG, &filter(2, &v4()), &filter(24, &v6()));
    let encapsulated = |family: [u8; 4], packet: &[u8]| join(&[&family, &[0; 8], packet]);
    assert_leads_to_both(
        LinkType::ENC,
        &encapsulated([2, 0, 0, 0], &v4()),
        &encapsulated([0, 0, 0, 24], &v6()),
    );
    let wire = |ether_type: u16, packet: &[u8]| join(&[&[0; 16], &ether_type.to_be_bytes(), packet]);
    assert_leads_to_both(LinkType::APPLE_IP_OVER_IEEE1394, &wire(0x0800, &v4()), &wire(0x86dd, &v6()));
    for (link, header) in [(LinkType::ATM_RFC1483, 0), (LinkType::FDDI, 13), (LinkType::IP_OVER_FC, 16)] {
        let frame = |body: &[u8]| join(&[&[0; 16][..header], body]);
        assert_leads_to_both(link, &frame(&snap(0x0800, &v4())), &frame(&snap(0x86dd, &v6())));
    }
}

#[test]
fn what_is_not_supported_is_not_guessed() {
    for number in 0..400 {
        let link = LinkType(number);
        if !link.is_supported() {
            assert_eq!(whole(link, &v4()), Content::NotIp, "{link}");
            assert_eq!(whole(link, &ethernet(0x0800, &v4())), Content::NotIp, "{link}");
        }
    }
}
