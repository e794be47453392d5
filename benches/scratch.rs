use sgsim::compile::{Path, five_tuple::*};
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    for name in &args {
        let rules = classbench::parse_rules(&std::fs::read_to_string(format!("/tmp/cb/{name}.rules")).unwrap()).unwrap();
        let trace = classbench::parse_trace(&std::fs::read_to_string(format!("/tmp/cb/{name}.trace")).unwrap()).unwrap();
        let t = Instant::now();
        let set = FiveTupleSet::with_strategy(&rules, match std::env::var("S").as_deref() { Ok("m") => Strategy::Matrix, Ok("f") => Strategy::Forest, _ => Strategy::Auto }).unwrap();
        let built = t.elapsed().as_secs_f64();
        let trace = &trace[..trace.len() / 256 * 256]; let mut out = vec![0; trace.len()];
        let mut text = format!("{name:10} ");
        for path in Path::ALL {
            let set = set.clone().with_path(path);
            out.fill(0);
            set.lookup_batch(trace, &mut out);
            let step = (rules.len() / 500).max(1);
            for (h, &o) in trace.iter().zip(&out).step_by(step) { assert_eq!(o, first_match(&rules, *h), "{h:?}"); }
            let mut best = f64::MAX;
            for _ in 0..7 {
                let t = Instant::now();
                for _ in 0..5 { set.lookup_batch(trace, &mut out); }
                best = best.min(t.elapsed().as_secs_f64() / (5.0 * trace.len() as f64));
            }
            text += &format!("{path:?} {:6.1}  ", 1e-6 / best);
        }
        println!("{text} build {:.3} s {}", built, set.report());
    }
}
