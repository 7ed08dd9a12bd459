//! Permits for work on what is long: a body of megabytes is parsed where no other call waits for it, and not many at a
//! time.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Work on up to this many bytes takes less time than handing it to another thread.
const SHORT: usize = 64 * 1024;

/// As many permits as may be in use at once.
pub(crate) struct LongWork(Semaphore);

impl Default for LongWork {
    /// Half of the machine's cores: the others answer calls meanwhile.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Semaphore::new((cores / 2).max(1)))
    }
}

impl LongWork {
    /// Does work whose time grows with `bytes`. If there are many, it waits for a permit, and the other tasks of the
    /// thread that it is done on go on elsewhere.
    pub(crate) async fn run<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= SHORT || Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return work();
        }
        // It is never closed; if it were, the work would be done all the same.
        let _permit = self.0.acquire().await;
        tokio::task::block_in_place(work)
    }
}
