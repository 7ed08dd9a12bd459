//! Idempotency keys, and what a registration can come with.

use crate::model::{Timestamp, Webhook};
use std::sync::Arc;

/// An idempotency key as the store keeps it.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyKey {
    /// Sixteen bytes of a SHA-256 of the key. Events and webhooks share one table: those of webhooks are hashed in another way.
    pub hash: [u8; 16],
    /// Of the whole request.
    pub fingerprint: [u8; 16],
    /// Until when a repetition is recognised.
    pub until: Timestamp,
}

/// A webhook that is to be registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// What it is; its number and times are the committer's to give.
    pub webhook: Box<Webhook>,
    /// The idempotency key of the request.
    pub key: Option<IdempotencyKey>,
    /// Its target would not be taken now: nothing is registered, and only a request that was answered before is answered again.
    pub only_replay: bool,
}

impl From<Webhook> for Registration {
    fn from(webhook: Webhook) -> Self {
        Self { webhook: Box::new(webhook), key: None, only_replay: false }
    }
}

/// What became of a registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The webhook: the new one, or the one registered first under this key, as it is now.
    pub webhook: Arc<Webhook>,
    /// Whether it had been registered before.
    pub replayed: bool,
    /// Whether its secret is still the one that its registration answered.
    pub has_first_secret: bool,
}

/// Why a webhook was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterRefusal {
    /// The account has [`MAX_WEBHOOKS`](super::MAX_WEBHOOKS) already.
    TooMany,
    /// The idempotency key already answered another request.
    KeyTaken,
    /// Only a replay was asked for, and the key has answered nothing.
    NotBefore,
}
