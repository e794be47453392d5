//! Verdicts, and the reasons that they rest on.

use std::fmt;

use crate::policy::{Direction, Doubt, InterfaceId, RuleId};

use super::ConnectionId;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It passes every step.
    Allow,
    /// A step drops it.
    Drop,
    /// It cannot be told.
    Undecided,
    /// No group is asked.
    NotSubject,
}

impl Verdict {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Drop, Self::Undecided, Self::NotSubject];

    /// The stable code: `allow`, `drop`, `undecided`, `not-subject`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Drop => "drop",
            Self::Undecided => "undecided",
            Self::NotSubject => "not-subject",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal => $verdict:ident,)*) => {
        /// Why a packet got its verdict. Codes are stable and only ever added to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Reason {
            /// All of them, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code: `no-rule`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One sentence on what it means.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)* }
            }

            /// The verdict it stands for.
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$name => Verdict::$verdict,)* }
            }
        }
    };
}

reasons! {
    /// A rule allows it.
    Rule = "rule" => Allow,
    /// It belongs to a connection that is tracked at the interface.
    Established = "established" => Allow,
    /// It is an ICMP error about a connection that is tracked at the interface.
    Related = "related" => Allow,
    /// The rules would drop it, but would allow its connection opened from the other side before the capture began.
    AssumedEstablished = "assumed-established" => Allow,
    /// A deny rule drops it.
    DenyRule = "deny-rule" => Drop,
    /// No rule of any bound group matches it.
    NoRule = "no-rule" => Drop,
    /// It has no state and cannot open a connection, and the mid-stream mode is strict.
    Invalid = "invalid" => Drop,
    /// It is a fragment of a datagram that never completes.
    OrphanFragment = "orphan-fragment" => Undecided,
    /// The capture cut the headers that the rules need.
    Truncated = "truncated" => Undecided,
    /// Its headers contradict themselves.
    Malformed = "malformed" => Undecided,
    /// It hangs on a rule whose far side is a group or set that no input gives the addresses of.
    UnknownMembers = "unknown-members" => Undecided,
    /// It hangs on a bound group whose rules are in no input.
    UnknownRules = "unknown-rules" => Undecided,
    /// It hangs on a rule that was read from a form in which a deny rule looks like an allow rule.
    HiddenDeny = "hidden-deny" => Undecided,
    /// It hangs on a rule that belongs to no one knows which group.
    UnattachedRule = "unattached-rule" => Undecided,
    /// It hangs on a rule of which the export lost a field.
    LostField = "lost-field" => Undecided,
    /// It hangs on a rule whose priority is not known.
    UnknownPriority = "unknown-priority" => Undecided,
    /// It hangs on a rule that asks for something that is not modelled.
    NotModelled = "not-modelled" => Undecided,
    /// Neither end belongs to an interface of the scenario.
    NoGroup = "no-group" => NotSubject,
    /// Both ends belong to one interface.
    SameInterface = "same-interface" => NotSubject,
    /// It is no IP packet.
    NotIp = "not-ip" => NotSubject,
    /// ARP, neighbour discovery or a DHCP client: assumed to pass every group.
    LinkLocalControl = "link-local-control" => NotSubject,
    /// The packet of the tunnel that carries it is dropped.
    TunnelDropped = "tunnel-dropped" => Drop,
}

impl Reason {
    /// Whether the groups were asked, and their rules made the verdict or left it open.
    pub(crate) const fn is_of_rules(self) -> bool {
        matches!(self, Self::Rule | Self::DenyRule | Self::NoRule | Self::Invalid) || self.is_doubt()
    }

    /// Whether it hangs on a rule in doubt.
    pub(crate) const fn is_doubt(self) -> bool {
        matches!(
            self,
            Self::UnknownMembers
                | Self::UnknownRules
                | Self::HiddenDeny
                | Self::UnattachedRule
                | Self::LostField
                | Self::UnknownPriority
                | Self::NotModelled
        )
    }
}

impl From<Doubt> for Reason {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::UnknownMembers => Self::UnknownMembers,
            Doubt::UnknownRules => Self::UnknownRules,
            Doubt::HiddenDeny => Self::HiddenDeny,
            Doubt::Unattached => Self::UnattachedRule,
            Doubt::LostField => Self::LostField,
            Doubt::UnknownPriority => Self::UnknownPriority,
            Doubt::NotModelled => Self::NotModelled,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The outcome of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepVerdict {
    /// Where.
    pub interface: InterfaceId,
    /// Which way.
    pub direction: Direction,
    /// Why; its verdict is the step's.
    pub reason: Reason,
    /// The rule that decided this packet, when one did.
    pub rule: Option<RuleId>,
    /// For tracked traffic: the rule that let its connection open, when one did.
    pub opened_by: Option<RuleId>,
}

impl StepVerdict {
    /// The rule that the outcome is owed to: the one that decided, or that let the connection open.
    pub fn credited(&self) -> Option<RuleId> {
        // What stopped a tunnel's packet is counted with that packet.
        let own = !matches!(self.reason, Reason::TunnelDropped);
        self.rule.or(self.opened_by).filter(|_| own)
    }

    /// The rule that decided: of an undecided packet none did, though the outcome hangs on one.
    pub fn decided_by(&self) -> Option<RuleId> {
        self.credited().filter(|_| self.reason.verdict() != Verdict::Undecided)
    }

    /// The same step for what is inside of a packet that it stopped.
    pub(super) const fn of_tunnel(self) -> Self {
        Self { reason: Reason::TunnelDropped, opened_by: None, ..self }
    }
}

/// The steps a packet went through: the egress step of its source, then the ingress step of its destination; and between
/// them, for the inside of a tunnel, the step that stopped the packet around it.
///
/// A step is absent when that end is outside, or when the packet never got there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steps {
    /// Out of the interface that owns the source.
    pub egress: Option<StepVerdict>,
    /// Where the packet that carries it was dropped; with the rule that did it.
    pub tunnel: Option<StepVerdict>,
    /// Into the interface that owns the destination.
    pub ingress: Option<StepVerdict>,
}

impl Steps {
    /// The steps in the order taken.
    pub fn iter(&self) -> impl Iterator<Item = &StepVerdict> {
        self.egress.iter().chain(&self.tunnel).chain(&self.ingress)
    }

    /// The steps of the packet itself, without that of the one which carries it.
    pub fn own(&self) -> impl Iterator<Item = &StepVerdict> {
        self.egress.iter().chain(&self.ingress)
    }

    /// The step that did not let the packet pass.
    pub fn stopped(&self) -> Option<&StepVerdict> {
        self.iter().find(|step| step.reason.verdict() != Verdict::Allow)
    }

    /// The reason of the whole: that of the step that stopped it, else the least certain of those that let it
    /// pass: an assumption, then a rule, then related, then established.
    pub(super) fn reason(&self) -> Option<Reason> {
        if let Some(step) = self.stopped() {
            return Some(step.reason);
        }
        let order = [Reason::AssumedEstablished, Reason::Rule, Reason::Related, Reason::Established];
        order.into_iter().find(|&reason| self.iter().any(|step| step.reason == reason))
    }
}

/// The outcome of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Why; its verdict is the packet's.
    pub reason: Reason,
    /// The steps it went through; none when no group was asked or the packet could not be read.
    pub steps: Steps,
    /// The connection it belongs to.
    pub connection: Option<ConnectionId>,
}

impl Judgement {
    /// Of what never came to a step of its own: dropped with the packet around it, else for this reason.
    pub(super) const fn bare_within(stopped: Option<StepVerdict>, reason: Reason) -> Self {
        let reason = if stopped.is_some() { Reason::TunnelDropped } else { reason };
        Self { reason, steps: Steps { egress: None, tunnel: stopped, ingress: None }, connection: None }
    }

    /// What becomes of the packet.
    pub const fn verdict(&self) -> Verdict {
        self.reason.verdict()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list of semantics.md, "Verdicts and reasons".
    #[test]
    fn reasons_stand_for_the_verdicts_of_semantics() {
        let of = |verdict| -> Vec<_> {
            Reason::ALL.iter().filter(|r| r.verdict() == verdict).map(|r| r.code()).collect()
        };
        assert_eq!(of(Verdict::Allow), ["rule", "established", "related", "assumed-established"]);
        assert_eq!(of(Verdict::Drop), ["deny-rule", "no-rule", "invalid", "tunnel-dropped"]);
        let captured = ["orphan-fragment", "truncated", "malformed"];
        let doubts = [
            "unknown-members",
            "unknown-rules",
            "hidden-deny",
            "unattached-rule",
            "lost-field",
            "unknown-priority",
            "not-modelled",
        ];
        assert_eq!(of(Verdict::Undecided), [&captured[..], &doubts].concat());
        assert_eq!(Doubt::ALL.map(|doubt| Reason::from(doubt).code()), Doubt::ALL.map(Doubt::code));
        let doubts = Reason::ALL.iter().copied().filter(|reason| reason.is_doubt());
        assert!(doubts.eq(Doubt::ALL.map(Reason::from)));
        assert_eq!(of(Verdict::NotSubject), ["no-group", "same-interface", "not-ip", "link-local-control"]);
        assert_eq!(Reason::NoRule.about(), "No rule of any bound group matches it.");
    }
}
