//! The security groups that Huawei Cloud CCE makes for a cluster, as data.
//!
//! Every rule is a line of the scenario language, and every parameter becomes an address set of its own name, so a
//! preset means exactly what the scenario printed by `sgsim preset show` means.

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
}

/// Something a preset has to be told: an address range of the cluster.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name, and the name of the address set it becomes.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it is when nothing is said, as address texts; empty when it must be said.
    pub default: &'static [&'static str],
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

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct PresetRule {
    /// Its id within the group: `ssh`.
    pub id: &'static str,
    /// The rule in words: `allow tcp 22 from any`. Parameters are named as address sets.
    pub words: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What the page says about changing it.
    pub advice: Advice,
    /// What stops working without it.
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
