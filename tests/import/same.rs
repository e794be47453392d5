//! One rule set in every form: the verdicts are the same over the whole space.

use sgsim::policy::Scenario;

use crate::support::{apart, inputs, policy};

const BY_HAND: &[&str] = &["web=192.168.0.21,192.168.0.22", "db=192.168.0.31"];
const HUAWEI_PORTS: &str = "huawei-v3/ports.json";

/// Files of one form, and what is attached by hand.
pub(crate) const FORMS: &[(&[&str], &[&str])] = &[
    (&["huawei-v3/show-web.json", "huawei-v3/show-db.json", HUAWEI_PORTS], &[]),
    (&["huawei-v3/list.json", "huawei-v3/rules.json", HUAWEI_PORTS], &[]),
    (&["huawei-v3/rules.json", "huawei-v3/ports.json", "huawei-v3/show-web.json"], &[]),
    (&["huawei-v3/list.json", "huawei-v3/rules.json"], BY_HAND),
    (&["huawei-v1/groups.json", HUAWEI_PORTS], &[]),
    (&["huawei-v2/groups.json", HUAWEI_PORTS], &[]),
    (&["console/web.xlsx", "console/db.xlsx"], BY_HAND),
    (&["console/web.xlsx", "huawei-v3/list.json", "console/db.xlsx", HUAWEI_PORTS], &[]),
    (&["neutron/groups.json", "neutron/ports.json"], &[]),
    (&["openstack-cli/groups.json", "openstack-cli/rules.json", "openstack-cli/ports.json"], &[]),
    (&["openstack-cli/rules-older.json", "openstack-cli/ports-older.json"], &[]),
    (&["aws/security-groups.json", "aws/network-interfaces.json"], &[]),
    (&["aws/security-groups.json", "aws/instances.json", "aws/network-interfaces.json"], &[]),
    (&["aws/security-group-rules.json", "aws/instances.json"], &[]),
    (&["gcp/firewall-rules.json", "gcp/instances.json"], &[]),
    (&["terraform/huaweicloud-plan.json"], BY_HAND),
    (&["terraform/huaweicloud-state.json"], BY_HAND),
    (&["terraform/opentelekomcloud-plan.json"], BY_HAND),
    (&["terraform/opentelekomcloud-state.json"], BY_HAND),
    (&["terraform/openstack-plan.json"], BY_HAND),
    (&["terraform/openstack-state.json"], BY_HAND),
    (&["terraform/aws-plan.json"], BY_HAND),
    (&["terraform/aws-state.json"], BY_HAND),
    (&["terraform/aws.tfstate"], BY_HAND),
    (&["terraform/google-state.json"], &[]),
    (&["terraform/azurerm-plan.json"], BY_HAND),
    (&["azure/nsg.json"], BY_HAND),
    (&["azure/nsg-rest.json"], BY_HAND),
];

#[test]
fn every_form_gives_the_verdicts_of_the_scenario() {
    let same = Scenario::load_all(&inputs(&["same.yaml"], &[]));
    // Azure's groups know no GRE.
    let without_gre = Scenario::load_all(&inputs(&["same.yaml", "without-gre.yaml"], &[]));
    let mut wrong = vec![];
    for (files, attach) in FORMS {
        let mut inputs = inputs(files, attach);
        inputs.trust_allow = files[0].starts_with("huawei-v1") || files[0].starts_with("huawei-v2");
        let loaded = Scenario::load_all(&inputs);
        let expected = if files[0].contains("azure") { &without_gre } else { &same };
        let apart = match loaded.policy() {
            Some(found) => apart(policy(expected), found),
            None => vec![loaded.render(sgsim::diag::Style::Plain)],
        };
        if !apart.is_empty() {
            wrong.push(format!("{files:?}\n  {}", apart.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_comparison_tells_policies_apart() {
    let same = Scenario::load_all(&inputs(&["same.yaml"], &[]));
    let without_gre = Scenario::load_all(&inputs(&["same.yaml", "without-gre.yaml"], &[]));
    assert_eq!(apart(policy(&same), policy(&without_gre)).len(), 1);
}
