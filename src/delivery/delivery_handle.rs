//! What the verbs may ask of delivery.

use super::schedule::engine_status::EngineStatus;
use super::transport::client::Client;
use std::sync::Arc;

/// The engine's state and the client that makes attempts. Cheap to clone.
#[derive(Clone)]
pub struct DeliveryHandle {
    /// What is in flight, and what holds the rest.
    pub status: Arc<EngineStatus>,
    /// Whether a target would be refused.
    pub client: Client,
}
