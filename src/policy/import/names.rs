//! Names for what exports call by identifiers: short, told apart, and such that a rule's words stay clear.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::scenario::address;
use crate::policy::words;

/// A text as a name: every other character becomes `-`. `interface` names may hold more.
pub(super) fn clean(text: &str, interface: bool) -> String {
    let kept = |c: char| c.is_alphanumeric() || "-_.".contains(c) || interface && "/:@".contains(c);
    let mut name: String = text.trim().chars().map(|c| if kept(c) { c } else { '-' }).collect();
    let reserved = words::RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&name));
    if name.is_empty() || !interface && (reserved || address::looks_like(&name)) {
        name.insert_str(0, "x-");
    }
    name
}

/// An identifier short enough for a table: the first eight digits of a UUID, what stands behind the last `/` of a path.
pub(super) fn short(id: &str) -> &str {
    short_uuid(id.rsplit('/').next().unwrap_or(id))
}

/// The first eight digits of a UUID; any other text as it is.
pub(super) fn short_uuid(id: &str) -> &str {
    let is_uuid = id.is_ascii() && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if is_uuid { &id[..8] } else { id }
}

/// Whether a text is what a cloud gives: a UUID with or without dashes, AWS's `sg-` and hexadecimal digits, a path.
pub(super) fn is_identifier(text: &str) -> bool {
    let hex = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_aws = text.strip_prefix("sg-").is_some_and(|rest| hex(rest, &[8, 17]));
    is_aws || short_uuid(text) != text || hex(text, &[32]) || text.contains('/')
}

/// Gives each key its own name: the wanted one, and where several want it, with a part of the key.
pub(super) fn distinct<'k>(wanted: &[(&'k str, String)]) -> BTreeMap<&'k str, String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, name) in wanted {
        *count.entry(name).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for (key, name) in wanted {
        let mut name = if count[name.as_str()] > 1 {
            clean(&format!("{name}.{}", short(key)), false)
        } else {
            name.clone()
        };
        if !taken.insert(name.clone()) {
            name = clean(&format!("{name}.{key}"), false);
            taken.insert(name.clone());
        }
        names.insert(*key, name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_clean_short_and_told_apart() {
        assert_eq!(clean("web servers (prod)", false), "web-servers--prod-");
        assert_eq!(clean("any", false), "x-any");
        assert_eq!(clean("10.0.0.1", false), "x-10.0.0.1");
        assert_eq!(clean("kube-system/dns:1", true), "kube-system/dns:1");
        assert_eq!(short("0552091e-b83a-49dd-88a7-4a5c86fd9ec3"), "0552091e");
        assert_eq!(short("sg-0123"), "sg-0123");
        assert!(is_identifier("0552091e-b83a-49dd-88a7-4a5c86fd9ec3") && is_identifier("sg-0a1b2c3d"));
        assert!(!is_identifier("sg-db") && !is_identifier("web") && !is_identifier("default.sg-0a1b2c3d"));
        let names =
            distinct(&[("sg-1", "default".into()), ("sg-2", "default".into()), ("sg-3", "web".into())]);
        assert_eq!(names["sg-1"], "default.sg-1");
        assert_eq!(names["sg-3"], "web");
    }
}
