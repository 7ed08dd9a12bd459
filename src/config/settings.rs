//! The settings: everything about a key is written here, once. `settings!` makes of it the structs, their defaults, the
//! table of keys that files and variables are read by, and `config.example.toml`, whose comments are these.

use super::allow::AllowRule;
use super::extra_types::Types;
use super::heartbeat::{Heartbeat, HeartbeatType};
use super::kept_bytes::{KeptBytes, KeptBytesType};
use super::keys::{Setting, settings};
use super::limits::{MAX_ACCOUNTS, MAX_BATCH_BODY_BYTES};
use super::origin::Origin;
use super::size::{GIB, KIB, MIB};
use super::value::ValueType;
use super::value_types::{
    ADDRESS, ADDRESS_RANGE, ALLOW_RULE, CHAT_ID, Choice, Count, FILE_PATH, Fraction, LABEL, List, MAIL_ADDRESS, NAME,
    OPTIONAL_BASE_URL, OPTIONAL_MAIL_ADDRESS, OPTIONAL_ORIGIN, OPTIONAL_PATH, OPTIONAL_PROXY, OPTIONAL_SMTP,
    OPTIONAL_TOPIC, OPTIONAL_URL, OPTIONAL_ZONE, ORIGIN, OrNone, QUIET_HOURS, Size, Span, Switch, TIME_OF_DAY,
};
use crate::clock::Zone;
use crate::model::{
    AddressRange, DisableRule, ExtraType, FailingRule, Language, MAX_AUTOMATIC_ATTEMPTS, MailAddress, NtfyTopic,
    ProxyUrl, QuietHours, RetryPolicy, SmtpUrl, TargetUrl, TimeOfDay, Webhook,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

const LEVELS: &[(&str, LevelFilter)] = &[
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
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

const LANGUAGES: &[(&str, Language)] = &[("pt", Language::Pt), ("en", Language::En)];

/// Most receivers of one alert by e-mail: more people are better reached by one address of a mailing list.
const MAX_MAIL_RECEIVERS: usize = 20;
/// Most repetitions of an alert.
const MAX_REPEATS: usize = 10;

/// The longest lists that are accepted: every attempt or event is compared with each entry.
const MAX_LISTED: usize = 1000;

const MAX_ATTEMPTS: u32 = MAX_AUTOMATIC_ATTEMPTS as u32;

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
    /// The API server.
    [server] Server {
        /// The address that the API and the panel listen on. Port 0 lets the system choose a free one. Without tls_cert
        /// and tls_key, listen on loopback only or put a proxy with TLS in front: otherwise tokens and payloads cross
        /// the network unencrypted. When systemd passes a socket, it must be at this address.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)) => ADDRESS, Restart;
        /// A PEM file with the server's certificate, followed by its chain. Enables TLS (1.2 and 1.3 only). Read again
        /// at a reload, and within a minute after the file changed; if the new certificate can't be used, the log says
        /// why and the old one stays.
        tls_cert: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// A PEM file with the certificate's private key: ECDSA, Ed25519 or RSA, without a passphrase. Only the
        /// daemon's user should be able to read it.
        tls_key: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// Maximum size of a request body, and so of an event. A batch of events may have 16 MiB in any case.
        max_body: usize = 1024 * 1024 => Size(KIB, MAX_BATCH_BODY_BYTES as u64), Reload;
        /// Maximum number of open connections. Each costs a file descriptor. When all are taken, a new connection
        /// replaces the one whose client has kept the daemon waiting longest.
        max_connections: u32 = 1024 => Count(1, 65_535), Reload;
        /// Maximum number of open connections per client address (per /64 for IPv6). Loopback and trusted_proxies are
        /// exempt.
        max_connections_per_address: u32 = 100 => Count(1, 65_535), Reload;
        /// How long a stop waits for requests and attempts in flight. Notifications that were not delivered by then are
        /// delivered after the next start. Keep it below TimeoutStopSec of the systemd unit.
        shutdown_grace: Duration = secs(20) => Span(secs(0), minutes(10)), Restart;
        /// Timeout for the TLS handshake.
        handshake_timeout: Duration = secs(10) => Span(ms(100), minutes(1)), Reload;
        /// Timeout for receiving the head of a request: from the opening of the connection, and for later requests on
        /// it from their first byte.
        header_timeout: Duration = secs(30) => Span(ms(100), minutes(5)), Reload;
        /// Timeout for receiving a whole request body: 16 MiB in 30s needs 5 Mbit/s.
        body_timeout: Duration = secs(30) => Span(ms(100), minutes(10)), Reload;
        /// A connection is closed after its client has accepted none of the response for this long.
        write_timeout: Duration = secs(30) => Span(ms(100), minutes(10)), Reload;
        // Above the default of proxies (60 s to 2 min): the server must not be the side that closes first.
        /// How long an idle connection is kept open between two requests. Keep it above the keep-alive time of a proxy
        /// in front.
        idle_timeout: Duration = secs(150) => Span(ms(100), hours(1)), Reload;
        /// Addresses of reverse proxies whose X-Forwarded-For is trusted, so that failed logins count against the
        /// client's address. Each proxy must append the address it was called from. A proxy on this machine is
        /// "127.0.0.1", and "::1" if it connects by IPv6. With X-Forwarded-Proto: https from one of them, the panel's
        /// cookies are Secure.
        trusted_proxies: Vec<AddressRange> = Vec::new() => listed(ADDRESS_RANGE), Reload;
        /// Origins whose pages may call the API from a browser (CORS). The panel needs no entry. Everyone who can see a
        /// page can read a token in it.
        cors_origins: Vec<Origin> = Vec::new() => listed(ORIGIN), Reload;
    }

    /// The web panel.
    [panel] Panel {
        /// Serves the panel, at /. People sign in with an access token, and can do what its scopes allow.
        enabled: bool = true => Switch, Restart;
        /// Where people reach the panel, such as "https://carteiro.loja.example": the beginning of the links that sign
        /// in. Without it, they begin with the address that is listened on.
        url: Option<Origin> = None => OPTIONAL_ORIGIN, Reload;
        /// The time zone of the panel's charts and, in browsers without JavaScript, of all its times: a name such as
        /// "America/Sao_Paulo", of which the system must have a file (Debian's package tzdata). Without it they are in
        /// UTC. With JavaScript, pages show times in their reader's own zone.
        time_zone: Option<Zone> = None => OPTIONAL_ZONE, Reload;
    }

    /// The store on disk, and backups.
    [store] Store {
        /// The folder that holds all data. It is created if it doesn't exist. A relative path counts from the working
        /// directory, not from this file.
        path: PathBuf = PathBuf::from("carteiro-data") => FILE_PATH, Restart;
        /// Memory for caching what the store has read.
        cache: u64 = 32 * MIB => Size(MIB, 64 * GIB), Restart;
        /// How long events are kept, with their notifications and attempts. Events with pending notifications are kept
        /// in any case.
        retention: Option<Duration> = Some(days(90)) => OrNone(Span(hours(1), days(36_500))), Reload;
        /// How much data is kept: beyond it the oldest events are deleted, except those with pending notifications and
        /// those younger than delivery.idempotency_window. Counts payloads, and half a KiB for each event and
        /// notification; the files on disk take two to three times that, and don't shrink. "auto" lets the files take
        /// 80 % of what the disk has for them at the start, less min_free, and never deletes what is stored at that
        /// moment; the log and `carteiro config` say how much that is. "none" lets them fill the disk.
        retention_bytes: KeptBytes = KeptBytes::ForDisk => KeptBytesType(Size(MIB, 1024 * 1024 * GIB)), Reload;
        /// Free disk space to keep: below it, events are refused with a 503, and pending notifications are still
        /// delivered. The store doesn't survive a full disk; "0 B" risks it.
        min_free: u64 = 256 * MIB => Size(0, 1024 * GIB), Reload;
        /// If a write takes longer than this to become durable, as on a disk that has stopped answering, the daemon
        /// exits so that the service manager restarts it.
        commit_timeout: Duration = secs(30) => Span(secs(1), hours(1)), Restart;
        /// The folder for scheduled backups, named carteiro-TIME.backup. Best on another disk.
        backup_dir: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
        /// Interval between scheduled backups.
        backup_every: Option<Duration> = None => OrNone(Span(minutes(1), days(366))), Restart;
        /// Number of scheduled backups to keep; older ones are deleted.
        backup_keep: u32 = 7 => Count(1, 10_000), Restart;
    }

    /// Delivery of notifications.
    [delivery] Delivery {
        /// Timeout for one attempt, from the name lookup to the end of the response.
        timeout: Duration = secs(15) => Span(ms(100), minutes(5)), Reload;
        /// Timeout for connecting. At most delivery.timeout.
        connect_timeout: Duration = secs(5) => Span(ms(10), minutes(1)), Reload;
        /// Maximum number of automatic attempts, the first included. After the last one the notification has failed; it
        /// can still be re-sent manually. A webhook may set its own, in `retry`.
        max_attempts: u8 = MAX_AUTOMATIC_ATTEMPTS => Count(1, MAX_ATTEMPTS), Reload;
        /// Delay after each failed attempt. The last one repeats if there are more attempts; surplus ones are ignored.
        /// A webhook may set its own, in `retry`.
        schedule: Vec<Duration> = RetryPolicy::default().schedule().to_vec()
            => List { min: 1, max: MAX_AUTOMATIC_ATTEMPTS as usize - 1, item: Span(ms(1), RetryPolicy::MAX_GAP) },
            Reload;
        /// Random share added to each delay, so that retries don't come all at once: 0.1 adds up to a tenth. Rounded to
        /// three decimals.
        jitter: f64 = RetryPolicy::default().jitter() => Fraction, Reload;
        /// Maximum number of attempts in flight, over all webhooks. Each costs a file descriptor. One webhook never
        /// uses more than half of them, so that a slow target doesn't block the others.
        max_in_flight: usize = 512 => Count(1, 10_000), Reload;
        /// Maximum number of attempts in flight per webhook. A webhook may set its own.
        max_in_flight_per_webhook: u16 = 8 => Count(1, 1000), Reload;
        /// The longest that a target can delay deliveries with Retry-After in a 429 or 503. 0s ignores the header.
        retry_after_cap: Duration = days(1) => Span(secs(0), days(30)), Reload;
        /// How long a call repeated with the same Idempotency-Key gets the first response again.
        idempotency_window: Duration = days(1) => Span(secs(1), days(30)), Reload;
        /// How long the old secret signs beside the new one after a rotation, so that receivers can switch over. After
        /// several rotations, each old secret signs to its own end.
        secret_overlap: Duration = days(1) => Span(secs(0), Webhook::MAX_SECRET_OVERLAP), Reload;
        /// A webhook is disabled after this long without a successful delivery, if a notification has used up its
        /// attempts as well. The log warns a day before, other webhooks that subscribe to WEBHOOK.DISABLED are
        /// notified, and pending notifications are held until its status is set to ACTIVE.
        disable_after: Option<Duration> = None => OrNone(Span(secs(1), days(366))), Reload;
        /// Disables a webhook at once when its target answers an automatic attempt with 410 Gone, as Standard Webhooks
        /// asks for. Pending notifications are held until its status is set to ACTIVE.
        disable_on_gone: bool = true => Switch, Reload;
    }

    /// Which targets are allowed.
    [egress] Egress {
        /// Private addresses that webhooks may target. Loopback, link-local and metadata addresses need an entry within
        /// their own range: "0.0.0.0/0" doesn't allow them. IPv6 with a port takes brackets: "[::1]/128:3000".
        allow: Vec<AllowRule> = Vec::new() => listed(ALLOW_RULE), Reload;
        /// Allows http:// targets, where anyone on the way can read along.
        allow_http: bool = true => Switch, Reload;
        /// A PEM file of CA certificates to trust besides the system's, for targets with certificates of your own CA.
        extra_ca_file: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
        /// An HTTP proxy for all deliveries, used with CONNECT, for http:// targets too. Names are resolved and checked
        /// against egress.allow here, and the proxy is asked for the address: it must allow CONNECT to the ports of the
        /// targets. The proxy's own address is not checked. HTTP_PROXY and similar variables are ignored.
        proxy: Option<ProxyUrl> = None => OPTIONAL_PROXY, Reload, Secret;
        /// A file with that URL, for one with a password. Instead of egress.proxy.
        proxy_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }

    /// The audit: who changed what, and when.
    [audit] Audit {
        /// How long the audit is kept: who changed webhooks, tokens and secrets, re-sent or erased something, or signed
        /// in to the panel, and when. "none" keeps it for ever.
        keep: Option<Duration> = Some(days(400)) => OrNone(Span(days(1), days(36_500))), Reload;
    }

    /// Alerts to people: a webhook is failing or was disabled, notifications have failed, the disk is almost full.
    /// Where they go is set below, in [alerts.email] and the sections after it: a channel that is set is on. Alerts
    /// about the webhooks of an account also go to the channels of that account, in [account.alerts.email] and so on.
    [alerts] Alerts {
        /// The language of alerts.
        language: Language = Language::Pt => Choice(LANGUAGES), Reload;
        /// A webhook is failing after this many failed attempts in a row. The log, the panel, the metrics and
        /// delivery.disable_after go by this as well.
        failing_after_attempts: u8 = FailingRule::default().attempts => Count(1, 100), Reload;
        /// A webhook is also failing after this long without a confirmation while a notification is pending.
        failing_after: Duration = FailingRule::default().after => Span(secs(1), days(30)), Reload;
        /// When an alert is repeated while its cause lasts, each counted from the first alert.
        repeat: Vec<Duration> = vec![hours(6), hours(24)]
            => List { min: 0, max: MAX_REPEATS, item: Span(minutes(1), days(366)) }, Reload;
        /// Hours in which no alerts are sent, by panel.time_zone. What was held is sent at their end, as one message.
        /// Alerts of a full disk and of a store that refuses events are sent in any case.
        quiet: Option<QuietHours> = None => OrNone(QUIET_HOURS), Reload;
        /// When a summary of the past day is sent, every day, by panel.time_zone.
        digest: Option<TimeOfDay> = None => OrNone(TIME_OF_DAY), Reload;
        /// An alert is sent if an account has recorded no event for this long.
        no_events_for: Option<Duration> = None => OrNone(Span(minutes(1), days(366))), Reload;
        /// A URL of a monitoring service that is requested with GET at this interval while carteiro works: if the
        /// requests stop, that service can tell you that the machine is down.
        heartbeat: Option<Heartbeat> = None => HeartbeatType, Reload, Secret;
    }

    /// The log, on stderr.
    [log] Log {
        /// Minimum level of log lines. "debug" logs every attempt.
        level: LevelFilter = LevelFilter::INFO => Choice(LEVELS), Reload;
        /// Format of log lines: text, or one JSON object each.
        format: Format = Format::Text => Choice(FORMATS), Restart;
    }

    /// The command line.
    [cli] Cli {
        /// The language of what commands tell people: "pt" or "en"; "none" goes by LC_ALL, LC_MESSAGES and LANG. JSON,
        /// exit codes and --help are the same in both.
        language: Option<Language> = None => OrNone(Choice(LANGUAGES)), Reload;
    }

    /// Event types.
    [catalogue] Catalogue {
        /// Refuses events whose type is neither in the built-in catalogue nor in catalogue.extra.
        strict: bool = false => Switch, Reload;
        /// Your own event types: the panel offers them, and catalogue.strict accepts them. To describe a type, and set
        /// what `carteiro trigger` sends: { type = "SHIPMENT.SENT", pt = "O pedido foi enviado.", en = "The order was
        /// sent.", sample = '{"shipment": {"id": "s-1"}}' }, or the same keys below [[catalogue.extra]]. This also
        /// replaces the description of a built-in type.
        extra: Vec<ExtraType> = Vec::new() => Types(MAX_LISTED), Reload;
        /// More fields of a resource, at its top or one level below, whose values events are found by. Without it those
        /// are `id` and whatever ends in `_id`, but never `tax_id`, nor a value that is a valid CPF or CNPJ number.
        /// What is named here is searched for whatever it is, in events recorded from then on.
        keys: Vec<String> = Vec::new() => List { min: 0, max: 20, item: LABEL }, Reload;
    }
}

settings! {
    /// Alerts by e-mail.
    [alerts.email] AlertEmail {
        /// The mail server. smtps:// speaks TLS from the first byte. smtp:// asks for TLS with STARTTLS and sends
        /// nothing without it, except to this machine. Certificates are checked; egress.extra_ca_file adds authorities.
        /// Write the "@" of a user as %40.
        smtp: Option<SmtpUrl> = None => OPTIONAL_SMTP, Reload, Unquoted;
        /// A file with the password of the user in smtp.
        password_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// The sender's address.
        from: Option<MailAddress> = None => OPTIONAL_MAIL_ADDRESS, Reload;
        /// The receivers' addresses.
        to: Vec<MailAddress> = Vec::new() => List { min: 0, max: MAX_MAIL_RECEIVERS, item: MAIL_ADDRESS }, Reload;
    }

    /// Alerts by a Telegram bot.
    [alerts.telegram] AlertTelegram {
        /// A file with the bot's token, as @BotFather gives it out.
        token_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
        /// The chat that the bot writes to: a number, negative for a group, or the @name of a channel.
        chat_id: Option<String> = None => CHAT_ID, Reload;
        /// The Bot API server, if you run your own.
        api_base: Option<TargetUrl> = None => OPTIONAL_BASE_URL, Reload, Unquoted;
    }

    /// Alerts by ntfy, on ntfy.sh or your own server.
    [alerts.ntfy] AlertNtfy {
        /// The topic's URL, such as "https://ntfy.sh/loja-avisos-x7k2". On ntfy.sh, everyone who knows the topic can
        /// read it.
        url: Option<NtfyTopic> = None => OPTIONAL_TOPIC, Reload, Secret;
        /// A file with an access token, if the topic is protected.
        token_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }

    /// Alerts in a Slack channel.
    [alerts.slack] AlertSlack {
        /// A file with the URL of an incoming webhook.
        url_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }

    /// Alerts in a Discord channel.
    [alerts.discord] AlertDiscord {
        /// A file with the URL of a webhook.
        url_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }

    /// Alerts to a program of yours, as JSON.
    [alerts.webhook] AlertWebhook {
        /// Where the JSON is POSTed. Addresses in your own network need no entry in egress.allow.
        url: Option<TargetUrl> = None => OPTIONAL_URL, Reload, Secret;
        /// A file with a secret (whsec_…) that signs the POSTs as notifications are signed. Without it they are
        /// unsigned.
        secret_file: Option<PathBuf> = None => OPTIONAL_PATH, Reload;
    }
}

settings! {
    /// The owner of webhooks, events and tokens.
    [[account]] Account {
        /// The account's name, unique. Data belongs to the name: a new name is a new, empty account.
        name: String = "default".to_owned() => NAME, Restart;
        /// The value of "env" in every notification, such as "production" or "sandbox".
        env: String = "production".to_owned() => LABEL, Restart;
        /// A file with an admin token for this account. For an account without one, the first start creates a token and
        /// writes it into the data folder: to admin-token for the account `default`, to admin-token-NAME for any other.
        admin_token_file: Option<PathBuf> = None => OPTIONAL_PATH, Restart;
    }
}

/// Every key but the accounts', in the order they are printed: channels behind the other alerts.
pub(crate) fn config_keys() -> impl Iterator<Item = &'static Setting<Config>> + Clone {
    let behind_alerts = KEYS.iter().rposition(|key| key.section() == "alerts").map_or(0, |last| last + 1);
    KEYS[..behind_alerts].iter().chain(CHANNEL_KEYS).chain(&KEYS[behind_alerts..])
}

/// The keys of one `[[account]]`, in the order they are printed.
pub(crate) fn account_keys() -> impl Iterator<Item = &'static Setting<Account>> + Clone {
    ACCOUNT_KEYS.iter().chain(ACCOUNT_CHANNEL_KEYS)
}

impl Alerts {
    /// Of `failing_after_attempts` and `failing_after`: when a webhook is failing.
    pub fn failing_rule(&self) -> FailingRule {
        FailingRule { attempts: self.failing_after_attempts, after: self.failing_after }
    }
}

settings! {
    /// A certificate that is shown to targets which ask for one (mTLS).
    [[client_certificate]] ClientCertificate CLIENT_CERTIFICATE_KEYS {
        /// The name that webhooks have in `client_certificate`, unique.
        name: String = String::new() => NAME, Reload;
        /// A PEM file with the certificate, followed by its chain. Read again at a reload, and within a minute after
        /// the file changed; if the new certificate can't be used, the log says why and the old one stays.
        cert: PathBuf = PathBuf::new() => FILE_PATH, Reload;
        /// A PEM file with the certificate's private key: ECDSA, Ed25519 or RSA, without a passphrase. Only the
        /// daemon's user should be able to read it.
        key: PathBuf = PathBuf::new() => FILE_PATH, Reload;
        /// The accounts whose webhooks may use it. With several accounts, it must be given: an account that may use a
        /// certificate speaks in the name of its owner.
        accounts: Vec<String> = Vec::new() => List { min: 0, max: MAX_ACCOUNTS, item: NAME }, Reload;
    }
}

impl ClientCertificate {
    /// Whether webhooks of the account of this name may use it.
    pub fn permits(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|own| own == account)
    }
}

impl Delivery {
    /// Of `schedule`, `max_attempts` and `jitter`: the policy of a webhook that sets none of its own.
    pub fn retry(&self) -> RetryPolicy {
        RetryPolicy::new(self.schedule.clone(), self.max_attempts, self.jitter)
            .expect("the ranges of the keys are those of the policy")
    }

    /// Of `disable_after` and `disable_on_gone`: when a webhook is disabled because of its target.
    pub fn disable_rule(&self) -> DisableRule {
        DisableRule { after: self.disable_after, on_gone: self.disable_on_gone }
    }
}
