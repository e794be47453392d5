//! What a rule set costs: compile time, memory, lookups and packets a second, beside the linear reference.
//!
//! Measures and compares; it prints nothing and reads no files. Every measurement is a step of its own, so that whoever
//! watches can stop between two of them and keep what there is.

mod cost;
mod lists;
mod lookups;
mod scale;
#[cfg(test)]
mod tests;
mod traffic;

use std::time::{Duration, Instant};

use crate::compile::{Compiled, Linear, Structure};
use crate::policy::Policy;
use crate::synth::Mix;

pub use cost::{GroupCost, RuleCost};
pub use lists::{ListReport, measure_list};
pub use scale::scaled;

/// What is measured, and how long at most.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Numbers of threads.
    pub threads: Vec<usize>,
    /// How many times as many rules.
    pub factors: Vec<u32>,
    /// When to stop.
    pub limit: Duration,
    /// Where random choices come from.
    pub seed: u64,
    /// Packets of the replay.
    pub packets: u32,
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// What every command uses.
    Compiled,
    /// The reference, which tries rules one by one.
    Linear,
}

impl Engine {
    /// Its name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Compiled => "compiled",
            Self::Linear => "linear",
        }
    }
}

/// A speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// What answered.
    pub engine: Engine,
    /// The headers asked; `None` is a replay of packets.
    pub mix: Option<Mix>,
    /// Threads.
    pub threads: usize,
    /// Lookups, or packets, in a second of wall-clock time.
    pub per_second: f64,
    /// How many were timed.
    pub count: u64,
}

/// The rule set at one size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stage {
    /// How many times as many rules as the scenario has.
    pub factor: u32,
    /// Rules.
    pub rules: usize,
    /// Median time to compile.
    pub compile: Duration,
    /// Bytes that lookups use.
    pub bytes: usize,
    /// Distinct lists of groups, and how many of them are tried rule by rule.
    pub tables: [usize; 2],
    /// What was timed.
    pub speeds: Vec<Speed>,
}

/// All that was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadReport {
    /// By factor.
    pub stages: Vec<Stage>,
    /// Headers that the linear reference was asked too.
    pub checked: u64,
    /// The first header on which it says something else.
    pub difference: Option<String>,
    /// Groups, what costs most first.
    pub groups: Vec<GroupCost>,
    /// The rules that cost most.
    pub rules: Vec<RuleCost>,
    /// Whether something is missing, because time was up or nobody waited.
    pub incomplete: bool,
}

/// Whether to go on, and who is told how far it is.
pub struct Watch<'a> {
    stop: &'a (dyn Fn() -> bool + Sync),
    tell: &'a mut dyn FnMut(usize, usize, &str),
    until: Instant,
    done: usize,
    all: usize,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a> Watch<'a> {
    /// Asks `stop` between measurements, and tells how many of how many are done and what comes next.
    pub fn new(
        stop: &'a (dyn Fn() -> bool + Sync),
        tell: &'a mut dyn FnMut(usize, usize, &str),
        limit: Duration,
    ) -> Self {
        Self { stop, tell, until: Instant::now() + limit, done: 0, all: 0 }
    }

    /// Whether to stop now.
    fn is_over(&self) -> bool {
        (self.stop)() || Instant::now() >= self.until
    }

    /// Begins a measurement, unless it is time to stop.
    fn next(&mut self, what: &str) -> bool {
        (self.tell)(self.done, self.all, what);
        self.done += 1;
        !self.is_over()
    }
}

/// How long one speed is measured: long enough for a clock, short enough to do many.
const SLICE: Duration = Duration::from_millis(150);
/// The most often that a rule set is compiled for its time.
const COMPILES: usize = 5;

/// Measures a policy.
pub fn measure(policy: &Policy, wish: &Wish, watch: &mut Watch<'_>) -> LoadReport {
    let mut report = LoadReport::default();
    let per_stage = 1 + 1 + wish.threads.len() * (Mix::ALL.len() + 1) + Mix::ALL.len() + 1;
    watch.all = per_stage * wish.factors.len() + 2;
    for &factor in &wish.factors {
        let larger;
        let policy = if factor == 1 {
            policy
        } else {
            larger = scaled(policy, factor);
            &larger
        };
        if !stage(policy, factor, wish, watch, &mut report) {
            report.incomplete = true;
            return report;
        }
    }
    cost::measure(policy, watch, &mut report);
    report
}

/// Measures one size; false when it was stopped.
fn stage(policy: &Policy, factor: u32, wish: &Wish, watch: &mut Watch<'_>, report: &mut LoadReport) -> bool {
    if !watch.next(&format!("{} rules: compile", policy.rules.len())) {
        return false;
    }
    let (compiled, compile) = compile(policy);
    let linear = Linear::new(policy);
    let described = compiled.report();
    let by_rule =
        described.tables.iter().filter(|table| matches!(table.structure, Structure::Linear)).count();
    report.stages.push(Stage {
        factor,
        rules: policy.rules.len(),
        compile,
        bytes: described.bytes,
        tables: [described.tables.len(), by_rule],
        speeds: vec![],
    });
    let add = |report: &mut LoadReport, speed: Speed| {
        if let Some(stage) = report.stages.last_mut() {
            stage.speeds.push(speed);
        }
    };
    let mixes: Vec<_> = Mix::ALL
        .into_iter()
        .map(|mix| (mix, lookups::Batch::of(policy, &compiled, mix, wish.seed)))
        .collect();
    if !watch.next(&format!("{} rules: check", policy.rules.len())) {
        return false;
    }
    for (_, batches) in &mixes {
        let (checked, difference) = lookups::check(policy, &compiled, &linear, batches);
        report.checked += checked;
        if report.difference.is_none() {
            report.difference = difference;
        }
    }
    if report.difference.is_some() {
        return false;
    }
    for &threads in &wish.threads {
        for (mix, batches) in &mixes {
            if !watch.next(&format!(
                "{} rules: lookups, {}, {threads} threads",
                policy.rules.len(),
                mix.code()
            )) {
                return false;
            }
            let (count, per_second) = lookups::time(&compiled, batches, threads);
            add(report, Speed { engine: Engine::Compiled, mix: Some(*mix), threads, per_second, count });
        }
    }
    for (mix, batches) in &mixes {
        if !watch.next(&format!("{} rules: lookups, linear", policy.rules.len())) {
            return false;
        }
        let (count, per_second) = lookups::time_linear(&linear, batches);
        add(report, Speed { engine: Engine::Linear, mix: Some(*mix), threads: 1, per_second, count });
    }
    let traffic = traffic::batches(policy, wish.seed, wish.packets);
    for &threads in &wish.threads {
        if !watch.next(&format!("{} rules: replay, {threads} threads", policy.rules.len())) {
            return false;
        }
        let (count, per_second) = traffic::time(policy, &compiled, &traffic, threads);
        add(report, Speed { engine: Engine::Compiled, mix: None, threads, per_second, count });
    }
    if !watch.next(&format!("{} rules: replay, linear", policy.rules.len())) {
        return false;
    }
    let (count, per_second) = traffic::time(policy, &linear, &traffic, 1);
    add(report, Speed { engine: Engine::Linear, mix: None, threads: 1, per_second, count });
    true
}

/// Compiles a policy several times; the median time.
fn compile(policy: &Policy) -> (Compiled<'_>, Duration) {
    let mut times = Vec::new();
    let begun = Instant::now();
    loop {
        let start = Instant::now();
        let compiled = Compiled::new(policy);
        times.push(start.elapsed());
        if times.len() >= COMPILES || begun.elapsed() > 4 * SLICE {
            times.sort_unstable();
            return (compiled, times[times.len() / 2]);
        }
    }
}

/// A number of things in a time, for a second.
#[allow(clippy::cast_precision_loss, reason = "a speed needs no more digits")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// A pool of so many threads.
fn pool(threads: usize) -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()
}
