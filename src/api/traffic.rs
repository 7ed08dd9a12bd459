//! The requests that were answered, by what they were for and how they went.

use crate::stats::Histogram;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a request is for: a few classes, whatever ids stand in its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Ingest,
    Webhooks,
    Events,
    Notifications,
    Stream,
    Tokens,
    Metrics,
    Health,
    Docs,
    Other,
}

impl Class {
    const ALL: [Self; 10] = [
        Self::Ingest,
        Self::Webhooks,
        Self::Events,
        Self::Notifications,
        Self::Stream,
        Self::Tokens,
        Self::Metrics,
        Self::Health,
        Self::Docs,
        Self::Other,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Webhooks => "webhooks",
            Self::Events => "events",
            Self::Notifications => "notifications",
            Self::Stream => "stream",
            Self::Tokens => "tokens",
            Self::Metrics => "metrics",
            Self::Health => "health",
            Self::Docs => "docs",
            Self::Other => "other",
        }
    }

    pub(super) fn of(method: &Method, path: &str) -> Self {
        match path {
            "/api/events" | "/api/events/batch" if *method == Method::POST => return Self::Ingest,
            "/api/notifications/stream" => return Self::Stream,
            "/metrics" => return Self::Metrics,
            "/healthz" | "/readyz" => return Self::Health,
            "/api/openapi.json" | "/api/reference" => return Self::Docs,
            _ => {}
        }
        match path.strip_prefix("/api/").and_then(|rest| rest.split('/').next()) {
            Some("webhooks") => Self::Webhooks,
            Some("events" | "event_types") => Self::Events,
            Some("notifications") => Self::Notifications,
            Some("tokens") => Self::Tokens,
            _ => Self::Other,
        }
    }
}

/// The statuses that are answered; any other counts as the last.
const STATUSES: [u16; 19] =
    [200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 500, 503, 0];

/// Counters for each class and status.
pub(super) struct Traffic {
    answered: [[AtomicU64; STATUSES.len()]; Class::ALL.len()],
    /// How long recording an event or a batch took, from its head to its answer, where it was taken.
    pub(super) ingest: Histogram,
}

impl Default for Traffic {
    fn default() -> Self {
        let answered = [const { [const { AtomicU64::new(0) }; STATUSES.len()] }; Class::ALL.len()];
        Self { answered, ingest: Histogram::new(Histogram::SHORT) }
    }
}

impl Traffic {
    pub(super) fn answered(&self, class: Class, status: StatusCode, took: Duration) {
        let at = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.answered[class as usize][at].fetch_add(1, Ordering::Relaxed);
        if class == Class::Ingest && status.is_success() {
            self.ingest.observe(took);
        }
    }

    /// Class, status and how many, of those that there were.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        Class::ALL
            .into_iter()
            .flat_map(|class| {
                let counts = STATUSES.iter().zip(&self.answered[class as usize]);
                counts.map(move |(status, count)| (class.as_str(), *status, count.load(Ordering::Relaxed)))
            })
            .filter(|(_, _, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_classes_and_ids_make_no_series() {
        for (method, path, class) in [
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
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
        let traffic = Traffic::default();
        traffic.answered(Class::Other, StatusCode::IM_A_TEAPOT, Duration::ZERO);
        traffic.answered(Class::Ingest, StatusCode::CREATED, Duration::ZERO);
        traffic.answered(Class::Ingest, StatusCode::CONFLICT, Duration::ZERO);
        let counts: Vec<_> = traffic.counts().collect();
        assert_eq!(counts, [("ingest", 201, 1), ("ingest", 409, 1), ("other", 0, 1)]);
        assert_eq!(traffic.ingest.snapshot().count, 1, "what was refused was not taken in");
    }
}
