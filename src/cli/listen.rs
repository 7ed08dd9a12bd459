//! `carteiro listen`: a receiver for testing. It checks authorization and signature of each notification, answers as
//! its flags say, and can forward notifications to a system under development.

use super::client::{Peer, block_on, until_interrupted};
use super::error::CliError;
use super::exit::complain;
use super::input::{read_secret, span};
use super::language::{language, say, tell};
use super::output::{Screen, Tone, line, pretty_json, printable, short_time};
use super::receiver::{Check, Expected, MAX_BODY, reply, serve, text};
use crate::clock::Clock;
use crate::model::{Authority, Localized, Noun, PublicKey, SigningSecret, TargetError, TargetUrl, localized};
use bytes::Bytes;
use clap::{Args, ValueHint};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Maximum number of notifications remembered, to recognise repeats.
const MAX_SEEN: usize = 100_000;
/// How long the end waits for answers in progress.
const GRACE: Duration = Duration::from_secs(2);
#[derive(Args)]
pub(crate) struct ListenArgs {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// The port to listen on; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    port: u16,
    /// Expected Authorization header; not checked if not given
    #[arg(long, value_name = "VALUE")]
    authorization: Option<String>,
    /// A file with the expected Authorization header
    #[arg(long, value_name = "FILE", conflicts_with = "authorization")]
    authorization_file: Option<PathBuf>,
    /// Signing secret, whsec_…; the signature is not checked if not given
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// A file with the signing secret
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
    /// Public key, whpk_…, to check a v1a signature with
    #[arg(long, value_name = "KEY")]
    public_key: Option<String>,
    /// Maximum age of a signature
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "5m")]
    tolerance: Duration,
    /// Status to answer
    #[arg(long, value_name = "STATUS", default_value_t = 200)]
    status: u64,
    /// Delay before each answer
    #[arg(long, value_name = "SPAN", value_parser = span)]
    delay: Option<Duration>,
    /// Answer this many first attempts of each notification with 500
    #[arg(long, value_name = "N", default_value_t = 0)]
    fail_first: u64,
    /// Forward each notification to this URL and answer as it does; repeats of confirmed ones are not forwarded
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, conflicts_with = "status")]
    forward: Option<String>,
    /// Print JSON, one line for each notification
    #[arg(long)]
    json: bool,
    /// Exit after this many, with code 1 if one had a wrong authorization or signature
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

fn secret(text: &str) -> Result<SigningSecret, String> {
    let secret = SigningSecret::parse(text);
    secret.ok_or_else(|| {
        "the secret must be whsec_ and 24 to 64 bytes in base64, as `carteiro webhooks create` prints it".to_owned()
    })
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    let key = PublicKey::parse(text);
    key.ok_or_else(|| {
        "the public key must be whpk_ and 32 bytes in base64, as `carteiro webhooks show` prints it".to_owned()
    })
}

fn status(status: u64) -> Result<StatusCode, String> {
    // 1xx is no final answer: the sender would wait for another one.
    let status = u16::try_from(status).ok().filter(|status| (200..1000).contains(status));
    status.and_then(|status| StatusCode::from_u16(status).ok()).ok_or_else(|| "--status must be 200 to 999".to_owned())
}

/// Where notifications are forwarded to.
#[derive(Clone)]
struct Forward {
    peer: Peer,
    /// The `Host` header.
    host: String,
    path: String,
}

impl Forward {
    fn parse(url: &str) -> Result<Self, String> {
        let url = TargetUrl::parse(url).map_err(|error| match error {
            TargetError::Userinfo => "--forward must not contain a user name or password".to_owned(),
            other => format!("--forward {other}, such as http://127.0.0.1:3000/webhooks"),
        })?;
        let peer = Peer::new(url.host(), url.port(), url.is_https()).map_err(|problem| problem.sentence)?;
        Ok(Self { peer, host: url.host_header(), path: url.path_and_query().to_owned() })
    }

    /// What the other side answers; 502 where it doesn't.
    async fn send(&self, head: &Parts, body: Bytes) -> Response<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        let no_way = |why: String| {
            let (address, path) = (&self.peer.address, &self.path);
            complain(localized!(
                "{address}{path} could not be reached: {why}",
                "não foi possível falar com {address}{path}: {why}"
            ));
            reply(StatusCode::BAD_GATEWAY, "the system behind `carteiro listen --forward` could not be reached")
        };
        let Ok(path) = self.path.parse() else { return no_way("its path is none".to_owned()) };
        *request.uri_mut() = path;
        *request.headers_mut() = end_to_end(&head.headers);
        match HeaderValue::from_str(&self.host) {
            Ok(host) => request.headers_mut().insert(header::HOST, host),
            Err(error) => return no_way(error.to_string()),
        };
        let mut exchange = match self.peer.send(request).await {
            Ok(exchange) => exchange,
            Err(why) => return no_way(why),
        };
        let answered = match Limited::new(exchange.response.body_mut(), MAX_BODY).collect().await {
            Ok(answered) => answered.to_bytes(),
            Err(error) => return no_way(error.to_string()),
        };
        let mut response = Response::new(Full::new(answered));
        *response.status_mut() = exchange.response.status();
        for name in [header::CONTENT_TYPE, header::RETRY_AFTER, header::LOCATION] {
            if let Some(value) = exchange.response.headers().get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

/// The headers that may be forwarded (RFC 9110, 7.6.1); length and host are set anew.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    let own = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in own {
        headers.remove(name);
    }
    headers
}

pub(crate) fn listen(args: &ListenArgs) -> Result<(), CliError> {
    let listener = Arc::new(Listener::new(args)?);
    block_on(run(args, listener))
}

async fn run(args: &ListenArgs, listener: Arc<Listener>) -> Result<(), CliError> {
    // An IPv6 address stands in brackets beside a port.
    let host =
        if args.host.contains(':') { format!("[{}]", args.host.trim_matches(['[', ']'])) } else { args.host.clone() };
    if !Authority::parse(&host).is_ok_and(|host| host.port().is_none()) {
        let host = &args.host;
        return Err(CliError::address(localized!(
            "--host {host} is no host name or IP address; the port is given by --port",
            "--host {host} não é um nome de host nem um endereço IP; a porta é informada em --port"
        )));
    }
    let bound = TcpListener::bind(format!("{host}:{}", args.port)).await;
    let bound = bound.map_err(|error| {
        let port = args.port;
        CliError::failed(localized!(
            "{host}:{port} can't be listened on ({error}); --port 0 takes a free one",
            "não foi possível escutar em {host}:{port} ({error}); --port 0 usa uma porta livre"
        ))
    })?;
    let address = bound.local_addr().map_err(|error| CliError::failed(error.to_string()))?;
    tell(localized!(
        "listening on http://{address}/; Ctrl-C ends it",
        "escutando em http://{address}/; Ctrl-C encerra"
    ));
    if args.count.is_none() {
        // The value is a secret, which is not repeated.
        let authorization = if args.authorization.is_some() || args.authorization_file.is_some() {
            language().pick(" --authorization VALUE", " --authorization VALOR")
        } else {
            ""
        };
        tell(localized!(
            "To receive notifications: carteiro webhooks create --target http://{address}/ --events '*'{authorization}",
            "Para receber notificações: carteiro webhooks create --target http://{address}/ --events '*'{authorization}"
        ));
        if address.ip().is_loopback() {
            tell(localized!(
                "(The daemon refuses targets on this machine unless its config says [egress] allow = \
                 [\"127.0.0.0/8\"].)",
                "(O daemon recusa destinos nesta máquina, a não ser que a configuração diga [egress] allow = \
                 [\"127.0.0.0/8\"].)"
            ));
        }
    }
    let answering = listener.clone();
    let answer = move |request| {
        let listener = answering.clone();
        async move { Ok(listener.answer(request).await) }
    };
    let mut serving = pin!(serve(&bound, &listener.ended, answer));
    let enough = until_interrupted(async { Ok(serving.as_mut().await) }).await?;
    listener.ended.send_replace(true);
    let mut connections = match enough {
        Some(connections) => connections,
        None => serving.await,
    };
    // Answers in progress are completed.
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    let refused = listener.state().refused;
    if args.count.is_some() && refused > 0 {
        let Localized { en, pt } = Noun::REQUESTS.counted(refused);
        return Err(CliError::failed(localized!(
            "{en} with a wrong authorization or signature",
            "{pt} com autorização ou assinatura errada"
        )));
    }
    Ok(())
}

/// Earlier arrivals of a notification.
#[derive(Default)]
struct Seen {
    attempts: u64,
    is_confirmed: bool,
}

#[derive(Default)]
struct Arrivals {
    seen: HashMap<String, Seen>,
    /// In order of arrival, so that the oldest can be forgotten.
    order: VecDeque<String>,
    received: u64,
    refused: u64,
}

struct Listener {
    expected: Expected,
    status: StatusCode,
    delay: Option<Duration>,
    fail_first: u64,
    forward: Option<Forward>,
    json: bool,
    count: Option<u64>,
    state: Mutex<Arrivals>,
    ended: watch::Sender<bool>,
}

/// A notification as `--json` prints it.
#[derive(Serialize)]
struct Received<'a> {
    #[serde(rename = "received_at")]
    at: String,
    path: &'a str,
    webhook_id: Option<&'a str>,
    #[serde(rename = "type")]
    event_type: Option<&'a str>,
    attempt: Option<u64>,
    authorization: &'static str,
    signature: &'static str,
    /// Confirmed before: a receiver drops it.
    repeat: bool,
    status: u16,
    body: Box<RawValue>,
}

impl Listener {
    fn new(args: &ListenArgs) -> Result<Self, CliError> {
        let from_file = args.authorization_file.as_deref().map(read_secret).transpose()?;
        let secret_from_file = args.secret_file.as_deref().map(read_secret).transpose()?;
        let secret =
            args.secret.clone().or(secret_from_file).map(|text| secret(&text)).transpose().map_err(CliError::usage)?;
        Ok(Self {
            expected: Expected {
                authorization: args.authorization.clone().or(from_file),
                secret,
                public_key: args.public_key.as_deref().map(public_key).transpose().map_err(CliError::usage)?,
                tolerance: args.tolerance,
            },
            status: status(args.status).map_err(CliError::usage)?,
            delay: args.delay,
            fail_first: args.fail_first,
            forward: args.forward.as_deref().map(Forward::parse).transpose().map_err(CliError::address)?,
            json: args.json,
            count: args.count,
            state: Mutex::default(),
            ended: watch::Sender::new(args.count == Some(0)),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Arrivals> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return reply(StatusCode::METHOD_NOT_ALLOWED, "`carteiro listen` takes notifications, which are POSTed");
        }
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return reply(StatusCode::PAYLOAD_TOO_LARGE, "larger than any notification");
        };
        let (body, at) = (body.to_bytes(), Clock::System.now());
        let authorization = self.expected.authorization(&head.headers);
        let signature = self.expected.signature(&head.headers, &body, at);
        let trusted = authorization.is_passed() && signature.is_passed();
        let id = Some(text(&head.headers, "webhook-id")).filter(|id| !id.is_empty());
        // What isn't trusted leaves no trace: a stranger must not make a real notification look like a repeat.
        let (attempts, repeat) = id.filter(|_| trusted).map_or((1, false), |id| self.count_arrival(id));
        let response = if !trusted {
            reply(StatusCode::UNAUTHORIZED, "wrong authorization or signature")
        } else if repeat {
            reply(StatusCode::OK, "confirmed before")
        } else if attempts <= self.fail_first {
            reply(StatusCode::INTERNAL_SERVER_ERROR, "`carteiro listen --fail-first` fails")
        } else if let Some(forward) = &self.forward {
            forward.send(&head, body.clone()).await
        } else {
            reply(self.status, "")
        };
        if let Some(delay) = self.delay {
            tokio::time::sleep(delay).await;
        }
        if let Some(id) = id.filter(|_| trusted && response.status().is_success()) {
            self.state().seen.entry(id.to_owned()).and_modify(|seen| seen.is_confirmed = true);
        }
        let event: Option<TypeField<'_>> = serde_json::from_slice(&body).ok();
        let one_line = |text: &str| text.replace(['\n', '\r'], " ");
        let raw: Option<Box<RawValue>> = std::str::from_utf8(&body)
            .ok()
            // No string of JSON has a line end in it as it is.
            .and_then(|text| RawValue::from_string(one_line(text).trim().to_owned()).ok());
        let raw = raw.or_else(|| serde_json::value::to_raw_value(&String::from_utf8_lossy(&body)).ok());
        let received = Received {
            at: at.to_string(),
            path: head.uri.path(),
            webhook_id: id,
            event_type: event.as_ref().and_then(|event| event.event.as_deref()),
            attempt: text(&head.headers, "carteiro-attempt").parse().ok(),
            authorization: authorization.as_str(),
            signature: signature.as_str(),
            repeat,
            status: response.status().as_u16(),
            body: raw.unwrap_or_default(),
        };
        if self.json {
            line(serde_json::to_string(&received).unwrap_or_default());
        } else {
            line(pretty(&received, [authorization, signature], Screen::stdout()));
        }
        self.tally(trusted);
        response
    }

    /// Counts an arrival of a notification: how many there were, this one included, and whether one was confirmed.
    fn count_arrival(&self, id: &str) -> (u64, bool) {
        let mut state = self.state();
        if !state.seen.contains_key(id) {
            state.order.push_back(id.to_owned());
            if state.order.len() > MAX_SEEN {
                let oldest = state.order.pop_front().unwrap_or_default();
                state.seen.remove(&oldest);
            }
        }
        let seen = state.seen.entry(id.to_owned()).or_default();
        seen.attempts += 1;
        (seen.attempts, seen.is_confirmed)
    }

    fn tally(&self, trusted: bool) {
        let mut state = self.state();
        state.received += 1;
        state.refused += u64::from(!trusted);
        if self.count.is_some_and(|count| state.received >= count) {
            self.ended.send_replace(true);
        }
    }
}

#[derive(serde::Deserialize)]
struct TypeField<'a> {
    #[serde(borrow)]
    event: Option<std::borrow::Cow<'a, str>>,
}

fn pretty(received: &Received<'_>, [authorization, signature]: [Check; 2], screen: Screen) -> String {
    let language = language();
    let painted = |check: Check| {
        let (words, tone) = check.shown(language);
        screen.paint(tone, words)
    };
    let answered = if received.status < 300 { Tone::Good } else { Tone::Bad };
    // The time of day where this runs, with the milliseconds that the tables leave out.
    let local = short_time(&Value::from(received.at.as_str()));
    let time = [local.get(11..19), received.at.get(19..23)].map(Option::unwrap_or_default).concat();
    let nothing = language.pick("no event of carteiro's", "nenhum evento do carteiro");
    let event_type = printable(received.event_type.unwrap_or(nothing));
    let attempt = received.attempt.map_or_else(|| "?".to_owned(), |attempt| attempt.to_string());
    let status = received.status.to_string();
    let status = screen.paint(answered, &status);
    let mut text = say(localized!(
        "{time}  {event_type}  attempt {attempt}  answered {status}\n",
        "{time}  {event_type}  tentativa {attempt}  respondida com {status}\n"
    ));
    if received.repeat {
        text.push_str(
            language.pick("  confirmed before: a repeat, dropped\n", "  confirmada antes: uma repetição, descartada\n"),
        );
    }
    // A String takes everything.
    let _ = write!(
        text,
        "  {:<13}  {}\n  {:<13}  {}\n  {:<13}  {}\n",
        "webhook-id",
        printable(received.webhook_id.unwrap_or(language.pick("none", "nenhum"))),
        "authorization",
        painted(authorization),
        language.pick("signature", "assinatura"),
        painted(signature),
    );
    for line in pretty_json(received.body.get()).lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
