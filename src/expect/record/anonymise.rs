//! Addresses replaced so that nobody is recognised and every rule says the same.
//!
//! Prefix-preserving in the way of Crypto-PAn (Xu, Fan, Ammar, Moon 2002): each bit of an address is flipped or not by a
//! keyed function of the bits before it, so that two addresses share just as long a prefix after as before, and no two
//! become one. The function is ipcrypt-pfx (draft-denis-ipcrypt; AES). Unlike there, the bits that say in
//! which network of the scenario an address lies are kept: they are in the scenario anyway, and rules that name
//! networks would not fit any more. What the scenario names address by address stays as it is.

use std::net::IpAddr;

use ipcrypt_rs::IpcryptPfx;

use crate::packet::{AddressRange, Family};
use crate::policy::Scenario;
use crate::space::{address_at as from_bits, number_of as bits_of};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Replaces addresses, the same by the same.
pub struct Anonymiser {
    cipher: IpcryptPfx,
    /// Where another network of the scenario begins; by family, ascending.
    edges: [Vec<u128>; 2],
}

impl Anonymiser {
    /// Keeps apart what this scenario keeps apart; without a key a random one is used.
    pub fn new(scenario: &Scenario, key: Option<[u8; KEY_BYTES]>) -> Self {
        let policy = &scenario.policy;
        let named = policy
            .rules
            .iter()
            .map(|rule| &rule.remote)
            .chain(scenario.sets.iter().map(|set| &set.addresses));
        let ranges = named.flat_map(|set| set.ranges().iter().copied());
        let owned = policy.owners.ranges().map(|(range, _)| range);
        let mut edges = [vec![0], vec![0]];
        for range in ranges.chain(owned) {
            let line = &mut edges[usize::from(range.family() == Family::V6)];
            line.push(bits_of(range.first()));
            line.extend(bits_of(range.last()).checked_add(1));
        }
        for line in &mut edges {
            line.sort_unstable();
            line.dedup();
        }
        let key = key.unwrap_or_else(IpcryptPfx::generate_key);
        Self { cipher: IpcryptPfx::new(key), edges }
    }

    /// The address that stands for this one.
    pub fn replace(&self, address: IpAddr) -> IpAddr {
        let family = Family::of(address);
        let kept = self.kept(address);
        let (old, new) = (bits_of(address), bits_of(self.cipher.encrypt_ipaddr(address)));
        from_bits(family, (old & !kept) | (new & kept))
    }

    /// The bits that may change: those below the largest block around the address that lies in one network.
    fn kept(&self, address: IpAddr) -> u128 {
        let bits = bits_of(address);
        let (line, width) = match address {
            IpAddr::V4(_) => (&self.edges[0], 32),
            IpAddr::V6(_) => (&self.edges[1], 128),
        };
        let after = line.partition_point(|&edge| edge <= bits);
        let first = line[after - 1];
        let last = line.get(after).map_or(last_of(Family::of(address)), |&next| next - 1);
        let block = |host: u32| if host == 128 { u128::MAX } else { (1 << host) - 1 };
        let fits = |host: &u32| bits & !block(*host) >= first && bits | block(*host) <= last;
        (0..=width).rev().find(fits).map_or(0, block)
    }
}

/// The number of a family's last address.
fn last_of(family: Family) -> u128 {
    match family {
        Family::V4 => bits_of(AddressRange::ANY_V4.last()),
        Family::V6 => bits_of(AddressRange::ANY_V6.last()),
    }
}

impl std::fmt::Debug for Anonymiser {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Anonymiser").field("edges", &self.edges).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::Compiled;
    use crate::packet::{AddressPair, Flow, Protocol, Service};
    use crate::replay::FirstPackets;
    use proptest::prelude::*;

    fn scenario() -> Scenario {
        let text = "
addresses: { office: 203.0.112.0/23 }
groups: { web: { ingress: [allow tcp 22 from office, allow tcp 80 from 10.0.0.0-10.0.0.5, 'allow tcp 81 from fd00::/16', deny tcp 443 from 0.0.0.0/1, allow tcp 443 from any] } }
interfaces: { web-1: { addresses: [192.0.2.1, 'fd00::1'], behind: 192.0.2.128/25, groups: [web] } }
";
        let loaded = Scenario::parse("s", text);
        loaded.scenario.clone().unwrap_or_else(|| panic!("{}", loaded.render(crate::diag::Style::Plain)))
    }

    fn common(a: IpAddr, b: IpAddr) -> u32 {
        (bits_of(a) ^ bits_of(b)).leading_zeros()
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
            (0xcb00_7000_u32..0xcb00_7300).prop_map(|bits| IpAddr::V4(bits.into())),
            (0x0a00_0000_u32..0x0a00_0010).prop_map(|bits| IpAddr::V4(bits.into())),
            (0xc000_0200_u32..0xc000_0300).prop_map(|bits| IpAddr::V4(bits.into())),
            any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
            (0xfd00_u128 << 112..(0xfd00_u128 << 112) + 64).prop_map(|bits| IpAddr::V6(bits.into())),
        ]
    }

    proptest! {
        #[test]
        fn prefixes_stay_as_long_and_rules_say_the_same(a in address(), b in address(), key in any::<[u8; 32]>(), port in prop_oneof![Just(22u16), Just(80), Just(81), Just(443)]) {
            let scenario = scenario();
            let anonymiser = Anonymiser::new(&scenario, Some(key));
            let (x, y) = (anonymiser.replace(a), anonymiser.replace(b));
            prop_assert_eq!(x.is_ipv4(), a.is_ipv4());
            if a.is_ipv4() == b.is_ipv4() {
                prop_assert_eq!(common(x, y), common(a, b));
            }
            let matcher = Compiled::new(&scenario.policy);
            let judge = FirstPackets::new(&scenario.policy, &matcher);
            let server = if a.is_ipv4() { "192.0.2.1" } else { "fd00::1" }.parse().unwrap();
            let steps = |from| {
                let flow = Flow::new(AddressPair::new(from, server).unwrap(), Service::Port(Protocol::TCP, port)).unwrap();
                judge.judge(&flow.ip(), &mut ()).steps
            };
            prop_assert_eq!(steps(x), steps(a));
        }
    }

    #[test]
    fn what_is_named_alone_stays_and_the_rest_does_not() {
        let anonymiser = Anonymiser::new(&scenario(), Some([7; 32]));
        for kept in ["192.0.2.1", "fd00::1"] {
            assert_eq!(anonymiser.replace(kept.parse().unwrap()).to_string(), kept);
        }
        let changed = (0..=255_u8).filter(|&last| {
            let address = IpAddr::from([198, 51, 100, last]);
            anonymiser.replace(address) != address
        });
        assert!(changed.count() > 250);
    }
}
