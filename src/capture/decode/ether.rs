//! What lies behind an `EtherType`: IP, LLC, and the tags and headers that switches and carriers put before it.

use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

use super::network::Network;
use super::ppp;
use super::view::{Missing, View, u16_of};
use crate::capture::LinkType;
use crate::packet::Domain;

// `EtherType`s (IANA "IEEE 802 Numbers").
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const MPLS: u16 = 0x8847;
const ARP: u16 = 0x0806;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;

/// Ethernet II or IEEE 802.3.
pub(super) fn ethernet(mut frame: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    let ether_type = addresses(&mut frame)?;
    payload(ether_type, frame, domain)
}

/// Takes an Ethernet header off, and returns its `EtherType`.
fn addresses(frame: &mut View<'_>) -> Result<u16, Missing> {
    let header = frame.take(Ethernet2Header::LEN)?;
    let header = Ethernet2HeaderSlice::from_slice(header).map_err(|_| Missing::Malformed)?;
    Ok(header.ether_type().0)
}

/// What lies behind an `EtherType`, through any number of tags.
pub(super) fn payload(
    mut ether_type: u16,
    mut view: View<'_>,
    mut domain: Domain,
) -> Result<Network<'_>, Missing> {
    loop {
        match ether_type {
            IPV4 => return Ok(Network::V4(view, domain)),
            IPV6 => return Ok(Network::V6(view, domain)),
            ARP => return Ok(Network::Arp),
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
                None => return Ok(Network::Other),
            },
            MPLS | MPLS_UPSTREAM => return mpls(view, domain),
            PPPOE_SESSION => return ppp::over_ethernet(view, domain),
            _ => match switch_tag(ether_type, &mut view)? {
                Some(next) => ether_type = next,
                None => return Ok(Network::Other),
            },
        }
    }
}

/// Takes a tag off that switches add, and returns the `EtherType` behind it; `None` for what is no such tag.
fn switch_tag(ether_type: u16, view: &mut View<'_>) -> Result<Option<u16>, Missing> {
    match ether_type {
        // Provider backbone bridging (IEEE 802.1ah section 9.7): the instance tag, then a whole frame.
        0x88e7 => {
            view.take(4)?;
            return addresses(view).map(Some);
        }
        // Cisco FabricPath: tree and hop count, then a whole frame.
        0x8903 => {
            view.take(2)?;
            return addresses(view).map(Some);
        }
        // VN-Tag (IEEE 802.1BR's forerunner): direction and the two virtual interfaces; HSR (IEC 62439-3 section 5.7): path
        // and length, sequence number.
        0x8926 | 0x892f => view.take(4)?,
        // Cisco MetaData in its one form: version 1, length 1, an option and its value.
        0x8909 => match view.peek()? {
            [1, 1] => view.take(6)?,
            _ => return Ok(None),
        },
        // Arista's time stamps: subtype 1, then the version tells their length.
        0xd28b => match *view.peek()? {
            [0, 1, _, 0x10] => view.take(12)?,
            [0, 1, _, 0x20] => view.take(10)?,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let [high, low] = *view.take_array()?;
    Ok(Some(u16_of(high, low)))
}

/// An Ethernet frame with a switch chip's tag behind its addresses, where an `EtherType` is else.
pub(super) fn ethernet_with_chip_tag(link: LinkType, mut frame: View<'_>) -> Result<Network<'_>, Missing> {
    frame.take(12)?;
    let mut domain = Domain::NONE;
    // Marvell's longer form: a type and two bytes of its own before the tag.
    if link == LinkType::ETHERNET_MARVELL_EDSA {
        frame.take(4)?;
    }
    let [first, _, high, low] = *frame.take_array()?;
    // Bit 5 of Marvell's says that the frame had a VLAN tag; Broadcom's tag says nothing of VLANs.
    if link != LinkType::ETHERNET_BRCM_TAG && first & 0x20 != 0 {
        domain = domain.in_vlan(u16_of(high & 0xf, low));
    }
    let [high, low] = *frame.take_array()?;
    payload(u16_of(high, low), frame, domain)
}

/// A stack of MPLS labels (RFC 3032).
///
/// The last label tells the network layer only to its router. Explicit-null labels name it (RFC 3032 section 2.1); behind
/// any other the first four bits do, as RFC 4928 has it: what is no IP must not start with 4 or 6.
pub(super) fn mpls(mut view: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    loop {
        let [l0, l1, l2, _] = *view.take_array()?;
        if l2 & 1 == 0 {
            continue;
        }
        return match u32::from_be_bytes([0, l0, l1, l2]) >> 4 {
            0 => Ok(Network::V4(view, domain)),
            2 => Ok(Network::V6(view, domain)),
            _ => match view.peek()? {
                [0x45..=0x4f] => Ok(Network::V4(view, domain)),
                [0x60..=0x6f] => Ok(Network::V6(view, domain)),
                _ => Ok(Network::Other),
            },
        };
    }
}

/// What an LLC frame carries.
pub(super) fn llc_payload(view: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    match llc(view)? {
        Some((ether_type, rest)) => payload(ether_type, rest, domain),
        None => Ok(Network::Other),
    }
}

/// The `EtherType` that an LLC frame carries in SNAP (RFC 1042) or by its own number for IP; `None` for all other.
fn llc(mut view: View<'_>) -> Result<Option<(u16, View<'_>)>, Missing> {
    match view.peek::<3>() {
        Ok([0xaa, 0xaa, 0x03]) => {}
        Ok([0x06, 0x06, 0x03]) => {
            view.take(3)?;
            return Ok(Some((IPV4, view)));
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
