//! Makes large captures for measurements out of a shipped one: `make-captures FOLDER [MEBIBYTES]`.
//!
//! Every copy of the shipped capture is a cluster of its own: each host has one first octet in all copies, the other
//! three are the copy's number. So the scenario that goes with the captures owns all of them as networks behind a few
//! interfaces. 64 clusters run at the same time, their packets interleaved.
//!
//! `mixed.pcap` repeats packets with payload and stretches them to sizes as the Internet has them; `small.pcap` cuts
//! payloads off. The scans in the shipped capture are in every eighth copy only.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use sgsim::capture::{CaptureReader, decode};
use sgsim::packet::{Content, TcpFlags, Transport};

/// Clusters that run at the same time.
const AT_ONCE: u32 = 64;
/// Frame lengths that packets with payload are stretched to, one after the other; 0 leaves them.
const SIZES: [usize; 8] = [0, 0, 0, 0, 300, 0, 0, 1514];

const SCENARIO: &str = "\
# Goes with mixed.pcap and small.pcap: each host of the shipped cluster has a first octet, one address in each copy.
preset: cce/tunnel
with: { vpc: 160.0.0.0/4, container: 16.0.0.0/4, master: 160.0.0.0/8 }
interfaces:
  master-1: { addresses: 192.168.0.10, behind: [160.0.0.0/8, \"fd00:192:10::/48\"], groups: [control] }
  node-1: { addresses: 192.168.0.21, behind: [161.0.0.0/8, \"fd00:192:21::/48\"], groups: [node] }
  node-2: { addresses: 192.168.0.22, behind: [162.0.0.0/8, \"fd00:192:22::/48\"], groups: [node] }
  node-3: { addresses: 192.168.0.23, behind: 163.0.0.0/8, groups: [node] }
";

/// A frame of the shipped capture.
struct Frame {
    /// Nanoseconds after the first.
    after: u64,
    bytes: Vec<u8>,
    /// Where the network header starts.
    network: usize,
    /// TCP or UDP with payload, whole.
    has_payload: bool,
    /// Part of a scan.
    is_scan: bool,
}

fn frames(path: &Path) -> Result<Vec<Frame>, Box<dyn Error>> {
    let mut reader = CaptureReader::open(path)?;
    let (mut frames, mut start) = (Vec::new(), None);
    while let Some(record) = reader.next_record()? {
        let time = record.time.0;
        let after = u64::try_from(time - *start.get_or_insert(time)).unwrap_or(0);
        let content = decode(record.link, record.bytes, record.wire_length);
        let bytes = record.bytes.to_vec();
        let (mut has_payload, mut is_scan) = (false, false);
        if let Content::Ip(ip) = content {
            let scanner = |address: std::net::IpAddr| address.to_string() == "198.51.100.66";
            is_scan = (scanner(ip.source()) || scanner(ip.destination()))
                && matches!(ip.transport, Transport::Tcp { .. });
            has_payload = ip.fragment.is_none()
                && ip.addresses.family() == sgsim::packet::Family::V4
                && match ip.transport {
                    Transport::Tcp { flags, .. } => {
                        let header = 34 + usize::from(bytes[46] >> 4) * 4;
                        !flags.has(TcpFlags::SYN) && bytes.len() > header.max(60)
                    }
                    Transport::Ports { .. } => true,
                    _ => false,
                };
        }
        frames.push(Frame { after, bytes, network: 14, has_payload, is_scan });
    }
    Ok(frames)
}

/// The first octets of hosts, given out as they are met.
#[derive(Default)]
struct Octets(BTreeMap<[u8; 4], u8>);

impl Octets {
    fn of(&mut self, address: [u8; 4]) -> u8 {
        let known = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        match address {
            [192, 168, 0, 10] => 160,
            [192, 168, 0, host @ 21..=23] => 140 + host,
            [192, 168, ..] => 170,
            [203 | 198 | 172, ..] => address[0],
            _ => *self.0.entry(address).or_insert(32_u8.saturating_add(known)),
        }
    }

    fn rewrite(&mut self, address: &mut [u8], copy: u32) {
        let Ok(old) = <[u8; 4]>::try_from(&*address) else { return };
        if matches!(old, [0 | 169 | 224..=255, ..]) {
            return;
        }
        let [_, a, b, c] = copy.to_be_bytes();
        address.copy_from_slice(&[self.of(old), a, b, c]);
    }
}

fn rewrite_v6(address: &mut [u8], copy: u32) {
    if address[0] == 0xfd {
        address[4] = 0;
        address[5] = address[15];
        address[8..12].copy_from_slice(&copy.to_be_bytes());
    }
}

/// Gives a frame the addresses of a copy.
fn readdress(bytes: &mut [u8], network: usize, octets: &mut Octets, copy: u32) {
    match (bytes.get(12..14), bytes.len()) {
        (Some([0x08, 0x00]), 34..) => {
            octets.rewrite(&mut bytes[network + 12..network + 16], copy);
            octets.rewrite(&mut bytes[network + 16..network + 20], copy);
            // What an ICMP error quotes.
            if bytes[network + 9] == 1 && matches!(bytes[network + 20], 3 | 11) && bytes.len() >= 62 {
                octets.rewrite(&mut bytes[54..58], copy);
                octets.rewrite(&mut bytes[58..62], copy);
            }
        }
        (Some([0x86, 0xdd]), 54..) => {
            rewrite_v6(&mut bytes[22..38], copy);
            rewrite_v6(&mut bytes[38..54], copy);
        }
        _ => {}
    }
}

/// Changes the length of an IPv4 frame with payload.
fn resize(bytes: &mut Vec<u8>, length: usize) {
    bytes.resize(length, 0);
    let total = u16::try_from(length - 14).unwrap_or(u16::MAX);
    bytes[16..18].copy_from_slice(&total.to_be_bytes());
    if bytes[23] == 17 {
        bytes[38..40].copy_from_slice(&(total - 20).to_be_bytes());
    }
}

fn write(frames: &[Frame], path: &Path, size: u64, small: bool) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0])?;
    out.write_all(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
    let (mut written, mut wave, mut packets, mut turn) = (24_u64, 0_u32, 0_u64, 0);
    let mut octets = Octets::default();
    let mut bytes = Vec::new();
    let length = frames.last().map_or(0, |frame| frame.after) + 1_000_000_000;
    let repeat = if small { 1 } else { 4 };
    'all: loop {
        for frame in frames {
            for copy in wave * AT_ONCE..(wave + 1) * AT_ONCE {
                if frame.is_scan && copy % 8 != 0 {
                    continue;
                }
                for again in 0..if frame.has_payload { repeat } else { 1 } {
                    bytes.clone_from(&frame.bytes);
                    if frame.has_payload && small {
                        let headers = if bytes[23] == 6 { 34 + usize::from(bytes[46] >> 4) * 4 } else { 42 };
                        let most = bytes.len();
                        resize(&mut bytes, (headers + 8).max(60).min(most));
                    } else if frame.has_payload {
                        turn = (turn + 1) % SIZES.len();
                        let length = bytes.len().max(SIZES[turn]);
                        resize(&mut bytes, length);
                    }
                    readdress(&mut bytes, frame.network, &mut octets, copy);
                    let time = 1_700_000_000_000_000_000
                        + u64::from(wave) * length
                        + frame.after
                        + u64::from(copy % AT_ONCE) * 100_000
                        + again * 1000;
                    out.write_all(&u32::try_from(time / 1_000_000_000)?.to_le_bytes())?;
                    out.write_all(&u32::try_from(time % 1_000_000_000 / 1000)?.to_le_bytes())?;
                    let length = u32::try_from(bytes.len())?.to_le_bytes();
                    out.write_all(&length)?;
                    out.write_all(&length)?;
                    out.write_all(&bytes)?;
                    written += 16 + bytes.len() as u64;
                    packets += 1;
                    if written >= size {
                        break 'all;
                    }
                }
            }
        }
        wave += 1;
    }
    out.flush()?;
    let mut told = std::io::stderr();
    writeln!(told, "{}: {packets} packets, {written} bytes", path.display())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: make-captures FOLDER [MEBIBYTES]")?;
    let size = arguments.next().map_or(Ok(1024), |text| text.parse::<u64>())? << 20;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("scenario.yaml"), SCENARIO)?;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.pcap");
    let frames = frames(&shipped)?;
    write(&frames, &folder.join("mixed.pcap"), size, false)?;
    write(&frames, &folder.join("small.pcap"), size, true)
}
