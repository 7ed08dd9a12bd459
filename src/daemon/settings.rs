//! What the config leads to at the start and at a reload: the settings of delivery with the files that they name, and
//! what is wrong or unwise in the config and its files.
//!
//! The other modules take the sections of the config that they need as they are.

use super::{Error, admin_token};
use crate::config::Config;
use crate::delivery::transport::settings::ClientSettings;
use crate::http::Certificate;
use crate::model::{ProxyUrl, Timestamp};
use crate::tls::client as tls;
use std::net::SocketAddr;

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
    let proxy = ProxyUrl::parse(admin_token::read_secret(path)?.trim());
    proxy.map(Some).map_err(|error| Error::BadFile(format!("{} must hold {error}, on one line", path.display())))
}

/// Every problem of the files that a config names, as a start would find them.
pub fn check_files(config: &Config) -> Vec<Error> {
    let ca = tls::client_config(config.egress.extra_ca_file.as_deref()).err().map(Error::from);
    let certificate = Certificate::of(&config.server).err().map(Error::from);
    let tokens = config.account.iter().filter_map(|account| account.admin_token_file.as_deref());
    let tokens = tokens.filter_map(|path| admin_token::read(path).err());
    ca.into_iter().chain(certificate).chain(proxy(config).err()).chain(tokens).collect()
}

/// What works and is unwise, in sentences, for the log of the start and for `check-config`.
pub fn warnings(certificate: Option<&Certificate>, address: SocketAddr, now: Timestamp) -> Vec<String> {
    match certificate {
        Some(certificate) => certificate.warnings(now),
        None if !address.ip().is_loopback() => vec![format!(
            "ANYONE ON THE NETWORK CAN READ TOKENS AND PAYLOADS: {address} is not loopback and speaks plain HTTP; set \
             `server.tls_cert` and `server.tls_key`, or listen on 127.0.0.1 behind a proxy with TLS"
        )],
        None => Vec::new(),
    }
}
