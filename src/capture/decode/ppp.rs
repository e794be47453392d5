//! Point-to-point links: PPP (RFC 1661) in its framings, `PPPoE` sessions (RFC 2516), Cisco HDLC, frame relay (RFC 2427).

use super::ether;
use super::network::Network;
use super::view::{Missing, View, u16_of};
use crate::packet::Domain;

/// A PPP frame, with or without the address and control bytes of HDLC-like framing (RFC 1662); or Cisco's HDLC, whose
/// address is another (RFC 1547 section 4.3.1).
pub(super) fn frame(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    match view.peek::<2>() {
        Ok([0xff, 0x03]) => {
            view.take(2)?;
        }
        Ok([0x0f | 0x8f, 0]) => return cisco_hdlc(view),
        Err(Missing::Truncated) => return Err(Missing::Truncated),
        _ => {}
    }
    payload(view, Domain::NONE)
}

/// What lies behind PPP's protocol field, which is one byte long where its first byte is odd (RFC 1661 section 2).
fn payload(mut view: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    let [high] = *view.take_array()?;
    let protocol = if high & 1 == 1 {
        u16::from(high)
    } else {
        let [low] = *view.take_array()?;
        u16_of(high, low)
    };
    match protocol {
        0x0021 => Ok(Network::V4(view, domain)),
        0x0057 => Ok(Network::V6(view, domain)),
        0x0281 | 0x0283 => ether::mpls(view, domain),
        // Control protocols, and IP in compressed or encrypted form.
        _ => Ok(Network::Other),
    }
}

/// A session frame of PPP over Ethernet: version 1, type 1, code 0, and a length; behind it is padding.
pub(super) fn over_ethernet(mut view: View<'_>, domain: Domain) -> Result<Network<'_>, Missing> {
    let [0x11, code, _, _, l0, l1] = *view.take_array()? else { return Err(Missing::Malformed) };
    // Any other code is of the discovery of servers.
    if code != 0 {
        return Ok(Network::Other);
    }
    payload(view.bounded(usize::from(u16_of(l0, l1))), domain)
}

/// Cisco HDLC: address, control, `EtherType`.
pub(super) fn cisco_hdlc(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let [_, _, high, low] = *view.take_array()?;
    match u16_of(high, low) {
        // What would be a length is none here.
        0..=1535 => Ok(Network::Other),
        ether_type => ether::payload(ether_type, view, Domain::NONE),
    }
}

/// Frame relay: an address of two to four bytes whose last one is odd, a control byte, and a number of ISO's for what
/// follows.
pub(super) fn frame_relay(mut view: View<'_>) -> Result<Network<'_>, Missing> {
    let mut length = 1;
    while view.take_array::<1>()?[0] & 1 == 0 {
        length += 1;
    }
    if !(2..=4).contains(&length) {
        return Err(Missing::Malformed);
    }
    let [control] = *view.take_array()?;
    // Unnumbered information; a byte of padding may follow it. Cisco's form has an `EtherType` instead.
    match control {
        3 => {}
        0x08 | 0x86 => {
            let [low] = *view.take_array()?;
            return match (control, low) {
                (0x08, 0x00) => Ok(Network::V4(view, Domain::NONE)),
                (0x86, 0xdd) => Ok(Network::V6(view, Domain::NONE)),
                _ => Ok(Network::Other),
            };
        }
        _ => return Ok(Network::Other),
    }
    if view.peek()? == &[0] {
        view.take(1)?;
    }
    match *view.take_array()? {
        [0xcc] => Ok(Network::V4(view, Domain::NONE)),
        [0x8e] => Ok(Network::V6(view, Domain::NONE)),
        [0x80] => match *view.take_array()? {
            [0, 0, 0, high, low] if high >= 6 => ether::payload(u16_of(high, low), view, Domain::NONE),
            _ => Ok(Network::Other),
        },
        _ => Ok(Network::Other),
    }
}
