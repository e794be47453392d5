//! The rules of one group as Huawei's console exports them: an Excel sheet.
//!
//! Columns: the page "Importing and Exporting Security Group Rules" (cloud-facts 1.8). The sheet becomes a text with a
//! line for each row, so that findings and origins can name the row; it does not say of which group it is, so the file's
//! name does.

use std::io::{Cursor, Read as _};

use calamine::{Data, Reader, Xlsx};

use crate::diag::Diagnostic;
use crate::packet::{IcmpKind, Protocol};
use crate::policy::Direction;
use crate::policy::scenario::address;
use crate::policy::scenario::written::{Fields, ProtocolWord, Remote, RemoteKind};
use crate::policy::tree::Piece;
use crate::policy::yaml::MOST_BYTES;

use super::facts::{Facts, GroupFact, RuleFact};
use super::field::{self, Findings};

/// Whether these bytes are a workbook (a zip archive).
pub(in crate::policy) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The most rows and columns of a sheet; the console's has seven columns, and a group at most some hundred rules.
const MOST_CELLS: (u32, u32) = (100_000, 256);

/// The first sheet as text: a line for each row, cells between tabs.
///
/// Cells are read one by one, because a single one in the last corner would make a grid of half a terabyte.
pub(in crate::policy) fn text(bytes: &[u8]) -> Result<String, String> {
    inflated(bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let name = book.sheet_names().first().ok_or("the workbook has no sheet")?.clone();
    let mut sheet = book.worksheet_cells_reader(&name).map_err(|error| error.to_string())?;
    let mut rows: Vec<Vec<String>> = vec![];
    while let Some(cell) = sheet.next_cell().map_err(|error| error.to_string())? {
        let (row, column) = cell.get_position();
        if row >= MOST_CELLS.0 || column >= MOST_CELLS.1 {
            let (rows, columns) = MOST_CELLS;
            return Err(format!(
                "there is a cell in row {} and column {}, and no more than {rows} rows of {columns} cells are read",
                u64::from(row) + 1,
                u64::from(column) + 1
            ));
        }
        let (row, column) = (row as usize, column as usize);
        if rows.len() <= row {
            rows.resize_with(row + 1, Vec::new);
        }
        if rows[row].len() <= column {
            rows[row].resize_with(column + 1, String::new);
        }
        rows[row][column] = Data::from(cell.get_value().clone()).to_string().replace(['\t', '\n', '\r'], " ");
    }
    Ok(rows.iter().map(|row| row.join("\t")).collect::<Vec<_>>().join("\n"))
}

/// Refuses a workbook that unpacks to more than a text may have: its parts are small, and a bomb says so only by unpacking.
fn inflated(bytes: &[u8]) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut left = MOST_BYTES as u64;
    for number in 0..archive.len() {
        let part = archive.by_index(number).map_err(|error| error.to_string())?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink())
            .map_err(|error| format!("part {}: {error}", number + 1))?;
        left = left
            .checked_sub(read)
            .ok_or_else(|| format!("it unpacks to more than the {MOST_BYTES} bytes that are read"))?;
    }
    Ok(())
}

/// The cells of a line, with their places.
fn cells(text: &str, line: std::ops::Range<usize>) -> Vec<Piece> {
    let mut at = line.start;
    let parts = text[line].split('\t').map(|part| {
        let trimmed = part.trim();
        let start = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        Piece::new(trimmed.to_owned(), start..start + trimmed.len(), Some(start))
    });
    parts.collect()
}

/// Reads the rows; `None` when no row has the names of the columns.
pub(in crate::policy) fn read(text: &str, stem: &Piece, findings: &mut Findings) -> Option<Facts> {
    let mut start = 0;
    let lines = text.split('\n').map(|line| {
        start += line.len() + 1;
        start - 1 - line.len()..start - 1
    });
    let mut rows = lines.map(|line| cells(text, line));
    let heading = rows
        .by_ref()
        .find(|row| ["Direction", "Action"].iter().all(|name| row.iter().any(|c| c.text == *name)))?;
    let column = |name: &str| heading.iter().position(|cell| cell.text.eq_ignore_ascii_case(name));
    let mut facts = Facts::new("Huawei Cloud console export");
    facts.note(format!("the sheet does not name its group: taken to be `{}`, after the file", stem.text));
    for row in rows.filter(|row| row.iter().any(|cell| !cell.text.is_empty())) {
        let cell = |name: &str| column(name).and_then(|at| row.get(at)).filter(|cell| !cell.text.is_empty());
        facts.rules.extend(rule(&cell, stem, findings));
    }
    let (key, name) = (stem.clone(), Some(stem.clone()));
    facts.groups.push(GroupFact { key, name, description: String::new(), has_rules: true });
    Some(facts)
}

fn rule<'c>(
    cell: &impl Fn(&str) -> Option<&'c Piece>,
    stem: &Piece,
    findings: &mut Findings,
) -> Option<RuleFact> {
    let before = findings.len();
    let written = cell("Direction")?;
    let direction = field::direction(written, findings)?;
    let mut fields = Fields {
        span: written.span.clone(),
        action: cell("Action").and_then(|cell| field::action(cell, findings)),
        priority: cell("Priority").and_then(|cell| field::priority(cell, findings)),
        family: cell("Type").and_then(|cell| field::family(cell, findings)),
        description: cell("Description").map(|cell| cell.text.clone()),
        ..Fields::default()
    };
    if let Some(cell) = cell("Protocol & Port") {
        service(cell, &mut fields, findings);
    }
    let far = if direction == Direction::Ingress { "Source" } else { "Destination" };
    fields.remotes = cell(far).map(|cell| vec![remote(cell, findings)]);
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    Some(RuleFact { group: Some(stem.clone()), direction, fields })
}

/// `All`, `TCP: 22,80-90`, `ICMP: Echo`, `ICMP: All`.
fn service(cell: &Piece, fields: &mut Fields, findings: &mut Findings) {
    let (protocol, detail) = cell.text.split_once(':').unwrap_or((&cell.text, ""));
    let at = cell.text.len() - detail.len();
    fields.protocol = field::protocol(&cell.reworded(protocol.trim()), findings);
    let detail = field::split(&cell.slice(at..cell.text.len()));
    let all = detail
        .iter()
        .all(|part| matches!(part.text.to_ascii_lowercase().as_str(), "all" | "any" | "1-65535" | "-"));
    if all {
        return;
    }
    if !matches!(fields.protocol, Some((ProtocolWord::One(Protocol::ICMP | Protocol::ICMPV6), _))) {
        fields.ports = Some(detail);
        return;
    }
    let names = detail.into_iter().map(|part| match message(&part.text) {
        Some(kind) => part.reworded(kind.to_string()),
        None => part,
    });
    fields.icmp = Some(names.collect());
}

/// The console's names of ICMP messages (cloud-facts 1.3).
fn message(name: &str) -> Option<IcmpKind> {
    const NAMES: &[(&str, u8, u8)] = &[
        ("Echo", 8, 0),
        ("Echo reply", 0, 0),
        ("Fragment need DF set", 3, 4),
        ("Fragment needed", 3, 4),
        ("Host redirect", 5, 1),
        ("Host TOS redirect", 5, 3),
        ("Host unreachable", 3, 1),
        ("Information reply", 16, 0),
        ("Information request", 15, 0),
        ("Net redirect", 5, 0),
        ("Net TOS redirect", 5, 2),
        ("Net unreachable", 3, 0),
        ("Parameter problem", 12, 0),
        ("Port unreachable", 3, 3),
        ("Protocol unreachable", 3, 2),
        ("Reassembly timeout", 11, 1),
        ("Source quench", 4, 0),
        ("Source route failed", 3, 5),
        ("Timestamp reply", 14, 0),
        ("Timestamp request", 13, 0),
        ("TTL exceeded", 11, 0),
    ];
    let found = NAMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    found.map(|&(_, kind, code)| IcmpKind { kind, code: Some(code) })
}

/// `0.0.0.0/0`, or a group or address group as `name[identifier]`.
fn remote(cell: &Piece, findings: &mut Findings) -> Remote {
    if address::looks_like(&cell.text) {
        return field::range(cell, findings);
    }
    Remote { kind: RemoteKind::Key(cell.text.clone()), span: cell.span.clone() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/import/console/web.xlsx");

    /// The fixture with something put before the end of its first sheet.
    fn with(more: &str) -> Vec<u8> {
        let mut old = zip::ZipArchive::new(Cursor::new(FIXTURE)).unwrap();
        let mut new = ZipWriter::new(Cursor::new(vec![]));
        for number in 0..old.len() {
            let mut part = old.by_index(number).unwrap();
            let name = part.name().unwrap().into_owned();
            let mut text = String::new();
            part.read_to_string(&mut text).unwrap();
            let text = text.replace("</sheetData>", &format!("{more}</sheetData>"));
            new.start_file(name, SimpleFileOptions::default()).unwrap();
            new.write_all(text.as_bytes()).unwrap();
        }
        new.finish().unwrap().into_inner()
    }

    #[test]
    fn a_cell_in_the_last_corner_is_refused() {
        assert_eq!(text(&with("")).unwrap(), text(FIXTURE).unwrap());
        let far = text(&with(r#"<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#)).unwrap_err();
        assert!(far.contains("row 1048576 and column 16384"), "{far}");
    }

    #[test]
    fn a_workbook_that_unpacks_to_more_than_is_read_is_refused() {
        let bomb = with(&" ".repeat(MOST_BYTES));
        assert!(bomb.len() < MOST_BYTES / 100);
        assert!(text(&bomb).unwrap_err().contains("unpacks to more than"));
    }
}
