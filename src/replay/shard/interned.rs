//! What many connections have in common is held once.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::policy::{Direction, InterfaceId, RuleId};
use crate::replay::state::Side;
use crate::replay::tally::Hits;
use crate::replay::{Reason, StepVerdict, Steps, index};

/// How a connection opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub reason: Reason,
    pub steps: Steps,
    /// Type and code of the message, if it was an ICMP message.
    pub icmp: Option<(u8, u8)>,
    /// At each step where the rules decided: what each group bound there would say alone.
    pub said: [Vec<Option<RuleId>>; 2],
}

impl std::hash::Hash for Opening {
    /// In few words: what the groups would have said seldom differs where all else is the same.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for step in [self.steps.egress, self.steps.ingress] {
            let rule = step.and_then(|step| step.rule.or(step.opened_by)).map_or(u32::MAX, |rule| rule.0);
            let interface = step.map_or(u32::MAX, |step| step.interface.0);
            state.write_u64(u64::from(interface) << 32 | u64::from(rule));
        }
        state.write_u8(self.reason as u8);
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self { reason: Reason::NotIp, steps: Steps::default(), icmp: None, said: [vec![], vec![]] }
    }
}

/// Where the packets of a connection pass, and what let it open there: by endpoint, the lower first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Path {
    pub interfaces: [Option<InterfaceId>; 2],
    pub rules: [Option<RuleId>; 2],
    /// Why no group is ever asked, if none is.
    pub outside: Option<Reason>,
}

impl Path {
    /// What becomes of a packet that goes on with a connection which every interface it meets tracks.
    pub(super) fn went_on(&self, sender: Side) -> (Reason, Steps) {
        let reason = self.outside.unwrap_or(Reason::Established);
        let step = |end: usize, direction| {
            let (interface, opened_by) = (self.interfaces[end]?, self.rules[end]);
            Some(StepVerdict { interface, direction, reason, rule: None, opened_by })
        };
        let steps = Steps {
            egress: step(index(sender), Direction::Egress),
            tunnel: None,
            ingress: step(index(sender.other()), Direction::Ingress),
        };
        (reason, steps)
    }
}

impl std::hash::Hash for Path {
    /// In few words.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for (interface, rule) in self.interfaces.iter().zip(self.rules) {
            let (interface, rule) = (interface.map_or(u32::MAX, |id| id.0), rule.map_or(u32::MAX, |id| id.0));
            state.write_u64(u64::from(interface) << 32 | u64::from(rule));
        }
    }
}

/// Numbers for values, with something that is counted for each.
#[derive(Debug)]
pub(super) struct Interned<T, C> {
    numbers: HashMap<T, u32, FixedState>,
    values: Vec<T>,
    counts: Vec<C>,
}

impl<T, C> Default for Interned<T, C> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), values: vec![], counts: vec![] }
    }
}

impl<T: Clone + Eq + std::hash::Hash, C: Default> Interned<T, C> {
    pub(super) fn number(&mut self, value: &T) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.numbers.insert(value.clone(), number);
        self.values.push(value.clone());
        self.counts.push(C::default());
        number
    }

    #[inline]
    pub(super) fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    #[inline]
    pub(super) fn counted(&mut self, number: u32) -> &mut C {
        &mut self.counts[number as usize]
    }

    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, &C)> {
        self.values.iter().zip(&self.counts)
    }
}

/// Openings.
pub(super) type Openings = Interned<Opening, ()>;
/// Paths, and what went over each without a question.
pub(super) type Paths = Interned<Path, Hits>;
