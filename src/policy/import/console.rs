//! The rules of one group as Huawei's console exports them: an Excel sheet.
//!
//! Columns: the page "Importing and Exporting Security Group Rules" (cloud-facts 1.8). The sheet becomes a text with a
//! line for each row, so that findings and origins can name the row; it does not say of which group it is, so the file's
//! name does.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use crate::diag::Diagnostic;
use crate::packet::{IcmpKind, Protocol};
use crate::policy::Direction;
use crate::policy::scenario::address;
use crate::policy::scenario::written::{Fields, ProtocolWord, Remote, RemoteKind};
use crate::policy::tree::Piece;

use super::facts::{Facts, GroupFact, RuleFact};
use super::field::{self, Findings};

/// Whether these bytes are a workbook (a zip archive).
pub(in crate::policy) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The first sheet as text: a line for each row, cells between tabs.
pub(in crate::policy) fn text(bytes: &[u8]) -> Result<String, String> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let sheet =
        book.worksheet_range_at(0).ok_or("the workbook has no sheet")?.map_err(|error| error.to_string())?;
    let cell = |cell: &Data| cell.to_string().replace(['\t', '\n', '\r'], " ");
    let rows = sheet.rows().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("\t"));
    // Rows above the used range are empty, and count.
    let above = sheet.start().map_or(0, |(row, _)| row as usize);
    Ok("\n".repeat(above) + &rows.collect::<Vec<_>>().join("\n"))
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
