//! HTTP in: one request becomes a caller, an endpoint and model types; one verb is called; one answer goes out.
//!
//! Every mistake a caller can make ends here, as a 4xx with a sentence. It knows no store and no delivery.

mod alerts;
mod audit;
mod auth;
mod backfills;
mod call;
mod csv;
mod erasures;
mod error;
mod events;
mod fields;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
mod metrics;
mod notifications;
mod open_alerts;
mod openapi;
mod panel_links;
mod query;
mod resends;
mod routes;
mod stream;
mod tokens;
mod webhooks;

pub use auth::MAX_TOKEN_BYTES;

use crate::http::{Answer, Class, Failure, Handler, InboundRequest, check_content_encoding};
use crate::service::Service;
use call::Call;
use http::{HeaderMap, Method, header};
use routes::{CallAccess, Takes};
use std::pin::Pin;
use std::sync::Arc;

/// The API, as a server's handler.
pub struct Api {
    service: Arc<Service>,
}

impl Api {
    /// Over the service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl Handler for Api {
    fn serves(&self, path: &str, _headers: &HeaderMap) -> bool {
        path.starts_with("/api/")
    }

    fn class(&self, method: &Method, path: &str) -> Class {
        routes::class(method, path)
    }

    fn handle(
        self: Arc<Self>,
        request: InboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>> {
        Box::pin(async move { dispatch(&self.service, request).await })
    }
}

async fn dispatch(service: &Arc<Service>, mut request: InboundRequest) -> Result<Answer, Failure> {
    let (route, id) = routes::find(&request.head.method, request.head.uri.path())?;
    let (scope, takes, handler) = match route.answer.access {
        CallAccess::Public(answer) => return answer(service),
        CallAccess::Token(scope, takes, handler) => (scope, takes, handler),
    };
    let ingress = request.ingress().clone();
    let caller = auth::authenticate(service, &ingress, request.client_address(), &request.head.headers)?;
    if !caller.scopes.allows(scope) {
        return Err(Failure::forbidden(scope));
    }
    if request.has_body() && matches!(request.head.method, Method::POST | Method::PUT | Method::PATCH) {
        check_content_encoding(&request.head.headers)?;
        call::check_content_type(request.head.headers.get(header::CONTENT_TYPE))?;
    }
    let max_bytes = if takes == Takes::Batch { crate::config::MAX_BATCH_BODY_BYTES } else { request.max_body() };
    let bytes = request.read_body(max_bytes, caller.body_owner()).await?;
    let is_secure = request.is_secure();
    let InboundRequest { head, stop, .. } = request;
    let mut call = Call { service: service.clone(), ingress, caller, head, is_secure, body: bytes, id, stop };
    // What is sent and not read would be believed to have been taken.
    if takes == Takes::Nothing && call.head.method != Method::GET && !call.body.is_empty() {
        call.read(|body| fields::JsonFields::of_body(body)?.finish()).await?;
    }
    if takes != Takes::Query {
        query::none(call.query())?;
    }
    handler(&mut call).await
}
