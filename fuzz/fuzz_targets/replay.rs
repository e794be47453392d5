//! Replay of arbitrary frames, their tunnels opened: each packet comes out exactly once, whatever is in it and whenever it
//! says it was seen; and all at once they come to the same as one by one.
//!
//! Input: a byte that picks the scenario and how many connections are kept, then frames of a link type (one byte), milliseconds since the one before
//! (two, signed), length (one) and bytes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sgsim::capture::{LinkType, TunnelPorts, decode_layers};
use sgsim::compile::Compiled;
use sgsim::packet::Timestamp;
use sgsim::policy::{Loaded, Scenario};
use sgsim::replay::{Batch, InOrder, Replay};

const RULES: &str = "
groups:
  web:
    ingress:
      - allow tcp 80,443 from any
      - allow udp 53 from 10.0.0.0/8
      - allow icmp from any
      - allow icmpv6 from any
    egress:
      - allow tcp to any
      - allow gre to 10.0.0.0/8
  db:
    ingress:
      - allow tcp 5432 from group web
interfaces:
  a: { addresses: [10.0.0.1, 'fd00::1'], groups: [web], behind: [10.1.0.0/16] }
  b: { addresses: [10.0.0.2, 'fd00::2'], groups: [db, web] }
";

static SCENARIOS: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
    [
        "midstream: assume",
        "midstream: pickup",
        "midstream: strict\nstate: linux",
        "state: stateless",
        "dialect: union\nstate: aws",
    ]
    .iter()
    .map(|options| Scenario::parse("fuzz.yaml", &format!("{options}\n{RULES}")))
    .collect()
});

fuzz_target!(|data: &[u8]| {
    let [pick, rest @ ..] = data else { return };
    let scenario = &SCENARIOS[usize::from(*pick) % SCENARIOS.len()];
    // In a quarter of the runs few connections are kept, and as that is looked at every 256 packets, the frames come again
    // and again.
    let (most, least) = if *pick < 0xc0 { (usize::MAX, 0) } else { (usize::from(pick & 15), 520) };
    let policy =
        scenario.policy().unwrap_or_else(|| panic!("{}", scenario.render(sgsim::diag::Style::Plain)));
    let matcher = Compiled::new(policy);
    let mut replay = Replay::new(policy, &matcher).keeping(most);
    let mut judged = Vec::new();
    let mut at_once = Replay::new(policy, &matcher).keeping(most);
    let threads = [1, 2, 100][usize::from(*pick >> 2) % 3];
    let (ports, mut batch) = (TunnelPorts::default(), Batch::new(at_once.split_for(threads)));
    let (mut frames, mut packets, mut now) = (0, 0, 0_i64);
    loop {
        let mut rest = rest;
        while let Some((&[link, t0, t1, length], tail)) = rest.split_first_chunk() {
            let (bytes, tail) = tail.split_at(tail.len().min(usize::from(length)));
            rest = tail;
            // Steps of up to an hour, in both directions, and now and then billions of seconds.
            let step = i64::from(i16::from_be_bytes([t0, t1]));
            let unit = if step == i64::from(i16::MAX) { i64::MAX / 40_000 } else { 110_000_000 };
            now = now.saturating_add(step * unit);
            frames += 1;
            let wire = u32::try_from(bytes.len()).unwrap_or(0);
            let layers = decode_layers(LinkType(u32::from(link)), Timestamp(now), bytes, wire, &ports);
            batch.push_layers_numbered(frames, &layers);
            for layer in &layers {
                packets += 1;
                replay.push_layer(frames, layer, &mut (), &mut |frame| judged.push(frame));
            }
        }
        if packets >= least || packets == 0 {
            break;
        }
    }
    replay.finish(&mut |frame| judged.push(frame));
    let mut seen = 0;
    let mut order = InOrder::default();
    for frame in &judged {
        order.push(*frame, &mut |frame| {
            assert_eq!(frame.sequence, seen, "in order");
            seen += 1;
        });
    }
    assert_eq!(seen, packets, "each packet comes out once");
    assert_eq!(replay.tally().frames.packets, packets, "each packet is counted once");
    let _ = at_once.push_batches(&[batch], None);
    at_once.finish(&mut |_| ());
    assert_eq!(at_once.tally(), replay.tally(), "all at once");
    assert!(at_once.connections().iter().eq(replay.connections().iter()), "all at once");
    assert!(replay.connections().iter().all(|connection| connection.volume().packets > 0));
});
