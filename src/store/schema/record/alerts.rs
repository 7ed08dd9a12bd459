//! Alerts: what lasts, what is on its way, what is remembered, muted, and not yet taken in.

use crate::model::{Alert, AlertFacts, Book, ClockSteps, Condition, Letter, Pending, Timestamp};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use serde::{Deserialize, Serialize};

const TABLE: &str = "alert";

fn ms(at: Option<Timestamp>) -> Option<u64> {
    at.map(Timestamp::as_ms)
}

fn at(ms: Option<u64>) -> Option<Timestamp> {
    ms.map(Timestamp::from_ms)
}

#[derive(Serialize, Deserialize)]
struct AlertV1 {
    since_ms: u64,
    seen_ms: u64,
    told_ms: Option<u64>,
    last_told_ms: Option<u64>,
    reminders: u8,
    ended_ms: Option<u64>,
    untold: u64,
    external_ids: Vec<String>,
    forward_ms: u64,
    back_ms: u64,
}

pub(crate) fn encode_alert(alert: &Alert) -> Vec<u8> {
    let record = AlertV1 {
        since_ms: alert.since.as_ms(),
        seen_ms: alert.seen_at.as_ms(),
        told_ms: ms(alert.told_at),
        last_told_ms: ms(alert.last_told_at),
        reminders: alert.reminders,
        ended_ms: ms(alert.ended_at),
        untold: alert.untold,
        external_ids: alert.external_ids.clone(),
        forward_ms: alert.steps.forward_ms,
        back_ms: alert.steps.back_ms,
    };
    seal(&record, &[])
}

pub(crate) fn decode_alert(value: &[u8]) -> Result<Alert, StoreError> {
    let (record, _) = open::<AlertV1>(TABLE, value)?;
    if record.external_ids.len() > Alert::MAX_IDS {
        return Err(invalid(TABLE));
    }
    Ok(Alert {
        since: Timestamp::from_ms(record.since_ms),
        seen_at: Timestamp::from_ms(record.seen_ms),
        told_at: at(record.told_ms),
        last_told_at: at(record.last_told_ms),
        reminders: record.reminders,
        ended_at: at(record.ended_ms),
        untold: record.untold,
        external_ids: record.external_ids,
        steps: ClockSteps { forward_ms: record.forward_ms, back_ms: record.back_ms },
    })
}

#[derive(Serialize, Deserialize)]
struct LetterV1 {
    at_ms: u64,
    body: String,
    told: Vec<ToldV1>,
    pending: Vec<PendingV1>,
}

#[derive(Serialize, Deserialize)]
struct ToldV1 {
    condition: u8,
    no: u32,
    since_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct PendingV1 {
    channel: String,
    failed: u8,
    due_ms: u64,
}

pub(crate) fn encode_letter(letter: &Letter) -> Vec<u8> {
    let pending = letter.pending.iter().map(|pending| PendingV1 {
        channel: pending.channel.clone(),
        failed: pending.failed,
        due_ms: pending.due.as_ms(),
    });
    let told = letter.told.iter().map(|(condition, since)| {
        let (condition, no) = condition.code();
        ToldV1 { condition, no, since_ms: since.map(Timestamp::as_ms) }
    });
    let record = LetterV1 {
        at_ms: letter.at.as_ms(),
        body: letter.body.to_string(),
        told: told.collect(),
        pending: pending.collect(),
    };
    seal(&record, &[])
}

pub(crate) fn decode_letter(value: &[u8]) -> Result<Letter, StoreError> {
    let (record, _) = open::<LetterV1>("letter", value)?;
    let told = record.told.into_iter().map(|one| {
        let condition = Condition::of_code(one.condition, one.no).ok_or_else(|| invalid("letter"))?;
        Ok((condition, one.since_ms.map(Timestamp::from_ms)))
    });
    let pending = record.pending.into_iter().map(|pending| Pending {
        channel: pending.channel,
        failed: pending.failed,
        due: Timestamp::from_ms(pending.due_ms),
    });
    Ok(Letter {
        at: Timestamp::from_ms(record.at_ms),
        body: record.body.into(),
        told: told.collect::<Result<_, StoreError>>()?,
        pending: pending.collect(),
    })
}

#[derive(Serialize, Deserialize)]
struct BookV1 {
    last_letter: u64,
    written_ms: Vec<u64>,
    digest_day: Option<i64>,
    digest_since_ms: Option<u64>,
}

pub(crate) fn encode_book(book: &Book) -> Vec<u8> {
    let record = BookV1 {
        last_letter: book.last_letter,
        written_ms: book.written.iter().map(|at| at.as_ms()).collect(),
        digest_day: book.digest_day,
        digest_since_ms: ms(book.digest_since),
    };
    seal(&record, &[])
}

pub(crate) fn decode_book(value: &[u8]) -> Result<Book, StoreError> {
    let (record, _) = open::<BookV1>("book of alerts", value)?;
    Ok(Book {
        last_letter: record.last_letter,
        written: record.written_ms.into_iter().map(Timestamp::from_ms).collect(),
        digest_day: record.digest_day,
        digest_since: at(record.digest_since_ms),
    })
}

pub(crate) fn encode_mute(until: Option<Timestamp>) -> Vec<u8> {
    seal(&ms(until), &[])
}

pub(crate) fn decode_mute(value: &[u8]) -> Result<Option<Timestamp>, StoreError> {
    open::<Option<u64>>("mute", value).map(|(until, _)| at(until))
}

#[derive(Serialize, Deserialize)]
struct FactsV1 {
    failed: u64,
    failed_since_ms: Option<u64>,
    external_ids: Vec<String>,
    fell_ms: Option<u64>,
    begins_anew: bool,
    forward_ms: u64,
    back_ms: u64,
    stepped_at_ms: Option<u64>,
}

pub(crate) fn encode_alert_facts(facts: &AlertFacts) -> Vec<u8> {
    let record = FactsV1 {
        failed: facts.failed,
        failed_since_ms: ms(facts.failed_since),
        external_ids: facts.external_ids.clone(),
        fell_ms: ms(facts.fell_at),
        begins_anew: facts.begins_anew,
        forward_ms: facts.steps.forward_ms,
        back_ms: facts.steps.back_ms,
        stepped_at_ms: ms(facts.stepped_at),
    };
    seal(&record, &[])
}

pub(crate) fn decode_alert_facts(value: &[u8]) -> Result<AlertFacts, StoreError> {
    let (record, _) = open::<FactsV1>("facts for alerts", value)?;
    Ok(AlertFacts {
        failed: record.failed,
        failed_since: at(record.failed_since_ms),
        external_ids: record.external_ids,
        fell_at: at(record.fell_ms),
        begins_anew: record.begins_anew,
        steps: ClockSteps { forward_ms: record.forward_ms, back_ms: record.back_ms },
        stepped_at: at(record.stepped_at_ms),
    })
}
