//! A message as plain text, cut to what a channel takes.

use crate::alerts::message::Message;
use crate::model::Language;

/// A text in three parts, of which the middle is cut when it is too long.
pub(super) struct Parts {
    /// The title, as the channel writes it.
    pub(super) head: String,
    /// What happened and what to do, before it is escaped: a cut must not split what an escape has made.
    pub(super) body: String,
    /// The links, as the channel writes them.
    pub(super) tail: String,
    /// Makes of the body what the channel shows as that body.
    pub(super) escape: fn(&str) -> String,
}

impl Parts {
    /// Of a message: its title, its paragraphs, and a line for each link.
    pub(super) fn of(message: &Message) -> Self {
        let links: Vec<String> = message.links.iter().map(|link| format!("{}: {}", link.label, link.url)).collect();
        Self {
            head: message.title.as_str().to_owned(),
            body: message.paragraphs.join("\n\n"),
            tail: links.join("\n"),
            escape: str::to_owned,
        }
    }

    /// The parts, an empty line between two, at most `most` by what `size` says of a text; the body is cut at a
    /// character, and says so. `size` must grow with a text by at least one for each character.
    pub(super) fn within(&self, most: usize, language: Language, size: impl Fn(&str) -> usize) -> String {
        let whole = self.with(&self.body);
        if size(&whole) <= most {
            return whole;
        }
        let note = cut_note(language);
        let cut = |chars: usize| -> String { self.body.chars().take(chars).chain(note.chars()).collect() };
        let fits = |chars: usize| size(&self.with(&cut(chars))) <= most;
        // The greatest number of characters that fits, by halves.
        let (mut good, mut bad) = (0, self.body.chars().count());
        while good + 1 < bad {
            let middle = usize::midpoint(good, bad);
            if fits(middle) { good = middle } else { bad = middle }
        }
        let text = self.with(&cut(good));
        if size(&text) <= most {
            return text;
        }
        // Links that leave no room: what happened matters more.
        if self.tail.is_empty() {
            return start_of(&text, most, size);
        }
        let (head, body) = (self.head.clone(), self.body.clone());
        Self { head, body, tail: String::new(), escape: self.escape }.within(most, language, size)
    }

    fn with(&self, body: &str) -> String {
        let body = (self.escape)(body);
        let parts = [self.head.as_str(), &body, &self.tail];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n\n")
    }
}

fn start_of(text: &str, most: usize, size: impl Fn(&str) -> usize) -> String {
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if size(&cut) > most {
            cut.pop();
            break;
        }
    }
    cut
}

fn cut_note(language: Language) -> &'static str {
    language.pick("… [shortened: the panel shows the rest]", "… [texto encurtado: o painel mostra o resto]")
}

/// The length that Telegram and Discord count: UTF-16 units, of which a character has one or two.
pub(super) fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: usize) -> Parts {
        Parts {
            head: "Título".to_owned(),
            body: "😀".repeat(body),
            tail: "Painel: https://c.example".to_owned(),
            escape: str::to_owned,
        }
    }

    #[test]
    fn a_long_body_is_cut_at_a_character_and_says_so() {
        let whole = parts(3).within(1000, Language::Pt, utf16);
        assert_eq!(whole, "Título\n\n😀😀😀\n\nPainel: https://c.example");
        assert_eq!(parts(3).within(utf16(&whole), Language::Pt, utf16), whole, "it just fits");
        for most in [100, 101, 102, 103, 500] {
            for size in [utf16 as fn(&str) -> usize, str::len, |text: &str| text.chars().count()] {
                let text = parts(1000).within(most, Language::Pt, size);
                assert!(size(&text) <= most && size(&text) + 4 > most, "{most}: {text}");
                assert!(text.starts_with("Título\n\n😀"), "{text}");
                assert!(text.ends_with("😀… [texto encurtado: o painel mostra o resto]\n\nPainel: https://c.example"));
            }
        }
    }

    #[test]
    fn a_cut_splits_no_escape() {
        let escape = |text: &str| text.replace('&', "&amp;");
        let ampersands = Parts { body: "&".repeat(100), escape, ..parts(0) };
        for most in 100..110 {
            let text = ampersands.within(most, Language::Pt, str::len);
            assert!(text.len() <= most && text.contains("&amp;… ["), "{text}");
            assert_eq!(text.matches('&').count(), text.matches("&amp;").count(), "{text}");
        }
    }

    #[test]
    fn links_give_way_to_what_happened() {
        let crowded = Parts { tail: "x".repeat(500), ..parts(100) };
        let text = crowded.within(100, Language::En, utf16);
        assert!(utf16(&text) <= 100 && text.starts_with("Título\n\n😀") && text.ends_with("shows the rest]"), "{text}");
        assert_eq!(crowded.within(3, Language::En, utf16), "Tít");
    }
}
