//! Round trips keep meaning: the verdicts are the same over the whole space.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use sgsim::policy::{Inputs, Loaded, Policy, Scenario, Target};

use crate::same::FORMS;
use crate::support::{apart, inputs, policy, texts};

fn export(loaded: &Loaded, target: Target) -> String {
    let _ = policy(loaded);
    loaded.scenario.as_ref().unwrap().export(target, &["assumed: a note".to_owned()]).unwrap()
}

/// The interfaces alone, as a scenario.
fn interfaces(policy: &Policy) -> String {
    let mut lines = vec![format!("dialect: {}", policy.dialect), "interfaces:".to_owned()];
    for interface in &policy.interfaces {
        let groups: Vec<_> = interface.groups.iter().map(|&id| policy.group(id).name.clone()).collect();
        let addresses: Vec<_> = interface.addresses.iter().map(|a| format!("\"{a}\"")).collect();
        let behind: Vec<_> = interface.behind.iter().map(|a| format!("\"{a}\"")).collect();
        let (name, addresses) = (&interface.name, addresses.join(", "));
        let (behind, groups) = (behind.join(", "), groups.join(", "));
        lines.push(format!(
            "  {name}: {{ addresses: [{addresses}], behind: [{behind}], groups: [{groups}] }}"
        ));
    }
    lines.join("\n")
}

/// Scenarios that only allow, with ports of TCP and UDP.
fn scenarios() -> Vec<Loaded> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let captures = ["captures/cce-tunnel.yaml", "captures/cce-vpc.yaml", "captures/cce-turbo.yaml"];
    let mut files: Vec<_> = captures.iter().map(|file| root.join(file)).collect();
    files.extend(inputs(&["same.yaml"], &[]).files);
    files.into_iter().map(|file| Scenario::load(&file)).collect()
}

#[test]
fn every_form_becomes_a_scenario_of_the_same_meaning() {
    for (files, attach) in FORMS {
        let loaded = Scenario::load_all(&inputs(files, attach));
        let yaml = export(&loaded, Target::Scenario);
        let again = texts(&[("again.yaml", &yaml)]);
        assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{files:?}\n{yaml}");
        assert_eq!(policy(&loaded).state, policy(&again).state);
    }
}

#[test]
fn doubts_stay_doubts() {
    let files = ["huawei-v1/groups.json", "huawei-v3/ports.json"];
    let loaded = Scenario::load_all(&inputs(&files, &[]));
    let again = texts(&[("again.yaml", &export(&loaded, Target::Scenario))]);
    let doubts = |loaded: &Loaded| policy(loaded).rules.iter().map(|rule| rule.doubt).collect::<Vec<_>>();
    assert_eq!(doubts(&loaded), doubts(&again));
    assert!(loaded.scenario.as_ref().unwrap().export(Target::Aws, &[]).is_err());
}

#[test]
fn a_scenario_comes_back_from_every_cloud() {
    for loaded in scenarios() {
        let extra = interfaces(policy(&loaded));
        for target in [Target::Huawei, Target::Aws, Target::Openstack] {
            let json = export(&loaded, target);
            let again = texts(&[("groups.json", &json), ("interfaces.yaml", &extra)]);
            assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{target}\n{json}");
        }
    }
}

#[test]
fn deny_and_priority_come_back_from_huawei_and_nothing_else_takes_them() {
    let yaml = "
addresses: { office: [203.0.113.7, 203.0.113.9-203.0.113.14] }
groups:
  web:
    ingress:
      - deny tcp 22-30,80 from office priority 5
      - allow tcp from any priority 9
      - deny icmp from group web
      - allow udp 53 from any disabled
    egress: [allow all to any]
interfaces: { a: { addresses: [10.0.0.1, 'fd00::1'], groups: [web] }, b: { addresses: 10.0.0.2, groups: [web] } }
";
    let loaded = texts(&[("s.yaml", yaml)]);
    let extra = interfaces(policy(&loaded));
    let huawei = texts(&[("g.json", &export(&loaded, Target::Huawei)), ("i.yaml", &extra)]);
    assert_eq!(apart(policy(&loaded), policy(&huawei)), Vec::<String>::new());
    let plan = plan_of(&export(&loaded, Target::Terraform));
    let terraform = texts(&[("plan.json", &plan), ("i.yaml", &extra)]);
    assert_eq!(apart(policy(&loaded), policy(&terraform)), Vec::<String>::new());
    for target in [Target::Aws, Target::Openstack] {
        let refused = loaded.scenario.as_ref().unwrap().export(target, &[]).unwrap_err();
        let rules: Vec<_> = refused.iter().map(|rule| rule.rule.as_str()).collect();
        assert_eq!(rules, ["web/ingress/1", "web/ingress/3"], "{target}");
    }
}

#[test]
fn groups_keep_the_name_that_they_have_in_the_cloud() {
    let group = |id: &str, name: &str| {
        format!(
            r#"{{"GroupId": "{id}", "GroupName": "{name}", "IpPermissions": [{{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "UserIdGroupPairs": [{{"GroupId": "sg-0a1b2c3d"}}]}}], "IpPermissionsEgress": []}}"#
        )
    };
    let groups = [("sg-0a1b2c3d", "my app (prod)"), ("sg-0a1b2c3e", "default"), ("sg-0a1b2c3f", "default")];
    let groups = groups.map(|(id, name)| group(id, name)).join(", ");
    let loaded = texts(&[
        ("g.json", &format!(r#"{{"SecurityGroups": [{groups}]}}"#)),
        (
            "i.yaml",
            "interfaces: { a: { addresses: [10.0.0.1], groups: [my-app--prod-, default.sg-0a1b2c3e] } }",
        ),
    ]);
    // A name of several would not tell them apart.
    let expected = ["my app (prod)", "default.sg-0a1b2c3e", "default.sg-0a1b2c3f"];
    let extra = interfaces(policy(&loaded));
    for (target, list, name, id) in [
        (Target::Huawei, "security_groups", "name", "id"),
        (Target::Openstack, "security_groups", "name", "id"),
        (Target::Aws, "SecurityGroups", "GroupName", "GroupId"),
    ] {
        let text = export(&loaded, target);
        let json: Value = serde_json::from_str(&text).unwrap();
        let groups = json[list].as_array().unwrap();
        assert_eq!(groups.iter().map(|group| group[name].clone()).collect::<Vec<_>>(), expected, "{target}");
        assert_eq!(groups[0][id], "my-app--prod-", "what rules refer to it by");
        let again = texts(&[("g.json", &text), ("i.yaml", &extra)]);
        assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{text}");
    }
    let hcl = export(&loaded, Target::Terraform);
    let names: Vec<_> =
        hcl.lines().filter_map(|line| line.strip_prefix("  name                 = ")).collect();
    assert_eq!(names, expected.map(|name| format!("\"{name}\"")));
    let again = texts(&[("plan.json", &plan_of(&hcl)), ("i.yaml", &extra)]);
    assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{hcl}");
    let yaml = export(&loaded, Target::Scenario);
    assert!(yaml.contains("\n  # my app (prod)\n  my-app--prod-:\n"), "{yaml}");
}

/// Huawei's `1-65535` is all ports, as if none were said (cloud-facts 1.3), and its ports begin at 1. A list in one rule has
/// no effect on Kunpeng servers (1.7), so what leaves out port 0 alone is two rules.
#[test]
fn port_zero_is_kept_apart() {
    let scenario = |ports: &str| {
        let interface = "interfaces: { a: { addresses: [10.0.0.1], groups: [web] } }";
        let rules = format!("deny tcp {ports} from 203.0.113.9, allow tcp from any priority 2");
        texts(&[("s.yaml", &format!("groups: {{ web: {{ ingress: [{rules}] }} }}\n{interface}\n"))])
    };
    for (ports, written) in
        [("1-65535", &["1-65534", "65535"][..]), ("0-65535", &[]), ("1-65534", &["1-65534"])]
    {
        let loaded = scenario(ports);
        let extra = interfaces(policy(&loaded));
        let json = export(&loaded, Target::Huawei);
        let hcl = export(&loaded, Target::Terraform);
        let again = texts(&[("g.json", &json), ("i.yaml", &extra)]);
        assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{json}");
        let planned = texts(&[("plan.json", &plan_of(&hcl)), ("i.yaml", &extra)]);
        assert_eq!(apart(policy(&loaded), policy(&planned)), Vec::<String>::new(), "{hcl}");
        let json: Value = serde_json::from_str(&json).unwrap();
        let rules = json["security_groups"][0]["security_group_rules"].as_array().unwrap();
        let multiports: Vec<_> = rules.iter().filter_map(|rule| rule["multiport"].as_str()).collect();
        assert_eq!(multiports, written);
    }
    for target in [Target::Huawei, Target::Terraform] {
        let loaded = scenario("0-5");
        let refused = loaded.scenario.as_ref().unwrap().export(target, &[]).unwrap_err();
        assert_eq!(refused[0].why, "the form's ports begin at 1");
    }
}

#[test]
fn hcl_is_what_terraform_would_plan() {
    for loaded in scenarios() {
        let hcl = export(&loaded, Target::Terraform);
        let again =
            texts(&[("plan.json", &plan_of(&hcl)), ("interfaces.yaml", &interfaces(policy(&loaded)))]);
        assert_eq!(apart(policy(&loaded), policy(&again)), Vec::<String>::new(), "{hcl}");
    }
}

/// Arguments of a resource, by name.
type Arguments = BTreeMap<String, Value>;

/// What `terraform show -json` would say of a plan of this HCL, which has one argument on each line and no more of the
/// language than that. Written for this test alone: it shares nothing with the writer.
fn plan_of(hcl: &str) -> String {
    let (mut resources, mut configuration): (Vec<Value>, Vec<Value>) = (vec![], vec![]);
    let mut open: Option<(String, String, Arguments, Arguments)> = None;
    for line in hcl.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("resource ") {
            let mut words = head.split('"').skip(1).step_by(2).map(str::to_owned);
            open = Some((words.next().unwrap(), words.next().unwrap(), BTreeMap::new(), BTreeMap::new()));
        } else if line == "}" {
            let (kind, name, values, expressions) = open.take().unwrap();
            let address = format!("{kind}.{name}");
            resources.push(
                json!({"address": address, "mode": "managed", "type": kind, "name": name, "values": values}),
            );
            configuration
                .push(json!({"address": address, "type": kind, "name": name, "expressions": expressions}));
        } else {
            let (key, value) = line.trim().split_once('=').unwrap();
            let (key, value) = (key.trim().to_owned(), value.trim());
            let (_, _, values, expressions) = open.as_mut().unwrap();
            if value.starts_with("huaweicloud_") {
                let whole = value.trim_end_matches(".id");
                expressions.insert(key, json!({"references": [value, whole]}));
            } else {
                let value: Value = serde_json::from_str(value).unwrap();
                expressions.insert(key.clone(), json!({"constant_value": value}));
                values.insert(key, value);
            }
        }
    }
    json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": resources}},
        "configuration": {"root_module": {"resources": configuration}},
    })
    .to_string()
}

#[test]
fn what_was_assumed_is_a_comment() {
    let loaded = Scenario::load_all(&Inputs::default());
    assert!(
        loaded.scenario.is_some_and(|scenario| scenario.policy.rules.is_empty()),
        "no input is an empty scenario"
    );
    let loaded = Scenario::load_all(&inputs(&["huawei-v3/show-web.json"], &["web=192.168.0.21"]));
    let yaml = export(&loaded, Target::Scenario);
    assert!(yaml.starts_with("# assumed: a note\n"), "{yaml}");
    assert!(yaml.contains("show-web.json:13 /security_group/security_group_rules/0\n"), "{yaml}");
}

/// Two groups and nobody attached; `web` also names a group that no input has.
const UNATTACHED: &str = r#"{"security_groups": [
    {"id": "0552091e-b83a-49dd-88a7-4a5c86fd9ec3", "name": "web", "security_group_rules": [
        {"id": "r1", "direction": "ingress", "protocol": "tcp", "multiport": "80", "ethertype": "IPv4", "action": "allow",
         "priority": 1, "remote_group_id": "0552091e-b83a-49dd-88a7-4a5c86fd9ec3"},
        {"id": "r2", "direction": "ingress", "protocol": "tcp", "multiport": "81", "ethertype": "IPv4", "action": "allow",
         "priority": 1, "remote_group_id": "9e64a1aa-0000-4a0b-9c1f-6d1f0a8f7b11"}]},
    {"id": "7a2b6d60-41c8-4f0a-9c1f-6d1f0a8f7b11", "name": "db", "security_group_rules": [
        {"id": "r3", "direction": "ingress", "protocol": "tcp", "multiport": "5432", "ethertype": "IPv4", "action": "allow",
         "priority": 1, "remote_group_id": "0552091e-b83a-49dd-88a7-4a5c86fd9ec3"}]}]}"#;

#[test]
fn a_rule_from_a_group_needs_no_members() {
    let loaded = texts(&[("g.json", UNATTACHED)]);
    let elsewhere = "9e64a1aa-0000-4a0b-9c1f-6d1f0a8f7b11";
    for target in [Target::Huawei, Target::Openstack] {
        let json: Value = serde_json::from_str(&export(&loaded, target)).unwrap();
        let rules =
            |at: usize| json["security_groups"][at]["security_group_rules"].as_array().unwrap().clone();
        let named: Vec<_> =
            [rules(0), rules(1)].concat().iter().map(|rule| rule["remote_group_id"].clone()).collect();
        assert_eq!(named, ["web", elsewhere, "web"], "{target}");
    }
    let aws: Value = serde_json::from_str(&export(&loaded, Target::Aws)).unwrap();
    let pair = |group: usize, rule: usize| {
        aws["SecurityGroups"][group]["IpPermissions"][rule]["UserIdGroupPairs"][0]["GroupId"].clone()
    };
    assert_eq!([pair(0, 0), pair(0, 1), pair(1, 0)], ["web", elsewhere, "web"]);
    let hcl = export(&loaded, Target::Terraform);
    let named: Vec<_> =
        hcl.lines().filter_map(|line| line.trim().strip_prefix("remote_group_id   = ")).collect();
    let web = "huaweicloud_networking_secgroup.web.id";
    assert_eq!(named, [web, &format!("\"{elsewhere}\""), web], "{hcl}");
    let yaml = export(&loaded, Target::Scenario);
    assert!(yaml.contains("allow tcp 5432 from group web ipv4 maybe unknown-members"), "{yaml}");
    let again = texts(&[("again.yaml", &yaml)]);
    let remotes = |loaded: &Loaded| policy(loaded).rules.iter().map(|r| r.remote.clone()).collect::<Vec<_>>();
    assert_eq!(remotes(&loaded), remotes(&again));
}

#[test]
fn a_group_of_unknown_rules_is_left_out_and_named() {
    let ports = r#"{"ports": [{"id": "p", "name": "p", "fixed_ips": [{"ip_address": "10.0.0.9"}],
        "security_groups": ["sg-strange"]}]}"#;
    let loaded = texts(&[("g.json", UNATTACHED), ("p.json", ports)]);
    let scenario = loaded.scenario.as_ref().unwrap();
    for (_, target) in Target::ALL {
        let left_out: Vec<_> = scenario.left_out(target).collect();
        let written = export(&loaded, target);
        let expected: &[&str] = if target == Target::Scenario { &[] } else { &["sg-strange"] };
        assert_eq!(left_out, expected, "{target}");
        assert_eq!(written.contains("sg-strange"), target == Target::Scenario, "{target}");
    }
}

#[test]
fn what_cannot_be_written_says_why_and_what_helps() {
    let loaded = Scenario::load_all(&inputs(&["huawei-v1/groups.json"], &[]));
    let refused = loaded.scenario.as_ref().unwrap().export(Target::Aws, &[]).unwrap_err();
    assert!(refused.iter().all(|rule| rule.why.contains("--trust-allow")), "{refused:?}");
    let set = r#"{"security_group": {"id": "g", "name": "g", "security_group_rules": [{"id": "r", "direction": "ingress",
        "protocol": "tcp", "action": "allow", "priority": 1, "remote_address_group_id": "dd18"}]}}"#;
    let loaded = texts(&[("g.json", set)]);
    let refused = loaded.scenario.as_ref().unwrap().export(Target::Huawei, &[]).unwrap_err();
    assert!(refused[0].why.contains("give the list that has them"), "{refused:?}");
}

/// A reference to a group has no family in AWS's form: a rule for one alone would open the other too.
#[test]
fn a_family_that_a_form_cannot_say_is_refused() {
    let scenario = |rules: &str| {
        let interface = "interfaces: { a: { addresses: [10.0.0.1, \"fd00::1\"], groups: [web] } }";
        Scenario::parse("s.yaml", &format!("groups: {{ web: {{ ingress: [{rules}] }} }}\n{interface}\n"))
    };
    let one = scenario("allow tcp 22 from group web ipv6");
    let refused = one.scenario.as_ref().unwrap().export(Target::Aws, &[]).unwrap_err();
    assert!(refused[0].why.contains("one family"), "{refused:?}");
    let _ = export(&one, Target::Huawei);
    let both = scenario("allow tcp 22 from group web ipv4, allow tcp 22 from group web ipv6");
    assert_eq!(export(&both, Target::Aws).matches("UserIdGroupPairs\": [\n").count(), 1);
}
