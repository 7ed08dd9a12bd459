//! The table of keys: everything that is said about a setting is said here, once. Defaults stand in [`Config`] itself.

use super::ingress::{OneOrigin, Range};
use super::raw::{RawValue, ValueError, ValueType};
use super::types::Types;
use super::value_types::{
    Address, Choice, Count, FilePath, Fraction, List, MaybePath, MaybeProxy, Name, OrNone, Rule, Size, Span, Switch,
};
use super::{Account, Config, DAY, Format, GIB, KIB, Level, MAX_BATCH_BODY_BYTES, MIB, MINUTE};
use crate::model::{MAX_AUTOMATIC_ATTEMPTS, RetryPolicy, Webhook};
use std::time::Duration;

/// A setting of `T`: of [`Config`] as a whole, or of one [`Account`].
pub(super) struct Key<T: 'static> {
    /// `section.name`.
    pub(super) path: &'static str,
    /// What it does, in sentences. Its range and when it takes effect are added from the fields below.
    pub(super) doc: &'static str,
    pub(super) effect: Effect,
    /// Never printed, nor quoted in a problem.
    pub(super) secret: bool,
    pub(super) access: &'static (dyn Access<T> + Sync),
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reload,
    Restart,
}

impl<T> Key<T> {
    pub(super) fn section(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(section, _)| section)
    }

    pub(super) fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The variable that overrides the file.
    pub(super) fn variable(&self) -> String {
        format!("CARTEIRO_{}__{}", self.section(), self.name()).to_ascii_uppercase()
    }
}

/// A value's way in and out.
pub(super) trait Access<T> {
    fn expected(&self) -> String;
    fn read(&self, target: &mut T, raw: &RawValue<'_>) -> Result<(), Vec<ValueError>>;
    fn show(&self, of: &T) -> String;
    fn copy(&self, from: &T, to: &mut T);
}

struct Bound<F, T, V> {
    format: F,
    get: fn(&T) -> V,
    set: fn(&mut T, V),
}

impl<T, V, F: ValueType<V>> Access<T> for Bound<F, T, V> {
    fn expected(&self) -> String {
        self.format.expected()
    }

    fn read(&self, target: &mut T, raw: &RawValue<'_>) -> Result<(), Vec<ValueError>> {
        self.format.read(raw).map(|value| (self.set)(target, value))
    }

    fn show(&self, of: &T) -> String {
        self.format.show(&(self.get)(of))
    }

    fn copy(&self, from: &T, to: &mut T) {
        (self.set)(to, (self.get)(from));
    }
}

macro_rules! key {
    ($of:ty, $path:literal, $effect:ident, $format:expr, $get:expr, $set:expr, $doc:literal) => {
        Key {
            path: $path,
            doc: $doc,
            effect: Effect::$effect,
            secret: false,
            access: &Bound { format: $format, get: $get, set: $set },
        }
    };
    ($of:ty, $path:literal, $effect:ident, $format:expr, $($field:ident).+, $doc:literal) => {
        key!(
            $of, $path, $effect, $format,
            |it: &$of| it.$($field).+.clone(),
            |it: &mut $of, value| it.$($field).+ = value,
            $doc
        )
    };
}

const MONTH: Duration = Duration::from_secs(30 * DAY.as_secs());

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The longest lists that are taken: each entry is looked at once for every attempt or event.
const MAX_LISTED: usize = 1000;

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];

/// Every key but the accounts', section by section, in the order they are printed.
pub(super) static KEYS: &[Key<Config>] = &[
    key!(
        Config,
        "server.listen",
        Restart,
        Address,
        server.listen,
        "Where the API and the panel listen. Port 0 lets the system choose a free one. Beyond this machine, set tls_cert and \
         tls_key, or put a proxy with TLS in front: else tokens travel in the clear. A socket unit's address takes its \
         place."
    ),
    key!(
        Config,
        "server.tls_cert",
        Reload,
        MaybePath,
        server.tls_cert,
        "A PEM file with the server's certificate first and those of its chain behind it: it is spoken TLS 1.2 or 1.3 then, and \
         nothing else. Read again by a reload, and within a minute after a file has changed; if the new one can't be used, the \
         log says why and the old one stays."
    ),
    key!(
        Config,
        "server.tls_key",
        Reload,
        MaybePath,
        server.tls_key,
        "A PEM file with the private key of that certificate, ECDSA, Ed25519 or RSA, without a passphrase. Nobody but the \
         daemon's user should be able to read it."
    ),
    key!(
        Config,
        "server.max_body",
        Reload,
        Size(KIB, MAX_BATCH_BODY_BYTES as u64),
        server.max_body,
        "The longest body of a call, and so the largest event. Only a batch of events may be longer: 16 MiB, always."
    ),
    key!(
        Config,
        "server.max_connections",
        Reload,
        Count(1, 65_535),
        server.max_connections,
        "How many connections may be open at once. Each costs a file descriptor. When all are taken, a new one takes the place of \
         the one whose caller has kept the daemon waiting the longest."
    ),
    key!(
        Config,
        "server.max_connections_per_address",
        Reload,
        Count(1, 65_535),
        server.max_connections_per_address,
        "How many of them one address may have, or one /64 of IPv6. Loopback and trusted_proxies have no such limit."
    ),
    key!(
        Config,
        "server.shutdown_grace",
        Restart,
        Span(Duration::ZERO, ms(600_000)),
        server.shutdown_grace,
        "How long requests and attempts in flight may take to finish at a stop. What doesn't finish is delivered after the \
         next start. Keep it below TimeoutStopSec of the systemd unit."
    ),
    key!(
        Config,
        "server.handshake_timeout",
        Reload,
        Span(ms(100), MINUTE),
        server.handshake_timeout,
        "How long a caller may take for the TLS handshake."
    ),
    key!(
        Config,
        "server.header_timeout",
        Reload,
        Span(ms(100), ms(300_000)),
        server.header_timeout,
        "How long a caller may take to send the head of a request: from the opening of the connection on, and for the later ones \
         from the first byte on."
    ),
    key!(
        Config,
        "server.body_timeout",
        Reload,
        Span(ms(100), ms(600_000)),
        server.body_timeout,
        "How long a caller may take to send the body of a request, however large: 16 MiB within 30s takes a line of 5 Mbit/s."
    ),
    key!(
        Config,
        "server.write_timeout",
        Reload,
        Span(ms(100), ms(600_000)),
        server.write_timeout,
        "How long a caller may take nothing of its answer before the connection is closed."
    ),
    key!(
        Config,
        "server.idle_timeout",
        Reload,
        Span(ms(100), ms(3_600_000)),
        server.idle_timeout,
        "How long a connection is kept open between two requests. Keep it above the keep-alive time of a proxy in front."
    ),
    key!(
        Config,
        "server.trusted_proxies",
        Reload,
        List { min: 0, max: MAX_LISTED, item: Range },
        server.trusted_proxies,
        "The proxies in front whose X-Forwarded-For is believed: failed logins are then counted against the address it names. \
         Each must append to that header the address it was called from. A proxy on this machine is \"127.0.0.1\", and \
         \"::1\" if it connects by IPv6. With X-Forwarded-Proto: https from one of them the panel's cookies are Secure."
    ),
    key!(
        Config,
        "server.cors_origins",
        Reload,
        List { min: 0, max: MAX_LISTED, item: OneOrigin },
        server.cors_origins,
        "Whose pages may call the API from a browser (CORS). None by default; the panel needs no entry. A token inside a page is \
         everyone's who sees the page."
    ),
    key!(
        Config,
        "panel.enabled",
        Restart,
        Switch,
        panel.enabled,
        "Whether the panel is served, at /: people sign in with an access token, and what it allows is what they can do."
    ),
    key!(
        Config,
        "store.path",
        Restart,
        FilePath,
        store.path,
        "The folder that holds all data. It is created if it is missing. A relative path counts from the working directory, \
         not from this file."
    ),
    key!(
        Config,
        "store.cache",
        Restart,
        Size(MIB, 64 * GIB),
        store.cache,
        "How much memory the store may use to keep what it has read."
    ),
    key!(
        Config,
        "store.retention",
        Reload,
        OrNone(Span(Duration::from_secs(3600), ms(100 * 365 * DAY.as_secs() * 1000))),
        store.retention,
        "How long events are kept, with their notifications and attempts. What is still owed is kept in any case."
    ),
    key!(
        Config,
        "store.retention_bytes",
        Reload,
        OrNone(Size(MIB, 1024 * 1024 * GIB)),
        store.retention_bytes,
        "How much may be kept: past it the oldest events go first, except what is still owed or younger than \
         delivery.idempotency_window. It counts payloads, and half a KiB for each event and notification; the file on disk is two to \
         three times that, and doesn't shrink."
    ),
    key!(
        Config,
        "store.min_free",
        Reload,
        Size(0, 1024 * GIB),
        store.min_free,
        "How much of the disk must stay free: below it events are refused with a 503, and what is owed is still delivered. The \
         store doesn't survive a disk that is full; \"0 B\" risks it."
    ),
    key!(
        Config,
        "store.commit_timeout",
        Restart,
        Span(ms(1000), ms(3_600_000)),
        store.commit_timeout,
        "How long making changes durable may take before the daemon gives itself up, so that the service manager starts it anew: \
         a disk may stop answering."
    ),
    key!(
        Config,
        "store.backup_dir",
        Restart,
        MaybePath,
        store.backup_dir,
        "Where backups are written by themselves: carteiro-TIME.backup. Best on another disk."
    ),
    key!(
        Config,
        "store.backup_every",
        Restart,
        OrNone(Span(MINUTE, ms(366 * DAY.as_secs() * 1000))),
        store.backup_every,
        "How often a backup is written to store.backup_dir."
    ),
    key!(
        Config,
        "store.backup_keep",
        Restart,
        Count(1, 10_000),
        store.backup_keep,
        "How many of those backups are kept; older ones are deleted."
    ),
    key!(
        Config,
        "delivery.timeout",
        Reload,
        Span(ms(100), ms(300_000)),
        delivery.timeout,
        "How long one attempt may take in all, from looking up the name to the end of the answer."
    ),
    key!(
        Config,
        "delivery.connect_timeout",
        Reload,
        Span(ms(10), MINUTE),
        delivery.connect_timeout,
        "How long its connection may take. At most delivery.timeout."
    ),
    key!(
        Config,
        "delivery.max_attempts",
        Reload,
        Count(1, MAX_AUTOMATIC_ATTEMPTS as u32),
        |config: &Config| config.delivery.retry.max_attempts(),
        |config: &mut Config, max: u8| {
            let retry = &config.delivery.retry;
            config.delivery.retry = policy(retry.schedule().to_vec(), max, retry.jitter());
        },
        "How many automatic attempts there are, the first included. Then the notification has failed, and can still be \
         resent by hand. A webhook may set its own, in `retry`."
    ),
    key!(
        Config,
        "delivery.schedule",
        Reload,
        List { min: 1, max: MAX_AUTOMATIC_ATTEMPTS as usize - 1, item: Span(ms(1), RetryPolicy::MAX_GAP) },
        |config: &Config| config.delivery.retry.schedule().to_vec(),
        |config: &mut Config, schedule| {
            let retry = &config.delivery.retry;
            config.delivery.retry = policy(schedule, retry.max_attempts(), retry.jitter());
        },
        "The gap after each failed attempt. A list shorter than the attempts repeats its last gap; of a longer one the rest \
         is not used. A webhook may set its own, in `retry`."
    ),
    key!(
        Config,
        "delivery.jitter",
        Reload,
        Fraction,
        |config: &Config| config.delivery.retry.jitter(),
        |config: &mut Config, jitter| {
            let retry = &config.delivery.retry;
            config.delivery.retry = policy(retry.schedule().to_vec(), retry.max_attempts(), jitter);
        },
        "By how much of itself a gap may be stretched at random, so that retries don't come all at once: 0.1 is up to a \
         tenth. Kept to the thousandth."
    ),
    key!(
        Config,
        "delivery.max_in_flight",
        Reload,
        Count(1, 10_000),
        delivery.max_in_flight,
        "How many attempts may be in flight at once, over all webhooks. Each costs a file descriptor. One webhook never has more \
         than half of them, so that a slow target leaves room for the others."
    ),
    key!(
        Config,
        "delivery.max_in_flight_per_webhook",
        Reload,
        Count(1, 1000),
        delivery.max_in_flight_per_webhook,
        "How many attempts of one webhook may be in flight at once, unless it sets its own."
    ),
    key!(
        Config,
        "delivery.retry_after_cap",
        Reload,
        Span(Duration::ZERO, MONTH),
        delivery.retry_after_cap,
        "The longest a target can hold deliveries back with Retry-After in a 429 or 503. 0s ignores what it asks."
    ),
    key!(
        Config,
        "delivery.idempotency_window",
        Reload,
        Span(ms(1000), MONTH),
        delivery.idempotency_window,
        "For how long a call repeated with the same Idempotency-Key gets the first answer again."
    ),
    key!(
        Config,
        "delivery.secret_overlap",
        Reload,
        Span(Duration::ZERO, Webhook::MAX_SECRET_OVERLAP),
        delivery.secret_overlap,
        "For how long the old secret signs beside the new one after a rotation, so that a receiver can change over. Each of several signs \
         to its own end."
    ),
    key!(
        Config,
        "delivery.disable_after",
        Reload,
        OrNone(Span(ms(1000), ms(366 * DAY.as_secs() * 1000))),
        delivery.disable_after,
        "After how long without a single confirmation a webhook is disabled, if a notification has used up its attempts as well. \
         The log warns a day before, the other webhooks that subscribe to WEBHOOK.DISABLED are told, and what it is owed is held \
         until its status is set to ACTIVE."
    ),
    key!(
        Config,
        "delivery.disable_on_gone",
        Reload,
        Switch,
        delivery.disable_on_gone,
        "Whether a webhook whose target answers 410 Gone is disabled at once."
    ),
    key!(
        Config,
        "egress.allow",
        Reload,
        List { min: 0, max: MAX_LISTED, item: Rule },
        egress.allow,
        "Private addresses that webhooks may point at all the same. Loopback, link-local and metadata addresses are opened \
         only by an entry inside their own range: \"0.0.0.0/0\" doesn't open them. IPv6 with a port takes brackets: \
         \"[::1]/128:3000\"."
    ),
    key!(
        Config,
        "egress.allow_http",
        Reload,
        Switch,
        egress.allow_http,
        "Whether a webhook may point at http://, where anyone on the way reads along."
    ),
    key!(
        Config,
        "egress.extra_ca_file",
        Restart,
        MaybePath,
        egress.extra_ca_file,
        "A PEM file of certificates that are trusted beside the system's, for targets with a certificate of your own."
    ),
    Key {
        secret: true,
        ..key!(
            Config,
            "egress.proxy",
            Reload,
            MaybeProxy,
            egress.proxy,
            "The proxy that every target is reached through, by CONNECT, http ones too. Names are resolved here, addresses are judged \
             by egress.allow as ever, and the proxy is asked for the address: it must allow CONNECT to the ports of the \
             targets. The proxy itself may stand anywhere. HTTP_PROXY and the like are not looked at."
        )
    },
    key!(
        Config,
        "egress.proxy_file",
        Reload,
        MaybePath,
        egress.proxy_file,
        "A file that holds that URL, for one with a password. Instead of egress.proxy."
    ),
    key!(
        Config,
        "log.level",
        Reload,
        Choice(LEVELS),
        log.level,
        "The least important lines that are written to stderr. \"debug\" writes one for every attempt."
    ),
    key!(
        Config,
        "log.format",
        Restart,
        Choice(FORMATS),
        log.format,
        "The form of the lines: for people, or one JSON object each."
    ),
    key!(
        Config,
        "catalogue.strict",
        Reload,
        Switch,
        catalogue.strict,
        "Whether an event of a type that is neither the guide's nor in extra is refused."
    ),
    key!(
        Config,
        "catalogue.extra",
        Reload,
        Types(MAX_LISTED),
        catalogue.extra,
        "Event types of your own: the panel offers them, and strict lets them through. To say what one means, and what `carteiro \
         trigger` sends of it: { type = \"SHIPMENT.SENT\", pt = \"O pedido foi enviado.\", en = \"The order was sent.\", sample = \
         '{\"shipment\": {\"id\": \"s-1\"}}' }, or the same keys below [[catalogue.extra]]. One of the guide's types is shown your way \
         in the same manner."
    ),
];

/// The keys of one `[[account]]`.
pub(super) static ACCOUNT_KEYS: &[Key<Account>] = &[
    key!(
        Account,
        "account.name",
        Restart,
        Name("1 to 64 of a-z, 0-9, _ and -", |text| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
        }),
        name,
        "The account's name, unlike any other's. It is what the data belongs to: a new name is a new, empty account."
    ),
    key!(
        Account,
        "account.env",
        Restart,
        Name("1 to 64 visible ASCII characters without space, quote and backslash", |text| {
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        }),
        env,
        "What stands in \"env\" of every notification, such as \"production\" or \"sandbox\"."
    ),
    key!(
        Account,
        "account.admin_token_file",
        Restart,
        MaybePath,
        admin_token_file,
        "A file that holds an admin token for this account. For an account that has none, the first start creates one and writes \
         it into the data folder: to admin-token for the account `default`, to admin-token-NAME for any other."
    ),
];

/// Every part has been checked against its own key, whose range is the policy's.
fn policy(schedule: Vec<Duration>, max_attempts: u8, jitter: f64) -> RetryPolicy {
    RetryPolicy::new(schedule, max_attempts, jitter).expect("the ranges of the keys are those of the policy")
}
