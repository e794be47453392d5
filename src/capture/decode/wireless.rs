//! Wireless LAN (IEEE 802.11), bare and behind the headers that drivers put before it.

use super::ether::llc_payload;
use super::network::Network;
use super::view::{Missing, View};
use crate::packet::Domain;

/// An 802.11 frame (IEEE 802.11-2020 section 9.2.3): of data frames that are not encrypted, what their LLC header names.
///
/// `padded` drivers align the body to four bytes. Management and control frames carry no IP; a frame that bundles several
/// (an A-MSDU) is not taken apart.
pub(super) fn frame(mut view: View<'_>, padded: bool) -> Result<Network<'_>, Missing> {
    const DATA: u8 = 2;
    const WITHOUT_BODY: u8 = 0x40;
    const QOS: u8 = 0x80;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const BOTH_WAYS: u8 = 0x03;
    const BUNDLED: u8 = 0x80;

    let [control, flags] = *view.peek()?;
    if control & 3 != 0 || control >> 2 & 3 != DATA || control & WITHOUT_BODY != 0 || flags & PROTECTED != 0 {
        return Ok(Network::Other);
    }
    let mut header = 24;
    view.take(24)?;
    // From one access point to another: a fourth address.
    if flags & BOTH_WAYS == BOTH_WAYS {
        view.take(6)?;
        header += 6;
    }
    if control & QOS != 0 {
        let [quality, _] = *view.take_array()?;
        header += 2;
        if quality & BUNDLED != 0 {
            return Ok(Network::Other);
        }
        if flags & ORDER != 0 {
            view.take(4)?;
            header += 4;
        }
    }
    if padded {
        view.take(usize::next_multiple_of(header, 4) - header)?;
    }
    llc_payload(view, Domain::NONE)
}

/// Behind a radiotap header (<https://www.radiotap.org>): little endian, its length in bytes 2 and 3.
pub(super) fn radiotap(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    const HAS_TIMER: u8 = 1;
    const HAS_FLAGS: u8 = 2;
    const PADDED: u8 = 0x20;

    let [_, _, l0, l1, first, _, _, last] = *view.peek()?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(Missing::Malformed);
    }
    let header = view.take(length)?;
    // The highest bit of each word of flags says that another follows.
    let (mut fields, mut word) = (8, last);
    while word & 0x80 != 0 {
        word = *header.get(fields + 3).ok_or(Missing::Malformed)?;
        fields += 4;
    }
    // The flags stand first, unless a timer of eight bytes, aligned to eight, comes before.
    if first & HAS_TIMER != 0 {
        fields = fields.next_multiple_of(8) + 8;
    }
    let padded = first & HAS_FLAGS != 0 && header.get(fields).ok_or(Missing::Malformed)? & PADDED != 0;
    frame(view, padded)
}

/// Behind a Prism header of 144 bytes; or, since drivers put either under one number, behind AVS's.
pub(super) fn prism(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    if let [0x80, 0x21, 0x10, _] = view.peek()? {
        return avs(view);
    }
    view.take(144)?;
    frame(view, false)
}

/// Behind an AVS header: big endian, its length in bytes 4 to 7.
pub(super) fn avs(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let [_, _, _, _, l0, l1, l2, l3] = *view.peek()?;
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length < 8 {
        return Err(Missing::Malformed);
    }
    view.take(length)?;
    frame(view, false)
}
