//! Edits of a YAML text that leave everything else as it was: comments, order, style.

use std::collections::BTreeMap;

use crate::diag::Span;

/// The text with its edits, and what changed: the first line, from 1, the lines as they were, and as they are.
///
/// An alias repeats a value: its place is changed once.
pub(super) fn apply(
    old: &str,
    edits: &BTreeMap<(usize, usize), String>,
) -> (String, Vec<(usize, String, String)>) {
    let mut blocks: Vec<(usize, usize, String)> = vec![];
    let mut at = 0;
    for (&(start, end), new) in edits {
        let start = if new.is_empty() { start.max(at) } else { start };
        if start < at || start > end {
            continue;
        }
        let (from, to) = (line_start(old, start), line_end(old, start.max(end.saturating_sub(1))));
        match blocks.last_mut() {
            Some((_, last, text)) if from < *last => {
                // What was copied behind the edit before is taken back.
                text.truncate(text.len() - (*last - at));
                text.push_str(&old[at..start]);
                *last = to.max(*last);
                text.push_str(new);
                text.push_str(&old[end..*last]);
            }
            _ => {
                let text = [&old[from..start], new, &old[end..to.max(end)]].concat();
                blocks.push((from, to.max(end), text));
            }
        }
        at = end;
    }
    let (mut text, mut at, mut changes) = (String::with_capacity(old.len()), 0, vec![]);
    for (start, end, new) in blocks {
        text.push_str(&old[at..start]);
        text.push_str(&new);
        at = end;
        if old[start..end] != new {
            let line = old[..start].matches('\n').count() + 1;
            let whole = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
            changes.push((line, whole(&old[start..end]), whole(&new)));
        }
    }
    text.push_str(&old[at..]);
    (text, changes)
}

/// The place of a key and its value; `None` where the value does not stand right behind its key.
pub(super) fn entry(text: &str, value: &Span) -> Option<Span> {
    let before = text[..value.start].trim_end_matches([' ', '\t']).strip_suffix(':')?.trim_end();
    let key = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | '\''));
    (key.len() < before.len()).then_some(key.len()..value.end)
}

/// What has to go so that a key and its value are gone.
pub(super) fn removed(text: &str, value: &Span) -> Option<Span> {
    let entry = entry(text, value)?;
    let line = line_start(text, entry.start);
    let (before, behind) = (&text[..entry.start], &text[entry.end..]);
    if is_block(text, &entry) {
        let first = !text[line..entry.start].trim().is_empty();
        if !first {
            return Some(line..line_end(text, entry.end.saturating_sub(1)));
        }
        // It stands behind the dash: the next key takes its place.
        let next = line_end(text, entry.end.saturating_sub(1));
        let indent = text[next..].len() - text[next..].trim_start_matches(' ').len();
        return (indent == entry.start - line).then_some(entry.start..next + indent);
    }
    if let Some(rest) = behind.trim_start().strip_prefix(',') {
        return Some(entry.start..text.len() - rest.trim_start_matches(' ').len());
    }
    let comma = before.trim_end().strip_suffix(',')?;
    Some(comma.len()..entry.end)
}

/// A further key and value beside this value's.
pub(super) fn added(text: &str, value: &Span, new: &str) -> Option<(Span, String)> {
    let entry = entry(text, value)?;
    if !is_block(text, &entry) {
        return Some((value.end..value.end, format!(", {new}")));
    }
    let indent = " ".repeat(entry.start - line_start(text, entry.start));
    let end = value.end + text[value.end..].find(['\r', '\n']).unwrap_or(text.len() - value.end);
    Some((end..end, format!("\n{indent}{new}")))
}

/// Whether an entry has its line for itself, and is not between braces.
fn is_block(text: &str, entry: &Span) -> bool {
    let before = &text[line_start(text, entry.start)..entry.start];
    let behind = text[entry.end..].trim_start();
    before.chars().all(|c| matches!(c, ' ' | '-')) && !behind.starts_with([',', '}'])
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the next line starts.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}
