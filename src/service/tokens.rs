//! Access tokens: make, list, revoke.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::{AccessToken, Listing, Page, Scopes, Timestamp, TokenId};
use crate::store::{AddToken, AuditedChange as _, NoteTokenUses, RevokeToken, Token};
use serde::Serialize;
use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

/// A token that was made just now; its text is shown this once.
#[derive(Clone, Serialize)]
pub struct NewToken {
    /// The token.
    #[serde(flatten)]
    pub view: TokenView,
    /// What its owner sends after `Bearer`.
    #[serde(rename = "token")]
    pub text: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("view", &self.view).finish_non_exhaustive()
    }
}

/// A token as it is listed, and as the API writes it.
#[derive(Clone, Debug, Serialize)]
pub struct TokenView {
    /// What it is revoked by.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it last let somebody in.
    pub last_used_at: Option<Timestamp>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            inserted_at: token.inserted_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
        }
    }
}

impl Service {
    /// Makes a token of the caller's account.
    pub async fn create_token(
        &self,
        caller: &Caller,
        name: String,
        scopes: Scopes,
        expires: Option<Duration>,
    ) -> Result<NewToken, Error> {
        let token = AccessToken::from_random(crate::random::bytes(), crate::random::bytes());
        let view = self.keep_token(caller, name, scopes, expires, &token).await?;
        Ok(NewToken { view, text: token.reveal() })
    }

    /// Keeps the hash of a token that was made elsewhere: by the daemon, on its first start.
    pub async fn keep_token(
        &self,
        caller: &Caller,
        name: String,
        scopes: Scopes,
        expires: Option<Duration>,
        token: &AccessToken,
    ) -> Result<TokenView, Error> {
        let now = self.clock.now();
        let stored = Token {
            id: token.id,
            account: caller.account,
            name,
            scopes,
            hash: token.hash(),
            inserted_at: now,
            expires_at: expires.map(|span| now.plus(span)),
            last_used_at: None,
        };
        self.store.commit(AddToken { token: stored.clone() }.by(caller.actor())).await?;
        tracing::info!(token = %stored.id, name = stored.name, by = %caller.by, "access token made");
        Ok(stored.into())
    }

    /// A page of the caller's tokens.
    pub fn tokens(&self, caller: &Caller, listing: Listing) -> Page<TokenView> {
        let place = |token: &Token| {
            let [a, b, c, d, ..] = token.id.to_bytes();
            (token.inserted_at.as_ms(), u32::from_be_bytes([a, b, c, d]))
        };
        let own = self.store.tokens(caller.account).into_iter();
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let placed = own.map(|token| {
            let last_used_at = token.last_used_at.max(uses.get(&token.id).copied());
            (place(&token), TokenView { last_used_at, ..TokenView::from(token) })
        });
        Page::cut(placed.collect(), listing)
    }

    /// One of the caller's tokens.
    pub fn token(&self, caller: &Caller, id: TokenId) -> Result<TokenView, Error> {
        let own = self.store.tokens(caller.account).into_iter().find(|token| token.id == id);
        own.map(TokenView::from).ok_or(Error::NotFound)
    }

    /// Stores what was noted of the tokens' use since the last time: now and then, since a commit for each request
    /// would double its cost. What can't be stored is noted on.
    pub async fn keep_token_uses(&self) {
        let uses: Vec<_> = self.uses.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if uses.is_empty() {
            return;
        }
        if self.store.commit(NoteTokenUses { uses: uses.clone() }).await.is_err() {
            let mut noted = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, at) in uses {
                noted.entry(id).or_insert(at);
            }
        }
    }

    /// Revokes a token; the next request with it is refused.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<(), Error> {
        if !self.store.commit(RevokeToken { account: caller.account, id }.by(caller.actor())).await? {
            return Err(Error::NotFound);
        }
        tracing::info!(token = %id, by = %caller.by, "access token revoked");
        Ok(())
    }
}
