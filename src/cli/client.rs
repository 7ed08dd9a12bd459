//! Speaking to a running daemon: JSON requests and event streams, over TLS where the daemon speaks it.

use super::{BAD_CONFIG, FAILED, TRY_LATER, WRONG_ADDRESS};
use crate::api::Certificate;
use crate::model::{Authority, AuthorityError};
use crate::tls;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// How long one call may take; of a stream, how long its head may.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Why a call brought no data: the sentence and the exit code.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) sentence: String,
    pub(super) code: u8,
}

impl Problem {
    pub(super) fn failed(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: FAILED }
    }

    fn bad_config(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), code: BAD_CONFIG }
    }
}

/// Runs what waits for the network, on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Problem::failed(format!("the runtime could not be started: {error}")))?.block_on(future)
}

/// Runs what goes on until it is done (`Some`) or Ctrl-C comes (`None`); from the start, Ctrl-C ends the process in no other way.
pub(super) async fn until_interrupted<T>(
    future: impl Future<Output = Result<T, Problem>>,
) -> Result<Option<T>, Problem> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|error| Problem::failed(format!("Ctrl-C can't be listened for: {error}")))?;
    tokio::select! {
        done = future => done.map(Some),
        _ = interrupt.recv() => Ok(None),
    }
}

/// What bytes go over.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// An address that speaks HTTP/1.1, plain or over TLS.
#[derive(Clone)]
pub(super) struct Peer {
    /// With a port.
    pub(super) address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A response whose body is still coming; the connection ends with it.
pub(super) struct Exchange {
    pub(super) response: Response<Incoming>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Peer {
    /// A host without brackets, and its port; over TLS, its certificate must be good by the system's authorities.
    pub(super) fn new(host: &str, port: u16, over_tls: bool) -> Result<Self, Problem> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        if !over_tls {
            return Ok(Self { address, tls: None });
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Problem {
            sentence: format!("{host} is no name that a certificate can be for: give the name in it"),
            code: WRONG_ADDRESS,
        })?;
        let config = tls::client::client_config(None).map_err(|error| Problem::bad_config(error.to_string()))?;
        Ok(Self { address, tls: Some((config.into(), name)) })
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect(&self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }

    /// Sends one request on a connection of its own; `Err` says in a few words why no answer came.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Exchange, String> {
        let exchange = async {
            let stream = self.connect().await.map_err(|error| error.to_string())?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
            let connection = tokio::spawn(connection);
            match sender.send_request(request).await {
                Ok(response) => Ok(Exchange { response, connection }),
                Err(error) => {
                    connection.abort();
                    Err(error.to_string())
                }
            }
        };
        let timed = tokio::time::timeout(TIMEOUT, exchange).await;
        timed.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }
}

/// Where the daemon is, how it is spoken to, and as whom.
pub(super) struct Daemon {
    peer: Peer,
    token: String,
}

/// One call of the API.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    /// Empty, or JSON.
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Ask {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: String::new(), headers: Vec::new() }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn body(self, body: &Value) -> Self {
        Self { body: body.to_string(), ..self }
    }
}

/// What came back: `data` as the daemon wrote it, byte for byte, since what a shop recorded may hold numbers that no float does.
#[derive(Default, Deserialize)]
pub(super) struct Answer {
    data: Option<Box<RawValue>>,
    page: Option<Page>,
}

#[derive(Deserialize)]
struct Page {
    next_cursor: Option<String>,
}

impl Answer {
    /// `null` for an answer without a body.
    pub(super) fn raw(&self) -> &str {
        self.data.as_deref().map_or("null", RawValue::get)
    }

    /// For shapes of the daemon's own; `null` where a number in it doesn't fit.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }

    /// The rows of a list, each as it was written.
    pub(super) fn rows(&self) -> Vec<Box<RawValue>> {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }

    pub(super) fn next_cursor(&self) -> Option<&str> {
        self.page.as_ref()?.next_cursor.as_deref()
    }
}

/// What `--server` names: host without brackets, port, whether over TLS.
fn place(server: &str) -> Result<(String, u16, bool), Problem> {
    let wrong = |why: &dyn std::fmt::Display| Problem {
        // What is before an @ may be a password.
        sentence: format!(
            "--server {:?} (or CARTEIRO_SERVER): {why}",
            server.rsplit_once('@').map_or(server, |_| "…@…")
        ),
        code: WRONG_ADDRESS,
    };
    let (over_tls, usual, rest) = match server.split_once("://") {
        None => (false, None, server),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, Some(80), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, Some(443), rest),
        Some(_) => return Err(wrong(&"it must be host:port, http://host:port or https://host:port")),
    };
    let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest)).map_err(|error| match error {
        AuthorityError::Path => wrong(&"carteiro's paths start at `/`: leave out what follows host:port"),
        other => wrong(&other),
    })?;
    let port = authority.port().or(usual);
    let port =
        port.ok_or_else(|| wrong(&"it must name a port, as in localhost:8080, or begin with http:// or https://"))?;
    Ok((authority.bare_host().to_owned(), port, over_tls))
}

impl Daemon {
    /// The daemon of a config, or whatever `server` says of it: `https://name[:port]`, whose certificate must be good by the system's
    /// authorities, or an address at which the config's own daemon can be reached. Dials nothing.
    pub(super) fn of(config: &crate::config::Server, server: Option<&str>) -> Result<Self, Problem> {
        let whole = |peer: Peer| Self { peer, token: String::new() };
        let mut peer = match server.map(place).transpose()? {
            Some((host, port, true)) => return Peer::new(&host, port, true).map(whole),
            Some((host, port, false)) => Peer::new(&host, port, false)?,
            None => Peer { address: config.listen.to_string(), tls: None },
        };
        let certificate = Certificate::of(config).map_err(|error| Problem::bad_config(error.to_string()))?;
        if let Some(certificate) = certificate {
            // Of a certificate that is known, the name says nothing more: the address is seldom the one it was made out to.
            let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
            peer.tls = Some((tls::client::pinned_to(certificate.own().clone()).into(), name));
        }
        Ok(whole(peer))
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// Whether the token crosses a network unencrypted: plain http, to another host than this one as far as an address shows.
    pub(super) fn is_in_the_clear(&self) -> bool {
        let host = self.peer.address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let here = match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        self.peer.tls.is_none() && !here
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        &self.peer.address
    }

    /// Whether it is the one that listens here, as far as an address shows. A port that the system was left to choose is any port.
    pub(super) fn is_at(&self, listen: SocketAddr) -> bool {
        let Some((host, port)) = self.peer.address.rsplit_once(':') else {
            return false;
        };
        let here = |ip: IpAddr| ip == listen.ip() || (listen.ip().is_unspecified() && ip.is_loopback());
        let host = match host.trim_matches(['[', ']']).parse() {
            Ok(ip) => here(ip),
            // Of names this one alone is known to lead nowhere else (RFC 6761, 6.3).
            Err(_) => {
                host.eq_ignore_ascii_case("localhost") && (listen.ip().is_loopback() || listen.ip().is_unspecified())
            }
        };
        host && (listen.port() == 0 || port.parse() == Ok(listen.port()))
    }

    fn unreachable(&self, why: impl std::fmt::Display) -> Problem {
        let address = &self.peer.address;
        Problem {
            sentence: format!(
                "the daemon at {address} can't be reached ({why}): is `carteiro serve` running? --server names another address"
            ),
            code: TRY_LATER,
        }
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, Problem> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, &self.peer.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::USER_AGENT, concat!("carteiro-cli/", env!("CARGO_PKG_VERSION")));
        if !ask.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(ask.body)));
        request.map_err(|error| {
            Problem::failed(format!("the request can't be made ({error}): a token, key or id with unusual characters?"))
        })
    }

    /// Calls the API and waits for the whole answer.
    pub(super) async fn send(&self, ask: Ask) -> Result<Answer, Problem> {
        let path = ask.path.clone();
        let request = self.request(ask)?;
        let mut exchange = self.peer.send(request).await.map_err(|why| self.unreachable(why))?;
        let body = self.body(&mut exchange).await?;
        if !exchange.response.status().is_success() {
            return Err(self.refusal(&path, &exchange.response, &body));
        }
        if body.is_empty() {
            return Ok(Answer::default());
        }
        serde_json::from_slice(&body).map_err(|_| self.no_carteiro(exchange.response.status()))
    }

    async fn body(&self, exchange: &mut Exchange) -> Result<Bytes, Problem> {
        let body = Limited::new(exchange.response.body_mut(), MAX_ANSWER).collect();
        match tokio::time::timeout(TIMEOUT, body).await {
            Ok(body) => Ok(body.map_err(|error| self.unreachable(error))?.to_bytes()),
            Err(_) => {
                Err(self.unreachable(format_args!("the rest of its answer took more than {} s", TIMEOUT.as_secs())))
            }
        }
    }

    /// [`Daemon::send`], for who does nothing else meanwhile.
    pub(super) fn ask(&self, ask: Ask) -> Result<Answer, Problem> {
        block_on(self.send(ask))
    }

    /// Opens an event stream (Server-Sent Events).
    pub(super) async fn stream(&self, ask: Ask) -> Result<Exchange, Problem> {
        let path = ask.path.clone();
        let request = self.request(ask)?;
        let mut exchange = self.peer.send(request).await.map_err(|why| self.unreachable(why))?;
        if exchange.response.status() != StatusCode::OK {
            let body = self.body(&mut exchange).await?;
            return Err(self.refusal(&path, &exchange.response, &body));
        }
        let kind = exchange.response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Err(self.no_carteiro(StatusCode::OK));
        }
        Ok(exchange)
    }

    fn no_carteiro(&self, status: StatusCode) -> Problem {
        let address = &self.peer.address;
        Problem::failed(format!(
            "{address} answered {status} and not what carteiro would: is that carteiro? --server names another address"
        ))
    }

    /// A refusal as a sentence, with every field that is wrong and the next step.
    fn refusal(&self, path: &str, response: &Response<Incoming>, body: &[u8]) -> Problem {
        let status = response.status();
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            // What a proxy in front says while the daemon restarts.
            if matches!(status.as_u16(), 502..=504) {
                let sentence = format!("{} answered {status}: what is there can't reach the daemon", self.peer.address);
                return Problem { sentence, code: TRY_LATER };
            }
            return self.no_carteiro(status);
        };
        let detail = json.pointer("/errors/detail").and_then(Value::as_str).unwrap_or("no reason given");
        let mut sentence = format!("the daemon answered {}: {detail}", status.as_u16());
        for (field, problems) in json.pointer("/errors/fields").and_then(Value::as_object).into_iter().flatten() {
            for problem in problems.as_array().into_iter().flatten().filter_map(Value::as_str) {
                // A String takes everything.
                let _ = write!(sentence, "\n  {field} {problem}");
            }
        }
        sentence.push_str(match status.as_u16() {
            401 => "\n  --token, --token-file or CARTEIRO_TOKEN give another token; the first start writes one to admin-token in the data folder",
            403 => "\n  `carteiro token create --scope …` makes one that has it",
            404 if path.starts_with("/api/webhooks") => "\n  `carteiro webhooks list` shows what there is",
            404 if path.starts_with("/api/events") => "\n  `carteiro events list` shows what there is",
            404 if path.starts_with("/api/notifications/stream") => "\n  the daemon is older than this command and has no stream",
            404 if path.starts_with("/api/notifications/resend") => "\n  `carteiro notifications jobs` shows what there is",
            404 if path.starts_with("/api/notifications") => "\n  `carteiro notifications list` shows what there is",
            404 if path.starts_with("/api/tokens") => "\n  `carteiro token list` shows what there is",
            _ => "",
        });
        let later = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        if let Some(wait) = wait.filter(|_| later) {
            let _ = write!(sentence, " (try again in {wait} s)");
        }
        Problem { sentence, code: if later { TRY_LATER } else { FAILED } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_no_address_is_refused_before_anything_is_dialled() {
        let read = |server: &str| place(server).map_err(|problem| (problem.sentence, problem.code));
        for (server, host, port, over_tls) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080, false),
            ("http://127.0.0.1:8080/", "127.0.0.1", 8080, false),
            ("HTTP://loja.example", "loja.example", 80, false),
            ("https://loja.example", "loja.example", 443, true),
            ("https://[::1]:8443/", "::1", 8443, true),
        ] {
            assert_eq!(read(server), Ok((host.to_owned(), port, over_tls)), "{server}");
        }
        for (server, why) in [
            ("http://127.0.0.1:99999", "1 to 65535"),
            ("http://127.0.0.1:28001x", "1 to 65535"),
            ("https://127.0.0.1:-1", "1 to 65535"),
            ("127.0.0.1:+80", "1 to 65535"),
            ("localhost:x", "1 to 65535"),
            ("http://admin:senha@localhost:8080", "user name"),
            ("http://localhost:8080/carteiro", "paths start at `/`"),
            ("http://localhost:8080//", "paths start at `/`"),
            ("localhost", "must name a port"),
            ("ftp://localhost:8080", "https://host:port"),
            ("", "host name"),
        ] {
            let (sentence, code) = read(server).unwrap_err();
            assert!(code == 64 && sentence.contains(why) && !sentence.contains("senha"), "{server}: {code} {sentence}");
        }
    }

    #[test]
    fn a_token_in_the_clear_is_told_from_one_that_stays_here() {
        for (server, clear) in [
            ("127.0.0.1:8080", false),
            ("http://[::1]:8080", false),
            ("localhost:8080", false),
            ("https://loja.example", false),
            ("http://loja.example", true),
            ("192.168.0.7:8080", true),
        ] {
            let daemon = Daemon::of(&crate::config::Config::default().server, Some(server)).unwrap();
            assert_eq!(daemon.is_in_the_clear(), clear, "{server}");
        }
    }

    #[test]
    fn a_daemon_is_told_from_a_stranger_by_its_address() {
        let is_at = |address: &str, listen: &str| {
            let peer = Peer { address: address.to_owned(), tls: None };
            Daemon { peer, token: String::new() }.is_at(listen.parse().unwrap())
        };
        for (own, listen) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("LOCALHOST:8080", "0.0.0.0:8080"),
            ("127.0.0.1:8080", "0.0.0.0:8080"),
            ("[::1]:8080", "[::]:8080"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            ("192.168.0.7:8080", "192.168.0.7:8080"),
            ("127.0.0.1:4711", "127.0.0.1:0"),
        ] {
            assert!(is_at(own, listen), "{own} is {listen}");
        }
        for (other, listen) in [
            ("192.0.2.7:8080", "127.0.0.1:8080"),
            ("192.0.2.7:8080", "0.0.0.0:8080"),
            ("192.0.2.7:8080", "127.0.0.1:0"),
            ("loja.example:8080", "127.0.0.1:8080"),
            ("localhost.loja.example:8080", "127.0.0.1:8080"),
            ("127.0.0.1:8081", "127.0.0.1:8080"),
            ("127.0.0.2:8080", "127.0.0.1:8080"),
            ("localhost:8080", "192.168.0.7:8080"),
            ("127.0.0.1:8080", "192.168.0.7:8080"),
            ("127.0.0.1", "127.0.0.1:8080"),
        ] {
            assert!(!is_at(other, listen), "{other} is not {listen}");
        }
    }
}
