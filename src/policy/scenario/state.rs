//! The `state` key: a profile by name, or a profile with other time-outs.

use std::time::Duration;

use crate::diag::{Diagnostic, codes, did_you_mean};
use crate::policy::StateProfile;
use crate::policy::tree::{Kind, Node, Piece};

use super::keys;
use super::read::{Findings, object, scalar};

/// Reads a profile.
pub(super) fn profile(node: &Node, findings: &mut Findings) -> StateProfile {
    if !matches!(node.kind, Kind::Mapping(_)) {
        return named(node, findings).unwrap_or_default();
    }
    let entries = object(node, "the state profile", keys::STATE, findings);
    let mut profile = StateProfile::default();
    for (_, value) in entries.iter().filter(|(key, _)| *key == "profile") {
        profile = named(value, findings).unwrap_or_default();
    }
    let Some(timeouts) = &mut profile.timeouts else {
        if let Some((key, value)) = entries.iter().find(|(key, _)| *key != "profile") {
            let message = format!("`{key}` is set, but the profile `stateless` keeps no state");
            let finding = Diagnostic::new(codes::BAD_VALUE, message).at(value.span.clone(), "");
            findings.push(finding.help("remove the time-out, or choose another profile"));
        }
        return profile;
    };
    // The key for many goes first, so that a key for one of them wins wherever it stands.
    let (many, single): (Vec<_>, Vec<_>) =
        entries.iter().filter(|(key, _)| *key != "profile").partition(|(key, _)| *key == keys::TCP_CLOSING);
    for (key, value) in many.into_iter().chain(single) {
        let Some(value) = duration(value, findings) else { continue };
        let one: &[&str] = &[key];
        let names = if one[0] == keys::TCP_CLOSING { keys::TCP_CLOSING_KEYS } else { one };
        for name in names {
            if let Some(timeout) = timeouts.get_mut(name) {
                *timeout = value;
            }
        }
    }
    profile
}

fn named(node: &Node, findings: &mut Findings) -> Option<StateProfile> {
    let name = scalar(node, "the name of a state profile, or a mapping", findings)?;
    let found = StateProfile::ALL.into_iter().find(|profile| profile.name == name.text);
    if found.is_none() {
        let known = keys::PROFILES;
        let message = format!("unknown state profile `{}`, expected {}", name.text, known.join(", "));
        let help = did_you_mean(&name.text, known.iter().copied());
        findings.push(Diagnostic::new(codes::BAD_VALUE, message).at(name.span.clone(), "").maybe_help(help));
    }
    found
}

fn duration(node: &Node, findings: &mut Findings) -> Option<Duration> {
    let text = scalar(node, "a duration such as 30s", findings)?;
    let duration = parse_duration(text);
    if duration.is_none() {
        let message = format!("expected a duration above zero, found `{}`", text.text);
        let finding = Diagnostic::new(codes::BAD_DURATION, message).at(text.span.clone(), "");
        findings.push(finding.help("write seconds (30 or 30s), or use the units ms, m, h or d: 10m, 5d"));
    }
    duration
}

/// A whole number with a unit, seconds when there is none, at most ten years so that sums never overflow.
fn parse_duration(text: &Piece) -> Option<Duration> {
    let text = text.text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let most = 3650 * 86_400_000;
    let milliseconds = number.checked_mul(unit).filter(|&ms| 0 < ms && ms <= most)?;
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let read = |text: &str| parse_duration(&Piece::elsewhere(text, &(0..0))).map(|d| d.as_millis());
        assert_eq!(read("30"), Some(30_000));
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("5d"), Some(432_000_000));
        for wrong in ["", "0", "s", "-1s", "1.5s", "99999999999999999999s", "9999999d", "10 y"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
