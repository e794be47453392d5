//! The lines of a log: no longer than a line can be, in a text no longer than is read.

use std::io::{BufRead, BufReader, Read};

use super::Stop;

/// Longest line, in bytes. A record has some hundred; a longer line is no log, and would fill the memory.
const MOST_LINE: u64 = 1 << 20;
/// Longest text, in bytes.
const MOST_TEXT: u64 = 1 << 30;

/// Lines with their numbers, from 1.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    number: u64,
    /// How many bytes may still come.
    left: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), number: 0, left: MOST_TEXT, ended: false }
    }

    /// The next line without its end; `None` behind the last.
    fn read(&mut self) -> Result<Option<String>, Stop> {
        let mut line = Vec::new();
        let most = MOST_LINE.min(self.left) + 1;
        self.reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(Stop::Read)?;
        let problem = |text: String| Stop::Line(self.number, text);
        let length = line.len() as u64;
        if length > self.left {
            return Err(problem("the log is longer than 1 GiB, which is not read: split it".to_owned()));
        }
        self.left -= length;
        if length > MOST_LINE && !line.ends_with(b"\n") {
            let start = String::from_utf8_lossy(&line[..20]).into_owned();
            let found = format!("found a longer one that starts with {start:?}");
            return Err(problem(format!("expected a line of at most 1 MiB, {found}")));
        }
        if line.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8(line);
        let mut text = text.map_err(|_| problem("expected UTF-8, found other bytes".to_owned()))?;
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        Ok(Some(text))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<(u64, String), Stop>;

    /// Nothing comes behind a line that cannot be read.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.number += 1;
        let line = self.read().map(|line| Some((self.number, line?))).transpose();
        self.ended = !matches!(line, Some(Ok(_)));
        line
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn last(text: impl Read) -> (u64, String) {
        match Lines::new(text).last() {
            Some(Err(Stop::Line(line, problem))) => (line, problem),
            other => panic!("{:?}", other.map(|line| line.is_ok())),
        }
    }

    #[test]
    fn ends_of_lines() {
        let lines = Lines::new(&b"a\r\n\nb"[..]).map(|line| line.ok().unwrap());
        assert_eq!(lines.collect::<Vec<_>>(), [(1, "a".into()), (2, String::new()), (3, "b".into())]);
    }

    #[test]
    fn a_line_has_a_most() {
        let longest = vec![b' '; 1 << 20];
        let whole = b"first\n".chain(&longest[..]).chain(&b"\nlast"[..]);
        assert!(Lines::new(whole).all(|line| line.is_ok()));
        let (line, problem) = last(b"first\n".chain(io::repeat(b'x')));
        assert_eq!(line, 2);
        assert_eq!(
            problem,
            "expected a line of at most 1 MiB, found a longer one that starts with \"xxxxxxxxxxxxxxxxxxxx\""
        );
        assert_eq!(last(&b"a\n\xff\n"[..]), (2, "expected UTF-8, found other bytes".to_owned()));
    }

    #[test]
    fn a_text_has_a_most() {
        let mut lines = Lines::new(&b"aa\nbb\n"[..]);
        lines.left = 5;
        assert!(matches!(lines.next(), Some(Ok((1, _)))));
        assert!(matches!(lines.next(), Some(Err(Stop::Line(2, problem))) if problem.contains("1 GiB")));
        assert!(lines.next().is_none());
    }
}
