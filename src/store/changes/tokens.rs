//! Tokens.

use crate::model::{AccountNo, AuditAction, AuditNote, AuditSubject, AuditedField, Scope, Timestamp, TokenId};
use crate::store::changes::change::{AuditedChange, Change, Noted};
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::schema::record::Token;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;
use std::time::Duration;

/// How long a token is listed after its end, so that people see why it no longer works.
const EXPIRED_TOKENS_LISTED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Adds a token.
#[derive(Debug)]
pub struct AddToken {
    /// The token.
    pub token: Token,
}

impl AuditedChange for AddToken {
    type Reply = ();
    type Error = StoreError;

    const GROWS: bool = true;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Noted<Self> {
        let Self { token } = self;
        txn.put(keys::token(token.id), record::encode_token(&token));
        // All but its hash.
        let scopes: Vec<&str> = token.scopes.iter().map(Scope::as_str).collect();
        let note = note_of(&token, AuditAction::TokenCreated)
            .with([AuditedField::set("scopes", scopes.join(", "))])
            .with(token.expires_at.map(|end| AuditedField::set("expires_at", end)));
        ledger.tokens_mut().insert(token.id, token);
        Ok(((), Some(note)))
    }
}

/// Stores when tokens were last used.
#[derive(Debug)]
pub struct NoteTokenUses {
    /// Each token with that time.
    pub uses: Vec<(TokenId, Timestamp)>,
}

impl Change for NoteTokenUses {
    type Reply = ();
    type Error = StoreError;

    const UNAUDITED: Option<&'static str> = Some("the token has when it was last used");

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Result<Self::Reply, Self::Error> {
        let mut tokens = ledger.tokens_mut();
        for (id, at) in self.uses {
            // A token that was revoked meanwhile stays so.
            if let Some(token) = tokens.get_mut(&id) {
                token.last_used_at = Some(at);
                txn.put(keys::token(id), record::encode_token(token));
            }
        }
        Ok(())
    }
}

/// Revokes a token. Answers whether the account had it.
#[derive(Debug)]
pub struct RevokeToken {
    /// Whose it is.
    pub account: AccountNo,
    /// The token.
    pub id: TokenId,
}

impl AuditedChange for RevokeToken {
    type Reply = bool;
    type Error = StoreError;

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, _now: Timestamp) -> Noted<Self> {
        let mut tokens = ledger.tokens_mut();
        if tokens.get(&self.id).is_none_or(|token| token.account != self.account) {
            return Ok((false, None));
        }
        let revoked = tokens.remove(&self.id);
        txn.delete(keys::token(self.id));
        Ok((true, revoked.map(|token| note_of(&token, AuditAction::TokenRevoked))))
    }
}

/// What the audit has of a token in any case. What a revoked one could do, its row from when it was made says.
fn note_of(token: &Token, action: AuditAction) -> AuditNote {
    AuditNote::new(token.account, action).about(AuditSubject::Token(token.id, token.name.clone()))
}

/// Deletes tokens that ended long before `now`.
pub(crate) fn sweep_tokens(ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) {
    ledger.tokens_mut().retain(|id, token| {
        let is_listed = token.expires_at.is_none_or(|end| now < end.plus(EXPIRED_TOKENS_LISTED));
        if !is_listed {
            txn.delete(keys::token(*id));
        }
        is_listed
    });
}
