//! A policy as decision tables.
//!
//! What is special about security groups: the rules of an interface ask for the remote address and the service only;
//! many interfaces share a list of groups; all groups draw on the same few remotes and services. So addresses and
//! services are cut into classes once for the whole policy, every distinct (ordered groups, direction) becomes a table
//! over them with equal rows and columns stored once, and a cell names an interned outcome: the rule that decides
//! and what each group alone would say.
//!
//! Where the table of a list of groups would be too large, each group becomes a five-tuple list of its own (shared by
//! all lists of groups), and what they say alone is put together at lookup. A group that has too many entries even
//! for that is tried rule by rule. [`Compiled::report`] says which.

mod addresses;
mod batch;
mod lists;
mod report;
mod services;
mod table;

pub use batch::{Probe, TableId};
pub use report::{CompiledReport, Structure, TableReport};

use hashbrown::HashMap;

use super::bits::Interner;
use super::linear::decisive;
use super::{Linear, Matcher, Path};
use crate::packet::{Header, Service};
use crate::policy::{Direction, GroupId, InterfaceId, Policy, RuleId};
use addresses::Addresses;
use lists::List;
use services::Services;
use table::{NO_RULE, Outcome, Table};

/// Most words of all tables together: rows by address class, and cells. 64 MiB.
const MOST_WORDS: usize = 1 << 24;

/// Where the parts of one table lie.
#[derive(Debug, Clone)]
struct Place {
    groups: Vec<GroupId>,
    direction: Direction,
    rules: usize,
    strategy: Strategy,
}

/// How the rules of some groups are looked up.
#[derive(Debug, Clone)]
enum Strategy {
    Table(Layout),
    /// Lists of the groups, in the order bound.
    Lists(Vec<u32>),
    /// Rule by rule.
    Linear,
}

#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Where its part of `row_of` starts.
    rows: u32,
    /// Where its part of `column_of` starts.
    columns: u32,
    /// How many rows and columns it has.
    size: [usize; 2],
}

/// A compiled policy. Immutable data, shared by all threads.
#[derive(Debug, Clone)]
pub struct Compiled<'p> {
    policy: &'p Policy,
    linear: Linear<'p>,
    /// `None` when there are too many services to number: there are no tables.
    shared: Option<(Addresses, Services)>,
    /// By interface, then ingress and egress.
    tables: Vec<[u32; 2]>,
    places: Vec<Place>,
    /// By table and address class: where the row of cells starts.
    row_of: Vec<u32>,
    /// By table and service class: the column.
    column_of: Vec<u16>,
    /// Numbers of outcomes.
    cells: Vec<u32>,
    /// By outcome: where its record starts in `records`.
    outcomes: Vec<u32>,
    /// By outcome: the rule that decides. The same number as in the record, found without it.
    decided: Vec<u32>,
    /// The first match of each group, for all outcomes.
    records: Vec<u32>,
    /// Groups whose table would be too large.
    lists: Vec<List>,
    path: Path,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

const fn rule(number: u32) -> Option<RuleId> {
    if number == NO_RULE { None } else { Some(RuleId(number)) }
}

impl<'p> Compiled<'p> {
    /// Compiles a policy.
    pub fn new(policy: &'p Policy) -> Self {
        Self::with_shared(policy, shared(policy))
    }

    /// Compiles a policy into lists alone, as if every table would be too large: to compare with.
    pub fn of_lists(policy: &'p Policy) -> Self {
        Self::with_shared(policy, None)
    }

    fn with_shared(policy: &'p Policy, shared: Option<(Addresses, Services)>) -> Self {
        let mut compiled = Self {
            policy,
            linear: Linear::new(policy),
            shared,
            tables: vec![],
            places: vec![],
            row_of: vec![],
            column_of: vec![],
            cells: vec![],
            outcomes: vec![],
            decided: vec![],
            records: vec![],
            lists: vec![],
            path: Path::best(),
        };
        let mut outcomes: Interner<Outcome> = Interner::new();
        let mut listed: Listed = HashMap::default();
        let mut known: HashMap<(&[GroupId], Direction), u32, foldhash::fast::FixedState> = HashMap::default();
        for interface in &policy.interfaces {
            let table = Direction::BOTH.map(|direction| {
                *known
                    .entry((&interface.groups, direction))
                    .or_insert_with(|| compiled.add(&interface.groups, direction, &mut outcomes, &mut listed))
            });
            compiled.tables.push(table);
        }
        for outcome in outcomes.into_values() {
            compiled.decided.push(outcome[0]);
            compiled.outcomes.push(compiled.records.len() as u32);
            compiled.records.extend(&outcome[1..]);
        }
        compiled
    }

    /// The same policy, looked up in batches with these instructions.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self.lists = self.lists.into_iter().map(|list| list.with_path(path)).collect();
        self
    }

    fn add(
        &mut self,
        groups: &[GroupId],
        direction: Direction,
        outcomes: &mut Interner<Outcome>,
        listed: &mut Listed,
    ) -> u32 {
        let policy = self.policy;
        let table = self.shared.as_ref().and_then(|(addresses, services)| {
            Table::new(policy, groups, direction, addresses, services, outcomes).ok()
        });
        let fits = |table: &Table| {
            self.row_of.len() + self.cells.len() + table.row_of.len() + table.cells.len() <= MOST_WORDS
        };
        let layout = table.filter(fits).map(|table| {
            let layout = Layout {
                rows: self.row_of.len() as u32,
                columns: self.column_of.len() as u32,
                size: [table.cells.len() / table.columns, table.columns],
            };
            let cells = self.cells.len() as u32;
            self.row_of.extend(table.row_of.iter().map(|&row| cells + row * table.columns as u32));
            self.column_of.extend(&table.column_of);
            self.cells.extend(&table.cells);
            layout
        });
        let strategy = layout.map(Strategy::Table).or_else(|| {
            let lists = groups.iter().map(|&group| {
                *listed.entry((group, direction)).or_insert_with(|| {
                    self.lists.push(List::new(policy, group, direction)?);
                    Some(self.lists.len() as u32 - 1)
                })
            });
            lists.collect::<Option<_>>().map(Strategy::Lists)
        });
        let strategy = strategy.unwrap_or(Strategy::Linear);
        let rules = table::in_order(policy, groups, direction).len();
        self.places.push(Place { groups: groups.to_vec(), direction, rules, strategy });
        self.places.len() as u32 - 1
    }

    /// What the lists of some groups say.
    fn listed(&self, lists: &[u32], header: &Header) -> impl Iterator<Item = Option<RuleId>> {
        lists.iter().map(|&list| rule(self.lists[list as usize].first_match(header)))
    }

    fn place(&self, interface: InterfaceId, direction: Direction) -> &Place {
        &self.places[self.tables[interface.0 as usize][index(direction)] as usize]
    }

    /// The outcome at a step; `None` where there is no table.
    fn outcome(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
    ) -> Option<(usize, usize)> {
        let place = self.place(interface, direction);
        let (Strategy::Table(layout), Some((addresses, services))) = (&place.strategy, &self.shared) else {
            return None;
        };
        let row = self.row_of[layout.rows as usize + addresses.class(header.remote)];
        let column = self.column_of[layout.columns as usize + services.class(header.service)];
        Some((self.cells[row as usize + usize::from(column)] as usize, place.groups.len()))
    }
}

/// By group and direction: its list, or that it cannot have one.
type Listed = HashMap<(GroupId, Direction), Option<u32>, foldhash::fast::FixedState>;

/// The classes that all enabled rules of bound groups cut.
fn shared(policy: &Policy) -> Option<(Addresses, Services)> {
    let mut bound = vec![false; policy.groups.len()];
    for group in policy.interfaces.iter().flat_map(|interface| &interface.groups) {
        bound[group.0 as usize] = true;
    }
    let asked = || policy.rules.iter().filter(|rule| rule.enabled && bound[rule.group.0 as usize]);
    let services = Services::new(asked().map(|rule| &rule.service))?;
    Some((Addresses::new(asked().map(|rule| &rule.remote)), services))
}

impl Matcher for Compiled<'_> {
    fn decide(&self, interface: InterfaceId, direction: Direction, header: &Header) -> Option<RuleId> {
        match self.outcome(interface, direction, header) {
            Some((outcome, _)) => rule(self.decided[outcome]),
            None => match &self.place(interface, direction).strategy {
                Strategy::Lists(lists) => decisive(self.policy, self.listed(lists, header)),
                _ => self.linear.decide(interface, direction, header),
            },
        }
    }

    /// Asked only about rules in doubt, so without a table.
    fn behind(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        rule: RuleId,
    ) -> Option<RuleId> {
        self.linear.behind(interface, direction, header, rule)
    }

    fn each_group_into(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        said: &mut Vec<Option<RuleId>>,
    ) {
        match self.outcome(interface, direction, header) {
            Some((outcome, groups)) => {
                let start = self.outcomes[outcome] as usize;
                said.clear();
                said.extend(self.records[start..start + groups].iter().map(|&number| rule(number)));
            }
            None => match &self.place(interface, direction).strategy {
                Strategy::Lists(lists) => {
                    said.clear();
                    said.extend(self.listed(lists, header));
                }
                _ => self.linear.each_group_into(interface, direction, header, said),
            },
        }
    }

    // Classes are cut by all rules that can be asked, so what is tried rule by rule does not tell them apart either.
    fn edges_v4(&self) -> Option<&[u32]> {
        self.shared.as_ref().map(|(addresses, _)| addresses.edges_v4())
    }

    #[inline]
    fn service_class(&self, service: Service) -> Option<u16> {
        // There are at most 65536 classes.
        self.shared.as_ref().map(|(_, services)| services.class(service) as u16)
    }
}
