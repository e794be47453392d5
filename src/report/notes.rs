//! What a reader has to know beside the verdicts: what could not be told, what was assumed, what was left out.
//!
//! The same sentences serve the terminal and the markdown comment.

use crate::capture::{LinkType, MOST_NESTED};
use crate::replay::{ConnectionVerdict, ControlTraffic, Reason, Verdict};

use super::{CaptureSummary, Results, label};

/// Address pairs outside the scenario that are named.
const TOP_PAIRS: usize = 5;

/// A note: one sentence, and lines that belong under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// What it is about, in a word or two.
    pub topic: &'static str,
    /// The sentence. Plain text: no line breaks, no control characters.
    pub text: String,
    /// Details.
    pub lines: Vec<String>,
}

fn note(topic: &'static str, text: String) -> Note {
    Note { topic, text, lines: vec![] }
}

/// All notes, in a fixed order; those that have nothing to say are left out.
pub(super) fn all(results: &Results<'_>) -> Vec<Note> {
    let mut notes = vec![];
    notes.extend(undecided(results));
    notes.extend(later_drops(results));
    notes.extend(after_blocked(results));
    notes.extend(outside(results));
    notes.extend(not_judged(results));
    notes.extend(tunnels(results));
    notes.extend(assumptions(results));
    notes.extend(let_go(results));
    notes.extend(repeats(results));
    notes.extend(captures(results));
    notes
}

fn undecided(results: &Results<'_>) -> Option<Note> {
    let tally = results.tally;
    let count = tally.verdict(Verdict::Undecided).packets;
    let reasons = Reason::ALL.iter().filter(|reason| reason.verdict() == Verdict::Undecided);
    let lines = reasons
        .filter(|&&reason| tally.reason(reason).packets > 0)
        .map(|&reason| format!("{} {reason}: {}", tally.reason(reason).packets, reason.about()));
    let text = format!("{} could not be judged.", label::plural(count, "packet"));
    (count > 0).then_some(Note { topic: "Undecided", text, lines: lines.collect() })
}

fn later_drops(results: &Results<'_>) -> Option<Note> {
    let (packets, connections) = results.later_drops();
    let (packets_text, were) = (label::plural(packets, "packet"), if packets == 1 { "was" } else { "were" });
    let connections = label::plural(connections, "connection");
    let text = format!("{packets_text} {were} dropped inside {connections} that had been let open.");
    (packets > 0).then(|| note("Dropped later", text))
}

fn after_blocked(results: &Results<'_>) -> Option<Note> {
    let after = &results.tally.after_blocked;
    let count: u64 = after.values().map(|volume| volume.packets).sum();
    let verdicts: Vec<_> =
        after.iter().map(|(verdict, volume)| format!("{} {verdict}", volume.packets)).collect();
    let text = format!(
        "{} ({}) followed blocked openings: judged one by one and counted apart, because in a network with \
         these rules they would not exist.",
        label::plural(count, "packet"),
        verdicts.join(", ")
    );
    (count > 0).then(|| note("After a block", text))
}

fn outside(results: &Results<'_>) -> Option<Note> {
    let volume = results.tally.reason(Reason::NoGroup);
    let pairs = &results.tally.outside;
    let mut lines: Vec<_> = pairs
        .iter()
        .take(TOP_PAIRS)
        .map(|pair| {
            let (packets, connections) = (pair.count.volume.packets, pair.count.connections);
            let connections = label::plural(connections, "connection");
            format!("{} - {}: {}, {connections}", pair.low, pair.high, label::plural(packets, "packet"))
        })
        .collect();
    if pairs.len() > TOP_PAIRS {
        lines.push(format!(
            "... and {} more",
            label::plural((pairs.len() - TOP_PAIRS) as u64, "address pair")
        ));
    }
    let text = format!(
        "{} ({}) went between addresses that belong to no interface; the scenario may miss one.",
        label::plural(volume.packets, "packet"),
        label::bytes(volume.bytes)
    );
    (volume.packets > 0).then_some(Note { topic: "Outside", text, lines })
}

fn not_judged(results: &Results<'_>) -> Option<Note> {
    let reasons = [(Reason::SameInterface, "between addresses of one interface"), (Reason::NotIp, "not IP")];
    let seen = reasons.into_iter().filter_map(|(reason, words)| {
        let count = results.tally.reason(reason).packets;
        (count > 0).then(|| format!("{} {words} ({reason})", label::plural(count, "packet")))
    });
    let seen: Vec<_> = seen.collect();
    (!seen.is_empty()).then(|| note("Met no group", format!("{}.", seen.join(", "))))
}

fn tunnels(results: &Results<'_>) -> Option<Note> {
    let tally = results.tally.tunnels;
    let mut lines = vec![];
    if tally.fragments > 0 {
        let datagrams = label::plural(tally.fragments, "datagram");
        lines.push(format!("{datagrams} in fragments, of which no payload is kept"));
    }
    if tally.too_deep > 0 {
        let packets = label::plural(tally.too_deep, "packet");
        lines.push(format!("{packets} inside more tunnels than the {MOST_NESTED} that are opened"));
    }
    let text = "what these tunnels carry was not judged, only their outer headers were.".to_owned();
    (!lines.is_empty()).then_some(Note { topic: "Not opened", text, lines })
}

fn assumptions(results: &Results<'_>) -> Option<Note> {
    let mut lines = vec![];
    for (kind, &count) in &results.tally.control {
        let words = match kind {
            ControlTraffic::Arp => "ARP passes every group",
            ControlTraffic::NeighbourDiscovery => "IPv6 neighbour discovery passes every group",
            ControlTraffic::Dhcp => "DHCP passes every group",
        };
        lines.push(format!("{words}: {}", label::plural(count, "packet")));
    }
    let assumed = results.tally.connections(ConnectionVerdict::Assumed).connections;
    if assumed > 0 {
        lines.push(format!(
            "the connection was open before the capture began: {} (--show assumed lists them)",
            label::plural(assumed, "connection")
        ));
    }
    let text = "this report rests on what the capture cannot tell.".to_owned();
    (!lines.is_empty()).then_some(Note { topic: "Assumed", text, lines })
}

fn let_go(results: &Results<'_>) -> Option<Note> {
    let pairs = label::plural(results.tally.kept.pairs_let_go, "address pair");
    let more = results.tally.kept.pairs_let_go > 0;
    let lines = more.then(|| format!("{pairs} outside with few packets likewise"));
    results.let_go().map(|text| Note { topic: "Let go", text, lines: lines.into_iter().collect() })
}

impl Results<'_> {
    /// A sentence about the connections that no list holds, if there are any: for those who read lists alone.
    pub fn let_go(&self) -> Option<String> {
        let kept = self.tally.kept;
        let (count, was) =
            (label::plural(kept.let_go, "connection"), if kept.let_go == 1 { "was" } else { "were" });
        (kept.let_go > 0).then(|| {
            format!(
                "{count} seen longest ago {was} counted but not listed, and forgotten, to keep about {} at most \
                 (--max-connections).",
                kept.most
            )
        })
    }
}

fn repeats(results: &Results<'_>) -> Option<Note> {
    let super::Repeats { seen, left_out } = results.repeats;
    let again = label::plural(seen.repeated, "packet");
    if left_out {
        let were = if seen.repeated == 1 { "was" } else { "were" };
        let text = format!("{again} that had been captured before {were} left out.");
        return (seen.repeated > 0).then(|| note("Repeated", text));
    }
    let text = format!(
        "{again} of the first {} with IP had been captured before: on several interfaces or at several places, or twice at a \
         mirrored port. Each is judged and counted; --dedup takes each once.",
        seen.looked
    );
    seen.is_noticed().then(|| note("Repeated", text))
}

/// What went wrong with the captures.
pub(super) fn captures(results: &Results<'_>) -> Vec<Note> {
    results.captures.iter().flat_map(capture).collect()
}

fn capture(capture: &CaptureSummary) -> Vec<Note> {
    let name = label::escape(&capture.name);
    let mut notes = vec![];
    if !capture.unsupported.is_empty() {
        let links = capture
            .unsupported
            .iter()
            .map(|link| format!("{} of {}", label::plural(link.frames, "frame"), LinkType(link.link_type)));
        let links = links.collect::<Vec<_>>().join(", ");
        notes.push(note("Not decoded", format!("{name}: {links} cannot be decoded.")));
    }
    if let Some(error) = &capture.error {
        let read = match capture.frames {
            0 => "nothing was read of it".to_owned(),
            frames => format!("what was read before ({}) is reported", label::plural(frames, "frame")),
        };
        let text = format!("{name}: {}; {read}.", label::escape(error));
        notes.push(note("Capture error", text));
    }
    notes
}
