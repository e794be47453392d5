//! JSON and CSV of `sgsim load`; `docs/output.md` documents every field.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::load::{ListReport, LoadReport, Speed};
use crate::policy::Policy;

use super::asked;

/// Changes when a reader would break.
const SCHEMA: &str = "sgsim/load/v1";
const LIST_SCHEMA: &str = "sgsim/load-filters/v1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    scenario: &'a str,
    seed: u64,
    stages: Vec<StageRecord>,
    checked: u64,
    difference: Option<&'a str>,
    groups: Vec<GroupRecord<'a>>,
    rules: Vec<RuleRecord<'a>>,
    complete: bool,
}

#[derive(Serialize)]
struct StageRecord {
    scale: u32,
    rules: usize,
    compile_seconds: f64,
    memory_bytes: usize,
    tables: usize,
    tables_rule_by_rule: usize,
    speeds: Vec<SpeedRecord>,
}

#[derive(Serialize)]
struct SpeedRecord {
    engine: &'static str,
    asked: &'static str,
    threads: usize,
    per_second: f64,
    count: u64,
}

#[derive(Serialize)]
struct GroupRecord<'a> {
    group: &'a str,
    rules: usize,
    saved_bytes: i64,
    saved_compile_seconds: f64,
}

#[derive(Serialize)]
struct RuleRecord<'a> {
    rule: &'a str,
    saved_bytes: i64,
    own_boundaries: usize,
}

#[derive(Serialize)]
struct ListDocument<'a> {
    schema: &'static str,
    filters: &'a str,
    seed: u64,
    rules: usize,
    compile_seconds: f64,
    structure: &'a str,
    speeds: Vec<SpeedRecord>,
    checked: u64,
    difference: Option<&'a str>,
    complete: bool,
}

fn speeds(speeds: &[Speed]) -> Vec<SpeedRecord> {
    let record = |speed: &Speed| SpeedRecord {
        engine: speed.engine.code(),
        asked: asked(speed),
        threads: speed.threads,
        per_second: speed.per_second,
        count: speed.count,
    };
    speeds.iter().map(record).collect()
}

/// Writes one JSON document.
pub fn write_json(
    out: &mut dyn Write,
    policy: &Policy,
    scenario: &str,
    seed: u64,
    report: &LoadReport,
) -> io::Result<()> {
    let stages = report.stages.iter().map(|stage| StageRecord {
        scale: stage.factor,
        rules: stage.rules,
        compile_seconds: stage.compile.as_secs_f64(),
        memory_bytes: stage.bytes,
        tables: stage.tables[0],
        tables_rule_by_rule: stage.tables[1],
        speeds: speeds(&stage.speeds),
    });
    let groups = report.groups.iter().map(|cost| GroupRecord {
        group: &policy.group(cost.group).name,
        rules: cost.rules,
        saved_bytes: cost.bytes,
        saved_compile_seconds: cost.seconds,
    });
    let rules = report.rules.iter().map(|cost| RuleRecord {
        rule: &policy.rule(cost.rule).name,
        saved_bytes: cost.bytes,
        own_boundaries: cost.cuts,
    });
    let document = Document {
        schema: SCHEMA,
        scenario,
        seed,
        stages: stages.collect(),
        checked: report.checked,
        difference: report.difference.as_deref(),
        groups: groups.collect(),
        rules: rules.collect(),
        complete: !report.incomplete,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Writes one JSON document about a filter set.
pub fn write_list_json(out: &mut dyn Write, filters: &str, seed: u64, report: &ListReport) -> io::Result<()> {
    let document = ListDocument {
        schema: LIST_SCHEMA,
        filters,
        seed,
        rules: report.rules,
        compile_seconds: report.compile.as_secs_f64(),
        structure: &report.structure,
        speeds: speeds(&report.speeds),
        checked: report.checked,
        difference: report.difference.as_deref(),
        complete: !report.incomplete,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Writes a line for each speed.
pub fn write_csv(out: &mut dyn Write, report: &LoadReport) -> io::Result<()> {
    let stages = report.stages.iter().map(|stage| Measured {
        scale: stage.factor,
        rules: stage.rules,
        compile: stage.compile,
        bytes: Some(stage.bytes),
        speeds: &stage.speeds,
    });
    write_lines(out, stages)
}

/// The same for a filter set, of which the memory is not told.
pub fn write_list_csv(out: &mut dyn Write, report: &ListReport) -> io::Result<()> {
    let ListReport { rules, compile, ref speeds, .. } = *report;
    write_lines(out, [Measured { scale: 1, rules, compile, bytes: None, speeds }].into_iter())
}

/// What lines of CSV have in common.
struct Measured<'a> {
    scale: u32,
    rules: usize,
    compile: Duration,
    bytes: Option<usize>,
    speeds: &'a [Speed],
}

fn write_lines<'a>(out: &mut dyn Write, all: impl Iterator<Item = Measured<'a>>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "scale",
        "rules",
        "compile_seconds",
        "memory_bytes",
        "engine",
        "asked",
        "threads",
        "per_second",
        "count",
    ])?;
    for measured in all {
        for speed in measured.speeds {
            writer.write_record([
                measured.scale.to_string(),
                measured.rules.to_string(),
                measured.compile.as_secs_f64().to_string(),
                measured.bytes.map_or_else(String::new, |bytes| bytes.to_string()),
                speed.engine.code().to_owned(),
                asked(speed).to_owned(),
                speed.threads.to_string(),
                speed.per_second.to_string(),
                speed.count.to_string(),
            ])?;
        }
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Engine, GroupCost, RuleCost, Stage};
    use crate::policy::{GroupId, RuleId};
    use crate::synth::{ClusterRules, Mix};

    fn report() -> LoadReport {
        let speed =
            |engine, mix, threads, per_second| Speed { engine, mix, threads, per_second, count: 1000 };
        let stage = |factor: u32| Stage {
            factor,
            rules: 20 * factor as usize,
            compile: Duration::from_micros(250),
            bytes: 17_000,
            tables: [1, 0],
            speeds: vec![
                speed(Engine::Compiled, Some(Mix::Boundaries), 1, 3.0e8 / f64::from(factor)),
                speed(Engine::Compiled, Some(Mix::Boundaries), 2, 5.0e8 / f64::from(factor)),
                speed(Engine::Linear, Some(Mix::Boundaries), 1, 4.5e6),
                speed(Engine::Compiled, None, 1, 2.0e7),
            ],
        };
        LoadReport {
            stages: vec![stage(1), stage(2)],
            checked: 12_345,
            difference: None,
            groups: vec![GroupCost { group: GroupId(1), rules: 7, bytes: -40, seconds: 0.0001 }],
            rules: vec![RuleCost { rule: RuleId(3), cuts: 4, bytes: 300 }],
            incomplete: true,
        }
    }

    #[test]
    fn every_form_tells_the_same() {
        let (policy, report) = (ClusterRules::new(20).policy(), report());
        let text = |write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
            let mut out = Vec::new();
            write(&mut out).unwrap();
            anstream::adapter::strip_bytes(&out).into_vec()
        };
        let text = |write: &dyn Fn(&mut dyn Write) -> io::Result<()>| String::from_utf8(text(write)).unwrap();
        insta::assert_snapshot!("text", text(&|out| super::super::write_text(out, &policy, &report)));
        insta::assert_snapshot!("json", text(&|out| write_json(out, &policy, "s.yaml", 1, &report)));
        insta::assert_snapshot!("csv", text(&|out| write_csv(out, &report)));
        insta::assert_snapshot!("svg", text(&|out| super::super::write_svg(out, &report)));
    }

    #[test]
    fn every_field_is_documented() {
        let page = include_str!("../../../docs/output.md");
        let mut out = Vec::new();
        write_json(&mut out, &ClusterRules::new(20).policy(), "s.yaml", 1, &report()).unwrap();
        let mut names = std::collections::BTreeSet::new();
        super::super::super::documented::names(&serde_json::from_slice(&out).unwrap(), &mut names);
        let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "not in docs/output.md: {missing:?}");
    }
}
