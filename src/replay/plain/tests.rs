//! Random packets through the plain replay and the real one: frame by frame, and in batches on several threads.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::Mutex;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::capture::Sink;
use crate::compile::{Compiled, Linear};
use crate::packet::{
    AddressPair, Carries, Compact, Content, Domain, Fragment, Icmp, IpPacket, Layer, Packet, Protocol,
    Quoted, TcpFlags, Timestamp, Transport, Tunnel, TunnelKind,
};
use crate::policy::{Policy, Scenario};
use crate::replay::{
    Batch, Connection, ConnectionId, ConnectionVerdict, Connections, Group, InOrder, Judged, Replay, Split,
    Tally, route,
};

use super::{Plain, counts};

/// What a replay leaves behind.
type Results = (Vec<Judged>, Vec<(ConnectionId, Connection)>, Tally);

/// How many connections are kept, and after how many packets that is looked at.
type Limit = (usize, u64);

/// How packets come: in batches of so many frames, so many at once, for so many threads.
#[derive(Debug, Clone, Copy)]
struct Cut {
    size: usize,
    at_once: usize,
    threads: usize,
    /// Whether the batches are sorted for as many threads as judge them.
    sorted: bool,
}

const ALL: Limit = (usize::MAX, 100);

const GROUPS: &str = "
groups:
  node:
    ingress:
      - allow tcp 22 from any
      - allow udp 53 from any
      - allow udp 4789 from 10.0.0.0/31
      - deny tcp 23 from any
      - allow icmp from 10.0.0.0/30
      - allow tcp 80 from group node
    egress: [allow tcp to any, allow icmp to any, allow udp 53 to any, allow udp 4789 to any, allow icmpv6 to any]
  open: { ingress: [allow all from fd00::/64, allow gre from any], egress: [allow all to any] }
interfaces:
  a: { addresses: [10.0.0.1, \"fd00::1\"], groups: [node] }
  b: { addresses: [10.0.0.2, \"fd00::2\"], behind: 10.0.2.0/31, groups: [open, node] }
";

/// No rule tells services apart here, and hardly one hosts: what differs is the state.
const OPEN: &str = "
groups:
  open: { ingress: [allow all from 10.0.0.0/31], egress: [allow all to any] }
interfaces:
  a: { addresses: 10.0.0.1, groups: [open] }
  b: { addresses: 10.0.0.2, groups: [open] }
";

/// What one side lets pass by several rules the other drops, one way or both: connections are tracked at one end only.
const HALF: &str = "
groups:
  asks: { ingress: [allow tcp 1000 from any], egress: [allow udp 80 to any, allow udp 1001 to any, allow tcp 80 to any, allow tcp to any] }
  answers: { ingress: [allow udp 53 from any], egress: [allow udp 1000 to any, allow tcp 1000 to any, allow icmp to any] }
interfaces:
  a: { addresses: 10.0.0.1, groups: [asks] }
  b: { addresses: 10.0.0.2, groups: [answers] }
";

/// Rules that only may match: some packets of a connection are undecided, and none of what is undecided is remembered.
const DOUBT: &str = "
groups:
  node:
    ingress:
      - allow tcp 22 from 10.0.0.0/30 maybe unknown-members
      - allow udp 53 from any maybe lost-field
      - allow udp 53 from 10.0.0.1
      - deny tcp 80 from any maybe hidden-deny
      - allow tcp from any
      - allow icmp from any maybe not-modelled
    egress: [deny udp 80 to any maybe unknown-priority, allow udp to any, allow tcp to any, allow icmp to any]
interfaces:
  a: { addresses: 10.0.0.1, groups: [node] }
  b: { addresses: 10.0.0.2, groups: [node] }
";

/// A policy and its matcher, made once: here it takes longer to compile than to replay.
type Made = (&'static Policy, &'static Compiled<'static>);

fn made(state: &str, midstream: &str, dialect: &str) -> Made {
    made_of(GROUPS, state, midstream, dialect)
}

fn made_of(groups: &str, state: &str, midstream: &str, dialect: &str) -> Made {
    static MADE: Mutex<BTreeMap<String, Made>> = Mutex::new(BTreeMap::new());
    let text = format!("state: {state}\nmidstream: {midstream}\ndialect: {dialect}\n{groups}");
    let make = |text: &String| {
        let loaded = Scenario::parse("test", text);
        let policy = loaded.policy().unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).clone();
        let policy: &Policy = Box::leak(Box::new(policy));
        (policy, &*Box::leak(Box::new(Compiled::new(policy))))
    };
    *MADE.lock().unwrap().entry(text).or_insert_with_key(make)
}

fn host(v6: bool, number: u8) -> IpAddr {
    if v6 {
        std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)).into()
    } else {
        // 10.0.0.1 and .2 are interfaces, 10.0.2.0 and .1 behind one; the others are outside.
        Ipv4Addr::new(10, 0, number / 4 * 2, number % 4).into()
    }
}

fn pair(v6: bool) -> impl Strategy<Value = AddressPair> {
    (0u8..6, 0u8..6).prop_map(move |(a, b)| AddressPair::new(host(v6, a), host(v6, b)).unwrap())
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![22_u16, 53, 80, 1000, 1001, 23, 67, 68])
}

fn flags() -> impl Strategy<Value = TcpFlags> {
    prop::sample::select(vec![0x02_u8, 0x12, 0x10, 0x10, 0x11, 0x04, 0x00, 0x18]).prop_map(TcpFlags)
}

fn quoted(v6: bool) -> impl Strategy<Value = Quoted> {
    let message = (prop::sample::select(vec![0_u8, 8, 13, 14, 3, 128, 129, 1]), 0_u8..2);
    prop_oneof![
        1 => Just(Quoted::None),
        1 => Just(Quoted::Truncated),
        6 => (pair(v6), prop::sample::select(vec![6_u8, 17, 1, 58, 47]), port(), port(), message).prop_map(
            |(addresses, protocol, a, b, message)| Quoted::Packet {
                addresses,
                protocol: Protocol(protocol),
                ports: if protocol == 47 { (0, 0) } else { (a, b) },
                message: if matches!(protocol, 1 | 58) { message } else { (0, 0) },
            }
        ),
    ]
}

fn transport(v6: bool) -> impl Strategy<Value = (Protocol, Transport)> {
    let icmp = if v6 { Protocol::ICMPV6 } else { Protocol::ICMP };
    let queries: Vec<u8> = if v6 { vec![128, 129, 135, 137] } else { vec![8, 0, 13, 14, 5] };
    let errors: Vec<u8> = if v6 { vec![1, 3] } else { vec![3, 11] };
    prop_oneof![
        6 => (port(), port(), flags()).prop_map(|(source, destination, flags)| {
            (Protocol::TCP, Transport::Tcp { source, destination, flags })
        }),
        4 => (port(), port())
            .prop_map(|(source, destination)| (Protocol::UDP, Transport::Ports { source, destination })),
        2 => (prop::sample::select(queries), 0u8..2, 0u16..2).prop_map(move |(kind, code, identifier)| {
            (icmp, Transport::Icmp(Icmp { kind, code, identifier, quoted: Quoted::None }))
        }),
        2 => (prop::sample::select(errors), quoted(v6)).prop_map(move |(kind, quoted)| {
            (icmp, Transport::Icmp(Icmp { kind, code: 0, identifier: 0, quoted }))
        }),
        1 => Just((Protocol::GRE, Transport::Other)),
        1 => Just((Protocol::TCP, Transport::Truncated)),
        1 => Just((Protocol::UDP, Transport::Malformed)),
    ]
}

fn fragment() -> impl Strategy<Value = Option<Fragment>> {
    let part = (0u32..2, prop::sample::select(vec![(0_u32, true), (8, true), (16, false), (8, false)]));
    let part = part.prop_map(|(id, (offset, more))| Fragment { id, offset, length: 8, more });
    prop::option::weighted(0.3, part)
}

fn content() -> impl Strategy<Value = Content> {
    let ip = any::<bool>().prop_flat_map(|v6| {
        let domain = prop::sample::select(vec![0_u128, 0, 0x8005, 0x8005_8006]);
        (pair(v6), transport(v6), fragment(), domain)
    });
    let ip = ip.prop_map(|(addresses, (protocol, transport), fragment, domain)| {
        let later = fragment.is_some_and(|fragment| fragment.offset > 0);
        let transport = if later { Transport::LaterFragment } else { transport };
        Content::Ip(IpPacket { domain: Domain(domain), addresses, protocol, transport, fragment })
    });
    let bare =
        prop::sample::select(vec![Content::Arp, Content::NotIp, Content::Truncated, Content::Malformed]);
    prop_oneof![20 => ip, 1 => bare]
}

/// A frame: a packet, or a tunnel's packet with what it carries, and sometimes what that carries.
fn frame() -> impl Strategy<Value = Vec<(Content, Domain, Carries)>> {
    let unopened = prop::sample::select(vec![Carries::Nothing, Carries::Nothing, Carries::TooDeep]);
    let plain = (content(), unopened).prop_map(|(content, carries)| vec![(content, Domain::NONE, carries)]);
    let tunnel = || (any::<bool>(), 0u8..4, 0u8..4, port(), 1u32..3);
    let wrapped = (tunnel(), prop::option::weighted(0.3, tunnel()), content());
    let wrapped = wrapped.prop_map(|(outer, middle, inner)| {
        let mut within = Domain::NONE;
        let mut frame = vec![];
        for (v6, from, to, source, id) in std::iter::once(outer).chain(middle) {
            let addresses = AddressPair::new(host(v6, from), host(v6, to)).unwrap();
            let (protocol, transport) = (Protocol::UDP, Transport::Ports { source, destination: 4789 });
            let ip = IpPacket { domain: within, addresses, protocol, transport, fragment: None };
            frame.push((Content::Ip(ip), within, Carries::Packet));
            within = within.in_tunnel(Tunnel { kind: TunnelKind::Vxlan, id: Some(id) }).unwrap();
        }
        let inner = match inner {
            Content::Ip(ip) => Content::Ip(IpPacket { domain: within, ..ip }),
            bare => bare,
        };
        frame.push((inner, within, Carries::Nothing));
        frame
    });
    prop_oneof![2 => plain, 1 => wrapped]
}

/// Frames whose time mostly goes on, sometimes by more than any timeout, and sometimes back.
fn frames() -> impl Strategy<Value = Vec<Vec<Layer>>> {
    let pause = prop::sample::select(vec![0_i64, 1, 1, 1, 5, 29, 31, 61, 200, 700, -1, -40]);
    vec((pause, frame(), 40u32..1500), 1..250).prop_map(|drawn| {
        let mut now = 1_700_000_000_000_000_000;
        let frame = |(pause, frame, length): (i64, Vec<_>, u32)| {
            now += pause * 1_000_000_000;
            let layer = |((content, within, carries), shorter)| {
                let packet = Packet { time: Timestamp(now), length: length - shorter, content };
                Layer { packet, within, carries }
            };
            frame.into_iter().zip(0..).map(layer).collect()
        };
        drawn.into_iter().map(frame).collect()
    })
}

/// An outside host that shares a part of the state with the second of these two, when the first talks to it.
fn neighbour(a: IpAddr, b: IpAddr) -> IpAddr {
    let part = |b| route::part_of(AddressPair::new(a, b).unwrap(), Domain::NONE);
    let mut outside = (0..).map(|n| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + n).into());
    outside.find(|&outside| part(outside) == part(b)).unwrap()
}

/// A packet from one host to another or back, whole and in compact form.
fn common(
    hosts: Vec<AddressPair>,
    services: Vec<u16>,
    protocols: Vec<Protocol>,
) -> impl Strategy<Value = IpPacket> {
    let flags = prop::sample::select(vec![0x02_u8, 0x02, 0x12, 0x10, 0x11, 0x04, 0x00]).prop_map(TcpFlags);
    let query = prop::sample::select(vec![8_u8, 0, 13, 14]);
    let (hosts, services) = (prop::sample::select(hosts), prop::sample::select(services));
    let drawn =
        (hosts, any::<bool>(), 1000u16..1002, services, prop::sample::select(protocols), flags, query);
    drawn.prop_map(|(addresses, back, port, service, protocol, flags, kind)| {
        let (source, destination) = if back { (service, port) } else { (port, service) };
        let addresses = if back { addresses.reversed() } else { addresses };
        let transport = match protocol {
            Protocol::TCP => Transport::Tcp { source, destination, flags },
            Protocol::UDP => Transport::Ports { source, destination },
            Protocol::ICMP => Transport::Icmp(Icmp { kind, code: 0, identifier: port, quoted: Quoted::None }),
            _ => Transport::Other,
        };
        IpPacket { domain: Domain::NONE, addresses, protocol, transport, fragment: None }
    })
}

/// Packets of few connections that open, end, expire and go only half the way all the time, between two IPv4 hosts, now and
/// then a third: in one shard, so that most have been asked about before, or differ in one thing from those.
fn crowd() -> impl Strategy<Value = Vec<Vec<Layer>>> {
    let hosts = vec![(0, 1), (1, 2), (1, 2), (1, 2), (0, 2), (1, 4), (2, 4), (0, 3), (4, 5)];
    let hosts = prop::sample::select(hosts).prop_map(|(a, b)| {
        let (a, b) = (host(false, a), host(false, b));
        let [near, far] = [b, neighbour(a, b)].map(|b| AddressPair::new(a, b).unwrap());
        vec![near, near, near, near, far]
    });
    // Two of each, so that the same comes again before it expires.
    let services = prop::sample::subsequence(vec![22_u16, 53, 80, 1001], 2);
    let protocols = prop::sample::select(vec![[6_u8, 6], [17, 17], [6, 17], [1, 17], [17, 50]])
        .prop_map(|protocols| protocols.map(Protocol).to_vec());
    let packets = (hosts, services, protocols).prop_flat_map(|(hosts, services, protocols)| {
        let pause = prop_oneof![9 => Just(0_i64), 4 => 1_i64..4, 3 => 10_i64..35, 1 => Just(200)];
        let fragments = prop_oneof![5 => Just(1_u32), 2 => 2_u32..4];
        vec((pause, common(hosts, services, protocols), fragments), 1..250)
    });
    packets.prop_map(|drawn| {
        let mut now = 1_700_000_000_000_000_000;
        let frames = |(id, (pause, ip, count)): (u32, (i64, IpPacket, u32))| {
            now += pause * 1_000_000_000;
            (0..count)
                .map(move |at| vec![Layer::outer(piece(Timestamp(now + i64::from(at)), ip, id, at, count))])
        };
        (0..).zip(drawn).flat_map(frames).collect()
    })
}

/// One of the frames that a packet comes in: the whole, where there is one only.
fn piece(time: Timestamp, ip: IpPacket, id: u32, at: u32, count: u32) -> Packet {
    let fragment = Fragment { id, offset: at * 8, length: 8, more: at + 1 < count };
    let transport = if at == 0 { ip.transport } else { Transport::LaterFragment };
    let ip = IpPacket { transport, fragment: (count > 1).then_some(fragment), ..ip };
    Packet { time, length: 60 + at, content: Content::Ip(ip) }
}

fn limit() -> impl Strategy<Value = Limit> {
    prop_oneof![1 => Just(ALL), 1 => (1_usize..20, 5_u64..60)]
}

/// For reports: all connections of two hosts have to be in one group, whatever their keys look like.
fn assert_folds_by_hosts(connections: &Connections<'_>) {
    for verdict in ConnectionVerdict::ALL {
        let fold = |pairs: &mut Vec<_>, group: Group<'_>| {
            let hosts = |of: Connection| {
                let (a, b) = (of.initiator.address, of.responder.address);
                (a.min(b), a.max(b))
            };
            pairs.extend(group.map(hosts).collect::<BTreeSet<_>>());
        };
        let pairs = connections.fold_by_hosts(verdict, fold, |a, b| [a, b].concat());
        let distinct: BTreeSet<_> = pairs.iter().collect();
        assert_eq!(distinct.len(), pairs.len(), "a pair of hosts in two groups");
    }
}

fn plainly(policy: &Policy, frames: &[Vec<Layer>], limit: Limit) -> Results {
    let matcher = Linear::new(policy);
    let mut plain = Plain::new(policy, &matcher, limit);
    for layer in frames.iter().flatten() {
        plain.push(layer);
    }
    plain.finish();
    let mut tally = counts::tally(policy, &matcher, &plain);
    let too_deep = frames.iter().flatten().filter(|layer| layer.carries == Carries::TooDeep).count();
    tally.tunnels.too_deep = too_deep as u64;
    let kept = plain.kept.iter().map(|&id| (id, plain.connections[id.index()].clone())).collect();
    (plain.judged, kept, tally)
}

fn one_by_one(policy: &Policy, frames: &[Vec<Layer>], limit: Limit, held: usize) -> Results {
    let matcher = Linear::new(policy);
    let mut replay = Replay::new(policy, &matcher).keeping_within(limit);
    let (mut order, mut judged) = (InOrder::holding(held), vec![]);
    let mut out = |frame| order.push(frame, &mut |frame| judged.push(frame));
    for (number, frame) in (1..).zip(frames) {
        for layer in frame {
            replay.push_layer(number, layer, &mut (), &mut out);
        }
    }
    replay.finish(&mut out);
    let (connections, tally) = (listed(&replay.connections()), replay.tally());
    (judged, connections, tally)
}

/// Batches of so many packets, so many of them at once; by the compiled matcher, whose classes let outcomes be remembered.
fn in_batches(
    (policy, matcher): Made,
    frames: &[Vec<Layer>],
    limit: Limit,
    Cut { size, at_once, threads, sorted }: Cut,
    wanted: bool,
    held: usize,
) -> Results {
    let mut replay = Replay::new(policy, matcher).keeping_within(limit);
    let split = replay.split_for(threads);
    assert_eq!(split, Split::for_threads(threads));
    // Those of an odd number are sorted for others.
    let sorted_for = |number| if sorted || number % 2 == 0 { split } else { Split::for_threads(4) };
    let (mut order, mut judged) = (InOrder::holding(held), vec![]);
    let mut out = |frame| {
        order.push(frame, &mut |frame| judged.push(frame));
        std::ops::ControlFlow::Continue(())
    };
    let batches = frames.chunks(size).zip(0..);
    let batches: Vec<_> = batches.map(|(frames, number)| batch(frames, sorted_for(number))).collect();
    for epoch in batches.chunks(at_once) {
        let more = replay.push_batches(epoch, if wanted { Some(&mut out) } else { None });
        assert!(more.is_continue());
        assert_eq!(replay.split_for(threads + 1), split, "there is state already");
    }
    replay.finish(&mut |frame| {
        if wanted {
            let _ = out(frame);
        }
    });
    assert_folds_by_hosts(&replay.connections());
    let (connections, tally) = (listed(&replay.connections()), replay.tally());
    (judged, connections, tally)
}

fn batch(frames: &[Vec<Layer>], split: Split) -> Batch {
    let mut batch = Batch::new(split);
    for frame in frames {
        match (&frame[..], Compact::of(&frame[0].packet)) {
            ([Layer { carries: Carries::Nothing, .. }], Some(compact)) => batch.compact(compact),
            _ => batch.layers(frame),
        }
    }
    assert_eq!(batch.frames() as usize, frames.len());
    batch
}

/// All connections with their numbers, which they are found by.
fn listed(connections: &Connections<'_>) -> Vec<(ConnectionId, Connection)> {
    let listed: Vec<_> = connections.numbered().collect();
    assert_eq!(listed.len(), connections.len());
    let mut found = listed.iter().peekable();
    for id in (0..=connections.ever()).map(ConnectionId::new) {
        let wanted = found.next_if(|(known, _)| *known == id).map(|(_, connection)| connection);
        assert_eq!(connections.get(id).as_ref(), wanted, "number {}", id.number());
    }
    listed
}

fn check(made: Made, frames: &[Vec<Layer>], limit: Limit, cut: Cut) {
    let (policy, _) = made;
    let (judged, connections, tally) = plainly(policy, frames, limit);
    assert_eq!(judged.len(), frames.iter().flatten().count());
    let same = |found: Results, how: &str| {
        for (found, wanted) in found.0.iter().zip(&judged) {
            assert_eq!(found, wanted, "{how}");
        }
        for (found, wanted) in found.1.iter().zip(&connections) {
            assert_eq!(found, wanted, "{how}");
        }
        assert_eq!(found.1.len(), connections.len(), "{how}");
        assert_eq!(found.2, tally, "{how}");
        found.0.len()
    };
    let most = InOrder::MOST;
    assert_eq!(same(one_by_one(policy, frames, limit, most), "one by one"), judged.len());
    assert_eq!(same(in_batches(made, frames, limit, cut, true, most), "in batches"), judged.len());
    same(in_batches(made, frames, limit, cut, false, most), "in batches, counted only");
    let order = |(judged, _, _): Results| judged.iter().map(|judged| judged.sequence).collect::<Vec<_>>();
    let (one, many) = (one_by_one(policy, frames, limit, 2), in_batches(made, frames, limit, cut, true, 2));
    assert_eq!(order(one), order(many), "what comes late comes at the same place");
}

fn cut(size: Range<usize>, at_once: Range<usize>) -> impl Strategy<Value = Cut> {
    let threads = prop::sample::select(vec![1, 1, 2, 100]);
    (size, at_once, threads, prop::bool::weighted(0.9)).prop_map(|(size, at_once, threads, sorted)| Cut {
        size,
        at_once,
        threads,
        sorted,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_way_to_replay_gives_the_same(
        frames in frames(),
        state in prop::sample::select(vec!["huawei", "huawei", "linux", "stateless"]),
        midstream in prop::sample::select(vec!["assume", "pickup", "strict"]),
        dialect in prop::sample::select(vec!["ordered", "union"]),
        limit in limit(),
        cut in cut(1..80, 1..5),
    ) {
        check(made(state, midstream, dialect), &frames, limit, cut);
    }

    #[test]
    fn a_crowd_is_no_different(
        frames in crowd(),
        groups in prop::sample::select(vec![GROUPS, OPEN, HALF, DOUBT]),
        state in prop::sample::select(vec!["huawei", "linux"]),
        midstream in prop::sample::select(vec!["assume", "assume", "pickup", "strict"]),
        limit in limit(),
        cut in cut(20..300, 1..3),
    ) {
        check(made_of(groups, state, midstream, "ordered"), &frames, limit, cut);
    }
}

/// More fragments than may wait, of one pair of hosts; and as many of another, which do not count with them.
#[test]
fn the_bound_on_waiting_fragments_does_not_depend_on_batches_and_threads() {
    let made = made("huawei", "assume", "ordered");
    let pairs = [1, 2].map(|other| AddressPair::new(host(false, 0), host(false, other)).unwrap());
    let [one, other] = pairs.map(|pair| route::part_of(pair, Domain::NONE));
    assert_ne!(one, other);
    let part = |at: u32| Packet {
        time: Timestamp(1_700_000_000_000_000_000 + i64::from(at) * 1_000_000),
        length: 100,
        content: Content::Ip(IpPacket {
            domain: Domain::NONE,
            addresses: pairs[at as usize % 2],
            protocol: Protocol::UDP,
            transport: Transport::Ports { source: (at % 1000) as u16, destination: 53 },
            fragment: Some(Fragment { id: at, offset: 0, length: 8, more: true }),
        }),
    };
    let frames: Vec<_> = (0..5000).map(|at| vec![Layer::outer(part(at))]).collect();
    for threads in [1, 2, 100] {
        check(made, &frames, ALL, Cut { size: 700, at_once: 2, threads, sorted: true });
    }
}

/// The first part of a datagram that never completes opens a connection when everything is over, long after others were let go.
#[test]
fn what_the_end_opens_is_numbered_behind_all_others() {
    let packet = |at: u16, fragment| {
        vec![Layer::outer(Packet {
            time: Timestamp(1_700_000_000_000_000_000 + i64::from(at)),
            length: 60,
            content: Content::Ip(IpPacket {
                domain: Domain::NONE,
                addresses: AddressPair::new(host(false, 0), host(false, 1)).unwrap(),
                protocol: Protocol::UDP,
                transport: Transport::Ports { source: 1000 + at, destination: 53 },
                fragment,
            }),
        })]
    };
    let mut frames: Vec<_> = (0..20).map(|at| packet(at, None)).collect();
    frames.push(packet(20, Some(Fragment { id: 1, offset: 0, length: 8, more: true })));
    for threads in [1, 2] {
        let cut = Cut { size: 4, at_once: 2, threads, sorted: true };
        check(made("huawei", "strict", "ordered"), &frames, (1, 8), cut);
    }
}

/// What it is about shows only when its second part comes, in another batch, and by then its connection has gone on.
#[test]
fn an_error_in_fragments_may_wait_over_the_end_of_a_batch() {
    let made = made("huawei", "strict", "ordered");
    let addresses = AddressPair::new(host(false, 1), host(false, 2)).unwrap();
    let router = AddressPair::new(host(false, 3), host(false, 1)).unwrap();
    let packet = |at: i64, addresses, protocol, transport, fragment| {
        let ip = IpPacket { domain: Domain::NONE, addresses, protocol, transport, fragment };
        let time = Timestamp(1_700_000_000_000_000_000 + at * 1_000_000);
        vec![Layer::outer(Packet { time, length: 100, content: Content::Ip(ip) })]
    };
    let udp = Transport::Ports { source: 1000, destination: 53 };
    let quoted = Quoted::Packet { addresses, protocol: Protocol::UDP, ports: (1000, 53), message: (0, 0) };
    let error = Transport::Icmp(Icmp { kind: 3, code: 0, identifier: 0, quoted });
    let part = |offset, more| Some(Fragment { id: 9, offset, length: 8, more });
    let frames = [
        packet(0, addresses, Protocol::UDP, udp, None),
        packet(1, router, Protocol::ICMP, error, part(0, true)),
        packet(2, addresses, Protocol::UDP, udp, None),
        packet(3, router, Protocol::ICMP, Transport::LaterFragment, part(8, false)),
    ];
    for threads in [1, 2, 100] {
        check(made, &frames, ALL, Cut { size: 2, at_once: 1, threads, sorted: true });
    }
}

/// Of three connections two may stay. Nothing but an ICMP error about the first was seen since the second.
#[test]
fn a_connection_that_an_error_is_about_was_seen() {
    let (near, far) = (host(false, 1), host(false, 2));
    let packet = |second: i64, from, to, protocol, transport| {
        let addresses = AddressPair::new(from, to).unwrap();
        let ip = IpPacket { domain: Domain::NONE, addresses, protocol, transport, fragment: None };
        let time = Timestamp(1_700_000_000_000_000_000 + second * 1_000_000_000);
        vec![Layer::outer(Packet { time, length: 60, content: Content::Ip(ip) })]
    };
    let query = |second, source| {
        packet(second, near, far, Protocol::UDP, Transport::Ports { source, destination: 53 })
    };
    let quoted = Quoted::Packet {
        addresses: AddressPair::new(near, far).unwrap(),
        protocol: Protocol::UDP,
        ports: (1000, 53),
        message: (0, 0),
    };
    let error = Transport::Icmp(Icmp { kind: 3, code: 3, identifier: 0, quoted });
    let frames = [
        query(0, 1000),
        query(1, 1001),
        packet(2, far, near, Protocol::ICMP, error),
        query(3, 1002),
        query(4, 1002),
    ];
    let (made, limit) = (made("huawei", "strict", "ordered"), (2, 4));
    check(made, &frames, limit, Cut { size: 2, at_once: 1, threads: 1, sorted: true });
    let (_, kept, tally) = plainly(made.0, &frames, limit);
    let ports: Vec<_> = kept.iter().map(|(_, connection)| connection.initiator.port).collect();
    assert_eq!((ports, tally.kept.let_go), (vec![1000, 1002], 1));
}

/// First packets of connections that never come back: to a host behind a group, to it from outside, and between strangers.
fn flood(packets: u32) -> Vec<Vec<Layer>> {
    let packet = |at: u32| {
        let source = std::net::Ipv4Addr::from_bits(0x0b00_0000 + at);
        let target = if at.is_multiple_of(3) { host(false, 3) } else { host(false, 1) };
        let flags = TcpFlags(if at.is_multiple_of(5) { 0x10 } else { 0x02 });
        let (source_port, destination) = ((at & 0xffff) as u16, [22, 23, 80][at as usize % 3]);
        let transport = Transport::Tcp { source: source_port, destination, flags };
        let content = Content::Ip(IpPacket {
            domain: Domain::NONE,
            addresses: AddressPair::new(source.into(), target).unwrap(),
            protocol: Protocol::TCP,
            transport,
            fragment: None,
        });
        let time = Timestamp(1_700_000_000_000_000_000 + i64::from(at) * 1000);
        vec![Layer::outer(Packet { time, length: 60, content })]
    };
    (0..packets).map(packet).collect()
}

#[test]
fn a_flood_is_counted_in_bounded_memory() {
    let ((policy, matcher), frames) = (made("huawei", "assume", "union"), flood(20_000));
    let mut all = Replay::new(policy, matcher);
    let mut bounded = Replay::new(policy, matcher).keeping(1000);
    for frames in frames.chunks(300) {
        let batches = [batch(frames, all.split())];
        assert!(all.push_batches(&batches, None).is_continue());
        assert!(bounded.push_batches(&batches, None).is_continue());
        assert!(bounded.connections().len() <= 1000 + 256, "{}", bounded.connections().len());
        let held: usize = bounded.shards.iter().map(crate::replay::shard::Shard::len).sum();
        assert_eq!(held, bounded.connections().len());
    }
    let (mut tally, mut wanted) = (bounded.tally(), all.tally());
    assert_eq!(tally.kept.let_go, 20_000 - bounded.connections().len() as u64);
    assert!(tally.outside.len() <= 1000 + 256 + 1000);
    // Pairs of strangers are bounded too: those that are told of are told right.
    assert_eq!(tally.kept.pairs_let_go + tally.outside.len() as u64, wanted.outside.len() as u64);
    assert!(tally.kept.pairs_let_go > 0);
    let known: BTreeSet<_> = wanted.outside.iter().map(|pair| format!("{pair:?}")).collect();
    assert!(tally.outside.iter().all(|pair| known.contains(&format!("{pair:?}"))));
    (tally.outside, wanted.outside) = (vec![], vec![]);
    (tally.kept, wanted.kept) = Default::default();
    assert_eq!(tally, wanted);
    let (last, first) = (bounded.connections(), all.connections());
    for (id, connection) in last.numbered() {
        assert_eq!(first.get(id).as_ref(), Some(&connection));
    }
}
