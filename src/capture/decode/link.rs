//! Link layers: from the first byte of a frame to its network layer.

use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

use super::view::{Missing, View, u16_of};
use super::{ip, transport};
use crate::capture::LinkType;
use crate::packet::{Content, Domain, IpPacket};

/// What a frame of this link type holds.
pub(super) fn content(link: LinkType, frame: View<'_>) -> Result<Content, Missing> {
    match link {
        LinkType::ETHERNET => ethernet(frame),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => match frame.peek::<1>()?[0] >> 4 {
            4 => ipv4(frame, Domain::NONE),
            6 => ipv6(frame, Domain::NONE),
            _ => Err(Missing::Malformed),
        },
        LinkType::IPV4 => ipv4(frame, Domain::NONE),
        LinkType::IPV6 => ipv6(frame, Domain::NONE),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::LINUX_SLL => linux_cooked(frame),
        LinkType::LINUX_SLL2 => linux_cooked_v2(frame),
        _ => Ok(Content::NotIp),
    }
}

/// Ethernet II or IEEE 802.3.
fn ethernet(mut frame: View<'_>) -> Result<Content, Missing> {
    let header = frame.take(Ethernet2Header::LEN)?;
    let header = Ethernet2HeaderSlice::from_slice(header).map_err(|_| Missing::Malformed)?;
    payload(header.ether_type().0, frame, Domain::NONE)
}

/// What lies behind an `EtherType`, through any number of VLAN tags.
fn payload(mut ether_type: u16, mut view: View<'_>, mut domain: Domain) -> Result<Content, Missing> {
    loop {
        match ether_type {
            0x0800 => return ipv4(view, domain),
            0x86dd => return ipv6(view, domain),
            0x0806 => return Ok(Content::Arp),
            // 802.1Q, 802.1ad, and the two numbers used for stacked tags before that was written.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let tag = view.take(SingleVlanHeader::LEN)?;
                let tag = SingleVlanHeaderSlice::from_slice(tag).map_err(|_| Missing::Malformed)?;
                domain = domain.in_vlan(tag.vlan_identifier().value());
                ether_type = tag.ether_type().0;
            }
            // Not a type but the length of an LLC frame (IEEE 802.3 section 3.2.6); the rest is padding.
            0..=1500 => match llc(view.bounded(usize::from(ether_type)))? {
                Some((snap_type, rest)) => {
                    ether_type = snap_type;
                    view = rest;
                }
                None => return Ok(Content::NotIp),
            },
            _ => return Ok(Content::NotIp),
        }
    }
}

/// The `EtherType` that an LLC frame carries in SNAP (RFC 1042) or by its own number for IP; `None` for all other.
fn llc(mut view: View<'_>) -> Result<Option<(u16, View<'_>)>, Missing> {
    match view.peek::<3>() {
        Ok([0xaa, 0xaa, 0x03]) => {}
        Ok([0x06, 0x06, 0x03]) => {
            view.take(3)?;
            return Ok(Some((0x0800, view)));
        }
        // Too short for IP, and no contradiction: LLC frames may be this short.
        Ok(_) | Err(Missing::Malformed) => return Ok(None),
        Err(Missing::Truncated) => return Err(Missing::Truncated),
    }
    match view.take_array::<8>() {
        // A type below 0x600 would be a length again, which SNAP has no room for.
        Ok(&[_, _, _, 0, 0, 0, high, low]) if high >= 6 => Ok(Some((u16_of(high, low), view))),
        Ok(_) => Ok(None),
        Err(missing) => Err(missing),
    }
}

/// BSD loopback: four bytes of address family.
///
/// The family is in the byte order of the machine that captured (`LOOP`: in network order); families are small
/// numbers, so the order shows itself. IPv6 has one number on NetBSD, `OpenBSD` and BSD/OS, one on FreeBSD, one on
/// macOS, and one on Linux. Some writers put an `EtherType` into the last two bytes instead, where a family never
/// reaches.
fn loopback(mut frame: View<'_>) -> Result<Content, Missing> {
    let header = *frame.take_array()?;
    let family = u32::from_be_bytes(header);
    match if family > 0xffff { family.swap_bytes() } else { family } {
        2 => ipv4(frame, Domain::NONE),
        10 | 24 | 28 | 30 => ipv6(frame, Domain::NONE),
        _ => match u16_of(header[2], header[3]) {
            0..=1535 => Ok(Content::NotIp),
            ether_type => payload(ether_type, frame, Domain::NONE),
        },
    }
}

/// Linux cooked capture: the protocol is in the last two of 16 bytes.
fn linux_cooked(mut frame: View<'_>) -> Result<Content, Missing> {
    let header = frame.take_array::<16>()?;
    cooked_payload(u16_of(header[2], header[3]), u16_of(header[14], header[15]), frame)
}

/// Linux cooked capture, version 2: the protocol is in the first two of 20 bytes.
fn linux_cooked_v2(mut frame: View<'_>) -> Result<Content, Missing> {
    let header = frame.take_array::<20>()?;
    cooked_payload(u16_of(header[8], header[9]), u16_of(header[0], header[1]), frame)
}

/// What a cooked frame carries; the meaning of `protocol` depends on the kind of device (`ARPHRD_` numbers).
fn cooked_payload(device: u16, protocol: u16, view: View<'_>) -> Result<Content, Missing> {
    /// Netlink messages, whose protocol is a netlink family; 802.11 in its three forms; frame relay.
    const WITHOUT_ETHER_TYPE: [u16; 5] = [824, 801, 802, 803, 770];
    /// `ETH_P_802_2`: an LLC frame.
    const LLC: u16 = 4;

    if WITHOUT_ETHER_TYPE.contains(&device) {
        return Ok(Content::NotIp);
    }
    match protocol {
        LLC => match llc(view)? {
            Some((ether_type, rest)) => payload(ether_type, rest, Domain::NONE),
            None => Ok(Content::NotIp),
        },
        0..=1535 => Ok(Content::NotIp),
        _ => payload(protocol, view, Domain::NONE),
    }
}

fn ipv4(view: View<'_>, domain: Domain) -> Result<Content, Missing> {
    ip::v4(view).map(|datagram| packet(&datagram, domain))
}

fn ipv6(view: View<'_>, domain: Domain) -> Result<Content, Missing> {
    ip::v6(view).map(|datagram| packet(&datagram, domain))
}

fn packet(datagram: &ip::Datagram<'_>, domain: Domain) -> Content {
    Content::Ip(IpPacket {
        domain,
        addresses: datagram.addresses,
        protocol: datagram.protocol,
        transport: transport::read(datagram),
        fragment: datagram.fragment,
    })
}
