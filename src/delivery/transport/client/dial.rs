//! Connections to servers that aren't asked by HTTP, made as an attempt makes its own.

use super::Client;
use crate::delivery::transport::settings::ClientSettings;
use crate::model::AttemptError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

impl Client {
    /// How long an answer is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.current().settings.delivery.timeout
    }

    /// Connects within the connect timeout, and never by way of the proxy: HTTP proxies let through what speaks TLS
    /// first, and not servers that speak first themselves.
    pub(crate) async fn dial(&self, host: &str, port: u16) -> Result<(TcpStream, SocketAddr), AttemptError> {
        let settings = self.current().settings;
        let direct = ClientSettings { proxy: None, ..(*settings).clone() };
        self.inner.connector.dial(host, port, &direct).await
    }

    /// TLS over a connection that [`Client::dial`] has made, within the connect timeout.
    pub(crate) async fn secure(
        &self,
        host: &str,
        tcp: TcpStream,
        remote: SocketAddr,
    ) -> Result<TlsStream<TcpStream>, AttemptError> {
        let settings = self.current().settings;
        let mut tls = (*settings.tls).clone();
        // HTTP is not what is spoken in there.
        tls.alpn_protocols.clear();
        let settings = ClientSettings { proxy: None, tls: Arc::new(tls), ..(*settings).clone() };
        self.inner.connector.secure(host, tcp, remote, &settings).await
    }
}
