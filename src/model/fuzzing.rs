//! Properties of event types and patterns, against a model that reads them letter by letter.

use super::{EventType, Pattern, PatternSet, TEST_EVENT, format_duration, parse_duration};
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
    let any = lines.iter().any(|line| means(line, event_type.as_str())) && event_type.as_str() != TEST_EVENT;
    match PatternSet::new(patterns) {
        Some(set) => assert_eq!(set.matches(&event_type), any),
        None => assert!(lines.is_empty() || lines.len() > PatternSet::MAX),
    }
}
