//! Transport headers: ports, TCP flags; ICMP is next door.
//!
//! A header is used as soon as the fields that matter are there, however little of the payload is. It is malformed
//! when the packet ends inside it or when its own length cannot be; Linux's connection tracking calls such
//! packets invalid.

use super::icmp;
use super::ip::Datagram;
use super::view::{Missing, View, u16_of};
use crate::packet::{Protocol, TcpFlags, Transport};

/// The transport header of a datagram.
pub(super) fn read(datagram: &Datagram<'_>) -> Transport {
    if datagram.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return Transport::LaterFragment;
    }
    datagram.payload.and_then(|view| header(datagram, view)).unwrap_or_else(Transport::from)
}

fn header(datagram: &Datagram<'_>, view: View<'_>) -> Result<Transport, Missing> {
    match datagram.protocol {
        Protocol::TCP => tcp(datagram, view),
        Protocol::UDP => udp(datagram, view),
        Protocol::UDPLITE => ports(datagram, view, 8),
        Protocol::SCTP | Protocol::DCCP => ports(datagram, view, 12),
        Protocol::ICMP | Protocol::ICMPV6 => icmp::read(datagram, view),
        _ => Ok(Transport::Other),
    }
}

/// TCP (RFC 9293 section 3.1): ports, data offset, flags.
fn tcp(datagram: &Datagram<'_>, view: View<'_>) -> Result<Transport, Missing> {
    let [s0, s1, d0, d1, _, _, _, _, _, _, _, _, offset, flags] = *view.peek()?;
    let header_length = usize::from(offset >> 4) * 4;
    if header_length < 20 || too_long(datagram, view, header_length) {
        return Err(Missing::Malformed);
    }
    Ok(Transport::Tcp { source: u16_of(s0, s1), destination: u16_of(d0, d1), flags: TcpFlags(flags) })
}

/// UDP (RFC 768): ports and length. Length zero is a jumbogram's (RFC 2675 section 4) or offload's.
fn udp(datagram: &Datagram<'_>, view: View<'_>) -> Result<Transport, Missing> {
    let [_, _, _, _, l0, l1] = *view.peek()?;
    let length = usize::from(u16_of(l0, l1));
    if (1..8).contains(&length) || too_long(datagram, view, length) {
        return Err(Missing::Malformed);
    }
    ports(datagram, view, 8)
}

/// A header of at least `shortest` bytes that starts with its ports: UDP-Lite (RFC 3828), SCTP (RFC 9260
/// section 3.1), DCCP (RFC 4340 section 5.1).
///
/// A first fragment may end inside the header, and still has its ports.
fn ports(datagram: &Datagram<'_>, view: View<'_>, shortest: usize) -> Result<Transport, Missing> {
    if datagram.fragment.is_none() && view.length() < shortest {
        return Err(Missing::Malformed);
    }
    let [s0, s1, d0, d1] = *view.peek()?;
    Ok(Transport::Ports { source: u16_of(s0, s1), destination: u16_of(d0, d1) })
}

/// Whether a length stated in a transport header contradicts that of the IP header.
///
/// Only where the IP length itself holds: a mirror port that cuts frames without saying so, or offload, makes
/// ends that are nobody's contradiction.
const fn too_long(datagram: &Datagram<'_>, view: View<'_>, length: usize) -> bool {
    datagram.whole && datagram.fragment.is_none() && length > view.length()
}
