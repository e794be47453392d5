//! Headers that a capturing machine puts before a packet of another kind: netfilter's log, `PKTAP`, PPI, packet filters'.

use super::link::{by_family, by_version, network};
use super::network::Network;
use super::view::{Missing, View};
use crate::capture::LinkType;
use crate::packet::Domain;

/// Netfilter's log (<https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html>): a header, then fields in the byte order of
/// the machine that captured; the packet is one of them.
pub(super) fn netfilter_log(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    const PAYLOAD: u16 = 9;

    let [family, version, _, _] = *view.take_array()?;
    if version != 0 {
        return Ok(Network::Other);
    }
    while view.length() > 0 {
        let field @ [l0, l1, t0, t1] = *view.peek()?;
        // Types are small numbers, so the order shows itself.
        let little = field[3] == 0;
        let number = |bytes| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        let (length, kind) = (usize::from(number([l0, l1])), number([t0, t1]));
        if length < 4 {
            return Err(Missing::Malformed);
        }
        if kind == PAYLOAD {
            let mut packet = view.bounded(length);
            packet.take(4)?;
            return Ok(by_family(u32::from(family), packet));
        }
        // The last field may go without its padding.
        view.take(length.next_multiple_of(4).min(view.length()))?;
    }
    Ok(Network::Other)
}

/// Apple's `PKTAP`: little endian; its length, whether a packet follows, and that packet's link type.
pub(super) fn packet_tap(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let [l0, l1, l2, l3, n0, n1, n2, n3, d0, d1, d2, d3] = *view.peek()?;
    let [length, next, link] = [[l0, l1, l2, l3], [n0, n1, n2, n3], [d0, d1, d2, d3]].map(u32::from_le_bytes);
    if length < 12 {
        return Err(Missing::Malformed);
    }
    view.take(usize::try_from(length).unwrap_or(usize::MAX))?;
    match LinkType(link) {
        LinkType::PKTAP | LinkType::PPI => Ok(Network::Other),
        link if next == 1 => network(link, view),
        _ => Ok(Network::Other),
    }
}

/// CACE's per-packet information: little endian; its length in bytes 2 and 3, then the link type of the packet.
pub(super) fn per_packet_information(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let [_, _, l0, l1, d0, d1, d2, d3] = *view.peek()?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(Missing::Malformed);
    }
    view.take(length)?;
    match LinkType(u32::from_le_bytes([d0, d1, d2, d3])) {
        LinkType::PKTAP | LinkType::PPI => Ok(Network::Other),
        link => network(link, view),
    }
}

/// `OpenBSD`'s packet filter log: the header's length, padded to four bytes, and the address family.
pub(super) fn packet_filter_log(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let [length, family] = *view.peek()?;
    if length < 4 {
        return Err(Missing::Malformed);
    }
    view.take(usize::from(length).next_multiple_of(4))?;
    Ok(by_family(u32::from(family), view))
}

/// Solaris's and illumos's `IPNET`: version, address family by their own numbers, and the interface; 24 bytes.
pub(super) fn solaris_ip(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let header = *view.take_array::<24>()?;
    match header[1] {
        2 => Ok(Network::V4(view, Domain::NONE)),
        26 => Ok(Network::V6(view, Domain::NONE)),
        _ => Ok(Network::Other),
    }
}

/// SLIP as BSD captures it: direction, then 15 bytes that start as the packet on the line did; TCP that was compressed there
/// (RFC 1144) is left alone.
pub(super) fn serial_line(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let header = *view.take_array::<16>()?;
    if header[1] >= 0x70 {
        return Ok(Network::Other);
    }
    by_version(view, Domain::NONE)
}

/// `OpenBSD`'s encapsulation interface: address family, security parameter index, flags.
pub(super) fn encapsulated(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let family = u32::from_be_bytes(*view.take_array()?);
    view.take(8)?;
    Ok(by_family(if family > 0xffff { family.swap_bytes() } else { family }, view))
}
