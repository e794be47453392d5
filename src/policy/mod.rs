//! What the operator wrote, checked and resolved: groups, rules, interfaces and options.
//!
//! A [`Policy`] is immutable and holds no names that still need looking up: remotes are address sets, interfaces
//! own addresses. How it was written (files, spans) stays behind in its [`Origin`]s.

pub mod cce;
mod export;
mod import;
mod inputs;
mod interface;
mod json;
pub(crate) mod language;
mod options;
mod resolve;
mod rule;
mod scenario;
pub(crate) mod schema;
mod tree;
mod words;
mod yaml;

pub use export::{Target, Unwritable};
pub use inputs::Inputs;
pub use interface::{Behind, Interface, InterfaceId, OverlapError, Owners};
pub use options::{Dialect, Midstream, StateProfile, Timeouts};
pub use rule::{Action, Direction, Doubt, Mismatch, Origin, Priority, Rule, RuleId, ServiceMatch};
pub use scenario::{Loaded, NamedSet, Scenario};
pub use schema::{schema, schema_text};

/// The index of a group in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// A security group: its rules by direction, each list in the order written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Ingress rules, as written.
    pub ingress: Vec<RuleId>,
    /// Egress rules, as written.
    pub egress: Vec<RuleId>,
}

impl Group {
    /// The rules of one direction, as written.
    pub fn rules(&self, direction: Direction) -> &[RuleId] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// A complete, checked description of who may talk to whom.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How rules of several groups combine.
    pub dialect: Dialect,
    /// How long state lives.
    pub state: StateProfile,
    /// What traffic without state means.
    pub midstream: Midstream,
    /// All groups, in the order written.
    pub groups: Vec<Group>,
    /// All rules of all groups; [`RuleId`] is the index.
    pub rules: Vec<Rule>,
    /// All interfaces, in the order written; [`InterfaceId`] is the index.
    pub interfaces: Vec<Interface>,
    /// Which interface an address belongs to; made from `interfaces`.
    pub owners: Owners,
}

impl Policy {
    /// The rule of this id.
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.0 as usize]
    }

    /// The group of this id.
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.0 as usize]
    }

    /// The interface of this id.
    pub fn interface(&self, id: InterfaceId) -> &Interface {
        &self.interfaces[id.0 as usize]
    }
}
