//! Why a verb was not done, and how the API and the panel answer that.

use crate::gather::Gather as _;
use crate::model::{
    ApiCode, Localized, MAX_ATTEMPTS_KEPT, Outdated, ResendRefusal, TooManyKeys, TooManySecrets, Webhook, localized,
};
use crate::store::{AcceptRefusal, ChangeError, MAX_JOBS, ResendToRefusal, StoreError, TooManyJobs};
use http::StatusCode;
use std::collections::BTreeMap;

/// Why a verb was not done. Nothing was changed.
#[derive(Debug)]
pub enum Error {
    /// There is no such thing, or it is another account's.
    NotFound,
    /// It contradicts what is there.
    Conflict {
        /// One word for programs.
        code: ApiCode,
        /// One sentence for people.
        detail: Localized,
    },
    /// The webhook is no longer as its caller has seen it.
    Outdated,
    /// Fields whose values can't be taken, with a sentence for each problem.
    Invalid(BTreeMap<String, Vec<Localized>>),
    /// The store can't answer now.
    Store(StoreError),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<R: Into<Self>> From<ChangeError<R>> for Error {
    fn from(error: ChangeError<R>) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::Store(error) => Self::Store(error),
        }
    }
}

impl Error {
    pub(super) fn invalid(field: &str, problem: Localized) -> Self {
        Self::Invalid([(field.to_owned(), vec![problem])].into_iter().gather())
    }
}

/// How an error is answered, by the API in English and by the panel in the reader's language.
#[derive(Debug)]
pub struct ErrorReply {
    /// The HTTP status. 503 comes with a `Retry-After`.
    pub status: StatusCode,
    /// One word for programs.
    pub code: ApiCode,
    /// What happened and what to do.
    pub detail: Localized,
    /// The fields whose values can't be taken, with a sentence for each problem; empty unless the status is 422.
    pub fields: BTreeMap<String, Vec<Localized>>,
}

impl Error {
    /// How it is answered. Logs what only an operator can act on.
    pub fn into_reply(self) -> ErrorReply {
        let reply = |status, code, detail| ErrorReply { status, code, detail, fields: BTreeMap::new() };
        match self {
            Self::NotFound => {
                let detail = localized!(
                    "there is nothing at this path, or it is not yours",
                    "não há nada neste endereço, ou não é desta conta"
                );
                reply(StatusCode::NOT_FOUND, ApiCode::NotFound, detail)
            }
            Self::Conflict { code, detail } => reply(StatusCode::CONFLICT, code, detail),
            Self::Outdated => {
                let detail = localized!(
                    "the webhook was changed since you read it: read it again, and send your change with its new ETag \
                     in If-Match",
                    "o webhook foi alterado depois que você o leu: leia de novo e envie a alteração com o novo ETag em \
                     If-Match"
                );
                reply(StatusCode::PRECONDITION_FAILED, ApiCode::Outdated, detail)
            }
            Self::Invalid(fields) => {
                let all = || fields.values().flatten();
                let en: Vec<&str> = all().map(|problem| &*problem.en).collect();
                let pt: Vec<&str> = all().map(|problem| &*problem.pt).collect();
                let detail = Localized { en: en.join(" "), pt: pt.join(" ") };
                ErrorReply { fields, ..reply(StatusCode::UNPROCESSABLE_ENTITY, ApiCode::InvalidFields, detail) }
            }
            Self::Store(error) => {
                if let Some(detail) = unavailable(&error) {
                    return reply(StatusCode::SERVICE_UNAVAILABLE, ApiCode::Unavailable, detail);
                }
                // A caller can do nothing about it and learns nothing from its details; the operator must. A read that
                // failed is in the log already, once and not for each call.
                if !error.is_failed_read() {
                    tracing::error!(%error, "the store could not answer");
                }
                let detail = localized!(
                    "the store could not answer; the daemon's log says why",
                    "o armazenamento não pôde responder; o log diz por quê"
                );
                reply(StatusCode::INTERNAL_SERVER_ERROR, ApiCode::StoreFailed, detail)
            }
        }
    }
}

/// What a store says that takes nothing for a while, to callers and to readiness checks; `None` of an
/// error that is none of those.
pub(super) fn unavailable(error: &StoreError) -> Option<Localized> {
    match error {
        StoreError::Full { .. } | StoreError::NoRoom { .. } | StoreError::Busy | StoreError::Stopped => {
            Some(error.localized())
        }
        StoreError::Engine(_) | StoreError::Damaged { .. } | StoreError::Failed(_) => None,
    }
}

pub(super) fn key_taken() -> Error {
    let detail = localized!(
        "this Idempotency-Key already answered another request: use a new key for new content",
        "esta Idempotency-Key já respondeu a outra chamada: use uma chave nova para conteúdo novo"
    );
    Error::Conflict { code: ApiCode::IdempotencyKeyTaken, detail }
}

/// What a refused batch means to its caller.
pub(super) fn refused(refusal: AcceptRefusal, in_batch: bool) -> Error {
    let field = |index: usize, name: &str| if in_batch { format!("events[{index}].{name}") } else { name.to_owned() };
    match refusal {
        AcceptRefusal::IdTaken { index } => {
            let id = field(index, "id");
            let detail = localized!(
                "{id} already names another event: give each event its own id, and repeat one only with the very \
                 same content",
                "{id} já é de outro evento: dê a cada evento o seu id, e repita um só com exatamente o mesmo \
                 conteúdo"
            );
            Error::Conflict { code: ApiCode::IdTaken, detail }
        }
        AcceptRefusal::KeyTaken => key_taken(),
        AcceptRefusal::TooManyNotifications => {
            let most = crate::store::MAX_NOTIFICATIONS_AT_ONCE;
            let problem = localized!(
                "would create more than {most} notifications at once: send fewer events in a batch",
                "geraria mais de {most} notificações de uma vez: envie menos eventos por lote"
            );
            Error::invalid("events", problem)
        }
        AcceptRefusal::TooManyTypes { index } => {
            let most = crate::store::MAX_EVENT_TYPES;
            let problem = localized!(
                "would be more than the {most} distinct types that an account can have beside the catalogue: list \
                 it in the config as `[[catalogue.extra]]`, which has no such limit, or use fewer types; a type is \
                 forgotten once retention has deleted its last event",
                "passaria dos {most} tipos diferentes que uma conta pode ter além do catálogo: liste-o na \
                 configuração em `[[catalogue.extra]]`, que não tem esse limite, ou use menos tipos; um tipo é \
                 esquecido quando a retenção exclui o seu último evento"
            );
            Error::invalid(&field(index, "type"), problem)
        }
    }
}

impl From<TooManyJobs> for Error {
    fn from(_: TooManyJobs) -> Self {
        let detail = localized!(
            "{MAX_JOBS} bulk resends, backfills, erasures or deletions are under way already: wait for one to end",
            "{MAX_JOBS} reenvios, envios de eventos anteriores, apagamentos ou exclusões já estão em andamento: espere \
             um terminar"
        );
        Self::Conflict { code: ApiCode::TooManyJobs, detail }
    }
}

impl From<Outdated> for Error {
    fn from(_: Outdated) -> Self {
        Self::Outdated
    }
}

impl From<TooManyKeys> for Error {
    fn from(_: TooManyKeys) -> Self {
        let most = Webhook::MAX_KEYS;
        let detail = localized!(
            "{most} keys sign already, each within its overlap: wait for one to end, or rotate as leaked \
             (`{{\"overlap\": \"0s\"}}`), which ends all older ones at once",
            "{most} chaves já assinam, cada uma no seu prazo: espere uma delas terminar, ou troque dizendo que a chave \
             vazou (`{{\"overlap\": \"0s\"}}`), o que encerra já todas as anteriores"
        );
        Self::Conflict { code: ApiCode::TooManyKeys, detail }
    }
}

impl From<TooManySecrets> for Error {
    fn from(_: TooManySecrets) -> Self {
        let most = Webhook::MAX_SECRETS;
        let detail = localized!(
            "{most} secrets sign already, each within its overlap: wait for one to end, or rotate as leaked \
             (`{{\"overlap\": \"0s\"}}`), which ends all older ones at once",
            "{most} segredos já assinam, cada um no seu prazo: espere um deles terminar, ou troque dizendo que o \
             segredo vazou (`{{\"overlap\": \"0s\"}}`), o que encerra já todos os anteriores"
        );
        Self::Conflict { code: ApiCode::TooManySecrets, detail }
    }
}

/// The code and the sentence of why a notification can't be re-sent.
pub fn refusal_in_words(refusal: ResendRefusal) -> (ApiCode, Localized) {
    match refusal {
        ResendRefusal::Erased => (
            ApiCode::Erased,
            localized!(
                "the event's payload was erased: there is nothing left to send",
                "o conteúdo do evento foi apagado: não há mais nada a enviar"
            ),
        ),
        ResendRefusal::InFlight => (
            ApiCode::InFlight,
            localized!(
                "an attempt is in flight right now: wait for its outcome, then re-send",
                "uma tentativa está em andamento: espere o resultado e reenvie"
            ),
        ),
        ResendRefusal::WebhookDeleted => (
            ApiCode::WebhookDeleted,
            localized!(
                "the notification's webhook was deleted: to send the event to another one, re-send the event",
                "o webhook desta notificação foi excluído: para enviar o evento a outro, reenvie o evento"
            ),
        ),
        ResendRefusal::Cancelled => (
            ApiCode::Cancelled,
            localized!(
                "the notification is CANCELLED: its webhook was deleted or its payload erased",
                "a notificação está cancelada: o webhook foi excluído ou o conteúdo, apagado"
            ),
        ),
        ResendRefusal::TooManyAttempts => {
            let most = MAX_ATTEMPTS_KEPT;
            let detail = localized!(
                "the notification has {most} attempts, and keeps no more",
                "a notificação já tem {most} tentativas, e não guarda mais"
            );
            (ApiCode::TooManyAttempts, detail)
        }
    }
}

impl From<ResendRefusal> for Error {
    fn from(refusal: ResendRefusal) -> Self {
        let (code, detail) = refusal_in_words(refusal);
        Self::Conflict { code, detail }
    }
}

impl From<ResendToRefusal> for Error {
    fn from(refusal: ResendToRefusal) -> Self {
        let problem = match refusal {
            ResendToRefusal::NoWebhook => localized!("names no webhook", "este webhook não existe"),
            ResendToRefusal::TestOfAnother => localized!(
                "is not the webhook that this event has tested: a test goes to that one alone",
                "não é o webhook que este evento testou: um teste vai só para ele"
            ),
            ResendToRefusal::AboutWebhook => localized!(
                "is the very webhook that this event tells of: it is not notified of itself",
                "é o próprio webhook de que este evento trata: ele não é notificado sobre si mesmo"
            ),
            ResendToRefusal::Resend(refusal) => return refusal.into(),
        };
        Self::invalid("webhook_id", problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_takes_nothing_for_a_while_is_unavailable_and_one_that_failed_is_not() {
        let full = [StoreError::Full { free: 1, min_free: 2 }, StoreError::NoRoom { free: 1, needed: 2 }];
        for error in full.into_iter().chain([StoreError::Busy, StoreError::Stopped]) {
            let (said, sentence) = (format!("{error:?}"), error.to_string());
            let reply = Error::Store(error).into_reply();
            assert_eq!((reply.status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, ApiCode::Unavailable), "{said}");
            assert!(reply.detail.en == sentence && !reply.detail.pt.is_empty() && reply.fields.is_empty(), "{said}");
        }
        let damaged = StoreError::Damaged { table: "event", what: "is missing" };
        let reply = Error::Store(damaged).into_reply();
        assert_eq!((reply.status, reply.code), (StatusCode::INTERNAL_SERVER_ERROR, ApiCode::StoreFailed));
    }
}
