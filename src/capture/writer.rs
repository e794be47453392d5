//! Captures out: pcap and pcapng, little-endian, nanoseconds, one link type.

use std::io::{self, Write};

use crate::packet::Timestamp;

use super::LinkType;

/// The container of a capture that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaptureFormat {
    /// Classic pcap with nanoseconds (draft-ietf-opsawg-pcap).
    #[default]
    Pcap,
    /// pcapng (draft-ietf-opsawg-pcapng).
    Pcapng,
}

/// No frame that is written is longer.
const SNAPLEN: u32 = 262_144;

/// Writes frames as a capture.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    out: W,
    format: CaptureFormat,
}

/// Bytes up to the next multiple of four.
const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

impl<W: Write> CaptureWriter<W> {
    /// Starts a capture of frames of one link type. `comment` says where it comes from; classic pcap has no place for it.
    pub fn new(mut out: W, format: CaptureFormat, link: LinkType, comment: &str) -> io::Result<Self> {
        let mut head = Vec::new();
        match format {
            CaptureFormat::Pcap => {
                head.extend_from_slice(&0xa1b2_3c4d_u32.to_le_bytes());
                head.extend_from_slice(&[2, 0, 4, 0]);
                head.extend_from_slice(&[0; 8]);
                head.extend_from_slice(&SNAPLEN.to_le_bytes());
                head.extend_from_slice(&link.0.to_le_bytes());
            }
            CaptureFormat::Pcapng => {
                let comment = &comment.as_bytes()[..comment.len().min(1 << 14)];
                let mut body = Vec::new();
                body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
                body.extend_from_slice(&[1, 0, 0, 0]);
                body.extend_from_slice(&[0xff; 8]);
                option(&mut body, 1, comment);
                option(&mut body, 0, &[]);
                block(&mut head, 0x0a0d_0d0a, &body);
                let mut body = Vec::new();
                body.extend_from_slice(&link.0.to_le_bytes());
                body.extend_from_slice(&SNAPLEN.to_le_bytes());
                // if_tsresol: 10^-9 s.
                option(&mut body, 9, &[9]);
                option(&mut body, 0, &[]);
                block(&mut head, 1, &body);
            }
        }
        out.write_all(&head)?;
        Ok(Self { out, format })
    }

    /// Writes a frame, all of it. Times are those that the format can hold: from 1970, in classic pcap up to 2106.
    pub fn write(&mut self, time: Timestamp, frame: &[u8]) -> io::Result<()> {
        let beyond = || io::Error::new(io::ErrorKind::InvalidInput, "the time does not fit into the capture");
        let length = u32::try_from(frame.len()).map_err(|_| beyond())?;
        let time = u64::try_from(time.0).map_err(|_| beyond())?;
        match self.format {
            CaptureFormat::Pcap => {
                let seconds = u32::try_from(time / 1_000_000_000).map_err(|_| beyond())?;
                let rest = u32::try_from(time % 1_000_000_000).map_err(|_| beyond())?;
                let words = [seconds, rest, length, length].map(u32::to_le_bytes);
                self.out.write_all(words.as_flattened())?;
                self.out.write_all(frame)
            }
            CaptureFormat::Pcapng => {
                let padding = padding(frame.len());
                let total = u32::try_from(32 + frame.len() + padding).map_err(|_| beyond())?;
                let (high, low) =
                    (u32::try_from(time >> 32).unwrap_or(0), u32::try_from(time & 0xffff_ffff).unwrap_or(0));
                let words = [6, total, 0, high, low, length, length].map(u32::to_le_bytes);
                self.out.write_all(words.as_flattened())?;
                self.out.write_all(frame)?;
                self.out.write_all(&[0; 3][..padding])?;
                self.out.write_all(&total.to_le_bytes())
            }
        }
    }

    /// Writes what is still held back.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(value);
    body.resize(body.len() + padding(value.len()), 0);
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let total = u32::try_from(12 + body.len()).unwrap_or(0).to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&total);
    out.extend_from_slice(body);
    out.extend_from_slice(&total);
}
