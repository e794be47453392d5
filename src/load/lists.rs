//! The same for five-tuple lists: ClassBench filter sets.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::compile::five_tuple::{FiveTuple, FiveTupleRule, FiveTupleSet, TooManyRules, first_match};
use crate::synth::{Mix, Pareto, Trace};

use super::{Engine, SLICE, Speed, Watch, Wish, pool, rate};

/// What a filter set costs.
#[derive(Debug, Clone, PartialEq)]
pub struct ListReport {
    /// Filters.
    pub rules: usize,
    /// Time to compile.
    pub compile: Duration,
    /// What it was compiled into, in words.
    pub structure: String,
    /// Lookups a second.
    pub speeds: Vec<Speed>,
    /// Headers that the reference was asked too.
    pub checked: u64,
    /// The first on which it says something else.
    pub difference: Option<String>,
    /// Whether something is missing.
    pub incomplete: bool,
}

/// Headers of a trace.
const HEADERS: usize = 1 << 17;

/// Measures a filter set.
pub fn measure_list(
    rules: &[FiveTupleRule],
    wish: &Wish,
    watch: &mut Watch<'_>,
) -> Result<ListReport, TooManyRules> {
    watch.all = 2 + wish.threads.len() * 2 + 1;
    watch.next("compile");
    let start = Instant::now();
    let set = FiveTupleSet::new(rules)?;
    let mut report = ListReport {
        rules: rules.len(),
        compile: start.elapsed(),
        structure: set.report().to_string(),
        speeds: vec![],
        checked: 0,
        difference: None,
        incomplete: false,
    };
    let traces = [(Mix::Boundaries, 0.0), (Mix::Locality, 0.1)].map(|(mix, scale)| {
        let trace = Trace::new(rules, Pareto { shape: 1.0, scale }, wish.seed);
        (mix, trace.take(HEADERS).collect::<Vec<FiveTuple>>())
    });
    let mut out = vec![0; HEADERS];
    watch.next("check");
    for (_, trace) in &traces {
        set.lookup_batch(trace, &mut out[..trace.len()]);
        let start = Instant::now();
        for (header, &found) in trace.iter().zip(&out) {
            let wanted = first_match(rules, *header);
            report.checked += 1;
            if found != wanted {
                report.difference = Some(format!("{header:?}: found {found}, the reference says {wanted}"));
                return Ok(report);
            }
            if start.elapsed() > SLICE * 2 {
                break;
            }
        }
    }
    for &threads in &wish.threads {
        for (mix, trace) in &traces {
            if !watch.next(&format!("lookups, {}, {threads} threads", mix.code())) {
                report.incomplete = true;
                return Ok(report);
            }
            let (count, per_second) = time(&set, trace, threads);
            let mix = Some(*mix);
            report.speeds.push(Speed { engine: Engine::Compiled, mix, threads, per_second, count });
        }
    }
    watch.next("lookups, linear");
    for (mix, trace) in &traces {
        let (start, mut count) = (Instant::now(), 0);
        for header in trace {
            std::hint::black_box(first_match(rules, *header));
            count += 1;
            if start.elapsed() > SLICE {
                break;
            }
        }
        let per_second = rate(count, start.elapsed());
        report.speeds.push(Speed { engine: Engine::Linear, mix: Some(*mix), threads: 1, per_second, count });
    }
    Ok(report)
}

fn time(set: &FiveTupleSet, trace: &[FiveTuple], threads: usize) -> (u64, f64) {
    let Some(pool) = pool(threads) else { return (0, 0.0) };
    if trace.is_empty() {
        return (0, 0.0);
    }
    pool.install(|| {
        let start = Instant::now();
        let passes: u64 = (0..threads)
            .into_par_iter()
            .map(|_| {
                let (mut out, mut passes) = (vec![0; trace.len()], 0);
                while start.elapsed() < SLICE {
                    set.lookup_batch(trace, &mut out);
                    std::hint::black_box(&out);
                    passes += 1;
                }
                passes
            })
            .sum();
        let count = passes * trace.len() as u64;
        (count, rate(count, start.elapsed()))
    })
}
