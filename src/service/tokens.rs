//! Access tokens: make, list, revoke.

use super::{Caller, Error, Service};
use crate::model::{AccessToken, AccountNo, Scopes, Timestamp, TokenId};
use crate::store::{Cursor, Order, Page, Token};
use std::fmt;
use std::time::Duration;

/// A token that was made just now; its text is shown this once.
#[derive(Clone)]
pub struct NewToken {
    /// The token.
    pub view: TokenView,
    /// What its owner sends after `Bearer`.
    pub text: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("view", &self.view).finish_non_exhaustive()
    }
}

/// A token as it is listed.
#[derive(Clone, Debug)]
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
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            inserted_at: token.inserted_at,
            expires_at: token.expires_at,
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
        let view = self.keep_token(caller.account, name, scopes, expires, &token).await?;
        Ok(NewToken { view, text: token.reveal() })
    }

    /// Keeps the hash of a token that was made elsewhere: by the daemon, on its first start.
    pub async fn keep_token(
        &self,
        account: AccountNo,
        name: String,
        scopes: Scopes,
        expires: Option<Duration>,
        token: &AccessToken,
    ) -> Result<TokenView, Error> {
        let now = self.clock.now();
        let kept = Token {
            id: token.id,
            account,
            name,
            scopes,
            hash: token.hash(),
            inserted_at: now,
            expires_at: expires.map(|span| now.plus(span)),
        };
        self.store.add_token(kept.clone()).await?;
        tracing::info!(token = %kept.id, "access token made");
        Ok(kept.into())
    }

    /// A page of the caller's tokens.
    pub fn tokens(&self, caller: &Caller, order: Order, cursor: Option<Cursor>, limit: usize) -> Page<TokenView> {
        let place = |token: &Token| {
            let [a, b, c, d, ..] = token.id.to_bytes();
            (token.inserted_at.as_ms(), u32::from_be_bytes([a, b, c, d]))
        };
        let own = self.store.tokens(caller.account).into_iter();
        let placed = own.map(|token| (place(&token), TokenView::from(token)));
        Page::cut(placed.collect(), order, cursor, limit)
    }

    /// Revokes a token; the next request with it is refused.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<(), Error> {
        if !self.store.revoke_token(caller.account, id).await? {
            return Err(Error::NotFound);
        }
        tracing::info!(token = %id, "access token revoked");
        Ok(())
    }
}
