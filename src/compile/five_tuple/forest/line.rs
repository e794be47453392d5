//! Two rules in one cache line, in the form that is compared whole.

use crate::compile::five_tuple::{FiveTuple, FiveTupleRule, NO_MATCH};

/// Set in the second mask's last word when the next line belongs to the same leaf. No header and no value has this
/// bit, so that comparing it changes nothing.
const MORE: u32 = 1 << 31;
/// Rule index of a place that holds no rule.
const NO_RULE: u32 = (1 << 23) - 1;
/// A bit of the last word that is zero in every header, so that asking for it never matches.
const IMPOSSIBLE: u32 = 1 << 8;

/// In the result of a comparison: the first place matches.
const FIRST: u32 = 1;
/// In the result of a comparison: the second place matches.
const SECOND: u32 = 1 << 2;

/// Two rules, better one first.
///
/// A header's words 0, 1 and 3 match when `(word ^ value) & mask` is zero; word 2, taken as two 16-bit halves, when
/// `half - value <= mask` (wrapping), which is "the port lies in the range". The upper 24 bits of the last
/// value are not compared: they hold the rule's index.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::compile) struct Line {
    pub(in crate::compile) value: [[u32; 4]; 2],
    pub(in crate::compile) mask: [[u32; 4]; 2],
}

impl Line {
    /// The line of one or two rules with their indexes; `more` when another line of the leaf follows.
    pub(super) fn new(rules: &[(u32, &FiveTupleRule)], more: bool) -> Self {
        let nothing = [[0, 0, 0, NO_RULE << 8], [0, 0, 0, IMPOSSIBLE]];
        let place = |at: usize| rules.get(at).map_or(nothing, |(index, rule)| encode(*index, rule));
        let [first, mut second] = [place(0), place(1)];
        if more {
            second[1][3] |= MORE;
        }
        Self { value: [first[0], second[0]], mask: [first[1], second[1]] }
    }

    /// Whether another line of the leaf follows.
    #[inline(always)]
    pub(super) const fn more(&self) -> bool {
        self.mask[1][3] & MORE != 0
    }

    /// The index of the better of the places that [`Self::compare`] found.
    #[inline(always)]
    pub(super) const fn index(&self, found: u32) -> u32 {
        let second = if found & SECOND != 0 { self.value[1][3] >> 8 } else { NO_MATCH };
        if found & FIRST != 0 { self.value[0][3] >> 8 } else { second }
    }

    /// Which places match a header ([`FIRST`], [`SECOND`]), without SIMD.
    #[inline(always)]
    pub(in crate::compile) fn compare(&self, header: &FiveTuple) -> u32 {
        let place = |at: usize| {
            let (value, mask, words) = (&self.value[at], &self.mask[at], &header.0);
            let low = (words[2] as u16).wrapping_sub(value[2] as u16) <= mask[2] as u16;
            let high =
                ((words[2] >> 16) as u16).wrapping_sub((value[2] >> 16) as u16) <= (mask[2] >> 16) as u16;
            let rest = (words[0] ^ value[0]) & mask[0]
                | (words[1] ^ value[1]) & mask[1]
                | (words[3] ^ value[3]) & mask[3];
            u32::from(rest == 0) & u32::from(low) & u32::from(high)
        };
        (place(0) * FIRST) | (place(1) * SECOND)
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
            protocol.0 | index << 8,
        ],
        [
            rule.source.mask(),
            rule.destination.mask(),
            pair(sport.last() - sport.first(), dport.last() - dport.first()),
            protocol.1,
        ],
    ]
}
