//! The scenario language: any text gives a policy or findings that can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sgsim::diag::Style;
use sgsim::policy::Scenario;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let loaded = Scenario::parse("fuzz.yaml", &text);
    let findings = loaded.render(Style::Plain);
    assert!(loaded.policy().is_some() || !findings.is_empty(), "without a policy there is a finding");
});
