//! Access tokens.

use crate::model::{AccountNo, Scope, Scopes, Timestamp, TokenHash, TokenId};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use serde::{Deserialize, Serialize};

/// An access token: its hash, never itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is listed and revoked by.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountNo,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// When it was made.
    pub inserted_at: Timestamp,
    /// From when on it is refused, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; the uses of the last minute before a crash are lost.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// Whether it has not expired by this moment.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it is an admin's, and good at this moment.
    pub fn is_admin_at(&self, now: Timestamp) -> bool {
        self.scopes.allows(Scope::Admin) && self.is_good_at(now)
    }
}

#[derive(Serialize, Deserialize)]
struct TokenV1 {
    id: [u8; 16],
    account: u32,
    name: String,
    scopes: u8,
    hash: [u8; 32],
    inserted_ms: u64,
    expires_ms: Option<u64>,
    used_ms: Option<u64>,
}

pub(crate) fn encode_token(token: &Token) -> Vec<u8> {
    let record = TokenV1 {
        id: token.id.to_bytes(),
        account: token.account.0,
        name: token.name.clone(),
        scopes: token.scopes.bits(),
        hash: token.hash.to_bytes(),
        inserted_ms: token.inserted_at.as_ms(),
        expires_ms: token.expires_at.map(Timestamp::as_ms),
        used_ms: token.last_used_at.map(Timestamp::as_ms),
    };
    seal(&record, &[])
}

pub(crate) fn decode_token(value: &[u8]) -> Result<Token, StoreError> {
    let (record, _) = open::<TokenV1>("token", value)?;
    Ok(Token {
        id: TokenId::from_bytes(record.id),
        account: AccountNo(record.account),
        name: record.name,
        scopes: Scopes::from_bits(record.scopes).ok_or_else(|| invalid("token"))?,
        hash: TokenHash::from_bytes(record.hash),
        inserted_at: Timestamp::from_ms(record.inserted_ms),
        expires_at: record.expires_ms.map(Timestamp::from_ms),
        last_used_at: record.used_ms.map(Timestamp::from_ms),
    })
}
