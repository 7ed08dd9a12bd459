//! Two windows edit one webhook: what a form holds beside what is stored by now. A field that nobody touched takes what
//! is stored; beside one that somebody did it is told.

use super::number_typed;
use super::texts::fill;
use super::view::View;
use super::webhook_typed::{Problems, Typed};
use crate::gather::Gather as _;
use crate::model::{Fingerprint, PayloadFilter, TargetUrl, WebhookName};
use std::collections::BTreeSet;

impl Typed {
    /// What each field holds, equal for what means the same, however it is laid out. `host`: what a webhook is called
    /// that has no name of its own.
    fn compared(&self, view: &View<'_>, host: &str) -> [(&'static str, String); 14] {
        let t = view.t;
        let more = self.more.split([',', '\n', ' ']).map(|text| text.trim().to_ascii_uppercase());
        let events: BTreeSet<String> = self.patterns.iter().cloned().chain(more).gather();
        let events: Vec<String> = events.into_iter().filter(|text| !text.is_empty()).collect();
        let filter = PayloadFilter::parse(self.filter.trim());
        let filter = filter.map_or_else(|_| self.filter.trim().to_owned(), |filter| filter.as_str().to_owned());
        let number = |text: &str| {
            number_typed::read(view.lang, text)
                .map_or(text.to_owned(), |number| number_typed::written(view.lang, number))
        };
        [
            ("name", if self.name.is_empty() { host.to_owned() } else { self.name.clone() }),
            ("target", self.target.clone()),
            ("events", events.join(", ")),
            ("client_certificate", self.client_certificate.clone()),
            ("filter", filter),
            ("description", self.description.clone()),
            ("ordered", if self.ordered { t.yes } else { t.no }.to_owned()),
            ("max_in_flight", number(&self.max_in_flight)),
            ("rate_limit", number(&self.rate_limit)),
            ("headers", self.headers.lines().map(str::trim).collect::<Vec<_>>().join("\n")),
            ("retry_schedule", self.retry_schedule.clone()),
            ("retry_attempts", number(&self.retry_attempts)),
            ("retry_jitter", number(&self.retry_jitter)),
            ("signatures", self.signatures.clone()),
        ]
    }

    /// What a webhook of this target is called that has no name of its own.
    fn host(&self) -> String {
        let target = TargetUrl::parse(&self.target);
        target.map(|target| WebhookName::of_target(&target).to_owned()).unwrap_or_default()
    }

    /// Stands for what the fields hold now: a form that is filled has it along, and tells by it which of them somebody
    /// has touched.
    pub(super) fn marks_now(&self, view: &View<'_>) -> String {
        let fields = self.compared(view, &self.host());
        fields.map(|(_, text)| mark(&text)).join(" ")
    }

    /// Takes what is stored for the fields that nobody has touched since the form was filled.
    pub(super) fn take_untouched(&mut self, view: &View<'_>, stored: &Self) {
        // What a form was filled with never has an empty name, which stands for the host.
        let fields = self.compared(view, "");
        let marked = fields.iter().zip(self.marks.split(' '));
        let untouched: Vec<&str> =
            marked.filter(|((_, text), was)| mark(text) == *was).map(|((name, _), _)| *name).collect();
        for name in untouched {
            match name {
                "name" => self.name.clone_from(&stored.name),
                "target" => self.target.clone_from(&stored.target),
                "events" => {
                    self.patterns.clone_from(&stored.patterns);
                    self.more.clone_from(&stored.more);
                }
                "client_certificate" => self.client_certificate.clone_from(&stored.client_certificate),
                "filter" => self.filter.clone_from(&stored.filter),
                "description" => self.description.clone_from(&stored.description),
                "ordered" => self.ordered = stored.ordered,
                "max_in_flight" => self.max_in_flight.clone_from(&stored.max_in_flight),
                "rate_limit" => self.rate_limit.clone_from(&stored.rate_limit),
                "headers" => self.headers.clone_from(&stored.headers),
                "retry_schedule" => self.retry_schedule.clone_from(&stored.retry_schedule),
                "retry_attempts" => self.retry_attempts.clone_from(&stored.retry_attempts),
                "retry_jitter" => self.retry_jitter.clone_from(&stored.retry_jitter),
                "signatures" => self.signatures.clone_from(&stored.signatures),
                other => debug_assert!(false, "{other} is compared and not taken"),
            }
        }
    }

    /// What is stored where something else is typed, by field; of an authorization nothing is told.
    pub(super) fn stored_instead(&self, view: &View<'_>, stored: &Self) -> Problems {
        let host = stored.host();
        let pairs = self.compared(view, &host).into_iter().zip(stored.compared(view, &host));
        let different = pairs.filter(|((_, typed), (_, stored))| typed != stored);
        different
            .map(|(_, (name, stored))| {
                let t = view.t;
                (name, if stored.is_empty() { t.stored_empty.to_owned() } else { fill(t.stored_is, &[&stored]) })
            })
            .gather()
    }
}

/// Stands for what one field holds.
fn mark(text: &str) -> String {
    format!("{:016x}", Fingerprint::of([text.as_bytes()]).first_u64())
}
