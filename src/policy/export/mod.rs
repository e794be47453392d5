//! A scenario in the words of clouds: to apply groups that were hardened here, or to go on in a scenario from an export.
//!
//! A form that cannot carry a rule refuses, and says which and why: nothing is left out quietly.

mod atoms;
mod aws;
mod huawei;
mod openstack;
mod scenario;
mod shown;
mod terraform;

use std::fmt;

use super::{Group, Scenario};

/// A form to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A scenario (YAML), with comments.
    Scenario,
    /// Huawei Cloud's VPC API v3.
    Huawei,
    /// AWS `describe-security-groups`.
    Aws,
    /// `OpenStack` Neutron's API.
    Openstack,
    /// Terraform HCL of the provider huaweicloud.
    Terraform,
}

impl Target {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("scenario", Self::Scenario),
        ("huawei", Self::Huawei),
        ("aws", Self::Aws),
        ("openstack", Self::Openstack),
        ("terraform", Self::Terraform),
    ];
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, target)| target == self).map_or("", |(name, _)| *name);
        f.pad(name)
    }
}

/// A rule that a form cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule} ({origin}) cannot be written: {why}")]
pub struct Unwritable {
    /// The rule's name.
    pub rule: String,
    /// Where it stands.
    pub origin: String,
    /// What the form lacks.
    pub why: &'static str,
}

impl Scenario {
    /// The groups that a form leaves out: those of which no input has the rules. A scenario says that they are unknown.
    pub fn left_out(&self, target: Target) -> impl Iterator<Item = &str> {
        let unknown = move |group: &&Group| target != Target::Scenario && atoms::is_unknown(self, group);
        self.policy.groups.iter().filter(unknown).map(|group| group.name.as_str())
    }

    /// Writes the groups (and, as a scenario, everything else) in another form. `notes` say what was assumed on the way
    /// here; they become comments where the form has any.
    pub fn export(&self, target: Target, notes: &[String]) -> Result<String, Vec<Unwritable>> {
        match target {
            Target::Scenario => Ok(scenario::write(self, notes)),
            Target::Huawei => huawei::write(self),
            Target::Aws => aws::write(self),
            Target::Openstack => openstack::write(self),
            Target::Terraform => terraform::write(self, notes),
        }
    }
}

/// JSON as people read it, with a line end.
fn pretty(value: &serde_json::Value) -> String {
    // A tree of texts and numbers always has a text.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
