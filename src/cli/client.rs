//! The client of a running daemon: JSON requests and event streams, over TLS if the daemon uses it.

use super::error::CliError;
use super::language::{language, say};
use super::own_daemon::endpoint;
use super::server_address;
use crate::config::Config;
use crate::http::Certificate;
use crate::model::localized;
use crate::tls::{self, ByteStream};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// How long one call may take; of a stream, how long its head may.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Runs what waits for the network, on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(no_runtime)?;
    let mut result = None;
    {
        // Without its type: tokio's code for each is several KiB, and every command has one.
        let future: Pin<&mut dyn Future<Output = ()>> = pin!(async { result = Some(future.await) });
        runtime.block_on(future);
    }
    result.expect("a future that has ended has left its result")
}

/// A runtime with a thread for each core.
pub(crate) fn multi_thread_runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(no_runtime)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn no_runtime(error: std::io::Error) -> CliError {
    CliError::failed(localized!(
        "the runtime could not be started: {error}",
        "não foi possível iniciar o ambiente de execução: {error}"
    ))
}

/// Runs what goes on until it is done (`Some`) or Ctrl-C comes (`None`); from the start, Ctrl-C ends the process in no
/// other way.
pub(crate) async fn until_interrupted<T>(
    future: impl Future<Output = Result<T, CliError>>,
) -> Result<Option<T>, CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| {
        CliError::failed(localized!("Ctrl-C can't be caught: {error}", "não foi possível tratar o Ctrl-C: {error}"))
    })?;
    tokio::select! {
        done = future => done.map(Some),
        _ = interrupt.recv() => Ok(None),
    }
}

/// An address that speaks HTTP/1.1, plain or over TLS.
#[derive(Clone)]
pub(crate) struct Peer {
    /// With a port.
    pub(crate) address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A response whose body is still coming; the connection ends with it.
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Why there is no connection, in a few words.
fn refused(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(cause)) = cause else { return error.to_string() };
    say(match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            localized!("its certificate has ended: renew it", "o certificado dele venceu: renove-o")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => localized!(
            "its certificate is for another name: give --server that name",
            "o certificado dele é de outro nome: informe esse nome em --server"
        ),
        _ => localized!(
            "its certificate is from no authority that this machine trusts: install that authority's certificate",
            "o certificado dele não é de uma autoridade em que esta máquina confia: instale o certificado dela"
        ),
    })
}

impl Peer {
    /// A host without brackets, and its port; over TLS, its certificate must be good by the system's authorities.
    pub(crate) fn new(host: &str, port: u16, over_tls: bool) -> Result<Self, CliError> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        if !over_tls {
            return Ok(Self { address, tls: None });
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            CliError::address(localized!(
                "{host} is no name that a certificate can be for: give the name in it",
                "{host} não é um nome que um certificado possa ter: informe o nome que está nele"
            ))
        })?;
        let config = tls::client::client_config(None).map_err(CliError::bad_config)?;
        Ok(Self { address, tls: Some((config.into(), name)) })
    }

    async fn connect(&self) -> std::io::Result<Box<dyn ByteStream>> {
        let stream = TcpStream::connect(&self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }

    /// Sends one request on a connection of its own; `Err` says in a few words why there is no answer.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Exchange, String> {
        let exchange = async {
            let stream = self.connect().await.map_err(|error| refused(&error))?;
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
pub(crate) struct ApiClient {
    peer: Peer,
    token: String,
    /// Whether it is this machine's own, the config's.
    is_own: bool,
    /// The data folder that the token was found in.
    pub(super) token_of: Option<PathBuf>,
}

/// One call of the API.
pub(crate) struct ApiRequest {
    method: Method,
    path: String,
    /// Empty, or JSON.
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl ApiRequest {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: String::new(), headers: Vec::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn patch(path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a body of JSON.
    pub(crate) fn body(self, json: impl Into<String>) -> Self {
        Self { body: json.into(), ..self }
    }

    /// With a header, if there is a value for it.
    pub(crate) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }
}

/// An answer of the API: `data` as the daemon wrote it, byte for byte, since a payload may hold numbers that no float
/// does.
#[derive(Default, Deserialize)]
pub(crate) struct ApiAnswer {
    data: Option<Box<RawValue>>,
    page: Option<ListPage>,
    /// The version of what it shows, for `If-Match`.
    #[serde(skip)]
    pub(crate) etag: Option<String>,
    /// Whether the daemon had answered the same request before, by its `Idempotency-Key`.
    #[serde(skip)]
    pub(crate) replayed: bool,
}

#[derive(Deserialize)]
struct ListPage {
    next_cursor: Option<String>,
}

impl ApiAnswer {
    /// `null` for an answer without a body.
    pub(crate) fn raw(&self) -> &str {
        self.data.as_deref().map_or("null", RawValue::get)
    }

    /// For shapes of the daemon's own; `null` where a number in it doesn't fit.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }

    /// The rows of a list, each as it was written.
    pub(crate) fn rows(&self) -> Vec<Box<RawValue>> {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }

    pub(crate) fn next_cursor(&self) -> Option<&str> {
        self.page.as_ref()?.next_cursor.as_deref()
    }
}

/// Whether what is at an address listens here, as far as an address shows. A port that the system was left to choose is
/// any port.
fn is_at(address: &str, listen: SocketAddr) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let here = |ip: IpAddr| ip == listen.ip() || (listen.ip().is_unspecified() && ip.is_loopback());
    let host = match host.trim_matches(['[', ']']).parse() {
        Ok(ip) => here(ip),
        // Of names this one alone is known to lead nowhere else (RFC 6761, 6.3).
        Err(_) => host.eq_ignore_ascii_case("localhost") && (listen.ip().is_loopback() || listen.ip().is_unspecified()),
    };
    host && (listen.port() == 0 || port.parse() == Ok(listen.port()))
}

/// The host name of `panel.url`, where that is reached over TLS.
fn public_name(config: &Config) -> Option<ServerName<'static>> {
    ServerName::try_from(config.panel.url.as_ref()?.tls_host()?).ok()
}

impl ApiClient {
    /// The daemon of a config, or whatever `server` says of it: `https://name[:port]`, whose certificate must be good
    /// by the system's authorities, or an address at which the config's own daemon can be reached. Asks the own daemon
    /// over its control socket where this user may, and dials nothing else.
    pub(crate) fn of(config: &Config, server: Option<&str>) -> Result<Self, CliError> {
        let listen = config.server.listen;
        let mut peer = match server.map(server_address::parse).transpose()? {
            Some((host, port, over_tls)) => Peer::new(&host, port, over_tls)?,
            None => Peer { address: listen.to_string(), tls: None },
        };
        let is_own = server.is_none() || is_at(&peer.address, listen);
        if peer.tls.is_some() {
            return Ok(Self { peer, token: String::new(), is_own, token_of: None });
        }
        let certificate = match is_own.then(|| endpoint(&config.store.path)).flatten() {
            Some(endpoint) => {
                if server.is_none() {
                    peer.address = endpoint.address.to_string();
                }
                let certificate = endpoint.certificate.map(|text| STANDARD.decode(text)).transpose();
                certificate.map_err(CliError::failed)?.map(CertificateDer::from)
            }
            None => match (Certificate::of(&config.server), public_name(config)) {
                (Ok(certificate), _) => certificate.map(|certificate| certificate.own().clone()),
                // The files are not for this user: the certificate must be good for the name that the config gives.
                (Err(_), Some(name)) => {
                    let config = tls::client::client_config(None).map_err(CliError::bad_config)?;
                    peer.tls = Some((config.into(), name));
                    None
                }
                (Err(error), None) => return Err(CliError::bad_config(error)),
            },
        };
        if let Some(certificate) = certificate {
            // Of a certificate that is known, the name says nothing more: the address is seldom the one it was made out
            // to.
            let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
            peer.tls = Some((tls::client::pinned_to(certificate).into(), name));
        }
        Ok(Self { peer, token: String::new(), is_own, token_of: None })
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    /// With a token that was found in this data folder.
    pub(crate) fn with_token_of(self, data: &Path, token: &str) -> Self {
        Self { token_of: Some(data.to_owned()), ..self.with_token(token) }
    }

    /// Whether the token crosses a network unencrypted: plain http, to another host than this one as far as an address
    /// shows.
    pub(crate) fn is_in_the_clear(&self) -> bool {
        let host = self.peer.address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        let here = match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        self.peer.tls.is_none() && !here
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.peer.address
    }

    /// Whether it is this machine's own daemon, as far as an address shows.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    fn unreachable(&self, why: impl std::fmt::Display) -> CliError {
        let address = &self.peer.address;
        CliError::try_later(localized!(
            "the daemon at {address} can't be reached ({why}): is `carteiro serve` running? --server names another \
             address",
            "não foi possível falar com o daemon em {address} ({why}): `carteiro serve` está em execução? --server \
             indica outro endereço"
        ))
    }

    fn http_request(&self, request: ApiRequest) -> Result<Request<Full<Bytes>>, CliError> {
        let mut built = Request::builder()
            .method(request.method)
            .uri(request.path)
            .header(header::HOST, &self.peer.address)
            .header(header::USER_AGENT, concat!("carteiro-cli/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT_LANGUAGE, language().tag());
        if !self.token.is_empty() {
            built = built.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if !request.body.is_empty() {
            built = built.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in request.headers {
            built = built.header(name, value);
        }
        built.body(Full::new(Bytes::from(request.body))).map_err(|error| {
            CliError::failed(localized!(
                "the request can't be made ({error}): a token, key or id with unusual characters?",
                "não foi possível montar a requisição ({error}): um token, chave ou id com caracteres incomuns?"
            ))
        })
    }

    /// Calls the daemon and waits for the whole answer, whatever it consists of.
    async fn exchange(&self, request: ApiRequest) -> Result<(Exchange, Bytes), CliError> {
        let path = request.path.clone();
        let request = self.http_request(request)?;
        let mut exchange = self.peer.send(request).await.map_err(|why| self.unreachable(why))?;
        let body = self.body(&mut exchange).await?;
        if !exchange.response.status().is_success() {
            return Err(self.refusal(&path, &exchange.response, &body));
        }
        Ok((exchange, body))
    }

    /// Calls the API and waits for the whole answer.
    pub(crate) async fn send(&self, request: ApiRequest) -> Result<ApiAnswer, CliError> {
        let (exchange, body) = self.exchange(request).await?;
        if body.is_empty() {
            return Ok(ApiAnswer::default());
        }
        let answer: ApiAnswer =
            serde_json::from_slice(&body).map_err(|_| self.no_carteiro(exchange.response.status()))?;
        let headers = exchange.response.headers();
        let etag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(ApiAnswer { etag, replayed: headers.contains_key("idempotent-replayed"), ..answer })
    }

    async fn body(&self, exchange: &mut Exchange) -> Result<Bytes, CliError> {
        let body = Limited::new(exchange.response.body_mut(), MAX_ANSWER).collect();
        match tokio::time::timeout(TIMEOUT, body).await {
            Ok(body) => Ok(body.map_err(|error| self.unreachable(error))?.to_bytes()),
            Err(_) => {
                Err(self.unreachable(format_args!("the rest of its answer took more than {} s", TIMEOUT.as_secs())))
            }
        }
    }

    /// [`ApiClient::send`], blocking.
    pub(crate) fn call(&self, request: ApiRequest) -> Result<ApiAnswer, CliError> {
        block_on(self.send(request))
    }

    /// Calls the API for what is at a path, blocking.
    pub(crate) fn get(&self, path: impl Into<String>) -> Result<ApiAnswer, CliError> {
        self.call(ApiRequest::get(path))
    }

    /// What is at a path that answers plain text, blocking.
    pub(crate) fn text(&self, path: &'static str) -> Result<String, CliError> {
        block_on(async {
            let (exchange, body) = self.exchange(ApiRequest::get(path)).await?;
            String::from_utf8(body.into()).map_err(|_| self.no_carteiro(exchange.response.status()))
        })
    }

    /// Opens an event stream (Server-Sent Events).
    pub(crate) async fn stream(&self, request: ApiRequest) -> Result<Exchange, CliError> {
        let path = request.path.clone();
        let request = self.http_request(request)?;
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

    pub(super) fn no_carteiro(&self, status: StatusCode) -> CliError {
        let address = &self.peer.address;
        CliError::failed(localized!(
            "{address} answered {status} and not what carteiro would: is that carteiro? --server names another address",
            "{address} respondeu {status}, e não o que o carteiro responderia: é o carteiro? --server indica outro \
             endereço"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let daemon = ApiClient::of(&crate::config::Config::default(), Some(server)).unwrap();
            assert_eq!(daemon.is_in_the_clear(), clear, "{server}");
        }
    }

    #[test]
    fn a_daemon_is_told_from_a_stranger_by_its_address() {
        let is_at = |address: &str, listen: &str| is_at(address, listen.parse().unwrap());
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
