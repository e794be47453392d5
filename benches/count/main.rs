//! One fixed piece of work of the matcher or of replay, chosen by name, for counting its instructions under callgrind.
//!
//! Instruction counts do not change with the load of the machine, so CI can hold them to a few per cent; see `run.sh`.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::AtomicU64;

use sgsim::compile::five_tuple::{FiveTupleSet, Strategy, classbench};
use sgsim::compile::{Compiled, Path};
use sgsim::pipeline::{BLOCK_SIZE, Captures, Outcome};
use sgsim::policy::{Direction, InterfaceId, Scenario};
use sgsim::replay::Replay;
use sgsim::synth::ClusterRules;

/// Rules of every case.
const RULES: usize = 300;

/// Copies of the shipped capture, one after the other: most packets go on with a connection, as in any long capture.
const COPIES: u32 = 50;
/// Seconds between two copies.
const APART: u32 = 60;

fn shipped(name: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// A long capture beside the program: its records have headers of 16 bytes, little-endian, seconds first.
fn long_capture() -> PathBuf {
    let bytes = std::fs::read(shipped("cce-tunnel.pcap")).unwrap();
    let (header, records) = bytes.split_at(24);
    let mut long = header.to_vec();
    for copy in 0..COPIES {
        let mut rest = records;
        while let Some((head, tail)) = rest.split_first_chunk::<16>() {
            let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
            let (body, tail) = tail.split_at(word(8) as usize);
            long.extend((word(0) + copy * APART).to_le_bytes());
            long.extend(&head[4..]);
            long.extend(body);
            rest = tail;
        }
    }
    let path = std::env::current_exe().unwrap().with_extension("pcap");
    std::fs::write(&path, long).unwrap();
    path
}

/// What is counted: it keeps its name.
#[inline(never)]
fn read_and_judge(captures: Captures, replay: &mut Replay<'_, Compiled<'_>>) -> Outcome {
    captures.judge(replay, None, &AtomicU64::new(0))
}

/// Replays the long capture with one thread, this one.
fn replay() {
    let scenario = Scenario::load(&shipped("cce-tunnel.yaml"));
    let policy = scenario.policy().unwrap();
    let compiled = Compiled::new(policy);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    let path = long_capture();
    let mut replay = Replay::new(policy, &compiled);
    let captures = Captures::open(std::slice::from_ref(&path), BLOCK_SIZE, false, None);
    let outcome = pool.install(|| read_and_judge(captures, &mut replay));
    std::fs::remove_file(path).unwrap();
    assert!(outcome.errors.is_empty() && outcome.reads[0].frames > 10_000);
    black_box(replay.tally());
}

fn main() {
    let shape = ClusterRules::new(RULES);
    // AVX-512 is not known to valgrind, so the paths are the portable one and AVX2.
    let path = |name: &str| if name.ends_with("avx2") { Path::Avx2 } else { Path::Portable };
    let Some(case) = std::env::args().nth(1).filter(|case| !case.starts_with('-')) else {
        println!(
            "compile-policy compile-forest policy-portable policy-avx2 forest-portable forest-avx2 replay"
        );
        return;
    };
    let policy = shape.policy();
    match case.as_str() {
        "nothing" => {
            black_box((shape.filters(), &policy));
        }
        "compile-policy" => {
            black_box(Compiled::new(&policy));
        }
        "compile-forest" => {
            let list = classbench::parse_rules(&shape.filters()).unwrap();
            black_box(FiveTupleSet::with_strategy(&list, Strategy::Forest).unwrap());
        }
        "replay" => replay(),
        name if name.starts_with("policy") => {
            let compiled = Compiled::new(&policy).with_path(path(name));
            let probes = shape.probes();
            let mut out = vec![0; probes.len()];
            compiled.decide_numbers(compiled.table(InterfaceId(0), Direction::Ingress), &probes, &mut out);
            black_box(out);
        }
        name => {
            let list = classbench::parse_rules(&shape.filters()).unwrap();
            let set = FiveTupleSet::with_strategy(&list, Strategy::Forest).unwrap().with_path(path(name));
            let trace = classbench::parse_trace(&shape.trace()).unwrap();
            let mut out = vec![0; trace.len()];
            set.lookup_batch(&trace, &mut out);
            black_box(out);
        }
    }
}
