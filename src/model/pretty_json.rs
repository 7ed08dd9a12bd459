//! JSON for people's eyes.

/// JSON over several lines, indented by two; every token stays as it was written, since reading and writing it anew
/// would change numbers that no float holds. What lies deeper than `deepest` is indented no further. Text that is no
/// JSON comes back more or less spaced.
pub fn pretty_json(json: &str, deepest: usize) -> String {
    let (mut text, mut depth, mut in_string, mut escaped) =
        (String::with_capacity(json.len() * 2), 0_usize, false, false);
    let mut chars = json.chars().peekable();
    let new_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(deepest)));
    };
    while let Some(c) = chars.next() {
        if in_string {
            text.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                text.push(c);
            }
            '{' | '[' => {
                text.push(c);
                while chars.next_if(|next| next.is_whitespace()).is_some() {}
                if let Some(closing) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(closing);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

/// JSON over several lines, as [`pretty_json`] lays it out; `None` for text that isn't one object or array of JSON,
/// such as one whose end was cut off.
pub fn pretty_if_json(text: &str, deepest: usize) -> Option<String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_compound = text.starts_with(['{', '[']);
    let is_json = is_compound && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    is_json.then(|| pretty_json(text, deepest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_json_is_laid_out() {
        assert_eq!(pretty_if_json(" {\"a\":[1]}\n", 40).as_deref(), Some("{\n  \"a\": [\n    1\n  ]\n}"));
        for other in ["", "ok", "12", "\"{}\"", "{\"a\":", "{} {}", "<p>{}</p>", &"[".repeat(1024)] {
            assert_eq!(pretty_if_json(other, 40), None, "{other}");
        }
    }
}
