//! `sgsim preset show` prints a scenario that means exactly what `preset:` and `with:` mean.

use sgsim::policy::{Scenario, cce};
use sgsim::report::preset::write_show;

/// Name, words and resolved remote of every rule.
fn rules(text: &str) -> Vec<(String, String, String)> {
    let loaded = Scenario::parse("s.yaml", text);
    let policy =
        loaded.policy().unwrap_or_else(|| panic!("{}\n{text}", loaded.render(sgsim::diag::Style::Plain)));
    policy.rules.iter().map(|rule| (rule.name.clone(), rule.words(), rule.remote.to_string())).collect()
}

#[test]
fn what_is_shown_means_the_preset() {
    for preset in cce::presets() {
        let must_be_set = preset.parameters.iter().filter(|parameter| parameter.is_required());
        let settings: Vec<(&str, &str)> =
            must_be_set.map(|parameter| (parameter.name, "10.0.0.0/8")).collect();
        let mut shown = Vec::new();
        write_show(&mut shown, preset, &settings).unwrap();
        let mut short = format!("preset: {}\nwith:\n", preset.name);
        let mut interfaces = "\ninterfaces:\n".to_owned();
        for (name, value) in &settings {
            short += &["  ", name, ": ", value, "\n"].concat();
        }
        for (at, group) in preset.groups.iter().enumerate() {
            let address = format!("192.0.2.{at}");
            interfaces +=
                &["  n-", group.name, ": { addresses: ", &address, ", groups: ", group.name, " }\n"].concat();
        }
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(rules(&(shown + &interfaces)), rules(&(short + &interfaces)), "{}", preset.name);
    }
}
