//! Words of files, made fit for a terminal or a log.

use std::borrow::Cow;

/// Characters that would break a line, move the cursor or reorder the text around them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A name with control and direction characters written as escapes.
pub fn escape(name: &str) -> Cow<'_, str> {
    escape_but(name, &[])
}

/// The same for a text of several lines: line ends stay.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_but(text, &['\n'])
}

/// The same, where some characters do no harm or are written in another way.
pub fn escape_but<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    let harms = |c: char| is_unsafe(c) && !kept.contains(&c);
    if !text.contains(harms) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if harms(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_line() {
        assert_eq!(escape("a|b"), "a|b");
        assert_eq!(escape("a\nb\u{1b}[31m\u{202e}c"), "a\\nb\\u{1b}[31m\\u{202e}c");
        assert_eq!(escape("安全组"), "安全组");
        assert_eq!(escape_lines("a\nb\r\u{1b}c"), "a\nb\\r\\u{1b}c");
    }
}
