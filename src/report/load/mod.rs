//! What a rule set costs, as text, JSON, CSV and a plot.

mod plot;
mod record;

use std::io::{self, Write};

use crate::load::{Engine, ListReport, LoadReport, Speed, Stage};
use crate::policy::Policy;

use super::text::columns::{Cell, Columns};

pub use plot::write as write_svg;
pub use record::{write_csv, write_json, write_list_csv, write_list_json};

/// A speed: `412.3 M`, `1.2 k`.
pub(super) fn speed(per_second: f64) -> String {
    match per_second {
        speed if speed >= 1e6 => format!("{:.1} M", speed / 1e6),
        speed if speed >= 1e3 => format!("{:.1} k", speed / 1e3),
        speed => format!("{speed:.1}"),
    }
}

fn size(bytes: usize) -> String {
    super::label::bytes(bytes as u64)
}

/// What was asked: the name of a mix, or `replay`.
pub(super) fn asked(speed: &Speed) -> &'static str {
    speed.mix.map_or("replay", crate::synth::Mix::code)
}

/// Writes the tables.
pub fn write_text(out: &mut dyn Write, policy: &Policy, report: &LoadReport) -> io::Result<()> {
    let mut table = Columns::new(&["scale", ">rules", ">compile", ">memory", ">tables", ">rule by rule"]);
    for stage in &report.stages {
        table.row(vec![
            Cell::new(format!("x {}", stage.factor)),
            Cell::count(stage.rules as u64),
            Cell::new(format!("{:.2} ms", stage.compile.as_secs_f64() * 1e3)),
            Cell::new(size(stage.bytes)),
            Cell::count(stage.tables[0] as u64),
            Cell::count(stage.tables[1] as u64),
        ]);
    }
    table.write(out)?;
    writeln!(out, "\nSpeed: lookups by mix of headers, and packets of stateful replay, a second")?;
    speeds(out, &report.stages)?;
    writeln!(out)?;
    match &report.difference {
        Some(difference) => writeln!(out, "DIFFERS from the linear reference: {difference}")?,
        None => writeln!(out, "Checked: the linear reference agrees on {} headers", report.checked)?,
    }
    if !report.groups.is_empty() {
        writeln!(out, "\nGroups by cost: what is saved without their rules")?;
        let mut table = Columns::new(&["group", ">rules", ">memory", ">compile"]);
        for cost in &report.groups {
            table.row(vec![
                Cell::new(&policy.group(cost.group).name),
                Cell::count(cost.rules as u64),
                Cell::new(signed(cost.bytes)),
                Cell::new(format!("{:.2} ms", cost.seconds * 1e3)),
            ]);
        }
        table.write(out)?;
    }
    if !report.rules.is_empty() {
        writeln!(out, "\nRules by cost: what is saved without them, and the boundaries that only they have")?;
        let mut table = Columns::new(&["rule", ">memory", ">boundaries"]);
        for cost in report.rules.iter().take(10) {
            table.row(vec![
                Cell::new(&policy.rule(cost.rule).name),
                Cell::new(signed(cost.bytes)),
                Cell::count(cost.cuts as u64),
            ]);
        }
        table.write(out)?;
    }
    if report.incomplete {
        writeln!(out, "\nIncomplete: stopped before everything was measured")?;
    }
    Ok(())
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    format!("{sign}{}", super::label::bytes(bytes.unsigned_abs()))
}

fn speeds(out: &mut dyn Write, stages: &[Stage]) -> io::Result<()> {
    let mut kinds: Vec<(Engine, &'static str, usize)> = Vec::new();
    for speed in stages.iter().flat_map(|stage| &stage.speeds) {
        let kind = (speed.engine, asked(speed), speed.threads);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let heads = ["engine", "asked", ">threads"].map(|head| match head.strip_prefix('>') {
        Some(head) => (head.to_owned(), true),
        None => (head.to_owned(), false),
    });
    let sizes = stages.iter().map(|stage| (format!("{} rules", stage.rules), true));
    let mut table = Columns::of(heads.into_iter().chain(sizes));
    for kind in kinds {
        let mut row = vec![Cell::new(kind.0.code()), Cell::new(kind.1), Cell::new(kind.2)];
        for stage in stages {
            let of_kind = |speed: &&Speed| (speed.engine, asked(speed), speed.threads) == kind;
            let found = stage.speeds.iter().find(of_kind);
            row.push(Cell::new(found.map_or_else(|| "-".to_owned(), |found| speed(found.per_second))));
        }
        table.row(row);
    }
    table.write(out)
}

/// Writes the tables of a filter set.
pub fn write_list_text(out: &mut dyn Write, report: &ListReport) -> io::Result<()> {
    let milliseconds = report.compile.as_secs_f64() * 1e3;
    writeln!(out, "filters    {}", report.rules)?;
    writeln!(out, "compile    {milliseconds:.2} ms")?;
    writeln!(out, "structure  {}", report.structure)?;
    writeln!(out, "\nSpeed: lookups by mix of headers, a second")?;
    let stage = Stage { rules: report.rules, speeds: report.speeds.clone(), ..Stage::default() };
    speeds(out, &[stage])?;
    writeln!(out)?;
    match &report.difference {
        Some(difference) => writeln!(out, "DIFFERS from the linear reference: {difference}")?,
        None => writeln!(out, "Checked: the linear reference agrees on {} headers", report.checked)?,
    }
    if report.incomplete {
        writeln!(out, "\nIncomplete: stopped before everything was measured")?;
    }
    Ok(())
}
