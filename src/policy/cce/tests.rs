//! The tables, read a second time and by hand, against the data; and what every preset has to keep.

use std::collections::BTreeSet;

use super::{Preset, PresetRule, find, presets};
use crate::packet::{AddressRange, PortSet, Protocol};
use crate::policy::Direction;

/// Tables T1 to T8 and the older page's (B), a row each: table, protocol, ports (`*` is all), far side (`@` is a
/// group). Copied by hand from the facts, not from the data.
const TABLES: &str = "
    T1 udp * vpc
    T1 tcp * vpc
    T1 icmp * @control
    T1 tcp 30000-32767 any
    T1 udp 30000-32767 any
    T1 all * container
    T1 all * @node
    T1 tcp 22 any

    T2 tcp 5444 vpc
    T2 tcp 5444 container
    T2 tcp 9443 vpc
    T2 tcp 5443 any
    T2 tcp 8445 vpc
    T2 all * @control

    T3 udp 4789 any
    T3 tcp 10250 master
    T3 tcp 30000-32767 any
    T3 udp 30000-32767 any
    T3 tcp 22 any
    T3 all * @node

    T4 udp 4789 any
    T4 tcp 5444 vpc
    T4 tcp 5444 container
    T4 tcp 9443 vpc
    T4 tcp 5443 any
    T4 tcp 8445 vpc
    T4 all * @control

    T5 tcp 10250 master
    T5 tcp 30000-32767 any
    T5 udp 30000-32767 any
    T5 tcp 22 any
    T5 all * @node
    T5 all * container-subnet

    T6 tcp 5444 any
    T6 tcp 5444 vpc
    T6 tcp 9443 vpc
    T6 tcp 5443 any
    T6 tcp 8445 vpc
    T6 all * @control
    T6 all * container-subnet

    T7 all * @eni
    T7 all * vpc

    T8 tcp 53 dns
    T8 udp 53 dns
    T8 tcp 5353 container
    T8 udp 5353 container
    T8+tunnel udp 4789 any
    T8 tcp 5443 master
    T8 tcp 5444 vpc
    T8 tcp 5444 container
    T8 tcp 6443 master
    T8 tcp 8445 vpc
    T8 tcp 9443 vpc
    T8 all * endpoints
    T8 udp 123 service
    T8 tcp 443 service
    T8 tcp 6443 service

    B-node+tunnel udp 4789 any
    B-node tcp 10250 master
    B-node tcp 30000-32767 any
    B-node udp 30000-32767 any
    B-node tcp 22 any
    B-node all * @node
    B-node all * vpc

    B-control tcp 5444 vpc
    B-control tcp 5444 container
    B-control+tunnel udp 4789 any
    B-control tcp 9443 vpc
    B-control tcp 5443 any
    B-control tcp 8445 vpc
    B-control all * @control
    B-control all * vpc

    B-eni all * @eni
    B-eni all * vpc

    out all * any
";

/// Which table each group's ingress and egress are: preset, group, ingress, egress.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("cce/vpc", "node", "T1", "out"),
    ("cce/vpc", "control", "T2", "out"),
    ("cce/tunnel", "node", "T3", "out"),
    ("cce/tunnel", "control", "T4", "out"),
    ("cce/turbo", "node", "T5", "out"),
    ("cce/turbo", "control", "T6", "out"),
    ("cce/turbo", "eni", "T7", "out"),
    ("cce/vpc-hardened", "node", "T1", "T8"),
    ("cce/vpc-hardened", "control", "T2", "out"),
    ("cce/tunnel-hardened", "node", "T3", "T8"),
    ("cce/tunnel-hardened", "control", "T4", "out"),
    ("cce/turbo-hardened", "node", "T5", "T8"),
    ("cce/turbo-hardened", "control", "T6", "out"),
    ("cce/turbo-hardened", "eni", "T7", "out"),
    ("cce/older-vpc", "node", "B-node", "out"),
    ("cce/older-vpc", "control", "B-control", "out"),
    ("cce/older-tunnel", "node", "B-node", "out"),
    ("cce/older-tunnel", "control", "B-control", "out"),
    ("cce/older-turbo", "node", "B-node", "out"),
    ("cce/older-turbo", "control", "B-control", "out"),
    ("cce/older-turbo", "eni", "B-eni", "out"),
];

/// The rows of a table as a preset of this name should have them, in words.
fn expected(table: &str, preset: &str, direction: Direction) -> Vec<String> {
    let side = if direction == Direction::Ingress { "from" } else { "to" };
    let row = |line: &str| {
        let [of, protocol, ports, remote] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("not a row: {line}");
        };
        let here = match of.strip_suffix("+tunnel") {
            Some(of) => of == table && preset.contains("tunnel"),
            None => of == table,
        };
        let ports = if ports == "*" { String::new() } else { format!(" {ports}") };
        let remote = match remote.strip_prefix('@') {
            Some(group) => format!("group {group}"),
            // A Turbo cluster's container range is its container subnets.
            None if remote == "container" && preset.contains("turbo") => "container-subnet".to_owned(),
            None => remote.to_owned(),
        };
        here.then(|| format!("allow {protocol}{ports} {side} {remote}"))
    };
    TABLES.lines().filter(|line| !line.trim().is_empty()).filter_map(row).collect()
}

fn words(rules: &[PresetRule]) -> Vec<&str> {
    rules.iter().map(|rule| rule.words).collect()
}

#[test]
fn every_table_is_as_read_by_hand() {
    let places: Vec<_> =
        presets().iter().flat_map(|p| p.groups.iter().map(|group| (p.name, group.name))).collect();
    assert_eq!(places, PLACES.iter().map(|&(preset, group, ..)| (preset, group)).collect::<Vec<_>>());
    for &(preset, name, ingress, egress) in PLACES {
        let group = find(preset).and_then(|preset| preset.group(name)).unwrap();
        for (direction, table) in [(Direction::Ingress, ingress), (Direction::Egress, egress)] {
            let rows = expected(table, preset, direction);
            assert!(!rows.is_empty(), "{table} has no rows");
            assert_eq!(words(group.rules(direction)), rows, "{preset} {name} {direction}");
        }
    }
}

/// The ids other rooms, captures and users rely on.
#[test]
fn ids_are_what_they_always_were() {
    let ids = |preset: &str, name: &str| {
        let group = find(preset).and_then(|preset| preset.group(name)).unwrap();
        let ids = |rules: &[PresetRule]| rules.iter().map(|rule| rule.id).collect::<Vec<_>>().join(" ");
        format!("{} | {}", ids(group.ingress), ids(group.egress))
    };
    let control =
        "apiserver-5444-vpc apiserver-5444-container network-addon apiserver-5443 storage-addon self";
    let t8 = |vxlan: &str| {
        format!(
            "dns-tcp dns-udp coredns-tcp coredns-udp {vxlan}apiserver-5443-out apiserver-5444-vpc-out \
             apiserver-5444-container-out apiserver-6443-out storage-addon-out network-addon-out endpoints ntp \
             packages-443 report-6443"
        )
    };
    let vpc_node = "udp-vpc tcp-vpc icmp-control nodeport-tcp nodeport-udp container self ssh";
    let tunnel_node = "vxlan kubelet nodeport-tcp nodeport-udp ssh self";
    let turbo_node = "kubelet nodeport-tcp nodeport-udp ssh self container-subnet";
    let turbo_control = "apiserver-5444-any apiserver-5444-vpc network-addon apiserver-5443 storage-addon self \
                         container-subnet | all-out";
    assert_eq!(ids("cce/vpc", "node"), format!("{vpc_node} | all-out"));
    assert_eq!(ids("cce/tunnel", "node"), format!("{tunnel_node} | all-out"));
    assert_eq!(ids("cce/turbo", "node"), format!("{turbo_node} | all-out"));
    assert_eq!(ids("cce/vpc-hardened", "node"), format!("{vpc_node} | {}", t8("")));
    assert_eq!(ids("cce/tunnel-hardened", "node"), format!("{tunnel_node} | {}", t8("vxlan-out ")));
    assert_eq!(ids("cce/turbo-hardened", "node"), format!("{turbo_node} | {}", t8("")));
    for hardened in ["", "-hardened"] {
        assert_eq!(ids(&format!("cce/vpc{hardened}"), "control"), format!("{control} | all-out"));
        assert_eq!(ids(&format!("cce/tunnel{hardened}"), "control"), format!("vxlan {control} | all-out"));
        assert_eq!(ids(&format!("cce/turbo{hardened}"), "control"), turbo_control);
        assert_eq!(ids(&format!("cce/turbo{hardened}"), "eni"), "self vpc | all-out");
    }
    assert_eq!(ids("cce/older-tunnel", "node"), format!("{tunnel_node} vpc | all-out"));
    assert_eq!(
        ids("cce/older-tunnel", "control"),
        "apiserver-5444-vpc apiserver-5444-container vxlan network-addon apiserver-5443 storage-addon self vpc \
         | all-out"
    );
    assert_eq!(ids("cce/older-turbo", "eni"), "self vpc | all-out");
}

fn rules(preset: &Preset) -> impl Iterator<Item = (&'static str, Direction, &'static PresetRule)> {
    preset.groups.iter().flat_map(|group| {
        Direction::BOTH.into_iter().flat_map(move |direction| {
            group.rules(direction).iter().map(move |rule| (group.name, direction, rule))
        })
    })
}

#[test]
fn ids_are_unique_in_their_group_and_every_rule_explains_itself() {
    let mut names = BTreeSet::new();
    for preset in presets() {
        assert!(names.insert(preset.name) && !preset.notes.is_empty() && !preset.title.is_empty());
        let mut ids = BTreeSet::new();
        for (group, _, rule) in rules(preset) {
            assert!(ids.insert((group, rule.id)), "{}: {group}/{} twice", preset.name, rule.id);
            for text in [rule.purpose, rule.breaks] {
                assert!(!text.is_empty(), "{}: {group}/{}", preset.name, rule.id);
                assert!(!text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
    }
}

/// `ACTION PROTOCOL [PORTS] from|to REMOTE`, and every remote is known.
#[test]
fn words_are_of_the_grammar_and_name_only_what_the_preset_has() {
    for preset in presets() {
        for (group, direction, rule) in rules(preset) {
            let at = format!("{} {group}/{}: {}", preset.name, rule.id, rule.words);
            let side = if direction == Direction::Ingress { " from " } else { " to " };
            let (service, remote) = rule.words.split_once(side).expect(&at);
            match service.split(' ').collect::<Vec<_>>()[..] {
                ["allow", "all" | "icmp"] => {}
                ["allow", protocol @ ("tcp" | "udp")] => assert!(protocol.parse::<Protocol>().is_ok()),
                ["allow", "tcp" | "udp", ports] => assert!(ports.parse::<PortSet>().is_ok(), "{at}"),
                _ => panic!("{at}"),
            }
            match remote.strip_prefix("group ") {
                Some(name) => assert!(preset.group(name).is_some(), "{at}"),
                None => assert!(remote == "any" || preset.parameter(remote).is_some(), "{at}"),
            }
        }
    }
}

#[test]
fn what_is_required_is_what_is_used_and_has_no_default() {
    let required = |name: &str| find(name).unwrap().required().collect::<Vec<_>>();
    assert_eq!(required("cce/vpc"), ["vpc", "container"]);
    assert_eq!(required("cce/tunnel"), ["vpc", "container", "master"]);
    assert_eq!(required("cce/turbo"), ["vpc", "container-subnet", "master"]);
    assert_eq!(required("cce/vpc-hardened"), ["vpc", "container", "master", "dns"]);
    for preset in presets() {
        let used: BTreeSet<_> =
            rules(preset).filter_map(|(_, _, rule)| rule.words.split(' ').next_back()).collect();
        let mut names = BTreeSet::new();
        for parameter in preset.parameters {
            assert!(names.insert(parameter.name), "{} twice", parameter.name);
            let spare = ["load-balancer", "cloudshell"].contains(&parameter.name);
            assert!(used.contains(parameter.name) != spare, "{}: {}", preset.name, parameter.name);
            assert!(!(spare && parameter.is_required()));
            for address in parameter.default {
                assert!(address.parse::<AddressRange>().is_ok() && !AddressRange::host_bits_set(address));
            }
        }
    }
}

#[test]
fn advice_is_the_pages() {
    let advice = |preset: &str, group: &str, id: &str| {
        let group = find(preset).and_then(|preset| preset.group(group)).unwrap();
        group.ingress.iter().chain(group.egress).find(|rule| rule.id == id).unwrap().advice.word()
    };
    for (group, id, newer, older) in [
        ("node", "vxlan", "keep", "keep"),
        ("node", "kubelet", "keep", "keep"),
        ("node", "nodeport-tcp", "may", "may"),
        ("node", "nodeport-udp", "may", "may"),
        ("node", "ssh", "should", "should"),
        ("node", "self", "keep", "keep"),
        ("node", "all-out", "may", "keep"),
        ("control", "apiserver-5444-vpc", "keep", "keep"),
        ("control", "apiserver-5443", "should", "may"),
        ("control", "network-addon", "keep", "keep"),
        ("control", "storage-addon", "keep", "keep"),
        ("control", "self", "keep", "keep"),
        ("control", "all-out", "keep", "keep"),
    ] {
        assert_eq!(advice("cce/tunnel", group, id), newer, "{group}/{id}");
        assert_eq!(advice("cce/older-tunnel", group, id), older, "{group}/{id}");
    }
    for id in ["udp-vpc", "tcp-vpc", "icmp-control", "container"] {
        assert_eq!(advice("cce/vpc", "node", id), "keep");
    }
    for (group, id) in
        [("node", "container-subnet"), ("control", "container-subnet"), ("eni", "self"), ("eni", "vpc")]
    {
        assert_eq!(advice("cce/turbo", group, id), "keep");
    }
}
