//! Who is attached to what, from several inputs.

use sgsim::policy::{Loaded, Scenario};

use crate::support::{inputs, policy, texts};

/// Interfaces in words: name, addresses, networks behind, groups.
fn interfaces(loaded: &Loaded) -> Vec<String> {
    let policy = policy(loaded);
    let words = |interface: &sgsim::policy::Interface| {
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let behind: Vec<_> = interface.behind.iter().map(ToString::to_string).collect();
        let groups: Vec<_> = interface.groups.iter().map(|&id| policy.group(id).name.clone()).collect();
        format!("{} {} [{}] {}", interface.name, addresses.join(","), behind.join(","), groups.join(","))
    };
    policy.interfaces.iter().map(words).collect()
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|finding| finding.code.name).collect()
}

const NODES: &str = r#"{"kind": "List", "apiVersion": "v1", "items": [
    {"kind": "Node", "metadata": {"name": "node-1"}, "spec": {"podCIDR": "172.16.0.0/25", "podCIDRs": ["172.16.0.0/25"]},
     "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.21"}, {"type": "Hostname", "address": "node-1"}]}},
    {"kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {},
     "status": {"hostIP": "192.168.0.21", "podIP": "172.16.0.5", "podIPs": [{"ip": "172.16.0.5"}]}},
    {"kind": "Pod", "metadata": {"name": "proxy", "namespace": "kube-system"}, "spec": {"hostNetwork": true},
     "status": {"hostIP": "192.168.0.21", "podIP": "192.168.0.21"}},
    {"kind": "Pod", "metadata": {"name": "turbo", "namespace": "shop", "annotations":
     {"yangtse.io/security-group-ids": "7a2b6d60-41c8-4f0a-9c1f-6d1f0a8f7b11"}}, "spec": {},
     "status": {"hostIP": "192.168.0.21", "podIP": "192.168.4.9"}}]}"#;

#[test]
fn kubernetes_names_what_ports_bind() {
    let read = |file: &str| std::fs::read_to_string(&inputs(&[file], &[]).files[0]).unwrap();
    let (web, db, ports) = ("huawei-v3/show-web.json", "huawei-v3/show-db.json", "huawei-v3/ports.json");
    let (web, db, ports) = (read(web), read(db), read(ports));
    let loaded = texts(&[("w.json", &web), ("d.json", &db), ("p.json", &ports), ("nodes.json", NODES)]);
    assert_eq!(
        interfaces(&loaded),
        [
            "node-1 192.168.0.21 [172.16.0.0/25,172.16.0.5/32] web",
            "web-2 192.168.0.22 [] web",
            "db-1 192.168.0.31 [] db",
            "shop/turbo 192.168.4.9 [] db",
        ]
    );
}

#[test]
fn a_cluster_says_the_group_of_its_nodes_and_its_ranges() {
    let cluster = r#"{"kind": "Cluster", "apiVersion": "v3", "metadata": {"name": "shop"}, "spec": {"type": "VirtualMachine",
        "hostNetwork": {"vpc": "v", "subnet": "s", "SecurityGroup": "0552091e-b83a-49dd-88a7-4a5c86fd9ec3"},
        "containerNetwork": {"mode": "MODE", "cidr": "172.16.0.0/16"}, "eniNetwork": {"eniSubnetCIDR": "192.168.4.0/24"},
        "kubernetesSvcIpRange": "10.247.0.0/16"}, "status": {"phase": "Available"}}"#;
    let web = std::fs::read_to_string(&inputs(&["huawei-v3/show-web.json"], &[]).files[0]).unwrap();
    let with = |mode: &str| {
        let cluster = cluster.replace("MODE", mode);
        texts(&[("cluster.json", &cluster), ("web.json", &web), ("nodes.json", NODES)])
    };
    let sets = |loaded: &Loaded| {
        let sets = &loaded.scenario.as_ref().unwrap().sets;
        sets.iter().map(|set| format!("{} {}", set.name, set.addresses)).collect::<Vec<_>>()
    };
    let vpc = with("vpc-router");
    assert_eq!(interfaces(&vpc)[0], "node-1 192.168.0.21 [172.16.0.0/25,172.16.0.5/32] web");
    assert_eq!(sets(&vpc), ["container 172.16.0.0/16", "service 10.247.0.0/16"]);
    assert!(codes(&vpc).contains(&"assumed"));
    assert_eq!(interfaces(&with("overlay_l2"))[0], "node-1 192.168.0.21 [] web", "no pod meets a group");
    assert_eq!(sets(&with("eni"))[0], "container 192.168.4.0/24");
}

#[test]
fn nodes_of_which_no_one_says_the_groups_are_undecided() {
    let loaded = texts(&[("nodes.json", NODES)]);
    assert!(interfaces(&loaded)[0].ends_with(" unknown-groups"));
}

#[test]
fn instances_and_their_interfaces_are_one() {
    let loaded = Scenario::load_all(&inputs(
        &["aws/network-interfaces.json", "aws/instances.json", "aws/security-groups.json"],
        &[],
    ));
    assert_eq!(
        interfaces(&loaded),
        ["web-1 192.168.0.21 [] web", "web-2 192.168.0.22 [] web", "db-1 192.168.0.31 [] db"]
    );
    assert!(!codes(&loaded).contains(&"layers-differ"));
}

#[test]
fn a_later_input_counts_and_says_so() {
    let mut inputs =
        inputs(&["huawei-v3/show-web.json", "huawei-v3/show-db.json", "huawei-v3/ports.json"], &[]);
    inputs.attach = vec!["db=192.168.0.22".to_owned(), "web=192.168.0.22".to_owned()];
    let loaded = Scenario::load_all(&inputs);
    assert_eq!(interfaces(&loaded)[1], "web-2 192.168.0.22 [] db,web");
    assert!(codes(&loaded).contains(&"layers-differ"));
}

#[test]
fn address_groups_and_prefix_lists_are_sets() {
    let group = r#"{"security_group": {"id": "g", "name": "g", "security_group_rules": [{"id": "r", "direction": "ingress",
        "protocol": "tcp", "multiport": "22", "action": "allow", "priority": 1, "remote_address_group_id": "dd18"}]}}"#;
    let set = r#"{"address_groups": [{"id": "dd18", "name": "office", "ip_version": 4, "max_capacity": 20, "status": "NORMAL",
        "ip_set": ["192.0.2.1-192.0.2.9"], "ip_extra_set": [{"ip": "198.51.100.0/24", "remarks": "x"}]}]}"#;
    let loaded = texts(&[
        ("g.json", group),
        ("set.json", set),
        ("x.yaml", "interfaces: { a: { addresses: 10.0.0.1, groups: [g] } }"),
    ]);
    let rule = &policy(&loaded).rules[0];
    assert_eq!((rule.remote_text.as_str(), rule.doubt), ("office", None));
    assert_eq!(rule.remote.to_string(), "192.0.2.1-192.0.2.9, 198.51.100.0/24");
    let aws = r#"{"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "g", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22,
        "ToPort": 22, "IpRanges": [], "PrefixListIds": [{"PrefixListId": "pl-1"}]}], "IpPermissionsEgress": []}]}"#;
    let list = r#"{"PrefixListId": "pl-1", "Entries": [{"Cidr": "192.0.2.0/24", "Description": "x"}]}"#;
    let loaded = texts(&[("g.json", aws), ("pl.json", list)]);
    assert_eq!(policy(&loaded).rules[0].remote.to_string(), "192.0.2.0/24");
}

#[test]
fn every_rule_names_where_it_stands() {
    let place = |file: &str, rule: usize| {
        let loaded = Scenario::load_all(&inputs(&[file], &[]));
        let origin = policy(&loaded).rules[rule].origin.clone();
        (origin.line, origin.place.map(|place| place.to_string()).unwrap_or_default())
    };
    assert_eq!(place("huawei-v3/rules.json", 2).1, "/security_group_rules/2");
    assert_eq!(place("aws/security-groups.json", 0).1, "/SecurityGroups/0/IpPermissions/0/IpRanges/0");
    assert_eq!(place("terraform/huaweicloud-plan.json", 1).1, "huaweicloud_networking_secgroup_rule.web_1");
    assert_eq!(place("console/web.xlsx", 1), (3, String::new()));
}

#[test]
fn a_name_of_several_groups_is_attached_to_none() {
    let group = |id: &str| {
        format!(
            r#"{{"GroupId": "{id}", "GroupName": "default", "IpPermissions": [], "IpPermissionsEgress": []}}"#
        )
    };
    let groups = format!(r#"{{"SecurityGroups": [{}, {}]}}"#, group("sg-0a"), group("sg-0b"));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("two-defaults.json");
    std::fs::write(&file, groups).unwrap();
    let attached = |attach: &str| {
        let attach = vec![format!("{attach}=10.0.0.5")];
        Scenario::load_all(&sgsim::policy::Inputs { files: vec![file.clone()], attach, trust_allow: false })
    };
    let loaded = attached("default");
    let told = loaded.diagnostics.iter().find(|finding| finding.code.name == "ambiguous-group").unwrap();
    assert_eq!(told.message, "`default` is the name of 2 groups");
    let text = loaded.render(sgsim::diag::Style::Plain);
    assert!(text.contains("--attach:1:1") && text.contains("default.sg-0a, default.sg-0b"), "{text}");
    assert!(loaded.policy().is_none());
    // What the help lists can be said, and so can the identifier.
    for name in ["default.sg-0b", "sg-0b"] {
        assert_eq!(interfaces(&attached(name)), ["10.0.0.5 10.0.0.5 [] default.sg-0b"], "{name}");
    }
}

#[test]
fn a_misspelt_group_is_a_mistake() {
    let mut inputs = inputs(&["huawei-v3/show-web.json", "huawei-v3/ports.json"], &[]);
    inputs.attach = vec!["wep=192.168.0.99".to_owned()];
    let loaded = Scenario::load_all(&inputs);
    let told = loaded.diagnostics.iter().find(|finding| finding.code.name == "unknown-group").unwrap();
    assert_eq!(told.message, "unknown group `wep`");
    let text = loaded.render(sgsim::diag::Style::Plain);
    assert!(text.contains("--attach:1:1") && text.contains("did you mean `web`?"), "{text}");
    assert!(loaded.policy().is_none());
    // A group that an export names may stand in another: it is not known, and no mistake.
    inputs.attach = vec!["web=192.168.0.99".to_owned()];
    let loaded = Scenario::load_all(&inputs);
    let names: Vec<_> = policy(&loaded).groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["web", "7a2b6d60"]);
}

#[test]
fn ports_of_the_network_itself_are_left_out_with_a_note() {
    let port = |id: &str, owner: &str, address: &str, groups: &str| {
        format!(
            r#"{{"id": "{id}", "device_owner": "{owner}", "fixed_ips": [{{"ip_address": "{address}"}}], "security_groups": [{groups}]}}"#
        )
    };
    let ports = [
        port("d", "network:dhcp", "10.0.0.2", ""),
        port("r", "network:router_interface", "10.0.0.1", ""),
        port("a", "compute:az1", "10.0.0.5", ""),
        port("b", "network:dhcp", "10.0.0.6", r#""g""#),
        port("l", "neutron:LOADBALANCERV2", "10.0.0.3", ""),
        port("v", "neutron:VIP_PORT", "10.0.0.4", ""),
    ]
    .join(", ");
    let group = r#"{"security_groups": [{"id": "g", "name": "g", "security_group_rules": []}]}"#;
    let loaded = texts(&[("g.json", group), ("p.json", &format!(r#"{{"ports": [{ports}]}}"#))]);
    assert_eq!(interfaces(&loaded), ["10.0.0.5 10.0.0.5 [] ", "10.0.0.6 10.0.0.6 [] g"]);
    let notes: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.message.as_str()).collect();
    for (port, owner) in [
        ("d", "network:dhcp"),
        ("r", "network:router_interface"),
        ("l", "neutron:LOADBALANCERV2"),
        ("v", "neutron:VIP_PORT"),
    ] {
        let note = format!("port {port}: {owner} has no group");
        assert!(notes.iter().any(|told| told.starts_with(&note)), "{notes:?}");
    }
}

#[test]
fn what_a_cloud_implies_is_said_unless_a_scenario_says_it() {
    let told = |files: &[&str], scenario: &str| {
        let paths = inputs(files, &[]).files;
        let read: Vec<_> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let exports = files.iter().zip(&read).map(|(name, text)| (*name, text.as_str()));
        let loaded = texts(&exports.chain([("s.yaml", scenario)]).collect::<Vec<_>>());
        let messages = loaded.diagnostics.iter().filter(|finding| finding.code.name == "assumed");
        let messages: Vec<_> = messages.map(|finding| finding.message.clone()).collect();
        messages.into_iter().filter(|message| message.contains('`')).collect::<Vec<_>>()
    };
    let aws: &[&str] = &["aws/security-groups.json", "aws/network-interfaces.json"];
    assert_eq!(
        told(aws, "description: none"),
        ["as AWS EC2 does: dialect `union`, state `aws`, unless a scenario says otherwise"]
    );
    assert_eq!(
        told(aws, "state: linux"),
        ["as AWS EC2 does: dialect `union`, unless a scenario says otherwise"]
    );
    assert_eq!(told(aws, "dialect: union\nstate: linux"), Vec::<String>::new());
    assert_eq!(
        told(&["huawei-v3/show-web.json"], "description: none"),
        ["as Huawei Cloud v3 does: dialect `ordered`, state `huawei`, unless a scenario says otherwise"]
    );
}

/// A network interface that has a group, as the cloud lists it.
fn eni(group: &str, name: &str) -> String {
    format!(
        r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.5",
        "TagSet": [{{"Key": "Name", "Value": "web-1"}}], "Groups": [{{"GroupId": "{group}", "GroupName": "{name}"}}]}}]}}"#
    )
}

#[test]
fn a_group_without_its_identifier_is_found_by_its_name() {
    let group = |id: &str, name: &str| {
        format!(
            r#"{{"GroupId": "{id}", "GroupName": "{name}", "IpPermissions": [], "IpPermissionsEgress": []}}"#
        )
    };
    let groups = |groups: &[String]| format!(r#"{{"SecurityGroups": [{}]}}"#, groups.join(", "));
    let both = |groups: &str, eni: &str| texts(&[("g.json", groups), ("eni.json", eni)]);
    let real = "sg-0a1b2c3d";
    // What `convert` writes has the names as identifiers, and a scenario has names alone.
    let converted = groups(&[group("my-app--prod-", "my app (prod)")]);
    let scenario = "groups: { my-app--prod-: { ingress: [] } }";
    for known in [&*converted, scenario] {
        let loaded = both(known, &eni(real, "my app (prod)"));
        assert_eq!(interfaces(&loaded), ["web-1 10.0.0.5 [] my-app--prod-"], "{known}");
        let note = "no input has group sg-0a1b2c3d: it is taken to be `my-app--prod-`, which has its name";
        assert!(loaded.diagnostics.iter().any(|finding| finding.message == note), "{known}");
    }
    // A group of another identifier is another, whatever its name: every VPC has a `default`.
    let other = both(&groups(&[group("sg-0a1b2c3e", "default")]), &eni(real, "default"));
    assert_eq!(interfaces(&other), ["web-1 10.0.0.5 [] sg-0a1b2c3d"]);
    let two = both(&groups(&[group("a", "default"), group("b", "default")]), &eni(real, "default"));
    assert_eq!(interfaces(&two), ["web-1 10.0.0.5 [] sg-0a1b2c3d"]);
    let told = two.diagnostics.iter().find(|finding| finding.code.name == "ambiguous-name").unwrap();
    assert_eq!(told.message, "no input has group sg-0a1b2c3d, and default.a, default.b have its name");
}

#[test]
fn a_group_of_unknown_rules_stands_where_it_is_named() {
    let loaded = texts(&[("eni.json", &eni("sg-0a1b2c3d", "web"))]);
    let origin = policy(&loaded).rules[0].origin.to_string();
    assert_eq!(origin, "eni.json:2 /NetworkInterfaces/0/Groups/0/GroupId");
}
