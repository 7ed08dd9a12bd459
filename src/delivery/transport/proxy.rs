//! A connection through the outbound proxy: CONNECT (RFC 9110, 9.3.6) to an address that the guard has let through.
//!
//! The address is asked for, never the name: a proxy that resolved the name itself might dial another address than the
//! one that was checked. Plain `http` targets are reached by CONNECT as well, for the same reason and so that the proxy
//! sees no header of the request.

use super::connection::{self, AbortOnDrop};
use crate::delivery::failure;
use crate::model::{AttemptError, ProxyUrl};
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// How large the head of the proxy's answer may grow; the least that hyper's buffer takes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Asks the proxy at the other end of `tcp` for a connection to `address`, without a limit of time.
pub(crate) async fn tunnel(proxy: &ProxyUrl, tcp: TcpStream, address: SocketAddr) -> Result<TcpStream, AttemptError> {
    let odd = || failure::proxy_is_odd(proxy, address);
    let http = connection::http(MAX_HEAD_BYTES);
    let (mut sender, connection) = http.handshake(TokioIo::new(tcp)).await.map_err(|_| odd())?;
    let _task = AbortOnDrop::new(&tokio::spawn(async move { drop(connection.with_upgrades().await) }));
    let answer = sender.send_request(request(proxy, address)).await.map_err(|_| odd())?;
    if !answer.status().is_success() {
        return Err(failure::proxy_refused(proxy, address, answer.status()));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(|_| odd())?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| odd())?;
    // Neither TLS nor HTTP lets a server speak first: these bytes are no target's.
    if parts.read_buf.is_empty() { Ok(parts.io.into_inner()) } else { Err(odd()) }
}

fn request(proxy: &ProxyUrl, address: SocketAddr) -> Request<Empty<Bytes>> {
    let text = address.to_string();
    let authority = text.parse::<http::uri::Authority>().expect("an address with a port is an authority");
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = Uri::from(authority);
    let host = HeaderValue::try_from(text).expect("an address with a port is a header value");
    request.headers_mut().insert(HOST, host);
    if let Some(credentials) = proxy.authorization() {
        request.headers_mut().insert(PROXY_AUTHORIZATION, credentials);
    }
    request
}
