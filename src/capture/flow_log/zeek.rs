//! Zeek's `conn.log`: a connection per line, the side that opened it first.
//!
//! <https://docs.zeek.org/en/master/logs/conn.html>. For ICMP the ports are type and code.

use crate::packet::Protocol;

use super::Record;
use super::records::{Columns, Line};

/// Reads a line; the heading sets the columns.
pub(super) fn line(text: &str, columns: &mut Option<Columns>, number: u64) -> Result<Option<Line>, String> {
    if let Some(names) = text.strip_prefix("#fields\t") {
        *columns = Some(Columns::zeek(names));
    }
    if text.starts_with('#') || text.trim().is_empty() {
        return Ok(None);
    }
    let Some(columns) = columns else { return Err("expected a line '#fields' before records".to_owned()) };
    let fields: Vec<&str> =
        text.split('\t').map(|field| if field == "(empty)" { "-" } else { field }).collect();
    // What Zeek could not tell is no protocol.
    if fields.contains(&"unknown_transport") {
        return Ok(Some(Line::Empty));
    }
    Ok(columns.record(&fields, number)?.map(|line| match line {
        Line::Record(record) => Line::Record(oriented(record)),
        Line::Empty => Line::Empty,
    }))
}

fn oriented(record: Record) -> Record {
    let (Record { source, destination, .. }, mut record) = (record, record);
    record.oriented = true;
    if matches!(record.protocol, Protocol::ICMP | Protocol::ICMPV6) {
        let number = |port: u16| u8::try_from(port).ok();
        record.message = number(source.1).zip(number(destination.1));
        if source.0.is_ipv6() {
            record.protocol = Protocol::ICMPV6;
        }
    }
    record
}
