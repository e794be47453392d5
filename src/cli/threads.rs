//! The threads that a command works with.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Error;

/// More threads for each processor than this only wait for each other: a thousand take forty times as long.
const PER_PROCESSOR: usize = 4;

/// A pool of so many threads, as far as they can be of use; `None` is one for each processor.
pub(super) fn pool(threads: Option<u16>) -> Result<ThreadPool, Error> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most = (PER_PROCESSOR * processors).max(8);
    let builder =
        ThreadPoolBuilder::new().num_threads(threads.map_or(0, |asked| usize::from(asked).min(most)));
    builder.build().map_err(|error| Error::Message(format!("failed to start threads: {error}")))
}
