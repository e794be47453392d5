//! A pipe closed early (`| head`) must be told as such by every renderer, so that the command can end quietly.

use std::io::{self, Write};

use super::fixture::Sample;
use super::{Format, Options, PacketWriter, RecordFormat, Show};

/// A writer that takes some bytes and then is closed.
struct Closed(usize);

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn assert_broken(written: io::Result<()>, what: &str) {
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "{what}");
}

#[test]
fn reports() {
    let options = Options { show: Show::ALL, matrix: true };
    for format in Format::ALL {
        for room in [0, 50, 200] {
            let written = Sample::cluster().with(|results| format.write(results, options, &mut Closed(room)));
            assert_broken(written, format.code());
        }
    }
}

#[test]
fn records() {
    let sample = Sample::cluster();
    for format in [RecordFormat::Csv, RecordFormat::Ndjson] {
        let connections = sample.with(|results| format.write_connections(results, &mut Closed(300)));
        assert_broken(connections, "connections");
        let packets = sample.with(|results| {
            let mut writer = PacketWriter::new(results.policy, results.matcher, format, Closed(300))?;
            sample.judged.iter().try_for_each(|judged| writer.write(judged))?;
            writer.finish()
        });
        assert_broken(packets, "packets");
    }
}
