//! Azure's NSG flow logs: JSON, a text for each flow, the side that opened it first.
//!
//! <https://learn.microsoft.com/en-us/azure/network-watcher/nsg-flow-logs-overview>:
//! `epoch,source,destination,source port,destination port,T|U,I|O,A|D[,state,...]`.

use serde::Deserialize;

use crate::packet::{Protocol, Timestamp};

use super::{Logged, Record, Stop};

/// A log, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    records: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Properties {
    flows: Vec<ByRule>,
}

#[derive(Debug, Deserialize)]
struct ByRule {
    flows: Vec<ByInterface>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByInterface {
    flow_tuples: Vec<String>,
}

/// Collects the flows of a document, up to one that is none.
pub(super) fn read(document: &Document, records: &mut Vec<Record>) -> Result<(), Stop> {
    for (record, Entry { properties }) in document.records.iter().enumerate() {
        for (rule, by_rule) in properties.flows.iter().enumerate() {
            for (interface, by_interface) in by_rule.flows.iter().enumerate() {
                for (at, text) in by_interface.flow_tuples.iter().enumerate() {
                    let stop = |what| {
                        let place = format!(
                            "/records/{record}/properties/flows/{rule}/flows/{interface}/flowTuples/{at}"
                        );
                        Stop::Place(place, format!("{what} in the flow tuple '{text}'"))
                    };
                    records.extend(tuple(text).map_err(stop)?);
                }
            }
        }
    }
    Ok(())
}

/// One flow; one that goes on or ends (state C or E) was told when it began.
fn tuple(text: &str) -> Result<Option<Record>, &'static str> {
    let fields: Vec<&str> = text.split(',').collect();
    let [start, source, destination, source_port, destination_port, protocol, _, decision, rest @ ..] =
        &fields[..]
    else {
        return Err("expected at least 8 fields");
    };
    if matches!(rest.first(), Some(&("C" | "E"))) {
        return Ok(None);
    }
    let address = |text: &str| text.parse().map_err(|_| "expected an address");
    let port = |text: &str| text.parse().map_err(|_| "expected a port");
    let seconds: i64 = start.parse().map_err(|_| "expected a time in seconds")?;
    Ok(Some(Record {
        source: (address(source)?, port(source_port)?),
        destination: (address(destination)?, port(destination_port)?),
        protocol: match *protocol {
            "T" => Protocol::TCP,
            "U" => Protocol::UDP,
            _ => return Err("expected the protocol T or U"),
        },
        message: None,
        // Later versions count milliseconds.
        start: Timestamp(seconds.saturating_mul(if start.len() > 11 { 1_000_000 } else { 1_000_000_000 })),
        logged: Some(match *decision {
            "A" => Logged::Accept,
            "D" => Logged::Reject,
            _ => return Err("expected the decision A or D"),
        }),
        flags: None,
        oriented: true,
        line: 0,
    }))
}
