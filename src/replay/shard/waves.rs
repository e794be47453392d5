//! Packets in waves, whose connections are looked for while others are judged.
//!
//! A lookup reads two places that are seldom in the cache: of the index, then of the record. So each wave is looked for in
//! three stages, between which the stages of other waves run: its memory comes meanwhile.

use prefetch_index::prefetch_index;

use crate::packet::Compact;
use crate::replay::state::Side;

use super::index::{NONE, Tag};
use super::record::Narrow;
use super::table::Table;

/// Packets in a wave.
const WAVE: usize = 16;
/// Waves on their way, one in each stage.
const STAGES: usize = 3;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Packets that are looked for at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wave {
    keys: [Narrow; WAVE],
    senders: [Side; WAVE],
    tags: [Tag; WAVE],
    guesses: [u32; WAVE],
    /// How many connections there were when these were guessed, and how many had taken the place of others.
    known: usize,
    replaced: u64,
}

impl Default for Wave {
    fn default() -> Self {
        Self {
            keys: [Narrow::default(); WAVE],
            senders: [Side::Low; WAVE],
            tags: [Tag::of(0); WAVE],
            guesses: [NONE; WAVE],
            known: 0,
            replaced: 0,
        }
    }
}

impl Wave {
    /// The first stage: keys, and where in the index they are looked for.
    fn ask(&mut self, table: &Table<Narrow>, packets: &[Compact]) {
        let places = self.keys.iter_mut().zip(&mut self.senders).zip(&mut self.tags);
        for (((key, sender), tag), packet) in places.zip(packets) {
            (*key, *sender) = Narrow::of(packet);
            *tag = table.ask_for_index(key);
        }
    }

    /// The second: records that may be theirs.
    fn guess(&mut self, table: &Table<Narrow>, count: usize) {
        for (guess, tag) in self.guesses.iter_mut().zip(&self.tags[..count]) {
            *guess = table.guess(*tag);
        }
        (self.known, self.replaced) = (table.len(), table.replaced());
    }

    /// The keys, the senders, and the records that may be theirs.
    #[inline]
    pub(super) fn guesses(&self) -> impl Iterator<Item = (&Narrow, &Side, &u32)> {
        let guesses = self.keys.iter().zip(&self.senders).zip(&self.guesses);
        guesses.map(|((key, sender), guess)| (key, sender, guess))
    }

    /// Whether a guess has nothing to say any more: what came since may have opened the connection, or one in the place of
    /// what was guessed.
    #[inline]
    pub(super) const fn is_stale(&self, guess: u32, table: &Table<Narrow>) -> bool {
        table.len() != self.known && (guess == NONE || table.replaced() != self.replaced)
    }
}

/// Scratch space for waves on their way.
pub(super) type Ring = [Wave; STAGES];

/// The waves of a bucket.
pub(super) struct Waves<'a> {
    packets: &'a [Compact],
    ring: &'a mut Ring,
    /// How many waves have begun each stage.
    begun: [usize; STAGES],
}

impl<'a> Waves<'a> {
    pub(super) fn of(packets: &'a [Compact], ring: &'a mut Ring) -> Self {
        let waves = Self { packets, ring, begun: [0; STAGES] };
        (0..STAGES).for_each(|wave| waves.ask_for(wave));
        waves
    }

    /// Asks for the memory of the packets of a wave.
    #[inline]
    fn ask_for(&self, wave: usize) {
        for at in (0..WAVE).step_by(LINE / size_of::<Compact>()) {
            prefetch_index(self.packets, wave * WAVE + at);
        }
    }

    /// The packets of a wave; none behind the last.
    fn packets(&self, wave: usize) -> &'a [Compact] {
        let rest = self.packets.get(wave * WAVE..).unwrap_or_default();
        &rest[..rest.len().min(WAVE)]
    }

    /// The next wave, ready to be settled; the table is that at this moment.
    pub(super) fn next(&mut self, table: &Table<Narrow>) -> Option<(&'a [Compact], &Wave)> {
        let [asked, guessed, settled] = &mut self.begun;
        let wave = *settled;
        *settled += 1;
        let (ask, guess) = (*asked..wave + STAGES, *guessed..wave + STAGES - 1);
        (*asked, *guessed) = (ask.end, guess.end);
        self.ask_for(wave + STAGES);
        for wave in ask {
            self.ring[wave % STAGES].ask(table, self.packets(wave));
        }
        for wave in guess {
            self.ring[wave % STAGES].guess(table, self.packets(wave).len());
        }
        let packets = self.packets(wave);
        (!packets.is_empty()).then(|| (packets, &self.ring[wave % STAGES]))
    }
}
