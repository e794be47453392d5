//! State that runs out: connections brought to every phase, and asked after shortly before and shortly after their time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use sgsim::compile::Linear;
use sgsim::policy::Scenario as Product;

use super::compare::{Comparison, Totals};
use super::lab::Lab;
use super::packet::{ACK, Body, FIN, Packet, RST, SYN};
use super::scenario::Scenario;

/// Seconds, few so that nobody waits; phases that follow each other differ. The kernel counts in whole seconds.
const TIMEOUTS: &[(&str, u32)] = &[
    ("tcp-syn-sent", 1),
    ("tcp-syn-received", 2),
    ("tcp-established", 4),
    ("tcp-fin-wait", 3),
    ("tcp-close-wait", 2),
    ("tcp-last-ack", 1),
    ("tcp-time-wait", 3),
    ("tcp-closed", 1),
    ("udp-single", 3),
    ("udp-stream", 5),
    ("icmp", 2),
    ("other-single", 1),
    ("other-stream", 3),
];
/// How near to the end a connection is asked after.
const NEAR: Duration = Duration::from_millis(300);

/// How a connection comes to where it waits: when (milliseconds), whether the opener speaks, flags where it is TCP.
type Script = &'static [(u64, bool, u8)];

const HANDSHAKE: [(u64, bool, u8); 3] = [(0, true, SYN), (0, false, SYN | ACK), (0, true, ACK)];
const TCP: &[(&str, Script)] = &[
    ("tcp-syn-sent", &[(0, true, SYN)]),
    ("tcp-syn-received", &[(0, true, SYN), (0, false, SYN | ACK)]),
    ("tcp-established", &HANDSHAKE),
    ("tcp-fin-wait", &[HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2], (0, true, FIN | ACK)]),
    ("tcp-close-wait", &[HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2], (0, false, FIN | ACK), (0, true, ACK)]),
    (
        "tcp-last-ack",
        &[
            HANDSHAKE[0],
            HANDSHAKE[1],
            HANDSHAKE[2],
            (0, true, FIN | ACK),
            (0, false, ACK),
            (0, false, FIN | ACK),
        ],
    ),
    (
        "tcp-time-wait",
        &[
            HANDSHAKE[0],
            HANDSHAKE[1],
            HANDSHAKE[2],
            (0, true, FIN | ACK),
            (0, false, FIN | ACK),
            (0, true, ACK),
        ],
    ),
    ("tcp-closed", &[HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2], (0, false, RST | ACK)]),
    // A packet renews the time.
    ("tcp-established", &[HANDSHAKE[0], HANDSHAKE[1], HANDSHAKE[2], (1500, false, ACK)]),
];
/// What is no TCP: Linux takes UDP for a stream when it still speaks after two seconds, and the others with the packet after
/// the first answer. Until then the two differ, and are not asked.
const UDP: &[(&str, Script)] =
    &[("udp-single", &[(0, true, 0)]), ("udp-stream", &[(0, true, 0), (0, false, 0), (2200, true, 0)])];
const ICMP: &[(&str, Script)] = &[("icmp", &[(0, true, 0)]), ("icmp", &[(0, true, 0), (0, false, 0)])];
const GRE: &[(&str, Script)] =
    &[("other-single", &[(0, true, 0)]), ("other-stream", &[(0, true, 0), (0, false, 0), (0, true, 0)])];

/// Makes the packet of a connection: ends with ports, whether the opener speaks, flags.
type Make = fn(port: u16, forwards: bool, flags: u8) -> Body;

fn ports(port: u16, forwards: bool) -> (u16, u16) {
    if forwards { (port, 80) } else { (80, port) }
}

fn tcp(port: u16, forwards: bool, flags: u8) -> Body {
    Body::Tcp { ports: ports(port, forwards), flags }
}

fn udp(port: u16, forwards: bool, _: u8) -> Body {
    Body::Datagram { protocol: 17, ports: ports(port, forwards) }
}

fn echo(identifier: u16, forwards: bool, _: u8) -> Body {
    Body::Icmp { kind: if forwards { 8 } else { 0 }, code: 0, identifier, quoted: None, quoted_bytes: 0 }
}

fn echo6(identifier: u16, forwards: bool, _: u8) -> Body {
    Body::Icmp { kind: if forwards { 128 } else { 129 }, code: 0, identifier, quoted: None, quoted_bytes: 0 }
}

fn gre(_: u16, _: bool, _: u8) -> Body {
    Body::Other(47)
}

/// When which packet is sent.
fn schedule() -> Vec<(Duration, Packet)> {
    let mut schedule = Vec::new();
    let (mut port, mut far) = (1000, 1);
    let from4: IpAddr = [10, 0, 0, 1].into();
    let kinds: [(&[(&str, Script)], Make); 5] =
        [(TCP, tcp), (UDP, udp), (ICMP, echo), (ICMP, echo6), (GRE, gre)];
    for (scripts, make) in kinds {
        for (name, script) in scripts {
            for late in [false, true] {
                // Each connection has a port of its own, and an address of its own for those without.
                port += 1;
                far += 1;
                let (from, to): (IpAddr, IpAddr) = if make as usize == echo6 as Make as usize {
                    let one = |text: &str| text.parse().unwrap_or(from4);
                    (one("fd00::1"), one("2001:db8::1"))
                } else {
                    (from4, [203, 0, 113, far].into())
                };
                let packet = |forwards: bool, flags| {
                    let (from, to) = if forwards { (from, to) } else { (to, from) };
                    Packet::new(from, to, make(port, forwards, flags))
                };
                for (at, forwards, flags) in *script {
                    schedule.push((Duration::from_millis(*at), packet(*forwards, *flags)));
                }
                let last = script.last().map_or(0, |(at, ..)| *at);
                let seconds =
                    TIMEOUTS.iter().find(|(known, _)| known == name).map_or(0, |(_, seconds)| *seconds);
                let end = Duration::from_millis(last) + Duration::from_secs(seconds.into());
                schedule.push((if late { end + NEAR } else { end.saturating_sub(NEAR) }, packet(false, ACK)));
            }
        }
    }
    // In order of time, and as written where that is the same.
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

/// Runs the schedule.
pub(crate) fn run() -> Result<(), String> {
    let lab = Lab::new().map_err(|error| error.to_string())?;
    let scenario = Scenario::with_timeouts(TIMEOUTS);
    let yaml = scenario.yaml();
    let loaded = Product::parse("generated", &yaml);
    let policy = loaded.policy().ok_or_else(|| format!("{:?}\n{yaml}", loaded.diagnostics))?;
    let matcher = Linear::new(policy);
    let mut comparison =
        Comparison::new(&lab, &scenario, policy, &matcher).map_err(|error| format!("{error}\n{yaml}"))?;
    let mut totals = Totals::default();
    let start = Instant::now();
    for (token, (at, packet)) in (1..).zip(schedule()) {
        std::thread::sleep((start + at).saturating_duration_since(Instant::now()));
        comparison.exchange(&packet, token, None, &mut totals)?;
    }
    comparison.finish()?;
    let count = |way: &str| totals.ways.get(way).copied().unwrap_or(0);
    // Half of the questions come in time, half too late.
    let asked = TCP.len() + UDP.len() + 2 * ICMP.len() + GRE.len();
    if count("invalid") + count("no-rule") != asked {
        return Err(format!("{asked} connections should have run out: {:?}", totals.ways));
    }
    Ok(())
}
