//! The threads that a command works with.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Error;

/// A pool of so many threads; `None` is one for each processor.
pub(super) fn pool(threads: Option<u16>) -> Result<ThreadPool, Error> {
    let builder = ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder.build().map_err(|error| Error::Message(format!("failed to start threads: {error}")))
}
