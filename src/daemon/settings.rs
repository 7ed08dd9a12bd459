//! What each module gets of the config, at the start and at a reload, and what is wrong or unwise in it.
//!
//! A module whose settings are one section of the config takes that section as it is (`http`, `control`). One that
//! needs keys of several sections, or what a file holds, declares a struct of its own, which is made here.

use super::{Error, admin_token};
use crate::config::Config;
use crate::delivery::egress::Guard;
use crate::delivery::schedule::EngineSettings;
use crate::delivery::transport::settings::ClientSettings;
use crate::http::Certificate;
use crate::model::{DisableRule, EventType, ProxyUrl, Timestamp};
use crate::service::Policy;
use crate::store::Limits;
use crate::tls::client as tls;
use std::fs;
use std::net::SocketAddr;
use zeroize::Zeroizing;

pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        retention: config.store.retention,
        retention_bytes: config.store.retention_bytes,
        keep_at_least: config.delivery.idempotency_window,
        min_free: config.store.min_free,
    }
}

pub(crate) fn extra_types(config: &Config) -> impl Iterator<Item = EventType> + '_ {
    config.catalogue.extra.iter().map(|extra| extra.event_type.clone())
}

/// Reads the files of CA certificates and of the proxy.
pub(crate) fn client(config: &Config) -> Result<ClientSettings, Error> {
    Ok(ClientSettings {
        timeout: config.delivery.timeout,
        connect_timeout: config.delivery.connect_timeout,
        allow_http: config.egress.allow_http,
        guard: Guard::new(config.egress.allow.clone()),
        proxy: proxy(config)?,
        tls: tls::client_config(config.egress.extra_ca_file.as_deref())?,
    })
}

fn proxy(config: &Config) -> Result<Option<ProxyUrl>, Error> {
    let Some(path) = &config.egress.proxy_file else {
        return Ok(config.egress.proxy.clone());
    };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?);
    ProxyUrl::parse(text.trim()).map(Some).map_err(|error| Error::Proxy(path.to_owned(), error))
}

pub(crate) fn engine(config: &Config) -> EngineSettings {
    EngineSettings {
        retry: config.delivery.retry(),
        retry_after_cap: config.delivery.retry_after_cap,
        max_in_flight: config.delivery.max_in_flight,
        max_in_flight_per_webhook: usize::from(config.delivery.max_in_flight_per_webhook),
    }
}

pub(crate) fn policy(config: &Config) -> Policy {
    Policy {
        retry: config.delivery.retry(),
        max_in_flight_per_webhook: config.delivery.max_in_flight_per_webhook,
        idempotency_window: config.delivery.idempotency_window,
        secret_overlap: config.delivery.secret_overlap,
        strict_types: config.catalogue.strict,
        extra_types: config.catalogue.extra.clone(),
        disable: DisableRule { after: config.delivery.disable_after, on_gone: config.delivery.disable_on_gone },
    }
}

/// Every problem of the files that a config names, as a start would find them.
pub fn check_files(config: &Config) -> Vec<Error> {
    let ca = tls::client_config(config.egress.extra_ca_file.as_deref()).err().map(Error::Tls);
    let certificate = Certificate::of(&config.server).err().map(Error::Certificate);
    let tokens = config.account.iter().filter_map(|account| account.admin_token_file.as_deref());
    let tokens = tokens.filter_map(|path| admin_token::read(path).err());
    ca.into_iter().chain(certificate).chain(proxy(config).err()).chain(tokens).collect()
}

/// What works and is unwise, in sentences, for the log of the start and for `check-config`.
pub fn warnings(
    config: &Config,
    certificate: Option<&Certificate>,
    address: SocketAddr,
    now: Timestamp,
) -> Vec<String> {
    match certificate {
        Some(certificate) => certificate.warnings(&config.server, now),
        None if !address.ip().is_loopback() => vec![format!(
            "ANYONE ON THE NETWORK CAN READ TOKENS AND PAYLOADS: {address} is not loopback and speaks plain HTTP; set \
             `server.tls_cert` and `server.tls_key`, or listen on 127.0.0.1 behind a proxy with TLS"
        )],
        None => Vec::new(),
    }
}
