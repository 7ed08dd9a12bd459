//! Who calls: the bearer token of a request.

use super::answer::Failure;
use crate::service::{Caller, Service};
use http::{HeaderMap, header};

/// The longest token that is looked at; anything longer was never ours.
pub const MAX_TOKEN_BYTES: usize = 512;

pub(super) fn authenticate(service: &Service, headers: &HeaderMap) -> Result<Caller, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(Failure::unauthorized("send `Authorization: Bearer <access token>`"));
    };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return Err(Failure::unauthorized("the Authorization header must be `Bearer <access token>`"));
    }
    service.authenticate(token).ok_or_else(|| Failure::unauthorized("this access token is unknown, revoked or expired"))
}
