//! Paths and methods to endpoints, in one place.

use crate::http::{Class, Failure};
use crate::model::{EventId, NotificationId, ResendId, Scope, TokenId, WebhookId};
use http::Method;

/// What a request is for.
pub(super) enum Target {
    /// Is the process up?
    Health,
    /// Can it take events?
    Ready,
    /// The document that describes the API.
    OpenApi,
    /// The page made of it.
    Reference,
    /// Everything that needs a token.
    Api(Endpoint),
}

/// The calls of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Register,
    Webhooks,
    Webhook(WebhookId),
    ChangeWebhook(WebhookId),
    DeleteWebhook(WebhookId),
    TestWebhook(WebhookId),
    RotateSecret(WebhookId),
    Record,
    RecordBatch,
    Events,
    Event(EventId),
    EventNotifications(EventId),
    ResendEvent(EventId),
    ExplainEvent(EventId),
    EraseEvent(EventId),
    EventTypes,
    Notifications,
    Notification(NotificationId),
    Stream,
    ResendNotification(NotificationId),
    ResendMany,
    BulkResends,
    BulkResend(ResendId),
    CancelResend(ResendId),
    CreateToken,
    Tokens,
    RevokeToken(TokenId),
    Metrics,
}

impl Endpoint {
    /// Whether the call reads a body. What takes none is content with an empty one or `{}`.
    pub(super) fn takes_body(self) -> bool {
        match self {
            Self::Register
            | Self::ChangeWebhook(_)
            | Self::Record
            | Self::RecordBatch
            | Self::ResendMany
            | Self::RotateSecret(_)
            | Self::CreateToken => true,
            Self::Webhooks
            | Self::Webhook(_)
            | Self::DeleteWebhook(_)
            | Self::TestWebhook(_)
            | Self::Events
            | Self::Event(_)
            | Self::EventNotifications(_)
            | Self::ResendEvent(_)
            | Self::ExplainEvent(_)
            | Self::EraseEvent(_)
            | Self::EventTypes
            | Self::Notifications
            | Self::Notification(_)
            | Self::Stream
            | Self::ResendNotification(_)
            | Self::BulkResends
            | Self::BulkResend(_)
            | Self::CancelResend(_)
            | Self::Tokens
            | Self::RevokeToken(_)
            | Self::Metrics => false,
        }
    }

    /// The scope a token must have.
    pub(super) fn scope(self) -> Scope {
        match self {
            Self::Record | Self::RecordBatch => Scope::Ingest,
            Self::Webhooks
            | Self::Webhook(_)
            | Self::Events
            | Self::Event(_)
            | Self::EventNotifications(_)
            | Self::ExplainEvent(_)
            | Self::EventTypes
            | Self::Notifications
            | Self::Notification(_)
            | Self::Stream
            | Self::BulkResends
            | Self::BulkResend(_) => Scope::Read,
            Self::Metrics => Scope::Metrics,
            Self::Register
            | Self::ChangeWebhook(_)
            | Self::DeleteWebhook(_)
            | Self::TestWebhook(_)
            | Self::RotateSecret(_)
            | Self::ResendEvent(_)
            | Self::EraseEvent(_)
            | Self::ResendNotification(_)
            | Self::ResendMany
            | Self::CancelResend(_)
            | Self::CreateToken
            | Self::Tokens
            | Self::RevokeToken(_) => Scope::Admin,
        }
    }
}

/// What a request counts as in the metrics, whatever ids stand in its path.
pub(super) fn class(method: &Method, path: &str) -> Class {
    match path {
        "/api/events" | "/api/events/batch" if *method == Method::POST => return Class::Ingest,
        "/api/notifications/stream" => return Class::Stream,
        "/metrics" => return Class::Metrics,
        "/healthz" | "/readyz" => return Class::Health,
        "/api/openapi.json" | "/api/reference" => return Class::Docs,
        _ => {}
    }
    match path.strip_prefix("/api/").and_then(|rest| rest.split('/').next()) {
        Some("webhooks") => Class::Webhooks,
        Some("events" | "event_types") => Class::Events,
        Some("notifications") => Class::Notifications,
        Some("tokens") => Class::Tokens,
        _ => Class::Other,
    }
}

/// Finds the endpoint: 404 for a path that leads nowhere or an id that is no UUID, 405 for a method the path doesn't take.
pub(super) fn find(method: &Method, path: &str) -> Result<Target, Failure> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    // HEAD is GET without its body, which hyper leaves out by itself.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    match *segments.as_slice() {
        ["healthz"] => only(method, Target::Health),
        ["readyz"] => only(method, Target::Ready),
        ["metrics"] => only(method, Target::Api(Endpoint::Metrics)),
        ["api", "openapi.json"] => only(method, Target::OpenApi),
        ["api", "reference"] => only(method, Target::Reference),
        ["api", ref rest @ ..] => api(method, rest).map(Target::Api),
        _ if is_below_a_path(&segments) => Err(Failure::below_a_path()),
        _ => Err(Failure::not_found()),
    }
}

/// Whether a path is one of ours with something in front, as a proxy sends it that publishes carteiro below a path.
fn is_below_a_path(segments: &[&str]) -> bool {
    const OURS: [&str; 9] =
        ["api", "sign-in", "panel", "healthz", "readyz", "metrics", "webhooks", "events", "notifications"];
    match segments {
        [first, rest @ ..] if !first.is_empty() && !OURS.contains(first) => {
            // `/carteiro/` is what a browser asks for first.
            rest == [""] || rest.iter().any(|segment| OURS.contains(segment))
        }
        _ => false,
    }
}

fn only(method: &Method, target: Target) -> Result<Target, Failure> {
    if *method == Method::GET { Ok(target) } else { Err(Failure::method_not_allowed(&[Method::GET])) }
}

fn api(method: &Method, segments: &[&str]) -> Result<Endpoint, Failure> {
    let webhook = |id: &str| WebhookId::parse(id).ok_or_else(Failure::not_found);
    let event = |id: &str| EventId::parse(id).ok_or_else(Failure::not_found);
    let notification = |id: &str| NotificationId::parse(id).ok_or_else(Failure::not_found);
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let choices: Vec<(Method, Endpoint)> = match *segments {
        ["webhooks"] => vec![(get, Endpoint::Webhooks), (post, Endpoint::Register)],
        ["webhooks", id] => {
            let id = webhook(id)?;
            vec![
                (get, Endpoint::Webhook(id)),
                (Method::PATCH, Endpoint::ChangeWebhook(id)),
                (Method::PUT, Endpoint::ChangeWebhook(id)),
                (delete, Endpoint::DeleteWebhook(id)),
            ]
        }
        ["webhooks", id, "test"] => vec![(post, Endpoint::TestWebhook(webhook(id)?))],
        ["webhooks", id, "rotate_secret"] => vec![(post, Endpoint::RotateSecret(webhook(id)?))],
        ["events"] => vec![(get, Endpoint::Events), (post, Endpoint::Record)],
        ["events", "batch"] => vec![(post, Endpoint::RecordBatch)],
        ["events", id] => vec![(get, Endpoint::Event(event(id)?))],
        ["events", id, "notifications"] => vec![(get, Endpoint::EventNotifications(event(id)?))],
        ["events", id, "resend"] => vec![(post, Endpoint::ResendEvent(event(id)?))],
        ["events", id, "explain"] => vec![(get, Endpoint::ExplainEvent(event(id)?))],
        ["events", id, "resource"] => vec![(delete, Endpoint::EraseEvent(event(id)?))],
        ["event_types"] => vec![(get, Endpoint::EventTypes)],
        ["notifications"] => vec![(get, Endpoint::Notifications)],
        ["notifications", "stream"] => vec![(get, Endpoint::Stream)],
        ["notifications", "resend"] => vec![(get, Endpoint::BulkResends), (post, Endpoint::ResendMany)],
        ["notifications", "resend", id] => {
            let id = ResendId::parse(id).ok_or_else(Failure::not_found)?;
            vec![(get, Endpoint::BulkResend(id)), (delete, Endpoint::CancelResend(id))]
        }
        ["notifications", id] => vec![(get, Endpoint::Notification(notification(id)?))],
        ["notifications", id, "resend"] => vec![(post, Endpoint::ResendNotification(notification(id)?))],
        ["tokens"] => vec![(get, Endpoint::Tokens), (post, Endpoint::CreateToken)],
        ["tokens", id] => vec![(delete, Endpoint::RevokeToken(TokenId::parse(id).ok_or_else(Failure::not_found)?))],
        _ => return Err(Failure::not_found()),
    };
    match choices.iter().find(|(allowed, _)| allowed == method) {
        Some((_, endpoint)) => Ok(*endpoint),
        None => Err(Failure::method_not_allowed(&choices.into_iter().map(|(allowed, _)| allowed).collect::<Vec<_>>())),
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
