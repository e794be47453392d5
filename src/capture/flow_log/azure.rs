//! Azure's NSG flow logs: JSON, a text for each flow, the side that opened it first.
//!
//! <https://learn.microsoft.com/en-us/azure/network-watcher/nsg-flow-logs-overview>:
//! `epoch,source,destination,source port,destination port,T|U,I|O,A|D[,state,...]`.

use serde_json::Value;

use crate::packet::{Protocol, Timestamp};

use super::{Logged, Record};

/// Collects the flows of a document.
pub(super) fn read(document: &Value, records: &mut Vec<Record>) -> Result<(), String> {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for record in list(document, "records") {
        let properties = record.get("properties").cloned().unwrap_or_default();
        for by_rule in list(&properties, "flows") {
            for by_interface in list(&by_rule, "flows") {
                for tuple in list(&by_interface, "flowTuples") {
                    let text = tuple.as_str().unwrap_or_default();
                    records.extend(
                        self::tuple(text).map_err(|what| format!("{what} in the flow tuple '{text}'"))?,
                    );
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
