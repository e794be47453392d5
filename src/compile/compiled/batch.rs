//! Many IPv4 lookups at once: all address searches, then all services, then all cells.

use std::net::{IpAddr, Ipv4Addr};

use super::{Compiled, NO_RULE, Strategy, index, lists, rule, services};
use crate::compile::Matcher;
use crate::compile::five_tuple::FiveTuple;
use crate::compile::linear::decisive;
use crate::compile::search::MOST_GROUPS;
use crate::compile::simd::{self, Kernel, LANES, Task};
use crate::packet::{Family, Header, Protocol, Service};
use crate::policy::{Direction, InterfaceId, RuleId};

/// The table of an interface and direction; interfaces with the same groups share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u32);

/// What rules compare of an IPv4 packet at one step, in eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Probe {
    remote: u32,
    detail: u16,
    protocol: u8,
    kind: u8,
}

impl Probe {
    /// The probe of a header; `None` for IPv6, which is asked one by one.
    pub const fn new(header: &Header) -> Option<Self> {
        let IpAddr::V4(remote) = header.remote else { return None };
        let (kind, protocol, detail) = services::numbers(header.service);
        Some(Self { remote: remote.to_bits(), detail, protocol, kind })
    }

    /// The probe as the entries of [`super::lists`] are asked.
    pub(super) const fn five_tuple(self) -> FiveTuple {
        FiveTuple::new(
            Ipv4Addr::from_bits(self.remote),
            Ipv4Addr::UNSPECIFIED,
            self.kind as u16,
            self.detail,
            lists::protocol_of(self.kind, self.protocol),
        )
    }

    /// The header it was made of.
    pub const fn header(self) -> Header {
        let [kind, code] = self.detail.to_be_bytes();
        let service = match self.kind {
            0 => Service::Port(Protocol(self.protocol), self.detail),
            1 => Service::Other(Protocol(self.protocol)),
            2 => Service::Icmp { family: Family::V4, kind, code },
            _ => Service::Icmp { family: Family::V6, kind, code },
        };
        Header { remote: IpAddr::V4(Ipv4Addr::from_bits(self.remote)), service }
    }
}

/// Probes that are looked up together.
const BATCH: usize = MOST_GROUPS * LANES;

impl Compiled<'_> {
    /// The table that decides at a step.
    pub fn table(&self, interface: InterfaceId, direction: Direction) -> TableId {
        TableId(self.tables[interface.0 as usize][index(direction)])
    }

    /// Decides many probes at one table: `out` gets the deciding rule of each, `None` for the default drop.
    ///
    /// # Panics
    ///
    /// When `probes` and `out` differ in length.
    pub fn decide_batch(&self, table: TableId, probes: &[Probe], out: &mut [Option<RuleId>]) {
        let mut numbers = [0; BATCH];
        assert_eq!(probes.len(), out.len(), "one answer for each probe");
        for (probes, out) in probes.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            self.decide_numbers(table, probes, &mut numbers[..probes.len()]);
            for (answer, &number) in out.iter_mut().zip(&numbers) {
                *answer = rule(number);
            }
        }
    }

    /// As [`Self::decide_batch`], with the numbers of rules: [`RuleId`]'s, or `u32::MAX` for the default drop.
    ///
    /// # Panics
    ///
    /// When `probes` and `out` differ in length.
    pub fn decide_numbers(&self, table: TableId, probes: &[Probe], out: &mut [u32]) {
        assert_eq!(probes.len(), out.len(), "one answer for each probe");
        match &self.places[table.0 as usize].strategy {
            Strategy::Table(_) => simd::run(self.path, Decide { compiled: self, table, probes, out }),
            Strategy::Lists(lists) => self.decide_by_lists(lists, probes, out),
            Strategy::Linear => self.decide_one_by_one(table, probes, out),
        }
    }

    fn decide_by_lists(&self, lists: &[u32], probes: &[Probe], out: &mut [u32]) {
        let mut said = vec![[NO_RULE; BATCH]; lists.len()];
        for (probes, out) in probes.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let headers: Vec<_> = probes.iter().map(|probe| probe.five_tuple()).collect();
            for (&list, said) in lists.iter().zip(&mut said) {
                self.lists[list as usize].first_matches(&headers, &mut said[..headers.len()]);
            }
            for (at, answer) in out.iter_mut().enumerate() {
                let decided = decisive(self.policy, said.iter().map(|said| rule(said[at])));
                *answer = decided.map_or(NO_RULE, |id| id.0);
            }
        }
    }

    fn decide_one_by_one(&self, table: TableId, probes: &[Probe], out: &mut [u32]) {
        // Any interface with this table will do.
        let step = self.tables.iter().enumerate().find_map(|(interface, tables)| {
            let at = tables.iter().position(|&other| other == table.0)?;
            Some((InterfaceId(interface as u32), Direction::BOTH[at]))
        });
        let Some((interface, direction)) = step else { return };
        for (probe, answer) in probes.iter().zip(out) {
            let decided = self.linear.decide(interface, direction, &probe.header());
            *answer = decided.map_or(NO_RULE, |id| id.0);
        }
    }
}

struct Decide<'a> {
    compiled: &'a Compiled<'a>,
    table: TableId,
    probes: &'a [Probe],
    out: &'a mut [u32],
}

impl Task for Decide<'_> {
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) {
        let compiled = self.compiled;
        let (Strategy::Table(layout), Some((addresses, services))) =
            (&compiled.places[self.table.0 as usize].strategy, &compiled.shared)
        else {
            return;
        };
        let rows = &compiled.row_of[layout.rows as usize..][..addresses.v4_len()];
        let columns = &compiled.column_of[layout.columns as usize..][..services.len()];
        let (cells, decided, view) = (&*compiled.cells, &*compiled.decided, services.view());
        for (probes, out) in self.probes.chunks(BATCH).zip(self.out.chunks_mut(BATCH)) {
            let mut classes = [[0u32; LANES]; MOST_GROUPS];
            for (class, probe) in classes.as_flattened_mut().iter_mut().zip(probes) {
                *class = probe.remote;
            }
            addresses.tree().replace(kernel, &mut classes[..probes.len().div_ceil(LANES)]);
            let mut places = [0u32; BATCH];
            let both = probes.iter().zip(classes.as_flattened());
            for (place, (probe, &class)) in places.iter_mut().zip(both) {
                let service = view.get(services.row(probe.kind, probe.protocol), probe.detail);
                *place = rows[class as usize] + u32::from(columns[usize::from(service)]);
            }
            for (answer, &place) in out.iter_mut().zip(&places) {
                *answer = decided[cells[place as usize] as usize];
            }
        }
    }
}
