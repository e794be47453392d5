//! What five-tuple lists cost: time and memory of compiling them, and whether every header of their traces gets the
//! answer of the linear reference. `cargo bench --bench lists -- FOLDER [SET...]`; see `benches/README.md`.
//!
//! Sets are those of `peers.rs`, and three of 500,000 rules that are made from those of 100,000.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

use std::net::Ipv4Addr;
use std::path::{Path as FilePath, PathBuf};

use cpu_time::ThreadTime;
use peak_alloc::PeakAlloc;
use rayon::prelude::*;
use sgsim::compile::Path;
use sgsim::compile::five_tuple::{
    FiveTuple, FiveTupleRule, FiveTupleSet, Prefix, Strategy, classbench, first_match,
};

mod files;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Copies of a set of 100,000 rules that make one of 500,000.
const COPIES: u32 = 5;
/// Every so many headers of the largest sets are compared with the reference.
const SAMPLE: usize = 97;

/// The address in this copy: another part of the address space with the same structure.
fn moved(address: u32, copy: u32) -> u32 {
    address ^ copy.wrapping_mul(0x3700_0000)
}

/// This set and four more like it: prefixes that name a network lie in another one, wide ones stay where they are. Rules
/// that would be the same again are left out.
fn replicate(rules: &[FiveTupleRule], trace: &[FiveTuple]) -> (Vec<FiveTupleRule>, Vec<FiveTuple>) {
    let prefix = |prefix: Prefix, copy| match prefix.length() {
        ..8 => prefix,
        length => Prefix::new(Ipv4Addr::from_bits(moved(prefix.first(), copy)), length).unwrap(),
    };
    let mut all = rules.to_vec();
    for copy in 1..COPIES {
        let copies = rules.iter().map(|rule| FiveTupleRule {
            source: prefix(rule.source, copy),
            destination: prefix(rule.destination, copy),
            ..*rule
        });
        all.extend(copies.zip(rules).filter(|(copied, rule)| copied != *rule).map(|(copied, _)| copied));
    }
    let header = |(at, header): (u32, &FiveTuple)| {
        let address = |address: Ipv4Addr| Ipv4Addr::from_bits(moved(address.to_bits(), at % COPIES));
        FiveTuple::new(
            address(header.source()),
            address(header.destination()),
            header.source_port(),
            header.destination_port(),
            header.protocol(),
        )
    };
    (all, (0..).zip(trace).map(header).collect())
}

/// Headers of which the compiled list says something else than the reference, and how many were compared.
fn differences(rules: &[FiveTupleRule], trace: &[FiveTuple], set: &FiveTupleSet, step: usize) -> [usize; 2] {
    let asked: Vec<_> = trace.iter().copied().step_by(step).collect();
    let expected: Vec<_> = asked.par_iter().map(|&header| first_match(rules, header)).collect();
    let mut wrong = 0;
    for path in Path::ALL {
        let mut out = vec![0; asked.len()];
        set.clone().with_path(path).lookup_batch(&asked, &mut out);
        wrong += out.iter().zip(&expected).filter(|(a, b)| a != b).count();
    }
    [wrong, asked.len()]
}

/// One line of the table; how many headers differ.
fn show(name: &str, rules: &[FiveTupleRule], trace: &[FiveTuple], step: usize) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let start = ThreadTime::now();
    let set = FiveTupleSet::new(rules).unwrap();
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let peak = HEAP.peak_usage() - before;
    let mut out = vec![0; trace.len()];
    let mut speeds: Vec<f64> = (0..9)
        .map(|_| {
            let start = ThreadTime::now();
            set.lookup_batch(trace, &mut out);
            trace.len() as f64 / start.elapsed().as_secs_f64() * 1e-6
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    let [mut wrong, compared] = differences(rules, trace, &set, step);
    if rules.len() <= 10_000 {
        for strategy in [Strategy::Matrix, Strategy::Forest] {
            let other = FiveTupleSet::with_strategy(rules, strategy).unwrap();
            wrong += differences(rules, trace, &other, step)[0];
        }
    }
    println!(
        "| {name} | {} | {ms:.1} | {:.1} | {:.1} | {:.1} | {compared} | {wrong} |",
        rules.len(),
        peak as f64 / f64::from(1 << 20),
        set.report().bytes as f64 / f64::from(1 << 20),
        speeds[speeds.len() / 2],
    );
    wrong
}

fn read(data: &FilePath, name: &str) -> (Vec<FiveTupleRule>, Vec<FiveTuple>) {
    let text = |kind| files::text(&data.join(format!("{name}.{kind}")));
    (classbench::parse_rules(&text("rules")).unwrap(), classbench::parse_trace(&text("trace")).unwrap())
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(data) = args.next().map(PathBuf::from) else {
        println!("no folder of ClassBench sets: nothing is measured");
        return;
    };
    let names: Vec<String> = args.collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    println!(
        "| set | rules | compile ms | peak MiB while compiling | MiB | M lookups/s | headers compared | wrong |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut wrong = 0;
    for size in ["n24", "n72", "n300", "1k", "10k", "100k", "500k"] {
        for seed in ["acl1", "fw1", "ipc1"] {
            let name = format!("{seed}_{size}");
            if !wanted(&name) {
                continue;
            }
            if size == "500k" {
                let (rules, trace) = read(&data, &format!("{seed}_100k"));
                let (rules, trace) = replicate(&rules, &trace);
                wrong += show(&name, &rules, &trace, SAMPLE);
            } else {
                let (rules, trace) = read(&data, &name);
                wrong += show(&name, &rules, &trace, 1);
            }
        }
    }
    assert_eq!(wrong, 0, "answers differ from those of the linear reference");
}
