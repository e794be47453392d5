//! One record per packet: the contract that other tools are compared with. Field by field in `docs/output.md`.

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;

use ::csv::Writer;
use serde::Serialize;

use crate::compile::Matcher;
use crate::packet::{Content, IpPacket, Protocol, Transport};
use crate::policy::Policy;
use crate::replay::{Judged, StepVerdict};

use super::json::schema::{Groups, List, Step, Text};
use super::json::{groups_of, packet_step};
use super::time::Rfc3339;

/// How files of records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header line.
    Csv,
}

impl RecordFormat {
    /// The format that a file's name asks for: CSV by `.csv`, else NDJSON.
    pub fn of(path: &Path) -> Self {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::Ndjson }
    }
}

/// The NDJSON record, keys in this order. `icmp` and `vlans` stand only where there is something to tell.
#[derive(Serialize)]
struct Record<S, V> {
    frame: u64,
    time: Rfc3339,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    protocol: Option<Text<Protocol>>,
    sport: Option<u16>,
    dport: Option<u16>,
    length: u32,
    verdict: &'static str,
    reason: &'static str,
    connection: Option<u64>,
    steps: S,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<IcmpFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlans: Option<V>,
}

#[derive(Serialize)]
struct IcmpFields {
    #[serde(rename = "type")]
    kind: u8,
    code: u8,
}

/// The columns of the CSV form.
const COLUMNS: [&str; 24] = [
    "frame",
    "time",
    "src",
    "dst",
    "protocol",
    "sport",
    "dport",
    "length",
    "verdict",
    "reason",
    "connection",
    "egress_interface",
    "egress_verdict",
    "egress_reason",
    "egress_rule",
    "egress_groups",
    "ingress_interface",
    "ingress_verdict",
    "ingress_reason",
    "ingress_rule",
    "ingress_groups",
    "icmp_type",
    "icmp_code",
    "vlans",
];

/// Where records go.
#[derive(Debug)]
enum Sink<W: Write> {
    Ndjson(BufWriter<W>),
    Csv(Box<Writer<W>>),
}

/// Writes one record for each frame it is given, in that order.
pub struct PacketWriter<'a, W: Write> {
    policy: &'a Policy,
    matcher: &'a dyn Matcher,
    sink: Sink<W>,
    /// Scratch for the fields of CSV.
    text: String,
}

impl<W: Write> std::fmt::Debug for PacketWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketWriter").finish_non_exhaustive()
    }
}

impl<'a, W: Write> PacketWriter<'a, W> {
    /// A writer into `out`, which needs no buffer of its own. CSV begins with its header line.
    pub fn new(
        policy: &'a Policy,
        matcher: &'a dyn Matcher,
        format: RecordFormat,
        out: W,
    ) -> io::Result<Self> {
        const BUFFER: usize = 1 << 16;
        let sink = match format {
            RecordFormat::Ndjson => Sink::Ndjson(BufWriter::with_capacity(BUFFER, out)),
            RecordFormat::Csv => {
                let mut csv = ::csv::WriterBuilder::new().buffer_capacity(BUFFER).from_writer(out);
                csv.write_record(COLUMNS)?;
                Sink::Csv(Box::new(csv))
            }
        };
        Ok(Self { policy, matcher, sink, text: String::new() })
    }

    /// Writes the record of a frame.
    pub fn write(&mut self, judged: &Judged) -> io::Result<()> {
        let ip = header(judged);
        match &mut self.sink {
            Sink::Ndjson(out) => {
                serde_json::to_writer(&mut *out, &record(self.policy, self.matcher, judged, ip.as_ref()))?;
                out.write_all(b"\n")
            }
            Sink::Csv(csv) => {
                let mut row = Row { csv, text: &mut self.text };
                row.frame(self.policy, self.matcher, judged, ip.as_ref())
            }
        }
    }

    /// Writes what is still held back.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Ndjson(out) => out.flush(),
            Sink::Csv(csv) => csv.flush(),
        }
    }
}

/// The header that the record tells: for a fragment that of its datagram, as far as it is known.
const fn header(judged: &Judged) -> Option<IpPacket> {
    match (judged.header, judged.packet.content) {
        (Some(ip), _) | (None, Content::Ip(ip)) => Some(ip),
        (None, _) => None,
    }
}

const fn icmp(ip: &IpPacket) -> Option<IcmpFields> {
    match ip.transport {
        Transport::Icmp(icmp) => Some(IcmpFields { kind: icmp.kind, code: icmp.code }),
        _ => None,
    }
}

fn record<'r>(
    policy: &'r Policy,
    matcher: &'r dyn Matcher,
    judged: &'r Judged,
    ip: Option<&'r IpPacket>,
) -> impl Serialize + 'r {
    let ports = ip.and_then(IpPacket::ports);
    let judgement = &judged.judgement;
    let step = move |step: &'r StepVerdict| -> Step<'r> {
        packet_step(policy, step, groups_of(policy, matcher, step, ip))
    };
    let tagged = ip.map(|ip| ip.domain).filter(|domain| domain.vlans().next().is_some());
    Record {
        frame: judged.frame,
        time: Rfc3339(judged.packet.time),
        src: ip.map(IpPacket::source),
        dst: ip.map(IpPacket::destination),
        protocol: ip.map(|ip| Text(ip.protocol)),
        sport: ports.map(|ports| ports.0),
        dport: ports.map(|ports| ports.1),
        length: judged.packet.length,
        verdict: judgement.verdict().code(),
        reason: judgement.reason.code(),
        connection: judgement.connection.map(|id| id.number()),
        steps: List(move || judgement.steps.iter().map(step)),
        icmp: ip.and_then(icmp),
        vlans: tagged.map(|domain| List(move || domain.vlans())),
    }
}

/// A line of CSV in the making.
struct Row<'r, W: Write> {
    csv: &'r mut Writer<W>,
    text: &'r mut String,
}

impl<W: Write> Row<'_, W> {
    /// A field, empty for nothing.
    fn field(&mut self, value: Option<impl std::fmt::Display>) -> io::Result<()> {
        use std::fmt::Write as _;
        self.text.clear();
        if let Some(value) = value {
            // A `String` takes all that it is given.
            let _ = write!(self.text, "{value}");
        }
        Ok(self.csv.write_field(&*self.text)?)
    }

    fn frame(
        &mut self,
        policy: &Policy,
        matcher: &dyn Matcher,
        judged: &Judged,
        ip: Option<&IpPacket>,
    ) -> io::Result<()> {
        let judgement = &judged.judgement;
        let ports = ip.and_then(IpPacket::ports);
        self.field(Some(judged.frame))?;
        self.field(Some(Rfc3339(judged.packet.time)))?;
        self.field(ip.map(IpPacket::source))?;
        self.field(ip.map(IpPacket::destination))?;
        self.field(ip.map(|ip| ip.protocol))?;
        self.field(ports.map(|ports| ports.0))?;
        self.field(ports.map(|ports| ports.1))?;
        self.field(Some(judged.packet.length))?;
        self.field(Some(judgement.verdict()))?;
        self.field(Some(judgement.reason))?;
        self.field(judgement.connection.map(|id| id.number()))?;
        for step in [judgement.steps.egress, judgement.steps.ingress] {
            self.field(step.map(|step| policy.interface(step.interface).name.as_str()))?;
            self.field(step.map(|step| step.reason.verdict()))?;
            self.field(step.map(|step| step.reason))?;
            self.field(step.and_then(|step| step.rule).map(|id| policy.rule(id).name.as_str()))?;
            let groups = step.map(|step| groups_of(policy, matcher, &step, ip));
            self.field(groups.map(Said))?;
        }
        let icmp = ip.and_then(icmp);
        self.field(icmp.as_ref().map(|icmp| icmp.kind))?;
        self.field(icmp.map(|icmp| icmp.code))?;
        self.field(ip.map(|ip| Vlans(ip.domain)))?;
        Ok(self.csv.write_record(None::<&[u8]>)?)
    }
}

/// `node=node/egress/1 extra=-`.
struct Said<'a>(Groups<'a>);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (group, rule)) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{group}={}", rule.unwrap_or("-"))?;
        }
        Ok(())
    }
}

/// VLAN identifiers, outermost first: `100 5`.
pub(super) struct Vlans(pub crate::packet::Domain);

impl std::fmt::Display for Vlans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, vlan) in self.0.vlans().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{vlan}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Sample;
    use super::*;

    fn written(sample: &Sample, format: RecordFormat) -> String {
        sample.written(|results, out| {
            let mut writer = PacketWriter::new(results.policy, results.matcher, format, out)?;
            sample.judged.iter().try_for_each(|judged| writer.write(judged))?;
            writer.finish()
        })
    }

    #[test]
    fn ndjson() {
        let text = written(&Sample::cluster(), RecordFormat::Ndjson);
        insta::assert_snapshot!(text);
        let frames: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["frame"].as_u64().unwrap())
            .collect();
        assert_eq!(frames, (1..=33).collect::<Vec<_>>(), "every frame has exactly one record");
    }

    /// The contract, byte by byte: keys and their order.
    #[test]
    fn the_record_is_as_promised() {
        let text = written(&Sample::cluster(), RecordFormat::Ndjson);
        let line = |frame: usize| text.lines().nth(frame - 1).unwrap();
        assert_eq!(
            line(7),
            concat!(
                r#"{"frame":7,"time":"2026-11-21T10:00:00.600000000Z","src":"198.51.100.7","dst":"192.168.0.21","#,
                r#""protocol":"tcp","sport":1001,"dport":10250,"length":74,"verdict":"drop","reason":"no-rule","#,
                r#""connection":3,"steps":[{"interface":"node-1","direction":"ingress","verdict":"drop","#,
                r#""reason":"no-rule","rule":null,"groups":{"node":null,"extra":null}}]}"#
            )
        );
        assert_eq!(
            line(12),
            concat!(
                r#"{"frame":12,"time":"2026-11-21T10:00:01.100000000Z","src":"10.0.1.5","dst":"8.8.8.8","#,
                r#""protocol":"icmp","sport":null,"dport":null,"length":98,"verdict":"allow","reason":"rule","#,
                r#""connection":7,"steps":[{"interface":"node-1","direction":"egress","verdict":"allow","#,
                r#""reason":"rule","rule":"node/egress/1","groups":{"node":"node/egress/1","extra":null}}],"#,
                r#""icmp":{"type":8,"code":0},"vlans":[5]}"#
            )
        );
        assert_eq!(
            line(16),
            concat!(
                r#"{"frame":16,"time":"2026-11-21T10:00:01.500000000Z","src":null,"dst":null,"protocol":null,"#,
                r#""sport":null,"dport":null,"length":60,"verdict":"not-subject","reason":"link-local-control","#,
                r#""connection":null,"steps":[]}"#
            )
        );
    }

    #[test]
    fn csv() {
        let text = written(&Sample::cluster(), RecordFormat::Csv);
        insta::assert_snapshot!(text);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.records().map(Result::unwrap).count(), 33);
    }

    #[test]
    fn a_name_tells_the_format() {
        assert_eq!(RecordFormat::of(Path::new("a/b.CSV")), RecordFormat::Csv);
        assert_eq!(RecordFormat::of(Path::new("b.ndjson")), RecordFormat::Ndjson);
        assert_eq!(RecordFormat::of(Path::new("-")), RecordFormat::Ndjson);
    }
}
