//! Plans and replays of them.

use std::collections::BTreeMap;
use std::path::Path;

use sgsim::compile::Compiled;
use sgsim::diag::Style;
use sgsim::policy::Scenario;
use sgsim::replay::{ConnectionVerdict, InOrder, Judged, Replay};
use sgsim::synth::{Builtin, LoadedWorkload, Plan, Stream, Workload};

pub(crate) fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(format!("{name}.yaml"));
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn scenario(text: &str) -> Scenario {
    let loaded = Scenario::parse("scenario", text);
    loaded.scenario.clone().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)))
}

pub(crate) fn builtin(name: &str) -> LoadedWorkload {
    let builtin = Builtin::find(name).unwrap();
    Workload::parse(builtin.name, builtin.text)
}

pub(crate) fn plan(loaded: LoadedWorkload, scenario: &Scenario, scale: u32) -> Plan {
    let planned = Plan::make(loaded, &scenario.policy, &scenario.sets, None, scale);
    planned.plan.unwrap_or_else(|| panic!("{}", planned.loaded.render(Style::Plain)))
}

/// By flow: how many connections got which verdict.
pub(crate) type Verdicts = BTreeMap<String, BTreeMap<&'static str, usize>>;

/// What the groups say of every conversation, told by the packets that open connections.
pub(crate) fn verdicts(plan: &Plan, scenario: &Scenario) -> Verdicts {
    let matcher = Compiled::new(&scenario.policy);
    let mut replay = Replay::new(&scenario.policy, &matcher);
    let segments: Vec<_> = Stream::new(plan).collect();
    let mut order = InOrder::default();
    let mut judged: Vec<Judged> = vec![];
    let mut take = |frame| order.push(frame, &mut |frame| judged.push(frame));
    for (number, segment) in (1..).zip(&segments) {
        replay.push(number, segment.packet(), &mut (), &mut take);
    }
    replay.finish(&mut take);
    assert_eq!(judged.len(), segments.len());
    let mut verdicts = Verdicts::new();
    let mut seen = std::collections::BTreeSet::new();
    for frame in judged.iter().filter(|frame| frame.opening) {
        let Some(id) = frame.judgement.connection else { continue };
        if !seen.insert(id) {
            continue;
        }
        let connection = replay.connections().get(id).unwrap();
        let flow = &plan.flows[segments[usize::try_from(frame.frame - 1).unwrap()].flow as usize];
        let verdict: ConnectionVerdict = connection.verdict();
        *verdicts.entry(flow.name.clone()).or_default().entry(verdict.code()).or_default() += 1;
    }
    verdicts
}
