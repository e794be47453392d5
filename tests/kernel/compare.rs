//! One scenario: the same packets to sgsim and to the kernel, and what each said of every step.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use sgsim::capture::{LinkType, decode};
use sgsim::compile::{Linear, Matcher};
use sgsim::packet::{Content, Header, Packet as Seen, Service, Timestamp};
use sgsim::policy::{Direction, InterfaceId, Policy, RuleId};
use sgsim::replay::{Judged, Reason, Replay, StepVerdict, Verdict};

use super::differences::{Both, Difference};
use super::follow::Follower;
use super::lab::Lab;
use super::observe::{Kernel, Observer, Step};
use super::packet::{Body, Packet, Piece};
use super::ruleset::{self, State};
use super::scenario::Scenario;
use super::tcp;
use super::traffic::{Retired, key_of, query_of};

/// What was seen, over all scenarios.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Packets and fragments sent.
    pub packets: usize,
    /// Steps compared.
    pub steps: usize,
    /// What the kernel said at a step, and how often.
    pub ways: BTreeMap<String, usize>,
    /// Listed differences, and how often they were met.
    pub differences: BTreeMap<Difference, usize>,
}

/// The two sides of one scenario.
pub(crate) struct Comparison<'p> {
    lab: &'p Lab,
    scenario: &'p Scenario,
    policy: &'p Policy,
    matcher: &'p Linear<'p>,
    replay: Replay<'p, Linear<'p>>,
    observer: Observer<'p>,
    start: Instant,
    frames: u64,
    follower: Follower,
    /// Conversations that can tell nothing any more.
    pub retired: Retired,
    transcript: String,
}

impl<'p> Comparison<'p> {
    /// Loads a scenario into the lab, and begins.
    pub(crate) fn new(
        lab: &'p Lab,
        scenario: &'p Scenario,
        policy: &'p Policy,
        matcher: &'p Linear<'p>,
    ) -> std::io::Result<Self> {
        for (station, port) in lab.ports.iter().enumerate() {
            port.forward.run("nft", &["-f", "-"], &ruleset::of(scenario, station))?;
            let loose = if scenario.strict { "0" } else { "1" };
            port.forward.set(&[("netfilter/nf_conntrack_tcp_loose", loose)])?;
            port.set_timeouts(|name| scenario.timeout(name))?;
            port.steps.forget_connections()?;
        }
        Ok(Self {
            lab,
            scenario,
            policy,
            matcher,
            replay: Replay::new(policy, matcher),
            observer: Observer::new(lab),
            start: Instant::now(),
            frames: 0,
            follower: Follower::new(scenario.strict, !scenario.timeouts.is_empty()),
            retired: Retired::new(),
            transcript: String::new(),
        })
    }

    /// Sends one packet to both, or a fragment of one: which, and how long the first one is.
    ///
    /// `Err` is a disagreement, with all that is needed to repeat it.
    pub(crate) fn exchange(
        &mut self,
        packet: &Packet,
        token: u16,
        part: Option<(Piece, usize)>,
        totals: &mut Totals,
    ) -> Result<(), String> {
        let piece = part.map(|(piece, _)| piece);
        let elapsed = self.start.elapsed();
        let bytes = piece.map_or_else(|| packet.datagram(token), |piece| packet.fragment(token, piece));
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let time = Timestamp(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX));
        let seen = Seen { time, length, content: decode(LinkType::RAW, &bytes, length) };
        self.frames += 1;
        let mut judged = None;
        self.replay.push(self.frames, seen, &mut (), &mut |frame| judged = Some(frame));
        let judged: Option<Judged> = judged;

        let words = packet.words(token, piece);
        write!(self.transcript, "{:.6} {words}", elapsed.as_secs_f64()).unwrap();
        let waits = |judged: Judged| judged.judgement.reason == Reason::OrphanFragment;
        let headless = part.is_some_and(|(_, first)| is_headless(packet, first));
        let quiet = match piece {
            Some((0, ..)) if headless => false,
            Some(_) => headless || judged.is_none_or(waits),
            None => false,
        };
        let kernel = self
            .observer
            .send(packet, token, piece, quiet)
            .map_err(|error| self.repro(&error.to_string()))?;
        self.transcribe(judged.as_ref(), &kernel);
        totals.packets += 1;
        if headless {
            return self.headless(packet, &kernel, totals).map_err(|why| self.repro(&why));
        }
        let atomic = packet.v6() && matches!(piece, Some((0, _, false)));
        if atomic && judged.is_some() && kernel.steps.is_empty() && !kernel.arrived {
            *totals.differences.entry(Difference::AtomicFragment).or_default() += 1;
            self.retired.insert(key_of(packet));
            return Ok(());
        }
        self.compare(packet, part.map(|(_, first)| first), judged.as_ref(), &kernel, totals)
            .map_err(|why| self.repro(&why))
    }

    /// Looks for reports that came too late.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.observer.leftovers().map_err(|error| self.repro(&error.to_string()))
    }

    fn compare(
        &mut self,
        packet: &Packet,
        first: Option<usize>,
        judged: Option<&Judged>,
        kernel: &Kernel,
        totals: &mut Totals,
    ) -> Result<(), String> {
        let Some(judged) = judged else {
            return silent(kernel, "only sgsim waits for more fragments");
        };
        let judgement = &judged.judgement;
        match judgement.verdict() {
            Verdict::NotSubject => {
                let passed = judgement.reason == Reason::NoGroup && kernel.steps.is_empty() && kernel.arrived;
                return if passed { Ok(()) } else { Err("a packet that is not subject met a step".into()) };
            }
            Verdict::Undecided if judgement.reason == Reason::OrphanFragment => {
                return silent(kernel, "the kernel put together an orphan");
            }
            Verdict::Undecided => return self.undecided(packet, first, totals),
            Verdict::Allow | Verdict::Drop => {}
        }
        let header = judged.header.ok_or("judged without a header")?;
        let Content::Ip(_) = judged.packet.content else { return Err("judged without IP".into()) };
        let mut ours = judgement.steps.iter();
        let mut theirs = kernel.steps.iter();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => break,
                (Some(our), Some(their)) => {
                    totals.steps += 1;
                    *totals.ways.entry(their.way.clone()).or_default() += 1;
                    let at =
                        (InterfaceId(u32::try_from(their.station).unwrap_or(u32::MAX)), direction(their));
                    if (our.interface, our.direction) != at {
                        return Err("the steps are taken elsewhere".into());
                    }
                    let remote =
                        if at.1 == Direction::Egress { header.destination() } else { header.source() };
                    let service = Service::of(&header).ok_or("judged without a service")?;
                    self.compare_groups(at, &Header { remote, service }, their)?;
                    if let Some(difference) = self.compare_step(packet, our, their)? {
                        *totals.differences.entry(difference).or_default() += 1;
                        if difference.parts_ways() {
                            self.retired.insert(key_of(packet));
                        }
                        // One of them may have stopped here.
                        if their.passed() != (our.reason.verdict() == Verdict::Allow) {
                            return Ok(());
                        }
                    }
                }
                (Some(_), None) => return Err("only sgsim knows of a further step".into()),
                (None, Some(_)) => return Err("only the kernel knows of a further step".into()),
            }
        }
        if kernel.arrived == (judgement.verdict() == Verdict::Allow) {
            Ok(())
        } else {
            Err("it did not arrive, or should not have".into())
        }
    }

    /// A fragment of a datagram whose first one lacks headers, in IPv6: the kernel lets that one meet the rules alone, as an
    /// invalid packet, and never sees the others together.
    fn headless(&mut self, packet: &Packet, kernel: &Kernel, totals: &mut Totals) -> Result<(), String> {
        *totals.differences.entry(Difference::ShortFirstFragment).or_default() += 1;
        self.retired.insert(key_of(packet));
        let invalid = kernel.steps.iter().all(|step| step.mark.state == State::Invalid);
        if invalid { Ok(()) } else { Err("a first fragment without its headers was tracked".into()) }
    }

    /// A datagram whose first fragment ends inside the part of the TCP header that has the flags.
    fn undecided(
        &mut self,
        packet: &Packet,
        first: Option<usize>,
        totals: &mut Totals,
    ) -> Result<(), String> {
        let short = matches!(packet.body, Body::Tcp { .. }) && first.is_some_and(|length| length < 14);
        if !short {
            return Err("undecided".into());
        }
        *totals.differences.entry(Difference::ShortFirstFragment).or_default() += 1;
        self.retired.insert(key_of(packet));
        Ok(())
    }

    /// What each group alone would say.
    fn compare_groups(
        &self,
        at: (InterfaceId, Direction),
        header: &Header,
        kernel: &Step,
    ) -> Result<(), String> {
        let firsts = self.matcher.each_group(at.0, at.1, header);
        for (position, (&group, first)) in self.scenario.bound[kernel.station].iter().zip(firsts).enumerate()
        {
            let ours = first.map(|id| self.name(id));
            let written = &self.scenario.groups[group].rules[kernel.direction];
            let theirs = kernel.mark.group(position).map(|at| written[at].name.as_str());
            if ours != theirs {
                return Err(format!("group g{group} alone: sgsim {ours:?}, kernel {theirs:?}"));
            }
        }
        Ok(())
    }

    fn compare_step(
        &mut self,
        packet: &Packet,
        our: &StepVerdict,
        their: &Step,
    ) -> Result<Option<Difference>, String> {
        let tcp = self.follower.tcp(packet, their)?;
        let quotes_forgotten = self.follower.quotes_forgotten(packet, their.station);
        let chunk_too_early = self.follower.chunk(packet, their);
        let order = self.scenario.in_order(their.station, their.direction);
        let kernel_rule = their.mark.deciding.map(|at| order[at].name.as_str());
        let way = match our.reason {
            Reason::Established => "established",
            Reason::Related => "related",
            Reason::Rule => "allow",
            Reason::DenyRule => "deny",
            Reason::NoRule => "no-rule",
            Reason::Invalid => "invalid",
            reason => return Err(format!("sgsim says {reason}")),
        };
        let opens = our.reason == Reason::Rule && self.opens(packet);
        let opened = their.way == "allow" && their.mark.state == State::New && !their.mark.confirmed;
        let rule = our.rule.or(our.opened_by).map(|id| self.name(id));
        let same = way == their.way && (our.rule.map(|id| self.name(id)) == kernel_rule) && opens == opened;
        let both = Both {
            packet,
            reason: our.reason,
            rule,
            opens,
            kernel: their,
            kernel_rule,
            tcp,
            chunk_too_early,
            quotes_forgotten,
        };
        // The verdict may be the same and the state not.
        if same && !both.reset_takes_no_syn() {
            return Ok(None);
        }
        match Difference::of(&both) {
            Some(difference) => Ok(Some(difference)),
            None => Err(format!("they differ: {both:?}")),
        }
    }

    /// "Opening: an allowed packet makes state at that step: TCP by a SYN without ACK (or by mid-stream pickup); every
    /// other protocol by any packet", but for ICMP that neither asks nor answers.
    fn opens(&self, packet: &Packet) -> bool {
        match &packet.body {
            Body::Tcp { flags, .. } => {
                tcp::is_lone_syn(*flags) || (!self.scenario.strict && flags & 0x17 == 0x10)
            }
            Body::Icmp { kind, .. } => query_of(packet.v6(), *kind).is_some(),
            _ => true,
        }
    }

    fn name(&self, id: RuleId) -> &'p str {
        &self.policy.rule(id).name
    }

    fn transcribe(&mut self, judged: Option<&Judged>, kernel: &Kernel) {
        self.transcript.push_str(" => ");
        match judged {
            None => self.transcript.push_str("(waits)"),
            Some(judged) => {
                let judgement = &judged.judgement;
                write!(self.transcript, "{} {}", judgement.verdict(), judgement.reason).unwrap();
                for step in judgement.steps.iter() {
                    let rule = step.rule.map_or("-", |id| self.name(id));
                    let name = &self.policy.interface(step.interface).name;
                    write!(self.transcript, "; {name} {} {} {rule}", step.direction, step.reason).unwrap();
                }
            }
        }
        self.transcript.push_str("\n#   kernel:");
        for step in &kernel.steps {
            let order = self.scenario.in_order(step.station, step.direction);
            let rule = step.mark.deciding.map_or("-", |at| order[at].name.as_str());
            let name = super::plan::STATIONS[step.station].name;
            let (way, mark) = (&step.way, step.mark);
            let seen = if mark.confirmed { "known" } else { "unknown" };
            let side = if mark.reply { "reply" } else { "original" };
            let way = format!("{name} {} {way} {rule} ({:?} {seen} {side})", direction(step), mark.state);
            write!(self.transcript, " {way};").unwrap();
        }
        self.transcript.push_str(if kernel.arrived { " arrived\n" } else { " did not arrive\n" });
    }

    /// All that is needed to see a disagreement again.
    fn repro(&self, why: &str) -> String {
        debug_assert!(!self.lab.ports.is_empty());
        format!("{why}\n\n=== scenario\n{}=== packets\n{}", self.scenario.yaml(), self.transcript)
    }
}

/// That the kernel has judged nothing.
fn silent(kernel: &Kernel, otherwise: &str) -> Result<(), String> {
    if kernel.steps.is_empty() { Ok(()) } else { Err(otherwise.into()) }
}

/// Whether the first fragment of an IPv6 datagram ends inside the TCP header.
fn is_headless(packet: &Packet, first: usize) -> bool {
    packet.v6() && matches!(packet.body, Body::Tcp { .. }) && first < 20
}

const fn direction(step: &Step) -> Direction {
    if step.direction == 0 { Direction::Ingress } else { Direction::Egress }
}
