//! Turns what went wrong into an [`ErrorCode`] and one sentence a shop owner understands, in English and in Portuguese.
//!
//! Every sentence an attempt can end with stands here, its two languages side by side in one call of [`error`]: two
//! languages need no catalogue of keys, and a sentence changed in one can't be forgotten in the other. Errors are
//! told apart by their types, found along the chain of sources, never by their texts, which change between versions
//! of a library; and no library's own words are passed on, which are English and were written for its developers.

mod certificate;
mod date;
mod exchange;
mod reach;
mod status;
mod system;
mod tls;

#[cfg(any(test, fuzzing))]
pub(crate) use certificate::refused;
pub(crate) use exchange::{TooMuchSent, Unanswered, exchanging, no_connection, no_request, silent};
pub(crate) use reach::{
    Unresolved, blocked, connecting, connecting_too_long, not_https, proxy_is_odd, proxy_refused, proxy_too_long,
    proxy_unreachable, proxy_unresolved, resolving, resolving_too_long,
};
pub(crate) use tls::{handshaking, handshaking_too_long, hides_its_certificate, never_certified};

use crate::model::{AttemptError, AttemptResult, ErrorCode};
use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::time::Duration;

/// Why an attempt failed; `None` where a 2XX confirmed.
///
/// What a status means is not stored with an attempt but said when it is read, so that a better sentence also explains
/// what lies in the past.
pub fn why(result: &AttemptResult) -> Option<Cow<'_, AttemptError>> {
    match result {
        AttemptResult::Response(response) => status::answered(response).map(Cow::Owned),
        AttemptResult::Error(error) => Some(Cow::Borrowed(error)),
    }
}

fn error(code: ErrorCode, message: impl Into<String>, message_pt: impl Into<String>) -> AttemptError {
    AttemptError { code, message: cut(message.into()), message_pt: cut(message_pt.into()) }
}

/// At most [`AttemptError::MAX_MESSAGE_BYTES`], an ellipsis included.
fn cut(mut sentence: String) -> String {
    const ELLIPSIS: char = '…';
    if sentence.len() > AttemptError::MAX_MESSAGE_BYTES {
        let mut end = AttemptError::MAX_MESSAGE_BYTES - ELLIPSIS.len_utf8();
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push(ELLIPSIS);
    }
    sentence
}

fn find<'a, E: Error + 'static>(outermost: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(outermost);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// `io::Error::source` skips the very error that an `io::Error` wraps, so the search goes through `get_ref`.
fn find_in_io<E: Error + 'static>(outer: &io::Error) -> Option<&E> {
    let inner = outer.get_ref()?;
    let inner: &(dyn Error + 'static) = inner;
    find::<E>(inner).or_else(|| find_in_io(inner.downcast_ref::<io::Error>()?))
}

/// `span` as a sentence of either language writes it, to the millisecond: `15s`, `1s 500ms`.
fn span(span: Duration) -> humantime::FormattedDuration {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests;
