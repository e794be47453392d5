//! Two rules in one cache line, in the form that is compared whole.

use crate::compile::five_tuple::{FiveTuple, FiveTupleRule};

/// Set in the second mask's last word when the next line belongs to the same leaf. No header and no value has this
/// bit, so that comparing it changes nothing.
const MORE: u32 = 1 << 31;

/// What [`Line::rule`] says where no place matches; higher than every index.
pub(super) const NOTHING: u32 = (1 << 23) - 1;

/// Two rules, better one first.
///
/// A header's words 0, 1 and 3 match when `(word ^ value) & mask` is zero; word 2, taken as two 16-bit halves, when
/// `half - value <= mask` (wrapping), which is "the port lies in the range". Bits 8 to 30 of the last value are not
/// compared: they hold the complement of the rule's index.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::compile) struct Line([[u32; 4]; 4]);

/// Which word of a line names the rule that matches: the last value of the first or second place, or the last mask of
/// the first, whose upper bits are zero as no complement of an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compile) struct Found(u32);

impl Found {
    const FIRST: Self = Self(3);
    const SECOND: Self = Self(7);
    const NEITHER: Self = Self(11);

    /// By bits: 0 and 1 when the halves of the first place match, 2 and 3 for the second.
    #[inline(always)]
    pub(in crate::compile) const fn of_halves(halves: u32) -> Self {
        const BY_HALVES: u64 = {
            let (mut packed, mut halves) = (0, 0);
            while halves < 16 {
                let found = match (halves & 3, halves >> 2) {
                    (3, _) => Found::FIRST,
                    (_, 3) => Found::SECOND,
                    _ => Found::NEITHER,
                };
                packed |= (found.0 as u64) << (4 * halves);
                halves += 1;
            }
            packed
        };
        Self((BY_HALVES >> ((4 * halves) & 63)) as u32 & 15)
    }
}

impl Line {
    /// The line of one or two rules with their indexes; `more` when another line of the leaf follows.
    pub(super) fn new(rules: &[(u32, &FiveTupleRule)], more: bool) -> Self {
        // A place without a rule may match; the zero where an index would be says nothing all the same.
        let place = |at: usize| rules.get(at).map_or([[0; 4]; 2], |(index, rule)| encode(*index, rule));
        let [first, mut second] = [place(0), place(1)];
        if more {
            second[1][3] |= MORE;
        }
        Self([first[0], second[0], first[1], second[1]])
    }

    /// Whether another line of the leaf follows.
    #[inline(always)]
    pub(super) const fn more(&self) -> bool {
        self.0[3][3] & MORE != 0
    }

    /// The index of the rule that was found, or [`NOTHING`].
    #[inline(always)]
    pub(super) fn rule(&self, found: Found) -> u32 {
        self.0.as_flattened()[(found.0 & 15) as usize] >> 8 ^ NOTHING
    }

    /// The better of the places that match a header, without SIMD.
    #[inline(always)]
    pub(in crate::compile) fn find(&self, header: &FiveTuple) -> Found {
        let place = |at: usize| {
            let (value, mask, words) = (&self.0[at], &self.0[at + 2], &header.0);
            let low = (words[2] as u16).wrapping_sub(value[2] as u16) <= mask[2] as u16;
            let high =
                ((words[2] >> 16) as u16).wrapping_sub((value[2] >> 16) as u16) <= (mask[2] >> 16) as u16;
            let rest = (words[0] ^ value[0]) & mask[0]
                | (words[1] ^ value[1]) & mask[1]
                | (words[3] ^ value[3]) & mask[3];
            u32::from(rest == 0) & u32::from(low) & u32::from(high)
        };
        Found::of_halves((place(0) * 0b0011) | (place(1) * 0b1100))
    }
}

fn encode(index: u32, rule: &FiveTupleRule) -> [[u32; 4]; 2] {
    let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let (sport, dport) = (rule.source_ports, rule.destination_ports);
    let protocol = rule.protocol.map_or((0, 0), |protocol| (u32::from(protocol.0), 0xff));
    [
        [
            rule.source.first(),
            rule.destination.first(),
            pair(sport.first(), dport.first()),
            protocol.0 | (index ^ NOTHING) << 8,
        ],
        [
            rule.source.mask(),
            rule.destination.mask(),
            pair(sport.last() - sport.first(), dport.last() - dport.first()),
            protocol.1,
        ],
    ]
}
