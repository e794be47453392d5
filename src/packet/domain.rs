//! The VLANs and tunnels that a packet was found in.

use std::fmt;

/// The VLAN tags and tunnels that a packet was found in; part of the key of what is inside.
///
/// Zero is "none". The decoder folds VLAN identifiers and tunnels into it, outermost first, so that the same five-tuple in
/// two VLANs, in two tunnels and outside of both makes different connections.
///
/// It is a stack of at most eight slots of 16 bits, the innermost lowest. The upper two bits of a slot tell what it is: 10 a
/// VLAN, with 12 bits of identifier; 01 the begin of a tunnel, with four bits of kind and the upper bits of its identifier;
/// 11 fourteen more bits of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Domain(pub u128);

const SLOT: u32 = 16;
const SLOTS: u32 = u128::BITS / SLOT;
const VLAN: u16 = 0x8000;
const TUNNEL: u16 = 0x4000;
const MORE: u16 = 0xc000;
/// Bits of a tunnel's identifier in its first slot, and in each that follows.
const FIRST_BITS: u32 = 10;
const MORE_BITS: u32 = 14;

/// What a packet was wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    /// The encapsulation.
    pub kind: TunnelKind,
    /// What tells tunnels of this kind apart: a VNI, VSID (24 bits), GRE key (32) or ERSPAN session (10); `None` where the
    /// packet carries none.
    pub id: Option<u32>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $bits:expr;)*) => {
        /// An encapsulation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum TunnelKind {
            $($(#[doc = $doc])+ $name,)*
        }

        impl TunnelKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code: `vxlan`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// How many bits an identifier has.
            const fn bits(self) -> u32 {
                match self { $(Self::$name => $bits,)* }
            }
        }
    };
}

kinds! {
    /// VXLAN (RFC 7348); the identifier is the VNI.
    Vxlan = "vxlan", 24;
    /// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe); the identifier is the VNI.
    VxlanGpe = "vxlan-gpe", 24;
    /// Geneve (RFC 8926); the identifier is the VNI.
    Geneve = "geneve", 24;
    /// GRE (RFC 2784) without a key.
    Gre = "gre", 0;
    /// GRE with a key (RFC 2890).
    GreKey = "gre-key", 32;
    /// NVGRE (RFC 7637); the identifier is the virtual subnet, the flow is no part of it.
    Nvgre = "nvgre", 24;
    /// IPv4 in IP (RFC 2003).
    IpInIp = "ip-in-ip", 0;
    /// IPv6 in IP (RFC 4213 section 3.5, RFC 2473).
    SixInFour = "6in4", 0;
    /// ERSPAN type I, which has no header of its own.
    Erspan1 = "erspan-1", 0;
    /// ERSPAN type II; the identifier is the session.
    Erspan2 = "erspan-2", 10;
    /// ERSPAN type III; the identifier is the session.
    Erspan3 = "erspan-3", 10;
    /// A tunnel whose own header was cut or contradicts itself: what it carries cannot be told.
    Unreadable = "unreadable", 0;
}

impl TunnelKind {
    /// How many slots of a domain a tunnel of this kind takes behind its first.
    const fn more_slots(self) -> u32 {
        self.bits().saturating_sub(FIRST_BITS).div_ceil(MORE_BITS)
    }
}

impl fmt::Display for Tunnel {
    /// `vxlan 4096`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.code())?;
        self.id.map_or(Ok(()), |id| write!(f, " {id}"))
    }
}

/// A part of a [`Domain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Vlan(u16),
    Tunnel(Tunnel),
}

impl Domain {
    /// The domain of untagged, untunnelled traffic.
    pub const NONE: Self = Self(0);

    const fn has_room(self, slots: u32) -> bool {
        self.0.leading_zeros() >= slots * SLOT
    }

    const fn push(self, slot: u16) -> Self {
        Self(self.0 << SLOT | slot as u128)
    }

    /// The domain inside an 802.1Q tag with this VLAN identifier (0 to 4095) found in `self`.
    ///
    /// A priority tag (VLAN 0) is no VLAN and changes nothing. Eight tags fit; of deeper stacks the outermost count, so that
    /// no tunnel is ever pushed out.
    #[must_use]
    pub const fn in_vlan(self, vlan: u16) -> Self {
        if vlan == 0 || !self.has_room(1) { self } else { self.push(VLAN | vlan & 0xfff) }
    }

    /// The domain inside a tunnel found in `self`; `None` when there is no room for it.
    ///
    /// Four tunnels with a VNI fit, or fewer with VLANs between them.
    #[must_use]
    pub fn in_tunnel(self, tunnel: Tunnel) -> Option<Self> {
        let more = tunnel.kind.more_slots();
        if !self.has_room(1 + more) {
            return None;
        }
        let id = u64::from(tunnel.id.unwrap_or(0));
        let bits = |shift: u32, width: u32| u16::try_from(id >> shift & ((1 << width) - 1)).unwrap_or(0);
        let kind = u16::try_from(tunnel.kind as usize).unwrap_or(0) << FIRST_BITS;
        let first = self.push(TUNNEL | kind | bits(more * MORE_BITS, FIRST_BITS));
        let rest = (0..more).rev().map(|at| MORE | bits(at * MORE_BITS, MORE_BITS));
        Some(rest.fold(first, Self::push))
    }

    /// The parts, outermost first.
    fn parts(self) -> impl Iterator<Item = Part> {
        let slot = move |at: u32| u16::try_from(self.0 >> (at * SLOT) & 0xffff).unwrap_or(0);
        (0..SLOTS).rev().filter_map(move |at| match slot(at) & MORE {
            VLAN => Some(Part::Vlan(slot(at) & 0xfff)),
            TUNNEL => {
                let first = slot(at) & !TUNNEL;
                let &kind = TunnelKind::ALL.get(usize::from(first >> FIRST_BITS))?;
                let more = kind.more_slots().min(at);
                let first = u64::from(first & ((1 << FIRST_BITS) - 1));
                let id = (1..=more)
                    .fold(first, |id, behind| id << MORE_BITS | u64::from(slot(at - behind) & !MORE));
                let id = (kind.bits() > 0).then(|| u32::try_from(id).unwrap_or(u32::MAX));
                Some(Part::Tunnel(Tunnel { kind, id }))
            }
            _ => None,
        })
    }

    /// The VLAN identifiers, outermost first.
    pub fn vlans(self) -> impl Iterator<Item = u16> {
        self.parts().filter_map(|part| match part {
            Part::Vlan(vlan) => Some(vlan),
            Part::Tunnel(_) => None,
        })
    }

    /// The tunnels, outermost first.
    pub fn tunnels(self) -> impl Iterator<Item = Tunnel> {
        self.parts().filter_map(|part| match part {
            Part::Tunnel(tunnel) => Some(tunnel),
            Part::Vlan(_) => None,
        })
    }

    /// Whether there is a tunnel in it.
    pub fn is_in_tunnel(self) -> bool {
        self.tunnels().next().is_some()
    }
}

impl fmt::Display for Domain {
    /// `vlan 5, vxlan 4096, vlan 7`, outermost first; nothing for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match part {
                Part::Vlan(vlan) => write!(f, "{comma}vlan {vlan}")?,
                Part::Tunnel(tunnel) => write!(f, "{comma}{tunnel}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlan_stacks_keep_their_order() {
        let domain = Domain::NONE.in_vlan(100).in_vlan(0).in_vlan(5);
        assert_eq!(domain.vlans().collect::<Vec<_>>(), [100, 5]);
        assert_ne!(domain, Domain::NONE.in_vlan(5).in_vlan(100));
        assert_eq!(Domain::NONE.vlans().count(), 0);
        let deep = (1..=9).fold(Domain::NONE, Domain::in_vlan);
        assert_eq!(deep.vlans().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_folded_in_comes_back() {
        for &kind in TunnelKind::ALL {
            let ids = match kind.bits() {
                0 => vec![None],
                bits => [0, 1, 0x0155_5555, u32::MAX].map(|id| Some(id & (u32::MAX >> (32 - bits)))).to_vec(),
            };
            for id in ids {
                let tunnel = Tunnel { kind, id };
                let domain = Domain::NONE.in_vlan(4095).in_tunnel(tunnel).unwrap().in_vlan(7);
                assert_eq!(domain.tunnels().collect::<Vec<_>>(), [tunnel]);
                assert_eq!(domain.vlans().collect::<Vec<_>>(), [4095, 7], "{tunnel}");
                assert_eq!(domain.to_string(), format!("vlan 4095, {tunnel}, vlan 7"));
            }
        }
    }

    #[test]
    fn domains_differ_by_kind_identifier_and_order() {
        let vxlan = |id| Tunnel { kind: TunnelKind::Vxlan, id: Some(id) };
        let geneve = Tunnel { kind: TunnelKind::Geneve, id: Some(5) };
        let inside = |tunnels: &[Tunnel]| {
            tunnels.iter().try_fold(Domain::NONE, |domain, &tunnel| domain.in_tunnel(tunnel))
        };
        let all = [
            inside(&[]),
            inside(&[vxlan(5)]),
            inside(&[vxlan(6)]),
            inside(&[geneve]),
            inside(&[vxlan(5), geneve]),
            inside(&[geneve, vxlan(5)]),
            inside(&[vxlan(5), vxlan(5)]),
        ];
        assert!(all.iter().all(Option::is_some));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert!(inside(&[vxlan(1); 4]).is_some());
        assert_eq!(inside(&[vxlan(1); 5]), None, "no room: never forgotten in silence");
    }
}
