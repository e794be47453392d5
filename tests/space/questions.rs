//! Questions over the whole header space against brute force: every packet of a tiny space through a replay of its
//! own, judged by the reference matcher.

use std::collections::BTreeSet;

use proptest::prelude::*;

use sgsim::compile::{Compiled, Linear};
use sgsim::packet::{AddressSet, IpPacket};
use sgsim::policy::{Direction, RuleId};
use sgsim::replay::{FirstPackets, Judgement, Verdict};
use sgsim::space::{Answer, Never, PacketSet, Reach, ServiceSet, ask, differences, reach};

use crate::tiny::{self, alone, packets, scenario, space};

fn load(text: &str) -> sgsim::policy::Policy {
    tiny::load(text).policy
}

type Rules = Vec<(Direction, Option<RuleId>)>;

fn rules(judgement: &Judgement) -> Rules {
    judgement.steps.iter().map(|step| (step.direction, step.rule)).collect()
}

/// What an answer says of a packet: the verdict and the rules; exactly one part must hold it.
fn told(answer: &Answer, ip: &IpPacket) -> (Verdict, Rules) {
    let fates = answer.allowed.iter().chain(&answer.dropped).chain(&answer.not_subject);
    let holding: Vec<_> = fates.filter(|fate| fate.packets.contains(ip)).collect();
    assert_eq!(holding.len(), 1, "{ip:?}");
    (holding[0].judgement.verdict(), rules(&holding[0].judgement))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_has_the_fate_that_a_replay_gives_it(text in scenario()) {
        let policy = load(&text);
        let (linear, compiled) = (Linear::new(&policy), Compiled::new(&policy));
        let answer = ask(&FirstPackets::new(&policy, &compiled), &space());
        for flow in packets() {
            let judgement = alone(&policy, &linear, &flow);
            prop_assert_eq!(told(&answer, &flow.ip()), (judgement.verdict(), rules(&judgement)), "{} in\n{}", flow, text);
        }
        let fates = || answer.allowed.iter().chain(&answer.dropped).chain(&answer.not_subject);
        let all = fates().fold(PacketSet::default(), |all, fate| all.union(&fate.packets));
        prop_assert_eq!(all, space(), "nothing is left out, nothing is made up");
        for fate in fates() {
            prop_assert!(fate.packets.contains(&fate.witness.ip()));
            let judgement = alone(&policy, &linear, &fate.witness);
            prop_assert_eq!(judgement.steps, fate.judgement.steps);
            prop_assert_eq!(judgement.reason, fate.judgement.reason);
        }
    }

    #[test]
    fn differences_are_the_packets_that_two_policies_judge_differently(texts in (scenario(), scenario())) {
        let (before, after) = (load(&texts.0), load(&texts.1));
        let (old, new) = (Linear::new(&before), Linear::new(&after));
        let found = differences(&FirstPackets::new(&before, &old), &FirstPackets::new(&after, &new), &space());
        for flow in packets() {
            let verdicts = (alone(&before, &old, &flow).verdict(), alone(&after, &new, &flow).verdict());
            let holding: Vec<_> =
                found.iter().filter(|difference| difference.packets.contains(&flow.ip())).collect();
            prop_assert_eq!(holding.len(), usize::from(verdicts.0 != verdicts.1), "{}", flow);
            for difference in holding {
                prop_assert_eq!((difference.before.verdict(), difference.after.verdict()), verdicts);
            }
        }
    }

    /// Over the whole space: a rule that decides some packet decides one of the tiny space, which has one of each kind.
    #[test]
    fn a_rule_is_reached_when_some_packet_is_decided_by_it(text in scenario()) {
        let policy = load(&text);
        let (linear, compiled) = (Linear::new(&policy), Compiled::new(&policy));
        let mut decided = BTreeSet::new();
        for flow in packets() {
            decided.extend(alone(&policy, &linear, &flow).steps.iter().filter_map(|step| step.rule));
        }
        for (index, reach) in (0..).zip(reach(&FirstPackets::new(&policy, &compiled))) {
            let rule = RuleId(index);
            match reach {
                Reach::Decides { witness, .. } => {
                    prop_assert!(decided.contains(&rule), "{} by {witness}\n{text}", policy.rule(rule).name);
                    let judgement = alone(&policy, &linear, &witness);
                    prop_assert!(judgement.steps.iter().any(|step| step.rule == Some(rule)));
                }
                Reach::Never(never) => {
                    prop_assert!(!decided.contains(&rule), "{} is said to be {never:?}\n{text}", policy.rule(rule).name);
                    prop_assert_eq!(never == Never::Disabled, !policy.rule(rule).enabled);
                }
            }
        }
    }
}

#[test]
fn why_a_rule_never_decides_is_told() {
    let policy = load(
        "
addresses: { nobody: [] }
groups:
  web:
    ingress:
      - allow tcp 80 from any id off disabled
      - allow all from any id wide
      - allow tcp 443 from any id narrow
      - allow icmp from fd00::/64 id other-family
  spare: { ingress: [allow tcp 1 from any id unbound] }
  client: { egress: [allow tcp 443 to any id out] }
  shut: { ingress: [allow udp 53 from group client id never-sent] }
interfaces:
  web-1: { addresses: 10.0.0.1, groups: [web] }
  client-1: { addresses: 10.0.0.2, groups: [client] }
  shut-1: { addresses: 10.0.0.3, groups: [shut] }
",
    );
    let matcher = Compiled::new(&policy);
    let found: Vec<String> = policy
        .rules
        .iter()
        .zip(reach(&FirstPackets::new(&policy, &matcher)))
        .map(|(rule, reach)| match reach {
            Reach::Decides { witness, .. } => format!("{}: {witness}", rule.name),
            Reach::Never(Never::Covered { by, stopped_by, not_let_out }) => {
                let names = |ids: &[RuleId]| -> Vec<_> {
                    ids.iter().map(|&id| policy.rule(id).name.clone()).collect()
                };
                format!("{}: by {:?} {:?} {not_let_out}", rule.name, names(&by), names(&stopped_by))
            }
            Reach::Never(never) => format!("{}: {never:?}", rule.name),
        })
        .collect();
    assert_eq!(
        found,
        [
            "web/off: Disabled",
            "web/wide: tcp 203.0.113.9:49152 > 10.0.0.1:1",
            "web/narrow: by [\"web/wide\"] [] true",
            "web/other-family: NoRemote",
            "spare/unbound: NotBound",
            "client/out: tcp 10.0.0.2:49152 > 203.0.113.9:443",
            "shut/never-sent: by [] [] true",
        ]
    );
}

#[test]
fn sets_are_written_as_people_say_them() {
    let policy = load(
        "
groups: { web: { ingress: [\"deny tcp 22,8000-8100 from 10.0.0.0/8\", allow icmp echo-request from any, allow udp from any, allow tcp from any] } }
interfaces: { web-1: { addresses: 192.168.0.1, groups: [web] } }
",
    );
    let matcher = Compiled::new(&policy);
    let here: AddressSet = ["192.168.0.1".parse().unwrap()].into_iter().collect();
    let question = PacketSet::new(&AddressSet::any(), &here, &ServiceSet::any());
    let answer = ask(&FirstPackets::new(&policy, &matcher), &question);
    let texts = |fates: &[sgsim::space::Fate]| -> Vec<String> {
        fates.iter().map(|fate| fate.packets.to_string()).collect()
    };
    assert_eq!(
        texts(&answer.dropped),
        [
            "tcp 22,8000-8100 from 10.0.0.0/8 to 192.168.0.1",
            "all but icmp echo-request, tcp, udp from 0.0.0.0-192.168.0.0, 192.168.0.2-255.255.255.255 to 192.168.0.1",
        ]
    );
    assert_eq!(
        texts(&answer.allowed)[0],
        "icmp echo-request from 0.0.0.0-192.168.0.0, 192.168.0.2-255.255.255.255 to 192.168.0.1"
    );
}
