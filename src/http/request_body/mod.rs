//! Bodies of requests: how long each may be, how long it may take to arrive, and how many bytes of all of them are held
//! at once.
//!
//! There are two budgets. The first 64 KiB of each body come out of one, what lies beyond out of the other, so that
//! half-sent batches, however many, leave events their way in. What a body takes is taken before its first byte is
//! read, by the length that it declares, so that two of them never wait for each other. A caller who finds it full
//! waits, and after [`MAX_WAIT`] gets a 503; so does one whose body is slow while others wait (see [`budget`]).
//!
//! The form of a visitor who isn't signed in comes out of neither: it has a small budget of its own, in which a new
//! form takes the place of the one that has been awaited the longest.

mod budget;

pub(super) use budget::BodyOwner;

use super::answer::Failure;
use crate::model::{ApiCode, localized};
use budget::{BodyProgress, ByteBudget, Share};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many bytes of each body come out of the first budget.
const FIRST: usize = 64 * 1024;
/// What the first bytes of all bodies may take together, in bytes: more than as many connections send in a moment.
const FIRST_BUDGET: usize = 16 * 1024 * 1024;
/// What lies beyond the first bytes of all bodies: three batches of the greatest length, which the store takes longer
/// to write than they take to arrive.
const REST_BUDGET: usize = 48 * 1024 * 1024;
/// The longest form of a visitor who isn't signed in, in bytes.
pub(crate) const MAX_FORM: usize = 64 * 1024;
/// What all forms of such visitors may take together.
const FORMS_BUDGET: usize = 4 * 1024 * 1024;
/// How long a body waits for its share.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// From this length on a body is gathered in a block of [`OWN_MAPPING`].
const LARGE: usize = 1024 * 1024;

/// The capacity of a block for what is large and soon dropped. The C library takes a block of more than 32 MiB from the
/// system, and gives it back, by itself; what is smaller may come out of a heap that never shrinks. A page that nothing
/// was written to costs no memory.
pub(crate) const OWN_MAPPING: usize = 33 * 1024 * 1024;

/// How a request's body is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

/// A body that has arrived, with its share of the budgets.
#[derive(Default)]
pub(crate) struct RequestBody {
    bytes: Vec<u8>,
    _shares: Shares,
}

#[derive(Default)]
struct Shares {
    rest: Option<Share>,
    _first: Option<Share>,
}

impl Deref for RequestBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl RequestBody {
    /// Frees the bytes and keeps the share: what was made of them takes as much.
    pub(crate) fn release(&mut self) {
        self.bytes = Vec::new();
    }

    /// The bytes alone, for what takes about no time.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }
}

/// The budgets of all bodies.
pub(crate) struct RequestBodies {
    first: Arc<ByteBudget>,
    rest: Arc<ByteBudget>,
    forms: Arc<Forms>,
    refused: AtomicU64,
}

impl Default for RequestBodies {
    fn default() -> Self {
        Self {
            first: ByteBudget::new(FIRST_BUDGET),
            rest: ByteBudget::new(REST_BUDGET),
            forms: Arc::default(),
            refused: AtomicU64::new(0),
        }
    }
}

impl RequestBodies {
    /// Reads a body of a caller who is known.
    pub(crate) async fn read(&self, body: Incoming, limits: BodyLimits, of: BodyOwner) -> Result<RequestBody, Failure> {
        if body.is_end_stream() {
            return Ok(RequestBody::default());
        }
        let declared = declared(&body, limits.max_bytes)?;
        // Of a body that declares no length it shows only when it arrives whether it is a long one.
        let known = declared.unwrap_or(FIRST).min(limits.max_bytes);
        let progress = Arc::new(BodyProgress::new(of, known, limits.timeout));
        // The scarcer first: who waits for it holds nothing that others need.
        let rest = if known > FIRST { Some(self.take(&self.rest, &progress, known - FIRST).await?) } else { None };
        let first = Some(self.take(&self.first, &progress, known.min(FIRST)).await?);
        let mut shares = Shares { rest, _first: first };
        progress.begin();
        let gathering = self.gather(body, limits.max_bytes, known, Some((&progress, &mut shares)));
        let bytes = tokio::select! {
            gathered = tokio::time::timeout(limits.timeout, gathering) => {
                gathered.unwrap_or_else(|_| Err(Failure::body_timeout()))?
            }
            () = progress.displaced() => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(Failure::slow_body());
            }
        };
        progress.is_whole();
        if let Some(rest) = &shares.rest {
            rest.shrink(bytes.len().saturating_sub(FIRST));
        }
        Ok(RequestBody { bytes, _shares: shares })
    }

    /// Reads a form of a visitor who isn't signed in, of [`MAX_FORM`] at most.
    pub(crate) async fn read_form(&self, body: Incoming, timeout: Duration) -> Result<Bytes, Failure> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let known = declared(&body, MAX_FORM)?.unwrap_or(MAX_FORM);
        let form = self.forms.enter(known);
        let gathered = tokio::time::timeout(timeout, self.gather(body, MAX_FORM, known, None));
        let bytes = tokio::select! {
            gathered = gathered => gathered.unwrap_or_else(|_| Err(Failure::body_timeout()))?,
            () = form.displaced.notified() => return Err(self.refuse()),
        };
        Ok(bytes.into())
    }

    /// How many bytes of bodies are held, and how many bodies were refused.
    pub(crate) fn figures(&self) -> (u64, u64) {
        let held = self.first.taken() + self.rest.taken() + self.forms.lock().bytes;
        (held as u64, self.refused.load(Ordering::Relaxed))
    }

    async fn take(&self, of: &Arc<ByteBudget>, progress: &Arc<BodyProgress>, bytes: usize) -> Result<Share, Failure> {
        of.take(progress, bytes, MAX_WAIT).await.ok_or_else(|| self.refuse())
    }

    fn refuse(&self) -> Failure {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Failure::busy()
    }

    /// All of a body. `known` is how long it says it is, or how much of it was taken from the budgets.
    async fn gather(
        &self,
        mut body: Incoming,
        max: usize,
        known: usize,
        mut shares: Option<(&Arc<BodyProgress>, &mut Shares)>,
    ) -> Result<Vec<u8>, Failure> {
        let mut bytes = buffer(known);
        while let Some(frame) = body.frame().await {
            // The connection broke: the answer reaches a caller that closed its own half alone.
            let broken = |_| {
                let detail = localized!("the body broke off before its end", "o corpo foi interrompido antes do fim");
                Failure::bad_request(ApiCode::BodyIncomplete, detail)
            };
            // Trailers say nothing here.
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            let length = bytes.len() + data.len();
            if length > max {
                return Err(Failure::too_large(max));
            }
            if let Some((progress, shares)) = &mut shares {
                progress.received(length);
                if length > known && shares.rest.is_none() {
                    shares.rest = Some(self.take(&self.rest, progress, max - known).await?);
                    let mut longer = buffer(max);
                    longer.extend_from_slice(&bytes);
                    bytes = longer;
                }
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }
}

/// The length that a body declares; `None` for one in chunks.
fn declared(body: &Incoming, max: usize) -> Result<Option<usize>, Failure> {
    let hint = body.size_hint();
    if hint.lower() > max as u64 {
        return Err(Failure::too_large(max));
    }
    Ok(hint.exact().and_then(|length| usize::try_from(length).ok()))
}

fn buffer(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A system that gives no address space away gets what is needed.
    if length < LARGE || bytes.try_reserve_exact(OWN_MAPPING).is_err() {
        bytes.reserve_exact(length);
    }
    bytes
}

/// The forms that are being read of visitors who aren't signed in, the oldest first.
#[derive(Default)]
struct Forms(Mutex<FormTable>);

#[derive(Default)]
struct FormTable {
    next: u64,
    bytes: usize,
    held: BTreeMap<u64, (usize, Arc<Notify>)>,
}

/// A form that is being read, until this is dropped.
struct Form {
    forms: Arc<Forms>,
    id: u64,
    /// Notified when a newer form takes its place.
    displaced: Arc<Notify>,
}

impl Forms {
    fn lock(&self) -> MutexGuard<'_, FormTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, bytes: usize) -> Form {
        let mut table = self.lock();
        while table.bytes + bytes > FORMS_BUDGET {
            let Some((_, (size, displaced))) = table.held.pop_first() else {
                break;
            };
            table.bytes -= size;
            displaced.notify_one();
        }
        let (id, displaced) = (table.next, Arc::new(Notify::new()));
        table.next += 1;
        table.bytes += bytes;
        table.held.insert(id, (bytes, displaced.clone()));
        Form { forms: self.clone(), id, displaced }
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        let mut table = self.forms.lock();
        if let Some((size, _)) = table.held.remove(&self.id) {
            table.bytes -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_form_takes_the_place_of_the_oldest() {
        let forms = Arc::new(Forms::default());
        let held: Vec<Form> = (0..FORMS_BUDGET / MAX_FORM).map(|_| forms.enter(MAX_FORM)).collect();
        assert_eq!(forms.lock().bytes, FORMS_BUDGET);
        let new = forms.enter(10);
        held[0].displaced.notified().await;
        assert_eq!(forms.lock().bytes, FORMS_BUDGET - MAX_FORM + 10);
        drop((held, new));
        let table = forms.lock();
        assert!(table.bytes == 0 && table.held.is_empty());
    }
}
