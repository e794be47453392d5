//! What cannot be known is undecided, with its reason; what is the same either way is not.

use sgsim::compile::Compiled;
use sgsim::packet::Flow;
use sgsim::policy::{Loaded, Scenario};
use sgsim::replay::FirstPackets;

use crate::support::{inputs, policy, texts};

fn reason(loaded: &Loaded, flow: &str) -> &'static str {
    let policy = policy(loaded);
    let matcher = Compiled::new(policy);
    let flow: Flow = flow.parse().unwrap();
    FirstPackets::new(policy, &matcher).judge(&flow.ip(), &mut ()).reason.code()
}

fn assert_reasons(loaded: &Loaded, wanted: &[(&str, &str)]) {
    for (flow, wanted) in wanted {
        assert_eq!(reason(loaded, flow), *wanted, "{flow}");
    }
}

/// A v3 group `g` with these rules, on 10.0.0.1.
fn v3(rules: &str) -> Loaded {
    let group =
        format!(r#"{{"security_group": {{"id": "g-1", "name": "g", "security_group_rules": [{rules}]}}}}"#);
    texts(&[("sg.json", &group), ("extra.yaml", "interfaces: { a: { addresses: 10.0.0.1, groups: [g] } }")])
}

#[test]
fn unknown_membership() {
    let deny = r#"{"id": "d", "direction": "ingress", "protocol": "tcp", "multiport": "22", "action": "deny",
        "priority": 1, "remote_group_id": "elsewhere"}"#;
    let allow = r#"{"id": "a", "direction": "ingress", "protocol": "tcp", "multiport": "22-23", "action": "allow",
        "priority": 5, "remote_group_id": "elsewhere"}"#;
    let sure = r#"{"id": "s", "direction": "ingress", "protocol": "tcp", "multiport": "22,80", "action": "allow",
        "priority": 9, "remote_ip_prefix": "192.0.2.0/24"}"#;
    let loaded = v3(&format!("{deny}, {allow}, {sure}"));
    assert_reasons(
        &loaded,
        &[
            ("tcp 192.0.2.1 > 10.0.0.1:22", "unknown-members"),
            ("tcp 192.0.2.1 > 10.0.0.1:23", "unknown-members"),
            ("tcp 192.0.2.1 > 10.0.0.1:80", "rule"),
            ("tcp 192.0.2.1 > 10.0.0.1:81", "no-rule"),
        ],
    );
    let warned = loaded.diagnostics.iter().filter(|finding| finding.code.name == "unknown-members");
    let messages: Vec<_> = warned.map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["no input gives the addresses of group elsewhere, which 2 rules name"]);
    // An allow that may match, before one that does: it passes either way.
    let loaded = v3(&format!("{allow}, {sure}").replace("22,80", "23,80"));
    assert_reasons(
        &loaded,
        &[("tcp 192.0.2.1 > 10.0.0.1:23", "rule"), ("tcp 198.51.100.1 > 10.0.0.1:23", "unknown-members")],
    );
}

#[test]
fn unknown_membership_ends_when_someone_says_who_is_attached() {
    let mut inputs = inputs(&["huawei-v3/show-db.json", "huawei-v3/show-web.json"], &["db=192.168.0.31"]);
    let from_web = "tcp 192.168.0.21 > 192.168.0.31:5432";
    assert_eq!(reason(&Scenario::load_all(&inputs), from_web), "unknown-members");
    inputs.attach.push("web=192.168.0.21".to_owned());
    assert_eq!(reason(&Scenario::load_all(&inputs), from_web), "rule");
}

#[test]
fn hidden_deny() {
    let mut inputs = inputs(&["huawei-v1/groups.json", "huawei-v3/ports.json"], &[]);
    let loaded = Scenario::load_all(&inputs);
    assert_reasons(
        &loaded,
        &[
            ("tcp 198.51.100.1 > 192.168.0.21:443", "hidden-deny"),
            ("tcp 198.51.100.1 > 192.168.0.21:444", "no-rule"),
            ("tcp 192.168.0.31 > 198.51.100.1:443", "hidden-deny"),
        ],
    );
    inputs.trust_allow = true;
    assert_eq!(reason(&Scenario::load_all(&inputs), "tcp 198.51.100.1 > 192.168.0.21:443"), "rule");
}

#[test]
fn a_bound_group_without_rules_in_any_input() {
    let loaded = Scenario::load_all(&inputs(&["huawei-v3/show-web.json", "huawei-v3/ports.json"], &[]));
    assert_reasons(
        &loaded,
        &[
            ("tcp 198.51.100.1 > 192.168.0.31:5432", "unknown-rules"),
            ("tcp 198.51.100.1 > 192.168.0.21:443", "rule"),
        ],
    );
    // A cloud that only allows: what another group of the interface allows is allowed.
    let aws = |groups: &str| {
        let eni = format!(
            r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "192.168.0.21", "Groups": [{groups}]}}]}}"#
        );
        let folder = inputs(&["aws/security-groups.json"], &[]).files.remove(0);
        let groups = std::fs::read_to_string(folder).unwrap();
        texts(&[("groups.json", &groups), ("eni.json", &eni)])
    };
    let both = r#"{"GroupId": "sg-0a1b2c3d4e5f60001"}, {"GroupId": "sg-gone"}"#;
    assert_eq!(reason(&aws(both), "tcp 198.51.100.1 > 192.168.0.21:443"), "rule");
    assert_eq!(reason(&aws(both), "tcp 198.51.100.1 > 192.168.0.21:444"), "unknown-rules");
}

#[test]
fn the_openstack_client_loses_zeros_of_icmp() {
    let rule = |range: &str| {
        let list = format!(
            r#"[{{"ID": "r", "IP Protocol": "icmp", "Ethertype": "IPv4", "IP Range": "0.0.0.0/0", "Port Range": "{range}",
                "Direction": "ingress", "Remote Security Group": null, "Security Group": "web"}}]"#
        );
        texts(&[
            ("rules.json", &list),
            ("x.yaml", "interfaces: { a: { addresses: 10.0.0.1, groups: [web] } }"),
        ])
    };
    let icmp = |message: &str| format!("icmp 10.0.0.9 > 10.0.0.1 {message}");
    let all = [("", "0/0", "rule"), ("", "0/1", "lost-field"), ("", "8/0", "lost-field")];
    let kind = [("type=8", "8/0", "rule"), ("type=8", "8/1", "lost-field"), ("type=8", "0/0", "no-rule")];
    let code = [("type=3:code=4", "3/4", "rule"), ("type=3:code=4", "3/0", "no-rule")];
    for (range, message, wanted) in all.into_iter().chain(kind).chain(code) {
        assert_eq!(reason(&rule(range), &icmp(message)), wanted, "{range:?} {message}");
    }
}

#[test]
fn an_unattached_rule_of_a_plan() {
    let path = inputs(&["terraform/huaweicloud-plan.json"], &[]).files.remove(0);
    let plan = std::fs::read_to_string(path).unwrap();
    let (before, after) = plan.split_once("huaweicloud_networking_secgroup.db.id").unwrap();
    let after = after.replacen("huaweicloud_networking_secgroup.db", "local.somewhere", 1);
    let lost = format!("{before}local.somewhere{after}");
    let loaded = texts(&[
        ("plan.json", &lost),
        (
            "x.yaml",
            "interfaces: { a: { addresses: 192.168.0.31, groups: [db] }, b: { addresses: 192.168.0.21, groups: [web] } }",
        ),
    ]);
    assert_eq!(reason(&loaded, "tcp 192.168.0.21 > 192.168.0.31:5432"), "unattached-rule");
    assert_eq!(reason(&loaded, "tcp 192.168.0.31 > 192.168.0.21:443"), "rule");
    let told = loaded.diagnostics.iter().find(|finding| finding.code.name == "unattached-rule").unwrap();
    let place = &told.primary.as_ref().unwrap().text;
    assert_eq!(place, "huaweicloud_networking_secgroup_rule.db_5");
}

#[test]
fn a_rule_without_a_priority_is_in_doubt_where_it_matters() {
    let deny = r#"{"id": "d", "direction": "ingress", "protocol": "tcp", "multiport": "22", "action": "deny", "priority": 50}"#;
    let allow =
        r#"{"id": "a", "direction": "ingress", "protocol": "tcp", "multiport": "22-23", "action": "allow"}"#;
    let loaded = v3(&format!("{deny}, {allow}"));
    let flows =
        [("tcp 192.0.2.1 > 10.0.0.1:22", "unknown-priority"), ("tcp 192.0.2.1 > 10.0.0.1:23", "rule")];
    assert_reasons(&loaded, &flows);
}

#[test]
fn what_is_not_modelled() {
    let nsg = r#"{"name": "n", "securityRules": [
        {"name": "a", "access": "Allow", "priority": 100, "direction": "Inbound", "protocol": "Tcp", "sourcePortRange": "53",
         "destinationPortRange": "80", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"},
        {"name": "b", "access": "Allow", "priority": 110, "direction": "Inbound", "protocol": "*", "sourcePortRange": "*",
         "destinationPortRange": "22", "sourceAddressPrefix": "Office", "destinationAddressPrefix": "*"},
        {"name": "c", "access": "Deny", "priority": 120, "direction": "Inbound", "protocol": "*", "sourcePortRange": "*",
         "destinationPortRange": "*", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}]}"#;
    let with = |office: &str| {
        let more = format!("{office}\ninterfaces: {{ a: {{ addresses: 10.0.0.1, groups: [n] }} }}");
        texts(&[("nsg.json", nsg), ("x.yaml", &more)])
    };
    let flows = [
        ("tcp 192.0.2.1 > 10.0.0.1:80", "not-modelled"),
        ("udp 192.0.2.1 > 10.0.0.1:22", "unknown-members"),
        ("icmp 192.0.2.1 > 10.0.0.1", "deny-rule"),
    ];
    assert_reasons(&with(""), &flows);
    // A service tag is a set that the user may fill.
    let known = with("addresses: { Office: 192.0.2.0/24 }");
    assert_reasons(
        &known,
        &[("udp 192.0.2.1 > 10.0.0.1:22", "rule"), ("udp 192.0.3.1 > 10.0.0.1:22", "deny-rule")],
    );
}

#[test]
fn a_scenario_about_an_imported_group_without_members() {
    let extra = "groups: { own: { ingress: [allow tcp 1 from group web] } }\ninterfaces: { a: { addresses: 10.0.0.1, groups: [own] } }";
    let web = std::fs::read_to_string(&inputs(&["huawei-v3/show-web.json"], &[]).files[0]).unwrap();
    let loaded = texts(&[("web.json", &web), ("x.yaml", extra)]);
    assert_eq!(reason(&loaded, "tcp 10.0.0.2 > 10.0.0.1:1"), "unknown-members");
}

#[test]
fn a_rule_that_leaves_a_connection_undecided_decides_nothing() {
    let scenario = "
groups: { web: { ingress: [allow tcp 443 from any maybe unknown-members, allow tcp 80 from any] } }
interfaces: { a: { addresses: 10.0.0.1, groups: [web] } }
";
    let loaded = texts(&[("s.yaml", scenario)]);
    let policy = policy(&loaded);
    let matcher = Compiled::new(policy);
    let mut replay = sgsim::replay::Replay::new(policy, &matcher).without_past();
    for (number, flow) in (1..).zip(["tcp 192.0.2.1 > 10.0.0.1:443", "tcp 192.0.2.1 > 10.0.0.1:80"]) {
        let flow: Flow = flow.parse().unwrap();
        replay.push(number, flow.packet(sgsim::packet::Timestamp(0)), &mut (), &mut |_| {});
    }
    replay.finish(&mut |_| {});
    let hits: Vec<_> =
        replay.tally().rules.iter().map(|hits| (hits.connections, hits.volume.packets)).collect();
    assert_eq!(hits, [(0, 0), (1, 1)]);
}

/// A plan of azurerm and google: what is known only after it is applied is not taken for everything.
#[test]
fn what_a_plan_does_not_know_yet() {
    let plan = |kind: &str, values: &str, expressions: &str| {
        format!(
            r#"{{"format_version": "1.2", "planned_values": {{"root_module": {{"resources": [{{"address": "{kind}.r", "type": "{kind}",
            "name": "r", "values": {values}}}]}}}}, "configuration": {{"root_module": {{"resources": [{{"address": "{kind}.r",
            "type": "{kind}", "name": "r", "expressions": {expressions}}}]}}}}}}"#
        )
    };
    let attached = |plan: &str, group: &str| {
        let interface = format!("interfaces: {{ a: {{ addresses: [10.0.0.1], groups: [{group}] }} }}");
        texts(&[("plan.json", plan), ("i.yaml", &interface)])
    };
    let azure = |fields: &str| {
        let rule = format!(
            r#"{{"name": "r", "direction": "Inbound", "access": "Allow", "priority": 100, "protocol": "Tcp", {fields}}}"#
        );
        let values = format!(r#"{{"name": "web", "security_rule": [{rule}]}}"#);
        attached(&plan("azurerm_network_security_group", &values, "{}"), "web")
    };
    let near = r#""source_port_range": "*", "destination_address_prefix": "*""#;
    let ssh = "tcp 203.0.113.9 > 10.0.0.1:22";
    for (fields, reason) in [
        (r#""destination_port_range": "22", "source_address_prefix": "*""#, "rule"),
        (
            r#""destination_port_range": "22", "source_address_prefix": "", "source_address_prefixes": []"#,
            "unknown-members",
        ),
        (r#""source_address_prefix": "*""#, "not-modelled"),
    ] {
        assert_reasons(&azure(&format!("{fields}, {near}")), &[(ssh, reason)]);
    }
    assert_reasons(
        &azure(r#""destination_port_range": "22", "source_address_prefix": "*", "source_port_range": "*""#),
        &[(ssh, "not-modelled")],
    );
    let google = |expressions: &str| {
        let values = r#"{"name": "r", "network": "prod", "allow": [{"protocol": "tcp", "ports": ["22"]}], "deny": []}"#;
        attached(&plan("google_compute_firewall", values, expressions), "prod")
    };
    assert_reasons(&google("{}"), &[(ssh, "rule")]);
    let referred = r#"{"source_ranges": {"references": ["google_compute_address.a.address", "google_compute_address.a"]}}"#;
    assert_reasons(&google(referred), &[(ssh, "not-modelled")]);
}

#[test]
fn resources_that_are_not_read_are_named() {
    let resource = |address: &str| {
        let (kind, name) = address.split_once('.').unwrap();
        format!(
            r#"{{"address": "{address}", "type": "{kind}", "name": "{name}", "values": {{"name": "x", "id": "{name}"}}}}"#
        )
    };
    let all = [
        "huaweicloud_networking_secgroup.web",
        "huaweicloud_vpc_network_acl.acl",
        "aws_network_interface_sg_attachment.a",
        "azurerm_network_security_rule.alone",
        "aws_s3_bucket.b",
    ];
    let all = all.map(resource).join(", ");
    let loaded =
        texts(&[("s.json", &format!(r#"{{"values": {{"root_module": {{"resources": [{all}]}}}}}}"#))]);
    let messages: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.message.as_str()).collect();
    for message in [
        "resources that filter packets, but are not read: huaweicloud_vpc_network_acl.acl, aws_network_interface_sg_attachment.a",
        "azurerm_network_security_rule.alone is not read: its group is not in the file",
    ] {
        assert!(messages.contains(&message), "{messages:?}");
    }
}

/// One page of the ports: whom it leaves out may be a member of any group.
#[test]
fn a_page_of_the_interfaces_leaves_members_unknown() {
    let group = r#"{"security_group": {"id": "g-1", "name": "g", "security_group_rules": [{"id": "a",
        "direction": "ingress", "protocol": "tcp", "multiport": "22", "action": "allow", "priority": 1,
        "remote_group_id": "g-1"}, {"id": "e", "direction": "egress", "action": "allow", "priority": 1}]}}"#;
    let port = |id: u8| {
        format!(
            r#"{{"id": "p-{id}", "security_groups": ["g-1"], "fixed_ips": [{{"ip_address": "10.0.0.{id}"}}]}}"#
        )
    };
    let link = r#", "ports_links": [{"rel": "next", "href": "https://vpc/ports?marker=p-2"}]"#;
    let first = format!(r#"{{"ports": [{}, {}]{link}}}"#, port(1), port(2));
    let last = format!(r#"{{"ports": [{}]}}"#, port(3));
    let loaded = texts(&[("sg.json", group), ("p.json", &first)]);
    assert_reasons(
        &loaded,
        &[
            ("tcp 10.0.0.2 > 10.0.0.1:22", "rule"),
            ("tcp 10.0.0.3 > 10.0.0.1:22", "unknown-members"),
            ("tcp 10.0.0.3 > 10.0.0.1:23", "no-rule"),
        ],
    );
    let codes: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.code.name).collect();
    assert!(codes.contains(&"incomplete-export"), "{codes:?}");
    // A conversion writes the rule once.
    let written = loaded.scenario.as_ref().unwrap().export(sgsim::policy::Target::Huawei, &[]).unwrap();
    assert_eq!(written.matches("\"multiport\": \"22\"").count(), 2, "one for each family: {written}");
    let loaded = texts(&[("sg.json", group), ("p.json", &first), ("p2.json", &last)]);
    let known = [("tcp 10.0.0.3 > 10.0.0.1:22", "rule"), ("tcp 10.0.0.4 > 10.0.0.1:22", "no-rule")];
    assert_reasons(&loaded, &known);
    // The same of AWS's token.
    let group = r#"{"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "g", "IpPermissions": [{"IpProtocol": "tcp",
        "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}]}]}"#;
    let interfaces = |token: &str| {
        format!(
            r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.1",
                "Groups": [{{"GroupId": "sg-1"}}]}}]{token}}}"#
        )
    };
    for (token, wanted) in [(r#", "NextToken": "eyJ""#, "unknown-members"), ("", "no-rule")] {
        let loaded = texts(&[("sg.json", group), ("eni.json", &interfaces(token))]);
        assert_reasons(&loaded, &[("tcp 10.0.0.2 > 10.0.0.1:22", wanted)]);
    }
    // All instances are not all interfaces.
    let page = interfaces(r#", "NextToken": "eyJ""#);
    let instances = r#"{"Reservations": [{"Instances": [{"InstanceId": "i-1", "NetworkInterfaces": [{"NetworkInterfaceId":
        "eni-1", "PrivateIpAddress": "10.0.0.1", "Groups": [{"GroupId": "sg-1"}]}]}]}]}"#;
    let loaded = texts(&[("sg.json", group), ("eni.json", &page), ("i.json", instances)]);
    assert_reasons(&loaded, &[("tcp 10.0.0.2 > 10.0.0.1:22", "unknown-members")]);
}

/// One page of the rules: another may hold a rule that is asked first.
#[test]
fn a_page_of_the_rules_leaves_rules_unknown() {
    let page = |id: &str, port: u16, marker: &str| {
        format!(
            r#"{{"security_group_rules": [{{"id": "{id}", "security_group_id": "g-1", "direction": "ingress", "protocol":
                "tcp", "multiport": "{port}", "action": "allow", "priority": 1}}], "page_info": {{{marker}}}}}"#
        )
    };
    let group = r#"{"security_groups": [{"id": "g-1", "name": "g"}]}"#;
    let extra = ("extra.yaml", "interfaces: { a: { addresses: 10.0.0.1, groups: [g] } }");
    let first = page("a", 22, r#""next_marker": "a""#);
    let flows = ["tcp 192.0.2.1 > 10.0.0.1:22", "tcp 192.0.2.1 > 10.0.0.1:80"];
    let loaded = texts(&[("sg.json", group), ("r.json", &first), extra]);
    assert_reasons(&loaded, &flows.map(|flow| (flow, "unknown-rules")));
    let last = page("b", 80, "");
    let loaded = texts(&[("sg.json", group), ("r.json", &first), ("r2.json", &last), extra]);
    assert_reasons(&loaded, &flows.map(|flow| (flow, "rule")));
}

/// The same of Google Cloud's firewall, whose other rules may deny.
#[test]
fn a_page_of_a_firewall_leaves_rules_unknown() {
    let page = |name: &str, port: u16, token: &str| {
        format!(
            r#"{{"items": [{{"name": "{name}", "network": "vpc", "direction": "INGRESS", "sourceRanges": ["0.0.0.0/0"],
                "allowed": [{{"IPProtocol": "tcp", "ports": ["{port}"]}}]}}]{token}}}"#
        )
    };
    let first = page("a", 22, r#", "nextPageToken": "x""#);
    let extra = ("extra.yaml", "interfaces: { a: { addresses: 10.0.0.1, groups: [vpc] } }");
    let flows = ["tcp 192.0.2.1 > 10.0.0.1:22", "tcp 192.0.2.1 > 10.0.0.1:80"];
    let loaded = texts(&[("fw.json", &first), extra]);
    assert_reasons(&loaded, &flows.map(|flow| (flow, "unknown-rules")));
    let loaded = texts(&[("fw.json", &first), ("fw2.json", &page("b", 80, "")), extra]);
    assert_reasons(&loaded, &flows.map(|flow| (flow, "rule")));
}
