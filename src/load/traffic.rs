//! Packets a second of stateful replay.

use std::time::Instant;

use crate::capture::Sink;
use crate::compile::Matcher;
use crate::packet::{
    AddressPair, Content, Domain, Family, Icmp, IpPacket, Packet, Quoted, Service, TcpFlags, Timestamp,
    Transport,
};
use crate::policy::{Direction, Policy};
use crate::replay::{Batch, Replay, Split};
use crate::synth::{Headers, Mix, StepAt, distinct_steps};

use super::{SLICE, pool, rate};

/// Connections that run at the same time, and packets in a batch.
const AT_ONCE: usize = 256;
const PACKETS: u32 = 32 << 10;
/// The packets of a connection: from the initiator or not, and TCP flags.
const SCRIPT: [(bool, u8); 12] = [
    (true, 0x02),
    (false, 0x12),
    (true, 0x10),
    (true, 0x18),
    (false, 0x10),
    (false, 0x18),
    (true, 0x10),
    (true, 0x18),
    (false, 0x18),
    (true, 0x11),
    (false, 0x11),
    (true, 0x10),
];

/// A connection that a rule asks for.
struct Conversation {
    addresses: AddressPair,
    service: Service,
    client: u16,
}

impl Conversation {
    fn packet(&self, step: usize, time: i64) -> Packet {
        let (forth, flags) = SCRIPT[step];
        let addresses = if forth { self.addresses } else { self.addresses.reversed() };
        let ports = |port: u16| if forth { (self.client, port) } else { (port, self.client) };
        let transport = match self.service {
            Service::Port(crate::packet::Protocol::TCP, port) => {
                let (source, destination) = ports(port);
                Transport::Tcp { source, destination, flags: TcpFlags(flags) }
            }
            Service::Port(_, port) => {
                let (source, destination) = ports(port);
                Transport::Ports { source, destination }
            }
            Service::Icmp { kind, code, .. } => {
                let kind = match (kind, forth) {
                    (8, false) => 0,
                    (128, false) => 129,
                    (kind, _) => kind,
                };
                Transport::Icmp(Icmp { kind, code, identifier: self.client, quoted: Quoted::None })
            }
            Service::Other(_) => Transport::Other,
        };
        let ip = IpPacket {
            domain: Domain::NONE,
            addresses,
            protocol: self.service.protocol(),
            transport,
            fragment: None,
        };
        Packet { time: Timestamp(time), length: if step > 2 { 300 } else { 66 }, content: Content::Ip(ip) }
    }
}

/// Connections for which the rules of all steps ask, interleaved, in batches.
pub(super) fn batches(policy: &Policy, seed: u64, packets: u32) -> Vec<Batch> {
    let steps = distinct_steps(policy);
    let mut sources: Vec<(StepAt, Headers<'_>)> =
        steps.iter().map(|&step| (step, Headers::new(policy, step, Mix::Inside, seed))).collect();
    let mut running: Vec<Option<(Conversation, usize)>> = vec![];
    let (mut batches, mut batch, mut made, mut begun) = (vec![], Batch::default(), 0, 0_usize);
    let mut missed = 0;
    while made < packets && !sources.is_empty() && missed < 100_000 {
        for place in 0..AT_ONCE {
            if running.len() <= place {
                running.push(None);
            }
            if running[place].is_none() {
                let count = sources.len();
                running[place] = next(policy, &mut sources[begun % count], begun).map(|new| (new, 0));
                begun += 1;
            }
            let Some((conversation, step)) = &mut running[place] else {
                missed += 1;
                continue;
            };
            batch.packet(conversation.packet(*step, i64::from(made) * 2_000));
            made += 1;
            *step += 1;
            if *step == SCRIPT.len() {
                running[place] = None;
            }
            if batch.len() >= PACKETS {
                batches.push(std::mem::take(&mut batch));
            }
        }
    }
    batches.push(batch);
    batches
}

fn next(policy: &Policy, (step, headers): &mut (StepAt, Headers<'_>), number: usize) -> Option<Conversation> {
    let (interface, direction) = *step;
    let header = headers.next()?;
    let own = policy.interface(interface).addresses.iter().copied();
    let local = own.into_iter().find(|&own| Family::of(own) == Family::of(header.remote))?;
    let addresses = match direction {
        Direction::Ingress => AddressPair::new(header.remote, local),
        Direction::Egress => AddressPair::new(local, header.remote),
    };
    let client = u16::try_from(1024 + number % 64_000).unwrap_or(1024);
    Some(Conversation { addresses: addresses?, service: header.service, client })
}

/// Packets a second: whole replays from the beginning, as many as there is time for.
pub(super) fn time<M: Matcher>(
    policy: &Policy,
    matcher: &M,
    batches: &[Batch],
    threads: usize,
) -> (u64, f64) {
    let Some(pool) = pool(threads) else { return (0, 0.0) };
    let batches: Vec<_> = batches.iter().map(|batch| batch.sorted_for(Split::for_threads(threads))).collect();
    pool.install(|| {
        let (mut count, mut spent) = (0, std::time::Duration::ZERO);
        loop {
            let mut replay = Replay::new(policy, matcher);
            replay.split_for(threads);
            for batch in &batches {
                let start = Instant::now();
                // Nobody takes the frames, so nobody can have enough of them.
                let _ = replay.push_batches(std::slice::from_ref(batch), None);
                spent += start.elapsed();
                count += u64::from(batch.len());
                if spent > 20 * SLICE {
                    return (count, rate(count, spent));
                }
            }
            if spent > SLICE || count == 0 {
                return (count, rate(count, spent));
            }
        }
    })
}
