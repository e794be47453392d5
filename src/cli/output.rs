//! Standard output and standard error.

use std::fmt::Display;
use std::io::{BufWriter, Write};

use anstyle::AnsiColor;

use crate::diag::escape_lines;

/// Standard output, buffered; colour is stripped where it is not wanted.
pub(super) fn stdout() -> BufWriter<anstream::Stdout> {
    BufWriter::with_capacity(1 << 16, anstream::stdout())
}

/// Prints an error to standard error; what it quotes does no harm to a terminal.
pub(super) fn complain(error: &impl Display) {
    let style = AnsiColor::Red.on_default().bold();
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {}", escape_lines(&error.to_string()));
}

/// Prints a remark to standard error.
pub(super) fn remark(text: &impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
