//! Fixtures, and the comparison of two policies over all first packets.

use std::path::PathBuf;

use sgsim::compile::Compiled;
use sgsim::diag::Style;
use sgsim::packet::AddressSet;
use sgsim::policy::{Inputs, Loaded, Policy, Scenario};
use sgsim::replay::FirstPackets;
use sgsim::space::{PacketSet, ServiceSet, differences};

/// The fixtures of these names, with `--attach`.
pub(crate) fn inputs(files: &[&str], attach: &[&str]) -> Inputs {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    Inputs {
        files: files.iter().map(|file| folder.join(file)).collect(),
        attach: attach.iter().map(|&attach| attach.to_owned()).collect(),
        trust_allow: false,
    }
}

/// Reads texts as files of these names.
pub(crate) fn texts(files: &[(&str, &str)]) -> Loaded {
    let bytes: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    Scenario::parse_all(&bytes)
}

/// The policy; without one the findings are the failure.
pub(crate) fn policy(loaded: &Loaded) -> &Policy {
    loaded.policy().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)))
}

/// Everything that two policies judge differently, in words; empty when they are the same.
pub(crate) fn apart(first: &Policy, second: &Policy) -> Vec<String> {
    let (left, right) = (Compiled::new(first), Compiled::new(second));
    let everything = PacketSet::new(&AddressSet::any(), &AddressSet::any(), &ServiceSet::any());
    let found =
        differences(&FirstPackets::new(first, &left), &FirstPackets::new(second, &right), &everything);
    found.iter().map(|d| format!("{}: {} or {}", d.witness, d.before.reason, d.after.reason)).collect()
}
