//! The nouns and their rules, pure: no I/O, no async, no clock.
//!
//! Each type carries its precondition, so that what has been parsed once at the edge needs no second look further in.

mod address_range;
mod alert;
mod alert_channel;
mod api_code;
mod attempt;
mod attempt_runs;
mod audit;
mod audited_webhook;
mod authority;
mod bulk_job;
mod business_keys;
mod catalogue;
mod client_certificate_name;
mod duration;
mod erasure;
mod event;
mod event_draft;
mod event_type;
mod extra_headers;
mod filter;
mod forgotten;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod ids;
mod job_outcome;
mod json_cursor;
mod json_parts;
mod json_scan;
mod language;
mod letter_text;
mod listing;
mod localized;
mod mail_address;
mod notification;
mod ntfy_topic;
mod own_event;
mod payload_filter;
mod pretty_json;
mod proxy;
mod resource;
mod response_filter;
mod retry;
mod sample;
mod secret;
mod sent_request;
mod shell;
mod signing_keys;
mod smtp_url;
mod target;
mod target_error;
mod target_health;
mod time;
mod time_of_day;
mod token;
mod trace;
mod wait_reason;
mod webhook;
mod webhook_name;
mod webhook_version;
mod words;

pub use address_range::AddressRange;
pub use alert::{Alert, AlertFacts, Book, ClockSteps, Condition, Letter, Pending, Recipient};
pub use alert_channel::AlertChannel;
pub use api_code::ApiCode;
pub use attempt::{Attempt, AttemptError, AttemptResult, ErrorCode, Response, Timings, TlsVersion, Trigger};
pub use attempt_runs::{AttemptRun, attempt_runs};
pub use audit::{
    Actor, AuditAction, AuditNote, AuditRow, AuditSubject, AuditedField, HIDDEN, MAX_AUDITED_BYTES, Origin, Through,
};
pub use audited_webhook::changed_fields;
pub use authority::{Authority, AuthorityError, port};
pub use bulk_job::{BulkJob, CountedJob, JobKind, JobState, SkipReason, Skipped};
pub use business_keys::SearchText;
pub(crate) use business_keys::{fold, is_folded, tokens};
pub use catalogue::{CATALOGUE, CatalogueEntry, ExtraType, KnownType, Sentences, catalogue};
pub use client_certificate_name::ClientCertificateName;
pub use duration::{format_duration, parse_duration};
pub use erasure::{Erasure, ErasureCount, ErasureState};
pub use event::{About, BodyDraft, Event, Fingerprint, NewEvent, OrderName, Payload, ResourceFacts, Trial};
pub use event_draft::EventDraft;
pub use event_type::{EventType, Pattern, PatternSet};
pub use extra_headers::ExtraHeaders;
pub use filter::{AuditFilter, EventFilter, Filter, FilterField, FilterUse, NotificationFilter};
pub use forgotten::Forgotten;
pub use ids::{
    AccountNo, ErasureId, EventId, JobId, NotificationId, NotificationKey, OrderKey, Seq, TokenId, WebhookId, WebhookNo,
};
pub use job_outcome::{JobOutcome, JobOutcomes, OfJob};
pub(crate) use json_parts::{items, members};
pub use language::Language;
pub use letter_text::{LetterFact, LetterText};
pub(crate) use listing::Position;
pub use listing::{Cursor, Listing, Order, Page};
pub use localized::{Localized, Noun};
pub(crate) use localized::{display_in_english, localized};
pub use mail_address::MailAddress;
pub use notification::{MAX_ATTEMPTS_KEPT, Notification, ResendContext, ResendRefusal, State, Status, Verdict};
pub use ntfy_topic::NtfyTopic;
pub use own_event::{FailedNotification, OwnEvent};
pub use payload_filter::{Effort, FilterError, FilterSet, PayloadFilter, Unmet};
pub use pretty_json::{pretty_if_json, pretty_json};
pub use proxy::{ProxyUrl, ProxyUrlError};
pub use resource::depth;
pub use response_filter::ResponseFilter;
pub(crate) use retry::splitmix64;
pub use retry::{Exhausted, MAX_AUTOMATIC_ATTEMPTS, RetryPolicy, RetryPolicyError};
pub use sample::{Sample, SampleMethod};
pub(crate) use secret::Secret;
pub use sent_request::{KeptHead, MASKED, SentHeader, SentRequest};
pub(crate) use shell::{is_invisible, is_plain};
pub use shell::{quoted, quoted_bytes};
pub use signing_keys::{PrivateKey, PublicKey, Signatures};
pub use smtp_url::SmtpUrl;
pub use target::TargetUrl;
pub use target_error::TargetError;
pub use target_health::{DisableDecision, DisableRule, FailingRule, Notice, TargetHealth};
pub use time::{Timestamp, TimestampError, millis};
pub use time_of_day::{QuietHours, TimeOfDay};
pub use token::{AccessToken, MAX_TOKEN_NAME_CHARS, Scope, Scopes, TokenHash, is_token_name, parse_token_life};
pub use trace::TraceContext;
pub use wait_reason::WaitReason;
pub use webhook::{
    Authorization, DisabledReason, MAX_DESCRIPTION_BYTES, RateLimit, SigningSecret, TooManyKeys, TooManySecrets,
    Webhook, WebhookPatch, WebhookStatus,
};
pub use webhook_name::WebhookName;
pub use webhook_version::{ExpectedVersion, Outdated, WebhookVersion};
