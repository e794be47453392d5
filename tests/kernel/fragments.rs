//! Datagrams in pieces: in any order, twice, with one missing, overlapping, and with other packets between them.

use super::packet::{Body, Packet, Piece};
use super::random::Random;

/// What is left to send of a datagram.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The whole.
    pub packet: Packet,
    /// Its token.
    pub token: u16,
    /// Length of the piece that begins it.
    pub first: usize,
    /// The pieces that were not sent yet, the next one last.
    pub pieces: Vec<Piece>,
}

/// Cuts a packet into pieces; `None`: it stays whole.
pub(crate) fn cut(random: &mut Random, packet: &Packet, token: u16) -> Option<Pending> {
    // Of an error the quotation, of SCTP the chunks would be cut too: those travel whole.
    if matches!(packet.body, Body::Sctp { .. } | Body::Icmp { quoted: Some(_), .. }) {
        return None;
    }
    let mut packet = packet.clone();
    packet.padding = 8 + random.below(120);
    let length = packet.payload().len();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut offset = 0;
    while offset < length {
        // Mostly room for a header in the first one.
        let most = if offset == 0 && random.percent(90) {
            24 + 8 * random.below(4)
        } else if random.percent(30) {
            8
        } else {
            8 * (1 + random.below(8))
        };
        let end = (offset + most).min(length);
        pieces.push((offset, end - offset, end < length));
        offset = end;
    }
    if pieces.len() < 2 {
        return None;
    }
    let first = pieces[0].1;
    if random.percent(60) {
        random.shuffle(&mut pieces);
    }
    let at = random.below(pieces.len());
    match random.below(10) {
        0 | 1 => pieces.insert(random.below(pieces.len() + 1), pieces[at]),
        2 => drop(pieces.remove(at)),
        3 => {
            // From the middle of a piece, or from eight bytes before, up to where it ends or eight bytes on.
            let (offset, size, _) = pieces[at];
            let begin = if random.percent(50) { offset.saturating_sub(8) } else { offset + 8 * (size / 16) };
            let end = (offset + size.next_multiple_of(8) + 8 * random.below(2)).min(length);
            if begin < end {
                pieces.insert(random.below(pieces.len() + 1), (begin, end - begin, end < length));
            }
        }
        _ => {}
    }
    pieces.reverse();
    Some(Pending { packet, token, first, pieces })
}
