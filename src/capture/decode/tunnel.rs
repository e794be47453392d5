//! What a tunnel carries: VXLAN, VXLAN-GPE, Geneve, GRE, NVGRE, ERSPAN, IP in IP.
//!
//! The outer headers say whether there is a tunnel: the destination port of UDP, or the protocol. Whatever bytes follow are
//! then read as that tunnel's, and what does not fit is told as `truncated`, `malformed` or `not-ip`, never left out.

use super::ether::{self, IPV4, IPV6, MPLS, ethernet};
use super::network::{Network, Read};
use super::view::{Missing, View, u16_of};
use crate::packet::{Domain, Protocol, Transport, Tunnel, TunnelKind};

// `EtherType`s of what tunnels alone carry (IANA "IEEE 802 Numbers").

/// Transparent Ethernet bridging: a whole frame.
const FRAME: u16 = 0x6558;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// Cisco's web cache redirection: IP, in its second version behind four bytes.
const WCCP: u16 = 0x883e;
/// No type: what is behind it is none of the above.
const OTHER: u16 = 0;

/// The destination ports of UDP that say VXLAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelPorts {
    vxlan: Vec<u16>,
}

impl TunnelPorts {
    /// RFC 7348's, and the one Linux used before there was one.
    const VXLAN: [u16; 2] = [4789, 8472];
    /// draft-ietf-nvo3-vxlan-gpe section 8.1.
    const VXLAN_GPE: u16 = 4790;
    /// RFC 8926 section 3.3.
    const GENEVE: u16 = 6081;

    /// The usual ports, and these for VXLAN, whatever they are else.
    pub fn new(more_vxlan: &[u16]) -> Self {
        Self { vxlan: Self::VXLAN.iter().chain(more_vxlan).copied().collect() }
    }

    fn kind(&self, port: u16) -> Option<TunnelKind> {
        match port {
            port if self.vxlan.contains(&port) => Some(TunnelKind::Vxlan),
            Self::VXLAN_GPE => Some(TunnelKind::VxlanGpe),
            Self::GENEVE => Some(TunnelKind::Geneve),
            _ => None,
        }
    }
}

impl Default for TunnelPorts {
    fn default() -> Self {
        Self::new(&[])
    }
}

/// The inside of a tunnel.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) tunnel: Tunnel,
    /// A VLAN that the tunnel's header names, because the tag was taken off the frame; 0 for none.
    vlan: u16,
    ether_type: u16,
    view: View<'a>,
    /// Bytes behind the header of the tunnel.
    pub(super) length: usize,
}

impl<'a> Inside<'a> {
    const fn new(kind: TunnelKind, id: Option<u32>, ether_type: u16, view: View<'a>) -> Self {
        Self { tunnel: Tunnel { kind, id }, vlan: 0, ether_type, view, length: view.length() }
    }

    /// The same of a frame that a mirror has cut.
    const fn cut(self) -> Self {
        Self { view: self.view.cut(), ..self }
    }

    /// What is behind the tunnel's header, found in this domain.
    pub(super) fn network(&self, domain: Domain) -> Result<Network<'a>, Missing> {
        let domain = domain.in_vlan(self.vlan);
        match self.ether_type {
            FRAME => ethernet(self.view, domain),
            // No types but lengths, which stand in frames only.
            0..=1500 => Ok(Network::Other),
            ether_type => ether::payload(ether_type, self.view, domain),
        }
    }
}

/// What a packet of a tunnel has inside.
pub(super) enum Opened<'a> {
    Inside(Inside<'a>),
    /// The tunnel's own header cannot be read.
    Unreadable(Missing),
}

/// The inside of a packet; `None` when it is none of a tunnel, or, as a later fragment, does not tell. Of a first fragment
/// there is `Some(None)`: the inside is in pieces.
#[allow(clippy::option_option)] // Two questions: is it one, and is it whole.
pub(super) fn open<'a>(read: &Read<'a>, ports: &TunnelPorts) -> Option<Option<Opened<'a>>> {
    type Opener = for<'a> fn(View<'a>) -> Result<Inside<'a>, Missing>;

    let Read { datagram, packet } = read;
    let opener: Opener = match (packet.protocol, packet.transport) {
        (_, Transport::LaterFragment | Transport::Truncated | Transport::Malformed) => return None,
        (Protocol::UDP, Transport::Ports { destination, .. }) => match ports.kind(destination)? {
            TunnelKind::Vxlan => |view| udp(view).and_then(vxlan),
            TunnelKind::VxlanGpe => |view| udp(view).and_then(vxlan_gpe),
            _ => |view| udp(view).and_then(geneve),
        },
        (Protocol::GRE, _) => gre,
        (Protocol::IP_IN_IP, _) => |view| Ok(Inside::new(TunnelKind::IpInIp, None, IPV4, view)),
        (Protocol::IPV6, _) => |view| Ok(Inside::new(TunnelKind::SixInFour, None, IPV6, view)),
        _ => return None,
    };
    if packet.fragment.is_some() {
        return Some(None);
    }
    Some(Some(match datagram.payload.and_then(opener) {
        Ok(inside) => Opened::Inside(inside),
        Err(missing) => Opened::Unreadable(missing),
    }))
}

/// Takes a UDP header off; what lies behind the length that it states is padding.
fn udp(mut view: View<'_>) -> Result<View<'_>, Missing> {
    let [_, _, _, _, l0, l1, _, _] = *view.take_array()?;
    match usize::from(u16_of(l0, l1)) {
        // As jumbograms and segmentation offload leave it.
        0 => Ok(view),
        length => Ok(view.bounded(length.saturating_sub(8))),
    }
}

const fn vni(v0: u8, v1: u8, v2: u8) -> u32 {
    u32::from_be_bytes([0, v0, v1, v2])
}

/// The flag of VXLAN and VXLAN-GPE that the VNI is valid; without it the packet is none (RFC 7348 section 5).
const HAS_VNI: u8 = 0x08;

fn vxlan(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    let [flags, _, _, _, v0, v1, v2, _] = *view.take_array()?;
    if flags & HAS_VNI == 0 {
        return Err(Missing::Malformed);
    }
    Ok(Inside::new(TunnelKind::Vxlan, Some(vni(v0, v1, v2)), FRAME, view))
}

/// draft-ietf-nvo3-vxlan-gpe section 3.1.
fn vxlan_gpe(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    const VERSION: u8 = 0x30;
    const HAS_NEXT: u8 = 0x04;
    const IS_MAINTENANCE: u8 = 0x01;

    let [flags, _, _, next, v0, v1, v2, _] = *view.take_array()?;
    if flags & HAS_VNI == 0 || flags & VERSION != 0 {
        return Err(Missing::Malformed);
    }
    let ether_type = match next {
        _ if flags & IS_MAINTENANCE != 0 => OTHER,
        _ if flags & HAS_NEXT == 0 => FRAME,
        4 => service_headers(&mut view)?,
        next => next_protocol(next),
    };
    Ok(Inside::new(TunnelKind::VxlanGpe, Some(vni(v0, v1, v2)), ether_type, view))
}

/// The numbers that VXLAN-GPE and the network service header (RFC 8300 section 2.2) have for what follows.
const fn next_protocol(number: u8) -> u16 {
    match number {
        1 => IPV4,
        2 => IPV6,
        3 => FRAME,
        5 => MPLS,
        _ => OTHER,
    }
}

/// Steps over network service headers (RFC 8300): length in words of four bytes, and what follows.
fn service_headers(view: &mut View<'_>) -> Result<u16, Missing> {
    loop {
        let [_, length, _, next] = *view.peek()?;
        let words = usize::from(length & 0x3f);
        if words < 2 {
            return Err(Missing::Malformed);
        }
        view.take(words * 4)?;
        if next != 4 {
            return Ok(next_protocol(next));
        }
    }
}

/// RFC 8926 section 3.4: version 0, options in words of four bytes.
fn geneve(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    const IS_CONTROL: u8 = 0x80;

    let [first, flags, p0, p1, v0, v1, v2, _] = *view.take_array()?;
    if first >> 6 != 0 {
        return Err(Missing::Malformed);
    }
    view.take(usize::from(first & 0x3f) * 4)?;
    // A control message is for the far end of the tunnel: nothing that it would forward.
    let ether_type = if flags & IS_CONTROL == 0 { u16_of(p0, p1) } else { OTHER };
    Ok(Inside::new(TunnelKind::Geneve, Some(vni(v0, v1, v2)), ether_type, view))
}

/// RFC 2784 and RFC 2890: checksum, key and sequence number, each where a flag says so.
fn gre(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    const HAS_CHECKSUM: u8 = 0x80;
    const HAS_ROUTING: u8 = 0x40;
    const HAS_KEY: u8 = 0x20;
    const HAS_SEQUENCE: u8 = 0x10;

    let [flags, version, p0, p1] = *view.take_array()?;
    match version & 7 {
        0 => {}
        // PPTP's form (RFC 2637), which carries PPP.
        1 => return Ok(Inside::new(TunnelKind::Gre, None, OTHER, view)),
        _ => return Err(Missing::Malformed),
    }
    // Source routes (RFC 1701) were abolished by RFC 2784; Linux drops them too.
    if flags & HAS_ROUTING != 0 {
        return Ok(Inside::new(TunnelKind::Gre, None, OTHER, view));
    }
    if flags & HAS_CHECKSUM != 0 {
        view.take(4)?;
    }
    let key = if flags & HAS_KEY == 0 { None } else { Some(u32::from_be_bytes(*view.take_array()?)) };
    if flags & HAS_SEQUENCE != 0 {
        view.take(4)?;
    }
    let kind = if key.is_some() { TunnelKind::GreKey } else { TunnelKind::Gre };
    match (u16_of(p0, p1), key) {
        (ERSPAN, _) if flags & HAS_SEQUENCE == 0 => Ok(Inside::new(TunnelKind::Erspan1, None, FRAME, view)),
        (ERSPAN, _) => erspan_ii(view),
        (ERSPAN_III, _) => erspan_iii(view),
        (FRAME, Some(key)) if flags & (HAS_CHECKSUM | HAS_SEQUENCE) == 0 && is_virtual_subnet(key >> 8) => {
            Ok(Inside::new(TunnelKind::Nvgre, Some(key >> 8), FRAME, view))
        }
        (WCCP, _) => {
            if view.peek::<1>()?[0] >> 4 != 4 {
                view.take(4)?;
            }
            Ok(Inside::new(kind, key, IPV4, view))
        }
        (ether_type, _) => Ok(Inside::new(kind, key, ether_type, view)),
    }
}

/// The virtual subnets of NVGRE (RFC 7637 section 3.2). The numbers that it keeps free tell a plain key of GRE, which are
/// small numbers, from a subnet and a flow.
const fn is_virtual_subnet(number: u32) -> bool {
    0x1000 <= number && number < 0x00ff_ffff
}

/// The first word of an ERSPAN header (draft-foschiano-erspan-03 section 4).
struct Mirrored {
    vlan: u16,
    /// Type II: how the frame was tagged.
    tagging: u8,
    was_cut: bool,
    session: u32,
}

fn mirrored([a, b, c, d]: [u8; 4], version: u8) -> Result<Mirrored, Missing> {
    if a >> 4 != version {
        return Err(Missing::Malformed);
    }
    Ok(Mirrored {
        vlan: u16_of(a & 0xf, b),
        tagging: c >> 3 & 3,
        was_cut: c & 4 != 0,
        session: u32::from(u16_of(c & 3, d)),
    })
}

fn erspan_ii(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    let [a, b, c, d, _, _, _, _] = *view.take_array()?;
    let mirrored = mirrored([a, b, c, d], 1)?;
    // 1 and 2: it had a tag (ISL, 802.1Q) that was taken off; 3: the tag is still there.
    let vlan = if matches!(mirrored.tagging, 1 | 2) { mirrored.vlan } else { 0 };
    let inside = Inside { vlan, ..Inside::new(TunnelKind::Erspan2, Some(mirrored.session), FRAME, view) };
    Ok(if mirrored.was_cut { inside.cut() } else { inside })
}

fn erspan_iii(mut view: View<'_>) -> Result<Inside<'_>, Missing> {
    let [a, b, c, d, _, _, _, _, _, _, kind, last] = *view.take_array()?;
    let mirrored = mirrored([a, b, c, d], 2)?;
    // The platform's own part.
    if last & 1 != 0 {
        view.take(8)?;
    }
    let ether_type = match (kind >> 2 & 0x1f, view.peek::<1>()) {
        (0, _) => FRAME,
        (2, Ok([first])) if first >> 4 == 6 => IPV6,
        (2, _) => IPV4,
        _ => OTHER,
    };
    let inside = Inside::new(TunnelKind::Erspan3, Some(mirrored.session), ether_type, view);
    Ok(if mirrored.was_cut { inside.cut() } else { inside })
}
