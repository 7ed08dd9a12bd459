//! `carteiro demo`: the whole thing at work, with no config, no network and no set-up.
//!
//! It is the daemon itself, on a free port and a temporary folder, beside a receiver that fails now and then. What it
//! prints is read back from the daemon's own history, attempt by attempt.

use super::error::CliError;
use super::language::{language, say};
use super::output::{unwritable, write_line};
use super::receiver::Receiver;
use super::words;
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::{Daemon, Error, StartOptions};
use crate::delivery;
use crate::model::{
    Attempt, Authorization, EventId, EventType, Listing, Noun, Pattern, PatternSet, Sample, SampleMethod, Status,
    TargetUrl, Trigger, WebhookPatch, localized,
};
use crate::service::{Caller, EventDraft, NotificationDetail, Service, WebhookDraft};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Retries within seconds instead of days; printed at the start.
const SCHEDULE: &str = "1s, 2s, 4s, 8s";
/// How often something happens in the sample shop.
const PACE: Duration = Duration::from_millis(900);
/// Interval between reads of the history.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Exit after this time, such as 10s; otherwise at Ctrl-C
    #[arg(long = "for", value_name = "SPAN", value_parser = super::input::span)]
    span: Option<Duration>,
    /// The port of the panel and the API, to be reached through a tunnel, say; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

pub(crate) fn demo(args: &DemoArgs) -> Result<(), CliError> {
    let folder = Folder::new();
    let flags = [
        ("server.listen", format!("127.0.0.1:{}", args.port)),
        ("server.shutdown_grace", "1s".to_owned()),
        ("store.path", folder.0.join("data").display().to_string()),
        ("delivery.schedule", SCHEDULE.to_owned()),
        ("delivery.jitter", "0".to_owned()),
        ("egress.allow", "127.0.0.0/8".to_owned()),
    ];
    let loaded = Config::load(None, std::iter::empty(), &flags).map_err(CliError::failed)?;
    let runtime = super::client::multi_thread_runtime()?;
    let result = runtime.block_on(run(&loaded.config, args.span));
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) | Err(Ended::Unread) => Ok(()),
        Err(Ended::Failed(why)) => Err(CliError::failed(why)),
    }
}

/// Why a demo ends before its time.
enum Ended {
    /// Nobody reads what it prints any more (`carteiro demo | head`): it has done its work.
    Unread,
    Failed(String),
}

impl From<String> for Ended {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<&str> for Ended {
    fn from(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }
}

fn print(text: impl std::fmt::Display) -> Result<(), Ended> {
    write_line(text).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Ended::Unread,
        _ => Ended::Failed(unwritable(&error)),
    })
}

/// A folder that goes away with the demo.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("carteiro-demo-{:016x}", u64::from_be_bytes(crate::random::bytes()));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed from a temporary folder, the system will.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn run(config: &Config, span: Option<Duration>) -> Result<(), Ended> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let daemon =
        Daemon::start(config, Clock::System, StartOptions::default()).await.map_err(|error| not_started(&error))?;
    let ends = span.map(|span| Instant::now() + span);
    let over = async {
        let timed = async {
            match ends {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timed => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let shown = show(&daemon, over, span.is_some()).await;
    // Whatever has ended it: the folder goes away only when nothing is written to it any more.
    let stopped = daemon.stop().await.map_err(|error| Ended::Failed(error.to_string()));
    shown.and(stopped)
}

/// Why there is no demo. It has no config in which another address could be set.
fn not_started(error: &Error) -> String {
    match error {
        Error::Listen(address, error) => {
            let port = address.port();
            say(localized!(
                "{address} can't be listened on ({error}); without --port {port} a free port is taken",
                "não foi possível escutar em {address} ({error}); sem --port {port} é usada uma porta livre"
            ))
        }
        error => error.to_string(),
    }
}

/// Lets the shop work and tells what becomes of its events, until it is over.
async fn show(daemon: &Daemon, over: impl Future<Output = ()>, ends_by_itself: bool) -> Result<(), Ended> {
    let caller = daemon.callers.first().cloned().ok_or("no account")?;
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let target = format!("http://{}/notificacoes", listener.local_addr().map_err(|error| error.to_string())?);

    let authorization = "Bearer token-da-loja";
    let webhook = webhook(&target, authorization)?;
    let webhook = daemon.service.register(&caller, webhook, None).await.map_err(describe)?.webhook;
    let receiver = Receiver::new(authorization.to_owned(), webhook.secret.clone());
    // Ends with this function.
    let mut receiving = JoinSet::new();
    receiving.spawn(receiver.clone().run(listener));

    let address = daemon.address;
    print(say(localized!(
        "carteiro listens on http://{address}; a receiver that fails now and then on {target}",
        "o carteiro escuta em http://{address}; um receptor que falha de vez em quando, em {target}"
    )))?;
    print(say(localized!(
        "A 2XX confirms. Anything else is tried again: here after {SCHEDULE} (by default over three days, 20 \
         attempts).",
        "Um 2XX confirma. O resto é tentado de novo: aqui depois de {SCHEDULE} (por padrão, ao longo de três dias, 20 \
         tentativas)."
    )))?;
    if let Some(link) = daemon.panel_link().await {
        print(say(localized!(
            "The panel, signed in once within 15 minutes: {link}",
            "O painel (o link vale para um único acesso, em até 15 minutos): {link}"
        )))?;
    }
    print(if ends_by_itself {
        language().pick("This ends by itself.\n", "A demonstração termina sozinha.\n")
    } else {
        language().pick("Ctrl-C ends it and removes everything.\n", "Ctrl-C encerra e remove tudo.\n")
    })?;

    let mut shop = Shop::default();
    let mut story = Story::default();
    let mut over = pin!(over);
    let (mut pace, mut look) = (tokio::time::interval(PACE), tokio::time::interval(POLL_INTERVAL));
    loop {
        tokio::select! {
            () = &mut over => break,
            _ = pace.tick() => story.begin(shop.next_event(&daemon.service, &caller).await?),
            _ = look.tick() => story.look(&daemon.service, &caller).await?,
        }
    }
    story.look(&daemon.service, &caller).await?;
    let Story { recorded, attempts, delivered, open } = &story;
    let (seen, pending) = (receiver.confirmed(), open.len());
    print(say(localized!(
        "\nEvents recorded: {recorded}; attempts made: {attempts}; notifications confirmed: {delivered} (seen by the \
         receiver: {seen}), still pending: {pending}.",
        "\nEventos registrados: {recorded}; tentativas: {attempts}; notificações confirmadas: {delivered} (vistas pelo \
         receptor: {seen}), ainda pendentes: {pending}."
    )))?;
    if receiver.rejected() > 0 {
        let rejected = Noun::REQUESTS.counted(receiver.rejected().into()).en;
        return Err(format!("{rejected} with a wrong authorization or signature").into());
    }
    Ok(())
}

fn webhook(target: &str, authorization: &str) -> Result<WebhookDraft, String> {
    let patterns = ["ORDER.*", "PAYMENT.*"].iter().filter_map(|text| Pattern::parse(text)).collect();
    Ok(WebhookDraft {
        target: TargetUrl::parse(target).map_err(|error| error.to_string())?,
        events: PatternSet::new(patterns).ok_or("no patterns")?,
        secret: None,
        rest: WebhookPatch { authorization: Some(Authorization::parse(authorization)), ..WebhookPatch::default() },
    })
}

fn describe(error: crate::service::Error) -> String {
    match error {
        crate::service::Error::Store(error) => error.to_string(),
        error => format!("{error:?}"),
    }
}

// ---- the sample shop
// -------------------------------------------------------------------------------------------------

/// A shop whose orders are made and paid, one step at a time.
#[derive(Default)]
struct Shop {
    step: u32,
}

/// What happens to each order, in turn.
const STEPS: [&str; 4] = ["ORDER.CREATED", "PAYMENT.CREATED", "PAYMENT.PAID", "ORDER.PAID"];
const METHODS: [SampleMethod; 3] = [SampleMethod::Pix, SampleMethod::BankSlip, SampleMethod::Credit];

/// An event that was recorded, as the story tells it.
struct Begun {
    id: EventId,
    event_type: String,
    what: String,
}

impl Shop {
    async fn next_event(&mut self, service: &Service, caller: &Caller) -> Result<Begun, Ended> {
        let (order, step) = (self.step / 4 + 1, self.step % 4);
        self.step += 1;
        let name = STEPS[step as usize % STEPS.len()];
        let method = METHODS[order as usize % METHODS.len()];
        let now = Clock::System.now();
        let sample = Sample { order, total_cents: 4_990 + u64::from(order) * 1_370, method, at: now };
        let event_type = EventType::parse(name).ok_or("no type")?;
        let resource = sample.resource(&event_type);
        let draft = EventDraft {
            id: None,
            event_type,
            external_id: None,
            occurred_at: Some(now),
            resource: &resource,
            trace: None,
        };
        let prepared = service.prepare_events(caller, vec![draft], false).map_err(describe)?;
        let recorded = service.record(caller, prepared, None).await.map_err(describe)?;
        let event = recorded.events.first().ok_or("nothing was recorded")?;
        let (reais, cents, sold) = (sample.total_cents / 100, sample.total_cents % 100, sample.external_id());
        let what = match step {
            0 | 3 => format!("{sold} R$ {reais},{cents:02}"),
            _ => format!("{sold} {method:?} R$ {reais},{cents:02}"),
        };
        print(say(localized!("        recorded   {name:<16} {what}", "        registrado  {name:<16} {what}")))?;
        Ok(Begun { id: event.id, event_type: name.to_owned(), what })
    }
}

// ---- the story
// -------------------------------------------------------------------------------------------------------

/// What has been printed of the notifications so far.
#[derive(Default)]
struct Story {
    open: HashMap<EventId, (Begun, usize)>,
    recorded: usize,
    attempts: usize,
    delivered: usize,
}

impl Story {
    fn begin(&mut self, begun: Begun) {
        self.recorded += 1;
        self.open.insert(begun.id, (begun, 0));
    }

    /// Prints every new attempt, and forgets notifications that have ended.
    async fn look(&mut self, service: &Service, caller: &Caller) -> Result<(), Ended> {
        let ids: Vec<EventId> = self.open.keys().copied().collect();
        for id in ids {
            let details = service.notifications_of_event(caller, id, Listing::newest(1));
            let details = details.await.map_err(describe)?.items;
            let Some((begun, printed)) = self.open.get_mut(&id) else {
                continue;
            };
            let Some(detail) = details.first() else {
                continue;
            };
            for attempt in detail.attempts.iter().skip(*printed) {
                print(line(begun, attempt))?;
                self.attempts += 1;
                *printed += 1;
            }
            if ended(detail) {
                self.delivered += usize::from(detail.view.status == Status::Delivered);
                self.open.remove(&id);
            }
        }
        Ok(())
    }
}

fn ended(detail: &NotificationDetail) -> bool {
    match detail.view.status {
        Status::Delivered | Status::Failed | Status::Cancelled => true,
        Status::Pending | Status::Retrying | Status::Held => false,
    }
}

fn line(begun: &Begun, attempt: &Attempt) -> String {
    let outcome = match (delivery::why(&attempt.result), attempt.result.status()) {
        // The sentence ends in the middle of the line.
        (Some(error), _) => {
            let why = language().pick(&error.message, &error.message_pt);
            format!("{}: {}", error.code.as_str(), why.trim_end_matches('.'))
        }
        (None, status) => {
            let status = status.unwrap_or_default();
            say(localized!("{status} confirmed", "{status} confirmada"))
        }
    };
    let took_ms = words::decimal(f64::from(attempt.duration_us) / 1000.0);
    let manual = match attempt.trigger {
        Trigger::Automatic => "",
        Trigger::Manual | Trigger::Test => " manual",
    };
    let next = attempt.next_attempt_at.map(|at| {
        let gap = at.since(attempt.started_at).as_millis();
        let seconds = words::decimal(f64::from(u32::try_from(gap).unwrap_or(u32::MAX)) / 1000.0);
        say(localized!("; again in {seconds} s", "; de novo em {seconds} s"))
    });
    format!(
        "{} {}{manual}  {:<16} {}: {outcome} ({took_ms} ms){}",
        language().pick("attempt", "tentativa"),
        attempt.number,
        begun.event_type,
        begun.what,
        next.unwrap_or_default()
    )
}
