//! What each group alone would allow and drop, and what was blocked where it is bound.

use std::io::{self, Write};

use anstyle::Style;

use crate::replay::Count;

use super::super::{Results, label};
use super::columns::{Cell, Columns};
use super::{heading, word_list};

pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut heads = vec!["group", "direction", ">would allow", ">packets", ">bytes"];
    heads.extend([">would drop", ">packets", ">bytes", ">assumed"]);
    let in_doubt = results.has_doubtful_groups();
    heads.extend(in_doubt.then_some(">undecided"));
    heads.push(">blocked");
    let mut table = Columns::new(&heads);
    for tally in results.tally.groups.iter().filter(|tally| Results::was_asked(tally)) {
        let mut cells = vec![Cell::new(&results.policy.group(tally.group).name), Cell::new(tally.direction)];
        cells.extend(count(&tally.allows));
        cells.extend(count(&tally.drops));
        cells.push(Cell::count(tally.assumed.connections));
        cells.extend(in_doubt.then(|| Cell::count(tally.undecided.connections)));
        let style = if tally.blocked.connections == 0 {
            super::QUIET
        } else {
            super::verdict_style(crate::replay::ConnectionVerdict::Blocked)
        };
        cells.push(Cell::new(tally.blocked.connections).styled(style));
        table.row(cells);
    }
    heading(
        out,
        "Groups: connections that each alone would let open or not (packets both ways), and that its interfaces blocked",
    )?;
    if table.is_empty() {
        writeln!(out, "No packet met a group.")?;
    } else {
        table.write(out)?;
    }
    let idle = results.idle_groups();
    if idle.is_empty() {
        Ok(())
    } else {
        word_list(out, "Met nothing:", idle.iter().map(|name| label::escape(name).into_owned()))
    }
}

fn count(count: &Count) -> [Cell; 3] {
    let style = if count.connections == 0 { super::QUIET } else { Style::new().bold() };
    [
        Cell::new(count.connections).styled(style),
        Cell::count(count.volume.packets),
        Cell::bytes(count.volume.bytes),
    ]
}
