//! What the words behind `from` and `to`, `step` and `rule` stand for in a scenario.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, codes, did_you_mean};
use crate::packet::{AddressRange, AddressSet};
use crate::policy::language::{Findings, Piece, address};
use crate::policy::{Direction, InterfaceId, RuleId, Scenario};
use crate::space;

use super::written::Written;

/// The names of a scenario that an expectation may use.
pub(super) struct Names {
    sets: BTreeMap<String, AddressSet>,
    groups: BTreeMap<String, AddressSet>,
    interfaces: BTreeMap<String, (InterfaceId, AddressSet)>,
    rules: BTreeMap<String, RuleId>,
    outside: AddressSet,
}

impl Names {
    /// The names of a scenario, and of sets that a suite adds.
    pub(super) fn new(scenario: &Scenario, suite: &Written, findings: &mut Findings) -> Self {
        let mut names = Self::of(scenario);
        for (name, words) in &suite.given {
            let addresses = names.addresses(words, findings).unwrap_or_default();
            names.sets.insert(name.text.clone(), addresses);
        }
        for (name, words) in &suite.addresses {
            if !names.sets.contains_key(&name.text) {
                let addresses = names.addresses(words, findings).unwrap_or_default();
                names.sets.insert(name.text.clone(), addresses);
            }
        }
        names
    }

    fn of(scenario: &Scenario) -> Self {
        let policy = &scenario.policy;
        let own = |interface: &crate::policy::Interface| -> AddressSet {
            interface.addresses.iter().map(|&address| AddressRange::single(address)).collect()
        };
        let groups = (0..).zip(&policy.groups).map(|(id, group)| {
            let has = |i: &&crate::policy::Interface| i.groups.contains(&crate::policy::GroupId(id));
            let members = policy.interfaces.iter().filter(has).flat_map(|i| own(i).ranges().to_vec());
            (group.name.clone(), members.collect())
        });
        let interfaces = (0..)
            .zip(&policy.interfaces)
            .map(|(id, interface)| (interface.name.clone(), (InterfaceId(id), own(interface))));
        let rules = (0..).zip(&policy.rules).map(|(id, rule)| (rule.name.clone(), RuleId(id)));
        Self {
            sets: scenario.sets.iter().map(|set| (set.name.clone(), set.addresses.clone())).collect(),
            groups: groups.collect(),
            interfaces: interfaces.collect(),
            rules: rules.collect(),
            outside: space::outside(policy),
        }
    }

    /// The addresses that words stand for; `None` when a mistake was told.
    pub(super) fn addresses(&self, words: &[Piece], findings: &mut Findings) -> Option<AddressSet> {
        let found: Vec<_> = words.iter().map(|word| self.one(word, findings)).collect();
        let found: Option<Vec<_>> = found.into_iter().collect();
        found.map(|sets| sets.iter().flat_map(|set| set.ranges().iter().copied()).collect())
    }

    /// One end, in the words of a workload: with `without NAME` behind it, it is left without those.
    fn one(&self, word: &Piece, findings: &mut Findings) -> Option<AddressSet> {
        let text = word.text.trim();
        if let Some((all, taken)) = text.rsplit_once(" without ") {
            let part = |text: &str| Piece::elsewhere(text.trim(), &word.span);
            let (all, taken) = (self.one(&part(all), findings), self.one(&part(taken), findings));
            return Some(space::without(&all?, &taken?));
        }
        let (kind, name) = text.split_once(char::is_whitespace).map_or(("", text), |(k, n)| (k, n.trim()));
        let set = || self.sets.get(name);
        let group = || self.groups.get(name);
        let interface = || self.interfaces.get(name).map(|(_, addresses)| addresses);
        let found = match kind.to_ascii_lowercase().as_str() {
            "set" => set(),
            "group" => group(),
            "interface" => interface(),
            "outside" => {
                let all = self.one(&Piece::elsewhere(name, &word.span), findings)?;
                return Some(space::without(&all, &space::without(&AddressSet::any(), &self.outside)));
            }
            "" if name.eq_ignore_ascii_case("any") => return Some(AddressSet::any()),
            "" if name.eq_ignore_ascii_case("outside") => return Some(self.outside.clone()),
            "" => {
                let kinds = [("set", set()), ("group", group()), ("interface", interface())];
                let mut known = kinds.into_iter().filter_map(|(kind, found)| Some((kind, found?)));
                match (known.next(), known.next()) {
                    (Some((first, _)), Some((second, _))) => {
                        let message = format!("`{name}` is both a {first} and a {second}");
                        let finding =
                            Diagnostic::new(codes::AMBIGUOUS_REMOTE, message).at(word.span.clone(), "");
                        let help = format!("write `{first} {name}` or `{second} {name}`");
                        findings.push(finding.help(help.replace("address set", "set")));
                        return None;
                    }
                    (found, _) => found.map(|(_, addresses)| addresses),
                }
            }
            _ => None,
        };
        if found.is_none() && kind.is_empty() && address::looks_like(name) {
            return address::range(word, findings).map(|range| std::iter::once(range).collect());
        }
        if found.is_none() {
            findings.push(self.unknown(word, kind, name));
        }
        found.cloned()
    }

    fn unknown(&self, word: &Piece, kind: &str, name: &str) -> Diagnostic {
        let known: Vec<&str> = match kind {
            "set" => self.sets.keys().map(String::as_str).collect(),
            "group" => self.groups.keys().map(String::as_str).collect(),
            "interface" => self.interfaces.keys().map(String::as_str).collect(),
            _ => {
                let named = self.sets.keys().chain(self.groups.keys()).chain(self.interfaces.keys());
                named.map(String::as_str).chain(["any", "outside"]).collect()
            }
        };
        let (code, message) = match kind {
            "group" => (codes::UNKNOWN_GROUP, format!("unknown group `{name}`")),
            "interface" => (codes::UNKNOWN_INTERFACE, format!("unknown interface `{name}`")),
            "set" => (codes::UNKNOWN_REMOTE, format!("unknown address set `{name}`")),
            _ => {
                let text = word.text.trim();
                let message =
                    format!("`{text}` is neither an address nor the name of a set, group or interface");
                (codes::UNKNOWN_REMOTE, message)
            }
        };
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            "name an address, CIDR or range, a set, group or interface of the scenario, `outside` or `any`, also with `without NAME`"
                .to_owned()
        });
        Diagnostic::new(code, message).at(word.span.clone(), "").help(help)
    }

    /// The rule of this name.
    pub(super) fn rule(&self, name: &Piece, findings: &mut Findings) -> Option<RuleId> {
        let found = self.rules.get(&name.text).copied();
        if found.is_none() {
            let finding = Diagnostic::new(codes::UNKNOWN_RULE, format!("there is no rule `{}`", name.text));
            let help = did_you_mean(&name.text, self.rules.keys().map(String::as_str));
            let help = help.unwrap_or_else(|| "`sgsim check` lists the rules of the scenario".to_owned());
            findings.push(finding.at(name.span.clone(), "").help(help));
        }
        found
    }

    /// The step of these words: `node-1 ingress`, or `ingress` at whichever interface.
    pub(super) fn step(
        &self,
        words: &Piece,
        findings: &mut Findings,
    ) -> Option<(Option<InterfaceId>, Direction)> {
        let text = words.text.trim();
        let (name, side) = text.rsplit_once(char::is_whitespace).map_or(("", text), |(n, d)| (n.trim(), d));
        let Some(direction) = Direction::BOTH.into_iter().find(|direction| direction.to_string() == side)
        else {
            let message = format!("expected a step, found `{text}`");
            let finding = Diagnostic::new(codes::BAD_VALUE, message).at(words.span.clone(), "");
            findings.push(finding.help("write an interface and a direction: `node-1 ingress`, or `ingress`"));
            return None;
        };
        if name.is_empty() {
            return Some((None, direction));
        }
        let Some(&(id, _)) = self.interfaces.get(name) else {
            let finding = Diagnostic::new(codes::UNKNOWN_INTERFACE, format!("unknown interface `{name}`"));
            let help = did_you_mean(name, self.interfaces.keys().map(String::as_str));
            findings.push(finding.at(words.span.clone(), "").maybe_help(help));
            return None;
        };
        Some((Some(id), direction))
    }
}
