//! Notes under the tables.

use std::io::{self, Write};

use super::super::Results;
use super::super::notes::{self, Note};
use super::{HEADING, heading, wrapped};

pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    list(&notes::all(results), out)
}

/// What went wrong with the captures, alone.
pub(super) fn captures(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    list(&notes::captures(results), out)
}

fn list(notes: &[Note], out: &mut dyn Write) -> io::Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    heading(out, "Notes")?;
    for note in notes {
        write!(out, "{HEADING}{}:{HEADING:#}", note.topic)?;
        wrapped(out, note.topic.len() + 1, note.text.split(' '))?;
        for line in &note.lines {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
