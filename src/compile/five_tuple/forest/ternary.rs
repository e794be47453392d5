//! Rules and regions of header space as values and masks of bits, for splitting lists of rules.

use crate::compile::five_tuple::FiveTupleRule;
use crate::packet::PortRange;

/// Bits of a header: addresses in the first word, ports and protocol in the second, as [`super::key`] packs them.
pub(super) type Bits = [u64; 2];

/// Bits whose value is known, and their value (zero elsewhere).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ternary {
    pub(super) care: Bits,
    pub(super) value: Bits,
}

impl Ternary {
    /// The smallest such set that holds all headers of the rule; exact but for ranges that are no prefix.
    pub(super) fn of(rule: &FiveTupleRule) -> Self {
        let [sport, dport] = [rule.source_ports, rule.destination_ports].map(common);
        let (protocol, asked) = rule.protocol.map_or((0, 0), |p| (u64::from(p.0), 0xff));
        Self {
            care: [
                u64::from(rule.source.mask()) | u64::from(rule.destination.mask()) << 32,
                sport.0 | dport.0 << 16 | asked << 32,
            ],
            value: [
                u64::from(rule.source.first()) | u64::from(rule.destination.first()) << 32,
                sport.1 | dport.1 << 16 | protocol << 32,
            ],
        }
    }

    /// Whether every bit known here has the same value there.
    pub(super) fn holds(&self, inner: &Self) -> bool {
        (0..2).all(|w| {
            self.care[w] & !inner.care[w] == 0 && (self.value[w] ^ inner.value[w]) & self.care[w] == 0
        })
    }

    /// This with some more bits known.
    pub(super) fn with(mut self, care: Bits, value: Bits) -> Self {
        for w in 0..2 {
            self.care[w] |= care[w];
            self.value[w] |= value[w];
        }
        self
    }

    /// The lowest and highest source and destination port of the region.
    fn ports(&self, shift: u32) -> (u16, u16) {
        let care = (self.care[1] >> shift) as u16;
        let value = (self.value[1] >> shift) as u16;
        (value, value | !care)
    }

    /// Whether a region known to this extent has a header with a port in the range (`shift` 0: source, 16:
    /// destination).
    pub(super) fn meets(&self, range: PortRange, shift: u32) -> bool {
        let care = (self.care[1] >> shift) as u16;
        let value = (self.value[1] >> shift) as u16;
        // The smallest port of the pattern that is at least the range's first.
        let first = range.first();
        let clash = (first ^ value) & care;
        let least = if clash == 0 {
            first
        } else {
            let at = clash.ilog2();
            let below = (1u16 << at) - 1;
            let bit = 1u16 << at;
            if first & bit == 0 {
                // The pattern has a one where `first` has a zero: keep what is above, take it, zero below.
                first & !(below | bit) | value & (below | bit)
            } else {
                // The pattern has a zero there: a free zero of `first` further up must become a one.
                let free = !care & !first & !(below | bit);
                if free == 0 {
                    return false;
                }
                let up = 1u16 << free.trailing_zeros();
                let below = up - 1;
                first & !(below | up) | up | value & below
            }
        };
        least <= range.last()
    }

    /// Whether all headers of the region match the rule.
    pub(super) fn inside(&self, rule: &FiveTupleRule, exact: &Self) -> bool {
        let addresses_and_protocol = Self {
            care: [exact.care[0], exact.care[1] & (0xff << 32)],
            value: [exact.value[0], exact.value[1] & (0xff << 32)],
        };
        let within = |range: PortRange, shift| {
            let (low, high) = self.ports(shift);
            range.first() <= low && high <= range.last()
        };
        addresses_and_protocol.holds(self)
            && within(rule.source_ports, 0)
            && within(rule.destination_ports, 16)
    }
}

/// Mask and value of the leading bits that all ports of a range share.
fn common(range: PortRange) -> (u64, u64) {
    let differing = u16::BITS - (range.first() ^ range.last()).leading_zeros();
    let mask = 0xffff_u64 << differing & 0xffff;
    (mask, u64::from(range.first()) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_meets_a_range_when_one_of_its_ports_is_inside() {
        // Deterministic walk over patterns and ranges of eight low bits; the upper byte is known and zero.
        let mut state = 1u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..2000 {
            let care = 0xff00 | next(256) as u16;
            let value = next(256) as u16 & care;
            let (a, b) = (next(256) as u16, next(256) as u16);
            let range = PortRange::new(a.min(b), a.max(b)).unwrap();
            let region = Ternary { care: [0, u64::from(care) << 16], value: [0, u64::from(value) << 16] };
            let truth = (0..256).any(|port| port & care == value && range.contains(port));
            assert_eq!(region.meets(range, 16), truth, "{care:x} {value:x} {range}");
        }
    }
}
