//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, with every extension header walked.
//!
//! Fragments are described, not put together: that is the work of whoever judges them.

use etherparse::{Ipv6FragmentHeader, Ipv6FragmentHeaderSlice, Ipv6Header, Ipv6HeaderSlice};

use super::view::{Missing, View, u16_of};
use crate::packet::{AddressPair, Fragment, Protocol};

/// A datagram whose addresses could be read.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) addresses: AddressPair,
    /// The protocol after the IPv6 extension headers; where these could not be walked to their end, the number
    /// of the one that is missing. Of a later IPv6 fragment: what the fragment header says comes first.
    pub(super) protocol: Protocol,
    pub(super) fragment: Option<Fragment>,
    /// What follows the IP headers, or why it is not there.
    pub(super) payload: Result<View<'a>, Missing>,
    /// Whether the payload is as long as the header says: not zero, and not more than the frame holds.
    pub(super) whole: bool,
}

/// Reads an IPv4 header.
pub(super) fn v4(view: View<'_>) -> Result<Datagram<'_>, Missing> {
    let first = view.peek::<1>()?[0];
    let header_length = usize::from(first & 0xf) * 4;
    if first >> 4 != 4 || header_length < 20 {
        return Err(Missing::Malformed);
    }
    let header = view.peek::<20>()?;
    let [_, _, h0, h1, id0, id1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;

    // Segmentation offload leaves zero: the packet then ends where the frame does.
    let total = usize::from(u16_of(h0, h1));
    let mut payload = if total == 0 { view } else { view.bounded(total) };
    let length = payload.length().saturating_sub(header_length);
    let options = payload.take(header_length);

    let flags_and_offset = u16_of(f0, f1);
    let offset = u32::from(flags_and_offset & 0x1fff) * 8;
    let more = flags_and_offset & 0x2000 != 0;
    Ok(Datagram {
        addresses: AddressPair::V4 { source: [s0, s1, s2, s3].into(), destination: [d0, d1, d2, d3].into() },
        protocol: Protocol(protocol),
        fragment: (more || offset > 0).then(|| Fragment {
            id: u32::from(u16_of(id0, id1)),
            offset,
            length: bytes(length),
            more,
        }),
        payload: options.map(|_| payload),
        whole: total != 0 && total <= view.length(),
    })
}

/// Reads an IPv6 header and the extension headers behind it.
pub(super) fn v6(mut view: View<'_>) -> Result<Datagram<'_>, Missing> {
    if view.peek::<1>()?[0] >> 4 != 6 {
        return Err(Missing::Malformed);
    }
    let header = view.take(Ipv6Header::LEN)?;
    let header = Ipv6HeaderSlice::from_slice(header).map_err(|_| Missing::Malformed)?;

    // Zero in jumbograms (RFC 2675) and as segmentation offload leaves it: up to the end of the frame.
    let stated = usize::from(header.payload_length());
    let payload = if stated == 0 { view } else { view.bounded(stated) };
    let chain = walk(header.next_header().0, payload);
    Ok(Datagram {
        addresses: AddressPair::V6 { source: header.source_addr(), destination: header.destination_addr() },
        protocol: Protocol(chain.protocol),
        fragment: chain.fragment,
        payload: chain.payload,
        whole: stated != 0 && stated <= view.length(),
    })
}

/// Where a chain of extension headers ends.
struct Chain<'a> {
    protocol: u8,
    fragment: Option<Fragment>,
    payload: Result<View<'a>, Missing>,
}

/// Walks the extension headers (IANA "IPv6 Extension Header Types"), except ESP, which hides what follows it.
///
/// "No next header" (59) is no header to walk: it is the protocol of what has none.
fn walk(first: u8, view: View<'_>) -> Chain<'_> {
    let mut chain = Chain { protocol: first, fragment: None, payload: Ok(view) };
    while let Ok(view) = &mut chain.payload {
        let step = match chain.protocol {
            // Hop-by-hop options, routing, destination options, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => extension(view, |length| (length + 1) * 8),
            // The authentication header counts in words of four bytes (RFC 4302 section 2.2).
            51 => extension(view, |length| (length + 2) * 4),
            44 => fragment(view).and_then(|(next, fragment)| match (chain.fragment, fragment) {
                (None, fragment) => {
                    chain.fragment = fragment;
                    Ok(next)
                }
                (Some(_), None) => Ok(next),
                // A fragment of a fragment: no sender makes it (RFC 8200 section 4.5).
                (Some(_), Some(_)) => Err(Missing::Malformed),
            }),
            _ => break,
        };
        match step {
            Ok(next) => chain.protocol = next,
            Err(missing) => chain.payload = Err(missing),
        }
        // What follows in a later fragment is the middle of something.
        if chain.fragment.is_some_and(|fragment| fragment.offset > 0) {
            break;
        }
    }
    chain
}

/// Steps over an extension header that states its length, and returns the number of the next.
fn extension(view: &mut View<'_>, length: impl Fn(usize) -> usize) -> Result<u8, Missing> {
    let [next, stated] = *view.peek()?;
    view.take(length(usize::from(stated)))?;
    Ok(next)
}

/// Steps over a fragment header. An atomic fragment (RFC 6946), the whole datagram in one, is none.
fn fragment(view: &mut View<'_>) -> Result<(u8, Option<Fragment>), Missing> {
    let header = view.take(Ipv6FragmentHeader::LEN)?;
    let header = Ipv6FragmentHeaderSlice::from_slice(header).map_err(|_| Missing::Malformed)?;
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        id: header.identification(),
        offset: u32::from(header.fragment_offset().value()) * 8,
        length: bytes(view.length()),
        more: header.more_fragments(),
    });
    Ok((header.next_header().0, fragment))
}

fn bytes(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
