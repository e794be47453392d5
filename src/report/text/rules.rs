//! Which rules decided something, and which never did.

use std::io::{self, Write};

use crate::policy::Action;
use crate::replay::ConnectionVerdict;

use super::super::{Results, label};
use super::columns::{Cell, Columns};
use super::flows::clock;
use super::{heading, verdict_style, word_list};

pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let policy = results.policy;
    if policy.rules.is_empty() {
        heading(out, "Rules")?;
        return writeln!(out, "The scenario has no rules: every packet that meets a group is dropped.");
    }
    // Written flows have no time of their own.
    let timed = !results.captures.is_empty();
    let mut heads = vec!["rule", "action", ">connections", ">packets", ">bytes"];
    if timed {
        heads.extend([">first seen", ">last seen"]);
    }
    let mut table = Columns::new(&heads);
    for (id, hits) in results.hit() {
        let rule = policy.rule(id);
        let style = match rule.action {
            Action::Allow => verdict_style(ConnectionVerdict::Allowed),
            Action::Deny => verdict_style(ConnectionVerdict::Blocked),
        };
        let mut cells = vec![
            Cell::new(&rule.name),
            Cell::new(rule.action).styled(style),
            Cell::count(hits.connections),
            Cell::count(hits.volume.packets),
            Cell::bytes(hits.volume.bytes),
        ];
        if timed {
            let at = |time: Option<_>| Cell::new(time.map_or("-".into(), |time| clock(results, time)));
            cells.extend([at(hits.first), at(hits.last)]);
        }
        table.row(cells);
    }
    heading(out, "Rules: what each decided")?;
    if table.is_empty() {
        writeln!(out, "No rule decided anything.")?;
    } else {
        table.write(out)?;
    }
    let never: Vec<_> = results.never_hit().collect();
    if never.is_empty() {
        return writeln!(out, "Every rule was hit.");
    }
    let lead = format!("Never hit ({} of {}):", never.len(), policy.rules.len());
    let names = never.into_iter().map(|id| {
        let rule = policy.rule(id);
        let why = match rule.doubt {
            _ if !rule.enabled => " (disabled)",
            Some(_) => " (in doubt)",
            None => "",
        };
        format!("{}{why}", label::escape(&rule.name))
    });
    word_list(out, &lead, names)
}
