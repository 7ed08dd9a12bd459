//! What the config leads to at the start and at a reload: the settings of delivery with the files that they name, and
//! what is wrong or unwise in the config and its files.
//!
//! The other modules take the sections of the config that they need as they are.

use super::{Error, admin_token};
use crate::alerts::channels::{BadFile, ReadChannels};
use crate::config::Config;
use crate::delivery::transport::client_certificates::ClientCertificates;
use crate::delivery::transport::settings::ClientSettings;
use crate::http::Certificate;
use crate::model::{ProxyUrl, Timestamp};
use crate::tls::{CertificateFileError, client as tls};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;

/// Reads the files of CA certificates, of client certificates and of the proxy.
pub(crate) fn client(config: &Config) -> Result<ClientSettings, Error> {
    let tls = targets_tls(config)?;
    let client_certificates = client_certificates(config, &tls).map_err(|mut errors| errors.swap_remove(0))?;
    Ok(ClientSettings {
        delivery: config.delivery.clone(),
        egress: config.egress.clone(),
        proxy: proxy(config)?,
        tls,
        client_certificates,
        any_address: false,
    })
}

fn targets_tls(config: &Config) -> Result<Arc<ClientConfig>, Error> {
    let tls = tls::client_config(config.egress.extra_ca_file.as_deref());
    tls.map_err(|error| Error::bad_file("egress.extra_ca_file", error))
}

/// The errors are at least one.
fn client_certificates(config: &Config, tls: &ClientConfig) -> Result<ClientCertificates, Vec<Error>> {
    ClientCertificates::load(&config.client_certificate, tls).map_err(|errors| {
        let of_one = |(nth, error): (usize, CertificateFileError)| {
            let file = if error.is_of_key { "key" } else { "cert" };
            Error::bad_file(format!("client_certificate[{nth}].{file}"), error)
        };
        errors.into_iter().map(of_one).collect()
    })
}

/// The server's certificate, if the config names one.
pub(crate) fn certificate(config: &Config) -> Result<Option<Certificate>, Error> {
    Certificate::of(&config.server)
        .map_err(|error| Error::bad_file(if error.is_of_key { "server.tls_key" } else { "server.tls_cert" }, error))
}

fn proxy(config: &Config) -> Result<Option<ProxyUrl>, Error> {
    let Some(path) = &config.egress.proxy_file else {
        return Ok(config.egress.proxy.clone());
    };
    let bad = |sentence: String| Error::bad_file("egress.proxy_file", sentence);
    let proxy = ProxyUrl::parse(admin_token::read_secret(path).map_err(bad)?.trim());
    proxy.map(Some).map_err(|error| bad(format!("{} must hold {error}, on one line", path.display())))
}

/// Reads the files that the alert channels of a config need.
pub(crate) fn channels(config: &Config) -> Result<ReadChannels, Error> {
    ReadChannels::of(config).map_err(|mut bad| of_channel(bad.swap_remove(0)))
}

fn of_channel(bad: BadFile) -> Error {
    Error::bad_file(bad.key, bad.sentence)
}

/// The files that a config names, as a start would read them.
pub struct CheckedFiles {
    /// Every problem of them.
    pub problems: Vec<Error>,
    /// What works and is unwise, in sentences, as far as there are no problems.
    pub warnings: Vec<String>,
    /// The certificates that are shown to targets; none where one of them is a problem.
    pub client_certificates: ClientCertificates,
}

/// Reads every file that a config names.
pub fn check_files(config: &Config, now: Timestamp) -> CheckedFiles {
    let (mut problems, mut client) = (Vec::new(), ClientCertificates::default());
    match targets_tls(config).map(|tls| client_certificates(config, &tls)) {
        Ok(Ok(certificates)) => client = certificates,
        Ok(Err(errors)) => problems.extend(errors),
        Err(error) => problems.push(error),
    }
    let certificate = certificate(config).unwrap_or_else(|error| {
        problems.push(error);
        None
    });
    problems.extend(proxy(config).err());
    for (nth, account) in config.account.iter().enumerate() {
        let why = account.admin_token_file.as_deref().and_then(|path| admin_token::read(path).err());
        problems.extend(why.map(|why| Error::bad_file(format!("account[{nth}].admin_token_file"), why)));
    }
    problems.extend(ReadChannels::of(config).err().into_iter().flatten().map(of_channel));
    let warnings = warnings(certificate.as_ref(), &client, config.server.listen, now);
    CheckedFiles { problems, warnings, client_certificates: client }
}

/// What works and is unwise, in sentences, for the log of the start and for `check-config`.
pub(crate) fn warnings(
    certificate: Option<&Certificate>,
    client_certificates: &ClientCertificates,
    address: SocketAddr,
    now: Timestamp,
) -> Vec<String> {
    let mut warnings = match certificate {
        Some(certificate) => certificate.warnings(now),
        None if !address.ip().is_loopback() => vec![format!(
            "ANYONE ON THE NETWORK CAN READ TOKENS AND PAYLOADS: {address} is not loopback and speaks plain HTTP; set \
             `server.tls_cert` and `server.tls_key`, or listen on 127.0.0.1 behind a proxy with TLS"
        )],
        None => Vec::new(),
    };
    warnings.extend(client_certificates.warnings(now));
    warnings
}
