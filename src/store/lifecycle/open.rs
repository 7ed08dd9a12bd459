//! Opening the store.

use crate::clock::Clock;
use crate::store::commit_queue::commit_queue;
use crate::store::committer::Committer;
use crate::store::engine::{catch_sled_panic, ending};
use crate::store::error::{OpenError, StoreError};
use crate::store::handle::{MAX_WAITING_COMMITS, Store};
use crate::store::lifecycle::files::Files;
use crate::store::lifecycle::owner;
use crate::store::limits::Limits;
use crate::store::schema::table::Table;
use crate::store::state::{Alive, Shared};
use crate::store::updates::StoreUpdate;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How the store is opened.
pub struct StoreSettings {
    /// The data folder; made if it isn't there.
    pub path: PathBuf,
    /// How much memory sled's cache may take, in bytes.
    pub cache_bytes: u64,
    /// How long and how much is kept.
    pub limits: Limits,
    /// Whether a store that has lost something, or that nothing vouches for, is opened all the same.
    pub accept_data_loss: bool,
    /// Where times come from.
    pub clock: Clock,
}

/// What [`Store::open`] gives beside the store: the committer's thread, to be joined after the last handle is gone.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Whether the store was made just now.
    pub created: bool,
    /// The committer.
    pub thread: std::thread::JoinHandle<()>,
}

impl Store {
    /// Opens the store, or makes it. Blocks; call it before the runtime is busy. A store that has less than it had
    /// acknowledged, or can't be read, is an error that says what to do.
    ///
    /// `send_updates` is called with everything the delivery engine must know, after it is durable: on the committer's
    /// thread. It must not block.
    pub fn open(
        settings: StoreSettings,
        send_updates: impl FnMut(Vec<StoreUpdate>) + Send + 'static,
    ) -> Result<Opened, OpenError> {
        ending::watch_panics();
        owner::check(&settings.path)?;
        let files = Files::open(&settings.path, settings.cache_bytes, settings.accept_data_loss)
            .map_err(|error| owner::named(&settings.path, error))?;
        Ok(catch_sled_panic(|| Self::over(files, settings, send_updates))?)
    }

    fn over(
        files: Files,
        settings: StoreSettings,
        send_updates: impl FnMut(Vec<StoreUpdate>) + Send + 'static,
    ) -> Result<Opened, StoreError> {
        let Files { tree, mut writer, format, head, created } = files;
        let StoreSettings { path, limits, clock, .. } = settings;
        let (shared, clock) = Shared::over(tree, &format, &head, path, limits, clock)?;
        writer.start_checkpoints(Arc::clone(&shared.space), Table::name_of)?;
        let shared = Arc::new(shared);
        let (commits, receiver) = commit_queue();
        let (writer, send_updates) = (Box::new(writer), Box::new(send_updates));
        let mut committer = Committer::load(shared.clone(), writer, send_updates, &format, clock.as_ref())?;
        let alive = Alive(shared.clone());
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(move || {
            committer.run(&receiver);
            drop(alive);
        })?;
        let store = Self { shared, commits, places: Arc::new(Semaphore::new(MAX_WAITING_COMMITS)) };
        Ok(Opened { store, created, thread })
    }
}
