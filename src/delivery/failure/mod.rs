//! Turns what went wrong into an [`ErrorCode`](crate::model::ErrorCode) and one sentence a shop owner understands, in
//! English and in Portuguese.
//!
//! Every sentence an attempt can end with is a row of the table in [`sentences`], or of the statuses in [`status`], its
//! two languages side by side: a sentence changed in one can't be forgotten in the other. The rest of this folder
//! recognises which row it is. Errors are distinguished by their types, found along the chain of sources, never by
//! their texts, which change between versions of a library; and no library's own words are passed on, which are English
//! and were written for its developers.

mod advice;
mod certificate;
mod date;
mod exchange;
mod reach;
mod sentences;
mod status;
mod system;
mod tls;

pub use advice::{Advice, advice, fact};
#[cfg(any(test, fuzzing))]
pub(crate) use certificate::refused;
pub(crate) use exchange::{TooMuchSent, Unanswered, exchanging, no_connection};
pub(crate) use reach::{
    Unresolved, blocked, connecting, proxy_refused, proxy_unreachable, proxy_unresolved, resolving,
};
pub(crate) use sentences::{
    connecting_too_long, foreign_client_certificate, handshaking_too_long, never_certified, no_client_certificate,
    no_request, not_https, not_https_for_certificate, proxy_is_odd, proxy_too_long, resolving_too_long, silent,
};
pub(crate) use tls::{ClientAuth, handshaking, hides_its_certificate};

use crate::model::{AttemptError, AttemptResult};
use std::borrow::Cow;

/// Why an attempt failed; `None` where a 2XX confirmed.
///
/// What a status means is not stored with an attempt but worked out when it is read, so that a better sentence also
/// explains what lies in the past.
pub fn why(result: &AttemptResult) -> Option<Cow<'_, AttemptError>> {
    match result {
        AttemptResult::Response(response) => status::answered(response).map(Cow::Owned),
        AttemptResult::Error(error) => Some(Cow::Borrowed(error)),
    }
}

#[cfg(test)]
mod tests;
