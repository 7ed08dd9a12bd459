//! What all sentences are made with, and how errors are told apart by their types.

use crate::model::{AttemptError, ErrorCode};
use std::error::Error;
use std::io;
use std::time::Duration;

/// A failure, and both its sentences.
pub(super) fn error(code: ErrorCode, message: impl Into<String>, message_pt: impl Into<String>) -> AttemptError {
    AttemptError { code, message: cut(message.into()), message_pt: cut(message_pt.into()) }
}

/// At most [`AttemptError::MAX_MESSAGE_BYTES`], an ellipsis included.
pub(super) fn cut(mut sentence: String) -> String {
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

pub(super) fn find<'a, E: Error + 'static>(outermost: &'a (dyn Error + 'static)) -> Option<&'a E> {
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
pub(super) fn find_in_io<E: Error + 'static>(outer: &io::Error) -> Option<&E> {
    let inner = outer.get_ref()?;
    let inner: &(dyn Error + 'static) = inner;
    find::<E>(inner).or_else(|| find_in_io(inner.downcast_ref::<io::Error>()?))
}

/// `span` as a sentence of either language writes it, to the millisecond: `15s`, `1s 500ms`.
pub(super) fn span(span: Duration) -> humantime::FormattedDuration {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(ms))
}
