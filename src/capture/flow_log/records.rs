//! Logs of one record per line: VPC flow logs of AWS and Huawei Cloud, and CSV of flows.
//!
//! AWS: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>; custom formats name their fields in the
//! first line of a file. Huawei: the same fourteen columns, a project instead of an account (cloud-facts 1.10). A CSV has
//! a heading with names for source, destination and protocol at least.

use std::net::IpAddr;

use crate::packet::{Protocol, Timestamp};

use super::{Logged, Record};

/// The columns of both clouds' default format.
const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
     action log-status";

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Source,
    Destination,
    /// The address in the packet, where the others are those of the interface.
    PacketSource,
    PacketDestination,
    SourcePort,
    DestinationPort,
    Protocol,
    Start,
    Action,
    Flags,
    Other,
}

impl Column {
    pub(super) fn named(name: &str) -> Self {
        let name = name.trim().trim_matches('"').to_ascii_lowercase().replace(['_', ' ', '.'], "-");
        match name.as_str() {
            "srcaddr" | "src-addr" | "src" | "source" | "src-ip" | "source-ip" | "srcip" | "sip"
            | "id-orig-h" => Self::Source,
            "dstaddr" | "dst-addr" | "dst" | "destination" | "dst-ip" | "destination-ip" | "dstip"
            | "dip" | "id-resp-h" => Self::Destination,
            "pkt-srcaddr" => Self::PacketSource,
            "pkt-dstaddr" => Self::PacketDestination,
            "srcport" | "src-port" | "source-port" | "sport" | "id-orig-p" => Self::SourcePort,
            "dstport" | "dst-port" | "destination-port" | "dport" | "port" | "id-resp-p" => {
                Self::DestinationPort
            }
            "protocol" | "proto" | "ip-protocol" => Self::Protocol,
            "start" | "time" | "ts" | "timestamp" | "start-time" => Self::Start,
            "action" | "verdict" | "decision" => Self::Action,
            "tcp-flags" => Self::Flags,
            _ => Self::Other,
        }
    }
}

/// The columns of a log.
#[derive(Debug)]
pub(super) struct Columns {
    all: Vec<Column>,
    comma: bool,
    /// A heading that is still to come.
    heading: bool,
}

/// A line that tells something.
pub(super) enum Line {
    Record(Record),
    /// A record without a flow.
    Empty,
}

/// Whether the first line of a file is that of such a log.
pub(super) fn looks_like(line: &str) -> bool {
    Columns::of(line).is_some()
}

/// Reads a line; `None` is one that holds no record. The first that is not blank sets the columns.
pub(super) fn line(text: &str, columns: &mut Option<Columns>, number: u64) -> Result<Option<Line>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let columns = match columns {
        Some(columns) => columns,
        None => columns.insert(Columns::of(text).ok_or_else(|| {
            format!(
                "expected a record of the default columns ({DEFAULT}), or a heading that names source, destination and \
                 protocol, found '{}'",
                text.chars().take(80).collect::<String>()
            )
        })?),
    };
    columns.line(text, number)
}

fn is_complete(all: &[Column]) -> bool {
    [Column::Source, Column::Destination, Column::Protocol].iter().all(|wanted| all.contains(wanted))
}

impl Columns {
    /// The columns that the first line names, or the default ones when it is a record of them.
    fn of(line: &str) -> Option<Self> {
        let comma = line.contains(',');
        let all: Vec<Column> = fields(line, comma).map(Column::named).collect();
        if is_complete(&all) {
            return Some(Self { all, comma, heading: true });
        }
        let all: Vec<Column> = DEFAULT.split_whitespace().map(Column::named).collect();
        let columns = Self { all, comma: false, heading: false };
        let fields = columns.fields(line);
        let is_record = fields.len() == columns.all.len()
            && fields[0].bytes().all(|b| b.is_ascii_digit())
            && [3, 4].iter().all(|&at| fields[at] == "-" || fields[at].parse::<IpAddr>().is_ok())
            && matches!(fields[13], "OK" | "NODATA" | "SKIPDATA");
        is_record.then_some(columns)
    }

    /// Columns by name, with tabs between.
    pub(super) fn zeek(names: &str) -> Self {
        let all = names.split('\t').map(Column::named).collect();
        Self { all, comma: false, heading: false }
    }

    /// The fields of a line; a time in front, which `CloudWatch` adds, is left out.
    fn fields<'l>(&self, line: &'l str) -> Vec<&'l str> {
        let mut fields: Vec<&str> = fields(line, self.comma).collect();
        let is_time = |field: &&str| field.contains('T') && field.ends_with('Z');
        if fields.len() == self.all.len() + 1 && fields.first().is_some_and(is_time) {
            fields.remove(0);
        }
        fields
    }

    /// Reads a line; `None` is one that holds no record.
    fn line(&mut self, line: &str, number: u64) -> Result<Option<Line>, String> {
        if std::mem::take(&mut self.heading) {
            return Ok(None);
        }
        let fields = self.fields(line);
        // Files that were put together repeat the heading.
        if fields.first().is_some_and(|first| *first == "version") {
            return Ok(None);
        }
        if fields.len() != self.all.len() {
            return Err(format!("expected {} fields, found {}", self.all.len(), fields.len()));
        }
        self.record(&fields, number)
    }

    pub(super) fn record(&self, fields: &[&str], line: u64) -> Result<Option<Line>, String> {
        let get = |wanted: Column| {
            let found = self.all.iter().zip(fields).find(|(column, _)| **column == wanted);
            found.map(|(_, text)| text.trim().trim_matches('"')).filter(|text| !matches!(*text, "-" | ""))
        };
        let address = |inner: Column, outer: Column| get(inner).or_else(|| get(outer));
        let (Some(source), Some(destination), Some(protocol)) = (
            address(Column::PacketSource, Column::Source),
            address(Column::PacketDestination, Column::Destination),
            get(Column::Protocol),
        ) else {
            return Ok(Some(Line::Empty));
        };
        let ip =
            |text: &str| text.parse::<IpAddr>().map_err(|_| format!("expected an address, found '{text}'"));
        let port = |column: Column| match get(column) {
            None => Ok(0),
            Some(text) => text.parse::<u16>().map_err(|_| format!("expected a port, found '{text}'")),
        };
        let protocol: Protocol =
            protocol.parse().map_err(|error: crate::packet::ParseProtocolError| error.to_string())?;
        let (source_port, destination_port) = (port(Column::SourcePort)?, port(Column::DestinationPort)?);
        if protocol.has_ports() && get(Column::DestinationPort).is_none() {
            return Err(format!("expected a destination port, as {protocol} has, found none"));
        }
        let logged = get(Column::Action).map(action).transpose()?;
        let flags = get(Column::Flags).and_then(|text| text.parse().ok());
        let (source, destination) = (ip(source)?, ip(destination)?);
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(format!("expected two addresses of one family, found {source} and {destination}"));
        }
        Ok(Some(Line::Record(Record {
            source: (source, source_port),
            destination: (destination, destination_port),
            protocol,
            message: None,
            start: get(Column::Start).map_or(Ok(Timestamp(0)), time)?,
            logged,
            flags,
            oriented: false,
            line,
        })))
    }
}

fn fields(line: &str, comma: bool) -> Box<dyn Iterator<Item = &str> + '_> {
    if comma {
        Box::new(line.trim_end_matches('\r').split(','))
    } else if line.contains('\t') {
        Box::new(line.trim_end_matches('\r').split('\t'))
    } else {
        Box::new(line.split_whitespace())
    }
}

/// `ACCEPT`, `REJECT` and what others say for them.
fn action(text: &str) -> Result<Logged, String> {
    match text.to_ascii_lowercase().as_str() {
        "accept" | "allow" | "allowed" | "pass" | "a" => Ok(Logged::Accept),
        "reject" | "deny" | "denied" | "drop" | "dropped" | "d" => Ok(Logged::Reject),
        _ => Err(format!("expected ACCEPT or REJECT, found '{text}'")),
    }
}

/// Seconds since 1970, with or without a fraction, or a time with a zone (RFC 3339).
fn time(text: &str) -> Result<Timestamp, String> {
    let bad = || format!("expected a time in seconds since 1970, found '{text}'");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Ok(seconds) = whole.parse::<i64>() {
        let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        let nanoseconds: i64 = digits.parse().map_err(|_| bad())?;
        let all = seconds.checked_mul(1_000_000_000).and_then(|all| all.checked_add(nanoseconds));
        return all.map(Timestamp).ok_or_else(bad);
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| bad())?;
    i64::try_from(moment.as_nanosecond()).map(Timestamp).map_err(|_| bad())
}
