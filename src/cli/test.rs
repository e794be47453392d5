//! `sgsim test`: expectations about what must get through and what must not.

mod witness;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::diag::{Style, escape_lines};
use crate::expect::platform::{self, Platform};
use crate::expect::{
    Claim, Coverage, Refused, Selection, Status, Suite, SuiteFile, SuiteOutcome, bless, check,
};
use crate::policy::Scenario;
use crate::report::suite::{ScenarioCoverage, SuiteFormat, SuiteResult, SuiteResults};

use super::{BesideArgs, Error, ExitStatus, files, load, output, threads};

/// Hold a scenario to what must get through and what must not.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suites of expectations (YAML); each names its scenario.
    #[arg(value_name = "SUITE", required_unless_present = "preset", help_heading = "Input")]
    suites: Vec<PathBuf>,
    /// What the cloud needs of the groups of this kind of cluster, as a suite: cce/vpc, cce/tunnel or cce/turbo.
    #[arg(long, value_name = "NAME", requires = "scenarios", value_parser = preset, help_heading = "Input")]
    preset: Vec<&'static Platform>,
    /// Name addresses for the suites: dns=100.125.1.250, or several separated by commas.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::preset::setting, help_heading = "Input")]
    sets: Vec<(String, String)>,
    /// Test this scenario (of several files, together) instead of those that the suites name.
    #[arg(short = 's', long = "scenario", value_name = "FILE", help_heading = "Input")]
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    beside: BesideArgs,
    /// Check only expectations whose name contains this text (of several: any).
    #[arg(long = "name", value_name = "TEXT", help_heading = "Selection")]
    names: Vec<String>,
    /// Check only expectations with this tag (of several: any).
    #[arg(long = "tag", value_name = "TAG", value_delimiter = ',', help_heading = "Selection")]
    tags: Vec<String>,
    /// Leave out expectations whose name contains this text (of several: any).
    #[arg(long = "skip", value_name = "TEXT", help_heading = "Selection")]
    skip_names: Vec<String>,
    /// Leave out expectations with this tag (of several: any).
    #[arg(long = "skip-tag", value_name = "TAG", value_delimiter = ',', help_heading = "Selection")]
    skip_tags: Vec<String>,
    /// Stop at the first expectation that does not hold.
    #[arg(long, help_heading = "Selection")]
    fail_fast: bool,
    /// Format on standard output: text, json, junit, tap, sarif, github, markdown or lcov (rule coverage).
    #[arg(long, default_value_t, value_name = "FORMAT", value_parser = format, help_heading = "Output")]
    format: SuiteFormat,
    /// Write the results to a file too, as in junit=report.xml; may be given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report, help_heading = "Output")]
    reports: Vec<(SuiteFormat, PathBuf)>,
    /// Change the suites to what happens now, and show what changed. What is said of all packets stays.
    #[arg(long, conflicts_with = "preset", help_heading = "Output")]
    bless: bool,
    /// Tell which rules were exercised, and a packet for each of the others.
    #[arg(long, help_heading = "Output")]
    coverage: bool,
    /// Exit with status 1 when less than so many per cent of the rules that ever decide were exercised.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), help_heading = "Output")]
    coverage_min: Option<u8>,
    /// Write a one-packet pcap for each failure to this folder.
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    witness: Option<PathBuf>,
    /// Threads to work with: all processors unless told.
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Input")]
    threads: Option<u16>,
}

fn format(text: &str) -> Result<SuiteFormat, String> {
    text.parse()
}

fn preset(text: &str) -> Result<&'static Platform, String> {
    platform::find(text).ok_or_else(|| {
        let known: Vec<_> = platform::ALL.iter().map(|platform| platform.preset).collect();
        format!("there is no suite for '{text}', expected one of {}", known.join(", "))
    })
}

fn report(text: &str) -> Result<(SuiteFormat, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("expected FORMAT=FILE, such as junit=report.xml")?;
    Ok((format.parse()?, PathBuf::from(file)))
}

/// A suite with the scenario that it is about.
struct Prepared {
    suite: Suite,
    scenario: Scenario,
    /// The files of the scenario.
    files: Vec<PathBuf>,
    /// The first of them, where the suite is a shipped one.
    shipped_for: Option<String>,
}

impl Prepared {
    /// The files that it is read from, captures among them.
    fn inputs(&self) -> impl Iterator<Item = PathBuf> {
        let captures = self.suite.expectations.iter().filter_map(|expectation| match &expectation.claim {
            Claim::Connections(connections) => Some(&connections.captures),
            _ => None,
        });
        let suite = PathBuf::from(&self.suite.source.name);
        self.files.iter().chain(captures.flatten()).cloned().chain([suite])
    }
}

pub(super) fn run(args: &Args) -> Result<ExitStatus, Error> {
    let shipped = args.preset.iter().map(|platform| (platform.suite(), true));
    let written = args.suites.iter().map(|path| (SuiteFile::load(path), false));
    let files = shipped.chain(written).map(|(file, shipped)| (file.with_sets(&args.sets), shipped));
    let prepared: Vec<_> = files.map(|(file, shipped)| prepare(file, shipped, args)).collect();
    // All mistakes of all suites are told before the command gives up.
    let Some(prepared) = prepared.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(ExitStatus::Failed);
    };
    let inputs: Vec<_> = prepared.iter().flat_map(Prepared::inputs).collect();
    let reports = || args.reports.iter().map(|(_, path)| path);
    files::check_apart(&inputs, reports())?;
    let selection = Selection {
        names: args.names.clone(),
        tags: args.tags.clone(),
        skip_names: args.skip_names.clone(),
        skip_tags: args.skip_tags.clone(),
        fail_fast: args.fail_fast,
    };
    let outcomes = threads::pool(args.threads)?.install(|| check_all(&prepared, &selection));
    let suites = prepared.iter().zip(outcomes).map(|(prepared, outcome)| SuiteResult {
        outcome,
        policy: &prepared.scenario.policy,
        scenario: load::names(&prepared.files),
        shipped_for: prepared.shipped_for.clone(),
    });
    let root = std::env::current_dir().unwrap_or_default();
    let mut results = SuiteResults { suites: suites.collect(), coverage: vec![], root };
    if args.wants_coverage() {
        results.coverage = coverage(&results.suites);
    }
    let witnesses = args.witness.as_ref().map(|folder| (folder, witness::plan(folder, &results)));
    let packets = witnesses.iter().flat_map(|(_, planned)| planned.iter().map(|(path, _)| path));
    files::check_apart(&inputs, reports().chain(packets))?;
    for (format, path) in &args.reports {
        let mut out = files::create_plain(path)?;
        let written = format.write(&results, &mut out).and_then(|()| out.flush());
        written.or_else(files::unless_closed).map_err(|error| files::cannot_write(path, &error))?;
    }
    if let Some((folder, planned)) = &witnesses {
        witness::write(folder, planned)?;
    }
    let mut out = output::stdout();
    args.format.write(&results, &mut out).and_then(|()| out.flush()).or_else(files::unless_closed)?;
    let mut status = status(&results);
    if status == ExitStatus::Nothing {
        output::complain(&format_args!("nothing was checked: {}", args.why_nothing(&prepared)));
    }
    if args.bless && status != ExitStatus::Nothing {
        status = bless_all(&prepared, &results)?;
    }
    for scenario in &results.coverage {
        let least = args.coverage_min.unwrap_or(0);
        if args.coverage_min.is_some() && scenario.coverage.coverable() == 0 && status == ExitStatus::Done {
            output::complain(&format_args!("{}: there is no rule to be covered", scenario.scenario));
            status = ExitStatus::Nothing;
        }
        if scenario.coverage.permille() < usize::from(least) * 10 {
            let summary = scenario.summary();
            output::complain(&format_args!("{}: covered are {summary}, not {least} %", scenario.scenario));
            status = status.max(ExitStatus::Found);
        }
    }
    Ok(status)
}

/// The coverage of each scenario, by all suites that were checked against it.
fn coverage<'r>(suites: &[SuiteResult<'r>]) -> Vec<ScenarioCoverage<'r>> {
    let mut known: Vec<&SuiteResult<'r>> = vec![];
    for suite in suites {
        if known.iter().all(|other| other.scenario != suite.scenario) {
            known.push(suite);
        }
    }
    let of = |first: &&SuiteResult<'r>| {
        let same = suites.iter().filter(|suite| suite.scenario == first.scenario);
        ScenarioCoverage {
            scenario: first.scenario.clone(),
            policy: first.policy,
            coverage: Coverage::new(first.policy, same.map(|suite| &suite.outcome)),
        }
    };
    known.iter().map(of).collect()
}

/// Finds a suite's scenario and looks up what it names; `None` when mistakes were told.
fn prepare(mut file: SuiteFile, shipped: bool, args: &Args) -> Option<Prepared> {
    let files = if args.scenarios.is_empty() { file.scenario() } else { args.scenarios.clone() };
    let loaded = (!files.is_empty()).then(|| Scenario::load_all(&args.beside.inputs(&files)));
    if let Some(loaded) = &loaded {
        load::report_findings(loaded);
    }
    let scenario = loaded.and_then(|loaded| loaded.scenario);
    let readable = file.diagnostics.iter().all(|finding| !finding.is_error());
    if scenario.is_none() && readable {
        file.without_scenario();
    }
    let prepared = scenario.and_then(|scenario| {
        let suite = file.resolve(&scenario)?;
        let shipped_for = files.first().filter(|_| shipped).map(|path| path.display().to_string());
        Some(Prepared { suite, scenario, files, shipped_for })
    });
    if !file.diagnostics.is_empty() {
        output::remark(&file.render(Style::Coloured));
    }
    prepared
}

/// Checks the suites one after the other, each with all threads.
fn check_all(prepared: &[Prepared], selection: &Selection) -> Vec<SuiteOutcome> {
    let mut outcomes: Vec<SuiteOutcome> = vec![];
    for Prepared { suite, scenario, .. } in prepared {
        let stopped = selection.fail_fast && outcomes.iter().any(SuiteOutcome::is_stopped);
        outcomes.push(if stopped {
            selection.leave_out(suite)
        } else {
            check(suite, &scenario.policy, selection)
        });
    }
    outcomes
}

/// How the run ends: what could not be checked weighs more than what failed.
fn status(results: &SuiteResults<'_>) -> ExitStatus {
    match () {
        () if results.count(Status::Error) > 0 => ExitStatus::Failed,
        () if results.count(Status::Failed) > 0 => ExitStatus::Found,
        () if results.checked() == results.count(Status::Skipped) => ExitStatus::Nothing,
        () => ExitStatus::Done,
    }
}

/// Changes every suite that does not hold to what happens now.
fn bless_all(prepared: &[Prepared], results: &SuiteResults<'_>) -> Result<ExitStatus, Error> {
    let mut status = ExitStatus::Done;
    for (prepared, result) in prepared.iter().zip(&results.suites) {
        let file = &prepared.suite.source.name;
        let blessed = bless(&prepared.suite, &result.outcome, &prepared.scenario.policy);
        for (line, old, new) in &blessed.changes {
            let lines = old.lines().map(|old| format!("-{old}"));
            let lines: Vec<_> = lines.chain(new.lines().map(|new| format!("+{new}"))).collect();
            output::remark(&escape_lines(&format!("{file}:{line}\n{}", lines.join("\n"))));
        }
        for Refused { name, why, unchecked } in &blessed.refused {
            status = status.max(if *unchecked { ExitStatus::Failed } else { ExitStatus::Found });
            output::complain(&format_args!("{file}: `{name}` was not blessed: {why}"));
        }
        if !blessed.changes.is_empty() {
            let path = Path::new(file);
            std::fs::write(path, &blessed.text).map_err(|error| files::cannot_write(path, &error))?;
        }
    }
    Ok(status)
}

impl Args {
    /// Why no expectation was checked.
    fn why_nothing(&self, prepared: &[Prepared]) -> String {
        let all = || prepared.iter().flat_map(|prepared| &prepared.suite.expectations);
        if all().next().is_none() {
            return "there is no expectation in the suites".to_owned();
        }
        let chosen = [
            ("--name", &self.names),
            ("--tag", &self.tags),
            ("--skip", &self.skip_names),
            ("--skip-tag", &self.skip_tags),
        ];
        let given = chosen
            .iter()
            .flat_map(|(option, words)| words.iter().map(move |word| format!("{option} {word}")));
        let given: Vec<_> = given.collect();
        if given.is_empty() {
            return "the scenario has nothing that the expectations are about".to_owned();
        }
        let tags: BTreeSet<_> = all().flat_map(|one| &one.tags).map(String::as_str).collect();
        let tags = tags.into_iter().collect::<Vec<_>>().join(", ");
        let tags =
            if tags.is_empty() { "none has a tag".to_owned() } else { format!("their tags are {tags}") };
        let count = all().count();
        format!("`{}` leaves none of {count} that can be checked; {tags}", given.join(" "))
    }

    fn wants_coverage(&self) -> bool {
        let lcov = self.reports.iter().map(|(format, _)| *format).chain([self.format]);
        self.coverage
            || self.coverage_min.is_some()
            || lcov.into_iter().any(|format| format == SuiteFormat::Lcov)
    }
}
