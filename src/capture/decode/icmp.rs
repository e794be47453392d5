//! ICMP (RFC 792) and `ICMPv6` (RFC 4443): type, code, identifier, and the packet that an error quotes.

use super::ip::{self, Datagram};
use super::view::{Missing, View, u16_of};
use crate::packet::{Family, Icmp, IcmpRole, Protocol, Quoted, Transport};

/// The message in `view`, the payload of a datagram whose protocol is ICMP or `ICMPv6`.
///
/// ICMP in IPv6, or `ICMPv6` in IPv4, is just a protocol by its number.
pub(super) fn read(datagram: &Datagram<'_>, view: View<'_>) -> Result<Transport, Missing> {
    let family = datagram.addresses.family();
    if datagram.protocol != protocol(family) {
        return Ok(Transport::Other);
    }
    message(family, view).map(Transport::Icmp)
}

const fn protocol(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

fn message(family: Family, mut view: View<'_>) -> Result<Icmp, Missing> {
    // Every message has eight bytes at least; Linux takes a shorter one for invalid.
    if view.length() < 8 {
        return Err(Missing::Malformed);
    }
    let [kind, code] = *view.peek()?;
    let mut icmp = Icmp { kind, code, identifier: 0, quoted: Quoted::None };
    match icmp.role(family) {
        IcmpRole::Request { .. } | IcmpRole::Reply { .. } => icmp.identifier = identifier(view)?,
        IcmpRole::Error => {
            icmp.quoted = view.take(8).and_then(|_| quoted(family, view)).unwrap_or_else(Quoted::from);
        }
        IcmpRole::NeighbourDiscovery | IcmpRole::Other => {}
    }
    Ok(icmp)
}

fn identifier(view: View<'_>) -> Result<u16, Missing> {
    let [_, _, _, _, high, low] = *view.peek()?;
    Ok(u16_of(high, low))
}

/// The packet an error message quotes; of a later fragment nothing can be told.
fn quoted(family: Family, view: View<'_>) -> Result<Quoted, Missing> {
    let datagram = match family {
        Family::V4 => ip::v4(view)?,
        Family::V6 => ip::v6(view)?,
    };
    if datagram.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return Ok(Quoted::None);
    }
    let payload = datagram.payload?;
    let mut message = (0, 0);
    let ports = if datagram.protocol.has_ports() {
        let [s0, s1, d0, d1] = *payload.peek()?;
        (u16_of(s0, s1), u16_of(d0, d1))
    } else if datagram.protocol == protocol(family) {
        let [kind, code] = *payload.peek()?;
        message = (kind, code);
        let inner = Icmp { kind, code, identifier: 0, quoted: Quoted::None };
        match inner.role(family) {
            IcmpRole::Request { .. } | IcmpRole::Reply { .. } => {
                let identifier = identifier(payload)?;
                (identifier, identifier)
            }
            _ => (0, 0),
        }
    } else {
        (0, 0)
    };
    Ok(Quoted::Packet { addresses: datagram.addresses, protocol: datagram.protocol, ports, message })
}

impl From<Missing> for Quoted {
    /// A quotation that ends too early, or is of no packet, tells nothing; one that the capture cut is truncated.
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Truncated => Self::Truncated,
            Missing::Malformed => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, decode};
    use crate::packet::{AddressPair, Content};

    /// A host unreachable about a timestamp request of identifier 7.
    #[test]
    fn a_quoted_message_keeps_its_type_and_code() {
        let header = |length: u8, protocol, from: [u8; 4], to: [u8; 4]| {
            let fixed = [0x45, 0, 0, length, 0, 1, 0, 0, 64, protocol, 0, 0];
            [&fixed[..], &from, &to].concat()
        };
        let (here, there) = ([10, 0, 0, 1], [8, 8, 8, 8]);
        let mut bytes = header(56, 1, there, here);
        bytes.extend([3, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend(header(28, 1, here, there));
        bytes.extend([13, 0, 0, 0, 0, 7, 0, 1]);
        let Content::Ip(ip) = decode(LinkType::RAW, &bytes, 56) else { panic!("an IP packet") };
        let Transport::Icmp(icmp) = ip.transport else { panic!("an ICMP message") };
        let quoted = Quoted::Packet {
            addresses: AddressPair::V4 { source: here.into(), destination: there.into() },
            protocol: Protocol::ICMP,
            ports: (7, 7),
            message: (13, 0),
        };
        assert_eq!((icmp.kind, icmp.quoted), (3, quoted));
    }
}
