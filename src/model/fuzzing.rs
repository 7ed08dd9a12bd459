//! Properties of event types and patterns, against a model that reads them letter by letter; and of what is found in
//! resources, against serde's reading of them. Two evaluations of filters, against one another.

use super::business_keys::{MAX_KEY_BYTES, MAX_KEYS, MAX_TOKENS};
use super::{
    Effort, EventType, FilterSet, Pattern, PatternSet, PayloadFilter, ResourceFacts, SearchText, depth, fold,
    format_duration, parse_duration, tokens,
};
use std::time::Duration;

const LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `^[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+$`, as an automaton.
fn is_type(text: &str) -> bool {
    let (mut dots, mut in_word) = (0, false);
    for c in text.chars() {
        match c {
            'A'..='Z' => in_word = true,
            '0'..='9' | '_' if in_word => {}
            '.' if in_word => (dots, in_word) = (dots + 1, false),
            _ => return false,
        }
    }
    in_word && dots > 0 && text.len() <= EventType::MAX_BYTES
}

fn is_pattern(text: &str) -> bool {
    let category = text.strip_suffix(".*").is_some_and(|word| !word.contains('.') && is_type(&format!("{word}.A")));
    text == "*" || category || is_type(text)
}

fn means(pattern: &str, event_type: &str) -> bool {
    let category = pattern.strip_suffix('*').filter(|before| before.ends_with('.'));
    pattern == "*" || pattern == event_type || category.is_some_and(|before| event_type.starts_with(before))
}

/// The first line is a type, the others are patterns; each is also read as the other, and as a span.
pub fn pattern(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for line in text.split('\n') {
        let event_type = EventType::parse(line);
        assert_eq!(event_type.is_some(), is_type(line), "{line:?}");
        if let Some(event_type) = event_type {
            assert_eq!(event_type.to_string(), line);
            assert!(line.starts_with(event_type.category()) && !event_type.category().contains('.'));
        }
        let pattern = Pattern::parse(line);
        // A category is bounded with its wildcard, a type without.
        assert_eq!(pattern.is_some(), is_pattern(line) && line.len() <= EventType::MAX_BYTES, "{line:?}");
        if let Some(pattern) = pattern {
            assert_eq!(Pattern::parse(&pattern.to_string()), Some(pattern.clone()));
            assert_eq!(pattern.to_string(), line);
        }
        // Past a lifetime, which no caller takes, more digits are printed than are read.
        if let Some(span) = parse_duration(line).filter(|span| *span < LIFETIME) {
            assert_eq!(parse_duration(&format_duration(span)), Some(span), "{line:?}");
        }
    }
    let mut lines = text.split('\n');
    let Some(event_type) = lines.next().and_then(EventType::parse) else {
        return;
    };
    let lines: Vec<&str> = lines.filter(|line| is_pattern(line)).collect();
    let patterns: Vec<Pattern> = lines.iter().filter_map(|line| Pattern::parse(line)).collect();
    for (line, pattern) in lines.iter().zip(&patterns) {
        assert_eq!(pattern.matches(&event_type), means(line, event_type.as_str()), "{line:?} {event_type}");
    }
    let is_own = event_type.as_str().starts_with("WEBHOOK.");
    let reaches = |line: &str| means(line, event_type.as_str()) && !(is_own && line == "*");
    let any = lines.iter().copied().any(reaches) && event_type.as_str() != EventType::TEST;
    match PatternSet::new(patterns) {
        Some(set) => assert_eq!(set.matches(&event_type), any),
        None => assert!(lines.is_empty() || lines.len() > PatternSet::MAX),
    }
}

/// A resource, or what is none: its keys are few, short and folded, each is found by what it is, and those of JSON are
/// among the ids that serde reads.
pub fn keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let found = ResourceFacts::find(None, text, &[]);
    let named = ResourceFacts::find(Some(text), text, &["note".to_owned(), "tax_id".to_owned()]);
    for keys in [&found.keys, &named.keys] {
        assert!(keys.len() <= MAX_KEYS && keys.iter().all(|key| key.len() <= MAX_KEY_BYTES), "{keys:?}");
        assert!(keys.iter().all(|key| fold(key).is_some_and(|folded| folded == **key)), "{keys:?}");
        let tokens = tokens(keys);
        assert!(tokens.len() <= MAX_TOKENS && keys.iter().all(|key| tokens.contains(&key.as_str())), "{tokens:?}");
        assert!(tokens.iter().all(|token| SearchText::parse(token).is_some_and(|own| own.as_str() == *token)));
        assert!(tokens.iter().all(|token| keys.iter().any(|key| key.contains(token))), "{tokens:?}");
    }
    if let Ok(serde_json::Value::Object(top)) = serde_json::from_str(text) {
        let below = top.values().filter_map(serde_json::Value::as_object).flatten();
        let read: Vec<String> =
            top.iter().chain(below).filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect();
        // Of a name that is written twice serde keeps the last, and of numbers their value: neither is looked at here.
        let is_once = text.matches("\"id\"").count() == 1 && !text.contains('\\');
        if let (true, Some(id)) = (is_once, &found.id)
            && !id.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        {
            assert!(read.contains(id), "{id:?} {text}");
        }
    }
}

/// The first line is a filter, the rest a resource, or what is none.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (filter, resource) = text.split_once('\n').unwrap_or((text, "{}"));
    let filter = match PayloadFilter::parse(filter) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.line > 0 && error.column > 0 && error.to_string().len() < 40_000, "{error:?}");
            return;
        }
    };
    assert_eq!(PayloadFilter::parse(filter.as_str()).as_ref(), Ok(&filter));
    let set: FilterSet = [&filter, &filter].into_iter().collect();
    let met = set.matches(resource);
    // No event is nested deeper.
    if depth(resource) > 64 {
        return;
    }
    let unmet = filter.unmet(resource, &mut Effort::default());
    let is_object = resource.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(resource).is_ok();
    if is_object && resource.len() < 8 * 1024 {
        assert_eq!(met, [unmet.is_none(); 2], "{filter:?} {resource}");
    }
}
