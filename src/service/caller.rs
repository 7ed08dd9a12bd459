//! Who calls, on whose word, and for which account.

use crate::model::{AccessToken, AccountNo, Actor, Origin, Scopes, TokenHash, TokenId};
use std::fmt;
use std::sync::Arc;

/// Who calls: the account and what the token allows.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose token it is.
    pub account: AccountNo,
    /// What the account calls itself in the bodies its targets receive.
    pub env: Arc<str>,
    /// What the token allows.
    pub scopes: Scopes,
    /// On whose word, as the log tells it.
    pub by: By,
    /// From where, as the audit tells it.
    pub origin: Origin,
}

impl Caller {
    /// What its requests are bounded by: the account, and which of its tokens (`None` for the config's).
    pub fn body_owner(&self) -> (AccountNo, Option<TokenId>) {
        let token = match &self.by {
            By::Token { id, .. } => Some(*id),
            By::ConfigToken | By::Operator | By::Daemon => None,
        };
        (self.account, token)
    }

    /// Who it is to the audit.
    pub fn actor(&self) -> Actor {
        let token = match &self.by {
            By::Token { id, name } => Some((*id, name.to_string())),
            By::ConfigToken | By::Operator | By::Daemon => None,
        };
        Actor { origin: self.origin, token }
    }
}

/// On whose word something is done, as the log tells it: never the token itself.
#[derive(Clone, Debug)]
pub enum By {
    /// A token of the store: of a call, a command, or a session of the panel.
    Token {
        /// Its id.
        id: TokenId,
        /// What its owner calls it.
        name: Arc<str>,
    },
    /// The token of the config's `admin_token_file`, likewise.
    ConfigToken,
    /// The operator, who reaches the data folder, over the control socket.
    Operator,
    /// The daemon itself, or what runs inside its process.
    Daemon,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Names are their owners' own words: a line break must not become one of the log.
            Self::Token { id, name } => write!(f, "token {id} \"{}\"", name.escape_debug()),
            Self::ConfigToken => f.write_str("the token of admin_token_file"),
            Self::Operator => f.write_str("the operator"),
            Self::Daemon => f.write_str("carteiro itself"),
        }
    }
}

/// A token as a session remembers it: enough to ask again whether it is good, and not the token itself.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    pub(super) hash: TokenHash,
    pub(super) id: Option<TokenId>,
}

impl Credential {
    /// Distinguishes the sessions of one token from those of others.
    pub fn key(&self) -> [u8; 32] {
        self.hash.to_bytes()
    }

    /// Its hash, and its id where it is one of the store's.
    pub const fn parts(&self) -> (TokenHash, Option<TokenId>) {
        (self.hash, self.id)
    }

    /// What [`Credential::parts`] gave.
    pub const fn from_parts(hash: TokenHash, id: Option<TokenId>) -> Self {
        Self { hash, id }
    }

    /// Of the text that a caller sent.
    pub fn of(token: &str) -> Self {
        Self { hash: TokenHash::of(token), id: AccessToken::parse(token).map(|token| token.id) }
    }
}

/// An account of the config file.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number in the store.
    pub no: AccountNo,
    /// Its name.
    pub name: String,
    /// See [`Caller::env`].
    pub env: Arc<str>,
    /// The hash of the admin token of its `admin_token_file`.
    pub admin_token: Option<TokenHash>,
}

impl Account {
    /// An admin of it, inside the daemon's process: the operator, or the daemon itself.
    pub fn admin(&self, by: By) -> Caller {
        let origin = if matches!(by, By::Operator) { Origin::OPERATOR } else { Origin::CARTEIRO };
        Caller { account: self.no, env: self.env.clone(), scopes: Scopes::ADMIN, by, origin }
    }
}
