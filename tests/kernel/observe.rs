//! Sends a packet and collects what the kernel did with it.

use std::io;
use std::time::{Duration, Instant};

use super::lab::Lab;
use super::netlink::{Logged, NetfilterSocket};
use super::packet::{Packet, Piece, token_of};
use super::plan::owner;
use super::ruleset::Mark;

/// How long a report may take before it is taken to be missing.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same where none is expected: one that comes later is found before the next packet is sent.
const SILENCE: Duration = Duration::from_micros(200);

/// What the kernel said at one step.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The station.
    pub station: usize,
    /// 0 ingress, 1 egress.
    pub direction: usize,
    /// The prefix of the report: `established`, `related`, `invalid`, `allow`, `deny`, `no-rule`.
    pub way: String,
    /// The rest.
    pub mark: Mark,
}

impl Step {
    /// Whether the packet went on.
    pub(crate) fn passed(&self) -> bool {
        matches!(self.way.as_str(), "established" | "related" | "allow")
    }
}

/// What the kernel did with a packet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kernel {
    /// The steps, in order; none of a fragment that waits or was given up.
    pub steps: Vec<Step>,
    /// Whether it reached its destination.
    pub arrived: bool,
}

/// Sends and listens.
#[derive(Debug)]
pub(crate) struct Observer<'l> {
    lab: &'l Lab,
    /// The last token that may still have fragments on their way.
    arriving: Option<u16>,
}

impl<'l> Observer<'l> {
    /// Listens to this lab.
    pub(crate) const fn new(lab: &'l Lab) -> Self {
        Self { lab, arriving: None }
    }

    /// Sends a packet, or one fragment of it. `quiet`: no step is expected to be reported.
    pub(crate) fn send(
        &mut self,
        packet: &Packet,
        token: u16,
        piece: Option<Piece>,
        quiet: bool,
    ) -> io::Result<Kernel> {
        self.leftovers()?;
        let bytes = piece.map_or_else(|| packet.datagram(token), |piece| packet.fragment(token, piece));
        let (from, to) = (owner(packet.from), owner(packet.to));
        self.lab.host(from).send(&bytes, packet.to)?;
        let mut kernel = Kernel::default();
        for (place, direction) in [(from, 1), (to, 0)] {
            let Some(station) = place else { continue };
            let patience = if quiet { SILENCE } else { PATIENCE };
            let Some(logged) = wait(&self.lab.ports[station].steps, token, patience)? else {
                return Ok(kernel);
            };
            let mark = Mark::read(logged.mark)
                .ok_or_else(|| io::Error::other(format!("a mark of nobody: {logged:?}")))?;
            kernel.steps.push(Step { station, direction, way: logged.prefix, mark });
            if !kernel.steps.last().is_some_and(Step::passed) {
                return Ok(kernel);
            }
        }
        kernel.arrived =
            wait(&self.lab.host(to).arrivals, token, if quiet { SILENCE } else { PATIENCE })?.is_some();
        self.arriving = kernel.arrived.then_some(token);
        Ok(kernel)
    }

    /// Reports that nobody waited for: only further fragments of a datagram that arrived may be among them.
    pub(crate) fn leftovers(&self) -> io::Result<()> {
        let hosts = self.lab.ports.iter().map(|port| &port.host).chain([&self.lab.outside]);
        for host in hosts {
            while let Some(logged) = host.arrivals.next()? {
                let token = token_of(&logged.bytes);
                if is_ours(&logged) && (token.is_none() || token != self.arriving) {
                    return Err(io::Error::other(format!("a packet arrived that was dropped: {logged:x?}")));
                }
            }
        }
        for port in &self.lab.ports {
            while let Some(logged) = port.steps.next()? {
                if is_ours(&logged) {
                    return Err(io::Error::other(format!("a step that no packet takes: {logged:x?}")));
                }
            }
        }
        Ok(())
    }
}

/// Whether we sent it: IPv6 stacks have things to tell each other that nobody asked for, from `::` or link-local addresses.
fn is_ours(logged: &Logged) -> bool {
    match logged.bytes.as_slice() {
        [first, ..] if first >> 4 == 6 => {
            logged.bytes.get(8..10).is_some_and(|source| source != [0xfe, 0x80] && source != [0, 0])
        }
        _ => true,
    }
}

fn wait(socket: &NetfilterSocket, token: u16, patience: Duration) -> io::Result<Option<Logged>> {
    let begin = Instant::now();
    loop {
        match socket.next()? {
            Some(logged) if token_of(&logged.bytes) == Some(token) => return Ok(Some(logged)),
            Some(logged) if !is_ours(&logged) => {}
            // A later fragment of the packet before.
            Some(_) => {}
            None if begin.elapsed() >= patience => return Ok(None),
            None => std::thread::yield_now(),
        }
    }
}
