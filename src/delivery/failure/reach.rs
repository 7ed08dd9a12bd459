//! What keeps an attempt from reaching its target: the name, the egress guard, the connection, the proxy.

use super::sentence::{error, span};
use super::system::{self, Cause, is_ours};
use crate::delivery::egress::{AddressClass, Blocked};
use crate::model::{AttemptError, ErrorCode, ProxyUrl, TargetUrl};
use dns_lookup::{LookupError, LookupErrorKind};
use http::StatusCode;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

// ---- the name
// --------------------------------------------------------------------------------------------------------

/// A name has led to no address.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// There is none: the resolver knows.
    NotFound,
    /// The resolver doesn't know.
    Failed(io::Error),
}

impl From<LookupError> for Unresolved {
    fn from(error: LookupError) -> Self {
        match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Self::NotFound,
            LookupErrorKind::Memory => Self::Failed(ErrorKind::OutOfMemory.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

/// `host` could not be resolved.
pub(crate) fn resolving(host: &str, cause: &Unresolved) -> AttemptError {
    match cause {
        Unresolved::NotFound => error(
            ErrorCode::DnsNotFound,
            format!("The name {host} does not exist or has no address: check how the webhook's target is written."),
            format!("O nome {host} não existe ou não tem endereço: confira como o destino do webhook foi escrito."),
        ),
        Unresolved::Failed(cause) if is_ours(cause) => ours(cause),
        // The resolver's own words stay out: they differ from one libc to the next, and only ever say that it failed.
        Unresolved::Failed(_) => error(
            ErrorCode::DnsFailed,
            format!("The name {host} could not be resolved to an address."),
            format!("Não foi possível descobrir o endereço de {host}."),
        ),
    }
}

/// The resolver was silent about `host` for the whole `limit`.
pub(crate) fn resolving_too_long(host: &str, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::DnsFailed,
        format!("The name {host} was not resolved within {within}."),
        format!("O endereço de {host} não foi descoberto em {within}."),
    )
}

// ---- what is never dialled
// -------------------------------------------------------------------------------------------

/// `target` is plain `http`, and the config wants none.
pub(crate) fn not_https(target: &TargetUrl) -> AttemptError {
    error(
        ErrorCode::BlockedTarget,
        format!("{target} is not an https URL, and `[egress] allow_http = false` in the config lets no other through."),
        format!(
            "{target} não é uma URL https, e `[egress] allow_http = false` na configuração não deixa passar outras."
        ),
    )
}

/// The egress guard refuses the address.
pub(crate) fn blocked(blocked: &Blocked) -> AttemptError {
    let (what, what_pt) = called(blocked.refused.class);
    let (ip, judged) = (blocked.ip, blocked.judged);
    let (who, who_pt) = if judged == ip {
        (format!("{ip} is"), format!("{ip} é"))
    } else {
        (format!("{ip} leads to {judged},"), format!("{ip} leva a {judged},"))
    };
    let (opens, opens_pt) = match blocked.opened_by() {
        Some(entry) => (
            format!("; `[egress] allow = [\"{entry}\"]` in the config opens it."),
            format!("; `[egress] allow = [\"{entry}\"]` na configuração o libera."),
        ),
        None => (
            ", and `[egress] allow` in the config can't open it.".to_owned(),
            ", e `[egress] allow` na configuração não pode liberá-lo.".to_owned(),
        ),
    };
    error(
        ErrorCode::BlockedTarget,
        format!("{who} {what}, which is not dialled{opens}"),
        format!("{who_pt} {what_pt}, ao qual não se conecta{opens_pt}"),
    )
}

const fn called(class: AddressClass) -> (&'static str, &'static str) {
    match class {
        AddressClass::Unspecified => ("an unspecified address", "um endereço não especificado"),
        AddressClass::Loopback => ("a loopback address", "um endereço da própria máquina"),
        AddressClass::LinkLocal => (
            "a link-local address (where clouds serve their metadata)",
            "um endereço de enlace local (onde as nuvens servem os seus metadados)",
        ),
        AddressClass::Metadata => ("a cloud's metadata address", "o endereço de metadados de uma nuvem"),
        AddressClass::Broadcast => ("the broadcast address", "o endereço de broadcast"),
        AddressClass::Multicast => ("a multicast address", "um endereço de multicast"),
        AddressClass::Private => ("a private address", "um endereço privado"),
        AddressClass::Shared => ("a carrier's shared address", "um endereço compartilhado de operadora"),
        AddressClass::Protocols => ("an address reserved for protocols", "um endereço reservado para protocolos"),
        AddressClass::Documentation => ("a documentation address", "um endereço de documentação"),
        AddressClass::Benchmarking => ("a benchmarking address", "um endereço de testes de desempenho"),
        AddressClass::DiscardOnly => ("a discard-only address", "um endereço só de descarte"),
        AddressClass::Tunnel => (
            "an address of a tunnel that may end anywhere",
            "um endereço de um túnel que pode terminar em qualquer lugar",
        ),
        AddressClass::Reserved => ("a reserved address", "um endereço reservado"),
    }
}

// ---- the connection
// --------------------------------------------------------------------------------------------------

/// Dialling `address` failed with an error of the system.
pub(crate) fn connecting(address: SocketAddr, cause: &io::Error) -> AttemptError {
    // A machine with IPv6 switched off has no address to dial from: no route, rather than no ports left.
    let no_route = address.is_ipv6() && cause.kind() == ErrorKind::AddrNotAvailable;
    if is_ours(cause) && !no_route {
        return ours(cause);
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused => error(
            ErrorCode::ConnectRefused,
            format!("Nothing is listening at {address} (connection refused)."),
            format!("Nada atende em {address} (conexão recusada)."),
        ),
        ErrorKind::TimedOut => error(
            ErrorCode::ConnectTimeout,
            format!("{address} did not answer the attempt to connect."),
            format!("{address} não respondeu à tentativa de conexão."),
        ),
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => error(
            ErrorCode::ConnectFailed,
            format!("There is no route from here to {address}."),
            format!("Não há rota daqui até {address}."),
        ),
        _ => {
            let Cause { en, pt } = system::cause(cause);
            error(
                ErrorCode::ConnectFailed,
                format!("The connection to {address} could not be made: {en}."),
                format!("Não foi possível conectar a {address}: {pt}."),
            )
        }
    }
}

/// `address` was silent while the time to connect, `limit` in all, ran out.
pub(crate) fn connecting_too_long(address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ConnectTimeout,
        format!("{address} did not answer the attempt to connect within {within}."),
        format!("{address} não respondeu à tentativa de conexão em {within}."),
    )
}

// ---- the proxy
// -------------------------------------------------------------------------------------------------------

/// The name of the proxy could not be resolved.
pub(crate) fn proxy_unresolved(proxy: &ProxyUrl, cause: &Unresolved) -> AttemptError {
    match cause {
        Unresolved::Failed(cause) if is_ours(cause) => ours(cause),
        Unresolved::NotFound | Unresolved::Failed(_) => error(
            ErrorCode::ProxyFailed,
            format!(
                "The address of the outbound proxy {proxy} could not be found; check `[egress] proxy` in the config."
            ),
            format!(
                "Não foi possível descobrir o endereço do proxy de saída {proxy}; confira `[egress] proxy` na \
                 configuração."
            ),
        ),
    }
}

/// Dialling the proxy failed with an error of the system.
pub(crate) fn proxy_unreachable(proxy: &ProxyUrl, cause: &io::Error) -> AttemptError {
    if is_ours(cause) {
        return ours(cause);
    }
    let Cause { en, pt } = system::cause(cause);
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} can't be reached: {en}."),
        format!("O proxy de saída {proxy} não pode ser alcançado: {pt}."),
    )
}

/// The proxy had not connected to `address` when the time to connect, `limit` in all, ran out.
pub(crate) fn proxy_too_long(proxy: &ProxyUrl, address: SocketAddr, limit: Duration) -> AttemptError {
    let within = span(limit);
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} did not connect to {address} within {within}."),
        format!("O proxy de saída {proxy} não conectou a {address} em {within}."),
    )
}

/// What the proxy did is not what an HTTP proxy does.
pub(crate) fn proxy_is_odd(proxy: &ProxyUrl, address: SocketAddr) -> AttemptError {
    error(
        ErrorCode::ProxyFailed,
        format!("The outbound proxy {proxy} did not answer CONNECT {address} as an HTTP proxy does."),
        format!("O proxy de saída {proxy} não respondeu a CONNECT {address} como um proxy HTTP responde."),
    )
}

/// The proxy answered, and did not connect.
pub(crate) fn proxy_refused(proxy: &ProxyUrl, address: SocketAddr, status: StatusCode) -> AttemptError {
    let (why, why_pt) = match status.as_u16() {
        401 | 407 => (
            "check the user and the password in `[egress] proxy` in the config",
            "confira o usuário e a senha em `[egress] proxy` na configuração",
        ),
        403 | 405 => (
            "its rules must allow CONNECT to that address and port",
            "as regras dele precisam permitir CONNECT a esse endereço e porta",
        ),
        502..=504 => ("it could not connect either", "ele também não conseguiu conectar"),
        _ => ("it does not say why", "ele não diz por quê"),
    };
    let status = status.as_u16();
    error(
        ErrorCode::ProxyRefused,
        format!("The outbound proxy {proxy} answered CONNECT {address} with {status}: {why}."),
        format!("O proxy de saída {proxy} respondeu {status} a CONNECT {address}: {why_pt}."),
    )
}

/// This machine has run out of something that a connection needs.
pub(crate) fn ours(cause: &io::Error) -> AttemptError {
    let Cause { en, pt } = system::cause(cause);
    error(
        ErrorCode::Internal,
        format!("This machine could not open a connection: {en}."),
        format!("Esta máquina não conseguiu abrir uma conexão: {pt}."),
    )
}
