//! The way back in for an operator whose token is lost: a new access token for a user who has the data folder anyway.
//! The daemon makes it over its socket, the command on a store that no daemon holds.

use super::accounts::AccountError;
use crate::clock::Clock;
use crate::model::{
    AccessToken, AccountNo, Actor, MAX_TOKEN_NAME_CHARS, Scope, Scopes, is_token_name, parse_token_life,
};
use crate::store::{AddToken, AuditedChange as _, Store, Token};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is asked for, as the command line has it.
#[derive(Debug, Deserialize, Serialize)]
pub struct TokenRequest {
    /// The account's name; it may be missing where the config names one account alone.
    pub account: Option<String>,
    /// What the token is for.
    pub name: String,
    /// Its scopes, at least one.
    pub scopes: Vec<String>,
    /// A span such as `90d`, see [`parse_token_life`]; without one it lives until it is revoked.
    pub expires_in: Option<String>,
}

/// Makes a token of an account that the config names, and answers it as a line of JSON in the API's shape of a new
/// token, its text in it. `by` says in the log who has asked.
pub async fn create(store: &Store, clock: &Clock, request: TokenRequest, by: &str) -> Result<String, AccountError> {
    let no = |sentence: String| Err(AccountError::Sentence(sentence));
    let (account, account_name) = account(store, request.account.as_deref())?;
    let name = request.name;
    if !is_token_name(&name) {
        return no(format!("the name must be 1 to {MAX_TOKEN_NAME_CHARS} characters without control characters"));
    }
    let scopes: Option<Vec<Scope>> = request.scopes.iter().map(|scope| Scope::parse(scope)).collect();
    let Some(scopes) = scopes.and_then(Scopes::new) else {
        return no("a scope must be `admin`, `ingest`, `read` or `metrics`".to_owned());
    };
    let now = clock.now();
    let expires_at = match request.expires_in.as_deref() {
        None => None,
        Some(text) => match parse_token_life(text) {
            Some(span) => Some(now.plus(span)),
            None => return no(format!("`{text}` is no span such as 90d, of at most 10 years")),
        },
    };
    let token = AccessToken::from_random(crate::random::bytes(), crate::random::bytes());
    let stored = Token {
        id: token.id,
        account,
        name,
        scopes,
        hash: token.hash(),
        inserted_at: now,
        expires_at,
        last_used_at: None,
    };
    store.commit(AddToken { token: stored.clone() }.by(Actor::OPERATOR)).await?;
    tracing::warn!(
        token = %stored.id, name = stored.name, account = account_name, by,
        "an access token was created without a token, by a user with access to the data folder"
    );
    let made = json!({
        "id": stored.id, "name": stored.name, "scopes": scopes, "inserted_at": now, "expires_at": expires_at,
        "last_used_at": null, "token": token.reveal(),
    });
    Ok(made.to_string())
}

/// The account of this name, or the only one there is, among those that the config names.
fn account(store: &Store, name: Option<&str>) -> Result<(AccountNo, String), AccountError> {
    let (held, mut known): (Vec<_>, Vec<_>) =
        store.account_names()?.into_iter().partition(|(no, _)| store.is_absent(*no));
    let listed = |accounts: &[(AccountNo, String)]| {
        let names: Vec<&str> = accounts.iter().map(|(_, name)| name.as_str()).collect();
        names.join(", ")
    };
    let sentence = match name {
        Some(name) => {
            if let Some(found) = known.iter().find(|(_, known)| known == name) {
                return Ok(found.clone());
            }
            if held.iter().any(|(_, held)| held == name) {
                format!(
                    "the config doesn't name account `{name}`, so its tokens are refused: name it again ([[account]] \
                     name = \"{name}\") and restart the daemon"
                )
            } else {
                format!("there is no account `{name}`; there is {}", listed(&known))
            }
        }
        None if known.len() == 1 => return Ok(known.remove(0)),
        None if known.is_empty() => {
            "the store has no account that the config names: start the daemon once, which makes them".to_owned()
        }
        None => format!("there are several accounts: say which one with --account, of {}", listed(&known)),
    };
    Err(AccountError::Sentence(sentence))
}
