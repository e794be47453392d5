//! Connections folded to who asks whom for what, with what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::compile::Compiled;
use crate::packet::{AddressPair, Family, Flow, Service};
use crate::policy::{Direction, InterfaceId, Policy};
use crate::replay::{Connection, ConnectionVerdict, FirstPackets, Reason, Volume};

/// One end of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// The interface whose own address it is.
    Interface(InterfaceId),
    /// An address.
    Address(IpAddr),
}

/// What came of connections, and what decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Came {
    pub(super) family: Family,
    pub(super) verdict: ConnectionVerdict,
    pub(super) reason: Reason,
    pub(super) direction: Direction,
    /// The name of the rule.
    pub(super) rule: Option<String>,
}

/// Everyone of `from` asked everyone of `to` for each of the services, with the same outcome.
#[derive(Debug, Clone)]
pub(super) struct Folded {
    pub(super) from: BTreeSet<Peer>,
    pub(super) to: BTreeSet<Peer>,
    pub(super) services: BTreeSet<Service>,
    pub(super) came: Came,
    pub(super) connections: u64,
    pub(super) volume: Volume,
}

/// Folds connections. Left out, with their number by reason, is what a first packet on its own would not show: what was let
/// through by assumption or could not be judged, and what met no group.
pub(super) fn fold(
    policy: &Policy,
    connections: impl Iterator<Item = Connection>,
    replace: &impl Fn(IpAddr) -> IpAddr,
) -> (Vec<Folded>, BTreeMap<&'static str, u64>) {
    let matcher = Compiled::new(policy);
    let judge = FirstPackets::new(policy, &matcher);
    let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut pairs: BTreeMap<(Peer, Peer, Came), Folded> = BTreeMap::new();
    for connection in connections {
        let Some(came) = came(policy, &judge, &connection) else {
            let why = match connection.verdict() {
                ConnectionVerdict::Allowed | ConnectionVerdict::Blocked => "judged otherwise on their own",
                ConnectionVerdict::Assumed => "allowed by assumption",
                ConnectionVerdict::Undecided => "not decided",
                ConnectionVerdict::Outside => "that met no group",
            };
            *left_out.entry(why).or_default() += 1;
            continue;
        };
        let peer = |address| match policy.owners.of(address) {
            // Its name stands for this address alone, as far as the family goes.
            Some(id) if own(policy, id, came.family).eq([address]) => Peer::Interface(id),
            _ => Peer::Address(replace(address)),
        };
        let (from, to) = (peer(connection.initiator.address), peer(connection.responder.address));
        let folded = pairs.entry((from, to, came.clone())).or_insert_with(|| Folded {
            from: BTreeSet::from([from]),
            to: BTreeSet::from([to]),
            services: BTreeSet::new(),
            came,
            connections: 0,
            volume: Volume::default(),
        });
        folded.services.insert(connection.service());
        folded.connections += 1;
        folded.volume += connection.volume();
    }
    let by_from = merge(pairs.into_values(), |one| (one.to.clone(), one.services.clone(), one.came.clone()));
    let mut all =
        merge(by_from.into_iter(), |one| (one.from.clone(), one.services.clone(), one.came.clone()));
    all.sort_by(|a, b| {
        (a.came.verdict, &a.to, &a.services, &a.from).cmp(&(b.came.verdict, &b.to, &b.services, &b.from))
    });
    (all, left_out)
}

/// Puts together what has the same key.
fn merge<K: Ord>(all: impl Iterator<Item = Folded>, key: impl Fn(&Folded) -> K) -> Vec<Folded> {
    let mut merged: BTreeMap<K, Folded> = BTreeMap::new();
    for one in all {
        match merged.get_mut(&key(&one)) {
            Some(known) => {
                known.from.extend(one.from);
                known.to.extend(one.to);
                known.connections += one.connections;
                known.volume += one.volume;
            }
            None => {
                merged.insert(key(&one), one);
            }
        }
    }
    merged.into_values().collect()
}

/// The addresses of an interface that are of this family.
pub(super) fn own(policy: &Policy, id: InterfaceId, family: Family) -> impl Iterator<Item = IpAddr> {
    policy.interface(id).addresses.iter().copied().filter(move |&address| Family::of(address) == family)
}

/// What becomes of the connection's first packet on its own, if that is what became of the connection.
fn came(policy: &Policy, judge: &FirstPackets<'_, Compiled<'_>>, connection: &Connection) -> Option<Came> {
    let pair = AddressPair::new(connection.initiator.address, connection.responder.address)?;
    let judgement = judge.judge(&Flow::new(pair, connection.service())?.ip(), &mut ());
    let verdict = ConnectionVerdict::of(judgement.reason);
    // What lets in says more than what lets out.
    let step = judgement.steps.stopped().or_else(|| judgement.steps.iter().last())?;
    (verdict == connection.verdict()).then(|| Came {
        family: pair.family(),
        verdict,
        reason: judgement.reason,
        direction: step.direction,
        rule: step.rule.map(|id| policy.rule(id).name.clone()),
    })
}
