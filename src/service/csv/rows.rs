//! The columns of each list, and its rows.

use super::cells::{Heading, Rows, yes};
use super::look::CsvLanguage;
use crate::model::{
    AuditRow, BulkJob, Erasure, Event, Filter as _, FilterUse, KnownType, NotificationFilter, PayloadFilter, Scope,
    SearchText, Timestamp, Webhook,
};
use crate::service::open_alerts::AlertView;
use crate::service::tokens::TokenView;
use crate::service::views::NotificationView;
use std::sync::Arc;

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

pub(super) const TOKEN: [Heading; 6] = [
    ("Token", "Token"),
    ("Name", "Nome"),
    ("Scopes", "Permissões"),
    ("Created at (UTC)", "Criado em (UTC)"),
    ("Last used at (UTC)", "Último uso em (UTC)"),
    ("Expires at (UTC)", "Vence em (UTC)"),
];

pub(super) const RESEND: [Heading; 10] = [
    ("Bulk resend", "Reenvio em massa"),
    ("Status", "Situação"),
    ("Filter", "Filtro"),
    ("Delivered ones too", "Também as já entregues"),
    ("Matched", "Encontradas"),
    ("Sent", "Enviadas"),
    ("Skipped", "Puladas"),
    ("Begun at (UTC)", "Iniciado em (UTC)"),
    ("Changed at (UTC)", "Alterado em (UTC)"),
    ("Ended at (UTC)", "Terminado em (UTC)"),
];

pub(super) const BACKFILL: [Heading; 11] = [
    ("Backfill", "Envio de eventos anteriores"),
    ("Status", "Situação"),
    ("Webhook", "Webhook"),
    ("From (UTC)", "De (UTC)"),
    ("To (UTC)", "Até (UTC)"),
    ("Type", "Tipo"),
    ("Matched", "Encontrados"),
    ("Created", "Criadas"),
    ("Skipped", "Pulados"),
    ("Begun at (UTC)", "Iniciado em (UTC)"),
    ("Ended at (UTC)", "Terminado em (UTC)"),
];

pub(super) const ERASURE: [Heading; 8] = [
    ("Erasure", "Apagamento"),
    ("Status", "Situação"),
    // Of one that goes on: it is forgotten then.
    ("Key", "Chave"),
    ("External ids too", "Também os ids externos"),
    ("Events", "Eventos"),
    ("Erased", "Apagados"),
    ("Begun at (UTC)", "Iniciado em (UTC)"),
    ("Ended at (UTC)", "Terminado em (UTC)"),
];

pub(super) const EVENT_TYPE: [Heading; 4] = [
    ("Type", "Tipo"),
    ("Description", "Descrição"),
    ("Webhooks that receive it", "Webhooks que recebem"),
    ("Sample", "Exemplo"),
];

pub(super) const ALERT: [Heading; 10] = [
    ("Alert", "Aviso"),
    ("Key", "Chave"),
    ("Critical", "Crítico"),
    ("Webhook", "Webhook"),
    ("Webhook's name", "Nome do webhook"),
    ("Began at (UTC)", "Começou em (UTC)"),
    ("First told at (UTC)", "Primeiro aviso em (UTC)"),
    ("Failed since told", "Falharam desde o último aviso"),
    ("Muted", "Silenciado"),
    ("Muted until (UTC)", "Silenciado até (UTC)"),
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
            rows.look.words.status(view.status),
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
            rows.look.words.webhook_status(&webhook.status),
            &failing_since,
            &created_at,
            &changed_at,
        ],
    );
}

pub(super) fn audit_row(rows: &mut Rows, row: &AuditRow) {
    let made_at = rows.time(Some(row.inserted_at));
    let (actor, note, words) = (&row.actor, &row.note, rows.look.words);
    let (token, token_name) = actor.token.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (webhook, webhook_name) = note.webhook.as_ref().map(|(id, name)| (id.to_string(), &**name)).unwrap_or_default();
    let (kind, id, name) = match &note.subject {
        Some(subject) => (words.subject(subject), subject.id().unwrap_or_default(), subject.name().unwrap_or_default()),
        None => Default::default(),
    };
    let changes = words.changes(note, &rows.look.zone);
    rows.under(
        &AUDIT,
        [
            &row.number.to_string(),
            &made_at,
            words.action(note.action),
            words.through(actor.origin.through),
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

pub(super) fn token_row(rows: &mut Rows, token: &TokenView) {
    let times = [Some(token.inserted_at), token.last_used_at, token.expires_at];
    let [created_at, last_used_at, expires_at] = times.map(|at| rows.time(at));
    let scopes = token.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
    rows.under(&TOKEN, [&token.id.to_string(), &token.name, &scopes, &created_at, &last_used_at, &expires_at]);
}

pub(super) fn resend_row(rows: &mut Rows, job: &BulkJob) {
    let [begun_at, changed_at, ended_at] =
        [Some(job.inserted_at), Some(job.updated_at), job.ended_at].map(|at| rows.time(at));
    // As a query of the list that it was made from; that tests are apart goes without saying.
    let fields = NotificationFilter::fields(FilterUse::Resend);
    let filter: Vec<String> = fields
        .filter_map(|field| Some(format!("{}={}", field.name, field.get(&job.filter)?)))
        .filter(|field| field != "test=false")
        .collect();
    rows.under(
        &RESEND,
        [
            &job.id.to_string(),
            rows.look.words.job_state(job.state),
            &filter.join("&"),
            yes(job.includes_delivered(), rows.look.language),
            &job.queued.to_string(),
            &job.made.to_string(),
            &job.skipped.total().to_string(),
            &begun_at,
            &changed_at,
            &ended_at,
        ],
    );
}

pub(super) fn backfill_row(rows: &mut Rows, job: &BulkJob) {
    let filter = &job.filter;
    // The beginning of time stands for none.
    let from = filter.from.filter(|from| *from != Timestamp::default());
    let [from, to, begun_at, ended_at] = [from, filter.to, Some(job.inserted_at), job.ended_at].map(|at| rows.time(at));
    rows.under(
        &BACKFILL,
        [
            &job.id.to_string(),
            rows.look.words.job_state(job.state),
            &filter.webhook_id.map(|id| id.to_string()).unwrap_or_default(),
            &from,
            &to,
            &filter.event_type.as_ref().map(ToString::to_string).unwrap_or_default(),
            &job.queued.to_string(),
            &job.made.to_string(),
            &job.skipped.total().to_string(),
            &begun_at,
            &ended_at,
        ],
    );
}

pub(super) fn erasure_row(rows: &mut Rows, erasure: &Erasure) {
    let [begun_at, ended_at] = [Some(erasure.inserted_at), erasure.ended_at].map(|at| rows.time(at));
    rows.under(
        &ERASURE,
        [
            &erasure.id.to_string(),
            rows.look.words.erasure_state(erasure.state),
            erasure.key.as_ref().map(SearchText::as_str).unwrap_or_default(),
            yes(erasure.external_id, rows.look.language),
            &erasure.events.to_string(),
            &erasure.erased.to_string(),
            &begun_at,
            &ended_at,
        ],
    );
}

pub(super) fn event_type_row(rows: &mut Rows, known: &KnownType, webhooks: &[Arc<Webhook>]) {
    let subscribers = webhooks.iter().filter(|own| own.subscribes_to(&known.event_type));
    let mut names: Vec<&str> = subscribers.map(|own| own.name()).collect();
    names.sort_by_cached_key(|name| name.to_lowercase());
    let description = known.sentences.as_ref().map(|sentences| match rows.look.language {
        CsvLanguage::En => &*sentences.en,
        CsvLanguage::Pt => &*sentences.pt,
    });
    rows.under(
        &EVENT_TYPE,
        [known.event_type.as_str(), description.unwrap_or_default(), &names.join("\n"), known.resource()],
    );
}

pub(super) fn alert_row(rows: &mut Rows, alert: &AlertView, webhook: Option<&Webhook>) {
    let [began_at, told_at, muted_until] = [alert.since, alert.told_at, alert.muted_until].map(|at| rows.time(at));
    let language = rows.look.language;
    let title = match language {
        CsvLanguage::En => &alert.title.en,
        CsvLanguage::Pt => &alert.title.pt,
    };
    rows.under(
        &ALERT,
        [
            title,
            &alert.key,
            yes(alert.condition.is_critical(), language),
            &alert.webhook.map(|id| id.to_string()).unwrap_or_default(),
            webhook.map(Webhook::name).unwrap_or_default(),
            &began_at,
            &told_at,
            &alert.count.map(|count| count.to_string()).unwrap_or_default(),
            yes(alert.muted, language),
            &muted_until,
        ],
    );
}
