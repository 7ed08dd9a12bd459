//! The columns of each list, and its rows.

use super::cells::{Rows, yes};
use crate::model::{AuditRow, AuditedField, Event, PayloadFilter, Timestamp, Webhook};
use crate::service::views::NotificationView;

/// What a column is called, in English and in Portuguese.
pub(super) type Heading = (&'static str, &'static str);

/// In reais, as `total_cents` of the resource says.
const AMOUNT: Heading = ("Amount (BRL)", "Valor (R$)");

pub(super) const EVENT: [Heading; 10] = [
    ("Event", "Evento"),
    ("Type", "Tipo"),
    ("External id", "Id externo"),
    ("Resource id", "Id do recurso"),
    AMOUNT,
    ("Test", "Teste"),
    ("Occurred at (UTC)", "Ocorrido em (UTC)"),
    ("Recorded at (UTC)", "Registrado em (UTC)"),
    ("Notifications", "Notificações"),
    ("Payload erased at (UTC)", "Conteúdo apagado em (UTC)"),
];

pub(super) const NOTIFICATION: [Heading; 17] = [
    ("Notification", "Notificação"),
    ("Event", "Evento"),
    ("Type", "Tipo"),
    ("External id", "Id externo"),
    ("Resource id", "Id do recurso"),
    AMOUNT,
    ("Webhook", "Webhook"),
    ("Webhook's name", "Nome do webhook"),
    ("URL", "URL"),
    ("Status", "Situação"),
    ("Test", "Teste"),
    ("Attempts", "Tentativas"),
    ("Last response", "Última resposta"),
    ("Next attempt at (UTC)", "Próxima tentativa em (UTC)"),
    ("Delivered at (UTC)", "Entregue em (UTC)"),
    ("Recorded at (UTC)", "Registrada em (UTC)"),
    ("Changed at (UTC)", "Alterada em (UTC)"),
];

pub(super) const WEBHOOK: [Heading; 10] = [
    ("Webhook", "Webhook"),
    ("Name", "Nome"),
    ("URL", "URL"),
    ("Description", "Descrição"),
    ("Events", "Eventos"),
    ("Filter", "Filtro"),
    ("Status", "Situação"),
    ("Failing since (UTC)", "Falhando desde (UTC)"),
    ("Created at (UTC)", "Criado em (UTC)"),
    ("Changed at (UTC)", "Alterado em (UTC)"),
];

pub(super) const AUDIT: [Heading; 13] = [
    ("Number", "Número"),
    ("Made at (UTC)", "Feita em (UTC)"),
    ("Action", "Ação"),
    ("Through", "Por onde"),
    ("Token", "Token"),
    ("Token's name", "Nome do token"),
    ("Address", "Endereço"),
    ("Webhook", "Webhook"),
    ("Webhook's name", "Nome do webhook"),
    ("Kind", "Tipo"),
    ("Id", "Id"),
    ("Name", "Nome"),
    ("Changes", "Alterações"),
];

pub(super) fn event_row(rows: &mut Rows, event: &Event) {
    let times = [event.occurred_at, Some(event.inserted_at), event.erased_at];
    let [occurred_at, recorded_at, erased_at] = times.map(|at| rows.time(at));
    rows.under(
        &EVENT,
        [
            &event.id.to_string(),
            event.event_type.as_str(),
            event.external_id().unwrap_or_default(),
            event.resource.id.as_deref().unwrap_or_default(),
            &rows.amount(event.resource.total_cents),
            yes(event.trial.is_some(), rows.look.language),
            &occurred_at,
            &recorded_at,
            &event.notifications.to_string(),
            &erased_at,
        ],
    );
}

pub(super) fn notification_row(rows: &mut Rows, view: &NotificationView, event: &Event) {
    let language = rows.look.language;
    let times = [view.next_attempt_at, view.delivered_at, Some(view.inserted_at), Some(view.updated_at)];
    let [next_attempt_at, delivered_at, recorded_at, changed_at] = times.map(|at| rows.time(at));
    rows.under(
        &NOTIFICATION,
        [
            &view.id.to_string(),
            &view.event_id.to_string(),
            &view.event_type,
            event.external_id().unwrap_or_default(),
            event.resource.id.as_deref().unwrap_or_default(),
            &rows.amount(event.resource.total_cents),
            &view.webhook_id.to_string(),
            &view.webhook_name,
            &view.target,
            (rows.look.status)(view.status),
            yes(view.test, language),
            &view.attempts_count.to_string(),
            &view.response_status.map(|status| status.to_string()).unwrap_or_default(),
            &next_attempt_at,
            &delivered_at,
            &recorded_at,
            &changed_at,
        ],
    );
}

pub(super) fn webhook_row(rows: &mut Rows, webhook: &Webhook, failing_since: Option<Timestamp>) {
    let times = [failing_since, Some(webhook.inserted_at), Some(webhook.updated_at)];
    let [failing_since, created_at, changed_at] = times.map(|at| rows.time(at));
    let patterns: Vec<String> = webhook.events.iter().map(ToString::to_string).collect();
    rows.under(
        &WEBHOOK,
        [
            &webhook.id.to_string(),
            webhook.name(),
            webhook.target.as_str(),
            webhook.description.as_deref().unwrap_or_default(),
            &patterns.join(" "),
            webhook.filter.as_ref().map(PayloadFilter::as_str).unwrap_or_default(),
            (rows.look.webhook_status)(&webhook.status),
            &failing_since,
            &created_at,
            &changed_at,
        ],
    );
}

pub(super) fn audit_row(rows: &mut Rows, row: &AuditRow) {
    let made_at = rows.time(Some(row.inserted_at));
    let (actor, note) = (&row.actor, &row.note);
    let (token, token_name) = actor.token.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (webhook, webhook_name) = note.webhook.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (kind, id, name) = match &note.subject {
        Some(subject) => (subject.kind(), subject.id().unwrap_or_default(), subject.name().unwrap_or_default()),
        None => Default::default(),
    };
    let changes: Vec<String> = note.fields.iter().map(AuditedField::to_string).collect();
    rows.under(
        &AUDIT,
        [
            &row.number.to_string(),
            &made_at,
            note.action.as_str(),
            actor.origin.through.as_str(),
            &token,
            token_name,
            &actor.origin.address.map(|address| address.to_string()).unwrap_or_default(),
            &webhook,
            webhook_name,
            kind,
            &id,
            name,
            &changes.join("\n"),
        ],
    );
}
