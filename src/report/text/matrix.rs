//! The group × peer matrix.

use std::io::{self, Write};

use super::super::Results;
use super::super::label;
use super::super::matrix::Matrix;
use super::columns::{Cell, Columns};
use super::{heading, word_list};

pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::new(results);
    heading(out, "Matrix: connections allowed/blocked between where a group is bound and each peer")?;
    let (empty, seen): (Vec<_>, Vec<_>) =
        (0..matrix.peers.len()).partition(|&column| matrix.is_empty_column(column));
    let fixed = ["group", "direction"].map(|head| (head.to_owned(), false));
    let peers = seen.iter().map(|&column| (matrix.peers[column].to_owned(), true));
    let mut table = Columns::of(fixed.into_iter().chain(peers));
    for (group, direction, cells) in &matrix.rows {
        let mut row = vec![Cell::new(&results.policy.group(*group).name), Cell::new(direction)];
        row.extend(seen.iter().map(|&column| {
            let cell = Cell::new(cells[column]);
            if cells[column].is_empty() { cell.styled(super::QUIET) } else { cell }
        }));
        table.row(row);
    }
    table.write(out)?;
    if empty.is_empty() {
        return Ok(());
    }
    word_list(
        out,
        "Peers without traffic:",
        empty.iter().map(|&c| label::escape(matrix.peers[c]).into_owned()),
    )
}
