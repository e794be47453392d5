//! The built-in workloads: what the tables imply, and what breaks when outbound traffic is narrowed.

use std::collections::BTreeSet;

use sgsim::policy::cce;
use sgsim::synth::BUILTINS;

use crate::support::{builtin, plan, scenario, shipped, verdicts};

/// Two masters and three nodes, so that every flow has its ends.
fn cluster(model: &str) -> String {
    shipped(&format!("cce-{model}"))
        .replace("interfaces:", "interfaces:\n  master-2: { addresses: 192.168.0.11, groups: [control] }")
}

/// Every conversation gets the verdict that its flow expects.
#[test]
fn default_groups_say_what_the_tables_imply() {
    for model in ["vpc", "tunnel", "turbo"] {
        let scenario = scenario(&cluster(model));
        let plan = plan(builtin(&format!("cce/{model}")), &scenario, 3);
        let verdicts = verdicts(&plan, &scenario);
        for flow in &plan.flows {
            let expected = flow.expect.unwrap_or_else(|| panic!("{model}: {} expects nothing", flow.name));
            let found = &verdicts.get(&flow.name).unwrap_or_else(|| panic!("{model}: no {}", flow.name));
            let words: Vec<_> = found.keys().copied().collect();
            assert_eq!(words, [expected.to_string()], "{model}: {}: {found:?}", flow.name);
        }
    }
}

/// Every ingress rule of every table decides something: no line is left out.
#[test]
fn every_line_of_the_tables_is_exercised() {
    for model in ["vpc", "tunnel", "turbo"] {
        let scenario = scenario(&cluster(model));
        let plan = plan(builtin(&format!("cce/{model}")), &scenario, 20);
        let matcher = sgsim::compile::Compiled::new(&scenario.policy);
        let mut replay = sgsim::replay::Replay::new(&scenario.policy, &matcher);
        for (number, segment) in (1..).zip(sgsim::synth::Stream::new(&plan)) {
            replay.push(number, segment.packet(), &mut (), &mut |_| {});
        }
        replay.finish(&mut |_| {});
        let tally = replay.tally();
        let rules = scenario.policy.rules.iter().zip(&tally.rules);
        let idle: Vec<_> =
            rules.filter(|(_, hits)| hits.volume.packets == 0).map(|(rule, _)| rule.name.as_str()).collect();
        assert_eq!(
            idle,
            NEVER.iter().filter(|(of, _)| *of == model).map(|(_, rule)| *rule).collect::<Vec<_>>()
        );
    }
}

/// Rules that cannot decide, because one before them matches all that they match.
const NEVER: [(&str, &str); 1] = [("turbo", "control/apiserver-5444-vpc")];

/// By hand, from table T8 and the flows' ends: what nodes (and in the VPC model the pods behind them) begin, and the list
/// does not name.
#[test]
fn the_hardened_list_breaks_what_it_leaves_out() {
    let broken = |model: &str| -> BTreeSet<&str> {
        let of_all = ["internet", "node-to-kubelet", "node-pings-node"];
        let own: &[&str] = match model {
            "vpc" => &["pod-to-pod", "pod-to-node", "nodeport-second-hop"],
            "tunnel" => &["node-to-host-port"],
            _ => &["nodeport-second-hop"],
        };
        of_all.iter().chain(own).copied().collect()
    };
    for model in ["vpc", "tunnel", "turbo"] {
        let preset = cce::find(&format!("cce/{model}-hardened")).unwrap();
        let mut text =
            cluster(model).replace(&format!("preset: cce/{model}"), &format!("preset: {}", preset.name));
        let parameters = if model == "vpc" {
            ", master: 192.168.0.8/29, dns: 100.125.1.250 }\n"
        } else {
            ", dns: 100.125.1.250 }\n"
        };
        text = text.replacen(" }\n", parameters, 1);
        let scenario = scenario(&text);
        let plan = plan(builtin(&format!("cce/{model}")), &scenario, 1);
        let verdicts = verdicts(&plan, &scenario);
        let mut found = BTreeSet::new();
        for flow in &plan.flows {
            let of = &verdicts[&flow.name];
            let is_allowed = flow.expect.unwrap().to_string() == "allowed";
            if is_allowed && of.contains_key("blocked") {
                assert_eq!(of.len(), 1, "{model}: all of {} break: {of:?}", flow.name);
                found.insert(flow.name.as_str());
            }
            assert!(is_allowed || !of.contains_key("allowed"), "{model}: {} passes", flow.name);
        }
        assert_eq!(found, broken(model), "{model}");
    }
}

/// A user's first scenario has one node and one master: flows between nodes are left out, and that is said.
#[test]
fn a_small_cluster_leaves_flows_out_and_says_so() {
    for built in BUILTINS {
        let model = built.name.trim_start_matches("cce/");
        let with = match model {
            "vpc" => "vpc: 192.168.0.0/16, container: 10.0.0.0/16",
            "tunnel" => "vpc: 192.168.0.0/16, container: 10.0.0.0/16, master: 192.168.0.8/29",
            _ => "vpc: 192.168.0.0/16, container-subnet: 10.0.0.0/16, master: 192.168.0.8/29",
        };
        let eni = if model == "turbo" { "\n  pod: { addresses: 10.0.1.5, groups: [eni] }" } else { "" };
        let scenario = scenario(&format!(
            "preset: {}\nwith: {{ {with} }}\ninterfaces:\n  m: {{ addresses: 192.168.0.10, groups: [control] }}\n  \
             n: {{ addresses: 192.168.0.21, groups: [node] }}{eni}\n",
            built.name
        ));
        let planned =
            sgsim::synth::Plan::make(builtin(built.name), &scenario.policy, &scenario.sets, Some(9), 1);
        let told = planned.loaded.render(sgsim::diag::Style::Plain);
        let plan = planned.plan.unwrap_or_else(|| panic!("{told}"));
        assert!(
            told.contains("warning[flow-left-out]: flow `masters-among-themselves` is left out"),
            "{told}"
        );
        // Those that lack the same are told of once.
        let reasons: Vec<_> =
            told.lines().filter(|line| line.starts_with("warning[flow-left-out]")).collect();
        let reasons: Vec<_> = reasons.iter().filter_map(|line| line.split_once("left out: ")).collect();
        let distinct: std::collections::BTreeSet<_> = reasons.iter().map(|(_, reason)| reason).collect();
        assert!(!reasons.is_empty() && distinct.len() == reasons.len(), "{told}");
        assert!(model == "turbo" || told.contains("flows are left out"), "{told}");
        let all: Vec<_> = built.text.lines().filter(|line| line.contains("optional: true")).collect();
        for line in all {
            let name = line.trim().split_once(':').unwrap().0;
            let is_made = plan.flows.iter().any(|flow| flow.name == name);
            assert!(is_made != told.contains(&format!("`{name}`")), "{name}: {told}");
        }
        assert_eq!(plan.seed, 9);
        assert!(plan.flows.iter().any(|flow| flow.name == "kubelet"));
    }
}
