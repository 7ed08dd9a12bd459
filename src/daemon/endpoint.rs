//! How this machine reaches the daemon, for commands that ask over the control socket.

use crate::control::{Endpoint, TellEndpoint};
use crate::http::Ingress;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Of the daemon that listens on `address`.
pub(crate) fn tell(address: SocketAddr, ingress: Arc<Ingress>) -> TellEndpoint {
    Arc::new(move || Endpoint {
        address: here(address),
        certificate: ingress.certificate().map(|certificate| STANDARD.encode(certificate.own())),
    })
}

/// The address by which this machine reaches a daemon that listens on `address`.
pub(crate) fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
