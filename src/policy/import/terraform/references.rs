//! What an expression of the configuration refers to, through variables and outputs of modules.

use std::collections::BTreeMap;

use crate::policy::import::field::said;
use crate::policy::tree::Node;

use super::unknown::Unknown;
use super::{Argument, Resource};

/// Deepest chain of variables and outputs that is followed.
const MOST_STEPS: usize = 32;

/// The configuration of a plan; a state has none, and needs none.
pub(super) struct References<'r, 'n> {
    root: Option<&'n Node>,
    resources: &'r [Resource<'n>],
    /// The `after_unknown` of each resource that changes, by address.
    unknown: BTreeMap<&'n str, &'n Node>,
}

impl<'r, 'n> References<'r, 'n> {
    pub(super) fn new(root: &'n Node, resources: &'r [Resource<'n>]) -> Self {
        let changes = root.get("resource_changes").map_or(&[][..], Node::items);
        let unknown = changes.iter().filter_map(|change| {
            Some((said(change, "address")?.text.as_str(), change.get("change")?.get("after_unknown")?))
        });
        let unknown = unknown.collect();
        Self { root: root.get("configuration").and_then(|node| node.get("root_module")), resources, unknown }
    }

    /// Whether it is a plan: what has no value yet will have one.
    pub(super) const fn is_plan(&self) -> bool {
        self.root.is_some()
    }

    /// How a field of a resource is known. One that is unknown as a whole and that the configuration does not set is the
    /// cloud's to choose: it counts as absent.
    pub(super) fn unknown(&self, resource: &Resource<'n>, key: &str) -> Unknown<'n> {
        let all = self.unknown.get(resource.address.as_str());
        match Unknown::of(all.copied()).field(key) {
            Unknown::All if !self.writes(resource, key) => Unknown::Nothing,
            found => found,
        }
    }

    /// The fields of a resource that are not known.
    pub(super) fn unknowns(&self, resource: &Resource<'n>) -> Vec<&'n str> {
        let Some(all) = self.unknown.get(resource.address.as_str()) else { return vec![] };
        let keys = all.entries().iter().map(|(key, _)| key.text.as_str());
        keys.filter(|key| self.unknown(resource, key).any()).collect()
    }

    /// Whether the configuration has an argument, or may have it: blocks that are made dynamically are not in the file.
    fn writes(&self, resource: &Resource<'n>, key: &str) -> bool {
        let expressions = self.expressions(resource, &modules(&resource.module));
        expressions.map_or(key != "id" && key != "arn", |all| all.get(key).is_some())
            || ["allow", "deny"].contains(&key)
    }

    /// What an argument says: its value, or the resource that its expression refers to.
    pub(super) fn argument(&self, resource: &Resource<'n>, key: &str) -> Argument<'n> {
        if let Some(value) = said(resource.values, key) {
            return Argument::Value(value);
        }
        let path = modules(&resource.module);
        let Some(expression) = self.expression(resource, &path, key) else { return Argument::Absent };
        match self.follow(expression, &path, resource, 0) {
            Some(target) => Argument::Refers(target.key()),
            // A constant that is null or empty refers to nothing.
            None if references(expression).next().is_none() && !self.unknown(resource, key).any() => {
                Argument::Absent
            }
            None => Argument::Unknown,
        }
    }

    /// The resources that the expression of a list refers to; `None` when one of them cannot be told.
    pub(super) fn all(&self, resource: &Resource<'n>, key: &str) -> Option<Vec<&'r Resource<'n>>> {
        let path = modules(&resource.module);
        let expression = self.expression(resource, &path, key)?;
        let mut found: Vec<&'r Resource<'n>> = Vec::new();
        for reference in references(expression) {
            match self.target(reference, &path, resource, 0) {
                Some(target) if found.iter().all(|known| known.address != target.address) => {
                    found.push(target);
                }
                Some(_) => {}
                None => return None,
            }
        }
        Some(found)
    }

    /// Whether the configuration sets an argument.
    pub(super) fn sets(&self, resource: &Resource<'n>, key: &str) -> bool {
        let path = modules(&resource.module);
        self.expression(resource, &path, key)
            .is_some_and(|expression| references(expression).next().is_some())
    }

    fn module(&self, path: &[String]) -> Option<&'n Node> {
        let step = |module: &'n Node, name: &String| module.get("module_calls")?.get(name)?.get("module");
        path.iter().try_fold(self.root?, step)
    }

    fn expression(&self, resource: &Resource<'_>, path: &[String], key: &str) -> Option<&'n Node> {
        self.expressions(resource, path)?.get(key)
    }

    fn expressions(&self, resource: &Resource<'_>, path: &[String]) -> Option<&'n Node> {
        let resources = self.module(path)?.get("resources")?.items();
        let same = |node: &&Node| {
            said(node, "type").is_some_and(|kind| kind.text == resource.kind)
                && said(node, "name").is_some_and(|name| name.text == resource.name)
        };
        resources.iter().find(same)?.get("expressions")
    }

    /// The resource that an expression of a module refers to.
    fn follow(
        &self,
        expression: &'n Node,
        path: &[String],
        from: &Resource<'n>,
        steps: usize,
    ) -> Option<&'r Resource<'n>> {
        references(expression).find_map(|reference| self.target(reference, path, from, steps))
    }

    fn target(
        &self,
        reference: &str,
        path: &[String],
        from: &Resource<'n>,
        steps: usize,
    ) -> Option<&'r Resource<'n>> {
        if steps > MOST_STEPS {
            return None;
        }
        let mut parts = reference.split('.');
        let (first, second) = (parts.next()?, parts.next()?);
        let bare = |part: &str| part.split('[').next().unwrap_or("").to_owned();
        match first {
            "var" => {
                let (call, parent) = path.split_last()?;
                let call = self.module(parent)?.get("module_calls")?.get(call)?;
                self.follow(call.get("expressions")?.get(&bare(second))?, parent, from, steps + 1)
            }
            "module" => {
                let inner: Vec<String> = path.iter().cloned().chain([bare(second)]).collect();
                let outputs = self.module(&inner)?.get("outputs")?;
                let output = outputs.get(&bare(parts.next()?))?.get("expression")?;
                self.follow(output, &inner, from, steps + 1)
            }
            "local" | "each" | "count" | "path" | "terraform" | "self" => None,
            _ => {
                let (data, kind, name) =
                    if first == "data" { (true, second, parts.next()?) } else { (false, first, second) };
                let name = bare(name);
                let same = |resource: &&Resource<'n>| {
                    resource.kind == kind
                        && resource.name == name
                        && modules(&resource.module) == path
                        && resource.address.contains("data.") == data
                };
                let all: Vec<_> = self.resources.iter().filter(same).collect();
                let here = |resource: &&&Resource<'n>| {
                    resource.module == from.module && resource.index == from.index
                };
                match all[..] {
                    [one] => Some(one),
                    // Of many instances the one of the same key, as with `for_each` on both.
                    _ => all.iter().find(here).copied(),
                }
            }
        }
    }
}

/// What an expression says it refers to, in it or in what is nested in it.
fn references(expression: &Node) -> impl Iterator<Item = &str> {
    let own = expression.get("references").map_or(&[][..], Node::items);
    own.iter().filter_map(|item| Some(item.piece()?.text.as_str()))
}

/// The names of the modules of an address, without their indexes: `module.a["x"].module.b` is a, b.
fn modules(address: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = address;
    while let Some(inner) = rest.strip_prefix("module.") {
        let end = inner.find(['.', '[']).unwrap_or(inner.len());
        names.push(inner[..end].to_owned());
        rest = &inner[end..];
        if rest.starts_with('[') {
            rest = rest.split_once(']').map_or("", |(_, rest)| rest);
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::modules;

    #[test]
    fn module_addresses_are_taken_apart() {
        assert_eq!(modules("module.a[\"x\"].module.b"), ["a", "b"]);
        assert_eq!(modules("module.net[0]"), ["net"]);
        assert!(modules("").is_empty());
    }
}
