//! A call of the API, as its handler is given it.

use super::query::Query;
use crate::http::{Failure, Ingress, RequestBody};
use crate::model::TraceContext;
use crate::service::{Caller, Service};
use http::HeaderValue;
use http::request::Parts;
use std::sync::Arc;
use tokio::sync::watch;

/// A request whose caller may make it, its body read.
pub(super) struct Call {
    pub(super) service: Arc<Service>,
    pub(super) ingress: Arc<Ingress>,
    pub(super) caller: Caller,
    pub(super) head: Parts,
    /// Whether it came over TLS, to us or to a trusted proxy.
    pub(super) is_secure: bool,
    pub(super) body: RequestBody,
    /// The bytes of the UUID in its path; zeros where the route has none.
    pub(super) id: [u8; 16],
    /// Turns true when the daemon stops.
    pub(super) stop: watch::Receiver<bool>,
}

impl Call {
    pub(super) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The parameters of a list.
    pub(super) fn list(&self) -> Query<'_> {
        Query::of_list(self.caller.account.0, self.head.uri.path(), self.query())
    }

    /// Reads the body: a long one where no other call waits for it.
    pub(super) async fn read<T>(&self, read: impl FnOnce(&[u8]) -> Result<T, Failure>) -> Result<T, Failure> {
        self.ingress.long_work.run(self.body.len(), || read(&self.body)).await
    }

    /// The caller's trace. Two `traceparent` are none; several `tracestate` are one (W3C Trace Context 3.2, 3.3.1.2).
    pub(super) fn trace(&self) -> Option<Arc<TraceContext>> {
        let mut parents = self.head.headers.get_all("traceparent").iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else {
            return None;
        };
        let states: Option<Vec<&str>> =
            self.head.headers.get_all("tracestate").iter().map(|state| state.to_str().ok()).collect();
        TraceContext::parse(parent.to_str().ok()?, &states.unwrap_or_default().join(",")).map(Arc::new)
    }
}

/// JSON by name, or unnamed. `application/x-www-form-urlencoded` is let through: it is what `curl -d` sends unasked,
/// and the guide's own sample is pasted that way; what isn't JSON then fails as JSON.
pub(super) fn check_content_type(value: Option<&HeaderValue>) -> Result<(), Failure> {
    let Some(value) = value else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media_type == "application/json" || media_type.ends_with("+json");
    if json || media_type == "application/x-www-form-urlencoded" { Ok(()) } else { Err(Failure::not_json_type()) }
}
