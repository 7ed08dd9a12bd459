//! Rows of the audit.

use crate::model::{
    AccountNo, Actor, AuditAction, AuditNote, AuditRow, AuditSubject, AuditedField, ErasureId, EventId, JobId,
    NotificationId, Origin, Through, Timestamp, TokenId, WebhookId,
};
use crate::store::error::StoreError;
use crate::store::schema::record::frame::{invalid, open, seal};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const TABLE: &str = "audit";

#[derive(Serialize, Deserialize)]
struct AuditV1 {
    at_ms: u64,
    /// The words of the API.
    action: String,
    through: String,
    address: Option<IpAddr>,
    token: Option<([u8; 16], String)>,
    webhook: Option<([u8; 16], String)>,
    subject: Option<SubjectV1>,
    /// Each with its name, what it was, what it is, and whether anything is left out.
    fields: Vec<(String, Option<String>, Option<String>, bool)>,
}

#[derive(Serialize, Deserialize)]
enum SubjectV1 {
    Event([u8; 16]),
    Notification([u8; 16]),
    BulkResend([u8; 16]),
    Token([u8; 16], String),
    Account(String),
    Backfill([u8; 16]),
    Erasure([u8; 16]),
}

impl From<&AuditSubject> for SubjectV1 {
    fn from(subject: &AuditSubject) -> Self {
        match subject {
            AuditSubject::Event(id) => Self::Event(id.to_bytes()),
            AuditSubject::Notification(id) => Self::Notification(id.to_bytes()),
            AuditSubject::BulkResend(id) => Self::BulkResend(id.to_bytes()),
            AuditSubject::Token(id, name) => Self::Token(id.to_bytes(), name.clone()),
            AuditSubject::Account(name) => Self::Account(name.clone()),
            AuditSubject::Backfill(id) => Self::Backfill(id.to_bytes()),
            AuditSubject::Erasure(id) => Self::Erasure(id.to_bytes()),
        }
    }
}

impl From<SubjectV1> for AuditSubject {
    fn from(record: SubjectV1) -> Self {
        match record {
            SubjectV1::Event(id) => Self::Event(EventId::from_bytes(id)),
            SubjectV1::Notification(id) => Self::Notification(NotificationId::from_bytes(id)),
            SubjectV1::BulkResend(id) => Self::BulkResend(JobId::from_bytes(id)),
            SubjectV1::Token(id, name) => Self::Token(TokenId::from_bytes(id), name),
            SubjectV1::Account(name) => Self::Account(name),
            SubjectV1::Backfill(id) => Self::Backfill(JobId::from_bytes(id)),
            SubjectV1::Erasure(id) => Self::Erasure(ErasureId::from_bytes(id)),
        }
    }
}

pub(crate) fn encode_audit(row: &AuditRow) -> Vec<u8> {
    let AuditRow { number: _, inserted_at, actor, note } = row;
    let AuditNote { account: _, action, webhook, subject, fields } = note;
    let fields = fields
        .iter()
        .map(|AuditedField { field, from, to, hidden }| (field.clone(), from.clone(), to.clone(), *hidden));
    let record = AuditV1 {
        at_ms: inserted_at.as_ms(),
        action: action.as_str().to_owned(),
        through: actor.origin.through.as_str().to_owned(),
        address: actor.origin.address,
        token: actor.token.as_ref().map(|(id, name)| (id.to_bytes(), name.clone())),
        webhook: webhook.as_ref().map(|(id, name)| (id.to_bytes(), name.clone())),
        subject: subject.as_ref().map(SubjectV1::from),
        fields: fields.collect(),
    };
    seal(&record, &[])
}

pub(crate) fn decode_audit(account: AccountNo, number: u64, value: &[u8]) -> Result<AuditRow, StoreError> {
    let (record, _) = open::<AuditV1>(TABLE, value)?;
    let through = Through::parse(&record.through).ok_or_else(|| invalid(TABLE))?;
    let fields = record.fields.into_iter().map(|(field, from, to, hidden)| AuditedField { field, from, to, hidden });
    Ok(AuditRow {
        number,
        inserted_at: Timestamp::from_ms(record.at_ms),
        actor: Actor {
            origin: Origin { through, address: record.address },
            token: record.token.map(|(id, name)| (TokenId::from_bytes(id), name)),
        },
        note: AuditNote {
            account,
            action: AuditAction::parse(&record.action).ok_or_else(|| invalid(TABLE))?,
            webhook: record.webhook.map(|(id, name)| (WebhookId::from_bytes(id), name)),
            subject: record.subject.map(AuditSubject::from),
            fields: fields.collect(),
        },
    })
}
