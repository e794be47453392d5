//! Files that are written.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Error, output};

const BUFFER: usize = 1 << 16;

/// Whether the path stands for standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file, or standard output, for records.
pub(super) fn create(path: &Path) -> Result<Box<dyn Write + Send>, Error> {
    if is_stdout(path) {
        return Ok(Box::new(output::stdout()));
    }
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER, file)))
}

/// Opens a file, or standard output, for bytes that are no text.
pub(super) fn create_bytes(path: &Path) -> Result<Box<dyn Write + Send>, Error> {
    if is_stdout(path) {
        return Ok(Box::new(BufWriter::with_capacity(BUFFER, std::io::stdout())));
    }
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER, file)))
}

/// Opens a file for a report: a file is no terminal, so colour is stripped.
pub(super) fn create_plain(path: &Path) -> Result<Box<dyn Write + Send>, Error> {
    if is_stdout(path) {
        return create(path);
    }
    let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER, anstream::StripStream::new(file))))
}

/// A closed pipe is no mistake: whoever reads has seen enough, and what was found stays found.
pub(super) fn unless_closed(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// What is said when a file cannot be written.
pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::Message(format!("failed to write {}: {error}", path.display()))
}

/// Refuses an output that is an input, or that another output goes to as well.
pub(super) fn check_apart<'a>(
    inputs: &[PathBuf],
    outputs: impl Iterator<Item = &'a PathBuf>,
) -> Result<(), Error> {
    let inputs: Vec<_> = inputs.iter().filter_map(|path| identity(path)).collect();
    let mut taken: Vec<(PathBuf, Option<Identity>)> = Vec::new();
    for output in outputs {
        let place = identity(output);
        if place.as_ref().is_some_and(|place| inputs.contains(place)) {
            return Err(Error::Message(format!("{} is an input, it would be overwritten", output.display())));
        }
        let same = |(path, other): &(PathBuf, Option<Identity>)| {
            path == output || (place.is_some() && *other == place)
        };
        if taken.iter().any(same) {
            return Err(Error::Message(format!("two outputs go to {}", output.display())));
        }
        taken.push((output.clone(), place));
    }
    Ok(())
}

/// What tells two files apart, whatever their names: device and file number.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

/// Devices and pipes take what comes, and what does not exist yet cannot be an input: they have none.
fn identity(path: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        std::fs::canonicalize(path).ok()
    }
}
