//! HTTP in: one request becomes a caller, an endpoint and model types; one verb is called; one answer goes out.
//!
//! Every mistake a caller can make ends here, as a 4xx with a sentence. It knows no store and no delivery.

mod auth;
mod bounded;
mod error;
mod events;
mod fields;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
mod metrics;
mod notifications;
mod openapi;
mod query;
mod resends;
mod route;
mod stream;
mod tokens;
mod webhooks;

pub use auth::MAX_TOKEN_BYTES;

use crate::http::{Answer, Class, Failure, Handler, InboundRequest, RequestBody, check_content_encoding};
use crate::model::TraceContext;
use crate::service::Service;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use query::Query;
use route::{Endpoint, Target};
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
    fn serves(&self, path: &str) -> bool {
        path.starts_with("/api/")
    }

    fn class(&self, method: &Method, path: &str) -> Class {
        route::class(method, path)
    }

    fn handle(
        self: Arc<Self>,
        request: InboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>> {
        Box::pin(async move { dispatch(&self.service, request).await })
    }
}

/// What a handler is given.
struct Call<'a> {
    service: &'a Service,
    ingress: &'a crate::http::Ingress,
    caller: crate::service::Caller,
    path: &'a str,
    query: &'a str,
    body: RequestBody,
    idempotency_key: Option<&'a HeaderValue>,
    /// The trace the caller is in.
    trace: Option<Arc<TraceContext>>,
}

impl<'a> Call<'a> {
    /// The parameters of a list.
    fn list(&self) -> Query<'a> {
        Query::of_list(self.caller.account.0, self.path, self.query)
    }

    /// Reads the body: a long one where no other call waits for it.
    async fn read<T>(&self, read: impl FnOnce(&[u8]) -> Result<T, Failure>) -> Result<T, Failure> {
        self.ingress.turns.take(self.body.len(), || read(&self.body)).await
    }
}

async fn dispatch(service: &Arc<Service>, mut request: InboundRequest) -> Result<Answer, Failure> {
    let endpoint = match route::find(&request.head.method, request.head.uri.path())? {
        Target::Health => return Ok(Answer::json(StatusCode::OK, r#"{"status":"ok"}"#)),
        Target::Ready => {
            return Ok(match service.not_ready() {
                None => Answer::json(StatusCode::OK, r#"{"status":"ready"}"#),
                Some(why) => return Err(Failure::unavailable(why.en)),
            });
        }
        Target::OpenApi => return Ok(openapi::document()),
        Target::Reference => return Ok(openapi::reference()),
        Target::Api(endpoint) => endpoint,
    };
    let ingress = request.ingress().clone();
    let caller = auth::authenticate(service, &ingress, request.client_address(), &request.head.headers)?;
    if !caller.scopes.allows(endpoint.scope()) {
        return Err(Failure::forbidden(endpoint.scope()));
    }
    let max_bytes =
        if endpoint == Endpoint::RecordBatch { crate::config::MAX_BATCH_BODY_BYTES } else { request.max_body() };
    if request.has_body() && matches!(request.head.method, Method::POST | Method::PUT | Method::PATCH) {
        check_content_encoding(&request.head.headers)?;
        check_content_type(request.head.headers.get(header::CONTENT_TYPE))?;
    }
    let body = request.read_body(max_bytes, caller.body_owner()).await?;
    let InboundRequest { head, stop, .. } = &request;
    let query = head.uri.query().unwrap_or_default();
    let idempotency_key = head.headers.get("idempotency-key");
    let trace = trace(&head.headers).map(Arc::new);
    let path = head.uri.path();
    let call = Call { service, ingress: &ingress, caller, path, query, body, idempotency_key, trace };
    if endpoint == Endpoint::Webhooks {
        // The guide's own sample prints GET above text that says POST: never guess which was meant.
        call.read(refuse_registration_by_get).await?;
    }
    if !endpoint.takes_body() && head.method != Method::GET && !call.body.is_empty() {
        // What is sent and not read would be believed to have been taken.
        call.read(|body| fields::Fields::of_body(body)?.finish()).await?;
    }
    match endpoint {
        Endpoint::Register => webhooks::register(&call).await,
        Endpoint::Webhooks => webhooks::list(&call),
        Endpoint::Webhook(id) => webhooks::show(&call, id),
        Endpoint::ChangeWebhook(id) => webhooks::change(&call, id).await,
        Endpoint::DeleteWebhook(id) => webhooks::delete(&call, id).await,
        Endpoint::TestWebhook(id) => webhooks::test(&call, id).await,
        Endpoint::RotateSecret(id) => webhooks::rotate_secret(&call, id).await,
        Endpoint::Record => events::record(call).await,
        Endpoint::RecordBatch => events::record_batch(call).await,
        Endpoint::Events => events::list(&call).await,
        Endpoint::Event(id) => events::show(&call, id).await,
        Endpoint::EventNotifications(id) => events::notifications(&call, id).await,
        Endpoint::ResendEvent(id) => events::resend(&call, id).await,
        Endpoint::ExplainEvent(id) => events::explain(&call, id).await,
        Endpoint::EraseEvent(id) => events::erase(&call, id).await,
        Endpoint::EventTypes => events::types(&call),
        Endpoint::Notifications => notifications::list(&call).await,
        Endpoint::Notification(id) => notifications::show(&call, id).await,
        Endpoint::Stream => stream::show(&call, service, &head.headers, stop).await,
        Endpoint::ResendNotification(id) => notifications::resend(&call, id).await,
        Endpoint::ResendMany => resends::start(&call).await,
        Endpoint::BulkResends => resends::list(&call).await,
        Endpoint::BulkResend(id) => resends::show(&call, id).await,
        Endpoint::CancelResend(id) => resends::cancel(&call, id).await,
        Endpoint::CreateToken => tokens::create(&call).await,
        Endpoint::Tokens => tokens::list(&call),
        Endpoint::RevokeToken(id) => tokens::revoke(&call, id).await,
        Endpoint::Metrics => metrics::show(&call).await,
    }
}

/// The caller's trace. Two `traceparent` are none; several `tracestate` are one (W3C Trace Context 3.2, 3.3.1.2).
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else {
        return None;
    };
    let states: Option<Vec<&str>> = headers.get_all("tracestate").iter().map(|state| state.to_str().ok()).collect();
    TraceContext::parse(parent.to_str().ok()?, &states.unwrap_or_default().join(","))
}

/// JSON by name, or unnamed. `application/x-www-form-urlencoded` is let through: it is what `curl -d` sends unasked, and the
/// guide's own sample is pasted that way; what isn't JSON then fails as JSON.
fn check_content_type(value: Option<&HeaderValue>) -> Result<(), Failure> {
    let Some(value) = value else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media_type == "application/json" || media_type.ends_with("+json");
    if json || media_type == "application/x-www-form-urlencoded" { Ok(()) } else { Err(Failure::not_json_type()) }
}

fn refuse_registration_by_get(body: &[u8]) -> Result<(), Failure> {
    if fields::has_member(body, "webhook") {
        return Err(Failure::bad_request(
            "use_post",
            "a webhook is registered with POST /api/webhooks; this was a GET, which lists them: send the same body with -X POST",
        ));
    }
    Ok(())
}
