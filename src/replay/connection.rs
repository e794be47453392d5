//! What a report tells of one connection.

use std::fmt;

use crate::packet::{Domain, Protocol, Service, Timestamp};

use super::key::Endpoint;
use super::verdict::{Reason, StepVerdict, Steps, Verdict};

/// The place of a connection in the order in which all were first judged, those included that are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u32);

impl ConnectionId {
    pub(super) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The index, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number that reports show, from 1.
    pub const fn number(self) -> u64 {
        self.0 as u64 + 1
    }
}

/// Packets and their bytes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Frames.
    pub packets: u64,
    /// Bytes of those frames on the wire.
    pub bytes: u64,
}

impl Volume {
    /// One frame of so many bytes.
    pub(super) fn of(bytes: u32) -> Self {
        Self { packets: 1, bytes: bytes.into() }
    }
}

impl std::ops::AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl std::ops::Add for Volume {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionVerdict {
    /// Its opening packet passed every step.
    Allowed,
    /// Its opening packet was dropped at some step.
    Blocked,
    /// Its opening packet passed, but only on the assumption that it was open before the capture began.
    Assumed,
    /// Its opening packet could not be judged.
    Undecided,
    /// No group was asked.
    Outside,
}

impl ConnectionVerdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Allowed, Self::Blocked, Self::Assumed, Self::Undecided, Self::Outside];

    /// The verdict that the reason of the opening packet stands for.
    pub const fn of(reason: Reason) -> Self {
        match reason.verdict() {
            Verdict::Drop => Self::Blocked,
            Verdict::Undecided => Self::Undecided,
            Verdict::NotSubject => Self::Outside,
            Verdict::Allow if matches!(reason, Reason::AssumedEstablished) => Self::Assumed,
            Verdict::Allow => Self::Allowed,
        }
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
            Self::Assumed => "assumed",
            Self::Undecided => "undecided",
            Self::Outside => "outside",
        }
    }
}

impl fmt::Display for ConnectionVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// One connection of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// VLANs or tunnel it was found in.
    pub domain: Domain,
    /// Of one found in a tunnel: the connection that carried its first packet.
    pub outer: Option<ConnectionId>,
    /// Protocol.
    pub protocol: Protocol,
    /// The side that sent the packet that opened the connection.
    pub initiator: Endpoint,
    /// The other side.
    pub responder: Endpoint,
    /// The service that the first packet seen asked for.
    pub first_service: Service,
    /// Whether the initiator sent the first packet seen; else the capture began in the middle.
    pub initiator_first: bool,
    /// Time of the first packet seen.
    pub first: Timestamp,
    /// Time of the last packet seen.
    pub last: Timestamp,
    /// What the initiator sent.
    pub sent: Volume,
    /// What the responder sent.
    pub received: Volume,
    /// Packets after the opening that were dropped.
    pub later_drops: u64,
    /// Packets after the opening that could not be judged.
    pub later_undecided: u64,
    /// Why the opening packet got its verdict.
    pub reason: Reason,
    /// The steps of the opening packet.
    pub steps: Steps,
}

impl Connection {
    /// What becomes of it.
    pub const fn verdict(&self) -> ConnectionVerdict {
        ConnectionVerdict::of(self.reason)
    }

    /// The service it is for: the responder's port, the request that was asked, or the protocol.
    pub fn service(&self) -> Service {
        service(self.first_service, self.initiator_first, self.responder.port)
    }

    /// Both directions together.
    pub fn volume(&self) -> Volume {
        self.sent + self.received
    }

    /// The step that decided it: the one that stopped the opening packet, else one that let it pass on an assumption,
    /// else the last one.
    pub fn deciding_step(&self) -> Option<&StepVerdict> {
        let assumed = || self.steps.iter().find(|step| step.reason == Reason::AssumedEstablished);
        self.steps.stopped().or_else(assumed).or_else(|| self.steps.iter().last())
    }
}

/// The service that a connection is for, by what its first packet asked for.
pub(super) fn service(first: Service, initiator_first: bool, responder_port: u16) -> Service {
    match first {
        Service::Port(protocol, _) => Service::Port(protocol, responder_port),
        Service::Icmp { family, kind, code } if !initiator_first => {
            let kind = crate::packet::request_of(family, kind).unwrap_or(kind);
            Service::Icmp { family, kind, code }
        }
        service => service,
    }
}
