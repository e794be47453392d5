//! IPv6 headers and rules, and lists of both families.
//!
//! A list is split by family, and each half answers for its own headers. The IPv6 half has no structure of its own:
//! its prefixes nest as any prefixes do, so the prefixes of each side are given codes of 32 bits that nest in the same
//! way ([`Codes`]), and the list of codes becomes a matrix or a forest as a list of IPv4 rules does. An address becomes
//! its code by one search among the edges of the prefixes. Prefixes that nest so deeply that 32 bits do not suffice
//! (a chain of more than 31, each in the one before) make the half be tried rule by rule, and the report says so.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{FiveTuple, FiveTupleRule, FiveTupleSet, NO_MATCH, Prefix, Report, TooManyRules};
use crate::compile::Path;
use crate::packet::{PortRange, Protocol};

/// An IPv6 prefix; bits behind its length are zero. Ordered so that a prefix stands before those inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix6 {
    first: u128,
    length: u8,
}

impl Prefix6 {
    /// Every address.
    pub const ANY: Self = Self { first: 0, length: 0 };

    /// The prefix of this length that holds the address; `None` over 128.
    pub const fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        if length > 128 {
            return None;
        }
        let any = Self { first: 0, length };
        Some(Self { first: address.to_bits() & any.mask(), length })
    }

    /// The lowest address.
    pub const fn first(self) -> u128 {
        self.first
    }

    /// The highest address.
    pub const fn last(self) -> u128 {
        self.first | !self.mask()
    }

    /// Ones where its addresses agree.
    pub const fn mask(self) -> u128 {
        if self.length == 0 { 0 } else { u128::MAX << (128 - self.length) }
    }

    /// Whether the address lies inside.
    pub const fn contains(self, address: u128) -> bool {
        address & self.mask() == self.first
    }
}

/// The five fields of an IPv6 header that a rule compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiveTuple6 {
    /// Where it comes from.
    pub source: Ipv6Addr,
    /// Where it goes.
    pub destination: Ipv6Addr,
    /// Its source port.
    pub source_port: u16,
    /// Its destination port.
    pub destination_port: u16,
    /// The protocol behind the last extension header.
    pub protocol: Protocol,
}

/// One IPv6 rule of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiveTupleRule6 {
    /// Where it must come from.
    pub source: Prefix6,
    /// Where it must go.
    pub destination: Prefix6,
    /// Source ports.
    pub source_ports: PortRange,
    /// Destination ports.
    pub destination_ports: PortRange,
    /// Protocol; `None` is any.
    pub protocol: Option<Protocol>,
}

impl FiveTupleRule6 {
    /// Whether a header matches.
    pub fn matches(&self, header: &FiveTuple6) -> bool {
        self.source.contains(header.source.to_bits())
            && self.destination.contains(header.destination.to_bits())
            && self.source_ports.contains(header.source_port)
            && self.destination_ports.contains(header.destination_port)
            && self.protocol.is_none_or(|protocol| protocol == header.protocol)
    }
}

/// A rule of a list of both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DualRule {
    /// For IPv4 headers.
    V4(FiveTupleRule),
    /// For IPv6 headers.
    V6(FiveTupleRule6),
}

/// A header of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DualHeader {
    /// IPv4.
    V4(FiveTuple),
    /// IPv6.
    V6(FiveTuple6),
}

impl DualRule {
    /// Whether a header matches; none of the other family does.
    pub fn matches(&self, header: &DualHeader) -> bool {
        match (self, header) {
            (Self::V4(rule), DualHeader::V4(header)) => rule.matches(*header),
            (Self::V6(rule), DualHeader::V6(header)) => rule.matches(header),
            _ => false,
        }
    }
}

/// A compiled list of both families; its order is the priority.
#[derive(Debug, Clone)]
pub struct DualSet {
    v4: FiveTupleSet,
    v6: Half,
    /// By place in each half: the place in the list.
    places: [Vec<u32>; 2],
}

/// How the IPv6 rules are looked up.
#[derive(Debug, Clone)]
enum Half {
    Coded { sources: Codes, destinations: Codes, set: FiveTupleSet },
    Linear(Vec<FiveTupleRule6>),
}

/// What the halves of a list were compiled into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DualReport {
    /// The IPv4 rules.
    pub v4: Report,
    /// The IPv6 rules, as codes; `None` when they are tried one by one.
    pub v6: Option<Report>,
    /// Bytes of memory of both, with the search for codes.
    pub bytes: usize,
}

impl DualSet {
    /// Compiles a list.
    pub fn new(rules: &[DualRule]) -> Result<Self, TooManyRules> {
        let (mut v4, mut v6, mut places) = (vec![], vec![], [vec![], vec![]]);
        for (place, rule) in (0..).zip(rules) {
            match rule {
                DualRule::V4(rule) => v4.push(*rule),
                DualRule::V6(rule) => v6.push(*rule),
            }
            places[usize::from(matches!(rule, DualRule::V6(_)))].push(place);
        }
        Ok(Self { v4: FiveTupleSet::new(&v4)?, v6: Half::new(v6)?, places })
    }

    /// The same set, looked up with these instructions.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.v4 = self.v4.with_path(path);
        if let Half::Coded { set, .. } = &mut self.v6 {
            *set = set.clone().with_path(path);
        }
        self
    }

    /// What the list was compiled into.
    pub fn report(&self) -> DualReport {
        let v4 = self.v4.report();
        let places: usize = self.places.iter().map(|places| size_of_val(&**places)).sum();
        let (v6, more) = match &self.v6 {
            Half::Coded { sources, destinations, set } => {
                let report = set.report();
                let bytes = report.bytes + sources.bytes() + destinations.bytes();
                (Some(report), bytes)
            }
            Half::Linear(rules) => (None, size_of_val(&**rules)),
        };
        DualReport { bytes: v4.bytes + more + places, v4, v6 }
    }

    /// Looks up one header: the place of the first rule that matches, or [`NO_MATCH`].
    pub fn lookup(&self, header: &DualHeader) -> u32 {
        let (half, found) = match header {
            DualHeader::V4(header) => (0, self.v4.lookup(*header)),
            DualHeader::V6(header) => (1, self.v6.first_match(header)),
        };
        self.places[half].get(found as usize).copied().unwrap_or(NO_MATCH)
    }

    /// Looks up many headers: `out` gets the place of the first rule that matches each, or [`NO_MATCH`].
    ///
    /// # Panics
    ///
    /// When `headers` and `out` differ in length.
    pub fn lookup_batch(&self, headers: &[DualHeader], out: &mut [u32]) {
        assert_eq!(headers.len(), out.len(), "one answer for each header");
        let (mut v4, mut v6) = (vec![], vec![]);
        for header in headers {
            match header {
                DualHeader::V4(header) => v4.push(*header),
                DualHeader::V6(header) => v6.push(*header),
            }
        }
        let mut found = [vec![NO_MATCH; v4.len()], vec![NO_MATCH; v6.len()]];
        self.lookup_v4(&v4, &mut found[0]);
        self.v6.lookup(&v6, &self.places[1], &mut found[1]);
        let mut found = found.map(IntoIterator::into_iter);
        for (header, answer) in headers.iter().zip(out) {
            let half = &mut found[usize::from(matches!(header, DualHeader::V6(_)))];
            *answer = half.next().unwrap_or(NO_MATCH);
        }
    }

    /// As [`Self::lookup_batch`], for IPv4 headers alone.
    ///
    /// # Panics
    ///
    /// When `headers` and `out` differ in length.
    pub fn lookup_v4(&self, headers: &[FiveTuple], out: &mut [u32]) {
        self.v4.lookup_batch(headers, out);
        placed(&self.places[0], out);
    }
}

/// Turns places in a half into places in the list.
fn placed(places: &[u32], found: &mut [u32]) {
    for answer in found {
        *answer = places.get(*answer as usize).copied().unwrap_or(NO_MATCH);
    }
}

impl Half {
    fn new(rules: Vec<FiveTupleRule6>) -> Result<Self, TooManyRules> {
        let sources = Codes::new(rules.iter().map(|rule| rule.source).collect());
        let destinations = Codes::new(rules.iter().map(|rule| rule.destination).collect());
        let (Some((sources, of_source)), Some((destinations, of_destination))) = (sources, destinations)
        else {
            return Ok(Self::Linear(rules));
        };
        let coded = |(rule, (source, destination)): (&FiveTupleRule6, (Prefix, Prefix))| FiveTupleRule {
            source,
            destination,
            source_ports: rule.source_ports,
            destination_ports: rule.destination_ports,
            protocol: rule.protocol,
        };
        let codes: Vec<_> = rules.iter().zip(of_source.into_iter().zip(of_destination)).map(coded).collect();
        Ok(Self::Coded { sources, destinations, set: FiveTupleSet::new(&codes)? })
    }

    /// The place among the rules of this half.
    fn first_match(&self, header: &FiveTuple6) -> u32 {
        match self {
            Self::Coded { sources, destinations, set } => set.lookup(coded(sources, destinations, header)),
            Self::Linear(rules) => {
                let first = rules.iter().position(|rule| rule.matches(header));
                first.map_or(NO_MATCH, |at| at as u32)
            }
        }
    }

    fn lookup(&self, headers: &[FiveTuple6], places: &[u32], out: &mut [u32]) {
        if let Self::Coded { sources, destinations, set } = self {
            let codes: Vec<_> = headers.iter().map(|header| coded(sources, destinations, header)).collect();
            set.lookup_batch(&codes, out);
        } else {
            for (header, answer) in headers.iter().zip(&mut *out) {
                *answer = self.first_match(header);
            }
        }
        placed(places, out);
    }
}

fn coded(sources: &Codes, destinations: &Codes, header: &FiveTuple6) -> FiveTuple {
    FiveTuple::new(
        Ipv4Addr::from_bits(sources.code(header.source)),
        Ipv4Addr::from_bits(destinations.code(header.destination)),
        header.source_port,
        header.destination_port,
        header.protocol,
    )
}

/// Addresses of 128 bits as codes of 32, such that prefixes stay prefixes.
///
/// A prefix gets a block of codes whose size is a power of two: room for the blocks of the prefixes directly inside
/// it, largest first so that each is aligned, and one code for what lies in none of them.
#[derive(Debug, Clone)]
struct Codes {
    /// First addresses of the pieces that the edges of prefixes cut, ascending; the first is zero.
    starts: Vec<u128>,
    /// The code of each piece.
    codes: Vec<u32>,
}

/// A prefix while codes are given out.
struct Block {
    prefix: Prefix6,
    /// Blocks directly inside.
    inside: Vec<usize>,
    /// Its size is two to this power.
    bits: u32,
    /// Its first code.
    first: u64,
    /// The code for what lies in no block inside.
    rest: u64,
}

impl Codes {
    /// The codes for these prefixes, and each prefix as a prefix of codes; `None` when 32 bits do not suffice.
    fn new(prefixes: Vec<Prefix6>) -> Option<(Self, Vec<Prefix>)> {
        let mut sorted = prefixes.clone();
        sorted.push(Prefix6::ANY);
        sorted.sort_unstable();
        sorted.dedup();
        let mut blocks: Vec<Block> = Vec::with_capacity(sorted.len());
        let mut open: Vec<usize> = vec![];
        for prefix in sorted {
            while open.last().is_some_and(|&outer| blocks[outer].prefix.last() < prefix.first()) {
                open.pop();
            }
            if let Some(&outer) = open.last() {
                let at = blocks.len();
                blocks[outer].inside.push(at);
            }
            open.push(blocks.len());
            blocks.push(Block { prefix, inside: vec![], bits: 0, first: 0, rest: 0 });
        }
        // What is inside stands behind: sizes are known from the back, codes from the front.
        for at in (0..blocks.len()).rev() {
            let inside: u64 = blocks[at].inside.iter().map(|&inner| 1 << blocks[inner].bits).sum();
            blocks[at].bits = (inside + 1).next_power_of_two().ilog2();
            if blocks[at].bits > 32 {
                return None;
            }
        }
        for at in 0..blocks.len() {
            let mut inside = std::mem::take(&mut blocks[at].inside);
            inside.sort_by_key(|&inner| std::cmp::Reverse(blocks[inner].bits));
            let mut next = blocks[at].first;
            for inner in inside {
                blocks[inner].first = next;
                next += 1 << blocks[inner].bits;
            }
            blocks[at].rest = next;
        }
        // All of them is the prefix of length zero, as it is with addresses.
        let all = blocks[0].bits;
        let wide = |code: u64| (code << (32 - all)) as u32;
        let code_of = |prefix: Prefix6| {
            let at = blocks.binary_search_by_key(&prefix, |block| block.prefix).ok()?;
            let length = u8::try_from(all - blocks[at].bits).ok()?;
            Prefix::new(Ipv4Addr::from_bits(wide(blocks[at].first)), length)
        };
        let prefixes: Option<Vec<_>> = prefixes.into_iter().map(code_of).collect();

        let mut pieces: Vec<(u128, u32)> = vec![];
        let mut open: Vec<&Block> = vec![];
        let close = |open: &mut Vec<&Block>, pieces: &mut Vec<(u128, u32)>, before: Option<u128>| {
            while let Some(block) = open.pop_if(|block| before.is_none_or(|at| block.prefix.last() < at)) {
                let next = block.prefix.last().checked_add(1);
                pieces.extend(open.last().and_then(|outer| Some((next?, wide(outer.rest)))));
            }
        };
        for block in &blocks {
            close(&mut open, &mut pieces, Some(block.prefix.first()));
            pieces.push((block.prefix.first(), wide(block.rest)));
            open.push(block);
        }
        close(&mut open, &mut pieces, None);
        // Of pieces that start at the same address, the last one pushed is the innermost.
        pieces.reverse();
        pieces.sort_by_key(|&(start, _)| start);
        pieces.dedup_by_key(|&mut (start, _)| start);
        let (starts, codes) = pieces.into_iter().unzip();
        Some((Self { starts, codes }, prefixes?))
    }

    /// The code of an address.
    fn code(&self, address: Ipv6Addr) -> u32 {
        self.codes[self.starts.partition_point(|&start| start <= address.to_bits()) - 1]
    }

    /// Bytes of memory.
    fn bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.codes)
    }
}
