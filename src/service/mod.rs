//! The verbs: what a merchant can do, each checked and stored. The API and the panel call these and nothing else.
//!
//! It knows no HTTP: a caller comes as a [`Caller`], input as model types, and what goes wrong as an [`Error`] that says what to
//! do. Reads that can meet the disk run on tokio's blocking threads.

mod disabling;
mod events;
mod explaining;
mod following;
mod glance;
mod notifications;
mod tokens;
mod webhooks;

pub use disabling::{Failing, Troubled};
pub use events::{EventDetail, EventDraft, Prepared, Recorded};
pub use explaining::Explanation;
pub use following::{FollowFilter, Followed, Follower, MAX_FOLLOWERS, Next};
pub use glance::{Glance, MAX_COUNTED, Overview, Owed, Trouble, WebhookGlance};
pub use notifications::{NotificationDetail, NotificationFilter, NotificationView, ResendView};
pub use tokens::{NewToken, TokenView};
pub use webhooks::WebhookDraft;

use crate::clock::Clock;
use crate::model::{
    AccessToken, AccountNo, AttemptError, CATALOGUE, DisableRule, EventType, ExtraType, Fingerprint, KnownType,
    Localized, NotificationKey, RetryPolicy, Scope, Scopes, TargetUrl, Timestamp, TokenHash, TokenId, WaitReason,
    Webhook, catalogue,
};
use crate::stats::{AttemptMetrics, StoreMetrics};
use crate::store::{AcceptRefusal, Debt, Figures, IdempotencyKey, Store, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Why a verb was not done. Nothing was changed.
#[derive(Debug)]
pub enum Error {
    /// There is no such thing, or it is another account's.
    NotFound,
    /// It contradicts what is there.
    Conflict {
        /// One word for programs.
        code: &'static str,
        /// One sentence for people.
        detail: Localized,
    },
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

impl Error {
    fn invalid(field: &str, problem: Localized) -> Self {
        Self::Invalid(BTreeMap::from([(field.to_owned(), vec![problem])]))
    }
}

/// Who calls: the account and what the token allows.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose token it is.
    pub account: AccountNo,
    /// What the account calls itself in the bodies its targets receive.
    pub env: Arc<str>,
    /// What the token allows.
    pub scopes: Scopes,
    /// On whose word, as the log tells it.
    pub by: By,
}

impl Caller {
    /// What its requests are bounded by: the account, and which of its tokens (`None` for the config's).
    pub fn body_owner(&self) -> (AccountNo, Option<TokenId>) {
        let token = match &self.by {
            By::Token { id, .. } => Some(*id),
            By::ConfigToken | By::Daemon => None,
        };
        (self.account, token)
    }
}

/// On whose word something is done, as the log tells it: never the token itself.
#[derive(Clone, Debug)]
pub enum By {
    /// A token of the store, by whatever way it came: a call, a command, or a session of the panel.
    Token {
        /// Its id.
        id: TokenId,
        /// What its owner calls it.
        name: Arc<str>,
    },
    /// The token of the config's `admin_token_file`, likewise.
    ConfigToken,
    /// The daemon itself, or what runs inside its process.
    Daemon,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Names are their owners' own words: a line break must not become one of the log.
            Self::Token { id, name } => write!(f, "token {id} \"{}\"", name.escape_debug()),
            Self::ConfigToken => f.write_str("the token of admin_token_file"),
            Self::Daemon => f.write_str("carteiro itself"),
        }
    }
}

/// A token as a session remembers it: enough to ask again whether it is good, and not the token itself.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    hash: TokenHash,
    id: Option<TokenId>,
}

impl Credential {
    /// By what the sessions of one token are told from those of others.
    pub fn key(&self) -> [u8; 32] {
        self.hash.to_bytes()
    }

    /// Of the text that a caller sent.
    pub fn of(token: &str) -> Self {
        Self { hash: TokenHash::of(token), id: AccessToken::parse(token).map(|token| token.id) }
    }
}

/// An account of the config file.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number in the store.
    pub no: AccountNo,
    /// Its name.
    pub name: String,
    /// See [`Caller::env`].
    pub env: Arc<str>,
    /// The hash of the admin token of its `admin_token_file`.
    pub admin_token: Option<TokenHash>,
}

/// What the config says of the verbs; replaced on reload.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The schedule of webhooks that have none of their own.
    pub retry: RetryPolicy,
    /// The limit of webhooks that have none of their own.
    pub max_in_flight_per_webhook: u16,
    /// How long an idempotency key is recognised.
    pub idempotency_window: Duration,
    /// How long a secret signs on after it was rotated away.
    pub secret_overlap: Duration,
    /// Whether a type must be in the catalogue.
    pub strict_types: bool,
    /// The types a shop adds to the catalogue.
    pub extra_types: Vec<ExtraType>,
    /// When a webhook is disabled for its target's sake.
    pub disable: DisableRule,
}

/// What the daemon knows and the service must ask.
pub trait Engine: Send + Sync {
    /// Whether an attempt of this notification is in flight, given how many attempts its record has: one that the record has taken in
    /// is over.
    fn is_in_flight(&self, key: NotificationKey, attempts: u16) -> bool;
    /// What keeps automatic attempts to a webhook from leaving at `now`, where it may have `most` in flight.
    fn wait(&self, webhook: &Webhook, most: usize, now: Timestamp) -> Option<WaitReason>;
    /// How many attempts are in flight.
    fn in_flight(&self) -> usize;
    /// The attempts that have ended.
    fn attempts(&self) -> &AttemptMetrics;
    /// Why the daemon can't take events now; `None` when it can.
    fn not_ready(&self) -> Option<Localized>;
    /// Why an attempt at this target would be refused if it were made now, in a sentence that says how to change that; `None`
    /// where it would be made, or where its name leads nowhere at present.
    fn refusal<'a>(&'a self, target: &'a TargetUrl) -> Pin<Box<dyn Future<Output = Option<AttemptError>> + Send + 'a>>;
}

/// The verbs. Shared by every request.
pub struct Service {
    store: Store,
    clock: Clock,
    engine: Arc<dyn Engine>,
    accounts: Vec<Account>,
    policy: RwLock<Arc<Policy>>,
    /// When tokens last let somebody in, as far as it isn't stored yet.
    uses: Mutex<HashMap<TokenId, Timestamp>>,
    followers: following::Followers,
    started_at: Timestamp,
}

impl Service {
    /// A service over an open store.
    pub fn new(store: Store, clock: Clock, engine: Arc<dyn Engine>, accounts: Vec<Account>, policy: Policy) -> Self {
        let policy = RwLock::new(Arc::new(policy));
        let started_at = clock.now();
        let (uses, followers) = Default::default();
        Self { store, clock, engine, accounts, policy, uses, followers, started_at }
    }

    /// Figures of the store, and how many bytes its files take.
    pub async fn figures(&self) -> Result<(Figures, u64), Error> {
        self.read(|store| Ok((store.figures(), store.size_on_disk()?))).await
    }

    /// What every webhook is owed, of all accounts.
    pub async fn debts(&self) -> Result<Vec<Debt>, Error> {
        self.read(|store| Ok(store.debts()?)).await
    }

    /// What the store has done since the start.
    pub fn kept(&self) -> &StoreMetrics {
        self.store.meters()
    }

    /// The attempts that have ended since the start.
    pub fn attempts(&self) -> &AttemptMetrics {
        self.engine.attempts()
    }

    /// How many attempts are in flight.
    pub fn in_flight(&self) -> usize {
        self.engine.in_flight()
    }

    /// How long the change that is being written has taken so far.
    pub fn stalled(&self) -> Duration {
        self.store.stuck_for()
    }

    /// How far the wall clock is ahead of the time that retention goes by; zero where it is trusted.
    pub fn clock_lead(&self) -> Duration {
        self.store.clock_lead()
    }

    /// When the daemon was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The time, as the verbs see it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes up what a reload changed.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Why the daemon can't take events now; `None` when it can.
    pub fn not_ready(&self) -> Option<Localized> {
        self.engine.not_ready()
    }

    /// Whose token this is; `None` for an unknown, revoked or expired one.
    pub fn authenticate(&self, token: &str) -> Option<Caller> {
        self.admit(&Credential::of(token))
    }

    /// Whose token this was of, if it is still good.
    pub fn admit(&self, credential: &Credential) -> Option<Caller> {
        let Credential { hash, id } = *credential;
        let configured =
            self.accounts.iter().find(|account| account.admin_token.as_ref().is_some_and(|own| own.matches(&hash)));
        if let Some(account) = configured {
            return Some(Caller {
                account: account.no,
                env: account.env.clone(),
                scopes: Scopes::ADMIN,
                by: By::ConfigToken,
            });
        }
        let now = self.clock.now();
        let kept = self.store.token(id?, now)?;
        if !kept.hash.matches(&hash) {
            return None;
        }
        // An account that is no longer in the config keeps its data and lets nobody in.
        let account = self.accounts.iter().find(|account| account.no == kept.account)?;
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(kept.id, now);
        let by = By::Token { id: kept.id, name: kept.name.as_str().into() };
        Some(Caller { account: kept.account, env: account.env.clone(), scopes: kept.scopes, by })
    }

    /// Whether a caller may see the figures of the whole daemon: an account's own are no business of another's, and those of the machine
    /// are the business of whoever runs it, who has the first account of the config.
    pub fn sees_all_figures(&self, caller: &Caller) -> bool {
        self.accounts.first().is_some_and(|first| first.no == caller.account) && caller.scopes.allows_all_figures()
    }

    /// The catalogue, the guide's types first.
    pub fn event_types(&self) -> Vec<KnownType> {
        catalogue(&self.policy().extra_types)
    }

    /// What the config calls the caller's account; `None` where it is the only one.
    pub fn account_name(&self, caller: &Caller) -> Option<&str> {
        let of_several = self.accounts.iter().filter(|_| self.accounts.len() > 1);
        of_several.filter(|account| account.no == caller.account).map(|account| &*account.name).next()
    }

    /// The accounts that the store has and the config lacks: their deliveries are held. For the admin of the config's first account,
    /// who runs the daemon as a rule; nobody else learns what other accounts there are.
    pub async fn absent_accounts(&self, caller: &Caller) -> Result<Vec<String>, Error> {
        let first = self.accounts.first().is_some_and(|first| first.no == caller.account);
        if !first || !caller.scopes.allows(Scope::Admin) {
            return Ok(Vec::new());
        }
        self.read(|store| {
            let names = store.account_names()?.into_iter();
            Ok(names.filter(|(no, _)| store.is_absent(*no)).map(|(_, name)| name).collect())
        })
        .await
    }

    /// What views of notifications depend on beside the store, as of now.
    fn present(&self) -> notifications::Present {
        let policy = self.policy();
        notifications::Present {
            max_attempts: policy.retry.max_attempts(),
            max_in_flight: usize::from(policy.max_in_flight_per_webhook),
            engine: self.engine.clone(),
            now: self.now(),
        }
    }

    fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An idempotency key that is recognised from now on, of the hashes of the key and of the request.
    fn idempotency_key(&self, key: Fingerprint, request: Fingerprint) -> IdempotencyKey {
        let until = self.clock.now().plus(self.policy().idempotency_window);
        IdempotencyKey { hash: key.0, fingerprint: request.0, until }
    }

    /// Runs a read on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        off_the_async_threads(move || read(&store)).await.inspect_err(|error| {
            if let Error::Store(error) = error {
                self.store.note_failed_read(error, "a call");
            }
        })
    }
}

async fn off_the_async_threads<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        // A read that panicked (sled, on damage) costs this request and no more.
        Err(_) => Err(Error::Store(StoreError::Damaged { table: "row", what: "can't be read: sled panicked" })),
    }
}

impl Policy {
    fn allows(&self, event_type: &EventType) -> bool {
        !self.strict_types
            || CATALOGUE.iter().any(|entry| entry.event_type == event_type.as_str())
            || self.extra_types.iter().any(|extra| extra.event_type == *event_type)
    }
}

fn key_taken() -> Error {
    let detail = Localized::new(
        "this Idempotency-Key already answered another request: use a new key for new content",
        "esta Idempotency-Key já respondeu a outra chamada: use uma chave nova para conteúdo novo",
    );
    Error::Conflict { code: "idempotency_key_taken", detail }
}

/// What a refused batch means to its caller.
fn refused(refusal: AcceptRefusal, in_batch: bool) -> Error {
    let field = |index: usize, name: &str| if in_batch { format!("events[{index}].{name}") } else { name.to_owned() };
    match refusal {
        AcceptRefusal::IdTaken { index } => {
            let id = field(index, "id");
            let detail = Localized {
                en: format!(
                    "{id} already names another event: give each event its own id, and repeat one only with the very same content"
                ),
                pt: format!(
                    "{id} já é de outro evento: dê a cada evento o seu id, e repita um só com exatamente o mesmo conteúdo"
                ),
            };
            Error::Conflict { code: "id_taken", detail }
        }
        AcceptRefusal::KeyTaken => key_taken(),
        AcceptRefusal::TooManyOwed => {
            let most = crate::store::MAX_OWED_AT_ONCE;
            let problem = Localized {
                en: format!("would owe more than {most} notifications at once: send fewer events in a batch"),
                pt: format!("geraria mais de {most} notificações de uma vez: envie menos eventos por lote"),
            };
            Error::invalid("events", problem)
        }
        AcceptRefusal::TooManyTypes { index } => {
            let most = crate::store::MAX_EVENT_TYPES;
            let problem = Localized {
                en: format!(
                    "would be more than the {most} distinct types that an account can have beside the catalogue: list it in the \
                     config as `[[catalogue.extra]]`, which has no such limit, or use fewer types; a type is forgotten once \
                     retention has deleted its last event"
                ),
                pt: format!(
                    "passaria dos {most} tipos diferentes que uma conta pode ter além do catálogo: liste-o na configuração em \
                     `[[catalogue.extra]]`, que não tem esse limite, ou use menos tipos; um tipo é esquecido quando a retenção \
                     exclui o seu último evento"
                ),
            };
            Error::invalid(&field(index, "type"), problem)
        }
    }
}
