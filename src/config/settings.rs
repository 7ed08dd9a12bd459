//! The settings: everything about a key is written here, once. `settings!` makes of it the structs, their defaults, the
//! table of keys that files and variables are read by, and `config.example.toml`, whose comments are these.

use super::extra_types::Types;
use super::ingress::{AddressRange, Origin};
use super::keys::settings;
use super::value_types::{
    ACCOUNT_NAME, ADDRESS, ADDRESS_RANGE, ALLOW_RULE, Choice, Count, FILE_PATH, Fraction, LABEL, List, OPTIONAL_PATH,
    OPTIONAL_PROXY, ORIGIN, OrNone, Size, Span, Switch,
};
use super::{AllowRule, GIB, KIB, MAX_BATCH_BODY_BYTES, MIB};
use crate::model::{ExtraType, MAX_AUTOMATIC_ATTEMPTS, ProxyUrl, RetryPolicy, Webhook};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How important a line of the log is, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something will break if nobody looks.
    Warn,
    /// Changes of state.
    Info,
    /// Every attempt.
    Debug,
    /// Everything.
    Trace,
}

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
];

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];

/// The longest lists that are accepted: every attempt or event looks at each entry.
const MAX_LISTED: usize = 1000;

const fn listed<T>(item: T) -> List<T> {
    List { min: 0, max: MAX_LISTED, item }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn minutes(n: u64) -> Duration {
    secs(60 * n)
}

const fn hours(n: u64) -> Duration {
    minutes(60 * n)
}

const fn days(n: u64) -> Duration {
    hours(24 * n)
}

settings! {
    /// How calls come in.
    [server] Server {
        /// Where the API and the panel listen. Port 0 lets the system choose a free one. Beyond this machine, set
        /// tls_cert and tls_key, or put a proxy with TLS in front: else tokens travel in the clear. A socket unit's
        /// address takes its place.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)) => ADDRESS, Restart;
        /// A PEM file with the server's certificate first and those of its chain behind it: it is spoken TLS 1.2 or
        /// 1.3 then, and nothing else. Read again by a reload, and within a minute after a file has changed; if the
        /// new one can't be used, the log says why and the old one stays.
        tls_cert: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// A PEM file with the private key of that certificate, ECDSA, Ed25519 or RSA, without a passphrase. Nobody
        /// but the daemon's user should be able to read it.
        tls_key: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// The longest body of a call, and so the largest event. Only a batch of events may be longer: 16 MiB,
        /// always.
        max_body: usize = 1024 * 1024 => Size(KIB, MAX_BATCH_BODY_BYTES as u64), Reload;
        /// How many connections may be open at once. Each costs a file descriptor. When all are taken, a new one
        /// takes the place of the one whose caller has kept the daemon waiting the longest.
        max_connections: u32 = 1024 => Count(1, 65_535), Reload;
        /// How many of them one address may have, or one /64 of IPv6. Loopback and trusted_proxies have no such
        /// limit.
        max_connections_per_address: u32 = 100 => Count(1, 65_535), Reload;
        /// How long requests and attempts in flight may take to finish at a stop. What doesn't finish is delivered
        /// after the next start. Keep it below TimeoutStopSec of the systemd unit.
        shutdown_grace: Duration = secs(20) => Span(secs(0), minutes(10)), Restart;
        /// How long a caller may take for the TLS handshake.
        handshake_timeout: Duration = secs(10) => Span(ms(100), minutes(1)), Reload;
        /// How long a caller may take to send the head of a request: from the opening of the connection on, and for
        /// the later ones from the first byte on.
        header_timeout: Duration = secs(30) => Span(ms(100), minutes(5)), Reload;
        /// How long a caller may take to send the body of a request, however large: 16 MiB within 30s takes a line of
        /// 5 Mbit/s.
        body_timeout: Duration = secs(30) => Span(ms(100), minutes(10)), Reload;
        /// How long a caller may take nothing of its answer before the connection is closed.
        write_timeout: Duration = secs(30) => Span(ms(100), minutes(10)), Reload;
        // Above what proxies keep by default (60 s to 2 min): the side that closes first must not be the one that is
        // asked.
        /// How long a connection is kept open between two requests. Keep it above the keep-alive time of a proxy in
        /// front.
        idle_timeout: Duration = secs(150) => Span(ms(100), hours(1)), Reload;
        /// The proxies in front whose X-Forwarded-For is believed: failed logins are then counted against the address
        /// it names. Each must append to that header the address it was called from. A proxy on this machine is
        /// "127.0.0.1", and "::1" if it connects by IPv6. With X-Forwarded-Proto: https from one of them the panel's
        /// cookies are Secure.
        trusted_proxies: Vec<AddressRange> = Vec::new() => listed(ADDRESS_RANGE), Reload;
        /// Whose pages may call the API from a browser (CORS). None by default; the panel needs no entry. A token
        /// inside a page is everyone's who sees the page.
        cors_origins: Vec<Origin> = Vec::new() => listed(ORIGIN), Reload;
    }

    /// The pages for people.
    [panel] Panel {
        /// Whether the panel is served, at /: people sign in with an access token, and what it allows is what they
        /// can do.
        enabled: bool = true => Switch, Restart;
    }

    /// Where everything is kept.
    [store] Store {
        /// The folder that holds all data. It is created if it is missing. A relative path counts from the working
        /// directory, not from this file.
        path: PathBuf = PathBuf::from("carteiro-data") => FILE_PATH, Restart;
        /// How much memory the store may use to keep what it has read.
        cache: u64 = 32 * MIB => Size(MIB, 64 * GIB), Restart;
        /// How long events are kept, with their notifications and attempts. What is still owed is kept in any case.
        retention: Option<Duration> = Some(days(90)) => OrNone(Span(hours(1), days(36_500))), Reload;
        /// How much may be kept: past it the oldest events go first, except what is still owed or younger than
        /// delivery.idempotency_window. It counts payloads, and half a KiB for each event and notification; the file
        /// on disk is two to three times that, and doesn't shrink.
        retention_bytes: Option<u64> = None => OrNone(Size(MIB, 1024 * 1024 * GIB)), Reload;
        /// How much of the disk must stay free: below it events are refused with a 503, and what is owed is still
        /// delivered. The store doesn't survive a disk that is full; "0 B" risks it.
        min_free: u64 = 256 * MIB => Size(0, 1024 * GIB), Reload;
        /// How long making changes durable may take before the daemon gives itself up, so that the service manager
        /// starts it anew: a disk may stop answering.
        commit_timeout: Duration = secs(30) => Span(secs(1), hours(1)), Restart;
        /// Where backups are written by themselves: carteiro-TIME.backup. Best on another disk.
        backup_dir: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
        /// How often a backup is written to store.backup_dir.
        backup_every: Option<Duration> = None => OrNone(Span(minutes(1), days(366))), Restart;
        /// How many of those backups are kept; older ones are deleted.
        backup_keep: u32 = 7 => Count(1, 10_000), Restart;
    }

    /// How notifications go out.
    [delivery] Delivery {
        /// How long one attempt may take in all, from looking up the name to the end of the answer.
        timeout: Duration = secs(15) => Span(ms(100), minutes(5)), Reload;
        /// How long its connection may take. At most delivery.timeout.
        connect_timeout: Duration = secs(5) => Span(ms(10), minutes(1)), Reload;
        /// How many automatic attempts there are, the first included. Then the notification has failed, and can still
        /// be resent by hand. A webhook may set its own, in `retry`.
        max_attempts: u8 = MAX_AUTOMATIC_ATTEMPTS => Count(1, MAX_AUTOMATIC_ATTEMPTS as u32), Reload;
        /// The gap after each failed attempt. A list shorter than the attempts repeats its last gap; of a longer one
        /// the rest is not used. A webhook may set its own, in `retry`.
        schedule: Vec<Duration> = RetryPolicy::default().schedule().to_vec()
            => List { min: 1, max: MAX_AUTOMATIC_ATTEMPTS as usize - 1, item: Span(ms(1), RetryPolicy::MAX_GAP) },
            Reload;
        /// By how much of itself a gap may be stretched at random, so that retries don't come all at once: 0.1 is up
        /// to a tenth. Kept to the thousandth.
        jitter: f64 = RetryPolicy::default().jitter() => Fraction, Reload;
        /// How many attempts may be in flight at once, over all webhooks. Each costs a file descriptor. One webhook
        /// never has more than half of them, so that a slow target leaves room for the others.
        max_in_flight: usize = 512 => Count(1, 10_000), Reload;
        /// How many attempts of one webhook may be in flight at once, unless it sets its own.
        max_in_flight_per_webhook: u16 = 8 => Count(1, 1000), Reload;
        /// The longest a target can hold deliveries back with Retry-After in a 429 or 503. 0s ignores what it asks.
        retry_after_cap: Duration = days(1) => Span(secs(0), days(30)), Reload;
        /// For how long a call repeated with the same Idempotency-Key gets the first answer again.
        idempotency_window: Duration = days(1) => Span(secs(1), days(30)), Reload;
        /// For how long the old secret signs beside the new one after a rotation, so that a receiver can change over.
        /// Each of several signs to its own end.
        secret_overlap: Duration = days(1) => Span(secs(0), Webhook::MAX_SECRET_OVERLAP), Reload;
        /// After how long without a single confirmation a webhook is disabled, if a notification has used up its
        /// attempts as well. The log warns a day before, the other webhooks that subscribe to WEBHOOK.DISABLED are
        /// told, and what it is owed is held until its status is set to ACTIVE.
        disable_after: Option<Duration> = None => OrNone(Span(secs(1), days(366))), Reload;
        /// Whether a webhook whose target answers 410 Gone is disabled at once.
        disable_on_gone: bool = false => Switch, Reload;
    }

    /// Where notifications may go.
    [egress] Egress {
        /// Private addresses that webhooks may point at all the same. Loopback, link-local and metadata addresses are
        /// opened only by an entry inside their own range: "0.0.0.0/0" doesn't open them. IPv6 with a port takes
        /// brackets: "[::1]/128:3000".
        allow: Vec<AllowRule> = Vec::new() => listed(ALLOW_RULE), Reload;
        /// Whether a webhook may point at http://, where anyone on the way reads along.
        allow_http: bool = true => Switch, Reload;
        /// A PEM file of certificates that are trusted beside the system's, for targets with a certificate of your
        /// own.
        extra_ca_file: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
        /// The proxy that every target is reached through, by CONNECT, http ones too. Names are resolved here,
        /// addresses are judged by egress.allow as ever, and the proxy is asked for the address: it must allow
        /// CONNECT to the ports of the targets. The proxy itself may stand anywhere. HTTP_PROXY and the like are not
        /// looked at.
        proxy: Option<ProxyUrl> = None => OPTIONAL_PROXY, Reload, Secret;
        /// A file that holds that URL, for one with a password. Instead of egress.proxy.
        proxy_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }

    /// What is written to stderr.
    [log] Log {
        /// The least important lines that are written to stderr. "debug" writes one for every attempt.
        level: Level = Level::Info => Choice(LEVELS), Reload;
        /// The form of the lines: for people, or one JSON object each.
        format: Format = Format::Text => Choice(FORMATS), Restart;
    }

    /// Which event types there are.
    [catalogue] Catalogue {
        /// Whether an event of a type that is neither the guide's nor in extra is refused.
        strict: bool = false => Switch, Reload;
        /// Event types of your own: the panel offers them, and strict lets them through. To say what one means, and
        /// what `carteiro trigger` sends of it: { type = "SHIPMENT.SENT", pt = "O pedido foi enviado.", en = "The
        /// order was sent.", sample = '{"shipment": {"id": "s-1"}}' }, or the same keys below [[catalogue.extra]].
        /// One of the guide's types is shown your way in the same manner.
        extra: Vec<ExtraType> = Vec::new() => Types(MAX_LISTED), Reload;
    }
}

settings! {
    /// The owner of webhooks, events and tokens.
    [[account]] Account {
        /// The account's name, unlike any other's. It is what the data belongs to: a new name is a new, empty
        /// account.
        name: String = "default".to_owned() => ACCOUNT_NAME, Restart;
        /// What stands in "env" of every notification, such as "production" or "sandbox".
        env: String = "production".to_owned() => LABEL, Restart;
        /// A file that holds an admin token for this account. For an account that has none, the first start creates one
        /// and writes it into the data folder: to admin-token for the account `default`, to admin-token-NAME for any
        /// other.
        admin_token_file: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
    }
}

impl Delivery {
    /// Of `schedule`, `max_attempts` and `jitter`: the policy of a webhook that sets none of its own.
    pub fn retry(&self) -> RetryPolicy {
        RetryPolicy::new(self.schedule.clone(), self.max_attempts, self.jitter)
            .expect("the ranges of the keys are those of the policy")
    }
}
