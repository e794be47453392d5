//! From records of one direction each to conversations: who opened them?

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::packet::{AddressPair, Flow, Protocol, Service, TcpFlags};

use super::{Logged, LoggedFlow, Record};

/// After so long without a record, the same addresses and ports are another conversation: the window of Huawei's logs,
/// and the longest of AWS's.
const GAP: i64 = 600 * 1_000_000_000;
/// The first port that systems give to clients: Linux's default (`ip_local_port_range`).
const CLIENT_PORTS: u16 = 32768;

type Endpoint = (IpAddr, u16);

/// The openings of all conversations in the order of time, and how many ICMP flows are taken to be echo requests.
///
/// Where the side that opened one has records of both actions, there is an opening for each.
pub(super) fn openings(mut records: Vec<Record>) -> (Vec<LoggedFlow>, u64) {
    records.sort_by_key(|record| (record.start, record.line));
    let mut conversations: BTreeMap<(Protocol, Endpoint, Endpoint), Vec<Vec<Record>>> = BTreeMap::new();
    for record in records {
        let (low, high) = (record.source.min(record.destination), record.source.max(record.destination));
        let all = conversations.entry((record.protocol, low, high)).or_default();
        match all.last_mut() {
            Some(last) if last.last().is_some_and(|before| record.start.0 - before.start.0 <= GAP) => {
                last.push(record);
            }
            _ => all.push(vec![record]),
        }
    }
    let (mut flows, mut echoes) = (Vec::new(), 0);
    for conversation in conversations.into_values().flatten() {
        echoes += u64::from(conversation.iter().any(is_icmp_without_type));
        opening(&conversation, &mut flows);
    }
    flows.sort_by_key(|flow| (flow.time, flow.line));
    (flows, echoes)
}

fn is_icmp_without_type(record: &Record) -> bool {
    matches!(record.protocol, Protocol::ICMP | Protocol::ICMPV6) && record.message.is_none()
}

fn opening(conversation: &[Record], flows: &mut Vec<LoggedFlow>) {
    let Some(first) = conversation.first() else { return };
    let (opener, inferred) = opener(conversation, first);
    let (own, _): (Vec<&Record>, Vec<&Record>) =
        conversation.iter().partition(|record| record.source == opener);
    let other = if opener == first.source { first.destination } else { first.source };
    let Some(flow) = flow(opener, other, first) else { return };
    let reversed = if inferred { self::flow(other, opener, first) } else { None };
    let push = |logged: Option<Logged>, record: &Record, flows: &mut Vec<LoggedFlow>| {
        let (time, line) = (record.start.min(first.start), record.line);
        flows.push(LoggedFlow { flow, reversed, time, logged, inferred, line });
    };
    let mut told = false;
    for action in [Logged::Accept, Logged::Reject] {
        if let Some(record) = own.iter().find(|record| record.logged == Some(action)) {
            push(Some(action), record, flows);
            told = true;
        }
    }
    if !told {
        push(None, first, flows);
    }
}

/// Who opened a conversation, and whether that is inferred: told by the log, by TCP's flags, or by (in this order) a
/// rejection, which only an opening meets, the ports, and who was seen first.
fn opener(conversation: &[Record], first: &Record) -> (Endpoint, bool) {
    if first.oriented {
        return (first.source, false);
    }
    for record in conversation {
        match record.flags.map(TcpFlags) {
            Some(flags) if flags.has(TcpFlags::SYN_ACK) => return (record.destination, false),
            Some(flags) if flags.has(TcpFlags::SYN) => return (record.source, false),
            _ => {}
        }
    }
    if let Some(record) = conversation.iter().find(|record| record.logged == Some(Logged::Reject)) {
        return (record.source, true);
    }
    let server = |port: u16| port != 0 && port < CLIENT_PORTS;
    let opener = match (server(first.source.1), server(first.destination.1)) {
        (true, false) => first.destination,
        _ if first.source.1 < 1024 && first.destination.1 >= 1024 && first.source.1 != 0 => first.destination,
        _ => first.source,
    };
    (opener, true)
}

/// The opening packet from one side to the other.
fn flow(from: Endpoint, to: Endpoint, record: &Record) -> Option<Flow> {
    let addresses = AddressPair::new(from.0, to.0)?;
    let family = addresses.family();
    let service = match (record.protocol, record.message) {
        (Protocol::ICMP | Protocol::ICMPV6, message) => {
            let echo = if from.0.is_ipv6() { (128, 0) } else { (8, 0) };
            let (kind, code) = message.unwrap_or(echo);
            Service::Icmp { family, kind, code }
        }
        (protocol, _) if protocol.has_ports() => Service::Port(protocol, to.1),
        (protocol, _) => Service::Other(protocol),
    };
    let flow = Flow::new(addresses, service)?;
    Some(if record.protocol.has_ports() { flow.from_port(from.1) } else { flow })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Timestamp;

    fn record(source: &str, destination: &str, logged: Logged, flags: Option<u8>, start: i64) -> Record {
        let end = |text: &str| {
            let socket: std::net::SocketAddr = text.parse().unwrap();
            (socket.ip(), socket.port())
        };
        Record {
            source: end(source),
            destination: end(destination),
            protocol: Protocol::TCP,
            message: None,
            start: Timestamp(start * 1_000_000_000),
            logged: Some(logged),
            flags,
            oriented: false,
            line: 1,
        }
    }

    fn told(records: Vec<Record>) -> Vec<(String, Option<Logged>, bool)> {
        openings(records).0.into_iter().map(|f| (f.flow.to_string(), f.logged, f.inferred)).collect()
    }

    #[test]
    fn the_side_that_opened_is_worked_out() {
        use Logged::{Accept, Reject};
        let (client, server) = ("10.0.0.1:40000", "10.0.0.2:443");
        let forth = "tcp 10.0.0.1:40000 > 10.0.0.2:443".to_owned();
        let both = |a, b| vec![record(server, client, Accept, a, 5), record(client, server, Accept, b, 5)];
        assert_eq!(told(both(None, None)), [(forth.clone(), Some(Accept), true)], "by the ports");
        assert_eq!(told(both(Some(18), Some(3))), [(forth.clone(), Some(Accept), false)], "by the flags");
        let back = "tcp 10.0.0.2:443 > 10.0.0.1:40000".to_owned();
        assert_eq!(told(both(Some(2), Some(18))), [(back.clone(), Some(Accept), false)]);
        let rejected = vec![record(server, client, Reject, None, 5)];
        assert_eq!(told(rejected), [(back, Some(Reject), true)], "only an opening is rejected");
        let later = vec![record(client, server, Accept, None, 5), record(client, server, Reject, None, 500)];
        assert_eq!(told(later), [Accept, Reject].map(|logged| (forth.clone(), Some(logged), true)));
        let apart = vec![record(client, server, Accept, None, 5), record(client, server, Accept, None, 700)];
        assert_eq!(told(apart).len(), 2, "another conversation");
        let answer = vec![record(server, client, Accept, None, 5)];
        assert_eq!(told(answer), [(forth, None, true)], "only the answer was logged");
    }
}
