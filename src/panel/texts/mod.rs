//! Every text of the pages, one file a language: one that is missing doesn't compile.

mod alerts_en;
mod alerts_pt;
pub(super) mod audit;
pub(super) mod authorization;
mod define;
mod en;
pub(super) mod erasures;
mod event_names;
mod identity;
mod pt;
pub(super) mod resends;
mod upkeep_en;
mod upkeep_pt;

pub(super) use crate::model::Language as Lang;
use crate::model::{AttemptError, Localized, Scope, Status, WebhookStatus};
pub(super) use alerts_pt::AlertTexts;
use define::Counted;
pub(super) use define::fill;
use en::EN;
pub(super) use event_names::EventTexts;
use pt::PT;
pub(super) use pt::Texts;
use upkeep_pt::UpkeepTexts;

impl Lang {
    /// Why an attempt failed, in this language.
    pub(super) fn why(self, error: &AttemptError) -> &str {
        self.pick(&error.message, &error.message_pt)
    }

    pub(super) const fn texts(self) -> &'static Texts {
        match self {
            Self::Pt => &PT,
            Self::En => &EN,
        }
    }

    /// Those of the pages of whoever looks after carteiro.
    pub(super) const fn upkeep(self) -> &'static UpkeepTexts {
        match self {
            Self::Pt => &upkeep_pt::PT,
            Self::En => &upkeep_en::EN,
        }
    }

    /// Those of the page of alerts.
    pub(super) const fn alerts(self) -> &'static AlertTexts {
        match self {
            Self::Pt => &alerts_pt::PT,
            Self::En => &alerts_en::EN,
        }
    }
}

/// A text of the service in the page's language, begun and ended as a sentence is.
pub(super) fn sentence(lang: Lang, text: &Localized) -> String {
    let mut letters = lang.of(text).chars();
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

impl UpkeepTexts {
    /// What a scope allows.
    pub(super) const fn scope(&self, scope: Scope) -> &'static str {
        match scope {
            Scope::Admin => self.scope_admin,
            Scope::Ingest => self.scope_ingest,
            Scope::Read => self.scope_read,
            Scope::Metrics => self.scope_metrics,
        }
    }
}

impl Texts {
    pub(super) const fn status(&self, status: Status) -> &'static str {
        match status {
            Status::Pending => self.pending,
            Status::Retrying => self.retrying,
            Status::Held => self.held,
            Status::Delivered => self.delivered,
            Status::Failed => self.failed,
            Status::Cancelled => self.cancelled,
        }
    }

    pub(super) const fn webhook_status(&self, status: &WebhookStatus) -> &'static str {
        match status {
            WebhookStatus::Active => self.active,
            WebhookStatus::Paused => self.paused,
            WebhookStatus::Disabled { .. } => self.disabled,
        }
    }

    /// How many notifications have a status.
    pub(super) const fn of_status(&self, status: Status) -> Counted {
        match status {
            Status::Pending => self.pending_n,
            Status::Retrying => self.retrying_n,
            Status::Held => self.held_n,
            Status::Delivered => self.delivered_n,
            Status::Failed => self.failed_n,
            Status::Cancelled => self.cancelled_n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::define::Named;
    use super::*;

    /// Every table, in Portuguese and in English.
    const TABLES: [[&[Named]; 2]; 9] = [
        [pt::ALL, en::ALL],
        [upkeep_pt::ALL, upkeep_en::ALL],
        [alerts_pt::ALL, alerts_en::ALL],
        audit::ALL,
        authorization::ALL,
        erasures::ALL,
        event_names::ALL,
        identity::ALL,
        resends::ALL,
    ];

    /// Texts without a form for one in which a word follows a place: what fills that is no number, or never one.
    const NO_NUMBER: &[(&str, &str)] = &[
        ("too_many_tokens", "seconds, by their sign"),
        ("host_lost", "a host"),
        ("absent_account", "an account"),
        ("ago", "a span"),
        ("will_disable", "a span"),
        ("erase_external_id_too", "an id"),
        ("what_to_webhook", "what is sent"),
        ("long_body", "a size"),
        ("long_resource", "a size"),
        ("low_disk_help", "a size"),
        ("of_attempts", "two numbers and no noun"),
        ("tried", "two numbers and no noun"),
        ("job_progress", "two numbers and no noun"),
        ("progress", "two numbers and no noun"),
        ("more", "a number and no noun"),
        ("count_changed", "more than a thousand"),
        ("delete_pending_many", "as many as are counted"),
        ("all_failing", "more than three"),
        ("in_days", "30, 90 or 365"),
        ("meant_among", "as many as are looked through"),
    ];

    /// Words beside many that have no s: they don't change with the number, or are verbs.
    const WITHOUT_S: [&str; 27] = [
        "lost",
        "skipped",
        "still",
        "taken",
        "ainda",
        "re-sent",
        "more",
        "na",
        "em",
        "tentando",
        "de",
        "que",
        "não",
        "falharam",
        "of",
        "on",
        "that",
        "not",
        "pending",
        "retrying",
        "delivered",
        "failed",
        "cancelled",
        "retried",
        "could",
        "selected",
        "waiting",
    ];

    #[test]
    fn both_languages_say_all_of_it() {
        let places = |text: &str| text.matches("{}").count();
        for [pt, en] in TABLES {
            assert_eq!(pt.len(), en.len());
            for ((name, pt), (other, en)) in pt.iter().zip(en) {
                assert_eq!(name, other, "the two languages have their texts in the same order");
                assert_eq!(pt.len(), en.len(), "{name}");
                assert!(pt.iter().chain(*en).all(|text| !text.is_empty() && text.trim() == *text), "{name}");
                assert!(pt.iter().chain(*en).all(|text| places(text) == places(pt[0])), "{name}");
            }
        }
        assert_eq!(fill("{} de {}", &[&1, &"dois"]), "1 de dois");
    }

    /// The word behind each place of a text, and the one before it.
    fn neighbours(text: &str) -> Vec<(String, String)> {
        let word = |text: &str| text.trim_matches(|letter: char| !letter.is_alphabetic()).to_lowercase();
        let parts: Vec<&str> = text.split("{}").collect();
        let pairs = parts.windows(2).map(|pair| {
            let before = pair[0].strip_suffix(' ').and_then(|text| text.split(' ').next_back());
            let behind = pair[1].strip_prefix(' ').and_then(|text| text.split(' ').next());
            (word(before.unwrap_or_default()), word(behind.unwrap_or_default()))
        });
        pairs.collect()
    }

    /// A notification that failed once was "nenhuma das 1 tentativas": a text with one form for all numbers.
    #[test]
    fn numbers_agree_with_their_words() {
        const MANY: [&str; 10] = ["as", "os", "das", "dos", "nas", "nos", "todas", "todos", "all", "those"];
        let mut broken = Vec::new();
        let mut unused: std::collections::BTreeSet<&str> = NO_NUMBER.iter().map(|(name, _)| *name).collect();
        for (name, texts) in TABLES.into_iter().flatten().flatten() {
            let [one, many] = *texts else {
                let text = texts[0];
                let is_bound =
                    |(before, behind): &(String, String)| !behind.is_empty() || MANY.contains(&before.as_str());
                if neighbours(text).iter().any(is_bound) {
                    unused.remove(name);
                    if NO_NUMBER.iter().any(|(listed, _)| listed == name) {
                        continue;
                    }
                    broken.push(format!("{name}: {text:?} has one form for all numbers; give it two, or list it"));
                }
                continue;
            };
            for count in [0, 1, 2] {
                let (before, behind) = neighbours(if count == 1 { one } else { many }).swap_remove(0);
                let agrees = match count {
                    1 => !behind.ends_with('s') && !MANY.contains(&before.as_str()),
                    _ => behind.ends_with('s') || WITHOUT_S.contains(&behind.as_str()),
                };
                if !agrees {
                    let shown = Counted { one, many }.of(count, &count, &[&"ERP", &"ERP"]);
                    broken.push(format!("{name}: {shown:?}"));
                }
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        assert!(unused.is_empty(), "these texts have no such place, or are no more: {unused:?}");
    }

    #[test]
    fn a_browser_gets_the_language_it_likes_better() {
        for (header, lang) in [
            ("", None),
            ("pt-BR,pt;q=0.9,en;q=0.8", Some(Lang::Pt)),
            ("en-US,en;q=0.9,pt;q=0.8", Some(Lang::En)),
            ("de, en;q=0.5, pt;q=0.7", Some(Lang::Pt)),
            ("de", None),
            ("en;q=0", None),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
