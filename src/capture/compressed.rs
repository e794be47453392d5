//! Compressed captures: gzip (RFC 1952), zstd (RFC 8878) and lz4 frames, told by their content.
//!
//! They are streamed: memory is a window of the format, whatever the stream claims or unfolds to, so a bomb costs time
//! only. Concatenated streams are read as one, as the formats' own tools do. What was there before an error is given
//! first (before damage to a gzip stream, all but the last 4 KiB); the error then names the byte of both streams.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstdDecoder};

/// The largest zstd window that is accepted: what every level up to 20 stays within. Larger ones are memory that a small
/// file may ask for.
const ZSTD_WINDOW: u64 = 32 << 20;
/// Bytes that are decompressed at once.
const STEP: usize = 64 << 10;
/// The same for gzip.
const GZIP_STEP: usize = 4 << 10;

/// A format of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Lz4,
    /// Zstd or lz4: what follows the skippable frames tells.
    Skippable,
}

impl Compression {
    /// The format of a stream that starts with these bytes.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *start.first_chunk()?;
        match [a, b, c, d] {
            // A gzip stream's method is 8, deflate; no other was ever given out.
            [0x1f, 0x8b, 8, _] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Self::Zstd),
            // A frame to be stepped over, which parallel compressors write first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Skippable),
            // An lz4 frame, or one of its legacy form.
            [0x04, 0x22, 0x4d, 0x18] | [0x02, 0x21, 0x4c, 0x18] => Some(Self::Lz4),
            _ => None,
        }
    }

    /// The bytes that a compressed stream stands for.
    pub(super) fn open(self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let input = Input { reader: BufReader::with_capacity(STEP, reader), offset: 0, ended: false };
        Box::new(Decompressed { format: self, decoder: self.decoder(input), offset: 0 })
    }

    fn decoder(self, input: Input) -> Decoder {
        match self {
            Self::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(input))),
            Self::Zstd => {
                let mut decoder = ZstdDecoder::new();
                decoder.set_max_window_size(ZSTD_WINDOW);
                Decoder::Zstd(Box::new(Zstd { decoder, input, in_frame: false, error: None }))
            }
            Self::Lz4 => Decoder::Lz4(Box::new(Lz4 { decoder: Lz4Decoder::new(input), frame: None })),
            Self::Skippable => Decoder::Undecided(input),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Skippable => "zstd or lz4",
        })
    }
}

/// Why a compressed stream cannot be read further.
#[derive(Debug, thiserror::Error)]
#[error("the {format} stream {problem}, at byte {compressed} of it, byte {decompressed} of what it holds")]
struct Damage {
    format: Compression,
    problem: String,
    compressed: u64,
    decompressed: u64,
}

/// The compressed side, which knows where it is.
struct Input {
    reader: BufReader<Box<dyn Read + Send>>,
    offset: u64,
    /// Whether its end was met.
    ended: bool,
}

impl Input {
    /// No bytes: what stands for an input that is taken out.
    fn nothing() -> Self {
        Self { reader: BufReader::with_capacity(0, Box::new(io::empty())), offset: 0, ended: true }
    }

    /// Steps over skippable frames (RFC 8878 section 3.1.2), and gives the first byte behind them; `None` at the end.
    fn behind_skippable(&mut self) -> io::Result<Option<u8>> {
        while let Some(&first) = self.fill_buf()?.first() {
            if !(0x50..=0x5f).contains(&first) {
                return Ok(Some(first));
            }
            let mut head = [0; 8];
            self.read_exact(&mut head)?;
            let [_, magic @ .., l0, l1, l2, l3] = head;
            if magic != [0x2a, 0x4d, 0x18] {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown magic number"));
            }
            let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
            if io::copy(&mut self.by_ref().take(length), &mut io::sink())? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(None)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.offset += count as u64;
        self.ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.reader.fill_buf()?;
        self.ended |= bytes.is_empty();
        Ok(bytes)
    }

    fn consume(&mut self, count: usize) {
        self.offset += count as u64;
        self.reader.consume(count);
    }
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Input>>),
    Zstd(Box<Zstd>),
    Lz4(Box<Lz4>),
    Undecided(Input),
}

impl Decoder {
    fn input(&mut self) -> &mut Input {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => &mut decoder.input,
            Self::Lz4(decoder) => decoder.decoder.get_mut(),
            Self::Undecided(input) => input,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            // Of a damaged stream the decoder loses what it was just writing: so let that be little.
            Self::Gzip(decoder) => {
                let step = buffer.len().min(GZIP_STEP);
                decoder.read(&mut buffer[..step])
            }
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Undecided(_) => Ok(0),
        }
    }
}

/// The frames of an lz4 stream.
struct Lz4 {
    decoder: Lz4Decoder<Input>,
    frame: Option<Lz4Frame>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lz4Frame {
    /// It ends with a mark.
    Usual,
    /// It ends where the stream does.
    Legacy,
}

impl Lz4 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None => match self.decoder.get_mut().behind_skippable()? {
                    None => return Ok(0),
                    // Of a magic that is split the rest decides: the decoder checks it.
                    Some(0x02) => *self.frame.insert(Lz4Frame::Legacy),
                    _ => *self.frame.insert(Lz4Frame::Usual),
                },
            };
            match self.decoder.read(buffer)? {
                // The decoder takes an end between two blocks for the end of its frame.
                0 if self.decoder.get_ref().ended => match frame {
                    Lz4Frame::Legacy => return Ok(0),
                    Lz4Frame::Usual => return Err(io::ErrorKind::UnexpectedEof.into()),
                },
                0 => self.next_frame(),
                count => return Ok(count),
            }
        }
    }

    /// Makes ready for another frame: with a decoder of its own, since one keeps the block size of its first frame.
    fn next_frame(&mut self) {
        let decoder = std::mem::replace(&mut self.decoder, Lz4Decoder::new(Input::nothing()));
        self.decoder = Lz4Decoder::new(decoder.into_inner());
        self.frame = None;
    }
}

/// The frames of a zstd stream.
struct Zstd {
    decoder: ZstdDecoder,
    input: Input,
    in_frame: bool,
    /// Why no more can be decoded; told once what was is given.
    error: Option<io::Error>,
}

impl Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if self.decoder.is_finished() {
                self.in_frame = false;
                if let Some(error) = self.error.take() {
                    return Err(error);
                }
                let stated = self.decoder.get_checksum_from_data();
                if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "has a wrong checksum"));
                }
                continue;
            }
            let step = BlockDecodingStrategy::UptoBytes(STEP);
            if let Err(error) = self.decoder.decode_blocks(&mut self.input, step) {
                self.error = Some(self.damage(&error));
                self.give_all()?;
            }
        }
    }

    /// Ends the frame, so that what the decoder keeps as its window can be had: with an empty last block, and a checksum
    /// where one is expected.
    fn give_all(&mut self) -> io::Result<()> {
        const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

        if self.decoder.is_finished() {
            return Ok(());
        }
        let ended = self.decoder.decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::All);
        ended.map(|_| ()).map_err(|error| self.damage(&error))
    }

    /// Starts the next frame; false at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.input) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.input.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.damage(&error)),
            }
        }
    }

    fn damage(&self, error: &FrameDecoderError) -> io::Error {
        if self.input.ended {
            return io::ErrorKind::UnexpectedEof.into();
        }
        let text = match error {
            FrameDecoderError::WindowSizeTooBig { requested, .. } => format!(
                "needs a window of {} MiB, expected at most {} MiB ('zstd -dc --long=31' into standard input reads it)",
                requested >> 20,
                ZSTD_WINDOW >> 20
            ),
            other => format!("is damaged ({other})"),
        };
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// A stream decompressed on the way.
struct Decompressed {
    format: Compression,
    decoder: Decoder,
    /// Bytes given so far.
    offset: u64,
}

impl Decompressed {
    /// Finds the format behind skippable frames, where these come first.
    fn decide(&mut self) -> io::Result<()> {
        let Decoder::Undecided(input) = &mut self.decoder else { return Ok(()) };
        self.format = match input.behind_skippable()? {
            // Of a magic that is split the rest decides: the decoder checks it.
            Some(0x02 | 0x04) => Compression::Lz4,
            _ => Compression::Zstd,
        };
        let input = std::mem::replace(input, Input::nothing());
        self.decoder = self.format.decoder(input);
        Ok(())
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decide().and_then(|()| self.decoder.read(buffer)) {
            Ok(count) => {
                self.offset += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let problem = match (error.kind(), self.format) {
                    (io::ErrorKind::UnexpectedEof, _) => "ends too early".to_owned(),
                    (_, Compression::Zstd) => error.to_string(),
                    _ => format!("is damaged ({error})"),
                };
                let (format, compressed) = (self.format, self.decoder.input().offset);
                let damage = Damage { format, problem, compressed, decompressed: self.offset };
                Err(io::Error::new(error.kind(), damage))
            }
        }
    }
}
