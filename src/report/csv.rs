//! Connections, or the matrix, as comma-separated values (RFC 4180) with one header line.

use std::io::{self, Write};

use ::csv::Writer;

use crate::replay::Connection;

use super::label::{Tunnels, Vlans};
use super::matrix::Matrix;
use super::time::Rfc3339;
use super::{Options, Results};

/// The columns of [`write_connections`].
const COLUMNS: [&str; 28] = [
    "connection",
    "verdict",
    "reason",
    "protocol",
    "initiator",
    "initiator_port",
    "initiator_interface",
    "responder",
    "responder_port",
    "responder_interface",
    "service",
    "service_name",
    "vlans",
    "first",
    "last",
    "packets",
    "bytes",
    "sent_packets",
    "sent_bytes",
    "received_packets",
    "received_bytes",
    "later_drops",
    "later_undecided",
    "interface",
    "direction",
    "rule",
    "tunnels",
    "outer",
];

/// The error of the writer behind, so that a pipe closed early is known as one.
pub(super) fn plain(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Writes the connections; with the matrix asked for, the matrix alone: two tables do not fit one file.
pub fn write(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    if options.matrix { write_matrix(results, out) } else { write_connections(results, out) }
}

/// Writes one line per connection: also what `--connections FILE.csv` holds.
pub fn write_connections(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record(COLUMNS).map_err(plain)?;
    for (id, connection) in results.connections.numbered() {
        csv.write_record(fields(results, id.number(), &connection)).map_err(plain)?;
    }
    csv.flush()
}

fn fields(results: &Results<'_>, number: u64, connection: &Connection) -> [String; COLUMNS.len()] {
    let port = |port: u16| if connection.protocol.has_ports() { port.to_string() } else { String::new() };
    let owner = |address| results.owner(address).unwrap_or_default().to_owned();
    let decided = connection.deciding_step();
    let rule = decided.and_then(|step| step.rule).map(|id| results.rule(id));
    let (initiator, responder) = (connection.initiator, connection.responder);
    let volume = connection.volume();
    [
        number.to_string(),
        connection.verdict().to_string(),
        connection.reason.to_string(),
        connection.protocol.to_string(),
        initiator.address.to_string(),
        port(initiator.port),
        owner(initiator.address),
        responder.address.to_string(),
        port(responder.port),
        owner(responder.address),
        connection.service().to_string(),
        connection.service().name().unwrap_or_default().to_owned(),
        Vlans(connection.domain).to_string(),
        Rfc3339(connection.first).to_string(),
        Rfc3339(connection.last).to_string(),
        volume.packets.to_string(),
        volume.bytes.to_string(),
        connection.sent.packets.to_string(),
        connection.sent.bytes.to_string(),
        connection.received.packets.to_string(),
        connection.received.bytes.to_string(),
        connection.later_drops.to_string(),
        connection.later_undecided.to_string(),
        decided.map(|step| results.interface(step.interface)).unwrap_or_default().to_owned(),
        decided.map(|step| step.direction.to_string()).unwrap_or_default(),
        rule.unwrap_or_default().to_owned(),
        Tunnels(connection.domain).to_string(),
        connection.outer.map(|outer| outer.number().to_string()).unwrap_or_default(),
    ]
}

/// Writes one line per group and direction, one column per peer: `12/3` is 12 allowed and 3 blocked.
fn write_matrix(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::new(results);
    let mut csv = Writer::from_writer(out);
    csv.write_record(["group", "direction"].into_iter().chain(matrix.peers.iter().copied()))
        .map_err(plain)?;
    for (group, direction, cells) in &matrix.rows {
        csv.write_field(&results.policy.group(*group).name).map_err(plain)?;
        csv.write_field(direction.to_string()).map_err(plain)?;
        for cell in cells {
            csv.write_field(format!("{}/{}", cell.allowed, cell.blocked)).map_err(plain)?;
        }
        csv.write_record(None::<&[u8]>).map_err(plain)?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Sample;
    use super::*;

    #[test]
    fn cluster() {
        insta::assert_snapshot!(Sample::cluster().written(write_connections));
    }

    #[test]
    fn matrix() {
        let options = Options { matrix: true, ..Options::default() };
        let text = Sample::cluster().written(|results, out| write(results, options, out));
        // The rows of `everything_shown` of the terminal, with the empty column.
        insta::assert_snapshot!(text, @r"
        group,direction,node-1,master-1,idle-1,outside
        node,ingress,0/0,1/0,0/0,1/16
        node,egress,0/0,1/0,0/0,1/0
        extra,ingress,0/0,1/0,0/0,1/16
        extra,egress,0/0,1/0,0/0,1/0
        control,ingress,1/0,0/0,0/0,0/0
        control,egress,1/0,0/0,0/0,0/0
        eni,ingress,0/0,0/0,0/0,0/0
        eni,egress,0/0,0/0,0/0,0/0
        ");
    }

    #[test]
    fn hostile_names_are_quoted_and_come_back() {
        let mut out = Vec::new();
        Sample::hostile().with(|results| write_connections(results, &mut out)).unwrap();
        let mut reader = ::csv::Reader::from_reader(out.as_slice());
        let at = reader.headers().unwrap().iter().position(|name| name == "rule").unwrap();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 2);
        assert_eq!(&records[0][at], "a|b\n`c`\u{1b}[31m,\"d\"/x");
    }
}
