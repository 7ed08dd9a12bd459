//! `/api/tokens`: what `carteiro token` speaks to.

use super::call::Call;
use super::csv::CsvFormat;
use super::fields::JsonFields;
use crate::http::{Answer, Failure};
use crate::model::{MAX_TOKEN_NAME_CHARS, Scope, Scopes, TokenId, is_token_name, localized, parse_token_life};
use crate::service::CsvList;
use http::StatusCode;
use std::time::Duration;

/// The most scopes that are read: each a few times over.
const MAX_SCOPES: usize = 16;

pub(super) async fn create(call: &Call) -> Result<Answer, Failure> {
    let (name, scopes, expires_in) = call.read(draft).await?;
    let made = call.service.create_token(&call.caller, name, scopes, expires_in).await?;
    Ok(Answer::data(StatusCode::CREATED, &made))
}

fn draft(body: &[u8]) -> Result<(String, Scopes, Option<Duration>), Failure> {
    let mut fields = JsonFields::within(body, "token")?;
    let name = fields.required("name", |value| {
        let name = value.text()?.into_owned();
        let problem = || {
            localized!(
                "must be 1 to {MAX_TOKEN_NAME_CHARS} characters without control characters",
                "deve ter de 1 a {MAX_TOKEN_NAME_CHARS} caracteres, sem caracteres de controle"
            )
        };
        is_token_name(&name).then_some(name).ok_or_else(problem)
    });
    let scopes = fields.required("scopes", |value| {
        let bad = || {
            localized!(
                "must be a list of `admin`, `ingest`, `read` or `metrics`",
                "deve ser uma lista de `admin`, `ingest`, `read` ou `metrics`"
            )
        };
        let mut scopes = Vec::new();
        for item in value.list(MAX_SCOPES).map_err(|_| bad())? {
            scopes.push(Scope::parse(&item.text().map_err(|_| bad())?).ok_or_else(bad)?);
        }
        Scopes::new(scopes).ok_or_else(bad)
    });
    let expires_in = fields.optional("expires_in", |value| {
        parse_token_life(&value.text()?).ok_or_else(|| {
            localized!(
                "must be a span such as \"90d\", at most 10 years",
                "deve ser um prazo como \"90d\", de no máximo 10 anos"
            )
        })
    });
    let (name, scopes) = fields.finish_with(name.zip(scopes))?;
    Ok((name, scopes, expires_in))
}

#[expect(clippy::unused_async, reason = "as all handlers are")]
pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Tokens));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.tokens(&call.caller, paging.listing);
    Ok(paging.answer(&page, |token| token))
}

pub(super) async fn revoke(call: &Call, id: TokenId) -> Result<Answer, Failure> {
    call.service.revoke_token(&call.caller, id).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
