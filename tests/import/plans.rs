//! What a plan knows only after it is applied is neither absent nor everything.

use sgsim::compile::Compiled;
use sgsim::packet::Flow;
use sgsim::replay::FirstPackets;

use crate::support::{policy, texts};

/// One resource: its address, values, `after_unknown` and expressions.
type Planned<'p> = (&'p str, &'p str, &'p str, &'p str);

/// A plan of these resources.
fn plan(resources: &[Planned<'_>]) -> String {
    let (mut planned, mut changes, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (address, values, unknown, expressions) in resources {
        let (kind, name) = address.split_once('.').unwrap();
        let head =
            format!(r#""address": "{address}", "mode": "managed", "type": "{kind}", "name": "{name}""#);
        planned.push(format!(r#"{{{head}, "values": {values}}}"#));
        changes.push(format!(r#"{{{head}, "change": {{"after": {values}, "after_unknown": {unknown}}}}}"#));
        written.push(format!(r#"{{{head}, "expressions": {expressions}}}"#));
    }
    let [planned, changes, written] = [planned, changes, written].map(|list| list.join(", "));
    format!(
        r#"{{"format_version": "1.2", "planned_values": {{"root_module": {{"resources": [{planned}]}}}},
        "resource_changes": [{changes}], "configuration": {{"root_module": {{"resources": [{written}]}}}}}}"#
    )
}

/// The reasons of flows by a plan, with 10.0.0.5 in one group.
fn assert_reasons(resources: &[Planned<'_>], group: &str, wanted: &[(&str, &str)]) {
    let interface = format!("interfaces: {{ a: {{ addresses: 10.0.0.5, groups: [{group}] }} }}");
    let loaded = texts(&[("plan.json", &plan(resources)), ("i.yaml", &interface)]);
    let policy = policy(&loaded);
    let matcher = Compiled::new(policy);
    for (flow, wanted) in wanted {
        let flow: Flow = flow.parse().unwrap();
        let reason = FirstPackets::new(policy, &matcher).judge(&flow.ip(), &mut ()).reason.code();
        assert_eq!(reason, *wanted, "{flow} {resources:?}");
    }
}

const SSH: &str = "tcp 54.1.1.1 > 10.0.0.5:22";
const SSH_NEAR: &str = "tcp 10.9.9.9 > 10.0.0.5:22";
const DNS: &str = "udp 54.1.1.1 > 10.0.0.5:53";

const AWS: Planned<'_> = (
    "aws_security_group.web",
    r#"{"name": "web"}"#,
    r#"{"id": true, "ingress": true, "egress": true}"#,
    "{}",
);
const GROUP: &str =
    r#""security_group_id": {"references": ["aws_security_group.web.id", "aws_security_group.web"]}"#;

#[test]
fn fields_of_aws_rules() {
    let unset = r#"{"id": true, "security_group_id": true"#;
    let rule = |kind: &str, values: &str, unknown: &str, wanted: &[(&str, &str)]| {
        let keys: Vec<String> = unknown
            .split(", ")
            .filter_map(|entry| entry.split('"').nth(1))
            .map(|key| format!(r#""{key}": {{"references": ["aws_lb.x.y", "aws_lb.x"]}}, "#))
            .collect();
        let expressions = format!("{{{}{GROUP}}}", keys.concat());
        let unknown = format!("{unset}, {unknown}}}");
        assert_reasons(&[AWS, (kind, values, &unknown, &expressions)], "web", wanted);
    };
    let alone = "aws_vpc_security_group_ingress_rule.r";
    rule(
        alone,
        r#"{"ip_protocol": "tcp", "cidr_ipv4": "0.0.0.0/0"}"#,
        r#""from_port": true, "to_port": true"#,
        &[(SSH, "not-modelled"), (DNS, "no-rule")],
    );
    // Of two bounds one: the other is not the only port.
    rule(
        alone,
        r#"{"ip_protocol": "tcp", "from_port": 20, "cidr_ipv4": "0.0.0.0/0"}"#,
        r#""to_port": true"#,
        &[(SSH, "not-modelled")],
    );
    rule(
        alone,
        r#"{"from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}"#,
        r#""ip_protocol": true"#,
        &[(SSH, "not-modelled"), (DNS, "not-modelled")],
    );
    // What does not matter is no doubt.
    rule(
        alone,
        r#"{"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}"#,
        r#""description": true"#,
        &[(SSH, "rule")],
    );
    let older = "aws_security_group_rule.r";
    let ssh = r#""from_port": 22, "to_port": 22, "protocol": "tcp""#;
    rule(
        older,
        &format!(r#"{{"type": "ingress", {ssh}, "cidr_blocks": ["10.0.0.0/8", null]}}"#),
        r#""cidr_blocks": [false, true]"#,
        &[(SSH, "unknown-members"), (SSH_NEAR, "rule"), (DNS, "no-rule")],
    );
    rule(
        older,
        &format!(r#"{{{ssh}, "cidr_blocks": ["0.0.0.0/0"]}}"#),
        r#""type": true"#,
        &[(SSH, "not-modelled"), ("tcp 10.0.0.5 > 54.1.1.1:22", "not-modelled"), (DNS, "no-rule")],
    );
}

#[test]
fn rules_in_an_aws_group() {
    let block = |fields: &str, lists: &str| {
        format!(
            r#"{{"name": "web", "ingress": [{{"protocol": "tcp", "description": "", {fields}, "cidr_blocks": {lists},
            "ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": [], "self": false}}]}}"#
        )
    };
    let group = |values: &str, ingress: &str, wanted: &[(&str, &str)]| {
        let unknown = format!(r#"{{"id": true, "egress": true, "ingress": {ingress}}}"#);
        let written = r#"{"ingress": {"references": ["aws_subnet.x.cidr_block", "aws_subnet.x"]}}"#;
        assert_reasons(&[("aws_security_group.web", values, &unknown, written)], "web", wanted);
    };
    let ssh = r#""from_port": 22, "to_port": 22"#;
    group(
        &block(ssh, r#"["10.0.0.0/8", null]"#),
        r#"[{"cidr_blocks": [false, true], "security_groups": []}]"#,
        &[(SSH, "unknown-members"), (SSH_NEAR, "rule"), (DNS, "no-rule")],
    );
    group(
        &block(ssh, "[null]"),
        r#"[{"cidr_blocks": [true]}]"#,
        &[(SSH, "unknown-members"), (DNS, "no-rule")],
    );
    group(
        &block(r#""from_port": null, "to_port": null"#, r#"["0.0.0.0/0"]"#),
        r#"[{"cidr_blocks": [false], "from_port": true, "to_port": true}]"#,
        &[(SSH, "not-modelled"), (DNS, "no-rule")],
    );
    group(r#"{"name": "web"}"#, "true", &[(SSH, "unknown-rules"), ("tcp 10.0.0.5 > 54.1.1.1:22", "no-rule")]);
    // What the configuration does not set, the cloud makes empty.
    assert_reasons(&[AWS], "web", &[(SSH, "no-rule")]);
}

#[test]
fn fields_of_neutron_rules() {
    for cloud in ["huaweicloud_networking_secgroup", "openstack_networking_secgroup_v2"] {
        let group = format!("{cloud}.node");
        let rule_kind = cloud.replace("secgroup", "secgroup_rule");
        let rule = |values: &str, key: &str, wanted: &[(&str, &str)]| {
            let values = format!(r#"{{"direction": "ingress", "ethertype": "IPv4", {values}}}"#);
            let unknown = format!(r#"{{"id": true, "security_group_id": true, "{key}": true}}"#);
            let written = format!(
                r#"{{"security_group_id": {{"references": ["{group}.id", "{group}"]}}, "{key}": {{"references": ["x.y.z"]}}}}"#
            );
            let resources = [
                (
                    group.as_str(),
                    r#"{"name": "node", "delete_default_rules": true}"#,
                    r#"{"id": true}"#,
                    "{}",
                ),
                (&format!("{rule_kind}.r"), &values, &unknown, &written),
            ];
            assert_reasons(&resources, "node", wanted);
        };
        let all = r#""remote_ip_prefix": "0.0.0.0/0""#;
        let [min, max] = ["min", "max"].map(|end| format!(r#""port_range_{end}": 22"#));
        rule(
            &format!(r#""protocol": "tcp", {min}, {all}"#),
            "port_range_max",
            &[(SSH, "not-modelled"), ("tcp 54.1.1.1 > 10.0.0.5:23", "not-modelled"), (DNS, "no-rule")],
        );
        rule(
            &format!(r#""protocol": null, {min}, {max}, {all}"#),
            "protocol",
            &[(SSH, "not-modelled"), (DNS, "not-modelled")],
        );
        rule(
            &format!(r#""protocol": "tcp", {min}, {max}"#),
            "remote_ip_prefix",
            &[(SSH, "unknown-members"), (DNS, "no-rule")],
        );
        if cloud.starts_with("huawei") {
            rule(&format!(r#""ports": "443", {all}"#), "protocol", &[(SSH, "not-modelled")]);
            rule(
                &format!(r#""protocol": "tcp", {all}"#),
                "ports",
                &[(SSH, "not-modelled"), (DNS, "no-rule")],
            );
            rule(
                &format!(r#""protocol": "tcp", "ports": "22", "priority": 1, {all}"#),
                "action",
                &[(SSH, "not-modelled"), (DNS, "no-rule")],
            );
        }
    }
}

#[test]
fn an_unknown_action_may_be_a_deny() {
    let group = r#""security_group_id": {"references": ["huaweicloud_networking_secgroup.node.id", "huaweicloud_networking_secgroup.node"]}"#;
    let rule = |address: &'static str, values: &'static str, unknown: &'static str, written: String| {
        (address, values, unknown, written)
    };
    let rules = [
        rule(
            "huaweicloud_networking_secgroup_rule.r",
            r#"{"direction": "ingress", "ethertype": "IPv4", "action": null, "priority": 1, "protocol": "tcp", "ports": "22", "remote_ip_prefix": "0.0.0.0/0"}"#,
            r#"{"security_group_id": true, "action": true}"#,
            format!(r#"{{{group}, "action": {{"references": ["x.y"]}}}}"#),
        ),
        rule(
            "huaweicloud_networking_secgroup_rule.s",
            r#"{"direction": "ingress", "ethertype": "IPv4", "action": "allow", "priority": 9, "protocol": "tcp", "ports": "22-23", "remote_ip_prefix": "0.0.0.0/0"}"#,
            r#"{"security_group_id": true}"#,
            format!("{{{group}}}"),
        ),
    ];
    let mut all: Vec<Planned<'_>> = vec![(
        "huaweicloud_networking_secgroup.node",
        r#"{"name": "node", "delete_default_rules": true}"#,
        r#"{"id": true}"#,
        "{}",
    )];
    all.extend(
        rules
            .iter()
            .map(|(address, values, unknown, written)| (*address, *values, *unknown, written.as_str())),
    );
    assert_reasons(&all, "node", &[(SSH, "not-modelled"), ("tcp 54.1.1.1 > 10.0.0.5:23", "rule")]);
}

#[test]
fn fields_of_google_rules() {
    let rule = |values: &str, unknown: &str, written: &str, wanted: &[(&str, &str)]| {
        let values = format!(r#"{{"name": "r", "network": "prod", {values}}}"#);
        assert_reasons(&[("google_compute_firewall.r", &values, unknown, written)], "prod", wanted);
    };
    let ssh = r#""allow": [{"protocol": "tcp", "ports": ["22"]}], "deny": []"#;
    rule(
        &format!(r#"{ssh}, "source_ranges": ["10.0.0.0/8", null]"#),
        r#"{"source_ranges": [false, true]}"#,
        r#"{"source_ranges": {"references": ["x.y"]}}"#,
        &[(SSH, "unknown-members"), (SSH_NEAR, "rule"), (DNS, "no-rule")],
    );
    rule(
        r#""allow": [{"protocol": "tcp", "ports": ["80"]}, {"protocol": "tcp"}], "deny": [], "source_ranges": ["0.0.0.0/0"]"#,
        r#"{"allow": [{"ports": [false]}, {"ports": true}]}"#,
        r#"{"allow": [{}, {"ports": {"references": ["x.y"]}}]}"#,
        &[(SSH, "not-modelled"), ("tcp 54.1.1.1 > 10.0.0.5:80", "rule"), (DNS, "no-rule")],
    );
    rule(
        r#""deny": [], "source_ranges": ["0.0.0.0/0"]"#,
        r#"{"allow": true}"#,
        "{}",
        &[(SSH, "not-modelled"), (DNS, "not-modelled")],
    );
    for key in ["priority", "disabled", "direction"] {
        rule(
            &format!(r#"{ssh}, "source_ranges": ["0.0.0.0/0"]"#),
            &format!(r#"{{"{key}": true}}"#),
            &format!(r#"{{"{key}": {{"references": ["x.y"]}}}}"#),
            &[(SSH, "not-modelled"), (DNS, "no-rule")],
        );
    }
}

#[test]
fn fields_of_azure_rules() {
    let fields = [
        ("direction", r#""Inbound""#),
        ("access", r#""Allow""#),
        ("priority", "100"),
        ("protocol", r#""Tcp""#),
        ("source_port_range", r#""*""#),
        ("destination_port_range", r#""22""#),
        ("source_address_prefixes", r#"["10.0.0.0/8", null]"#),
        ("destination_address_prefix", r#""*""#),
    ];
    let address = "azurerm_network_security_group.web";
    let without = |key: &str| {
        let kept = fields.iter().filter(|(field, _)| *field != key);
        kept.map(|(field, value)| format!(r#""{field}": {value}"#)).collect::<Vec<_>>().join(", ")
    };
    let written = r#"{"security_rule": {"references": ["x.y"]}}"#;
    let group = |values: &str, unknown: &str, wanted: &[(&str, &str)]| {
        let values = format!(r#"{{"name": "web" {values}}}"#);
        let unknown = format!(r#"{{"id": true, "security_rule": {unknown}}}"#);
        assert_reasons(&[(address, &values, &unknown, written)], "web", wanted);
    };
    group(
        &format!(r#", "security_rule": [{{{}}}]"#, without("none")),
        r#"[{"source_address_prefixes": [false, true]}]"#,
        &[(SSH, "unknown-members"), (SSH_NEAR, "rule")],
    );
    for key in ["direction", "access", "priority", "protocol", "source_port_range", "destination_port_range"]
    {
        group(
            &format!(r#", "security_rule": [{{{}}}]"#, without(key)),
            &format!(r#"[{{"{key}": true, "source_address_prefixes": [false, false]}}]"#),
            &[(SSH_NEAR, "not-modelled")],
        );
    }
    group("", "true", &[(SSH, "unknown-rules")]);
}

#[test]
fn members_whose_addresses_are_to_come() {
    let of_web = r#""references": ["aws_security_group.web.id", "aws_security_group.web"]"#;
    let rule = format!(r#"{{{GROUP}, "referenced_security_group_id": {{{of_web}}}}}"#);
    let nic = format!(r#"{{"security_groups": {{{of_web}}}}}"#);
    let resources = |second: &'static str, unknown: &'static str| {
        let out = format!("{{{GROUP}}}");
        let all: [(&str, &str, &str, &str); 5] = [
            AWS,
            (
                "aws_vpc_security_group_egress_rule.out",
                r#"{"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}"#,
                r#"{"security_group_id": true}"#,
                &out,
            ),
            (
                "aws_vpc_security_group_ingress_rule.r",
                r#"{"ip_protocol": "tcp", "from_port": 22, "to_port": 22}"#,
                r#"{"security_group_id": true, "referenced_security_group_id": true}"#,
                &rule,
            ),
            (
                "aws_network_interface.e1",
                r#"{"private_ips": ["10.0.0.6"]}"#,
                r#"{"security_groups": true, "ipv6_addresses": true}"#,
                &nic,
            ),
            ("aws_network_interface.e2", second, unknown, &nic),
        ];
        let wanted = if second == "{}" || second.contains("null") { "unknown-members" } else { "no-rule" };
        let known = ("tcp 10.0.0.6 > 10.0.0.5:22", "rule");
        assert_reasons(&all, "web", &[(SSH, wanted), known, (DNS, "no-rule")]);
        plan(&all)
    };
    resources(r#"{"private_ips": ["10.0.0.7"]}"#, r#"{"security_groups": true}"#);
    resources(
        r#"{"private_ips": ["10.0.0.7", null]}"#,
        r#"{"security_groups": true, "private_ips": [false, true]}"#,
    );
    let plan = resources("{}", r#"{"security_groups": true, "private_ips": true}"#);
    let loaded = texts(&[("plan.json", &plan)]);
    // A conversion writes the rule about the group once, whoever the members are.
    let written = loaded.scenario.as_ref().unwrap().export(sgsim::policy::Target::Aws, &[]).unwrap();
    assert_eq!(written.matches("\"FromPort\": 22").count(), 1, "{written}");
    let told = loaded.diagnostics.iter().filter(|finding| finding.message.contains("left out"));
    let told: Vec<_> = told.map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "aws_network_interface.e2: an address is known after apply and left out, so its groups have members that are not known"
        ]
    );
}
