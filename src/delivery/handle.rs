//! What the verbs may ask of delivery.

use super::schedule::status::Status;
use super::transport::client::Client;
use std::sync::Arc;

/// The engine's state and the client that makes attempts. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    /// What is in flight, and what holds the rest.
    pub status: Arc<Status>,
    /// Whether a target would be refused.
    pub client: Client,
}
