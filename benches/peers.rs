//! The matcher beside DPDK's `rte_acl`: the same rules, the same headers, in turns, medians.
//!
//! See `benches/README.md`; `benches/peers/run.sh DIR` builds the peer and runs this. Every verdict is compared before
//! anything is timed: a wrong one ends the run.
#![allow(
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cpu_time::ThreadTime;
use sgsim::compile::five_tuple::{FiveTuple, FiveTupleRule, FiveTupleSet, NO_MATCH, classbench, first_match};
use sgsim::compile::{Compiled, Linear, Matcher, Path, Probe};
use sgsim::policy::{Direction, InterfaceId, Policy};
use sgsim::synth::ClusterRules;

mod files;

/// Times each side's figures are taken.
const ROUNDS: usize = 9;
/// Lists up to this length are compared with the reference for every header, longer ones for every 97th.
const COMPARED_WHOLLY: usize = 10_000;

struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    build_ms: f64,
    heap_kib: f64,
}

impl Peer {
    fn start(program: &FilePath, rules: &FilePath, trace: &FilePath) -> Self {
        let mut child = Command::new(program)
            .args([rules, trace])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts; build it with benches/peers/build.sh");
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut peer = Self { child, input, output, build_ms: 0.0, heap_kib: 0.0 };
        let ready = peer.line();
        let words: Vec<_> = ready.split(' ').collect();
        assert_eq!(words[0], "ready", "{ready}");
        (peer.build_ms, peer.heap_kib) = (words[3].parse().unwrap(), words[4].parse().unwrap());
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the peer ended");
        line.trim_end().to_owned()
    }

    /// Obeys one command and gives the lines before `done`.
    fn ask(&mut self, command: &str) -> Vec<String> {
        writeln!(self.input, "{command}").unwrap();
        let mut lines = vec![];
        loop {
            match self.line() {
                line if line == "done" => return lines,
                line => lines.push(line),
            }
        }
    }

    fn verdicts(&mut self, file: &FilePath) -> Vec<u32> {
        self.ask(&format!("verdicts {}", file.display()));
        let bytes = std::fs::read(file).unwrap();
        // Rule numbers from 1, 0 for none.
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|&b| u32::from_ne_bytes(b).checked_sub(1).unwrap_or(NO_MATCH))
            .collect()
    }

    fn stop(self) {
        let Self { mut child, input, .. } = self;
        drop(input);
        child.wait().unwrap();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What is measured on our side.
trait Subject {
    /// Compiles the rules once more.
    fn build(&self);
    /// Bytes and a description of the compiled form.
    fn sizes(&self) -> (usize, String);
    /// Looks all headers up by this path.
    fn lookup(&self, path: Path, out: &mut [u32]);
    /// The reference's answer for one header.
    fn reference(&self, at: usize) -> u32;
}

struct List {
    rules: Vec<FiveTupleRule>,
    trace: Vec<FiveTuple>,
    sets: BTreeMap<Path, FiveTupleSet>,
}

impl List {
    fn new(rules: &str, trace: &str) -> Self {
        let (rules, trace) =
            (classbench::parse_rules(rules).unwrap(), classbench::parse_trace(trace).unwrap());
        let set = FiveTupleSet::new(&rules).unwrap();
        let sets = Path::ALL.into_iter().map(|path| (path, set.clone().with_path(path))).collect();
        Self { rules, trace, sets }
    }
}

impl Subject for List {
    fn build(&self) {
        std::hint::black_box(FiveTupleSet::new(&self.rules).unwrap());
    }
    fn sizes(&self) -> (usize, String) {
        let report = self.sets[&Path::Portable].report();
        (report.bytes, report.to_string())
    }
    fn lookup(&self, path: Path, out: &mut [u32]) {
        self.sets[&path].lookup_batch(&self.trace, out);
    }
    fn reference(&self, at: usize) -> u32 {
        first_match(&self.rules, self.trace[at])
    }
}

struct Groups<'p> {
    policy: &'p Policy,
    linear: Linear<'p>,
    probes: Vec<Probe>,
    compiled: BTreeMap<Path, Compiled<'p>>,
}

impl Subject for Groups<'_> {
    fn build(&self) {
        std::hint::black_box(Compiled::new(self.policy));
    }
    fn sizes(&self) -> (usize, String) {
        let report = self.compiled[&Path::Portable].report();
        (report.bytes, report.to_string().replace('\n', "; "))
    }
    fn lookup(&self, path: Path, out: &mut [u32]) {
        let compiled = &self.compiled[&path];
        let table = compiled.table(InterfaceId(0), Direction::Ingress);
        compiled.decide_numbers(table, &self.probes, out);
    }
    fn reference(&self, at: usize) -> u32 {
        let decided = self.linear.decide(InterfaceId(0), Direction::Ingress, &self.probes[at].header());
        decided.map_or(NO_MATCH, |id| id.0)
    }
}

/// Million lookups a second over the whole trace, by time on the processor: as on the peer's side, so that a busy
/// machine lengthens no figure.
fn speed(headers: usize, mut lookup: impl FnMut()) -> f64 {
    let repeat = (500_000 / headers).max(1);
    // The other side has had the caches until now.
    lookup();
    let start = ThreadTime::now();
    for _ in 0..repeat {
        lookup();
    }
    (repeat * headers) as f64 / start.elapsed().as_secs_f64() * 1e-6
}

struct Row {
    name: String,
    peer: f64,
    peer_method: String,
    peer_scalar: f64,
    ours: BTreeMap<Path, f64>,
    build_ms: f64,
    bytes: usize,
    peer_build_ms: f64,
    peer_kib: f64,
    structure: String,
}

fn compare(
    name: &str,
    rules: usize,
    headers: usize,
    ours: &dyn Subject,
    mut peer: Peer,
    scratch: &FilePath,
) -> Row {
    let builds = (0..5).map(|_| {
        let start = ThreadTime::now();
        ours.build();
        start.elapsed().as_secs_f64() * 1e3
    });
    let build_ms = median(builds.collect());
    let mut out = vec![0; headers];
    let verdicts = peer.verdicts(&scratch.join("verdicts"));
    let step = if rules <= COMPARED_WHOLLY { 1 } else { 97 };
    for (at, &verdict) in verdicts.iter().enumerate().step_by(step) {
        assert_eq!(ours.reference(at), verdict, "the peer and the reference differ at header {at}");
    }
    for path in Path::ALL {
        ours.lookup(path, &mut out);
        assert_eq!(out, verdicts, "{path:?} differs");
    }
    let mut peer_speeds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut speeds: BTreeMap<Path, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for line in peer.ask("run 1") {
            let (method, speed) = line.rsplit_once(' ').unwrap();
            peer_speeds.entry(method.to_owned()).or_default().push(speed.parse().unwrap());
        }
        for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
            speeds.entry(path).or_default().push(speed(headers, || ours.lookup(path, &mut out)));
        }
    }
    let (peer_build_ms, peer_kib) = (peer.build_ms, peer.heap_kib);
    peer.stop();
    let peer_medians: Vec<_> = peer_speeds.into_iter().map(|(method, all)| (method, median(all))).collect();
    let best = |wanted: &str| {
        let of_kind = peer_medians.iter().filter(|(method, _)| method.starts_with(wanted));
        of_kind.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().clone()
    };
    let (peer_method, peer) = best("");
    let (bytes, structure) = ours.sizes();
    Row {
        name: name.to_owned(),
        peer,
        peer_method,
        peer_scalar: best("scalar").1,
        ours: speeds.into_iter().map(|(path, all)| (path, median(all))).collect(),
        build_ms,
        bytes,
        peer_build_ms,
        peer_kib,
        structure,
    }
}

fn print(row: &Row) {
    let ours = |path| row.ours.get(&path).copied().unwrap_or(0.0);
    let best = row.ours.values().copied().fold(0.0, f64::max);
    println!(
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} ({}) | {:.2} | {:.1} | {:.2} | {:.1} / {:.0} | {:.0} / {:.0} | {} |",
        row.name,
        ours(Path::Portable),
        ours(Path::Avx2),
        ours(Path::Avx512),
        row.peer,
        row.peer_method,
        best / row.peer,
        row.peer_scalar,
        ours(Path::Portable) / row.peer_scalar,
        row.build_ms,
        row.peer_build_ms,
        row.bytes as f64 / 1024.0,
        row.peer_kib,
        row.structure,
    );
}

fn main() {
    let mut data = None;
    let mut program = PathBuf::from("target/peers/rte-acl");
    let mut names = vec![];
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // What cargo itself passes.
            "--bench" => {}
            "--data" => data = args.next().map(PathBuf::from),
            "--peer" => program = args.next().map(PathBuf::from).expect("--peer PROGRAM"),
            name => names.push(name.to_owned()),
        }
    }
    if !program.exists() {
        // `cargo bench` and `cargo test --benches` run every bench; without the peer there is nothing to compare.
        println!("no {}: build the peer with benches/peers/build.sh", program.display());
        return;
    }
    let scratch = std::env::temp_dir().join(format!("sgsim-peers-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    println!(
        "M lookups/s, medians of {ROUNDS} turns; best: best of ours over best of rte_acl; portable: over its scalar"
    );
    println!(
        "| set | portable | AVX2 | AVX-512 | rte_acl (method, headers a call) | best | scalar | portable | build ms, ours / rte_acl | KiB | structure |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let files = |name: &str, rules: &str, trace: &str| {
        let paths = [scratch.join(format!("{name}.rules")), scratch.join(format!("{name}.trace"))];
        std::fs::write(&paths[0], rules).unwrap();
        std::fs::write(&paths[1], trace).unwrap();
        paths
    };
    let wanted = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part.as_str()));
    for rules in [20, 50, 100, 200, 300] {
        let name = format!("groups-{rules}");
        if !wanted(&name) {
            continue;
        }
        let shape = ClusterRules::new(rules);
        let [rule_file, trace_file] = files(&name, &shape.filters(), &shape.trace());
        let policy = shape.policy();
        let compiled = Compiled::new(&policy);
        let compiled = Path::ALL.map(|path| (path, compiled.clone().with_path(path))).into();
        let ours = Groups { linear: Linear::new(&policy), policy: &policy, probes: shape.probes(), compiled };
        let peer = Peer::start(&program, &rule_file, &trace_file);
        print(&compare(&name, rules, ours.probes.len(), &ours, peer, &scratch));
    }
    if let Some(data) = data {
        for size in ["n24", "n72", "n300", "1k", "10k", "100k"] {
            for seed in ["acl1", "fw1", "ipc1"] {
                let name = format!("{seed}_{size}");
                if !wanted(&name) {
                    continue;
                }
                let rules = files::text(&data.join(format!("{name}.rules")));
                let trace = files::text(&data.join(format!("{name}.trace")));
                let [rule_file, trace_file] = files(&name, &rules, &trace);
                let ours = List::new(&rules, &trace);
                let peer = Peer::start(&program, &rule_file, &trace_file);
                print(&compare(&name, ours.rules.len(), ours.trace.len(), &ours, peer, &scratch));
            }
        }
    }
    std::fs::remove_dir_all(&scratch).unwrap();
}
