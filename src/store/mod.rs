//! The store: sled (in `engine`) and bincode (in `schema`), alone in the whole program. It knows rows and their order;
//! it knows no HTTP and no policy.
//!
//! One thread, the committer, makes every change; everybody else reads. A change is durable, then visible, once its
//! group has been synced: its caller is answered, and the delivery engine learns of it, only then. A
//! change that fails ends the process at once (`engine::ending`); a read that fails costs its caller
//! (`engine::failed_reads`).
//!
//! From the top down, each of these imports what stands below it alone:
//!
//! | module | what it owns |
//! |---|---|
//! | `lifecycle` | opening, verifying, restoring; looking at a store that no daemon runs on |
//! | `read` | what callers ask: lists, single records, queues, backlogs, figures |
//! | `handle` | [`Store`], the handle that is cloned |
//! | `committer` | grouping changes, making groups durable, answering |
//! | `backup` | the backup's file format; backups of a running store and of a closed one |
//! | `changes` | what each change is, in rows |
//! | `query` | filters as ranges of index rows, and their merge |
//! | `txn` | a group of changes on its way into one commit |
//! | `state`, and the small files beside it | what readers and the committer share, in memory |
//! | `schema` | keys, records, index rows |
//! | `engine` | the journal, sled behind it, the disk below it, and the end of a process whose change failed |

mod absent_accounts;
mod backup;
mod cached_payload;
mod catalogue_types;
mod changes;
mod commit_queue;
mod committer;
mod directory;
pub(crate) mod engine;
mod error;
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod hex;
mod lifecycle;
mod limits;
mod query;
mod read;
mod schema;
#[cfg(test)]
pub(crate) mod simulated;
mod state;
mod store_stats;
#[cfg(test)]
pub(crate) mod tests;
mod times;
mod txn;
mod updates;

pub use backup::format::{BackupError, Header, Progress, check};
pub use backup::live::{Piece, write_pieces};
pub use backup::new_file::NewFile;
pub use cached_payload::CachedPayload;
pub use changes::access::{Access, NoteAccess};
pub use changes::accounts::{CreateAccount, RemoveAccount};
pub use changes::alerts::KeepAlerts;
pub use changes::backfill::{BackfillRefusal, BeginBackfill};
pub use changes::bulk_jobs::{CancelBulkJob, TooManyJobs};
pub use changes::bulk_resend::BeginBulkResend;
pub use changes::change::{AuditedChange, ByActor, Change, ChangeError};
pub use changes::erasures::{BeginErasure, CancelErasure};
pub use changes::events::{AcceptRefusal, Accepted, EraseEvent, RecordEvents, RecordTestEvent};
pub use changes::health::{DisableWebhook, MarkFailing, SetDisableNotice};
pub use changes::idempotency::IdempotencyKey;
pub use changes::notifications::{RecordOutcome, ResendEvent, ResendEventTo, ResendNotification, ResendToRefusal};
pub use changes::tokens::{AddToken, NoteTokenUses, RevokeToken};
pub use changes::webhooks::{
    ChangeWebhook, DeleteWebhook, IfExpected, RegisterRefusal, Registered, Registration, RotateKey, RotateSecret,
};
pub use directory::Directory;
pub use engine::disk_space::DiskLevel;
pub use engine::panic_is_expected;
pub use engine::room::retention_bytes_for;
pub use error::{EngineError, OpenError, StoreError};
pub(crate) use format::FORMAT;
pub use handle::Store;
pub use lifecycle::offline::OfflineStore;
pub use lifecycle::open::{Opened, StoreSettings};
pub use lifecycle::owner::{name as user_name, of_folder};
pub use lifecycle::replay::{JournalEnd, NotReplayed, Replay, Replayed};
pub use lifecycle::restore::{Phase, RestoreError, Restored, restore};
pub use lifecycle::verify::Report;
pub use limits::{Limits, MAX_EVENT_TYPES, MAX_JOBS, MAX_NOTIFICATIONS_AT_ONCE, MAX_WEBHOOKS};
pub use read::accounts::{StoredAccount, names_beside};
pub use read::alerts::KeptAlerts;
pub use read::backlog::Backlog;
pub use read::due::Due;
pub use read::owed::BackfillCount;
pub use schema::record::Token;
pub use store_stats::{FailedBackup, StoreStats};
pub use updates::{NextAttempt, StoreUpdate};
