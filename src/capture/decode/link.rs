//! Link layers: from the first byte of a frame to its network layer.

use super::ether::{self, ethernet, llc_payload, payload};
use super::network::Network;
use super::view::{Missing, View, u16_of};
use super::{ppp, wireless, wrapped};
use crate::capture::LinkType;
use crate::packet::Domain;

/// The network layer of a frame of this link type. [`LinkType::is_supported`] names the same types.
pub(super) fn network(link: LinkType, mut frame: View<'_>) -> Result<Network<'_>, Missing> {
    match link {
        LinkType::ETHERNET => ethernet(frame, Domain::NONE),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => by_version(frame, Domain::NONE),
        LinkType::IPV4 => Ok(Network::V4(frame, Domain::NONE)),
        LinkType::IPV6 => Ok(Network::V6(frame, Domain::NONE)),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::LINUX_SLL => linux_cooked(frame),
        LinkType::LINUX_SLL2 => linux_cooked_v2(frame),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::frame(frame),
        // The direction stands before the frame, or in place of its address.
        LinkType::PPP_WITH_DIRECTION => frame.take(1).and_then(|_| ppp::frame(frame)),
        LinkType::PPP_PPPD => match *frame.take_array()? {
            [_, 0x03] => ppp::frame(frame),
            _ => Err(Missing::Malformed),
        },
        LinkType::PPP_ETHER => ppp::over_ethernet(frame, Domain::NONE),
        LinkType::C_HDLC => ppp::cisco_hdlc(frame),
        LinkType::FRELAY => ppp::frame_relay(frame),
        LinkType::MPLS => ether::mpls(frame, Domain::NONE),
        // Headers of a fixed length before LLC: none, FDDI's, fibre channel's (RFC 2625 section 3.3).
        LinkType::ATM_RFC1483 => llc_payload(frame, Domain::NONE),
        LinkType::FDDI => frame.take(13).and_then(|_| llc_payload(frame, Domain::NONE)),
        LinkType::IP_OVER_FC => frame.take(16).and_then(|_| llc_payload(frame, Domain::NONE)),
        LinkType::APPLE_IP_OVER_IEEE1394 => {
            let header = *frame.take_array::<18>()?;
            payload(u16_of(header[16], header[17]), frame, Domain::NONE)
        }
        // Four bytes of port and state, or a switch chip's tag, before an Ethernet frame.
        LinkType::NETANALYZER | LinkType::ETHERNET_BRCM_PREPEND => {
            frame.take(4).and_then(|_| ethernet(frame, Domain::NONE))
        }
        LinkType::ETHERNET_BRCM_TAG | LinkType::ETHERNET_MARVELL_DSA | LinkType::ETHERNET_MARVELL_EDSA => {
            ether::ethernet_with_chip_tag(link, frame)
        }
        LinkType::IEEE802_11 => wireless::frame(frame, false),
        LinkType::IEEE802_11_RADIOTAP => wireless::radiotap(frame),
        LinkType::IEEE802_11_PRISM => wireless::prism(frame),
        LinkType::IEEE802_11_AVS => wireless::avs(frame),
        LinkType::NFLOG => wrapped::netfilter_log(frame),
        LinkType::PKTAP => wrapped::packet_tap(frame),
        LinkType::PPI => wrapped::per_packet_information(frame),
        LinkType::PFLOG => wrapped::packet_filter_log(frame),
        LinkType::SLIP => wrapped::serial_line(frame),
        LinkType::IPNET => wrapped::solaris_ip(frame),
        LinkType::ENC => wrapped::encapsulated(frame),
        _ => Ok(Network::Other),
    }
}

/// BSD loopback: four bytes of address family.
///
/// The family is in the byte order of the machine that captured (`LOOP`: in network order); families are small
/// numbers, so the order shows itself. Some writers put an `EtherType` into the last two bytes instead, where a family
/// never reaches.
fn loopback(mut frame: View<'_>) -> Result<Network<'_>, Missing> {
    let header = *frame.take_array()?;
    let family = u32::from_be_bytes(header);
    match (by_family(if family > 0xffff { family.swap_bytes() } else { family }, frame), header) {
        (Network::Other, [_, _, high, low]) if high >= 6 => payload(u16_of(high, low), frame, Domain::NONE),
        (network, _) => Ok(network),
    }
}

/// By an address family: IPv6 has one number on NetBSD, `OpenBSD` and BSD/OS, one on FreeBSD, one on macOS, and one
/// on Linux.
pub(super) const fn by_family(family: u32, view: View<'_>) -> Network<'_> {
    match family {
        2 => Network::V4(view, Domain::NONE),
        10 | 24 | 28 | 30 => Network::V6(view, Domain::NONE),
        _ => Network::Other,
    }
}

/// Linux cooked capture: the protocol is in the last two of 16 bytes.
fn linux_cooked(mut frame: View<'_>) -> Result<Network<'_>, Missing> {
    let header = frame.take_array::<16>()?;
    cooked_payload(u16_of(header[2], header[3]), u16_of(header[14], header[15]), frame)
}

/// Linux cooked capture, version 2: the protocol is in the first two of 20 bytes.
fn linux_cooked_v2(mut frame: View<'_>) -> Result<Network<'_>, Missing> {
    let header = frame.take_array::<20>()?;
    cooked_payload(u16_of(header[8], header[9]), u16_of(header[0], header[1]), frame)
}

/// What a cooked frame carries; the meaning of `protocol` depends on the kind of device (`ARPHRD_` numbers).
fn cooked_payload(device: u16, protocol: u16, view: View<'_>) -> Result<Network<'_>, Missing> {
    /// `ETH_P_802_2`: an LLC frame.
    const LLC: u16 = 4;

    match (device, protocol) {
        // Netlink messages, whose protocol is a netlink family.
        (824, _) => Ok(Network::Other),
        (770, _) => ppp::frame_relay(view),
        (801, _) => wireless::frame(view, false),
        (802, _) => wireless::prism(view),
        (803, _) => wireless::radiotap(view),
        (_, LLC) => llc_payload(view, Domain::NONE),
        (_, 0..=1535) => Ok(Network::Other),
        _ => payload(protocol, view, Domain::NONE),
    }
}

/// IP by the version in its first four bits.
pub(super) fn by_version(view: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    match view.peek::<1>()?[0] >> 4 {
        4 => Ok(Network::V4(view, domain)),
        6 => Ok(Network::V6(view, domain)),
        _ => Err(Missing::Malformed),
    }
}
