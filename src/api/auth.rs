//! Who calls: the bearer token of a request.

use crate::http::{Failure, Ingress};
use crate::model::{Origin, localized};
use crate::service::{Caller, Service};
use http::{HeaderMap, HeaderValue, header};
use std::net::IpAddr;

/// The longest token that is looked at; anything longer was never ours.
pub const MAX_TOKEN_BYTES: usize = 512;

/// Who calls from this address. Wrong tokens are counted against it; a call without any is no guess.
pub(super) fn authenticate(
    service: &Service,
    ingress: &Ingress,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<Caller, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(Failure::unauthorized(localized!(
            "send `Authorization: Bearer <access token>`",
            "envie `Authorization: Bearer <token de acesso>`"
        )));
    };
    let Some(token) = bearer(value) else {
        return Err(Failure::unauthorized(localized!(
            "the Authorization header must be `Bearer <access token>`",
            "o cabeçalho Authorization deve ser `Bearer <token de acesso>`"
        )));
    };
    if let Some(caller) = service.authenticate(token, Origin::api(address)) {
        return Ok(caller);
    }
    ingress.wrong_token(address).map_err(Failure::too_many_guesses)?;
    Err(Failure::unauthorized(localized!(
        "this access token is unknown, revoked or expired; `sudo carteiro token create --name rescue --scope admin` on \
         the daemon's machine makes one",
        "este token de acesso é desconhecido, foi revogado ou venceu; `sudo carteiro token create --name rescue \
         --scope admin` na máquina do daemon cria um"
    )))
}

/// Who calls by this header, asked again in the middle of a long answer.
pub(super) fn caller(service: &Service, authorization: &HeaderValue, origin: Origin) -> Option<Caller> {
    service.authenticate(bearer(authorization)?, origin)
}

fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let good = scheme.eq_ignore_ascii_case("bearer") && (1..=MAX_TOKEN_BYTES).contains(&token.len());
    good.then_some(token)
}
