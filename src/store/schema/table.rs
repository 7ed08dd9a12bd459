//! The tables of the one tree, by the first byte of their keys.

pub(crate) const META: u8 = 0x00;
pub(crate) const ACCOUNT: u8 = 0x01;
pub(crate) const TOKEN: u8 = 0x02;
pub(crate) const WEBHOOK: u8 = 0x03;
pub(crate) const WEBHOOK_ID: u8 = 0x04;
pub(crate) const EVENT: u8 = 0x10;
pub(crate) const CHUNK: u8 = 0x11;
pub(crate) const OWN_ID: u8 = 0x12;
pub(crate) const TYPE: u8 = 0x13;
pub(crate) const REFERENCE: u8 = 0x14;
pub(crate) const TYPE_NAME: u8 = 0x15;
pub(crate) const IDEMPOTENCY: u8 = 0x16;
pub(crate) const IDEMPOTENCY_END: u8 = 0x17;
pub(crate) const NOTIFICATION: u8 = 0x20;
pub(crate) const ATTEMPT: u8 = 0x21;
pub(crate) const BY_WEBHOOK: u8 = 0x22;
pub(crate) const UNTRIED: u8 = 0x23;
pub(crate) const RETRY: u8 = 0x24;
pub(crate) const MANUAL: u8 = 0x25;
pub(crate) const BY_STATE: u8 = 0x26;
pub(crate) const BY_RESPONSE: u8 = 0x27;
pub(crate) const ORDER: u8 = 0x28;
pub(crate) const HEALTH: u8 = 0x29;
pub(crate) const JOB: u8 = 0x30;
pub(crate) const BULK_JOB: u8 = 0x31;
pub(crate) const AUDIT: u8 = 0x32;
pub(crate) const ALERT: u8 = 0x33;
pub(crate) const ERASURE: u8 = 0x35;
/// The last one: rows are moved into sled in the order of their keys, and the head must never say more than is there.
pub(crate) const HEAD: u8 = 0xe0;

/// The tables, by the first byte of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Meta,
    Account,
    Token,
    Webhook,
    WebhookId,
    Event,
    Chunk,
    OwnId,
    Type,
    Reference,
    TypeName,
    Idempotency,
    IdempotencyEnd,
    Notification,
    Attempt,
    ByWebhook,
    Untried,
    Retry,
    Manual,
    ByState,
    ByResponse,
    Order,
    Health,
    Job,
    BulkJob,
    Alert,
    Audit,
    Erasure,
    Head,
}

impl Table {
    /// The name of the table that a key belongs to.
    pub(crate) fn name_of(key: &[u8]) -> &'static str {
        Self::of(key).map_or("unknown", Self::name)
    }

    /// The table a key belongs to.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        Some(match *key.first()? {
            META => Self::Meta,
            ACCOUNT => Self::Account,
            TOKEN => Self::Token,
            WEBHOOK => Self::Webhook,
            WEBHOOK_ID => Self::WebhookId,
            EVENT => Self::Event,
            CHUNK => Self::Chunk,
            OWN_ID => Self::OwnId,
            TYPE => Self::Type,
            REFERENCE => Self::Reference,
            TYPE_NAME => Self::TypeName,
            IDEMPOTENCY => Self::Idempotency,
            IDEMPOTENCY_END => Self::IdempotencyEnd,
            NOTIFICATION => Self::Notification,
            ATTEMPT => Self::Attempt,
            BY_WEBHOOK => Self::ByWebhook,
            UNTRIED => Self::Untried,
            RETRY => Self::Retry,
            MANUAL => Self::Manual,
            BY_STATE => Self::ByState,
            BY_RESPONSE => Self::ByResponse,
            ORDER => Self::Order,
            HEALTH => Self::Health,
            JOB => Self::Job,
            BULK_JOB => Self::BulkJob,
            ALERT => Self::Alert,
            AUDIT => Self::Audit,
            ERASURE => Self::Erasure,
            HEAD => Self::Head,
            _ => return None,
        })
    }

    /// What its rows are, for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Account => "account",
            Self::Token => "token",
            Self::Webhook => "webhook",
            Self::WebhookId => "webhook id",
            Self::Event => "event",
            Self::Chunk => "payload chunk",
            Self::OwnId => "own event id",
            Self::Type => "index by type",
            Self::Reference => "index by reference",
            Self::TypeName => "event type",
            Self::Idempotency => "idempotency key",
            Self::IdempotencyEnd => "idempotency end",
            Self::Notification => "notification",
            Self::Attempt => "attempt",
            Self::ByWebhook => "index by webhook",
            Self::Untried => "due: untried",
            Self::Retry => "due: retry",
            Self::Manual => "due: manual",
            Self::ByState => "index by state",
            Self::ByResponse => "index by response",
            Self::Order => "order",
            Self::Health => "health",
            Self::Job => "job",
            Self::BulkJob => "bulk job",
            Self::Alert => "alert",
            Self::Audit => "audit",
            Self::Erasure => "erasure",
            Self::Head => "head",
        }
    }

    /// What the rows of the table of this name are in Portuguese.
    pub(crate) fn in_portuguese(name: &'static str) -> &'static str {
        let mut tables = (0..=u8::MAX).filter_map(|first| Self::of(&[first]));
        tables.find(|table| table.name() == name).map_or("desconhecida", Self::name_pt)
    }

    /// The same as [`Self::name`] in Portuguese.
    const fn name_pt(self) -> &'static str {
        match self {
            Self::Meta => "metadados",
            Self::Account => "conta",
            Self::Token => "token",
            Self::Webhook => "webhook",
            Self::WebhookId => "id de webhook",
            Self::Event => "evento",
            Self::Chunk => "parte de conteúdo",
            Self::OwnId => "id próprio de evento",
            Self::Type => "índice por tipo",
            Self::Reference => "índice por referência",
            Self::TypeName => "tipo de evento",
            Self::Idempotency => "chave de idempotência",
            Self::IdempotencyEnd => "fim de chave de idempotência",
            Self::Notification => "notificação",
            Self::Attempt => "tentativa",
            Self::ByWebhook => "índice por webhook",
            Self::Untried => "a enviar: ainda sem tentativa",
            Self::Retry => "a enviar: nova tentativa",
            Self::Manual => "a enviar: a pedido",
            Self::ByState => "índice por situação",
            Self::ByResponse => "índice por resposta",
            Self::Order => "ordem",
            Self::Health => "estado do destino",
            Self::Job => "tarefa",
            Self::BulkJob => "tarefa em massa",
            Self::Alert => "aviso",
            Self::Audit => "auditoria",
            Self::Erasure => "apagamento",
            Self::Head => "último número",
        }
    }
}

/// Whether a key's record is one that progress is measured by: an event or a notification.
pub(crate) fn is_counted(key: &[u8]) -> bool {
    matches!(Table::of(key), Some(Table::Event | Table::Notification))
}
