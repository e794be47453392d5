//! One fixed piece of the matcher's work, chosen by name, for counting its instructions under callgrind.
//!
//! Instruction counts do not change with the load of the machine, so CI can hold them to a few per cent; see `run.sh`.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use sgsim::compile::five_tuple::{FiveTupleSet, Strategy, classbench};
use sgsim::compile::{Compiled, Path};
use sgsim::policy::{Direction, InterfaceId};
use sgsim::synth::ClusterRules;

/// Rules of every case.
const RULES: usize = 300;

fn main() {
    let shape = ClusterRules::new(RULES);
    // AVX-512 is not known to valgrind, so the paths are the portable one and AVX2.
    let path = |name: &str| if name.ends_with("avx2") { Path::Avx2 } else { Path::Portable };
    let Some(case) = std::env::args().nth(1).filter(|case| !case.starts_with('-')) else {
        println!("compile-policy compile-forest policy-portable policy-avx2 forest-portable forest-avx2");
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
