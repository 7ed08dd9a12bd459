//! Every call of the API, in one table: where it is, who may make it, what it takes and what answers it.

use super::call::Call;
use super::{
    alerts, audit, backfills, erasures, events, metrics, notifications, open_alerts, openapi, panel_links, resends,
    stream, tokens, webhooks,
};
use crate::http::{Answer, Class, Failure, Route, Routes};
use crate::model::{ErasureId, EventId, JobId, NotificationId, Scope, TokenId, WebhookId};
use crate::service::Service;
use http::{Method, StatusCode};
use std::pin::Pin;

/// A call: what it counts as, and who may make it.
pub(super) struct ApiCall {
    class: Class,
    pub(super) access: CallAccess,
}

/// Who may call a route, and what answers it.
pub(super) enum CallAccess {
    /// Everyone; neither query nor body is read.
    Public(fn(&Service) -> Result<Answer, Failure>),
    /// Callers whose token has this scope.
    Token(Scope, Takes, CallHandler),
}

/// What a call brings. Anything else is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing; it is content with an empty body or `{}`.
    Nothing,
    /// A query, which its handler reads, and no body.
    Query,
    /// JSON of at most `server.max_body`.
    Json,
    /// JSON of at most [`crate::config::MAX_BATCH_BODY_BYTES`].
    Batch,
}

type CallHandler = for<'a> fn(&'a mut Call) -> Answering<'a>;
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

const fn public(path: &'static str, class: Class, answer: fn(&Service) -> Result<Answer, Failure>) -> Route<ApiCall> {
    Route { method: "GET", path, answer: ApiCall { class, access: CallAccess::Public(answer) } }
}

/// A row a call: method, path, class, scope, what it takes, and its handler with the type of the id in the path.
macro_rules! routes {
    ([$($public:expr,)*] $($method:ident $path:literal $class:ident $scope:ident $takes:ident
        => $module:ident::$handler:ident$(($id:ident))?;)*) => {
        &[
            $($public,)*
            $(Route {
                method: stringify!($method),
                path: $path,
                answer: ApiCall {
                    class: Class::$class,
                    access: CallAccess::Token(Scope::$scope, Takes::$takes, |call| {
                        Box::pin($module::$handler(call $(, $id::from_bytes(call.id))?))
                    }),
                },
            },)*
        ]
    };
}

pub(super) static ROUTES: Routes<ApiCall> = Routes(routes! {
    [
        public("/healthz", Class::Health, |_| Ok(Answer::json(StatusCode::OK, r#"{"status":"ok"}"#))),
        public("/readyz", Class::Health, readiness),
        public("/api/openapi.json", Class::Docs, |_| Ok(openapi::document())),
        public("/api/reference", Class::Docs, |_| Ok(openapi::reference())),
    ]
    GET "/metrics" Metrics Metrics Nothing => metrics::show;
    GET "/api/webhooks" Webhooks Read Query => webhooks::list;
    POST "/api/webhooks" Webhooks Admin Json => webhooks::register;
    GET "/api/webhooks/{id}" Webhooks Read Nothing => webhooks::show(WebhookId);
    PATCH "/api/webhooks/{id}" Webhooks Admin Json => webhooks::change(WebhookId);
    PUT "/api/webhooks/{id}" Webhooks Admin Json => webhooks::change(WebhookId);
    DELETE "/api/webhooks/{id}" Webhooks Admin Nothing => webhooks::delete(WebhookId);
    POST "/api/webhooks/{id}/test" Webhooks Admin Nothing => webhooks::test(WebhookId);
    POST "/api/webhooks/{id}/filter/test" Webhooks Read Json => webhooks::try_filter(WebhookId);
    GET "/api/webhooks/backfill" Webhooks Read Query => backfills::list;
    GET "/api/webhooks/backfill/{id}" Webhooks Read Nothing => backfills::show(JobId);
    DELETE "/api/webhooks/backfill/{id}" Webhooks Admin Nothing => backfills::cancel(JobId);
    POST "/api/webhooks/{id}/backfill" Webhooks Admin Json => backfills::start(WebhookId);
    POST "/api/webhooks/{id}/rotate_secret" Webhooks Admin Json => webhooks::rotate_secret(WebhookId);
    POST "/api/webhooks/{id}/rotate_key" Webhooks Admin Json => webhooks::rotate_key(WebhookId);
    GET "/api/events" Events Read Query => events::list;
    POST "/api/events" Ingest Ingest Json => events::record;
    POST "/api/events/batch" Ingest Ingest Batch => events::record_batch;
    GET "/api/events/{id}" Events Read Nothing => events::show(EventId);
    GET "/api/events/{id}/notifications" Events Read Query => events::notifications(EventId);
    POST "/api/events/{id}/resend" Events Admin Json => events::resend(EventId);
    GET "/api/events/{id}/explain" Events Read Nothing => events::explain(EventId);
    DELETE "/api/events/{id}/resource" Events Admin Query => events::erase(EventId);
    GET "/api/erasures" Events Read Query => erasures::list;
    POST "/api/erasures" Events Admin Json => erasures::start;
    GET "/api/erasures/{id}" Events Read Nothing => erasures::show(ErasureId);
    DELETE "/api/erasures/{id}" Events Admin Nothing => erasures::cancel(ErasureId);
    GET "/api/event_types" Events Read Query => events::types;
    GET "/api/notifications" Notifications Read Query => notifications::list;
    GET "/api/notifications/stream" Stream Read Query => stream::show;
    GET "/api/notifications/resend" Notifications Read Query => resends::list;
    POST "/api/notifications/resend" Notifications Admin Json => resends::start;
    GET "/api/notifications/resend/{id}" Notifications Read Nothing => resends::show(JobId);
    DELETE "/api/notifications/resend/{id}" Notifications Admin Nothing => resends::cancel(JobId);
    GET "/api/notifications/{id}" Notifications Read Nothing => notifications::show(NotificationId);
    GET "/api/notifications/{id}/request" Notifications Read Query => notifications::request(NotificationId);
    POST "/api/notifications/{id}/resend" Notifications Admin Nothing => notifications::resend(NotificationId);
    GET "/api/alerts/channels" Alerts Read Nothing => alerts::channels;
    POST "/api/alerts/test" Alerts Admin Json => alerts::test;
    GET "/api/tokens" Tokens Admin Query => tokens::list;
    POST "/api/tokens" Tokens Admin Json => tokens::create;
    DELETE "/api/tokens/{id}" Tokens Admin Nothing => tokens::revoke(TokenId);
    GET "/api/alerts" Alerts Read Query => open_alerts::list;
    POST "/api/alerts/mutes" Alerts Admin Json => open_alerts::mute;
    DELETE "/api/alerts/mutes" Alerts Admin Query => open_alerts::unmute;
    GET "/api/audit" Tokens Admin Query => audit::list;
    POST "/api/panel_links" Tokens Admin Nothing => panel_links::create;
});

fn readiness(service: &Service) -> Result<Answer, Failure> {
    match service.not_ready() {
        None => Ok(Answer::json(StatusCode::OK, r#"{"status":"ready"}"#)),
        Some(why) => Err(Failure::unavailable(why)),
    }
}

/// Finds the route, and the id in its path: 404 for a path that leads nowhere or an id that is no UUID, 405 for a
/// method the path doesn't take.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route<ApiCall>, [u8; 16]), Failure> {
    ROUTES.find(method, path).map_err(|allowed| match allowed.as_slice() {
        [] if is_below_a_path(path) => Failure::below_a_path(),
        [] => Failure::not_found(),
        allowed => Failure::method_not_allowed(allowed),
    })
}

/// What a request counts as in the metrics, whatever ids stand in its path. What no route takes counts as what is
/// nearest to it.
pub(super) fn class(method: &Method, path: &str) -> Class {
    fn collection(path: &str) -> Option<&str> {
        path.strip_prefix("/api/")?.split('/').next()
    }
    let of_path = || ROUTES.0.iter().filter(|route| route.matches(path).is_some());
    let found = of_path().find(|route| route.takes(method)).or_else(|| of_path().next());
    let own = collection(path);
    let near = || ROUTES.0.iter().find(|route| own.is_some() && collection(route.path) == own);
    found.or_else(near).map_or(Class::Other, |route| route.answer.class)
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
