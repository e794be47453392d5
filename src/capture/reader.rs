//! One capture, frame by frame.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::{CaptureError, CaptureProblem, Fault};
use super::pcap::{self, Pcap};
use super::pcapng::{self, PcapNg};
use super::source::{Located, Source};
use super::{LinkCounts, LinkType, TunnelPorts, decode, decode_layers};
use crate::packet::{Layer, Packet, Timestamp};

/// A frame as it is in the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was captured. A pcapng simple packet, which has no time, takes that of the packet before.
    pub time: Timestamp,
    /// What its first byte is.
    pub link: LinkType,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire.
    pub wire_length: u32,
}

/// A frame, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What was found in it.
    pub packet: Packet,
    /// What its first byte is.
    pub link: LinkType,
    /// Bytes that were captured; less than [`Packet::length`] where the snap length cut it.
    pub captured: u32,
}

impl Record<'_> {
    /// Decodes the frame.
    pub fn frame(&self) -> Frame {
        Frame {
            packet: Packet {
                time: self.time,
                length: self.wire_length,
                content: decode(self.link, self.bytes, self.wire_length),
            },
            link: self.link,
            captured: u32::try_from(self.bytes.len()).unwrap_or(u32::MAX),
        }
    }
}

impl Record<'_> {
    /// The packets of the frame, outermost first, with what tunnels in it carry.
    pub fn layers(&self, ports: &TunnelPorts) -> Vec<Layer> {
        decode_layers(self.link, self.time, self.bytes, self.wire_length, ports)
    }
}

#[derive(Debug)]
enum Container {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// Reads a pcap or pcapng capture, told apart by content; gzip, zstd and lz4 are undone on the way, likewise by content.
///
/// Only packets are frames: where Wireshark numbers pcapng's custom and journal blocks too, its numbers run ahead.
///
/// Memory stays at a buffer of the longest record seen. No record over 256 KiB is accepted (128 MiB for D-Bus,
/// `USBPcap` and EBHSCR): libpcap's and Wireshark's bound.
#[derive(Debug)]
pub struct CaptureReader {
    name: String,
    source: Source,
    container: Container,
    finished: bool,
    /// Frames that cannot be decoded, and where the link type of the first of them is told.
    unsupported: Option<(u64, LinkCounts)>,
}

impl CaptureReader {
    /// Opens a file and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let failed = |problem| CaptureError::new(name.clone(), 0, problem);
        let file = File::open(path).map_err(|error| failed(CaptureProblem::Open(error)))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(failed(CaptureProblem::Directory));
        }
        Self::new(name, file)
    }

    /// Opens a capture of several. All but the last may have to be read twice, which a pipe does not allow.
    pub(super) fn open_in(path: &Path, is_last: bool) -> Result<Self, CaptureError> {
        let is_pipe = path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if is_pipe && !is_last {
            return Err(CaptureError::new(path.display().to_string(), 0, CaptureProblem::Pipe));
        }
        Self::open(path)
    }

    /// Reads the header of a capture from any source of bytes; `name` is what errors call it.
    pub fn new(name: impl Into<String>, reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let name = name.into();
        let opened = Source::new(Box::new(reader)).decompressed().and_then(|mut source| {
            let container = container(&mut source)?;
            Ok((source, container))
        });
        match opened {
            Ok((source, container)) => {
                Ok(Self { name, source, container, finished: false, unsupported: None })
            }
            Err(fault) => Err(fault.named(&name)),
        }
    }

    /// The capture, as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next frame as it is in the capture; `None` at its end, and after an error.
    ///
    /// Frames of an unsupported link type are given like all others; that there were any is an error at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.finished {
            return Ok(None);
        }
        let located = match &mut self.container {
            Container::Pcap(pcap) => pcap.next(&mut self.source),
            Container::PcapNg(pcapng) => pcapng.next(&mut self.source),
        };
        match located {
            Ok(Some(Located { time, link, bytes, wire_length, described })) => {
                if !link.is_supported() {
                    self.unsupported.get_or_insert_with(|| (described, LinkCounts::default())).1.add(link);
                }
                Ok(Some(Record { time, link, bytes: self.source.bytes(bytes), wire_length }))
            }
            Ok(None) => {
                self.finished = true;
                match self.unsupported.take() {
                    Some((offset, links)) => {
                        Err(CaptureError::new(self.name.clone(), offset, CaptureProblem::LinkType(links)))
                    }
                    None => Ok(None),
                }
            }
            Err(fault) => {
                self.finished = true;
                Err(fault.named(&self.name))
            }
        }
    }

    /// The next frame, decoded; `None` at the end of the capture, and after an error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        Ok(self.next_record()?.map(|record| record.frame()))
    }
}

fn container(source: &mut Source) -> Result<Container, Fault> {
    let start = source.peek(4)?.to_vec();
    match start.first_chunk() {
        Some(&pcapng::SECTION) => Ok(Container::PcapNg(PcapNg::new())),
        Some(&magic) if pcap::is_magic(magic) => Pcap::new(source).map(Container::Pcap),
        _ if start.is_empty() => Err(source.fault(CaptureProblem::Empty)),
        _ => Err(source.fault(CaptureProblem::NotACapture(start))),
    }
}
