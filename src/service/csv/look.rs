//! How a file is written for who reads it: its language, its zone, and its words.

use crate::clock::Zone;
use crate::model::{
    AuditAction, AuditNote, AuditSubject, AuditedField, ErasureState, JobState, Status, Through, WebhookStatus,
};

/// In which language the headings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsvLanguage {
    /// English, split by commas.
    #[default]
    En,
    /// Portuguese, split by semicolons.
    Pt,
}

/// How a file is written for who reads it.
#[derive(Clone)]
pub struct CsvLook {
    /// The language of its headings, which says by what cells are split as well.
    pub language: CsvLanguage,
    /// The zone of its times, which the headings name.
    pub zone: Zone,
    /// What things are called.
    pub words: &'static dyn CsvWords,
}

/// What the values of a list are called in its file.
pub trait CsvWords: Send + Sync {
    /// A notification's status.
    fn status(&self, status: Status) -> &'static str;
    /// A webhook's.
    fn webhook_status(&self, status: &WebhookStatus) -> &'static str;
    /// A bulk job's.
    fn job_state(&self, state: JobState) -> &'static str;
    /// An erasure's.
    fn erasure_state(&self, state: ErasureState) -> &'static str;
    /// What was done, in the audit.
    fn action(&self, action: AuditAction) -> &'static str;
    /// By what it was done.
    fn through(&self, through: Through) -> &'static str;
    /// The kind of what it was done to.
    fn subject(&self, subject: &AuditSubject) -> &'static str;
    /// What was changed, a text each; times in this zone.
    fn changes(&self, note: &AuditNote, zone: &Zone) -> Vec<String>;
}

/// The words of the API.
struct ApiWords;

impl CsvWords for ApiWords {
    fn status(&self, status: Status) -> &'static str {
        status.as_str()
    }

    fn webhook_status(&self, status: &WebhookStatus) -> &'static str {
        status.as_str()
    }

    fn job_state(&self, state: JobState) -> &'static str {
        state.as_str()
    }

    fn erasure_state(&self, state: ErasureState) -> &'static str {
        state.as_str()
    }

    fn action(&self, action: AuditAction) -> &'static str {
        action.as_str()
    }

    fn through(&self, through: Through) -> &'static str {
        through.as_str()
    }

    fn subject(&self, subject: &AuditSubject) -> &'static str {
        subject.kind()
    }

    fn changes(&self, note: &AuditNote, _zone: &Zone) -> Vec<String> {
        note.fields.iter().filter(|field| !field.is_open_start()).map(AuditedField::to_string).collect()
    }
}

impl CsvLook {
    /// For programs: times in UTC, statuses by the words of the API.
    pub fn of_api(language: CsvLanguage) -> Self {
        Self { language, zone: Zone::utc(), words: &ApiWords }
    }
}
