//! One record per packet: the contract that other tools are compared with. Field by field in `docs/output.md`.

mod csv;
mod format;
mod ndjson;

pub use format::RecordFormat;

use std::io::{self, BufWriter, Write};

use crate::compile::Matcher;
use crate::packet::{Content, Icmp, IpPacket, Transport};
use crate::policy::Policy;
use crate::replay::Judged;

use super::csv::plain;

/// Where records go.
#[derive(Debug)]
enum Sink<W: Write> {
    Ndjson(BufWriter<W>),
    Csv(Box<::csv::Writer<W>>),
}

/// Writes one record for each frame it is given, in that order.
pub struct PacketWriter<'a, W: Write> {
    policy: &'a Policy,
    matcher: &'a dyn Matcher,
    sink: Sink<W>,
    /// Scratch: a line of NDJSON, a field of CSV.
    scratch: Vec<u8>,
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
                csv.write_record(csv::COLUMNS).map_err(plain)?;
                Sink::Csv(Box::new(csv))
            }
        };
        Ok(Self { policy, matcher, sink, scratch: Vec::new() })
    }

    /// Writes the record of a frame.
    pub fn write(&mut self, judged: &Judged) -> io::Result<()> {
        let ip = header(judged);
        match &mut self.sink {
            Sink::Ndjson(out) => {
                let record = ndjson::record(self.policy, self.matcher, judged, ip.as_ref());
                self.scratch.clear();
                serde_json::to_writer(&mut self.scratch, &record)?;
                self.scratch.push(b'\n');
                out.write_all(&self.scratch)
            }
            Sink::Csv(out) => {
                let mut row = csv::Row { csv: out, scratch: &mut self.scratch };
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

const fn icmp(ip: &IpPacket) -> Option<Icmp> {
    match ip.transport {
        Transport::Icmp(icmp) => Some(icmp),
        _ => None,
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
    fn what_tunnels_carry_follows_their_packets() {
        insta::assert_snapshot!("tunnels", written(&Sample::tunnels(), RecordFormat::Ndjson));
        insta::assert_snapshot!("tunnels_csv", written(&Sample::tunnels(), RecordFormat::Csv));
    }

    #[test]
    fn csv() {
        let text = written(&Sample::cluster(), RecordFormat::Csv);
        insta::assert_snapshot!(text);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.records().map(Result::unwrap).count(), 33);
    }
}
