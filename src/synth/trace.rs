//! `ClassBench` header traces for five-tuple rules.

use std::net::Ipv4Addr;

use crate::compile::five_tuple::{FiveTuple, FiveTupleRule, Prefix};
use crate::packet::{PortRange, Protocol};

use super::headers::Pareto;
use super::random::Random;

/// Headers as the trace generator of `ClassBench` makes them: each is a corner of a random rule, repeated as often as a
/// Pareto distribution says.
#[derive(Debug)]
pub struct Trace<'r> {
    rules: &'r [FiveTupleRule],
    pareto: Pareto,
    random: Random,
    copies: u32,
    header: FiveTuple,
}

impl<'r> Trace<'r> {
    /// The trace of a seed, without end; empty where there is no rule.
    pub fn new(rules: &'r [FiveTupleRule], pareto: Pareto, seed: u64) -> Self {
        Self { rules, pareto, random: Random::new(seed, 0, 0), copies: 0, header: FiveTuple::default() }
    }
}

impl Iterator for Trace<'_> {
    type Item = FiveTuple;

    fn next(&mut self) -> Option<FiveTuple> {
        if self.copies == 0 {
            let random = &mut self.random;
            let rule = random.pick(self.rules)?;
            let address = |prefix: Prefix, random: &mut Random| {
                Ipv4Addr::from_bits(if random.below(2) == 0 { prefix.first() } else { prefix.last() })
            };
            let port = |range: PortRange, random: &mut Random| {
                if random.below(2) == 0 { range.first() } else { range.last() }
            };
            let (source, destination) = (address(rule.source, random), address(rule.destination, random));
            let (from, to) = (port(rule.source_ports, random), port(rule.destination_ports, random));
            let any = Protocol([6, 17, 1, 47][usize::try_from(random.below(4)).unwrap_or(0)]);
            self.header = FiveTuple::new(source, destination, from, to, rule.protocol.unwrap_or(any));
            self.copies = self.pareto.copies(random);
        }
        self.copies -= 1;
        Some(self.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::five_tuple::{NO_MATCH, classbench, first_match};
    use crate::synth::ClusterRules;

    /// Every corner of a rule is inside some rule, and locality repeats headers in a row.
    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn headers_hit_rules_and_repeat_as_asked() {
        let rules = classbench::parse_rules(&ClusterRules::new(100).filters()).unwrap();
        let repeats = |scale| {
            let headers: Vec<_> = Trace::new(&rules, Pareto { shape: 1.0, scale }, 3).take(20_000).collect();
            assert!(headers.iter().step_by(97).all(|&header| first_match(&rules, header) != NO_MATCH));
            headers.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / headers.len() as f64
        };
        assert!(repeats(0.0) < 0.05);
        // Copies are 1 with chance 1 - b, and b / k is the chance of more than k.
        assert!((0.2..0.75).contains(&repeats(0.1)), "{}", repeats(0.1));
        assert!(repeats(1.0) > 0.8, "{}", repeats(1.0));
    }
}
