//! Every call of the API, in one table: where it is, who may make it, what body it takes and what answers it.

use super::call::Call;
use super::{events, metrics, notifications, openapi, resends, stream, tokens, webhooks};
use crate::http::{Answer, Class, Failure};
use crate::model::{EventId, NotificationId, ResendId, Scope, TokenId, WebhookId};
use crate::service::Service;
use http::{Method, StatusCode};
use std::future::ready;
use std::pin::Pin;

/// One method of one path.
pub(super) struct Route {
    method: &'static str,
    /// The path; its one variable part, where it has one, is `{id}`, a UUID.
    pub(super) path: &'static str,
    class: Class,
    pub(super) access: Access,
}

/// Who may call a route, and what answers it.
pub(super) enum Access {
    /// Everyone; no body is read.
    Public(fn(&Service) -> Result<Answer, Failure>),
    /// Callers whose token has this scope.
    Token(Scope, Body, Handler),
}

/// What body a call reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// None; it is content with an empty one or `{}`.
    None,
    /// JSON of at most `server.max_body`.
    Json,
    /// JSON of at most [`crate::config::MAX_BATCH_BODY_BYTES`].
    Batch,
}

type Handler = for<'a> fn(&'a mut Call) -> Answering<'a>;
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

const fn public(path: &'static str, class: Class, answer: fn(&Service) -> Result<Answer, Failure>) -> Route {
    Route { method: "GET", path, class, access: Access::Public(answer) }
}

const fn get(path: &'static str, class: Class, scope: Scope, handler: Handler) -> Route {
    Route { method: "GET", path, class, access: Access::Token(scope, Body::None, handler) }
}

/// A call that changes something.
const fn admin(method: &'static str, path: &'static str, class: Class, body: Body, handler: Handler) -> Route {
    Route { method, path, class, access: Access::Token(Scope::Admin, body, handler) }
}

const fn ingest(path: &'static str, body: Body, handler: Handler) -> Route {
    Route { method: "POST", path, class: Class::Ingest, access: Access::Token(Scope::Ingest, body, handler) }
}

/// Where two rows have the same path, their order is that of the `Allow` header.
pub(super) static ROUTES: &[Route] = &[
    public("/healthz", Class::Health, |_| Ok(Answer::json(StatusCode::OK, r#"{"status":"ok"}"#))),
    public("/readyz", Class::Health, readiness),
    public("/api/openapi.json", Class::Docs, |_| Ok(openapi::document())),
    public("/api/reference", Class::Docs, |_| Ok(openapi::reference())),
    get("/metrics", Class::Metrics, Scope::Metrics, |call| Box::pin(metrics::show(call))),
    get("/api/webhooks", Class::Webhooks, Scope::Read, |call| Box::pin(webhooks::list(call))),
    admin("POST", "/api/webhooks", Class::Webhooks, Body::Json, |call| Box::pin(webhooks::register(call))),
    get("/api/webhooks/{id}", Class::Webhooks, Scope::Read, |call| {
        Box::pin(ready(webhooks::show(call, WebhookId::from_bytes(call.id))))
    }),
    admin("PATCH", "/api/webhooks/{id}", Class::Webhooks, Body::Json, |call| {
        Box::pin(webhooks::change(call, WebhookId::from_bytes(call.id)))
    }),
    admin("PUT", "/api/webhooks/{id}", Class::Webhooks, Body::Json, |call| {
        Box::pin(webhooks::change(call, WebhookId::from_bytes(call.id)))
    }),
    admin("DELETE", "/api/webhooks/{id}", Class::Webhooks, Body::None, |call| {
        Box::pin(webhooks::delete(call, WebhookId::from_bytes(call.id)))
    }),
    admin("POST", "/api/webhooks/{id}/test", Class::Webhooks, Body::None, |call| {
        Box::pin(webhooks::test(call, WebhookId::from_bytes(call.id)))
    }),
    admin("POST", "/api/webhooks/{id}/rotate_secret", Class::Webhooks, Body::Json, |call| {
        Box::pin(webhooks::rotate_secret(call, WebhookId::from_bytes(call.id)))
    }),
    get("/api/events", Class::Events, Scope::Read, |call| Box::pin(events::list(call))),
    ingest("/api/events", Body::Json, |call| Box::pin(events::record(call))),
    ingest("/api/events/batch", Body::Batch, |call| Box::pin(events::record_batch(call))),
    get("/api/events/{id}", Class::Events, Scope::Read, |call| {
        Box::pin(events::show(call, EventId::from_bytes(call.id)))
    }),
    get("/api/events/{id}/notifications", Class::Events, Scope::Read, |call| {
        Box::pin(events::notifications(call, EventId::from_bytes(call.id)))
    }),
    admin("POST", "/api/events/{id}/resend", Class::Events, Body::None, |call| {
        Box::pin(events::resend(call, EventId::from_bytes(call.id)))
    }),
    get("/api/events/{id}/explain", Class::Events, Scope::Read, |call| {
        Box::pin(events::explain(call, EventId::from_bytes(call.id)))
    }),
    admin("DELETE", "/api/events/{id}/resource", Class::Events, Body::None, |call| {
        Box::pin(events::erase(call, EventId::from_bytes(call.id)))
    }),
    get("/api/event_types", Class::Events, Scope::Read, |call| Box::pin(ready(events::types(call)))),
    get("/api/notifications", Class::Notifications, Scope::Read, |call| Box::pin(notifications::list(call))),
    get("/api/notifications/stream", Class::Stream, Scope::Read, |call| Box::pin(stream::show(call))),
    get("/api/notifications/resend", Class::Notifications, Scope::Read, |call| Box::pin(resends::list(call))),
    admin("POST", "/api/notifications/resend", Class::Notifications, Body::Json, |call| Box::pin(resends::start(call))),
    get("/api/notifications/resend/{id}", Class::Notifications, Scope::Read, |call| {
        Box::pin(resends::show(call, ResendId::from_bytes(call.id)))
    }),
    admin("DELETE", "/api/notifications/resend/{id}", Class::Notifications, Body::None, |call| {
        Box::pin(resends::cancel(call, ResendId::from_bytes(call.id)))
    }),
    get("/api/notifications/{id}", Class::Notifications, Scope::Read, |call| {
        Box::pin(notifications::show(call, NotificationId::from_bytes(call.id)))
    }),
    admin("POST", "/api/notifications/{id}/resend", Class::Notifications, Body::None, |call| {
        Box::pin(notifications::resend(call, NotificationId::from_bytes(call.id)))
    }),
    get("/api/tokens", Class::Tokens, Scope::Admin, |call| Box::pin(ready(tokens::list(call)))),
    admin("POST", "/api/tokens", Class::Tokens, Body::Json, |call| Box::pin(tokens::create(call))),
    admin("DELETE", "/api/tokens/{id}", Class::Tokens, Body::None, |call| {
        Box::pin(tokens::revoke(call, TokenId::from_bytes(call.id)))
    }),
];

fn readiness(service: &Service) -> Result<Answer, Failure> {
    match service.not_ready() {
        None => Ok(Answer::json(StatusCode::OK, r#"{"status":"ready"}"#)),
        Some(why) => Err(Failure::unavailable(why.en)),
    }
}

impl Route {
    /// The bytes of the UUID in the path, zeros where the route has none; `None` for a path that isn't this route's.
    fn matches(&self, path: &str) -> Option<[u8; 16]> {
        let Some((before, after)) = self.path.split_once("{id}") else {
            return (self.path == path).then_some([0; 16]);
        };
        let id = path.strip_prefix(before)?.strip_suffix(after)?;
        // All ids are spelled alike.
        EventId::parse(id).map(EventId::to_bytes)
    }

    fn takes(&self, method: &Method) -> bool {
        // HEAD is GET without its body, which hyper leaves out by itself.
        self.method == method.as_str() || *method == Method::HEAD && self.method == "GET"
    }
}

/// What a request counts as in the metrics, whatever ids stand in its path. What no route takes counts as what is
/// nearest to it.
pub(super) fn class(method: &Method, path: &str) -> Class {
    let collection = |path: &str| path.split('/').nth(2).filter(|_| path.starts_with("/api/")).map(str::to_owned);
    let found = ROUTES.iter().find(|route| route.takes(method) && route.matches(path).is_some());
    let found = found.or_else(|| ROUTES.iter().find(|route| route.matches(path).is_some()));
    let near = || ROUTES.iter().find(|route| collection(path).is_some() && collection(route.path) == collection(path));
    found.or_else(near).map_or(Class::Other, |route| route.class)
}

/// Finds the route, and the id in its path: 404 for a path that leads nowhere or an id that is no UUID, 405 for a
/// method the path doesn't take.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, [u8; 16]), Failure> {
    let mut allowed = Vec::new();
    for route in ROUTES {
        match route.matches(path) {
            Some(id) if route.takes(method) => return Ok((route, id)),
            Some(_) => allowed.push(route.method),
            None => {}
        }
    }
    if !allowed.is_empty() {
        return Err(Failure::method_not_allowed(&allowed));
    }
    Err(if is_below_a_path(path) { Failure::below_a_path() } else { Failure::not_found() })
}

/// Whether a path is one of ours with something in front, as a proxy sends it that publishes carteiro below a path.
fn is_below_a_path(path: &str) -> bool {
    const OURS: [&str; 9] =
        ["api", "sign-in", "panel", "healthz", "readyz", "metrics", "webhooks", "events", "notifications"];
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    match segments.as_slice() {
        [first, rest @ ..] if !first.is_empty() && !OURS.contains(first) => {
            // `/carteiro/` is what a browser asks for first.
            rest == [""] || rest.iter().any(|segment| OURS.contains(segment))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_must_be_uuids_and_methods_must_fit() {
        let status = |method: &Method, path: &str| match find(method, path) {
            Ok(_) => 200,
            Err(failure) => failure.into_answer().into_response(http::HeaderValue::from_static("x")).status().as_u16(),
        };
        let id = "0193a5b0-1111-7222-8333-444455556666";
        assert_eq!(status(&Method::GET, "/api/webhooks"), 200);
        assert_eq!(status(&Method::HEAD, "/api/webhooks"), 200);
        assert_eq!(status(&Method::GET, &format!("/api/webhooks/{id}")), 200);
        assert_eq!(status(&Method::PUT, &format!("/api/webhooks/{id}")), 200);
        for path in [
            "/",
            "",
            "/api",
            "/api/",
            "/api/webhooks/",
            "/api/webhooks/7",
            "/api/events/x/resend",
            "//api/webhooks",
            "/API/webhooks",
        ] {
            assert_eq!(status(&Method::GET, path), 404, "{path}");
        }
        assert_eq!(status(&Method::DELETE, "/api/webhooks"), 405);
        assert_eq!(status(&Method::GET, "/api/events/batch"), 405);
        assert_eq!(status(&Method::POST, "/healthz"), 405);
    }

    #[test]
    fn paths_have_classes_and_ids_make_no_series() {
        for (method, path, of) in [
            (Method::POST, "/api/events", Class::Ingest),
            (Method::POST, "/api/events/batch", Class::Ingest),
            (Method::GET, "/api/events", Class::Events),
            (Method::GET, "/api/event_types", Class::Events),
            (Method::POST, "/api/events/x/resend", Class::Events),
            (Method::GET, "/api/webhooks/x", Class::Webhooks),
            (Method::GET, "/api/notifications/stream", Class::Stream),
            (Method::GET, "/api/notifications/x", Class::Notifications),
            (Method::GET, "/api/reference", Class::Docs),
            (Method::GET, "/wp-login.php", Class::Other),
            (Method::GET, "", Class::Other),
        ] {
            assert_eq!(class(&method, path), of, "{method} {path}");
        }
    }
}
