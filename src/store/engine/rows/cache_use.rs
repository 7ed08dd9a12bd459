//! Has sled's cache count what is read from it.
//!
//! sled's cache evicts pages by what it has counted, and it counts late: it has 256 lists, each of the pages of every
//! 256th number, and looks at a list once it holds 64 uses. Until then a page that was read from the disk stays in
//! memory, uncounted. A walk uses each page once, so that 16,384 pages, of up to half a megabyte each, are in memory
//! before the first one goes. So what is read is used again, once for every [`BYTES_A_USE`]: a list then holds no more
//! than 128 KiB that aren't counted, or one page. A use of a page that is in memory takes about half a microsecond.

use std::sync::atomic::{AtomicUsize, Ordering};

/// For so many bytes that are read, the page that they stand in is used once more.
const BYTES_A_USE: usize = 2 * 1024;
/// What a row takes in memory beside its key and value.
const ROW_BYTES: usize = 64;
/// After so many uses, what the cache has evicted is freed.
const USES_A_FREEING: usize = 128;
/// How many rows one turn of freeing what they replaced is good for.
const ROWS_A_TURN: usize = 64;

/// Counts uses of pages.
#[derive(Default)]
pub(super) struct CacheUse {
    /// Uses since what was evicted was freed.
    unfreed: AtomicUsize,
}

impl CacheUse {
    /// A row was read: `use_again` is called as often as its page is to be used again. `uncounted` holds the bytes that
    /// make no whole use, from one row of a walk to the next.
    pub(super) fn read(&self, key: &[u8], value: &[u8], uncounted: &mut usize, mut use_again: impl FnMut()) {
        *uncounted += ROW_BYTES + key.len() + value.len();
        let uses = *uncounted / BYTES_A_USE;
        if uses == 0 {
            return;
        }
        *uncounted %= BYTES_A_USE;
        for _ in 0..uses {
            use_again();
        }
        if self.unfreed.fetch_add(uses, Ordering::Relaxed) + uses >= USES_A_FREEING {
            self.unfreed.store(0, Ordering::Relaxed);
            free_what_was_replaced(0);
        }
    }
}

/// Frees the memory that so many writes of rows replaced: sled copies a node for every row that it writes and leaves
/// the old one to crossbeam's epochs, which free a few hundred of them each time a thread has entered an epoch 128
/// times.
pub(super) fn free_what_was_replaced(rows: usize) {
    // Each turn frees up to eight bags of 64 objects, once two epochs have passed over them.
    for _ in 0..3 + rows / ROWS_A_TURN {
        crossbeam_epoch::pin().flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_used_once_for_every_two_kibibytes_that_are_read() {
        let (cache, mut uncounted) = (CacheUse::default(), 0);
        let mut uses = |value: usize| {
            let mut uses = 0;
            cache.read(&[7; 36], &vec![1; value], &mut uncounted, || uses += 1);
            uses
        };
        assert_eq!(uses(16 * 1024), 8);
        // With what was left of the row before.
        assert_eq!((uses(900), uses(900), uses(900)), (0, 1, 0));
        assert_eq!(uses(0), 0);
    }
}
