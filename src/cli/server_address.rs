//! The address that `--server` and `CARTEIRO_SERVER` name.

use super::error::CliError;
use crate::model::{Authority, AuthorityError, Localized, localized};

/// What `--server` names: host without brackets, port, whether over TLS.
pub(crate) fn parse(server: &str) -> Result<(String, u16, bool), CliError> {
    let wrong = |why: Localized| {
        // What is before an @ may be a password.
        let server = server.rsplit_once('@').map_or(server, |_| "…@…");
        let Localized { en, pt } = why;
        CliError::address(localized!(
            "--server {server:?} (or CARTEIRO_SERVER): {en}",
            "--server {server:?} (ou CARTEIRO_SERVER): {pt}"
        ))
    };
    let (over_tls, usual, rest) = match server.split_once("://") {
        None => (false, None, server),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, Some(80), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, Some(443), rest),
        Some(_) => {
            return Err(wrong(localized!(
                "it must be host:port, http://host:port or https://host:port",
                "deve ser host:porta, http://host:porta ou https://host:porta"
            )));
        }
    };
    let authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest)).map_err(|error| match error {
        AuthorityError::Path => wrong(localized!(
            "carteiro's paths start at `/`: leave out what follows host:port",
            "os caminhos do carteiro começam em `/`: tire o que vem depois de host:porta"
        )),
        AuthorityError::Userinfo => wrong(localized!("{error}", "não pode ter usuário nem senha (`…@`)")),
        AuthorityError::Host => {
            wrong(localized!("{error}", "deve ser um nome de host ou endereço IP, com porta se preciso: host:porta"))
        }
        AuthorityError::Brackets => {
            wrong(localized!("{error}", "um endereço IPv6 precisa de colchetes, como em [::1]:8080"))
        }
        AuthorityError::Port => {
            wrong(localized!("{error}", "a porta depois do último `:` deve ser um número de 1 a 65535"))
        }
    })?;
    let port = authority.port().or(usual);
    let port = port.ok_or_else(|| {
        wrong(localized!(
            "it must name a port, as in localhost:8080, or begin with http:// or https://",
            "deve ter uma porta, como em localhost:8080, ou começar com http:// ou https://"
        ))
    })?;
    Ok((authority.bare_host().to_owned(), port, over_tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_no_address_is_refused_before_anything_is_dialled() {
        let read = |server: &str| parse(server).map_err(|problem| (problem.sentence, problem.code));
        for (server, host, port, over_tls) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080, false),
            ("http://127.0.0.1:8080/", "127.0.0.1", 8080, false),
            ("HTTP://loja.example", "loja.example", 80, false),
            ("https://loja.example", "loja.example", 443, true),
            ("https://[::1]:8443/", "::1", 8443, true),
        ] {
            assert_eq!(read(server), Ok((host.to_owned(), port, over_tls)), "{server}");
        }
        for (server, why) in [
            ("http://127.0.0.1:99999", "1 to 65535"),
            ("http://127.0.0.1:28001x", "1 to 65535"),
            ("https://127.0.0.1:-1", "1 to 65535"),
            ("127.0.0.1:+80", "1 to 65535"),
            ("localhost:x", "1 to 65535"),
            ("http://admin:senha@localhost:8080", "user name"),
            ("http://localhost:8080/carteiro", "paths start at `/`"),
            ("http://localhost:8080//", "paths start at `/`"),
            ("localhost", "must name a port"),
            ("ftp://localhost:8080", "https://host:port"),
            ("", "host name"),
        ] {
            let (sentence, code) = read(server).unwrap_err();
            assert!(code == 64 && sentence.contains(why) && !sentence.contains("senha"), "{server}: {code} {sentence}");
        }
    }
}
