//! The security groups that Huawei Cloud CCE makes for a cluster, as data.
//!
//! Every rule is a line of the scenario language, and every parameter becomes an address set of its own name, so
//! a preset means exactly what the scenario printed by `sgsim preset show` means. One file holds the groups of one
//! network model; this room knows nothing of how a scenario is written or read.

mod common;
mod notes;
mod older;
mod outbound;
mod pages;
mod parameters;
mod tunnel;
mod turbo;
mod vpc;

#[cfg(test)]
mod tests;

use super::Direction;

pub use pages::{DISAGREEMENTS, NEWER, OLDER, READ, RETELLINGS};

static PRESETS: [Preset; 9] = [
    vpc::VPC,
    tunnel::TUNNEL,
    turbo::TURBO,
    vpc::VPC_HARDENED,
    tunnel::TUNNEL_HARDENED,
    turbo::TURBO_HARDENED,
    older::VPC,
    older::TUNNEL,
    older::TURBO,
];

/// Every preset, in the order they are listed.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this name: `cce/tunnel`.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// A set of groups with a name, as one page of the cloud's documentation describes them.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// How a scenario asks for it: `cce/tunnel`.
    pub name: &'static str,
    /// One line for `sgsim preset list`.
    pub title: &'static str,
    /// The page the tables stand on.
    pub source: &'static str,
    /// When the page was read, ISO 8601.
    pub date: &'static str,
    /// What can or must be said with `with:`.
    pub parameters: &'static [Parameter],
    /// The groups, in the page's order.
    pub groups: &'static [PresetGroup],
    /// Assumptions made and gaps known, each with its label where it is not what a page says: `[INFERRED]`,
    /// `[UNKNOWN]`, `[CONFLICT]`.
    pub notes: &'static [&'static str],
}

impl Preset {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&'static PresetGroup> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The names of the parameters that must be said.
    pub fn required(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.parameters.iter().filter(|parameter| parameter.is_required()).map(|parameter| parameter.name)
    }

    /// How many rules all groups have together.
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.ingress.len() + group.egress.len()).sum()
    }
}

/// Something a preset has to be told: an address range of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, and the name of the address set it becomes.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it is when nothing is said, as address texts; empty when it must be said.
    pub default: &'static [&'static str],
}

impl Parameter {
    /// Whether there is no default, so that it must be said.
    pub const fn is_required(&self) -> bool {
        self.default.is_empty()
    }
}

/// One group of a preset.
#[derive(Debug, Clone, Copy)]
pub struct PresetGroup {
    /// `node`, `control` or `eni`.
    pub name: &'static str,
    /// What it is bound to, and how the cloud names it.
    pub about: &'static str,
    /// Ingress rules in the table's order.
    pub ingress: &'static [PresetRule],
    /// Egress rules in the table's order.
    pub egress: &'static [PresetRule],
}

impl PresetGroup {
    /// The rules of one direction.
    pub const fn rules(&self, direction: Direction) -> &'static [PresetRule] {
        match direction {
            Direction::Ingress => self.ingress,
            Direction::Egress => self.egress,
        }
    }
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresetRule {
    /// Its id within the group: `ssh`.
    pub id: &'static str,
    /// The rule in words: `allow tcp 22 from any`. Parameters are named as address sets.
    pub words: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What the page says about changing it.
    pub advice: Advice,
    /// What a changed rule has to admit, at least or at most; empty when the page says nothing of it.
    pub admit: &'static str,
    /// What stops working without it, all other rules of the preset left alone.
    pub breaks: &'static str,
}

/// What the page says about changing a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Changing it is not recommended: it can break the cluster.
    Keep,
    /// It can be changed if needed.
    May,
    /// Changing it is recommended.
    Should,
}

impl Advice {
    /// The word for it: `keep`, `may`, `should`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::May => "may",
            Self::Should => "should",
        }
    }

    /// What the word says, as a sentence without its full stop.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Keep => "Keep: changing it can break the cluster",
            Self::May => "May be changed if needed",
            Self::Should => "Should be changed",
        }
    }
}
