//! Which shard a packet's state lives in.
//!
//! By the two hosts and the domain, whichever of them sends: both directions of a connection, all connections of two
//! hosts, all fragments of a datagram, and the ICMP errors about them (by the packet that they quote) meet in one of 64 parts.
//! A shard holds one part or several, as many as the threads call for: what is judged beside each other shares no cache, and
//! what is judged one after the other should. Whatever may be seen in the output is counted by part, and the function is our
//! own, so that nothing depends on the threads or on a crate.

use crate::packet::{AddressPair, Compact, Domain, Icmp, IcmpRole, IpPacket, Quoted, Transport};

/// Into how many parts the state of a layer can be split.
pub(super) const PARTS: usize = 1 << BITS;
/// Bits of their numbers.
pub(super) const BITS: u32 = 6;
/// Bits of the number of shards that each thread is given, so that those that have less to do can help the others.
const BITS_PER_THREAD: u32 = 2;

/// Into how many shards the state of a layer is split. Packets as captured are one layer, what these carry the next: domains
/// never are the same in two layers, so each can be judged when the one around it is done.
///
/// Beside the shards that hold connections each layer has one of messages. It is that of ICMP messages that neither ask nor answer
/// and belong to no known connection. They have no state, only a record; errors about any pair of hosts can end up in one record, so
/// it cannot be split.
///
/// The default is one shard, for one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Split {
    /// Of the number of a shard.
    bits: u32,
}

impl Split {
    /// As it suits so many threads.
    #[must_use]
    pub const fn for_threads(threads: usize) -> Self {
        if threads < 2 {
            return Self { bits: 0 };
        }
        let bits = usize::BITS - (threads - 1).leading_zeros() + BITS_PER_THREAD;
        Self { bits: if bits < BITS { bits } else { BITS } }
    }

    /// How many shards hold connections.
    pub(super) const fn shards(self) -> usize {
        1 << self.bits
    }

    /// The shard of messages.
    pub(super) const fn messages(self) -> usize {
        self.shards()
    }

    /// How many shards a layer has.
    pub(super) const fn layer(self) -> usize {
        self.shards() + 1
    }

    /// The shard that a part is in.
    #[inline]
    const fn of(self, part: usize) -> usize {
        part >> (BITS - self.bits)
    }

    /// The shard of a packet in compact form: the same as of the packet itself.
    #[inline]
    pub(super) fn of_compact(self, packet: &Compact) -> usize {
        let [source, destination] = packet.addresses;
        self.of(part(source.into(), destination.into(), packet.domain.into()))
    }

    /// The shard of a packet.
    pub(super) fn of_packet(self, ip: &IpPacket) -> usize {
        match (ip.transport, ip.fragment) {
            (Transport::Icmp(icmp), None) => match icmp.role(ip.addresses.family()) {
                IcmpRole::Error => self.quoted(ip.domain, &icmp).unwrap_or(self.messages()),
                IcmpRole::Other => self.messages(),
                _ => self.of(part_of(ip.addresses, ip.domain)),
            },
            _ => self.of(part_of(ip.addresses, ip.domain)),
        }
    }

    /// The shard of the connection that an ICMP error quotes.
    pub(super) fn quoted(self, domain: Domain, icmp: &Icmp) -> Option<usize> {
        match icmp.quoted {
            Quoted::Packet { addresses, .. } => Some(self.of(part_of(addresses, domain))),
            Quoted::None | Quoted::Truncated => None,
        }
    }
}

/// The number of the layer of packets that were found in these tunnels.
pub(super) fn layer(within: Domain) -> usize {
    within.tunnels().count()
}

const fn part(a: u64, b: u64, domain: u64) -> usize {
    let mixed = (a ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ a.wrapping_add(b).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ domain.wrapping_mul(0x1656_67b1_9e37_79f9);
    // The upper bits are the best mixed.
    (mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - BITS)) as usize
}

/// The part of a pair of hosts.
pub(super) fn part_of(addresses: AddressPair, domain: Domain) -> usize {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    let fold = |address: std::net::Ipv6Addr| {
        let bits = address.to_bits();
        half(bits >> 64) ^ half(bits).rotate_left(17)
    };
    let domain = half(domain.0) ^ half(domain.0 >> 64).rotate_left(17);
    match addresses {
        AddressPair::V4 { source, destination } => {
            part(source.to_bits().into(), destination.to_bits().into(), domain)
        }
        AddressPair::V6 { source, destination } => part(fold(source), fold(destination), domain),
    }
}

/// The part of a pair of IPv4 hosts in no domain.
pub(super) fn part_of_hosts(low: u32, high: u32) -> usize {
    part(low.into(), high.into(), 0)
}

/// Whether this is an ICMP error that quotes a packet.
pub(super) fn is_quoting_error(ip: &IpPacket) -> bool {
    match ip.transport {
        Transport::Icmp(icmp) => {
            icmp.role(ip.addresses.family()) == IcmpRole::Error
                && matches!(icmp.quoted, Quoted::Packet { .. })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Content, Flow, Timestamp};

    #[test]
    fn both_directions_and_both_forms_meet() {
        let mut used = [0; PARTS];
        for i in 0..4096_u32 {
            let text = format!("udp 10.0.{}.{}:5 > 192.168.0.{}:53", i / 256, i % 256, i % 7);
            let packet = text.parse::<Flow>().unwrap().packet(Timestamp(0));
            let Content::Ip(ip) = packet.content else { unreachable!() };
            let part = part_of(ip.addresses, ip.domain);
            assert_eq!(part, part_of(ip.addresses.reversed(), ip.domain));
            for threads in [1, 2, 3, 8, 1000] {
                let split = Split::for_threads(threads);
                let shard = split.of_packet(&ip);
                assert_eq!(shard, part * split.shards() / PARTS);
                assert_eq!(shard, split.of_compact(&Compact::of(&packet).unwrap()));
            }
            used[part] += 1;
        }
        assert!(used.iter().all(|&count| (16..256).contains(&count)), "{used:?}");
    }

    #[test]
    fn threads_have_shards_enough() {
        let shards =
            [0, 1, 2, 3, 4, 5, 16, 17, usize::MAX].map(|threads| Split::for_threads(threads).shards());
        assert_eq!(shards, [1, 1, 8, 16, 16, 32, 64, 64, 64]);
    }
}
