//! First packets of new connections, each on its own: no state, and nothing that may have been there before.

use crate::compile::Matcher;
use crate::packet::{IpPacket, Service, Timestamp};
use crate::policy::Policy;

use super::context::Context;
use super::step::{Observer, Step};
use super::{Judgement, Reason, Side};

/// Judges first packets: what a replay says of each when it has seen nothing else.
///
/// For questions about very many packets, most of which are never sent: it keeps nothing.
#[derive(Debug)]
pub struct FirstPackets<'p, M>(Context<'p, M>);

impl<'p, M: Matcher> FirstPackets<'p, M> {
    /// A judge by this policy; the matcher is the policy's.
    pub fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        Self(Context::new(policy, matcher))
    }

    /// The policy that it judges by.
    pub const fn policy(&self) -> &'p Policy {
        self.0.policy
    }

    /// Judges a whole packet that opens a connection.
    pub fn judge(&self, ip: &IpPacket, observer: &mut impl Observer) -> Judgement {
        let ends = match self.0.ends(ip) {
            Ok(ends) => ends,
            Err(reason) => return Judgement::bare_within(None, reason),
        };
        let Some(service) = Service::of(ip) else { return Judgement::bare_within(None, Reason::Malformed) };
        let step = Step {
            policy: self.0.policy,
            matcher: self.0.matcher,
            ip,
            service,
            // Without state it does not matter which endpoint comes first in a key.
            side: Side::Low,
            now: Timestamp(0),
            // So long ago that nothing is left of it.
            start: Timestamp(i64::MIN),
            quoted: None,
            tunnel: None,
        };
        let steps = step.take(ends, &mut [None; 2], observer);
        Judgement { reason: steps.reason().unwrap_or(Reason::NoGroup), steps, connection: None }
    }
}
