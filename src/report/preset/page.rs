//! `docs/presets.md`, made from the data so that it cannot go stale.

use std::fmt::{self, Write};
use std::path::Path;

use crate::policy::Direction;
use crate::policy::cce::{self, Parameter, Preset, PresetRule};

use super::{capitalised, names};

const HEAD: &str = "\
# CCE presets

<!-- Made from src/policy/cce by `UPDATE_DOCS=1 cargo test`; edit the data, not this page. -->

A preset is the set of security groups that Huawei Cloud makes for a CCE cluster, as its documentation lists them.
A scenario starts from one with `preset: NAME`, says its parameters under `with:`, and writes what differs under
`change:`, by group and rule: `node/ssh`. `sgsim preset show NAME --set vpc=...` prints one as a scenario to edit.

The tables are called T1 to T7 (a group's inbound rules) and T8 (what must stay open when a node group's outbound
traffic is narrowed). The `-hardened` presets are the newer page's groups with T8 in place of the node group's
*everything out*; masters and pod interfaces keep theirs, as the page recommends.

What is not on a page is labelled: `[INFERRED]` follows from sources but is not stated, `[UNKNOWN]` was looked for and
is not documented, `[CONFLICT]` is told differently by different sources.

Advice is the page's: *keep*, changing the rule can break the cluster; *may*, it can be changed if needed; *should*,
changing it is recommended. Behind the word stands what a changed rule has to admit. The page gives two warnings beside:
leave rules alone whose ports CCE needs, and add none that conflicts with one there, because a conflict can put the
old rule out of force. A node group of your own has to open what the default one opens, and another default node group
applies to new nodes only.
";

fn page() -> Result<String, fmt::Error> {
    let mut out = HEAD.to_owned();
    writeln!(out, "\n| Preset | What | Groups | Rules | Must be set |\n| --- | --- | --- | --: | --- |")?;
    for preset in cce::presets() {
        let groups = names(preset.groups.iter().map(|group| group.name));
        let (link, title, rules) = (link(preset), preset.title, preset.rule_count());
        writeln!(out, "| {link} | {title} | {groups} | {rules} | {} |", names(preset.required()))?;
    }
    writeln!(out, "\n## Sources\n\nBoth read on {}.\n", cce::READ)?;
    list(&mut out, &[cce::NEWER, cce::OLDER])?;
    writeln!(out, "\n### Where the two pages disagree\n")?;
    list(&mut out, cce::DISAGREEMENTS)?;
    writeln!(out, "\n### What copies and successors say\n\nNone of it is in a preset.\n")?;
    list(&mut out, cce::RETELLINGS)?;
    writeln!(out, "\n## Assumptions of every preset\n")?;
    list(&mut out, &shared_notes())?;
    for (i, preset) in cce::presets().iter().enumerate() {
        write_preset(&mut out, preset, &cce::presets()[..i])?;
    }
    Ok(out)
}

/// What every preset notes, in the first one's order.
fn shared_notes() -> Vec<&'static str> {
    let everywhere = |note: &&str| cce::presets().iter().all(|preset| preset.notes.contains(note));
    cce::presets()[0].notes.iter().copied().filter(everywhere).collect()
}

fn list(out: &mut String, items: &[&str]) -> fmt::Result {
    items.iter().try_for_each(|item| writeln!(out, "- {item}"))
}

fn link(preset: &Preset) -> String {
    format!("[`{0}`](#{1})", preset.name, preset.name.replace('/', ""))
}

fn write_preset(out: &mut String, preset: &Preset, earlier: &'static [Preset]) -> fmt::Result {
    writeln!(out, "\n## `{}`\n\n{}.", preset.name, capitalised(preset.title))?;
    writeln!(out, "Source: {}, read {}.\n", preset.source, preset.date)?;
    writeln!(out, "| Parameter | What | Unless set |\n| --- | --- | --- |")?;
    for Parameter { name, about, default } in preset.parameters {
        let default = if default.is_empty() { "must be set".to_owned() } else { default.join(", ") };
        writeln!(out, "| `{name}` | {about} | {default} |")?;
    }
    for group in preset.groups {
        writeln!(out, "\n### `{}` in `{}`\n\n{}.", group.name, preset.name, capitalised(group.about))?;
        for direction in Direction::BOTH {
            let rules = group.rules(direction);
            let same = earlier.iter().find(|earlier| {
                earlier.group(group.name).is_some_and(|group| group.rules(direction) == rules)
            });
            match same {
                Some(same) => writeln!(out, "\nThe {direction} rules are those of {}.", link(same))?,
                None => write_rules(out, direction, rules)?,
            }
        }
    }
    let shared = shared_notes();
    let own: Vec<_> = preset.notes.iter().copied().filter(|note| !shared.contains(note)).collect();
    if !own.is_empty() {
        writeln!(out, "\n### Assumptions and gaps of `{}`\n", preset.name)?;
        list(out, &own)?;
    }
    Ok(())
}

fn write_rules(out: &mut String, direction: Direction, rules: &[PresetRule]) -> fmt::Result {
    let head = capitalised(&direction.to_string());
    writeln!(out, "\n| {head} | Rule | For | Advice | Without it |\n| --- | --- | --- | --- | --- |")?;
    for rule in rules {
        let PresetRule { id, words, purpose, advice, admit, breaks } = rule;
        let admit = if admit.is_empty() { String::new() } else { format!(": {admit}") };
        writeln!(out, "| `{id}` | `{words}` | {purpose} | {}{admit} | {breaks} |", advice.word())?;
    }
    Ok(())
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/presets.md");
    let page = page().unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/presets.md is stale, run UPDATE_DOCS=1 cargo test");
}
