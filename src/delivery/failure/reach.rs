//! What keeps an attempt from reaching its target: the name, the egress guard, the connection, the proxy.

use super::sentences;
use super::system::{self, is_ours};
use crate::delivery::egress::{AddressClass, Blocked};
use crate::model::{AttemptError, Localized, ProxyUrl, localized};
use dns_lookup::{LookupError, LookupErrorKind};
use http::StatusCode;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

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
        Unresolved::NotFound => sentences::name_not_found(host),
        Unresolved::Failed(cause) if is_ours(cause) => system::out_of_resources(cause),
        // The resolver's own words stay out: they differ from one libc to the next, and only ever say that it failed.
        Unresolved::Failed(_) => sentences::name_unresolved(host),
    }
}

/// The egress guard refuses the address.
pub(crate) fn blocked(blocked: &Blocked) -> AttemptError {
    let (ip, checked) = (blocked.ip, blocked.checked);
    let who = if checked == ip {
        localized!("{ip} is", "{ip} é")
    } else {
        localized!("{ip} leads to {checked},", "{ip} leva a {checked},")
    };
    let opens = match blocked.opened_by() {
        Some(entry) => localized!(
            "sends only if that is allowed. If the URL is right, ask whoever set up carteiro to write \
             `[egress] allow = [\"{entry}\"]` into its config.",
            "só envia se isso for liberado. Se a URL está certa, peça a quem instalou o carteiro para pôr \
             `[egress] allow = [\"{entry}\"]` na configuração dele."
        ),
        None => localized!(
            "never sends: write another URL. Even `[egress] allow` in the config can't allow it.",
            "nunca envia: use outra URL. Nem `[egress] allow` na configuração pode liberá-lo."
        ),
    };
    sentences::blocked_address(&who, &describe(blocked.refused.class), &opens)
}

fn describe(class: AddressClass) -> Localized {
    let (en, pt) = match class {
        AddressClass::Unspecified => ("an unspecified address", "um endereço não especificado"),
        AddressClass::Loopback => ("a loopback address", "um endereço da própria máquina"),
        AddressClass::LinkLocal => (
            "a link-local address (where clouds serve their metadata)",
            "um endereço de enlace local (onde as nuvens servem os seus metadados)",
        ),
        AddressClass::Metadata => ("a cloud's metadata address", "o endereço de metadados de uma nuvem"),
        AddressClass::Broadcast => ("the broadcast address", "o endereço de broadcast"),
        AddressClass::Multicast => ("a multicast address", "um endereço de multicast"),
        AddressClass::Private => {
            ("a private address (of an internal network)", "um endereço privado (de rede interna)")
        }
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
    };
    Localized::new(en, pt)
}

/// Dialling `address` failed with an error of the system.
pub(crate) fn connecting(address: SocketAddr, cause: &io::Error) -> AttemptError {
    // A machine with IPv6 switched off has no address to dial from: no route, rather than no ports left.
    let no_route = address.is_ipv6() && cause.kind() == ErrorKind::AddrNotAvailable;
    if is_ours(cause) && !no_route {
        return system::out_of_resources(cause);
    }
    match cause.kind() {
        ErrorKind::ConnectionRefused => sentences::connection_refused(address),
        ErrorKind::TimedOut => sentences::connection_timed_out(address),
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => sentences::no_route(address),
        _ => sentences::connection_failed(address, &system::cause(cause)),
    }
}

/// The name of the proxy could not be resolved.
pub(crate) fn proxy_unresolved(proxy: &ProxyUrl, cause: &Unresolved) -> AttemptError {
    match cause {
        Unresolved::Failed(cause) if is_ours(cause) => system::out_of_resources(cause),
        Unresolved::NotFound | Unresolved::Failed(_) => sentences::proxy_name_unresolved(proxy),
    }
}

/// Dialling the proxy failed with an error of the system.
pub(crate) fn proxy_unreachable(proxy: &ProxyUrl, cause: &io::Error) -> AttemptError {
    if is_ours(cause) {
        system::out_of_resources(cause)
    } else {
        sentences::proxy_connection_failed(proxy, &system::cause(cause))
    }
}

/// The proxy answered, and did not connect.
pub(crate) fn proxy_refused(proxy: &ProxyUrl, address: SocketAddr, status: StatusCode) -> AttemptError {
    let status = status.as_u16();
    let why = match status {
        401 | 407 => localized!(
            "check the user and the password in `[egress] proxy` in the config",
            "confira o usuário e a senha em `[egress] proxy` na configuração"
        ),
        403 | 405 => localized!(
            "its rules must allow CONNECT to that address and port",
            "as regras dele precisam permitir CONNECT a esse endereço e porta"
        ),
        502..=504 => localized!("it could not connect either", "ele também não conseguiu conectar"),
        _ => localized!("it does not say why", "ele não diz por quê"),
    };
    sentences::proxy_answered(proxy, address, status, &why)
}
