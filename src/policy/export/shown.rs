//! Groups with their rules as Neutron's API shows them; Huawei Cloud's is a later form of the same.

use serde_json::{Map, Value, json};

use crate::policy::Scenario;

use super::atoms::{self, Atom, Form};
use super::{Unwritable, pretty};

/// Writes all groups, each with `fields` of its own. A group is referred to by its name here: there is no identifier yet.
/// `rules` writes an atom of the group of this name.
pub(super) fn write(
    scenario: &Scenario,
    form: &Form,
    fields: &Map<String, Value>,
    rules: impl Fn(&Scenario, &Atom<'_>, &str) -> Vec<Value>,
) -> Result<String, Vec<Unwritable>> {
    let mut refused = Vec::new();
    let mut groups = Vec::new();
    for (id, group) in atoms::groups(scenario) {
        let atoms = atoms::of(scenario, id, form, &mut refused);
        let rules = atoms.iter().flat_map(|atom| rules(scenario, atom, &group.name)).enumerate();
        let numbered = rules.map(|(number, mut rule)| {
            rule["id"] = format!("{}-{}", group.name, number + 1).into();
            rule
        });
        let mut fields = fields.clone();
        fields.insert("id".into(), group.name.as_str().into());
        fields.insert("name".into(), atoms::name(scenario, id).into());
        fields.insert("description".into(), scenario.group_description(id).into());
        fields.insert("security_group_rules".into(), numbered.collect());
        groups.push(Value::Object(fields));
    }
    if refused.is_empty() { Ok(pretty(&json!({ "security_groups": groups }))) } else { Err(refused) }
}
