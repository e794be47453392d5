//! Exports and flow logs: any bytes give a policy or findings that can be shown; what becomes a scenario is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sgsim::capture::FlowLog;
use sgsim::diag::Style;
use sgsim::policy::{Scenario, Target};

fuzz_target!(|data: &[u8]| {
    // A second file beside the first, so that inputs meet.
    let cut = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (first, second) = (&data[..cut], data.get(cut + 1..).unwrap_or_default());
    let files = [("first.json", first), ("second.json", second)];
    let loaded = Scenario::parse_all(if second.is_empty() { &files[..1] } else { &files });
    let findings = loaded.render(Style::Plain);
    match &loaded.scenario {
        None => assert!(!findings.is_empty(), "without a policy there is a finding"),
        Some(scenario) => {
            let yaml = scenario.export(Target::Scenario, &[]).expect("a scenario can always be written");
            let again = Scenario::parse("again.yaml", &yaml);
            assert!(again.policy().is_some(), "{yaml}\n{}", again.render(Style::Plain));
            for (_, target) in Target::ALL {
                let _ = scenario.export(target, &[]);
            }
        }
    }
    let _ = FlowLog::read("fuzz.log", data);
});
