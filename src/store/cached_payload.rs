//! Payloads that are held in memory on their way to their first attempt.

use crate::model::{Payload, TraceContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of payloads may be held in memory on their way from the commit to their first attempt. Past it an
/// event is read from the store again: slower, never lost.
const MAX_CACHED_BYTES: usize = 32 * 1024 * 1024;

/// A payload on its way from the commit to its first attempts, counted against a fixed budget until the last of them
/// drops it.
#[derive(Debug)]
pub struct CachedPayload {
    payload: Payload,
    trace: Option<Arc<TraceContext>>,
    budget: Arc<AtomicUsize>,
}

impl CachedPayload {
    /// The payload.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The trace its event was recorded in.
    pub fn trace(&self) -> Option<&Arc<TraceContext>> {
        self.trace.as_ref()
    }

    pub(crate) fn within(
        budget: &Arc<AtomicUsize>,
        payload: Payload,
        trace: Option<Arc<TraceContext>>,
    ) -> Option<Arc<Self>> {
        let len = payload.body().len();
        // Only the committer adds, so a check before adding can't be overtaken by another adder.
        if budget.load(Ordering::Relaxed) + len > MAX_CACHED_BYTES {
            return None;
        }
        budget.fetch_add(len, Ordering::Relaxed);
        Some(Arc::new(Self { payload, trace, budget: budget.clone() }))
    }
}

impl Drop for CachedPayload {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.payload.body().len(), Ordering::Relaxed);
    }
}
