//! What each module gets of the config, at the start and at a reload, and what is wrong or unwise in it.
//!
//! A module takes the sections of the config that it needs, as they are. What files hold is read here.

use super::{Error, admin_token};
use crate::config::Config;
use crate::delivery::transport::settings::ClientSettings;
use crate::http::Certificate;
use crate::model::{EventType, ProxyUrl, Timestamp};
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
        delivery: config.delivery.clone(),
        egress: config.egress.clone(),
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
