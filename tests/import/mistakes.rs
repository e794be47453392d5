//! Bad input: each mistake is told with its file and its place in it.

use sgsim::diag::Style;
use sgsim::policy::Scenario;

use crate::support::{apart, inputs, policy, texts};

/// The codes and places that reading a text gives.
fn told(name: &str, text: &str) -> Vec<(String, String)> {
    let loaded = texts(&[(name, text)]);
    let label = |finding: &sgsim::diag::Diagnostic| {
        let place = finding.primary.as_ref().map_or(String::new(), |label| label.text.clone());
        (finding.code.name.to_owned(), place)
    };
    loaded.diagnostics.iter().map(label).collect()
}

fn rule(fields: &str) -> String {
    format!(
        r#"{{"security_groups": [{{"id": "g", "name": "g", "security_group_rules": [
        {{"id": "r", "direction": "ingress", "action": "allow", "priority": 1, {fields}}}]}}]}}"#
    )
}

#[test]
fn fields_that_cannot_be() {
    let inside = "/security_groups/0/security_group_rules/0";
    for (fields, code, place) in [
        (r#""protocol": "tpc""#, "bad-protocol", "/protocol"),
        (r#""protocol": "tcp", "multiport": "70000""#, "bad-port", "/multiport"),
        (r#""protocol": "tcp", "multiport": "30-22""#, "backwards-range", "/multiport"),
        (r#""protocol": "tcp", "remote_ip_prefix": "10.0.0.0/33""#, "bad-cidr", "/remote_ip_prefix"),
        (r#""remote_ip_prefix": "10.0.0.0/8", "remote_group_id": "h""#, "two-remotes", "/remote_group_id"),
        (r#""ethertype": "IPX""#, "bad-value", "/ethertype"),
        (r#""remote_ip_prefix": "10.0.0.1/8""#, "host-bits", "/remote_ip_prefix"),
        (r#""protocol": "icmp", "multiport": "8""#, "not-understood", "/multiport"),
    ] {
        let found = told("sg.json", &rule(fields));
        let place = format!("{inside}{place}");
        assert!(found.iter().any(|(c, p)| c == code && p.contains(&place)), "{fields}: {found:?}");
    }
}

/// A rule of each cloud whose last field is the one given.
fn wrongly_typed() -> Vec<(String, &'static str)> {
    let huawei = |fields: &str| rule(&format!(r#""protocol": "tcp", {fields}"#));
    let azure = |fields: &str| {
        format!(
            r#"{{"value": [{{"id": "a", "name": "a", "properties": {{"securityRules": [{{"name": "r", "properties":
            {{"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "priority": 100, {fields}}}}}]}}}}]}}"#
        )
    };
    let gcp = |fields: &str| format!(r#"[{{"name": "r", "network": "n", {fields}}}]"#);
    let port = |groups: &str| {
        format!(
            r#"{{"ports": [{{"id": "p", "fixed_ips": [{{"ip_address": "10.0.0.1"}}], "security_groups": {groups}}}]}}"#
        )
    };
    let terraform = |kind: &str, values: &str| {
        format!(
            r#"{{"values": {{"root_module": {{"resources": [{{"address": "{kind}.r", "type": "{kind}", "name": "r",
            "values": {{"security_group_id": "g", {values}}}}}]}}}}}}"#
        )
    };
    let neutron = |values: &str| {
        terraform(
            "huaweicloud_networking_secgroup_rule",
            &format!(r#""direction": "ingress", "protocol": "tcp", {values}"#),
        )
    };
    vec![
        (huawei(r#""multiport": [22, 23]"#), "/multiport"),
        (huawei(r#""remote_ip_prefix": ["10.0.0.0/8"]"#), "/remote_ip_prefix"),
        (huawei(r#""remote_ip_prefix": {}"#), "/remote_ip_prefix"),
        (azure(r#""destinationPortRange": ["22"]"#), "/destinationPortRange"),
        (azure(r#""destinationPortRange": {}"#), "/destinationPortRange"),
        (azure(r#""sourceAddressPrefix": ["10.0.0.0/8"]"#), "/sourceAddressPrefix"),
        (gcp(r#""allowed": [{"IPProtocol": "tcp", "ports": {}}]"#), "/ports"),
        (gcp(r#""allowed": "tcp""#), "/allowed"),
        (gcp(r#""allowed": ["tcp"]"#), "/allowed/0"),
        (gcp(r#""allowed": [{"IPProtocol": "tcp"}], "sourceRanges": [["10.0.0.0/8"]]"#), "/sourceRanges/0"),
        (port(r#"[{"id": "g1"}]"#), "/security_groups/0"),
        (neutron(r#""ports": ["22"]"#), "_rule.r"),
        (neutron(r#""remote_ip_prefix": ["10.0.0.0/8"]"#), "_rule.r"),
    ]
}

#[test]
fn a_field_of_another_type_is_not_taken_for_absent() {
    for (text, place) in wrongly_typed() {
        let found = told("f.json", &text);
        assert!(found.iter().any(|(c, p)| c == "wrong-type" && p.ends_with(place)), "{text}: {found:?}");
    }
    let nothing = r#"[{"name": "r", "network": "n", "allowed": [{}]}]"#;
    assert!(told("f.json", nothing).iter().any(|(c, _)| c == "missing-field"));
}

/// What a form wraps its things in, of another type, beside something that can be used.
#[test]
fn a_wrapper_of_another_type_is_not_taken_for_empty() {
    let eni = |groups: &str| {
        format!(
            r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.5", "Groups": {groups}}}]}}"#
        )
    };
    let port = r#"[{"id": "p", "fixed_ips": [{"ip_address": "10.0.0.1"}], "security_groups": ["g"]}]"#;
    let group = r#"[{"id": "g", "security_group_rules": []}]"#;
    let resource = r#"[{"address": "a.b", "type": "huaweicloud_networking_secgroup", "name": "b", "values": {"id": "g"}}]"#;
    let module =
        |rest: &str| format!(r#"{{"values": {{"root_module": {{"resources": {resource}, {rest}}}}}}}"#);
    for (text, place) in [
        (eni(r#""sg-1""#), "/NetworkInterfaces/0/Groups"),
        (eni(r#"["sg-1"]"#), "/NetworkInterfaces/0/Groups/0"),
        (eni(r#"{"GroupId": "sg-1"}"#), "/NetworkInterfaces/0/Groups"),
        (eni(r#"[{"GroupId": 1}, {"GroupId": ["sg-1"]}]"#), "/NetworkInterfaces/0/Groups/1/GroupId"),
        (r#"{"SecurityGroups": {}, "PrefixLists": []}"#.to_owned(), "/SecurityGroups"),
        (r#"{"Reservations": [{"Instances": {}}]}"#.to_owned(), "/Reservations/0/Instances"),
        (format!(r#"{{"security_groups": {{"id": "g"}}, "ports": {port}}}"#), "/security_groups"),
        (format!(r#"{{"security_groups": {group}, "ports": "p"}}"#), "/ports"),
        (format!(r#"{{"security_groups": {group}, "security_group_rules": {{}}}}"#), "/security_group_rules"),
        (format!(r#"{{"security_groups": {group}, "address_groups": {{}}}}"#), "/address_groups"),
        (module(r#""child_modules": {"address": "module.a"}"#), "/values/root_module/child_modules"),
        (module(r#""child_modules": [{"resources": {}}]"#), "/values/root_module/child_modules/0/resources"),
        (r#"{"planned_values": {"root_module": []}}"#.to_owned(), "/planned_values/root_module"),
        (r#"{"terraform_version": "1.9.0", "resources": {"a": 1}}"#.to_owned(), "/resources"),
        (
            r#"[{"ID": "p", "Fixed IP Addresses": {"ip_address": "10.0.0.1"}, "Security Groups": []}]"#
                .to_owned(),
            "/0/Fixed IP Addresses",
        ),
    ] {
        let found = told("f.json", &text);
        assert!(found.iter().any(|(c, p)| c == "wrong-type" && p.ends_with(place)), "{text}: {found:?}");
    }
}

#[test]
fn an_azure_rule_says_which_way_and_what() {
    for (fields, place) in [(r#""access": "Allow""#, "direction"), (r#""direction": "Inbound""#, "access")] {
        let rule = format!(r#"{{"name": "r", "priority": 100, "protocol": "Tcp", {fields}}}"#);
        let found =
            texts(&[("f.json", &format!(r#"[{{"id": "a", "name": "a", "securityRules": [{rule}]}}]"#))]);
        let messages: Vec<_> = found.diagnostics.iter().map(|finding| finding.message.as_str()).collect();
        assert!(messages.iter().any(|told| told.contains(place)), "{messages:?}");
    }
}

#[test]
fn aws_permissions_that_are_not_understood() {
    let permission = |fields: &str| {
        format!(
            r#"{{"SecurityGroups": [{{"GroupId": "sg-1", "GroupName": "g", "IpPermissions": [{{"IpProtocol": "tcp", {fields}}}]}}]}}"#
        )
    };
    for (fields, code) in [
        (r#""IpRanges": ["0.0.0.0/0"]"#, "wrong-type"),
        (r#""IpRanges": [{"Description": "x"}]"#, "missing-field"),
        (r#""UserIdGroupPairs": [{}]"#, "missing-field"),
        (r#""UserIdGroupPairs": [{"GroupName": "web"}]"#, "unknown-members"),
        (r#""Ranges": [{"CidrIp": "0.0.0.0/0"}]"#, "missing-field"),
        (r#""FromPort": 22, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]"#, "bad-port"),
    ] {
        let found = told("f.json", &permission(fields));
        assert!(found.iter().any(|(c, _)| c == code), "{fields}: {found:?}");
    }
}

#[test]
fn a_text_alone_is_a_list_of_one() {
    let rule = |range: &str, tags: &str, ports: &str| {
        let text = format!(
            r#"[{{"name": "r", "network": "n", "sourceRanges": {range}, "targetTags": {tags},
            "allowed": [{{"IPProtocol": "tcp", "ports": {ports}}}]}},
            {{"name": "i", "networkInterfaces": [{{"networkIP": "10.0.0.1", "network": "n"}}], "tags": {{"items": {tags}}}}}]"#
        );
        texts(&[("f.json", &text)])
    };
    let (listed, alone) =
        (rule(r#"["10.0.0.0/8"]"#, r#"["db"]"#, r#"["22"]"#), rule(r#""10.0.0.0/8""#, r#""db""#, "22"));
    assert_eq!(apart(policy(&listed), policy(&alone)), Vec::<String>::new());
    let wide = rule("[]", r#"["db"]"#, "[]");
    assert!(!apart(policy(&wide), policy(&alone)).is_empty());
}

#[test]
fn a_key_that_is_there_twice() {
    let found = told("sg.json", &rule(r#""action": "deny""#));
    assert!(found.iter().any(|(c, p)| c == "duplicate-key" && p.contains("/action")), "{found:?}");
}

#[test]
fn files_that_are_no_export() {
    for (text, code) in [
        (r#"{"security_groups": [{"id": "g", "#, "syntax"),
        (r#"{"something": 1}"#, "unknown-format"),
        (r#"[{"a": 1}]"#, "unknown-format"),
        (r#"{"security_groups": []}"#, "nothing-used"),
        (r#"{"NetworkInterfaces": []}"#, "nothing-used"),
        (r#"{"kind": "List", "items": [{"kind": "Pod"}]}"#, "nothing-used"),
        (
            r#"{"security_groups": [{"id": "g", "name": "g"}], "page_info": {"next_marker": "g"}}"#,
            "incomplete-export",
        ),
        (r#"{"Entries": [{"Cidr": "10.0.0.0/8"}]}"#, "missing-field"),
        ("PK\u{3}\u{4}x", "unknown-format"),
    ] {
        let found = told("f.json", text);
        assert!(found.iter().any(|(c, _)| c == code), "{text}: {found:?}");
    }
}

#[test]
fn each_finding_names_its_own_file() {
    let good = std::fs::read_to_string(&inputs(&["huawei-v3/show-web.json"], &[]).files[0]).unwrap();
    let bad = rule(r#""protocol": "tpc""#);
    let cut = &bad[..bad.len() / 2];
    let loaded = texts(&[
        ("good.json", &good),
        ("bad.json", &bad),
        ("cut.json", cut),
        ("s.yaml", "groups: { g: 1 }\n"),
    ]);
    let text = loaded.render(Style::Plain);
    for place in ["bad.json:2:", "cut.json:2:", "s.yaml:1:14"] {
        assert!(text.contains(&format!("--> {place}")), "{place}: {text}");
    }
    assert!(loaded.scenario.is_none());
}

#[test]
fn a_missing_file_among_others() {
    let loaded = Scenario::load_all(&inputs(&["huawei-v3/show-web.json", "nothing.json"], &[]));
    let text = loaded.render(Style::Plain);
    assert!(text.contains("unreadable-file") && text.contains("nothing.json:1"), "{text}");
}

#[test]
fn attach_is_read_as_a_file_of_its_own() {
    let loaded = Scenario::load_all(&inputs(&["huawei-v3/show-web.json"], &["web=1.2.3.4,5", "web"]));
    let text = loaded.render(Style::Plain);
    assert!(text.contains("--> --attach:1:13") && text.contains("--> --attach:2:1"), "{text}");
}
