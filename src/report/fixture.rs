//! A small replay, built by hand, that every renderer's tests show.

use std::net::IpAddr;

use crate::compile::Linear;
use crate::packet::{
    AddressPair, AddressRange, Carries, Content, Domain, Flow, Fragment, Icmp, IpPacket, Layer, Packet,
    Protocol, Quoted, TcpFlags, Timestamp, Transport, Tunnel, TunnelKind,
};
use crate::policy::{
    Action, Dialect, Direction, Group, GroupId, Interface, Midstream, Origin, Owners, Policy, Priority, Rule,
    RuleId, ServiceMatch, StateProfile,
};
use crate::replay::{InOrder, Judged, Replay};

use crate::synth::{Plan, Workload};

use super::made::{FlowVerdicts, JudgedWorkload};
use super::{CaptureSummary, Results, UnsupportedLink};

/// 2026-11-21T10:00:00Z.
pub(super) const START: i64 = 1_795_255_200_000_000_000;

fn origin() -> Origin {
    Origin { file: "test".into(), line: 1, span: 0..0, place: None }
}

/// An empty policy.
pub(super) fn empty() -> Policy {
    Policy {
        dialect: Dialect::Ordered,
        state: StateProfile::HUAWEI,
        midstream: Midstream::Assume,
        groups: vec![],
        rules: vec![],
        interfaces: vec![],
        owners: Owners::default(),
    }
}

/// Adds a group whose rules are written as `in allow tcp 22 203.0.113.0/24 name`.
pub(super) fn group(policy: &mut Policy, name: &str, rules: &[&str]) -> GroupId {
    let id = GroupId(u32::try_from(policy.groups.len()).unwrap());
    let mut group = Group { name: name.into(), ingress: vec![], egress: vec![] };
    for text in rules {
        let words: Vec<_> = text.split(' ').collect();
        let [way, action, protocol, ports, remote, rule] = words[..] else { panic!("{text}") };
        let rule_id = RuleId(u32::try_from(policy.rules.len()).unwrap());
        let direction = if way == "in" { Direction::Ingress } else { Direction::Egress };
        let service = match (protocol, ports) {
            ("all", _) => ServiceMatch::Any,
            (protocol, ports) => ServiceMatch::Ports(protocol.parse().unwrap(), ports.parse().unwrap()),
        };
        let enabled = action != "off";
        policy.rules.push(Rule {
            name: format!("{name}/{rule}"),
            group: id,
            direction,
            action: if action == "deny" { Action::Deny } else { Action::Allow },
            priority: Priority::FIRST,
            family: None,
            service,
            remote: std::iter::once(remote.parse::<AddressRange>().unwrap()).collect(),
            remote_text: remote.into(),
            enabled,
            doubt: None,
            description: String::new(),
            origin: origin(),
        });
        match direction {
            Direction::Ingress => group.ingress.push(rule_id),
            Direction::Egress => group.egress.push(rule_id),
        }
    }
    policy.groups.push(group);
    id
}

/// Adds an interface.
pub(super) fn interface(policy: &mut Policy, name: &str, address: &str, behind: &[&str], groups: &[GroupId]) {
    policy.interfaces.push(Interface {
        name: name.into(),
        addresses: vec![address.parse().unwrap()],
        behind: behind.iter().map(|net| net.parse().unwrap()).collect(),
        groups: groups.to_vec(),
        origin: origin(),
    });
    policy.owners = Owners::new(&policy.interfaces).0;
}

/// A cluster of one node and one master; the node has two groups, and one group is bound to nothing.
fn cluster() -> Policy {
    let mut policy = empty();
    let node = group(
        &mut policy,
        "node",
        &[
            "in allow tcp 22 203.0.113.0/24 ssh",
            "in allow tcp 10250 192.168.0.10 kubelet",
            "out allow all - 0.0.0.0/0 egress/1",
        ],
    );
    let extra = group(&mut policy, "extra", &["in deny tcp 3306 0.0.0.0/0 no-mysql"]);
    let control = group(
        &mut policy,
        "control",
        &[
            "in allow tcp 5443 192.168.0.0/24 api",
            "in off tcp 5444 0.0.0.0/0 old",
            "out allow all - 192.168.0.0/16 egress/1",
        ],
    );
    group(&mut policy, "eni", &["in allow all - 10.0.0.0/16 pods"]);
    interface(&mut policy, "node-1", "192.168.0.21", &["10.0.1.0/24"], &[node, extra]);
    interface(&mut policy, "master-1", "192.168.0.10", &[], &[control]);
    interface(&mut policy, "idle-1", "192.168.0.99", &[], &[node]);
    policy
}

pub(super) fn flow(text: &str) -> Content {
    text.parse::<Flow>().unwrap().packet(Timestamp(0)).content
}

fn addresses(source: &str, destination: &str) -> AddressPair {
    let parse = |text: &str| text.parse::<IpAddr>().unwrap();
    AddressPair::new(parse(source), parse(destination)).unwrap()
}

fn change(content: Content, change: impl FnOnce(&mut IpPacket)) -> Content {
    let Content::Ip(mut ip) = content else { panic!("no IP packet") };
    change(&mut ip);
    Content::Ip(ip)
}

fn tcp(text: &str, new: u8) -> Content {
    change(flow(text), |ip| {
        if let Transport::Tcp { flags, .. } = &mut ip.transport {
            *flags = TcpFlags(new);
        }
    })
}

/// The frames, each with its length: one every 100 ms.
fn frames() -> Vec<(u32, Content)> {
    let error = Icmp {
        kind: 11,
        code: 0,
        identifier: 0,
        quoted: Quoted::Packet {
            addresses: addresses("203.0.113.9", "192.168.0.21"),
            protocol: Protocol::TCP,
            ports: (50000, 22),
            message: (0, 0),
        },
    };
    let part = |offset| Some(Fragment { id: 7, offset, length: 16, more: true });
    let mut frames = vec![
        // 1-3: the master asks the kubelet: allowed, 1 connection, 74 + 74 + 1000 bytes.
        (74, flow("tcp 192.168.0.10:40000 > 192.168.0.21:10250")),
        (74, tcp("tcp 192.168.0.21:10250 > 192.168.0.10:40000", 0x12)),
        (1000, tcp("tcp 192.168.0.10:40000 > 192.168.0.21:10250", 0x18)),
        // 4-5: SSH from the office: allowed.
        (74, flow("tcp 203.0.113.9:50000 > 192.168.0.21:22")),
        (74, tcp("tcp 192.168.0.21:22 > 203.0.113.9:50000", 0x12)),
        // 6: an ICMP error about it reaches the master, which does not track it: dropped inside 4's connection.
        (
            70,
            change(flow("icmp 203.0.113.1 > 192.168.0.10 11/0"), |ip| ip.transport = Transport::Icmp(error)),
        ),
        // 7-9: a stranger at the kubelet: two attempts, the first sends its SYN twice: blocked.
        (74, flow("tcp 198.51.100.7:1001 > 192.168.0.21:10250")),
        (74, flow("tcp 198.51.100.7:1001 > 192.168.0.21:10250")),
        (74, flow("tcp 198.51.100.7:1002 > 192.168.0.21:10250")),
        // 10: the deny rule.
        (90, flow("tcp 198.51.100.7:1003 > 192.168.0.21:3306")),
        // 11: an answer of a connection opened before the capture: assumed at the master.
        (66, tcp("tcp 192.168.0.21:10250 > 192.168.0.10:41000", 0x10)),
        // 12: a pod behind the node pings the world, in VLAN 5: allowed.
        (98, change(flow("icmp 10.0.1.5 > 8.8.8.8"), |ip| ip.domain = Domain::NONE.in_vlan(5))),
        // 13: the pod and its own node.
        (74, flow("tcp 10.0.1.5:2000 > 192.168.0.21:80")),
        // 14-15: strangers to the scenario.
        (90, flow("udp 172.16.0.1:123 > 172.16.0.2:123")),
        (110, flow("icmpv6 fd00::1 > fd00::2")),
        // 16-18: no verdict without the headers.
        (60, Content::Arp),
        (60, Content::NotIp),
        (20, Content::Truncated),
        // 19-20: a datagram that never completes; its first fragment names the connection.
        (50, change(flow("udp 203.0.113.9:4000 > 192.168.0.21:4789"), |ip| ip.fragment = part(0))),
        (
            50,
            change(flow("udp 203.0.113.9:4000 > 192.168.0.21:4789"), |ip| {
                ip.fragment = part(16);
                ip.transport = Transport::LaterFragment;
            }),
        ),
        // 21: a ping from outside: blocked.
        (98, flow("icmp 198.51.100.7 > 192.168.0.21")),
    ];
    // 22-33: a scan of twelve ports: blocked.
    for port in 1000..1012 {
        frames.push((60, flow(&format!("tcp 198.51.100.99:60000 > 192.168.0.21:{port}"))));
    }
    frames
}

/// What a replay left behind.
pub(super) struct Sample {
    policy: Policy,
    frames: Vec<Vec<(u32, Content, Domain)>>,
    captures: Vec<CaptureSummary>,
    /// All frames in order.
    pub judged: Vec<Judged>,
    workload: Option<JudgedWorkload>,
}

impl Sample {
    /// The cluster's replay.
    pub(super) fn cluster() -> Self {
        let frames = frames();
        let capture = CaptureSummary {
            name: "demo.pcap".into(),
            frames: frames.len() as u64,
            first: Some(Timestamp(START)),
            last: Some(Timestamp(START + 3_200_000_000)),
            unsupported: vec![UnsupportedLink { link_type: 147, frames: 1 }],
            error: Some("cut in the middle of a frame at byte 4711".into()),
        };
        Self::replay(cluster(), frames, vec![capture])
    }

    /// What a tunnel between two nodes carries: a pod's request, and one that the other node drops with the tunnel's packet;
    /// the same request outside of it.
    pub(super) fn tunnels() -> Self {
        let mut policy = Policy { midstream: Midstream::Pickup, ..empty() };
        let node = group(
            &mut policy,
            "node",
            &[
                "in allow udp 4789 192.168.0.0/24 vxlan",
                "in deny udp 4789 203.0.113.0/24 strange",
                "out allow all - 0.0.0.0/0 all",
            ],
        );
        let pod = group(
            &mut policy,
            "pod",
            &["in allow tcp 8080 10.0.0.0/16 web", "out allow all - 0.0.0.0/0 all"],
        );
        interface(&mut policy, "node-1", "192.168.0.21", &[], &[node]);
        interface(&mut policy, "node-2", "192.168.0.22", &[], &[node]);
        interface(&mut policy, "pod-1", "10.0.1.5", &[], &[pod]);
        let within = |id| Domain::NONE.in_tunnel(Tunnel { kind: TunnelKind::Vxlan, id: Some(id) }).unwrap();
        let inside = |id, text: &str| (74, change(flow(text), |ip| ip.domain = within(id)), within(id));
        let outer = |text: &str| (124, flow(text), Domain::NONE);
        let request = "tcp 10.0.2.5:2000 > 10.0.1.5:8080";
        let frames = vec![
            // 1: allowed in VNI 7. 2: the same request in VNI 8, and a ping that the pod's group drops.
            vec![outer("udp 192.168.0.22:900 > 192.168.0.21:4789"), inside(7, request)],
            vec![outer("udp 192.168.0.22:900 > 192.168.0.21:4789"), inside(8, request)],
            vec![outer("udp 192.168.0.22:901 > 192.168.0.21:4789"), inside(7, "icmp 10.0.2.5 > 10.0.1.5")],
            // 4: a stranger's tunnel, and ARP in it. 6: no tunnel at all.
            vec![outer("udp 203.0.113.9:902 > 192.168.0.21:4789"), inside(7, request)],
            vec![outer("udp 203.0.113.9:902 > 192.168.0.21:4789"), (42, Content::Arp, within(7))],
            vec![(74, flow(request), Domain::NONE)],
        ];
        Self::of_layers(policy, frames, vec![])
    }

    fn opened_tunnels(&self) -> bool {
        self.frames.iter().any(|frame| frame.len() > 1)
    }

    /// An allowed and a blocked flow of a workload; one flow of three got something else than it expects, one expects nothing.
    pub(super) fn made() -> Self {
        let mut made = Self::of_flows(&[
            "tcp 203.0.113.9:40000 > 192.168.0.21:22",
            "tcp 203.0.113.9:40000 > 192.168.0.21:23",
        ]);
        let flows = "{ ssh: { from: outside, to: group node, service: tcp 22, expect: allowed }, \
                     web: { from: outside, to: group node, service: tcp 23, expect: allowed }, \
                     scan: { from: outside, to: group node, service: udp 1 } }";
        let loaded = Workload::parse("made.yaml", &format!("traffic: {flows}"));
        let planned = Plan::make(loaded, &made.policy, &[], Some(7), 1);
        let plan = planned.plan.unwrap_or_else(|| panic!("{:?}", planned.loaded.diagnostics));
        let flows = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 2, 0, 0, 3]];
        let flows = flows.map(|verdicts| FlowVerdicts { verdicts }).to_vec();
        made.workload = Some(JudgedWorkload { plan, flows });
        made
    }

    /// The replay of nothing.
    pub(super) fn nothing() -> Self {
        Self::replay(cluster(), vec![], vec![])
    }

    /// Written flows against the cluster.
    pub(super) fn of_flows(flows: &[&str]) -> Self {
        Self::replay(cluster(), flows.iter().map(|text| (64, flow(text))).collect(), vec![])
    }

    /// An allowed and a blocked flow, written by hand, under names that try to break the page.
    pub(super) fn hostile() -> Self {
        let mut policy = empty();
        let name = "a|b\n`c`\u{1b}[31m,\"d\"";
        let bound = group(&mut policy, name, &["in allow tcp 22 0.0.0.0/0 x"]);
        interface(&mut policy, name, "192.168.0.21", &[], &[bound]);
        let frames =
            vec![(64, flow("tcp 10.0.0.1 > 192.168.0.21:22")), (64, flow("tcp 10.0.0.1 > 192.168.0.21:23"))];
        Self::replay(policy, frames, vec![])
    }

    /// Judges the frames, one every 100 ms.
    pub(super) fn replay(policy: Policy, frames: Vec<(u32, Content)>, captures: Vec<CaptureSummary>) -> Self {
        let alone = |(length, content)| vec![(length, content, Domain::NONE)];
        Self::of_layers(policy, frames.into_iter().map(alone).collect(), captures)
    }

    fn of_layers(
        policy: Policy,
        frames: Vec<Vec<(u32, Content, Domain)>>,
        captures: Vec<CaptureSummary>,
    ) -> Self {
        let mut sample = Self { policy, frames, captures, judged: vec![], workload: None };
        sample.judged = sample.judge(|_, judged| judged);
        sample
    }

    /// Calls `look` with the finished replay and its frames in order.
    fn judge<T>(&self, look: impl FnOnce(&Replay<'_, Linear<'_>>, Vec<Judged>) -> T) -> T {
        let matcher = Linear::new(&self.policy);
        let mut replay = Replay::new(&self.policy, &matcher);
        let (mut order, mut judged) = (InOrder::default(), vec![]);
        for (i, frame) in (0..).zip(&self.frames) {
            let number = u64::try_from(i).unwrap() + 1;
            for (depth, &(length, content, within)) in frame.iter().enumerate() {
                let packet = Packet { time: Timestamp(START + i * 100_000_000), length, content };
                let carries = if depth + 1 < frame.len() { Carries::Packet } else { Carries::Nothing };
                let layer = Layer { packet, within, carries };
                let mut out = |one| order.push(one, &mut |one| judged.push(one));
                replay.push_layer(number, &layer, &mut (), &mut out);
            }
        }
        replay.finish(&mut |one| order.push(one, &mut |one| judged.push(one)));
        look(&replay, judged)
    }

    /// Calls `look` with the results.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Results<'_>) -> T) -> T {
        let matcher = Linear::new(&self.policy);
        self.judge(|replay, _| {
            look(&Results {
                scenario: "cluster.yaml",
                policy: &self.policy,
                matcher: &matcher,
                tally: &replay.tally(),
                connections: replay.connections(),
                captures: &self.captures,
                repeats: crate::report::Repeats::default(),
                opened_tunnels: self.opened_tunnels(),
                workload: self.workload.as_ref(),
            })
        })
    }

    /// What a renderer writes, without colour, and the same on a second run.
    pub(super) fn written(
        &self,
        render: impl Fn(&Results<'_>, &mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> String {
        let run = || {
            let mut out = Vec::new();
            self.with(|results| render(results, &mut out)).unwrap();
            out
        };
        let out = run();
        assert_eq!(out, run(), "a second run differs");
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }
}
