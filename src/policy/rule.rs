//! One rule, and what it takes to match it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::packet::{AddressSet, Family, Header, IcmpKind, PortSet, Protocol, Service};

use super::GroupId;

/// The index of a rule in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Into an interface, or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Towards the interface: the remote is the source.
    Ingress,
    /// Away from the interface: the remote is the destination.
    Egress,
}

impl Direction {
    /// Both, ingress first.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The other one.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// What a matching rule does. Deny sorts first: at one priority it goes before allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Drops the packet.
    Deny,
    /// Lets the packet pass.
    Allow,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        })
    }
}

/// 1 (first) to 100 (last), as Huawei Cloud numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// The highest priority, and the one of a rule that names none.
    pub const FIRST: Self = Self(1);

    /// The priority of this number; `None` outside 1 to 100.
    pub const fn new(number: u8) -> Option<Self> {
        if 1 <= number && number <= 100 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Where something was written: bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user named it, or `preset NAME`.
    pub file: Arc<str>,
    /// Line, from 1; 0 when there is none (a preset's table).
    pub line: usize,
    /// Bytes of the file.
    pub span: Range<usize>,
    /// The JSON pointer or Terraform address there, when the file is an export.
    pub place: Option<Arc<str>>,
}

impl fmt::Display for Origin {
    /// Writes `cluster.yaml:7`, `sg.json:12 /security_groups/0`, `preset cce/tunnel`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " {place}"))
    }
}

/// Why a rule is not known for certain: its source could not say all that decides whether it matches. Such a rule *may*
/// match what its fields say, and a verdict that hangs on it is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// The far side is a group, set or tag whose addresses no input gives.
    UnknownMembers,
    /// The group is bound, but its rules are in no input: this rule stands for whatever they are.
    UnknownRules,
    /// The form that it was read from shows a deny rule as an allow rule, and no priority.
    HiddenDeny,
    /// It belongs to a group, but its source does not say to which.
    Unattached,
    /// The source lost a field of it: `OpenStack`'s client drops an ICMP type or code of zero.
    LostField,
    /// Its source says no priority, and pages disagree on which is meant.
    UnknownPriority,
    /// It asks for something that no rule of a security group asks for here, such as a source port.
    NotModelled,
}

impl Doubt {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::UnknownMembers,
        Self::UnknownRules,
        Self::HiddenDeny,
        Self::Unattached,
        Self::LostField,
        Self::UnknownPriority,
        Self::NotModelled,
    ];

    /// The stable code, that of the verdicts' reason and of the word `maybe` in a rule: `unknown-members`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownMembers => "unknown-members",
            Self::UnknownRules => "unknown-rules",
            Self::HiddenDeny => "hidden-deny",
            Self::Unattached => "unattached-rule",
            Self::LostField => "lost-field",
            Self::UnknownPriority => "unknown-priority",
            Self::NotModelled => "not-modelled",
        }
    }
}

/// The protocol, ports and ICMP fields that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServiceMatch {
    /// Every packet.
    Any,
    /// Every packet of this protocol.
    Protocol(Protocol),
    /// These destination ports of this protocol, which has ports.
    Ports(Protocol, PortSet),
    /// These ICMP messages of this family; an empty list is none.
    Icmp(Family, Vec<IcmpKind>),
}

impl ServiceMatch {
    /// The protocol asked for; `None` is any.
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Any => None,
            Self::Protocol(protocol) | Self::Ports(protocol, _) => Some(*protocol),
            Self::Icmp(Family::V4, _) => Some(Protocol::ICMP),
            Self::Icmp(Family::V6, _) => Some(Protocol::ICMPV6),
        }
    }

    /// Whether the ports or the ICMP type and code fit; true for every service of another protocol's rule
    /// that asks for none.
    fn has_detail(&self, service: Service) -> bool {
        match (self, service) {
            (Self::Any | Self::Protocol(_), _) => true,
            (Self::Ports(_, ports), Service::Port(_, port)) => ports.contains(port),
            (Self::Icmp(_, kinds), Service::Icmp { kind, code, .. }) => {
                kinds.iter().any(|k| k.contains(kind, code))
            }
            _ => false,
        }
    }
}

impl fmt::Display for ServiceMatch {
    /// Writes what stands in a rule's line: `tcp 22,8000-8100`, `icmp echo-request`, `all`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("all"),
            Self::Protocol(protocol) => write!(f, "{protocol}"),
            Self::Ports(protocol, ports) => write!(f, "{protocol} {ports}"),
            Self::Icmp(family, kinds) => {
                write!(f, "{}", if *family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 })?;
                for (i, kind) in kinds.iter().enumerate() {
                    f.write_str(if i == 0 { " " } else { "," })?;
                    match kind.name(*family) {
                        Some(name) => f.write_str(name)?,
                        None => write!(f, "{kind}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// One rule of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Stable name: `node/ssh`, or `node/ingress/3` for the third ingress rule when none was given.
    pub name: String,
    /// The group it belongs to.
    pub group: GroupId,
    /// Which way it looks.
    pub direction: Direction,
    /// What it does.
    pub action: Action,
    /// When it is asked.
    pub priority: Priority,
    /// The ethertype; `None` stands for both families.
    pub family: Option<Family>,
    /// Protocol, ports, ICMP messages.
    pub service: ServiceMatch,
    /// The far side, resolved to addresses.
    pub remote: AddressSet,
    /// The far side as written: `office`, `group node`, `any`.
    pub remote_text: String,
    /// A disabled rule never matches.
    pub enabled: bool,
    /// Why it only may match; `None` for a rule that is known.
    pub doubt: Option<Doubt>,
    /// What it is for; empty when nothing was said.
    pub description: String,
    /// Where it was written.
    pub origin: Origin,
}

/// The fields of a rule that a packet missed; none missed is a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a field of a rule, and any of them may be missed at once.
pub struct Mismatch {
    /// The rule is switched off.
    pub disabled: bool,
    /// The packet is of the other family.
    pub family: bool,
    /// The packet is of another protocol.
    pub protocol: bool,
    /// Same protocol, but other ports, or another ICMP type or code.
    pub detail: bool,
    /// The far side is not in the remote.
    pub remote: bool,
}

impl Mismatch {
    /// Whether nothing was missed.
    pub const fn is_match(self) -> bool {
        !(self.disabled || self.family || self.protocol || self.detail || self.remote)
    }
}

impl Rule {
    /// Compares the rule with what a packet asks for at a step of the rule's direction.
    ///
    /// "A rule matches on direction, ethertype, protocol, destination port (or ICMP type and code), remote."
    /// An address set holds ranges of both families, so an IPv4 range never admits an IPv6 address.
    pub fn compare(&self, header: &Header) -> Mismatch {
        let protocol = self.service.protocol().is_some_and(|wanted| wanted != header.service.protocol());
        Mismatch {
            disabled: !self.enabled,
            family: self.family.is_some_and(|family| family != Family::of(header.remote)),
            protocol,
            detail: !protocol && !self.service.has_detail(header.service),
            remote: !self.remote.contains(header.remote),
        }
    }

    /// Whether a packet with this header matches.
    ///
    /// The same as asking [`Self::compare`], which tells of every field, where here the first that is missed is enough.
    pub fn matches(&self, header: &Header) -> bool {
        self.enabled
            && self.family.is_none_or(|family| family == Family::of(header.remote))
            && self.service.protocol().is_none_or(|wanted| wanted == header.service.protocol())
            && self.service.has_detail(header.service)
            && self.remote.contains(header.remote)
    }

    /// The rule as one line of words, without its name: `allow tcp 22 from office priority 5`.
    pub fn words(&self) -> String {
        let side = match self.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        let mut words = format!("{} {} {side} {}", self.action, self.service, self.remote_text);
        // ICMP is IPv4 and ICMPv6 is IPv6 without being told.
        let implied = matches!(self.service.protocol(), Some(Protocol::ICMP | Protocol::ICMPV6));
        if self.priority != Priority::FIRST {
            words.push_str(" priority ");
            words.push_str(&self.priority.get().to_string());
        }
        match self.family.filter(|_| !implied) {
            Some(Family::V4) => words.push_str(" ipv4"),
            Some(Family::V6) => words.push_str(" ipv6"),
            None => {}
        }
        if !self.enabled {
            words.push_str(" disabled");
        }
        if let Some(doubt) = self.doubt {
            words.push_str(" maybe ");
            words.push_str(doubt.code());
        }
        words
    }
}
