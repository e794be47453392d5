//! A shard lets go of connections.

use crate::policy::Policy;
use crate::replay::Tally;
use crate::replay::context::Outer;

use super::index::NONE;
use super::record::Age;
use super::view::Pair;
use super::{Local, Shard, WIDE};

/// What a shard has let go.
#[derive(Debug)]
pub(in crate::replay) struct Gone {
    /// What was counted of it, but for pairs of hosts that met no group.
    pub tally: Tally,
    pub outside: Vec<Pair>,
    /// Where the connections of each table are now.
    places: [Vec<u32>; 2],
}

impl Gone {
    /// Where a connection is now, if it is still there.
    pub(in crate::replay) fn moved(&self, Local(bits): Local) -> Option<Local> {
        let table = bits & WIDE;
        let at = self.places[usize::from(table != 0)][(bits & !WIDE) as usize];
        (at != NONE).then_some(Local(at | table))
    }
}

impl Shard {
    /// The ages of all connections.
    pub(in crate::replay) fn ages(&self) -> impl Iterator<Item = Age> {
        let narrow = self.narrow.iter().map(|(at, record)| record.age(&self.narrow.extra(at)));
        narrow.chain(self.wide.iter().map(|(at, record)| record.age(&self.wide.extra(at))))
    }

    /// What names connections that carried others.
    pub(in crate::replay) fn carriers_mut(&mut self) -> impl Iterator<Item = &mut Outer> {
        let waiting = self.fragments.pieces_mut();
        let waiting = waiting.filter_map(|piece| piece.nesting.carrier.connection.as_mut());
        self.outer.values_mut().chain(waiting)
    }

    /// Lets go of all connections that are older than this one, with every one numbered and nothing left to hand out.
    pub(in crate::replay) fn let_go(&mut self, oldest_left: Age, policy: &Policy) -> Gone {
        let mut tally = Tally::new(policy);
        let outside = self.add_connections(&mut tally, policy, |age| age < oldest_left);
        let before = self.len();
        let stays = |age| age >= oldest_left;
        let places = [self.narrow.retain(stays), self.wide.retain(stays)];
        if self.inside {
            tally.tunnels.inside.connections += (before - self.len()) as u64;
        }
        let gone = Gone { tally, outside, places };
        let outer = std::mem::take(&mut self.outer).into_iter();
        self.outer = outer.filter_map(|(local, outer)| Some((gone.moved(local)?, outer))).collect();
        gone
    }
}
