//! One step: the state of an interface, then the rules of the groups bound to it.

use crate::compile::{Matcher, Ruling};
use crate::packet::{Header, IcmpRole, IpPacket, Protocol, Quoted, Service, TcpFlags, Timestamp, Transport};
use crate::policy::{Direction, InterfaceId, Midstream, Policy, RuleId, Timeouts};

use super::index;
use super::state::{Side, Tracked};
use super::verdict::{Reason, StepVerdict, Steps};

/// The state of one connection at one interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) tracked: Tracked,
    /// The rule that let it open.
    pub(super) rule: Option<RuleId>,
}

/// Where a step is taken, and who is the far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepAt {
    /// The interface.
    pub interface: InterfaceId,
    /// The direction.
    pub direction: Direction,
    /// The far side.
    pub remote: std::net::IpAddr,
}

impl StepAt {
    /// The step out of the interface that owns the packet's source.
    pub const fn egress(interface: InterfaceId, ip: &IpPacket) -> Self {
        Self { interface, direction: Direction::Egress, remote: ip.addresses.destination() }
    }

    /// The step into the interface that owns the packet's destination.
    pub const fn ingress(interface: InterfaceId, ip: &IpPacket) -> Self {
        Self { interface, direction: Direction::Ingress, remote: ip.addresses.source() }
    }
}

/// Watches the evaluator at work. Every method does nothing unless it is overridden.
pub trait Observer {
    /// Whether it wants to see every step. To nobody only the outcome matters: there are shorter ways to that.
    fn watches(&self) -> bool {
        true
    }
    /// The state table of the interface was asked; `None`: no live entry.
    fn state(&mut self, _at: StepAt, _found: Option<&Tracked>) {}
    /// The packet is an ICMP error; tells whether the connection it quotes is tracked at the interface.
    fn quoted(&mut self, _at: StepAt, _tracked: bool) {}
    /// The rules were asked about this header, and this one decided; `None`: none matched.
    fn rules(&mut self, _at: StepAt, _header: &Header, _decided: Option<RuleId>) {}
    /// The rules would drop the packet; those of the other direction were asked whether they would have allowed its
    /// connection opened from the other side.
    fn assumption(&mut self, _at: StepAt, _header: &Header, _decided: Option<RuleId>) {}
}

/// Nobody watches.
impl Observer for () {
    fn watches(&self) -> bool {
        false
    }
}

/// What is the same for all steps of one packet.
pub(super) struct Step<'a, M> {
    pub policy: &'a Policy,
    pub matcher: &'a M,
    pub ip: &'a IpPacket,
    pub service: Service,
    /// The endpoint of the connection key that sent the packet.
    pub side: Side,
    pub now: Timestamp,
    /// When the capture began.
    pub start: Timestamp,
    /// For an ICMP error about a known connection: the interfaces where that is tracked.
    pub quoted: Option<[Option<InterfaceId>; 2]>,
    /// Where the packet of the tunnel around it was dropped.
    pub tunnel: Option<StepVerdict>,
}

impl<M: Matcher> Step<'_, M> {
    /// All steps of the packet: out of the interface that owns its source, then, unless that stopped it, into the one
    /// that owns its destination. Places are the sender's and the receiver's, by side.
    pub(super) fn take(
        &self,
        (from, to): (Option<InterfaceId>, Option<InterfaceId>),
        places: &mut [Option<Place>; 2],
        observer: &mut impl Observer,
    ) -> Steps {
        let mut steps = Steps::default();
        if let Some(interface) = from {
            let place = &mut places[index(self.side)];
            steps.egress = Some(self.judge(StepAt::egress(interface, self.ip), place, observer));
        }
        // It has left the source, wrapped: what became of the wrapping became of it.
        steps.tunnel = self.tunnel.filter(|_| steps.stopped().is_none());
        if let (Some(interface), None) = (to, steps.stopped()) {
            let place = &mut places[index(self.side.other())];
            steps.ingress = Some(self.judge(StepAt::ingress(interface, self.ip), place, observer));
        }
        steps
    }

    /// "Order of a step: tracked reply or continuation, then ICMP error about a tracked connection, then the rules,
    /// then default drop."
    pub(super) fn judge(
        &self,
        at: StepAt,
        place: &mut Option<Place>,
        observer: &mut impl Observer,
    ) -> StepVerdict {
        let StepAt { interface, direction, remote } = at;
        let verdict = |reason, rule, opened_by| StepVerdict { interface, direction, reason, rule, opened_by };
        let timeouts = self.policy.state.timeouts.as_ref();
        if let Some(timeouts) = timeouts {
            let gone = |place: &Place| {
                place.tracked.is_expired(self.ip.protocol, timeouts, self.now)
                    || place.tracked.is_reopened_by(self.ip.transport)
            };
            if place.as_ref().is_some_and(gone) {
                *place = None;
            }
            observer.state(at, place.as_ref().map(|place| &place.tracked));
            if let Some(place) = place {
                place.tracked.advance(self.ip.transport, self.side, self.now);
                return verdict(Reason::Established, None, place.rule);
            }
            if self.is_icmp_error() {
                let related = self.quoted.is_some_and(|interfaces| interfaces.contains(&Some(interface)));
                observer.quoted(at, related);
                if related {
                    return verdict(Reason::Related, None, None);
                }
            }
            if self.policy.midstream == Midstream::Strict
                && self.tcp_flags().is_some_and(|f| !f.is_lone_syn())
            {
                return verdict(Reason::Invalid, None, None);
            }
        }
        let header = Header { remote, service: self.service };
        let ruling = self.matcher.rule_on(self.policy, interface, direction, &header);
        let rule = ruling.rule();
        observer.rules(at, &header, rule);
        if ruling.allows(self.policy) {
            if timeouts.is_some() && self.opens() {
                *place = Some(Place {
                    tracked: Tracked::open(self.ip.transport, self.side, self.side, self.now),
                    rule,
                });
            }
            return verdict(Reason::Rule, rule, None);
        }
        if let Some(reversed) = timeouts.and_then(|timeouts| self.reversed_service(timeouts)) {
            let header = Header { remote, service: reversed };
            let reverse = self.matcher.rule_on(self.policy, interface, direction.reversed(), &header);
            let opened_by = reverse.rule();
            observer.assumption(at, &header, opened_by);
            if let Ruling::Doubtful(rule, doubt) = reverse {
                return verdict(doubt.into(), Some(rule), None);
            }
            if reverse.allows(self.policy) {
                let opener = self.side.other();
                *place = Some(Place {
                    tracked: Tracked::open(self.ip.transport, opener, self.side, self.now),
                    rule: opened_by,
                });
                return verdict(Reason::AssumedEstablished, None, opened_by);
            }
        }
        if timeouts.is_some() && self.quotation_was_cut() {
            // It may be related: the capture does not tell.
            return verdict(Reason::Truncated, None, None);
        }
        match ruling {
            Ruling::Doubtful(_, doubt) => verdict(doubt.into(), rule, None),
            Ruling::Certain(Some(_)) => verdict(Reason::DenyRule, rule, None),
            Ruling::Certain(None) => verdict(Reason::NoRule, None, None),
        }
    }

    const fn tcp_flags(&self) -> Option<TcpFlags> {
        match self.ip.transport {
            Transport::Tcp { flags, .. } => Some(flags),
            _ => None,
        }
    }

    const fn icmp_role(&self) -> Option<IcmpRole> {
        match self.ip.transport {
            Transport::Icmp(icmp) => Some(icmp.role(self.ip.addresses.family())),
            _ => None,
        }
    }

    fn is_icmp_error(&self) -> bool {
        self.icmp_role() == Some(IcmpRole::Error)
    }

    fn quotation_was_cut(&self) -> bool {
        self.is_icmp_error()
            && matches!(self.ip.transport, Transport::Icmp(icmp) if icmp.quoted == Quoted::Truncated)
    }

    /// "Opening: an allowed packet makes state at that step: TCP by a SYN without ACK (or by mid-stream pickup);
    /// every other protocol by any packet." An ICMP message that neither asks nor answers has no identifier to be
    /// tracked by and opens nothing.
    fn opens(&self) -> bool {
        match (self.tcp_flags(), self.icmp_role()) {
            (Some(flags), _) => {
                flags.is_lone_syn() || (self.policy.midstream != Midstream::Strict && flags.is_plain_ack())
            }
            (None, Some(role)) => matches!(role, IcmpRole::Request { .. } | IcmpRole::Reply { .. }),
            (None, None) => true,
        }
    }

    /// The service that the connection would have asked for had the far side opened it, when this packet may belong to
    /// such a connection: mode `assume`; TCP but no lone SYN, or anything else within its (one way) timeout after the
    /// start of the capture. An ICMP request belongs to no connection of the far side, a reply to its request's.
    fn reversed_service(&self, timeouts: &Timeouts) -> Option<Service> {
        if self.policy.midstream != Midstream::Assume {
            return None;
        }
        if !may_be_older(self.ip.protocol, timeouts, self.start, self.now) {
            return None;
        }
        match self.ip.transport {
            Transport::Tcp { flags, .. } if flags.is_lone_syn() => None,
            Transport::Tcp { source, .. } | Transport::Ports { source, .. } => {
                Some(Service::Port(self.ip.protocol, source))
            }
            Transport::Icmp(icmp) => {
                let family = self.ip.addresses.family();
                match icmp.role(family) {
                    IcmpRole::Reply { request } => Some(Service::Icmp { family, kind: request, code: 0 }),
                    _ => None,
                }
            }
            Transport::Other => Some(self.service),
            Transport::LaterFragment | Transport::Truncated | Transport::Malformed => None,
        }
    }
}

/// Whether a packet of this protocol may belong to a connection that was open before the capture began: of TCP any, of
/// another protocol what comes within its (one way) timeout after the start.
pub(super) fn may_be_older(
    protocol: Protocol,
    timeouts: &Timeouts,
    start: Timestamp,
    now: Timestamp,
) -> bool {
    let timeout = match protocol {
        Protocol::TCP => return true,
        Protocol::UDP => timeouts.udp_single,
        Protocol::ICMP | Protocol::ICMPV6 => timeouts.icmp,
        _ => timeouts.other_single,
    };
    let elapsed = i128::from(now.0) - i128::from(start.0);
    elapsed < 0 || elapsed.unsigned_abs() < timeout.as_nanos()
}
