//! Makes one connection: resolve, ask the egress guard, dial, shake hands.
//!
//! It doesn't know what is sent over a connection, nor how long one stays open.

use super::certificate_ends::CertificateEnds;
use super::client_certificates::ClientCertificate;
use super::connection::Connection;
use super::proxy;
use super::resolve::{Resolver, literal};
use super::settings::ClientSettings;
use crate::clock::Clock;
use crate::delivery::failure::{self, ClientAuth, Unresolved};
use crate::model::{AttemptError, ProxyUrl, TargetUrl, Timings, TlsVersion};
use crate::tls::ByteStream;
use crate::tls::client::probes;
use crate::tls::handshake::HandshakeRecord;
use rustls::client::Resumption;
use rustls::{ClientConfig, ProtocolVersion};
use rustls_pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Dials targets. One for each client, because it bounds the lookups under way.
pub(crate) struct Connector {
    resolver: Resolver,
    clock: Clock,
    /// What targets have shown.
    pub(crate) certificates: CertificateEnds,
}

/// What is known of a dial while it is under way, so that a failure half-way still tells it.
#[derive(Default)]
pub(crate) struct Dial {
    pub(crate) timings: Timings,
    pub(crate) remote_ip: Option<IpAddr>,
    pub(crate) tls: Option<TlsVersion>,
    handshake: Arc<HandshakeRecord>,
}

impl Connector {
    pub(crate) fn new(resolver: Resolver, clock: Clock) -> Self {
        Self { resolver, clock, certificates: CertificateEnds::default() }
    }

    /// A new connection to `target`, made within the connect timeout and before `deadline`.
    pub(crate) async fn connect(
        &self,
        target: &TargetUrl,
        certificate: Option<&ClientCertificate>,
        settings: &ClientSettings,
        deadline: Instant,
        dial: &mut Dial,
    ) -> Result<Connection, AttemptError> {
        let start = Instant::now();
        let limit = settings.delivery.connect_timeout.min(deadline.saturating_duration_since(start));
        let budget = Budget { until: start + limit, limit };
        let (host, port) = (target.host(), target.port());

        let addresses = self.resolve(host, port, budget, dial).await?;
        let (tcp, remote) = self.dial_allowed(&addresses, settings, budget, dial).await?;
        // Heads and bodies leave in one piece; waiting for more would only delay them. A socket that refuses the
        // option is already dead, and says so at the first write.
        tcp.set_nodelay(true).ok();
        let stream: Box<dyn ByteStream> = if target.is_https() {
            let tls = self.tls(target, certificate, settings);
            let tls = self.handshake(host, tls, certificate, tcp, remote, settings, budget, dial).await?;
            dial.tls = version(&tls);
            self.certificates.note(target, &tls);
            Box::new(tls)
        } else {
            Box::new(tcp)
        };
        Connection::open(stream, remote.ip(), dial.tls, client_auth(&dial.handshake, certificate)).await
    }

    /// A connection without TLS to one of the addresses of `host`, made within the connect timeout.
    pub(crate) async fn dial(
        &self,
        host: &str,
        port: u16,
        settings: &ClientSettings,
    ) -> Result<(TcpStream, SocketAddr), AttemptError> {
        let (budget, dial) = (Budget::of(settings), &mut Dial::default());
        let addresses = self.resolve(host, port, budget, dial).await?;
        let (tcp, remote) = self.dial_allowed(&addresses, settings, budget, dial).await?;
        tcp.set_nodelay(true).ok();
        Ok((tcp, remote))
    }

    /// TLS over a connection to `remote`, agreed within the connect timeout.
    pub(crate) async fn secure(
        &self,
        host: &str,
        tcp: TcpStream,
        remote: SocketAddr,
        settings: &ClientSettings,
    ) -> Result<TlsStream<TcpStream>, AttemptError> {
        let budget = Budget::of(settings);
        self.handshake(host, settings.tls.clone(), None, tcp, remote, settings, budget, &mut Dial::default()).await
    }

    async fn resolve(
        &self,
        host: &str,
        port: u16,
        budget: Budget,
        dial: &mut Dial,
    ) -> Result<Vec<SocketAddr>, AttemptError> {
        if let Some(ip) = literal(host) {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let start = Instant::now();
        let found = timeout_at(budget.until, self.resolver.look_up(host)).await;
        dial.timings.dns_us = Some(elapsed_us(start));
        match found {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(failure::resolving(host, &Unresolved::NotFound)),
            Ok(Ok(addresses)) => Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()),
            Ok(Err(cause)) => Err(failure::resolving(host, &cause)),
            Err(_) => Err(failure::resolving_too_long(host, budget.limit)),
        }
    }

    /// Dials the addresses that the guard allows, in turn: the very ones that it has checked.
    async fn dial_allowed(
        &self,
        addresses: &[SocketAddr],
        settings: &ClientSettings,
        budget: Budget,
        dial: &mut Dial,
    ) -> Result<(TcpStream, SocketAddr), AttemptError> {
        let allowed = settings.guard().admit(addresses).map_err(|blocked| failure::blocked(&blocked))?;
        let start = Instant::now();
        let mut last = None;
        for (index, &address) in allowed.iter().enumerate() {
            // An address that swallows packets must not eat the time of those behind it, so each gets its share.
            let now = Instant::now();
            let left = u32::try_from(allowed.len() - index).unwrap_or(u32::MAX);
            let share = budget.until.saturating_duration_since(now) / left;
            dial.remote_ip = Some(address.ip());
            let dialled = timeout_at(now + share, self.open(address, settings.proxy.as_ref())).await;
            dial.timings.connect_us = Some(elapsed_us(start));
            match (dialled, &settings.proxy) {
                (Ok(Ok(stream)), _) => return Ok((stream, address)),
                (Ok(Err(cause)), _) => last = Some(cause),
                (Err(_), None) => last = Some(failure::connecting_too_long(address, budget.limit)),
                (Err(_), Some(proxy)) => last = Some(failure::proxy_too_long(proxy, address, budget.limit)),
            }
        }
        Err(last.expect("a name has an address, and the guard admits one or says why not"))
    }

    /// Bytes to and from `address`, directly or by way of the proxy. The proxy's own address is the operator's choice,
    /// and not checked.
    async fn open(&self, address: SocketAddr, proxy: Option<&ProxyUrl>) -> Result<TcpStream, AttemptError> {
        let Some(proxy) = proxy else {
            return TcpStream::connect(address).await.map_err(|cause| failure::connecting(address, &cause));
        };
        let found = match literal(proxy.host()) {
            Some(ip) => Ok(vec![ip]),
            None => self.resolver.look_up(proxy.host()).await,
        };
        let found = found.map_err(|cause| failure::proxy_unresolved(proxy, &cause))?;
        let addresses: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, proxy.port())).collect();
        if addresses.is_empty() {
            return Err(failure::proxy_unresolved(proxy, &Unresolved::NotFound));
        }
        let tcp =
            TcpStream::connect(&addresses[..]).await.map_err(|cause| failure::proxy_unreachable(proxy, &cause))?;
        tcp.set_nodelay(true).ok();
        proxy::tunnel(proxy, tcp, address).await
    }

    /// TLS for a new connection. A session that is resumed shows no certificate: one that the target has renewed would
    /// stay unknown while sessions last, so that none is resumed once the certificate it showed last is near its end.
    fn tls(
        &self,
        target: &TargetUrl,
        certificate: Option<&ClientCertificate>,
        settings: &ClientSettings,
    ) -> Arc<ClientConfig> {
        let tls = certificate.map_or(&settings.tls, |certificate| &certificate.tls);
        if self.certificates.of(target).is_none_or(|end| !end.is_near(self.clock.now())) {
            return tls.clone();
        }
        let mut tls = ClientConfig::clone(tls);
        tls.resumption = Resumption::disabled();
        Arc::new(tls)
    }

    #[expect(clippy::too_many_arguments, reason = "what a handshake depends on")]
    async fn handshake(
        &self,
        host: &str,
        tls: Arc<ClientConfig>,
        certificate: Option<&ClientCertificate>,
        tcp: TcpStream,
        remote: SocketAddr,
        settings: &ClientSettings,
        budget: Budget,
        dial: &mut Dial,
    ) -> Result<TlsStream<TcpStream>, AttemptError> {
        // The dot at the end of a fully qualified name belongs to the resolver; no certificate carries it.
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned())
            .map_err(|_| failure::never_certified(host))?;
        let (start, record) = (Instant::now(), Arc::clone(&dial.handshake));
        let handshake = TlsConnector::from(tls).connect(name.clone(), tcp);
        let shaken = timeout_at(budget.until, HandshakeRecord::during(&record, handshake)).await;
        dial.timings.tls_us = Some(elapsed_us(start));
        match shaken {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(cause)) => {
                if failure::hides_its_certificate(&cause, &record) {
                    // What is found out is only for the sentence; without it, there is a less exact one.
                    timeout_at(budget.until, self.probe(&name, remote, settings, &record)).await.ok();
                }
                Err(failure::handshaking(host, remote, &cause, &record, &client_auth(&record, certificate)))
            }
            Err(_) => Err(failure::handshaking_too_long(remote, budget.limit)),
        }
    }

    /// Has the target show its certificate, to the record alone, on further connections to the same address.
    async fn probe(
        &self,
        name: &ServerName<'static>,
        remote: SocketAddr,
        settings: &ClientSettings,
        record: &Arc<HandshakeRecord>,
    ) {
        for probe in probes() {
            let Ok(tcp) = self.open(remote, settings.proxy.as_ref()).await else {
                return;
            };
            let handshake = TlsConnector::from(Arc::clone(probe)).connect(name.clone(), tcp);
            HandshakeRecord::during(record, handshake).await.ok();
            if !record.refused_chain().is_empty() {
                return;
            }
        }
    }
}

/// What is left of the time to connect. The phases share it.
#[derive(Clone, Copy)]
struct Budget {
    until: Instant,
    limit: Duration,
}

impl Budget {
    fn of(settings: &ClientSettings) -> Self {
        let limit = settings.delivery.connect_timeout;
        Self { until: Instant::now() + limit, limit }
    }
}

fn client_auth(record: &HandshakeRecord, certificate: Option<&ClientCertificate>) -> ClientAuth {
    let shown = certificate.map(|certificate| certificate.name.clone());
    ClientAuth { asked: record.wants_client_certificate(), shown }
}

fn version(stream: &TlsStream<TcpStream>) -> Option<TlsVersion> {
    match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::V1_2),
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::V1_3),
        // No other is ever offered; see `crate::tls::client`.
        _ => None,
    }
}

pub(crate) fn elapsed_us(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ErrorCode;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(250);

    fn settings() -> ClientSettings {
        ClientSettings::allowing(&["127.0.0.0/8"], SHORT)
    }

    async fn dial(addresses: &[SocketAddr], limit: Duration) -> (Result<SocketAddr, AttemptError>, Dial) {
        let (settings, mut dial) = (settings(), Dial::default());
        let budget = Budget { until: Instant::now() + limit, limit };
        let connector =
            Connector::new(Resolver::new(Arc::new(crate::delivery::transport::resolve::system), 1), Clock::System);
        let dialled = connector.dial_allowed(addresses, &settings, budget, &mut dial).await;
        (dialled.map(|(_, address)| address), dial)
    }

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// A listener whose queue is full, so that the system drops what else wants to connect: as silent as a black hole.
    async fn swallowing() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = timeout(SHORT, TcpStream::connect(address)).await {
            queued.push(stream.unwrap());
        }
        (listener, address, queued)
    }

    #[tokio::test]
    async fn the_next_address_is_dialled_when_one_refuses_or_is_blocked() {
        let (_listener, good) = listening().await;
        let refusing = listening().await.1;
        let blocked = "10.0.0.1:80".parse().unwrap();
        let (dialled, progress) = dial(&[refusing, blocked, good], Duration::from_secs(20)).await;
        assert_eq!((dialled, progress.remote_ip), (Ok(good), Some(good.ip())));
        let (dialled, _) = dial(&[blocked, refusing], Duration::from_secs(20)).await;
        assert_eq!(dialled.unwrap_err().code, ErrorCode::ConnectRefused);
        let (dialled, progress) = dial(&[blocked], Duration::from_secs(20)).await;
        assert_eq!((dialled.unwrap_err().code, progress.remote_ip), (ErrorCode::BlockedTarget, None));
    }

    #[tokio::test]
    async fn an_address_that_swallows_leaves_time_for_the_next() {
        let (_listener, good) = listening().await;
        let (_full, silent, _queued) = swallowing().await;
        let (dialled, progress) = dial(&[silent, good], 2 * SHORT).await;
        assert_eq!(dialled, Ok(good));
        assert!(progress.timings.connect_us.is_some_and(|us| us >= 200_000));
        let (dialled, _) = dial(&[silent], SHORT).await;
        let failed = dialled.unwrap_err();
        assert_eq!(failed.code, ErrorCode::ConnectTimeout);
        assert_eq!(failed.message, format!("{silent} did not answer the attempt to connect within 250ms."));
    }
}
