//! What somebody who looks after carteiro has to know without a shell: what is kept and for how long, the disk, the
//! backups. It only tells; the settings stand in the config file.

use super::caller::Caller;
use super::error::Error;
use super::shared::Service;
use crate::model::Timestamp;
use crate::store::{FORMAT, FailedBackup, StoreStats};
use std::path::PathBuf;
use std::time::Duration;

/// What an account may know.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// How long events are kept; `None` for ever.
    pub retention: Option<Duration>,
    /// How much of them is kept, in bytes as `store.retention_bytes` counts them; `None` without a limit.
    pub retention_bytes: Option<u64>,
    /// What the operator's account may know besides.
    pub machine: Option<Machine>,
}

/// What concerns the whole daemon and its machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Figures of the store.
    pub figures: StoreStats,
    /// How many bytes its files take.
    pub disk_bytes: u64,
    /// Where its files are.
    pub folder: PathBuf,
    /// The number of their format.
    pub format: u32,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// Where backups go, how often, and how many of them are kept; `None` where none are scheduled.
    pub schedule: Option<(PathBuf, Duration, u32)>,
    /// The last scheduled backup, if it could not be written.
    pub failed_backup: Option<FailedBackup>,
}

impl Service {
    /// What a caller may know. [`Upkeep::machine`] is told to the account of the operator alone.
    pub async fn upkeep(&self, caller: &Caller) -> Result<Upkeep, Error> {
        let config = self.config();
        let settings = config.store.clone();
        let (retention, retention_bytes) = (settings.retention, self.store.retention_bytes());
        if !self.is_operators(caller) {
            return Ok(Upkeep { retention, retention_bytes, machine: None });
        }
        let started_at = self.started_at();
        self.read(move |store| {
            let schedule = settings.backup_dir.zip(settings.backup_every);
            let machine = Machine {
                figures: store.stats(),
                disk_bytes: store.size_on_disk()?,
                folder: settings.path,
                format: FORMAT,
                started_at,
                schedule: schedule.map(|(folder, every)| (folder, every, settings.backup_keep)),
                failed_backup: store.failed_backup(),
            };
            Ok(Upkeep { retention, retention_bytes, machine: Some(machine) })
        })
        .await
    }
}
