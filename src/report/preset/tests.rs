//! The printed scenario, and every mistake a user can make with its parameters.

use super::{find, write_list, write_show};
use crate::policy::cce::presets;

fn show(name: &str, settings: &[(&str, &str)]) -> Result<String, String> {
    let mut out = Vec::new();
    let result = find(name).and_then(|preset| write_show(&mut out, preset, settings));
    let text = String::from_utf8(out).unwrap();
    match result {
        Ok(()) => Ok(text),
        Err(error) => {
            assert_eq!(text, "", "nothing is written before a mistake is told");
            Err(error.to_string())
        }
    }
}

/// The scenario without its comments.
fn bare(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
    code.fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn list_is_aligned() {
    let mut out = Vec::new();
    write_list(&mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn show_prints_a_scenario_with_reasons() {
    let settings = [
        ("vpc", "192.168.0.0/16"),
        ("master", "192.168.0.8-192.168.0.10, fd00::8"),
        ("container-subnet", "192.168.64.0/18"),
    ];
    insta::assert_snapshot!(show("cce/turbo", &settings).unwrap());
}

#[test]
fn values_given_replace_defaults_and_are_masked() {
    let settings =
        [("vpc", "192.168.1.0/16,10.8.0.0/16"), ("container", "10.0.0.0/16"), ("cloudshell", "::1")];
    let text = bare(&show("cce/vpc", &settings).unwrap());
    let addresses = "addresses:\n  vpc: [192.168.0.0/16, 10.8.0.0/16]\n  container: [10.0.0.0/16]\n  \
                     load-balancer: [100.125.0.0/16]\n  cloudshell: [\"::1\"]\ngroups:\n";
    assert!(text.starts_with(addresses), "{text}");
}

#[test]
fn every_preset_prints_every_rule_once() {
    for preset in presets() {
        let settings: Vec<_> = preset.required().map(|name| (name, "192.168.0.0/16")).collect();
        let text = show(preset.name, &settings).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100 && line == line.trim_end()));
        let rules = preset.groups.iter().flat_map(|group| group.ingress.iter().chain(group.egress));
        let expected: Vec<_> = rules.map(|rule| format!("      - {} id {}", rule.words, rule.id)).collect();
        let printed: Vec<_> = text.lines().filter(|line| line.starts_with("      - ")).collect();
        assert_eq!(printed, expected);
    }
}

#[test]
fn mistakes_are_told_all_at_once() {
    let error = |name, settings: &[(&str, &str)]| show(name, settings).unwrap_err();
    assert_eq!(
        error("cce/tunel", &[]),
        "no preset is called 'cce/tunel', there are cce/vpc, cce/tunnel, cce/turbo, cce/vpc-hardened, \
         cce/tunnel-hardened, cce/turbo-hardened, cce/older-vpc, cce/older-tunnel, cce/older-turbo"
    );
    assert_eq!(
        error("cce/vpc", &[("vpc", "10.0.0.0/33"), ("dns", "10.0.0.2"), ("vpc", "")]),
        "preset cce/vpc: parameter 'vpc': prefix length 33 is over 32 for IPv4; it has no parameter 'dns', \
         only vpc, container, load-balancer, cloudshell; parameter 'vpc' is set twice, several addresses are \
         separated by commas; parameter 'vpc': '' is not an IPv4 or IPv6 address, CIDR or range; parameter \
         container must be set (address ranges of the pods (container CIDR))"
    );
    let missing = error("cce/tunnel-hardened", &[]);
    assert!(
        missing.starts_with("preset cce/tunnel-hardened: parameters vpc, container, master, dns must be set")
    );
}

#[test]
fn what_is_printed_is_yaml_and_so_is_its_example() {
    for preset in presets() {
        let settings: Vec<_> = preset.required().map(|name| (name, "192.168.0.1,::,fd00::/64")).collect();
        let text = show(preset.name, &settings).unwrap();
        let (scenario, example) = text.split_once("# interfaces:\n").unwrap();
        let example = example.lines().fold("interfaces:\n".to_owned(), |all, line| all + &line[1..] + "\n");
        let yaml = format!("{scenario}\n{example}");
        let events: Result<Vec<_>, _> = saphyr_parser::Parser::new_from_str(&yaml).collect();
        assert!(events.is_ok(), "{:?}\n{yaml}", events.err());
    }
}
