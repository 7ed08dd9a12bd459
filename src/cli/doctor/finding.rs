//! What the doctor has found: one line each, with what to do.

use crate::cli::language::language;
use crate::cli::output::{Screen, Tone, line, printable};
use crate::model::{Language, Localized};
use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It doesn't work.
    Fail,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    Config,
    Service,
    Folder,
    Disk,
    Clock,
    Tls,
    ClientCertificate,
    Backups,
    Channels,
    Daemon,
    Version,
    Token,
    Targets,
    Dns,
    Alerts,
}

impl Subject {
    const fn title(self, language: Language) -> &'static str {
        let (en, pt) = match self {
            Self::Config => ("config", "configuração"),
            Self::Service => ("service", "serviço"),
            Self::Folder => ("data folder", "pasta de dados"),
            Self::Disk => ("disk", "disco"),
            Self::Clock => ("clock", "relógio"),
            Self::Tls => ("TLS", "TLS"),
            Self::ClientCertificate => ("client cert.", "cert. de cliente"),
            Self::Backups => ("backups", "backups"),
            Self::Channels => ("alert channels", "canais de avisos"),
            Self::Daemon => ("daemon", "daemon"),
            Self::Version => ("version", "versão"),
            Self::Token => ("token", "token"),
            Self::Targets => ("targets", "destinos"),
            Self::Dns => ("DNS", "DNS"),
            Self::Alerts => ("alerts", "avisos"),
        };
        language.pick(en, pt)
    }
}

/// The columns of the longest title.
const TITLE_WIDTH: usize = 16;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    pub(crate) level: Level,
    pub(crate) message: Localized,
}

/// A finding as `--json` prints it.
#[derive(Serialize)]
struct FindingShape<'a> {
    check: Subject,
    level: Level,
    message: &'a str,
    message_pt: &'a str,
}

/// All that was found, in the order of the checks.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn ok(&mut self, subject: Subject, message: Localized) {
        self.0.push(Finding { subject, level: Level::Ok, message });
    }

    pub(crate) fn warn(&mut self, subject: Subject, message: Localized) {
        self.0.push(Finding { subject, level: Level::Warn, message });
    }

    pub(crate) fn fail(&mut self, subject: Subject, message: Localized) {
        self.0.push(Finding { subject, level: Level::Fail, message });
    }

    pub(crate) fn failed(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Fail)
    }

    #[cfg(test)]
    pub(crate) fn levels(&self) -> Vec<Level> {
        self.0.iter().map(|finding| finding.level).collect()
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            let shapes: Vec<FindingShape<'_>> = self.0.iter().map(FindingShape::of).collect();
            return line(serde_json::to_string(&shapes).unwrap_or_default());
        }
        let (screen, language) = (Screen::stdout(), language());
        for Finding { subject, level, message } in &self.0 {
            let (word, tone) = match level {
                Level::Ok => ("ok  ", Tone::Good),
                Level::Warn => ("warn", Tone::Waiting),
                Level::Fail => ("fail", Tone::Bad),
            };
            // One line each, whatever a sentence of the system holds.
            let message = language.of(message).trim().replace('\n', "; ");
            line(format_args!(
                "{}  {:<TITLE_WIDTH$}  {}",
                screen.paint(tone, word),
                subject.title(language),
                printable(&message)
            ));
        }
    }
}

impl<'a> FindingShape<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { subject, level, message } = finding;
        Self { check: *subject, level: *level, message: &message.en, message_pt: &message.pt }
    }
}

/// A sentence that is there in one language alone.
pub(crate) fn as_it_is(sentence: impl std::fmt::Display) -> Localized {
    let sentence = sentence.to_string();
    Localized { en: sentence.clone(), pt: sentence }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_the_codes_that_scripts_read() {
        let finding =
            Finding { subject: Subject::ClientCertificate, level: Level::Warn, message: Localized::new("a", "b") };
        let json = serde_json::to_value(FindingShape::of(&finding)).unwrap();
        let expected =
            serde_json::json!({ "check": "client_certificate", "level": "warn", "message": "a", "message_pt": "b" });
        assert_eq!(json, expected);
    }

    #[test]
    fn titles_stand_in_their_column() {
        for subject in [Subject::ClientCertificate, Subject::Channels, Subject::Folder] {
            for language in [Language::Pt, Language::En] {
                assert!(subject.title(language).chars().count() <= TITLE_WIDTH, "{subject:?}");
            }
        }
    }
}
