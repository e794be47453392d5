//! Lookups a second, and whether they are right.

use std::time::Instant;

use rayon::prelude::*;

use crate::compile::{Compiled, Linear, Matcher, Probe, TableId};
use crate::packet::Header;
use crate::policy::{Policy, RuleId};
use crate::synth::{Headers, Mix, StepAt, distinct_steps};

use super::{SLICE, pool, rate};

/// Headers of all steps together, and the most steps that are asked.
const HEADERS: usize = 1 << 17;
const STEPS: usize = 64;
/// How long the reference is asked for each mix.
const CHECK: std::time::Duration = std::time::Duration::from_millis(400);

/// The headers of one step: those that are looked up in batches, and IPv6, which is asked one by one.
pub(super) struct Batch {
    step: StepAt,
    table: TableId,
    probes: Vec<Probe>,
    others: Vec<Header>,
}

impl Batch {
    pub(super) fn of(policy: &Policy, compiled: &Compiled<'_>, mix: Mix, seed: u64) -> Vec<Self> {
        let mut steps = distinct_steps(policy);
        steps.truncate(STEPS);
        let each = HEADERS / steps.len().max(1);
        let batch = |step: StepAt| {
            let (mut probes, mut others) = (vec![], vec![]);
            for header in Headers::new(policy, step, mix, seed).take(each) {
                match Probe::new(&header) {
                    Some(probe) => probes.push(probe),
                    None => others.push(header),
                }
            }
            Self { step, table: compiled.table(step.0, step.1), probes, others }
        };
        steps.into_iter().map(batch).collect()
    }

    fn len(&self) -> usize {
        self.probes.len() + self.others.len()
    }

    fn headers(&self) -> impl Iterator<Item = Header> {
        self.probes.iter().map(|probe| probe.header()).chain(self.others.iter().copied())
    }
}

/// One pass over all headers.
fn pass(compiled: &Compiled<'_>, batches: &[Batch], out: &mut Vec<u32>) {
    for batch in batches {
        out.resize(batch.probes.len(), 0);
        compiled.decide_numbers(batch.table, &batch.probes, out);
        std::hint::black_box(&out);
        let (interface, direction) = batch.step;
        for header in &batch.others {
            std::hint::black_box(compiled.decide(interface, direction, header));
        }
    }
}

/// Lookups a second with so many threads, each of which makes passes of its own.
pub(super) fn time(compiled: &Compiled<'_>, batches: &[Batch], threads: usize) -> (u64, f64) {
    let all = batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
    let Some(pool) = pool(threads) else { return (0, 0.0) };
    if all == 0 {
        return (0, 0.0);
    }
    pool.install(|| {
        pass(compiled, batches, &mut vec![]);
        let start = Instant::now();
        let passes: u64 = (0..threads)
            .into_par_iter()
            .map(|_| {
                let (mut out, mut passes) = (vec![], 0);
                while start.elapsed() < SLICE {
                    pass(compiled, batches, &mut out);
                    passes += 1;
                }
                passes
            })
            .sum();
        (passes * all, rate(passes * all, start.elapsed()))
    })
}

/// The same by the reference, on one thread, as far as it gets.
pub(super) fn time_linear(linear: &Linear<'_>, batches: &[Batch]) -> (u64, f64) {
    let start = Instant::now();
    let mut count = 0;
    let each = batches.len().max(1);
    // A few of each step in turns, so that a slow one does not hide the others.
    let mut headers: Vec<_> = batches.iter().map(|batch| (batch.step, batch.headers())).collect();
    'all: while !headers.is_empty() {
        let mut any = false;
        for ((interface, direction), headers) in &mut headers {
            for header in headers.take(16) {
                std::hint::black_box(linear.decide(*interface, *direction, &header));
                count += 1;
                any = true;
            }
            if start.elapsed() >= SLICE && count >= each as u64 {
                break 'all;
            }
        }
        if !any {
            break;
        }
    }
    (count, rate(count, start.elapsed()))
}

/// Asks the reference too, for as many headers as there is time; the first that differs.
pub(super) fn check(
    policy: &Policy,
    compiled: &Compiled<'_>,
    linear: &Linear<'_>,
    batches: &[Batch],
) -> (u64, Option<String>) {
    let (mut checked, start) = (0, Instant::now());
    let each = CHECK / u32::try_from(batches.len().max(1)).unwrap_or(u32::MAX);
    for (number, batch) in (1..).zip(batches) {
        let (interface, direction) = batch.step;
        let mut numbers = vec![0; batch.probes.len()];
        compiled.decide_numbers(batch.table, &batch.probes, &mut numbers);
        let in_batch = |at: usize| {
            let number = numbers.get(at).copied()?;
            Some(if number == u32::MAX { None } else { Some(RuleId(number)) })
        };
        for (at, header) in batch.headers().enumerate() {
            let wanted = linear.decide(interface, direction, &header);
            let alone = compiled.decide(interface, direction, &header);
            checked += 1;
            if wanted != alone || in_batch(at).is_some_and(|found| found != wanted) {
                let name = |rule: Option<RuleId>| rule.map_or("no rule", |id| policy.rule(id).name.as_str());
                let found = if alone == wanted { in_batch(at).flatten() } else { alone };
                let message = format!(
                    "{} with remote {} at {direction} of {}: {} decides, the reference says {}",
                    header.service,
                    header.remote,
                    policy.interface(interface).name,
                    name(found),
                    name(wanted)
                );
                return (checked, Some(message));
            }
            if start.elapsed() > each * number {
                break;
            }
        }
    }
    (checked, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::ClusterRules;

    /// The check fails where it should: against the rules of another policy.
    #[test]
    fn a_wrong_answer_is_found() {
        let policy = ClusterRules::new(100).policy();
        let mut other = policy.clone();
        // Hundreds of headers fall into the first rules.
        other.rules[3].enabled = false;
        let compiled = Compiled::new(&policy);
        for mix in Mix::ALL {
            let batches = Batch::of(&policy, &compiled, mix, 1);
            let (checked, difference) = check(&policy, &compiled, &Linear::new(&policy), &batches);
            assert!(checked > 1000 && difference.is_none(), "{difference:?}");
            let (_, difference) = check(&policy, &compiled, &Linear::new(&other), &batches);
            assert!(difference.is_some_and(|told| told.contains("the reference says")));
        }
    }
}
