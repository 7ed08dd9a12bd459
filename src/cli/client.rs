//! Speaking to a running daemon: one JSON request, over TLS where the daemon speaks it.

use super::{BAD_CONFIG, FAILED, TRY_LATER};
use crate::api::Certificate;
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Why a call brought no data: the sentence and the exit code.
pub(super) struct Problem {
    pub(super) sentence: String,
    pub(super) code: u8,
}

/// Where the daemon is, how it is spoken to, and as whom.
pub(super) struct Daemon {
    /// With a port.
    address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    token: String,
}

/// What bytes go over.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

impl Daemon {
    /// The daemon of a config, or whatever `server` says of it: `https://name[:port]`, whose certificate must be good by the system's
    /// authorities, or an address at which the config's own daemon can be reached.
    pub(super) fn of(config: &crate::config::Server, server: Option<&str>) -> Result<Self, Problem> {
        let bad = |sentence: String| Problem { sentence, code: BAD_CONFIG };
        let plain = |address: String| Self { address, tls: None, token: String::new() };
        if let Some(authority) = server.and_then(|server| server.strip_prefix("https://")) {
            let authority = authority.trim_end_matches('/');
            let uri: http::uri::Authority =
                authority.parse().map_err(|_| bad(format!("https://{authority} is no address")))?;
            let host = uri.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|_| bad(format!("https://{authority} is no address")))?;
            let tls = crate::delivery::tls::client_config(None).map_err(|error| bad(error.to_string()))?;
            let address = format!("{}:{}", uri.host(), uri.port_u16().unwrap_or(443));
            return Ok(Self { tls: Some((tls.into(), name)), ..plain(address) });
        }
        let server = server.map(|server| server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/'));
        let daemon = plain(server.map_or_else(|| config.listen.to_string(), str::to_owned));
        let Some(certificate) = Certificate::of(config).map_err(|error| bad(error.to_string()))? else {
            return Ok(daemon);
        };
        // Of a certificate that is known, the name says nothing more: the address is seldom the one it was made out to.
        let name = ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        Ok(Self { tls: Some((Known::connector(certificate.own().clone()), name)), ..daemon })
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect(&self.address).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        })
    }

    /// Calls the API and gives back the JSON of its answer (null for an empty one).
    pub(super) fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Problem> {
        let (address, token) = (&self.address, &self.token);
        let failed = |sentence: String| Problem { sentence, code: FAILED };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(format!("the runtime could not be started: {error}")))?;
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, address)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(format!("the request can't be made: {error}")))?;
        let unreachable = |error: &dyn std::fmt::Display| Problem {
            sentence: format!("the daemon at {address} can't be reached ({error}): is `carteiro serve` running?"),
            code: TRY_LATER,
        };
        runtime.block_on(async {
            let exchange = async {
                let stream = self.connect().await.map_err(|error| unreachable(&error))?;
                let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
                let (mut sender, connection) = handshake.map_err(|error| unreachable(&error))?;
                let connection = tokio::spawn(connection);
                let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
                let status = response.status();
                let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
                let body = body.map_err(|error| unreachable(&error))?.to_bytes();
                connection.abort();
                let json = if body.is_empty() { Ok(serde_json::Value::Null) } else { serde_json::from_slice(&body) };
                let json =
                    json.map_err(|_| failed(format!("{address} answered {status} and no JSON: is that carteiro?")))?;
                if status.is_success() {
                    return Ok(json);
                }
                let detail =
                    json.pointer("/errors/detail").and_then(serde_json::Value::as_str).unwrap_or("no reason given");
                let code = if status.as_u16() == 503 { TRY_LATER } else { FAILED };
                Err(Problem { sentence: format!("the daemon answered {}: {detail}", status.as_u16()), code })
            };
            match tokio::time::timeout(TIMEOUT, exchange).await {
                Ok(result) => result,
                Err(_) => Err(unreachable(&format_args!("no answer within {} s", TIMEOUT.as_secs()))),
            }
        })
    }
}

/// The certificate of the config's own daemon, and no other.
#[derive(Debug)]
struct Known {
    certificate: CertificateDer<'static>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl Known {
    fn connector(certificate: CertificateDer<'static>) -> TlsConnector {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the ring provider has cipher suites for TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Self { certificate, provider }))
            .with_no_client_auth();
        Arc::new(config).into()
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
