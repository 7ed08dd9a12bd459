//! The verbs: what a merchant can do, each checked and stored. The API and the panel call these and nothing else.
//!
//! It knows no requests: a caller comes as a [`Caller`], input as model types, and what goes wrong as an [`Error`] that
//! says what to do. Reads that can meet the disk run on tokio's blocking threads.

mod alert_channels;
mod audit;
mod backfills;
mod caller;
mod certificates;
mod csv;
mod curl;
mod disabling;
mod erasures;
mod error;
mod events;
mod explaining;
mod filter_trials;
mod find;
mod followers;
mod following;
mod notifications;
mod open_alerts;
mod panel_links;
mod readiness;
mod requests;
mod searching;
mod shared;
mod summary;
mod tokens;
mod unused_links;
mod upkeep;
mod views;
mod webhooks;

pub use alert_channels::{ChannelOwner, ChannelTest, ChannelView};
pub use backfills::BackfillDraft;
pub use caller::{Account, By, Caller, Credential};
pub use certificates::OwnCertificate;
pub use csv::{CsvLanguage, CsvList, CsvLook, CsvWords};
pub use curl::curl as request_as_curl;
pub use disabling::{FailingCounts, HealthView};
pub use erasures::{KeysLike, MAX_LOOKED_THROUGH};
pub use error::{Error, ErrorReply, refusal_in_words};
pub use events::{EventDetail, EventHistory, PreparedEvents, Recorded};
pub use explaining::Explanation;
pub use filter_trials::{FilterTrial, TrialOn, TrialResult};
pub use followers::MAX_FOLLOWERS;
pub use following::{Followed, Follower, Next};
pub use notifications::NotificationHistory;
pub use open_alerts::{AlertView, MAX_MUTE};
pub use panel_links::{NewPanelLink, PANEL_LINK_LIFE};
pub use requests::{HeaderText, LostReason, RebuiltHeader, RebuiltRequest, RequestParts};
pub use searching::{Found, FoundOrder};
pub use shared::Service;
pub use summary::{
    BacklogCounts, DeliveryFigures, EventSummary, FailingWebhook, MAX_COUNTED, Overview, WebhookSummary,
};
pub use tokens::{NewToken, TokenView};
pub use upkeep::{Machine, Upkeep};
pub use views::{NotificationDetail, NotificationView};
pub use webhooks::WebhookDraft;

pub use crate::alerts::engine::AlertFigures;
pub use crate::alerts::message::Severity;
pub use crate::delivery::{advice, fact, why as attempt_error};
pub use crate::model::EventDraft;
pub use crate::stats::{HourCounts, OutcomePosition, WebhookHistory};
pub use crate::store::{BackfillCount, Backlog, Registered};
