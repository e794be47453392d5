//! Where sgsim and Linux differ on purpose. Each has its place in `docs/kernel-differences.md`, and a predicate here that
//! admits this difference and nothing beside it.

use std::fmt;

use super::observe::Step;
use super::packet::{Body, INIT, Packet};
use super::ruleset::State;
use super::tcp::Taken;
use super::traffic::query_of;

use sgsim::replay::Reason;

/// A difference that is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// The opener goes on before anything came back: tracked for us, asked of the rules again by Linux, which allow it.
    Unanswered,
    /// A packet of a tracked connection whose flags do not fit its state: established for us, invalid for Linux.
    UnfitFlags,
    /// A connection that was reset before anything else came back: remembered by us, forgotten by Linux.
    Refused,
    /// A SYN on a connection that is closed: judged by the rules again by us, let pass unbelieved by Linux.
    ClosedTakesNoSyn,
    /// A SYN of the answering side on a reset connection: opens by the rules for us, is invalid for Linux.
    ResetTakesNoSyn,
    /// An ICMP reply without its request opens for us, and is invalid for Linux.
    BareReply,
    /// SCTP opens with any chunk for us and goes on with any; for Linux it follows its handshake.
    Association,
    /// An ICMP error that is sent to someone else than the sender of what it quotes: related for us, not for Linux.
    Misdirected,
    /// An ICMP redirect is judged by the rules for us, and is related to what it quotes for Linux.
    Redirect,
    /// An atomic IPv6 fragment is judged alone by us, and collides with fragments of its identification for Linux.
    AtomicFragment,
    /// A first fragment that ends inside the headers: undecided for us, put together by Linux.
    ShortFirstFragment,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unanswered => "unanswered",
            Self::UnfitFlags => "unfit-flags",
            Self::Refused => "refused",
            Self::ClosedTakesNoSyn => "closed-takes-no-syn",
            Self::ResetTakesNoSyn => "reset-takes-no-syn",
            Self::BareReply => "bare-reply",
            Self::Association => "association",
            Self::Misdirected => "misdirected",
            Self::Redirect => "redirect",
            Self::AtomicFragment => "atomic-fragment",
            Self::ShortFirstFragment => "short-first-fragment",
        })
    }
}

/// What both said of one step.
#[derive(Debug)]
pub(crate) struct Both<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// Ours.
    pub reason: Reason,
    /// The rule that decided, or that let the connection open.
    pub rule: Option<&'a str>,
    /// Whether the packet made state here.
    pub opens: bool,
    /// The kernel's.
    pub kernel: &'a Step,
    /// The kernel's deciding rule.
    pub kernel_rule: Option<&'a str>,
    /// What the outside view of the kernel's TCP says, and whether it had forgotten a reset connection.
    pub tcp: Option<(Taken, bool)>,
    /// An ICMP error about a connection that the kernel had forgotten.
    pub quotes_forgotten: bool,
    /// An SCTP chunk whose turn has not come at this interface.
    pub chunk_too_early: bool,
}

impl Difference {
    /// Whether the two have different state from here on, so that their conversation can tell nothing any more.
    pub(crate) const fn parts_ways(self) -> bool {
        !matches!(self, Self::Unanswered | Self::Misdirected | Self::Redirect | Self::ShortFirstFragment)
    }

    /// The difference that this is, if it is a listed one.
    pub(crate) fn of(both: &Both<'_>) -> Option<Self> {
        let found = [
            (Self::Unanswered, both.unanswered()),
            (Self::UnfitFlags, both.unfit_flags()),
            (Self::Refused, both.refused()),
            (Self::ClosedTakesNoSyn, both.closed_takes_no_syn()),
            (Self::ResetTakesNoSyn, both.reset_takes_no_syn()),
            (Self::BareReply, both.bare_reply()),
            (Self::Association, both.association()),
            (Self::Misdirected, both.misdirected()),
            (Self::Redirect, both.redirect()),
        ];
        found.into_iter().find(|(_, is)| *is).map(|(difference, _)| difference)
    }
}

impl Both<'_> {
    fn tracked_by_us(&self) -> bool {
        self.reason == Reason::Established
    }

    fn judged_by_us(&self) -> bool {
        matches!(self.reason, Reason::Rule | Reason::DenyRule | Reason::NoRule)
    }

    /// The same rule decides for both.
    fn same_rule(&self) -> bool {
        let way = match self.reason {
            Reason::Rule => "allow",
            Reason::DenyRule => "deny",
            Reason::NoRule => "no-rule",
            _ => return false,
        };
        self.kernel.way == way && self.rule == self.kernel_rule
    }

    fn unanswered(&self) -> bool {
        let mark = self.kernel.mark;
        let again = mark.state == State::New && mark.confirmed && !mark.reply;
        again && self.tracked_by_us() && self.kernel.way == "allow" && self.rule == self.kernel_rule
    }

    fn unfit_flags(&self) -> bool {
        self.tracked_by_us()
            && self.kernel.mark.state == State::Invalid
            && self.tcp == Some((Taken::Invalid, false))
    }

    fn refused(&self) -> bool {
        let nothing = !self.kernel.mark.confirmed && self.kernel.way != "established";
        let about = self.reason == Reason::Related && self.quotes_forgotten;
        nothing && (about || (self.tracked_by_us() && matches!(self.tcp, Some((_, true)))))
    }

    fn closed_takes_no_syn(&self) -> bool {
        let lone = matches!(self.packet.body, Body::Tcp { flags, .. } if super::tcp::is_lone_syn(flags));
        lone && self.judged_by_us() && self.kernel.mark.confirmed && self.tcp == Some((Taken::Belongs, false))
    }

    pub(crate) fn reset_takes_no_syn(&self) -> bool {
        let lone = matches!(self.packet.body, Body::Tcp { flags, .. } if super::tcp::is_lone_syn(flags));
        let unfit = self.kernel.mark.state == State::Invalid && self.tcp == Some((Taken::Invalid, false));
        lone && self.judged_by_us() && unfit && (self.same_rule() || self.kernel.way == "invalid")
    }

    fn bare_reply(&self) -> bool {
        let Body::Icmp { kind, quoted: None, .. } = self.packet.body else { return false };
        let is_reply = query_of(self.packet.v6(), kind).is_some_and(|request| request != kind);
        is_reply && self.opens && self.same_rule() && self.kernel.mark.state == State::Invalid
    }

    fn association(&self) -> bool {
        let Body::Sctp { chunk, .. } = self.packet.body else { return false };
        let from_the_middle = chunk != INIT && self.opens && self.same_rule();
        let too_early = self.tracked_by_us() && self.chunk_too_early;
        self.kernel.mark.state == State::Invalid && (from_the_middle || too_early)
    }

    fn misdirected(&self) -> bool {
        let Body::Icmp { quoted: Some(quoted), .. } = &self.packet.body else { return false };
        self.reason == Reason::Related
            && quoted.from != self.packet.to
            && self.kernel.mark.state == State::Invalid
    }

    fn redirect(&self) -> bool {
        let is_redirect =
            matches!(self.packet.body, Body::Icmp { kind: 5, quoted: Some(_), .. }) && !self.packet.v6();
        is_redirect && self.judged_by_us() && self.kernel.way == "related"
    }
}
