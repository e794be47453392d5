//! The matcher in three stages: parse, compile, execute. For people; CI counts instructions instead (`benches/count/`).
//!
//! Lists come from the generator that `sgsim synth rules` uses, so that this needs no files; `benches/peers.rs` measures the field's own.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use sgsim::compile::five_tuple::{FiveTupleSet, Strategy, classbench};
use sgsim::compile::{Compiled, Linear, Matcher, Path};
use sgsim::policy::{Direction, InterfaceId};
use sgsim::synth::ClusterRules;

const SIZES: [usize; 3] = [20, 100, 300];

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for rules in SIZES {
        let text = ClusterRules::new(rules).filters();
        group.throughput(Throughput::Elements(rules as u64));
        group.bench_function(BenchmarkId::new("classbench", rules), |b| {
            b.iter(|| classbench::parse_rules(black_box(&text)).unwrap());
        });
    }
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    group.sample_size(20);
    for rules in SIZES {
        let shape = ClusterRules::new(rules);
        let (list, policy) = (classbench::parse_rules(&shape.filters()).unwrap(), shape.policy());
        group.bench_function(BenchmarkId::new("policy", rules), |b| {
            b.iter(|| Compiled::new(black_box(&policy)));
        });
        for strategy in [Strategy::Matrix, Strategy::Forest] {
            group.bench_function(BenchmarkId::new(format!("list/{strategy:?}"), rules), |b| {
                b.iter(|| FiveTupleSet::with_strategy(black_box(&list), strategy).unwrap());
            });
        }
    }
}

fn execute(c: &mut Criterion) {
    let mut group = c.benchmark_group("execute");
    for rules in SIZES {
        let shape = ClusterRules::new(rules);
        let (policy, probes) = (shape.policy(), shape.probes());
        let trace = classbench::parse_trace(&shape.trace()).unwrap();
        let list = classbench::parse_rules(&shape.filters()).unwrap();
        let mut out = vec![0; probes.len()];
        group.throughput(Throughput::Elements(probes.len() as u64));
        let linear = Linear::new(&policy);
        group.bench_function(BenchmarkId::new("policy/linear", rules), |b| {
            b.iter(|| {
                let decided = probes
                    .iter()
                    .filter_map(|p| linear.decide(InterfaceId(0), Direction::Ingress, &p.header()));
                decided.count()
            });
        });
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            let compiled = Compiled::new(&policy).with_path(path);
            let table = compiled.table(InterfaceId(0), Direction::Ingress);
            group.bench_function(BenchmarkId::new(format!("policy/{path:?}"), rules), |b| {
                b.iter(|| compiled.decide_numbers(table, black_box(&probes), &mut out));
            });
            for strategy in [Strategy::Matrix, Strategy::Forest] {
                let set = FiveTupleSet::with_strategy(&list, strategy).unwrap().with_path(path);
                group.bench_function(BenchmarkId::new(format!("list/{strategy:?}/{path:?}"), rules), |b| {
                    b.iter(|| set.lookup_batch(black_box(&trace), &mut out));
                });
            }
        }
        let compiled = Compiled::new(&policy);
        let headers: Vec<_> = probes.iter().map(|probe| probe.header()).collect();
        group.bench_function(BenchmarkId::new("policy/one-by-one", rules), |b| {
            b.iter(|| {
                let ask = |header| compiled.decide(InterfaceId(0), Direction::Ingress, header);
                headers.iter().filter_map(ask).count()
            });
        });
    }
}

criterion_group!(benches, parse, compile, execute);
criterion_main!(benches);
