//! Capture readers: any bytes are read to an end, and how the bytes arrive makes no difference.

#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use sgsim::capture::CaptureReader;

/// A source that gives a few bytes at a time, as a slow pipe may.
struct Drip(Cursor<Vec<u8>>);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let few = buffer.len().min(3);
        self.0.read(&mut buffer[..few])
    }
}

/// Frames seen: how many, and a sum over them; and the error, if any.
fn read(source: impl Read + Send + 'static) -> (u64, u64, Option<String>) {
    let mut reader = match CaptureReader::new("fuzz", source) {
        Ok(reader) => reader,
        Err(error) => return (0, 0, Some(error.to_string())),
    };
    let (mut count, mut sum) = (0, 0_u64);
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                count += 1;
                let frame = record.frame();
                sum = sum
                    .wrapping_mul(31)
                    .wrapping_add(frame.packet.time.0.cast_unsigned())
                    .wrapping_add(u64::from(frame.captured));
            }
            Ok(None) => return (count, sum, None),
            Err(error) => return (count, sum, Some(error.to_string())),
        }
        // A compressed bomb costs time only; this is not the place to spend it.
        if count > 100_000 {
            return (count, sum, None);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let at_once = read(Cursor::new(data.to_vec()));
    let in_drips = read(Drip(Cursor::new(data.to_vec())));
    // How much of a damaged gzip stream is had before the damage depends on how it arrives.
    let damaged =
        |error: &Option<String>| error.as_ref().is_some_and(|error| error.contains("gzip stream is damaged"));
    if damaged(&at_once.2) || damaged(&in_drips.2) {
        assert!(at_once.2.is_some() && in_drips.2.is_some(), "{at_once:?} {in_drips:?}");
    } else {
        assert_eq!(at_once, in_drips);
    }
});
