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
use crate::model::{AttemptError, Localized, Status, WebhookStatus};
pub(super) use alerts_pt::AlertTexts;
use define::Counted;
pub(super) use define::fill;
use en::EN;
pub(super) use event_names::EventTexts;
use pt::PT;
pub(super) use pt::Texts;
pub(super) use upkeep_pt::UpkeepTexts;

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

    /// The one of the two that an `Accept-Language` likes better (RFC 9110, 12.5.4); Portuguese, the guide's, where it
    /// likes neither.
    pub(super) fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::Pt);
        for item in header.split(',') {
            let (range, rest) = item.split_once(';').unwrap_or((item, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(lang) = Self::parse(&primary).filter(|_| weight > best.0) {
                best = (weight, lang);
            }
        }
        best.1
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
    use super::*;

    #[test]
    fn both_languages_say_all_of_it() {
        let places = |text: &str| text.matches("{}").count();
        for (pt, en) in [(pt::ALL, en::ALL), (upkeep_pt::ALL, upkeep_en::ALL), (alerts_pt::ALL, alerts_en::ALL)] {
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

    #[test]
    fn a_browser_gets_the_language_it_likes_better() {
        for (header, lang) in [
            ("", Lang::Pt),
            ("pt-BR,pt;q=0.9,en;q=0.8", Lang::Pt),
            ("en-US,en;q=0.9,pt;q=0.8", Lang::En),
            ("de, en;q=0.5, pt;q=0.7", Lang::Pt),
            ("de", Lang::Pt),
            ("en;q=0", Lang::Pt),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
