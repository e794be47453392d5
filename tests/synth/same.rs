//! The packet that replay gets and the bytes that a capture gets say the same.

use sgsim::capture::{CaptureFormat, CaptureReader, CaptureWriter, LinkType, decode};
use sgsim::packet::Timestamp;
use sgsim::synth::{Stream, Workload};

use crate::support::{builtin, plan, scenario, shipped};

/// Everything that can go wrong, of both families, in and out of tunnels.
pub(crate) const ODD: &str = "
duration: 20s
traffic:
  tcp: &tcp
    from: outside
    to: group node
    service: tcp 443,10250-10260
    count: 200
    lasts: exponential 200ms
    exchanges: 1-4
    request: log-normal 900 1.2 most 100k
    reply: pareto 700 1.1 most 300k
    anomalies:
      retransmission: 3%
      out-of-order: 3%
      fragment: 5%
      reset: 10%
      half-open: 5%
      icmp-error: 5%
      mid-stream: 5%
      spoofed: 5%
      scan: 5%
  udp: { from: group node, to: outside, service: 'udp 53,123,20000', count: 100, request: 0-5000, reply: 1-9000, anomalies: { icmp-error: 10%, fragment: 20%, spoofed: 5% } }
  ping: { from: outside, to: group node, service: icmp, count: 40, request: 2k, exchanges: 2, anomalies: { icmp-error: 10%, fragment: 10% } }
  error: { from: outside, to: group node, service: icmp fragmentation-needed, count: 5 }
  gre: { from: outside, to: group node, service: gre, count: 5 }
  in-tunnel: { from: container, to: container, inside: { from: group control, to: group node }, service: tcp 22, count: 20, exchanges: 3, reply: 20k, anomalies: { fragment: 5%, out-of-order: 5% } }
  tcp6: { from: outside, to: group node, family: ipv6, service: tcp 80, count: 30, exchanges: 2, reply: 9k, anomalies: { icmp-error: 20%, fragment: 10%, reset: 10% } }
  udp6: { from: group node, to: outside, family: ipv6, service: udp 20000, count: 30, request: 3k, reply: 3k, anomalies: { icmp-error: 20% } }
  ping6: { from: outside, to: group node, family: ipv6, service: icmp, count: 20, anomalies: { icmp-error: 20% } }
";

#[test]
fn bytes_decode_to_the_packet() {
    let scenario = scenario(&shipped("cce-tunnel"));
    let odd = Workload::parse("odd", &ODD.replace("&tcp", ""));
    for loaded in [odd, builtin("cce/tunnel")] {
        let plan = plan(loaded, &scenario, 1);
        let mut bytes = Vec::new();
        let mut before = Timestamp(0);
        let mut count = 0;
        for segment in Stream::new(&plan) {
            bytes.clear();
            segment.write(&mut bytes);
            let packet = segment.packet();
            assert_eq!(bytes.len(), packet.length as usize, "{segment:?}");
            assert_eq!(decode(LinkType::ETHERNET, &bytes, packet.length), packet.content, "{segment:?}");
            assert!(before <= segment.time, "in order of time");
            before = segment.time;
            count += 1;
        }
        assert!(count > 1000, "{count}");
    }
}

/// Our own reader finds in a written capture what was made.
#[test]
fn written_captures_read_back() {
    let scenario = scenario(&shipped("cce-vpc"));
    let plan = plan(builtin("cce/vpc"), &scenario, 1);
    let made: Vec<_> = Stream::new(&plan).map(|segment| segment.packet()).collect();
    for format in [CaptureFormat::Pcap, CaptureFormat::Pcapng] {
        let mut file = Vec::new();
        let mut writer = CaptureWriter::new(&mut file, format, LinkType::ETHERNET, "made by a test").unwrap();
        let mut bytes = Vec::new();
        for segment in Stream::new(&plan) {
            bytes.clear();
            segment.write(&mut bytes);
            writer.write(segment.time, &bytes).unwrap();
        }
        writer.finish().unwrap();
        let mut reader = CaptureReader::new("made", std::io::Cursor::new(file)).unwrap();
        let mut read = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            read.push(frame.packet);
        }
        assert_eq!(read, made);
    }
}

/// The first packets of a seed, as they must stay on every machine: whoever notes a seed relies on them.
#[test]
fn a_seed_stands_for_its_bytes() {
    let scenario = scenario(&shipped("cce-tunnel"));
    let hash = |seed| {
        let mut planned = builtin("cce/tunnel");
        planned.workload.as_mut().unwrap().seed = Some(seed);
        let plan = plan(planned, &scenario, 1);
        let mut bytes = Vec::new();
        for segment in Stream::new(&plan) {
            bytes.extend_from_slice(&segment.time.0.to_be_bytes());
            segment.write(&mut bytes);
        }
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    assert_ne!(hash(1), hash(2));
    assert_eq!(format!("{:016x}", hash(1)), "00ed226d52cd5598");
}
