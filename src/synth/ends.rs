//! Who can stand at an end of a flow: words to addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::diag::{Diagnostic, Span, codes, did_you_mean};
use crate::packet::{AddressRange, AddressSet, Family};
use crate::policy::language::{Piece, address};
use crate::policy::{Interface, InterfaceId, NamedSet, Policy};

use super::random::Random;

/// Addresses of one family, in entries that are drawn equally often: an interface's address, a network, a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pool {
    family: Family,
    entries: Vec<Entry>,
}

/// A network or range, or what is left of it; never empty. Each of its addresses is drawn equally often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry(Vec<AddressRange>);

impl Entry {
    /// What is left of a range without some addresses. The first and last of a range that has four and more stay out too:
    /// they name the network, and everyone in it.
    fn new(range: AddressRange, taken: &AddressSet) -> Option<Self> {
        let (family, first, last) = (range.family(), bits_of(range.first()), bits_of(range.last()));
        let range = if last - first >= 3 { of_bits(family, first + 1, last - 1) } else { range };
        let left = without(range, taken);
        (!left.is_empty()).then_some(Self(left))
    }

    fn pieces(&self) -> impl Iterator<Item = (u128, u128)> {
        self.0.iter().map(|range| (bits_of(range.first()), bits_of(range.last())))
    }

    /// How many addresses there are, as far as 128 bits can say.
    fn size(&self) -> u128 {
        self.pieces().fold(0, |sum: u128, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    fn at(&self, mut number: u128) -> u128 {
        for (first, last) in self.pieces() {
            if number <= last - first {
                return first + number;
            }
            number -= last - first + 1;
        }
        0
    }
}

const fn address_of(family: Family, bits: u128) -> IpAddr {
    #[allow(clippy::cast_possible_truncation)] // IPv4 addresses have 32 bits.
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

const fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A number below a bound of 128 bits.
fn below(random: &mut Random, bound: u128) -> u128 {
    match u64::try_from(bound) {
        Ok(bound) => u128::from(random.below(bound)),
        // Of a network that large one part in 2^64 is as good as all of it.
        Err(_) => u128::from(random.bits()) % bound,
    }
}

impl Pool {
    pub(super) fn new(family: Family, entries: Vec<Entry>) -> Self {
        let is_of = |entry: &Entry| entry.0.iter().all(|range| range.family() == family);
        Self { family, entries: entries.into_iter().filter(is_of).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many addresses there are, as far as 64 bits can say.
    pub(super) fn len(&self) -> u64 {
        let sizes = self.entries.iter().map(|entry| u64::try_from(entry.size()).unwrap_or(u64::MAX));
        sizes.fold(0, u64::saturating_add)
    }

    /// Draws an address.
    pub(super) fn draw(&self, random: &mut Random) -> IpAddr {
        self.draw_part(random, 0, 1)
    }

    /// Draws an address out of the `part`-th of so many equal parts of each entry; small entries are not parted.
    pub(super) fn draw_part(&self, random: &mut Random, part: usize, parts: usize) -> IpAddr {
        let Some(entry) = random.pick(&self.entries) else { return address_of(self.family, 0) };
        let size = entry.size();
        let share = size / parts.max(1) as u128;
        let number =
            if share < 4 { below(random, size) } else { share * part as u128 + below(random, share) };
        address_of(self.family, entry.at(number))
    }

    /// The interfaces that own these addresses, `None` among them for outside; as far as first and last of each piece
    /// tell.
    pub(super) fn owners(&self, policy: &Policy) -> Vec<Option<InterfaceId>> {
        let ends = self.entries.iter().flat_map(Entry::pieces).flat_map(|(first, last)| [first, last]);
        let mut owners: Vec<_> = ends.map(|bits| policy.owners.of(address_of(self.family, bits))).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// The addresses of entries that are single ones.
    pub(super) fn singles(&self) -> impl Iterator<Item = IpAddr> {
        let singles = self.entries.iter().filter(|entry| entry.size() == 1);
        singles.map(|entry| entry.0[0].first())
    }
}

/// What is left of a range without some addresses.
fn without(range: AddressRange, taken: &AddressSet) -> Vec<AddressRange> {
    let family = range.family();
    let (mut first, last) = (bits_of(range.first()), bits_of(range.last()));
    let mut left = Vec::new();
    for gone in taken.ranges().iter().filter(|gone| gone.family() == family) {
        let (from, to) = (bits_of(gone.first()), bits_of(gone.last()));
        if to < first || from > last {
            continue;
        }
        if from > first {
            left.push(of_bits(family, first, from - 1));
        }
        if to >= last {
            return left;
        }
        first = to + 1;
    }
    left.push(of_bits(family, first, last));
    left
}

const fn of_bits(family: Family, first: u128, last: u128) -> AddressRange {
    match (address_of(family, first), address_of(family, last)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => AddressRange::V4(first, last),
        (IpAddr::V6(first), IpAddr::V6(last)) => AddressRange::V6(first, last),
        _ => AddressRange::single(address_of(family, first)),
    }
}

/// The documentation networks (RFC 5737, RFC 3849): where outside is, when nothing else is said.
const OUTSIDE: [&str; 3] = ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"];

/// Everyone that a flow can name.
pub(super) struct Names<'p> {
    policy: &'p Policy,
    sets: &'p [NamedSet],
    /// Sets of the workload itself.
    own: Vec<NamedSet>,
    owned: AddressSet,
}

impl<'p> Names<'p> {
    pub(super) fn new(
        policy: &'p Policy,
        sets: &'p [NamedSet],
        own: &[(Piece, Vec<Piece>)],
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let ranges =
            policy.interfaces.iter().flat_map(|interface| addresses(interface).chain(behind(interface)));
        let mut names = Self { policy, sets, own: vec![], owned: ranges.collect() };
        for (name, texts) in own {
            // A set may hold those before it.
            let ranges: Vec<_> =
                texts.iter().filter_map(|text| names.ranges(text, findings)).flatten().collect();
            let addresses: AddressSet = ranges.into_iter().flat_map(|(ranges, _)| ranges).collect();
            names.own.push(NamedSet { name: name.text.clone(), addresses });
        }
        names
    }

    fn set(&self, name: &str) -> Option<&AddressSet> {
        let find = |sets: &'_ [NamedSet]| sets.iter().position(|set| set.name == name);
        match find(self.sets) {
            Some(at) => Some(&self.sets[at].addresses),
            None => find(&self.own).map(|at| &self.own[at].addresses),
        }
    }

    fn interface(&self, name: &str) -> Option<&'p Interface> {
        self.policy.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The interfaces that have the group of this name.
    fn members(&self, name: &str) -> Option<Vec<&'p Interface>> {
        let group = self.policy.groups.iter().position(|group| group.name == name)?;
        let has = |interface: &&Interface| interface.groups.iter().any(|id| id.0 as usize == group);
        Some(self.policy.interfaces.iter().filter(has).collect())
    }

    /// The entries that words stand for; `None` when they could not be understood, which is told.
    pub(super) fn entries(&self, text: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Vec<Entry>> {
        let parts = self.ranges(text, findings)?.into_iter();
        let entries = parts.flat_map(|(ranges, taken)| {
            ranges.into_iter().filter_map(move |range| Entry::new(range, &taken))
        });
        Some(entries.collect())
    }

    /// For each part of a list its ranges, and the addresses that are to be left out of them.
    fn ranges(
        &self,
        text: &Piece,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<Vec<(Vec<AddressRange>, AddressSet)>> {
        let mut ranges = Vec::new();
        let mut start = 0;
        for part in text.text.split(',') {
            let trimmed = part.trim();
            let at = start + (part.len() - part.trim_start().len());
            ranges.push(self.part(&text.slice(at..at + trimmed.len()), findings)?);
            start += part.len() + 1;
        }
        Some(ranges)
    }

    fn part(&self, text: &Piece, findings: &mut Vec<Diagnostic>) -> Option<(Vec<AddressRange>, AddressSet)> {
        let words: Vec<&str> = text.text.split_whitespace().collect();
        let (words, mut taken) = match words[..] {
            [ref before @ .., "without", name] => {
                let taken = self.one(&[name], text, findings)?;
                (before, taken.into_iter().collect())
            }
            _ => (&words[..], AddressSet::default()),
        };
        let (words, is_outside) = match words {
            ["outside", rest @ ..] => (rest, true),
            words => (words, false),
        };
        if is_outside {
            taken = self.owned.ranges().iter().chain(taken.ranges()).copied().collect();
        }
        let ranges = match (words, is_outside) {
            ([], true) => OUTSIDE.iter().filter_map(|net| net.parse().ok()).collect(),
            (words, _) => self.one(words, text, findings)?,
        };
        Some((ranges, taken))
    }

    fn one(&self, words: &[&str], text: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Vec<AddressRange>> {
        let of_all = |interfaces: &[&Interface]| interfaces.iter().flat_map(|i| addresses(i)).collect();
        let behind_all = |interfaces: &[&Interface]| interfaces.iter().flat_map(|i| behind(i)).collect();
        let found = match *words {
            ["group", name] => self.members(name).map(|members| of_all(&members)),
            ["interface", name] => self.interface(name).map(|interface| of_all(&[interface])),
            ["set", name] => self.set(name).map(|set| set.ranges().to_vec()),
            ["behind", "group", name] => self.members(name).map(|members| behind_all(&members)),
            ["behind", "interface", name] => self.interface(name).map(|interface| behind_all(&[interface])),
            ["behind", name] => {
                let members = self.members(name).or_else(|| Some(vec![self.interface(name)?]));
                members.map(|members| behind_all(&members))
            }
            [word] if address::looks_like(word) => {
                let start = text.text.find(word).unwrap_or(0);
                return address::range(&text.slice(start..start + word.len()), findings)
                    .map(|range| vec![range]);
            }
            [name] => {
                let all = [
                    ("interface", self.interface(name).map(|interface| of_all(&[interface]))),
                    ("group", self.members(name).map(|members| of_all(&members))),
                    ("set", self.set(name).map(|set| set.ranges().to_vec())),
                ];
                let kinds: Vec<_> =
                    all.iter().filter(|(_, found)| found.is_some()).map(|(kind, _)| *kind).collect();
                if kinds.len() > 1 {
                    let message = format!("`{name}` is the name of {}", kinds.join(" and "));
                    let finding = Diagnostic::new(codes::UNKNOWN_END, message).at(text.span.clone(), "");
                    findings.push(finding.help(format!("write `{} {name}`", kinds[0])));
                    return None;
                }
                all.into_iter().find_map(|(_, found)| found)
            }
            _ => {
                let message = format!("expected an end such as `group node`, found `{}`", text.text);
                let finding = Diagnostic::new(codes::UNKNOWN_END, message).at(text.span.clone(), "");
                findings.push(finding.help(
                    "ends are `group G`, `interface I`, `behind I`, `set S`, a name, an address, `outside`, `outside S`, each also \
                     with `without S`",
                ));
                return None;
            }
        };
        if found.is_none() {
            findings.push(self.unknown(words, &text.span));
        }
        found
    }

    fn unknown(&self, words: &[&str], span: &Span) -> Diagnostic {
        let name = words.last().copied().unwrap_or("");
        let kind = words.iter().rev().nth(1).copied().unwrap_or("");
        let what =
            if ["group", "interface", "set"].contains(&kind) { kind } else { "interface, group or set" };
        let policy = self.policy;
        let known = policy.interfaces.iter().map(|interface| interface.name.as_str());
        let known = known.chain(policy.groups.iter().map(|group| group.name.as_str()));
        let known = known.chain(self.sets.iter().chain(&self.own).map(|set| set.name.as_str()));
        let finding = Diagnostic::new(codes::UNKNOWN_END, format!("the scenario has no {what} `{name}`"));
        finding.at(span.clone(), "").maybe_help(did_you_mean(name, known))
    }
}

fn addresses(interface: &Interface) -> impl Iterator<Item = AddressRange> {
    interface.addresses.iter().map(|&address| AddressRange::single(address))
}

fn behind(interface: &Interface) -> impl Iterator<Item = AddressRange> {
    interface.behind.iter().map(|&net| net.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_cut_out() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        let taken: AddressSet = ["10.0.0.0/30", "10.0.0.9", "10.0.0.15"].map(range).into_iter().collect();
        let words: Vec<_> = without(range("10.0.0.0/28"), &taken).iter().map(ToString::to_string).collect();
        assert_eq!(words, ["10.0.0.4-10.0.0.8", "10.0.0.10-10.0.0.14"]);
        assert!(Entry::new(range("10.0.0.1"), &taken).is_none());
    }

    /// An address beside a hole is drawn no more often than any other.
    #[test]
    fn what_is_left_is_drawn_evenly() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        let taken: AddressSet = [range("10.0.0.3")].into_iter().collect();
        let pool = Pool::new(Family::V4, vec![Entry::new(range("10.0.0.0/24"), &taken).unwrap()]);
        let mut random = Random::new(1, 0, 0);
        let low =
            (0..25_300).filter(|_| pool.draw(&mut random) < IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3))).count();
        assert!((150..250).contains(&low), "{low} of 25300 are two of 253");
    }

    #[test]
    fn parts_of_a_network_do_not_meet() {
        let net = "10.0.0.0/16".parse::<AddressRange>().unwrap();
        let pool = Pool::new(Family::V4, vec![Entry::new(net, &AddressSet::default()).unwrap()]);
        let mut random = Random::new(1, 0, 0);
        for _ in 0..500 {
            let IpAddr::V4(address) = pool.draw_part(&mut random, 1, 3) else { unreachable!() };
            assert!((21_845..43_690).contains(&(address.to_bits() & 0xffff)), "{address}");
        }
    }
}
