//! A scenario as written: every name still a name, everything with its place.

use crate::diag::Span;
use crate::packet::{AddressRange, Family, Protocol};
use crate::policy::cce::Preset;
use crate::policy::tree::Piece;
use crate::policy::{Action, Dialect, Direction, Doubt, Midstream, Priority, StateProfile};

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) description: String,
    pub(crate) preset: Option<(&'static Preset, Span)>,
    /// A preset was named that does not exist: told already, and names that miss are no news.
    pub(crate) preset_unknown: bool,
    pub(crate) with: Vec<(Piece, Vec<Piece>)>,
    pub(crate) addresses: Vec<(Piece, Vec<Piece>)>,
    pub(crate) groups: Vec<WrittenGroup>,
    pub(crate) interfaces: Vec<WrittenInterface>,
    pub(crate) changes: Vec<(Piece, Change)>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) state: Option<StateProfile>,
    pub(crate) midstream: Option<Midstream>,
}

/// A group, or what is added to a preset's.
#[derive(Debug)]
pub(crate) struct WrittenGroup {
    pub(crate) name: Piece,
    /// The name that an export has for it, which a scenario may not be able to hold.
    pub(crate) called: Option<String>,
    pub(crate) description: String,
    pub(crate) ingress: Vec<Fields>,
    pub(crate) egress: Vec<Fields>,
    /// It comes from an export: that it is bound to nothing is no mistake.
    pub(crate) imported: bool,
}

/// An interface whose addresses were read already; `None` were mistakes.
#[derive(Debug)]
pub(crate) struct WrittenInterface {
    pub(crate) name: Piece,
    pub(crate) addresses: Vec<(AddressRange, Span)>,
    pub(crate) behind: Vec<(AddressRange, Span)>,
    pub(crate) groups: Vec<Piece>,
}

/// What `change` says about a rule, still unread: which words are right depends on the rule.
#[derive(Debug)]
pub(crate) enum Change {
    /// The rule goes.
    Remove,
    /// These fields replace the rule's; with `whole`, the fields not named too.
    Replace { fields: Box<Fields>, whole: bool },
}

/// The protocol of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtocolWord {
    All,
    One(Protocol),
}

/// The fields of a rule that were said. Ports and ICMP messages stay text until the protocol is certain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// The rule's first line.
    pub(crate) span: Span,
    /// A mistake was found and told; no more are to be guessed from what is left.
    pub(crate) broken: bool,
    /// A change left the ports or messages as they were, so the protocol is what does not fit.
    pub(crate) detail_kept: bool,
    pub(crate) action: Option<Action>,
    pub(crate) protocol: Option<(ProtocolWord, Span)>,
    pub(crate) ports: Option<Vec<Piece>>,
    pub(crate) icmp: Option<Vec<Piece>>,
    /// `from` or `to`, with its place.
    pub(crate) side: Option<(Direction, Span)>,
    pub(crate) remotes: Option<Vec<Remote>>,
    pub(crate) priority: Option<Priority>,
    pub(crate) family: Option<(Family, Span)>,
    pub(crate) id: Option<Piece>,
    pub(crate) enabled: Option<bool>,
    /// Why the rule only may be there; from exports.
    pub(crate) doubt: Option<Doubt>,
    pub(crate) description: Option<String>,
}

impl Fields {
    /// Moves every place.
    pub(crate) fn shift(&mut self, by: usize) {
        let shift = |span: &mut Span| *span = span.start + by..span.end + by;
        shift(&mut self.span);
        self.protocol.iter_mut().for_each(|(_, span)| shift(span));
        self.family.iter_mut().for_each(|(_, span)| shift(span));
        self.side.iter_mut().for_each(|(_, span)| shift(span));
        self.remotes.iter_mut().flatten().for_each(|remote| shift(&mut remote.span));
        let lists = self.ports.iter_mut().chain(&mut self.icmp).flatten();
        lists.chain(&mut self.id).for_each(|piece| piece.shift(by));
    }
}

/// One part of a rule's far side.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) kind: RemoteKind,
    pub(crate) span: Span,
}

/// What a remote word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemoteKind {
    /// `any`.
    Any,
    /// An address, CIDR or range.
    Range(AddressRange),
    /// A set or a group, whichever has the name.
    Named(String),
    /// `group NAME`.
    Group(String),
    /// `set NAME`.
    Set(String),
    /// A group by what an export knows it by.
    GroupKey(String),
    /// An address set by what an export knows it by.
    SetKey(String),
    /// A group or an address set as the console writes it: `name[identifier]`.
    Key(String),
    /// What no input gives the addresses of, in words.
    Unknown(String),
    /// A mistake that was told.
    Broken,
}
