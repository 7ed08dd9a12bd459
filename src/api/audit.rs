//! `/api/audit`: who changed what.

use super::call::Call;
use super::csv::CsvFormat;
use crate::http::{Answer, Failure};
use crate::model::{AuditAction, AuditRow, AuditedField, FilterUse, Through, Timestamp, TokenId, WebhookId};
use crate::service::CsvList;
use serde::Serialize;
use std::net::IpAddr;

pub(super) async fn list(call: &Call) -> Result<Answer, Failure> {
    let mut query = call.list();
    let filter = query.filter(FilterUse::List);
    if let Some(csv) = CsvFormat::of(&mut query) {
        query.finish()?;
        return Ok(csv.answer(call, CsvList::Audit(filter)));
    }
    let paging = query.paging();
    query.finish()?;
    let page = call.service.audit(&call.caller, filter, paging.listing).await?;
    Ok(paging.answer(&page, RowShape::of))
}

#[derive(Serialize)]
struct RowShape<'a> {
    number: u64,
    inserted_at: Timestamp,
    action: AuditAction,
    through: Through,
    token_id: Option<TokenId>,
    token_name: Option<&'a str>,
    address: Option<IpAddr>,
    webhook_id: Option<WebhookId>,
    webhook_name: Option<&'a str>,
    subject: Option<SubjectShape<'a>>,
    changes: Vec<ChangeShape<'a>>,
}

#[derive(Serialize)]
struct SubjectShape<'a> {
    kind: &'static str,
    id: Option<String>,
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeShape<'a> {
    field: &'a str,
    from: Option<&'a str>,
    to: Option<&'a str>,
    hidden: bool,
}

impl<'a> RowShape<'a> {
    fn of(row: &'a AuditRow) -> Self {
        let AuditRow { number, inserted_at, actor, note } = row;
        let (token_id, token_name) = actor.token.as_ref().map(|(id, name)| (*id, &**name)).unzip();
        let (webhook_id, webhook_name) = note.webhook.as_ref().map(|(id, name)| (*id, &**name)).unzip();
        Self {
            number: *number,
            inserted_at: *inserted_at,
            action: note.action,
            through: actor.origin.through,
            token_id,
            token_name,
            address: actor.origin.address,
            webhook_id,
            webhook_name,
            subject: note.subject.as_ref().map(|subject| SubjectShape {
                kind: subject.kind(),
                id: subject.id(),
                name: subject.name(),
            }),
            changes: note.fields.iter().map(ChangeShape::of).collect(),
        }
    }
}

impl<'a> ChangeShape<'a> {
    fn of(changed: &'a AuditedField) -> Self {
        let AuditedField { field, from, to, hidden } = changed;
        Self { field, from: from.as_deref(), to: to.as_deref(), hidden: *hidden }
    }
}
