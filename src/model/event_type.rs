//! Event types, and the patterns a webhook subscribes with.

use super::{Localized, localized};
use std::fmt;
use std::sync::Arc;

/// What happened: `^[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+$`, at most 100 bytes. Its category is what stands before the
/// first dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Arc<str>);

impl EventType {
    /// The category of what carteiro itself records; callers can't.
    pub const OWN_CATEGORY: &str = "WEBHOOK";
    /// What `POST /api/webhooks/{id}/test` sends.
    pub const TEST: &str = "WEBHOOK.TEST";
    /// Tells the other webhooks of one whose target has come to fail.
    pub const FAILING: &str = "WEBHOOK.FAILING";
    /// Tells the other webhooks of one whose failing target has confirmed again.
    pub const RECOVERED: &str = "WEBHOOK.RECOVERED";
    /// Tells the other webhooks of one that was disabled.
    pub const DISABLED: &str = "WEBHOOK.DISABLED";
    /// Tells the other webhooks of a notification that has used up its automatic attempts.
    pub const NOTIFICATION_FAILED: &str = "WEBHOOK.NOTIFICATION_FAILED";
    /// The longest type that is taken: it stands in a key of the store and in a panel's column.
    pub const MAX_BYTES: usize = 100;

    /// `None` unless the text has the form above.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() <= Self::MAX_BYTES && text.contains('.') && text.split('.').all(is_word);
        well_formed.then(|| Self(text.into()))
    }

    /// The sentence for a text that is too long to be a type or a pattern, without its subject; `None` for one that
    /// isn't.
    pub fn too_long(text: &str) -> Option<Localized> {
        let (length, most) = (text.len(), Self::MAX_BYTES);
        (length > most).then(|| {
            localized!("must be at most {most} bytes, not {length}", "deve ter no máximo {most} bytes, não {length}")
        })
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of carteiro's own, of the [`EventType::OWN_CATEGORY`].
    pub fn is_own(&self) -> bool {
        self.category() == Self::OWN_CATEGORY
    }

    /// What stands before the first dot.
    pub fn category(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

fn is_word(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One subscription: an exact type, a category, or everything. There is no other wildcard (the guide knows none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `*`
    Everything,
    /// `PAYMENT.*`: every type whose first word is this.
    Category(Arc<str>),
    /// `PAYMENT.PAID`
    Exactly(EventType),
}

impl Pattern {
    /// Reads one, or says what is wrong with it, without its subject.
    pub fn read(text: &str) -> Result<Self, Localized> {
        Self::parse(text).ok_or_else(|| {
            EventType::too_long(text).unwrap_or_else(|| {
                localized!(
                    "must be `*`, a category such as `PAYMENT.*`, or one type",
                    "deve ser `*`, uma categoria como `PAYMENT.*`, ou um só tipo"
                )
            })
        })
    }

    /// `None` for anything but the three forms; `PAYMENT.CRE*` is none of them.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        match text.strip_suffix(".*") {
            Some(category) => {
                (is_word(category) && text.len() <= EventType::MAX_BYTES).then(|| Self::Category(category.into()))
            }
            None => EventType::parse(text).map(Self::Exactly),
        }
    }

    /// Whether an event of this type is meant.
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Everything => true,
            Self::Category(category) => event_type.category() == &**category,
            Self::Exactly(exactly) => exactly == event_type,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Category(category) => write!(f, "{category}.*"),
            Self::Exactly(exactly) => exactly.fmt(f),
        }
    }
}

/// 1 to 100 distinct patterns, in the order given. Overlapping ones still mean an event once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternSet(Vec<Pattern>);

impl PatternSet {
    /// The most patterns one webhook can have.
    pub const MAX: usize = 100;

    /// Repeated patterns count once; `None` when none are left or more than [`PatternSet::MAX`] were given.
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        if patterns.len() > Self::MAX {
            return None;
        }
        let mut distinct: Vec<Pattern> = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            if !distinct.contains(&pattern) {
                distinct.push(pattern);
            }
        }
        (!distinct.is_empty()).then_some(Self(distinct))
    }

    /// Whether any of them means this type.
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.matching(event_type).is_some()
    }

    /// The first pattern that means this type. None means [`EventType::TEST`]: a test is sent to one webhook by name,
    /// and never by subscription. `*` means what happens in a shop, and none of carteiro's own types: who asks for
    /// everything expects no word about other webhooks.
    pub fn matching(&self, event_type: &EventType) -> Option<&Pattern> {
        if event_type.as_str() == EventType::TEST {
            return None;
        }
        let is_own = event_type.is_own();
        self.0.iter().find(|pattern| pattern.matches(event_type) && !(is_own && **pattern == Pattern::Everything))
    }

    /// The patterns, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_type(text: &str) -> EventType {
        EventType::parse(text).unwrap()
    }

    #[test]
    fn types_have_the_form_of_the_guide() {
        for good in ["PAYMENT.PAID", "PAYMENT.IN_ANALYSIS", "A.B", "A1_.B2", "A.B.C"] {
            assert!(EventType::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "PAYMENT",
            "PAYMENT.",
            ".PAID",
            "payment.paid",
            "PAYMENT.1PAID",
            "PAYMENT._X",
            "PAYMENT..PAID",
            "PAYMENT.*",
            "PAYMENT.PAÍD",
            " PAYMENT.PAID",
            "PAYMENT.PAID\n",
        ] {
            assert!(EventType::parse(bad).is_none(), "{bad}");
        }
        let longest = format!("A.{}", "B".repeat(EventType::MAX_BYTES - 2));
        assert!(EventType::parse(&longest).is_some());
        assert!(EventType::parse(&format!("{longest}B")).is_none());
    }

    #[test]
    fn patterns_are_exact_category_or_everything() {
        let paid = event_type("PAYMENT.PAID");
        for (pattern, matches) in [
            ("*", true),
            ("PAYMENT.*", true),
            ("PAYMENT.PAID", true),
            ("ORDER.*", false),
            ("PAYMENT.PAID_LATE", false),
            ("PAY.*", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(&paid), matches, "{pattern}");
        }
        assert!(Pattern::parse("PAYMENT.*").unwrap().matches(&event_type("PAYMENT.PIX.PAID")));
        for bad in ["PAYMENT.CRE*", "**", "*.PAID", "PAYMENT*", "PAYMENT.PIX.*", ".*", "payment.*", "PAYMENT", ""] {
            assert!(Pattern::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Pattern::parse("PAYMENT.*").unwrap().to_string(), "PAYMENT.*");
    }

    #[test]
    fn carteiros_own_types_reach_those_that_name_them() {
        let set = |pattern: &str| PatternSet::new(vec![Pattern::parse(pattern).unwrap()]).unwrap();
        let failing = event_type(EventType::FAILING);
        assert!(failing.is_own() && !event_type("WEBHOOKS.FAILING").is_own());
        assert!(set("WEBHOOK.*").matches(&failing) && set("WEBHOOK.FAILING").matches(&failing));
        assert!(!set("*").matches(&failing) && set("*").matches(&event_type("WEBHOOKS.FAILING")));
        assert!(!set("WEBHOOK.*").matches(&event_type(EventType::TEST)));
    }

    #[test]
    fn a_set_holds_1_to_100_and_drops_repeats() {
        let nth = |n: usize| Pattern::parse(&format!("A.B{n}")).unwrap();
        assert!(PatternSet::new(vec![]).is_none());
        assert!(PatternSet::new((0..PatternSet::MAX).map(nth).collect()).is_some());
        assert!(PatternSet::new((0..=PatternSet::MAX).map(nth).collect()).is_none());
        assert_eq!(PatternSet::new(vec![nth(1), nth(1)]).unwrap().iter().count(), 1);
    }
}
