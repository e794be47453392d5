//! Why a packet got its verdict: what the evaluator consulted, and how near the other rules came.
//!
//! Nothing is judged here: a [`Recorder`] watches the one evaluator, and rules are compared by the same
//! [`Rule::compare`] that the reference matcher uses.

use crate::compile::{Linear, Matcher};
use crate::packet::{Header, Service};
use crate::policy::{Action, GroupId, Mismatch, Policy, Rule, RuleId, ServiceMatch};
use crate::replay::{Judged, Observer, StepAt, StepVerdict, Tracked, Verdict};

/// What a state table had to say about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateFound {
    /// No state is kept.
    #[default]
    NotKept,
    /// No live entry.
    Nothing,
    /// A live entry, as it was before the packet.
    Entry(Tracked),
}

/// What the evaluator consulted at one step.
#[derive(Debug, Clone, Copy)]
struct Consulted {
    at: StepAt,
    state: StateFound,
    /// For an ICMP error without an entry of its own: whether the connection it quotes is tracked.
    quoted: Option<bool>,
    /// What the rules were asked, and which decided.
    rules: Option<(Header, Option<RuleId>)>,
    /// What the rules of the other direction were asked.
    assumption: Option<(Header, Option<RuleId>)>,
}

/// Watches the evaluator and remembers what it consulted for the last packet.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    steps: Vec<Consulted>,
}

impl Recorder {
    /// Forgets what was seen; call it before each packet.
    pub fn clear(&mut self) {
        self.steps.clear();
    }

    fn at(&mut self, at: StepAt) -> &mut Consulted {
        let known = self.steps.iter().position(|step| step.at == at);
        let index = known.unwrap_or_else(|| {
            self.steps.push(Consulted {
                at,
                state: StateFound::NotKept,
                quoted: None,
                rules: None,
                assumption: None,
            });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }
}

impl Observer for Recorder {
    fn state(&mut self, at: StepAt, found: Option<&Tracked>) {
        self.at(at).state = found.map_or(StateFound::Nothing, |&entry| StateFound::Entry(entry));
    }

    fn quoted(&mut self, at: StepAt, tracked: bool) {
        self.at(at).quoted = Some(tracked);
    }

    fn rules(&mut self, at: StepAt, header: &Header, decided: Option<RuleId>) {
        self.at(at).rules = Some((*header, decided));
    }

    fn assumption(&mut self, at: StepAt, header: &Header, decided: Option<RuleId>) {
        self.at(at).assumption = Some((*header, decided));
    }
}

/// A rule that did not match, and the fields it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miss {
    /// The rule.
    pub rule: RuleId,
    /// What it missed.
    pub missed: Mismatch,
}

/// One step, with everything that was consulted.
#[derive(Debug, Clone)]
pub struct ExplainedStep {
    /// Where.
    pub at: StepAt,
    /// The outcome.
    pub verdict: StepVerdict,
    /// What the interface's state table said.
    pub state: StateFound,
    /// For an ICMP error: whether the connection it quotes is tracked here.
    pub quoted: Option<bool>,
    /// What the rules were asked; `None` when state decided.
    pub asked: Option<Header>,
    /// What each bound group alone says, in the order bound.
    pub groups: Vec<(GroupId, Option<RuleId>)>,
    /// Rules that match as well, in the order they would have been asked.
    pub next: Vec<RuleId>,
    /// For a drop: the allow rules that came nearest, best first; where a deny rule decided, of those asked before it.
    pub nearest: Vec<Miss>,
    /// What the rules of the other direction were asked, to see whether the far side may have opened the connection,
    /// and which would have allowed or denied it.
    pub assumption: Option<(Header, Option<RuleId>)>,
}

/// A packet's verdict with everything it rests on.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The packet and its verdict.
    pub judged: Judged,
    /// The steps taken, in order.
    pub steps: Vec<ExplainedStep>,
    /// The step that was not reached because the one before it stopped the packet, and the rule that would have decided
    /// there had state not.
    pub not_reached: Option<(StepAt, Option<RuleId>)>,
}

/// How many near misses are worth showing.
const NEAREST: usize = 3;

impl Explanation {
    /// Explains a packet that was just judged, from what the recorder saw.
    pub fn new(policy: &Policy, judged: Judged, recorder: &Recorder) -> Self {
        let linear = Linear::new(policy);
        let seen = |verdict: &StepVerdict| {
            let step = recorder.steps.iter().find(|step| {
                (step.at.interface, step.at.direction) == (verdict.interface, verdict.direction)
            })?;
            let asked = step.rules.map(|(header, _)| header);
            let mut explained = explain_step(policy, &linear, step.at, *verdict, asked);
            explained.state = step.state;
            explained.quoted = step.quoted;
            explained.assumption = step.assumption;
            Some(explained)
        };
        let steps = judged.judgement.steps.own().filter_map(seen).collect();
        Self { judged, steps, not_reached: not_reached(policy, &linear, &judged) }
    }
}

/// The ingress step of a packet that was stopped before.
fn not_reached(policy: &Policy, linear: &Linear<'_>, judged: &Judged) -> Option<(StepAt, Option<RuleId>)> {
    let steps = &judged.judgement.steps;
    let (Some(_), None) = (steps.stopped(), &steps.ingress) else { return None };
    let ip = judged.header?;
    let interface = policy.owners.of(ip.destination())?;
    let at = StepAt::ingress(interface, &ip);
    let header = Header { remote: at.remote, service: Service::of(&ip)? };
    Some((at, linear.decide(interface, at.direction, &header)))
}

/// Explains what the rules of one step say to a header; `asked` is `None` where state decided.
pub fn explain_step(
    policy: &Policy,
    linear: &Linear<'_>,
    at: StepAt,
    verdict: StepVerdict,
    asked: Option<Header>,
) -> ExplainedStep {
    let in_order = linear.in_order(at.interface, at.direction);
    let (mut groups, mut next, mut nearest) = (vec![], vec![], vec![]);
    if let Some(header) = &asked {
        let bound = policy.interface(at.interface).groups.iter().copied();
        groups = bound.zip(linear.each_group(at.interface, at.direction, header)).collect();
        let decided = linear.decide(at.interface, at.direction, header);
        let matching = in_order.iter().copied().filter(|&id| policy.rule(id).matches(header));
        next = matching.filter(|&id| Some(id) != decided).collect();
        if verdict.reason.verdict() == Verdict::Drop {
            // An allow rule behind the deny that decided would not help, however it is changed.
            let before = in_order.iter().take_while(|&&id| Some(id) != decided);
            nearest = nearest_misses(policy, before, header);
        }
    }
    ExplainedStep {
        at,
        verdict,
        state: StateFound::NotKept,
        quoted: None,
        asked,
        groups,
        next,
        nearest,
        assumption: None,
    }
}

/// The allow rules that need the smallest change to match, best first: fewest fields missed, then the cheaper fields, then
/// the nearer port or network, then the order asked.
fn nearest_misses<'a>(
    policy: &Policy,
    asked: impl Iterator<Item = &'a RuleId>,
    header: &Header,
) -> Vec<Miss> {
    let allows = asked.filter(|&&id| policy.rule(id).action == Action::Allow);
    let mut misses: Vec<_> = allows
        .map(|&rule| Miss { rule, missed: policy.rule(rule).compare(header) })
        .filter(|miss| !miss.missed.is_match())
        .collect();
    misses.sort_by_cached_key(|miss| cost(policy.rule(miss.rule), miss.missed, header));
    let fewest = misses.first().map_or(0, |miss| fields(miss.missed));
    misses.retain(|miss| fields(miss.missed) == fewest);
    misses.truncate(NEAREST);
    misses
}

fn fields(missed: Mismatch) -> u32 {
    let Mismatch { disabled, family, protocol, detail, remote } = missed;
    [disabled, family, protocol, detail, remote].into_iter().map(u32::from).sum()
}

/// How far a rule is from matching. A port that is off by a few is the likeliest slip; a rule for just this service that
/// does not know the far side comes next; a port from another range says little about what was meant.
fn cost(rule: &Rule, missed: Mismatch, header: &Header) -> (u32, u32, u32) {
    const CLOSE: u32 = 10;
    let mut weight =
        u32::from(missed.disabled) + 10 * u32::from(missed.protocol) + 20 * u32::from(missed.family);
    let mut distance = 0;
    if missed.detail {
        let ports = port_distance(&rule.service, header.service);
        weight += if ports <= CLOSE { 2 } else { 8 };
        distance += ports;
    }
    if missed.remote {
        weight += if rule.service == ServiceMatch::Any { 5 } else { 4 };
        distance += address_distance(rule, header);
    }
    (fields(missed), weight, distance)
}

fn port_distance(wanted: &ServiceMatch, service: Service) -> u32 {
    let (ServiceMatch::Ports(_, ports), Service::Port(_, port)) = (wanted, service) else { return 0 };
    let gap = |range: &crate::packet::PortRange| {
        if port < range.first() { range.first() - port } else { port.saturating_sub(range.last()) }
    };
    ports.ranges().iter().map(gap).min().map_or(u32::from(u16::MAX), u32::from)
}

/// How many bits of the address differ from the nearest range of the remote, counted from the top: 0 is near.
fn address_distance(rule: &Rule, header: &Header) -> u32 {
    let bits = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        std::net::IpAddr::V6(address) => address.to_bits(),
    };
    let remote = bits(header.remote);
    let same_family = rule.remote.ranges().iter().filter(|range| range.contains_family(header.remote));
    let differing = |address| 128 - (bits(address) ^ remote).leading_zeros();
    same_family.flat_map(|range| [range.first(), range.last()]).map(differing).min().unwrap_or(129)
}
