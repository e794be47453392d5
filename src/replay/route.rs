//! Which shard a packet's state lives in.
//!
//! By the two hosts and the domain, whichever of them sends: both directions of a connection, all connections of two
//! hosts, all fragments of a datagram, and the ICMP errors about them (by the packet that they quote) meet in one shard.
//! The number of shards is fixed and the function is our own, so that nothing depends on the threads or on a crate.

use crate::packet::{AddressPair, Compact, Domain, Icmp, IcmpRole, IpPacket, Quoted, Transport};

/// How many shards hold connections.
pub(super) const SHARDS: usize = 64;
/// The shard of ICMP messages that neither ask nor answer and belong to no known connection. They have no state, only
/// a record; errors about any pair of hosts can end up in one record, so it cannot be split.
pub(super) const MESSAGES: usize = SHARDS;
/// How many shards a layer has: packets as captured are one layer, what these carry the next. Domains never are the same in
/// two layers, so each can be judged when the one around it is done.
pub(super) const LAYER: usize = SHARDS + 1;

/// The layer of packets that were found in these tunnels.
pub(super) fn layer(within: Domain) -> usize {
    within.tunnels().count()
}

const fn shard(a: u64, b: u64, domain: u64) -> usize {
    let mixed = (a ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ a.wrapping_add(b).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ domain.wrapping_mul(0x1656_67b1_9e37_79f9);
    // The upper bits are the best mixed; six of them are a number below 64.
    (mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 58) as usize
}

/// The shard of a pair of hosts.
pub(super) fn of_pair(addresses: AddressPair, domain: Domain) -> usize {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    let fold = |address: std::net::Ipv6Addr| {
        let bits = address.to_bits();
        half(bits >> 64) ^ half(bits).rotate_left(17)
    };
    let domain = half(domain.0) ^ half(domain.0 >> 64).rotate_left(17);
    match addresses {
        AddressPair::V4 { source, destination } => {
            shard(source.to_bits().into(), destination.to_bits().into(), domain)
        }
        AddressPair::V6 { source, destination } => shard(fold(source), fold(destination), domain),
    }
}

/// The shard of a packet in compact form: the same as of the packet itself.
#[inline]
pub(super) fn of_compact(packet: &Compact) -> usize {
    let [source, destination] = packet.addresses;
    shard(source.into(), destination.into(), packet.domain.into())
}

/// The shard of a packet.
pub(super) fn of_packet(ip: &IpPacket) -> usize {
    match (ip.transport, ip.fragment) {
        (Transport::Icmp(icmp), None) => match icmp.role(ip.addresses.family()) {
            IcmpRole::Error => quoted(ip.domain, &icmp).unwrap_or(MESSAGES),
            IcmpRole::Other => MESSAGES,
            _ => of_pair(ip.addresses, ip.domain),
        },
        _ => of_pair(ip.addresses, ip.domain),
    }
}

/// The shard of the connection that an ICMP error quotes.
pub(super) fn quoted(domain: Domain, icmp: &Icmp) -> Option<usize> {
    match icmp.quoted {
        Quoted::Packet { addresses, .. } => Some(of_pair(addresses, domain)),
        Quoted::None | Quoted::Truncated => None,
    }
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
        let mut used = [0; SHARDS];
        for i in 0..4096_u32 {
            let text = format!("udp 10.0.{}.{}:5 > 192.168.0.{}:53", i / 256, i % 256, i % 7);
            let packet = text.parse::<Flow>().unwrap().packet(Timestamp(0));
            let Content::Ip(ip) = packet.content else { unreachable!() };
            let shard = of_packet(&ip);
            assert_eq!(shard, of_pair(ip.addresses.reversed(), ip.domain));
            assert_eq!(shard, of_compact(&Compact::of(&packet).unwrap()));
            used[shard] += 1;
        }
        assert!(used.iter().all(|&count| (16..256).contains(&count)), "{used:?}");
    }
}
