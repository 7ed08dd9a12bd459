//! In which language a command speaks to people.

use crate::model::{Language, Localized};
use std::fmt::Display;
use std::sync::OnceLock;

/// What the config says, once a command has read it.
static CONFIGURED: OnceLock<Language> = OnceLock::new();

/// Takes up what the config says of the language; the first one stays.
pub(crate) fn configure(language: Option<Language>) {
    if let Some(language) = language {
        let _ = CONFIGURED.set(language);
    }
}

/// The config's, else that of the environment.
pub(crate) fn language() -> Language {
    CONFIGURED.get().copied().unwrap_or_else(|| {
        // Unit tests read English, wherever they run.
        if cfg!(test) { Language::En } else { of_environment(|name| std::env::var(name).ok()) }
    })
}

/// The text in the language of this command.
pub(crate) fn say(text: Localized) -> String {
    match language() {
        Language::En => text.en,
        Language::Pt => text.pt,
    }
}

/// What people are told: a text in both languages, of which they get one, or a text that has only one.
pub(crate) trait Sentence {
    /// As it is printed.
    fn said(self) -> String;
}

impl Sentence for Localized {
    fn said(self) -> String {
        say(self)
    }
}

impl<T: Display> Sentence for T {
    fn said(self) -> String {
        self.to_string()
    }
}

/// Says it on stderr, in the language of this command: stdout has the results alone.
pub(crate) fn tell(text: Localized) {
    eprintln!("{}", say(text));
}

/// By the first of the locale's variables that is set (POSIX, 8.2): Portuguese of any country, or English.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    let is_portuguese = set.is_some_and(|locale| {
        let name = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        name.eq_ignore_ascii_case("pt")
    });
    if is_portuguese { Language::Pt } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |set: &[(&str, &str)]| {
            of_environment(|name| set.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned()))
        };
        for (set, language) in [
            (&[("LANG", "pt_BR.UTF-8")][..], Language::Pt),
            (&[("LANG", "pt")], Language::Pt),
            (&[("LANG", "pt-BR")], Language::Pt),
            (&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "pt_PT@euro")], Language::Pt),
            (&[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "C.UTF-8")], Language::En),
            (&[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "")], Language::Pt),
            (&[("LANG", "ptx_XX")], Language::En),
            (&[], Language::En),
        ] {
            assert_eq!(of(set), language, "{set:?}");
        }
    }
}
