//! An event before it has a body: as a caller, or carteiro itself, brings it.

use super::{BodyDraft, EventId, EventType, Fingerprint, NewEvent, ResourceFacts, Timestamp, TraceContext};
use std::sync::Arc;

/// An event as a caller brings it; `resource` is the text of one JSON object.
#[derive(Clone, Debug)]
pub struct EventDraft<'a> {
    /// The caller's own id.
    pub id: Option<EventId>,
    /// What happened.
    pub event_type: EventType,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// The resource, byte for byte.
    pub resource: &'a str,
    /// The trace its caller records it in.
    pub trace: Option<Arc<TraceContext>>,
}

impl EventDraft<'_> {
    /// With a body of its own.
    pub fn into_new(self, env: &str, key_fields: &[String]) -> NewEvent {
        let body = BodyDraft::new(&self.event_type, env, self.resource);
        self.with_body(body, key_fields)
    }

    /// With this body, which holds the same resource.
    pub fn with_body(self, body: BodyDraft, key_fields: &[String]) -> NewEvent {
        let occurred = self.occurred_at.map_or([0; 8], |at| at.as_ms().to_be_bytes());
        let external = self.external_id.as_deref().unwrap_or_default();
        let parts = [self.event_type.as_str().as_bytes(), external.as_bytes(), &occurred, self.resource.as_bytes()];
        NewEvent {
            id: self.id,
            resource: ResourceFacts::find(self.external_id.as_deref(), self.resource, key_fields),
            fingerprint: Fingerprint::of(parts),
            body,
            event_type: self.event_type,
            external_id: self.external_id,
            occurred_at: self.occurred_at,
            trace: self.trace,
            trial: None,
        }
    }
}
