//! What the daemon refuses, as a sentence with the next step.

use super::client::ApiClient;
use super::error::{ApiRefusal, CliError};
use super::exit::{FAILED, TRY_LATER};
use super::language::{language, say};
use crate::control;
use crate::model::{Localized, localized};
use http::{Response, StatusCode, header};
use serde_json::Value;
use std::fmt::Write as _;

/// The command that lists what is below a path of the API; a longer path precedes the one it begins with.
const LISTED_BY: [(&str, &str); 8] = [
    ("/api/webhooks/backfill", "webhooks backfills"),
    ("/api/webhooks", "webhooks list"),
    ("/api/events", "events list"),
    ("/api/erasures", "events erasures"),
    ("/api/notifications/resend", "notifications jobs"),
    ("/api/notifications", "notifications list"),
    ("/api/tokens", "token list"),
    ("/api/alerts", "alerts list"),
];

impl ApiClient {
    /// A refusal as a sentence, with every field that is wrong and the next step.
    pub(super) fn refusal<B>(&self, path: &str, response: &Response<B>, body: &[u8]) -> CliError {
        let status = response.status();
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            // What a proxy in front says while the daemon restarts.
            if matches!(status.as_u16(), 502..=504) {
                let address = self.address();
                return CliError::try_later(localized!(
                    "{address} answered {status}: what is there can't reach the daemon",
                    "{address} respondeu {status}: o que está lá não consegue falar com o daemon"
                ));
            }
            return self.no_carteiro(status);
        };
        let unknown = language().pick("no reason given", "sem motivo");
        let detail = json.pointer("/errors/detail").and_then(Value::as_str).unwrap_or(unknown);
        let code = status.as_u16();
        let mut sentence =
            say(localized!("the daemon answered {code}: {detail}", "o daemon respondeu {code}: {detail}"));
        let mut fields = Vec::new();
        for (field, problems) in json.pointer("/errors/fields").and_then(Value::as_object).into_iter().flatten() {
            for problem in problems.as_array().into_iter().flatten().filter_map(Value::as_str) {
                // A String takes everything.
                let _ = write!(sentence, "\n  {field} {problem}");
                fields.push((field.clone(), problem.to_owned()));
            }
        }
        let is_tls = json.pointer("/errors/code").and_then(Value::as_str) == Some("tls_required");
        if let Some(step) = self.next_step(code, is_tls, path) {
            sentence.extend(["\n  ", &say(step)]);
        }
        let later = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        if let Some(wait) = wait.filter(|_| later) {
            sentence += &say(localized!(" (try again in {wait} s)", " (tente de novo em {wait} s)"));
        }
        let refusal = Some(Box::new(ApiRefusal { status: status.as_u16(), fields }));
        CliError { sentence, code: if later { TRY_LATER } else { FAILED }, refusal }
    }

    /// What to do next, where the daemon can't know it.
    fn next_step(&self, status: u16, is_tls: bool, path: &str) -> Option<Localized> {
        match status {
            400 if is_tls => Some(localized!(
                "the daemon speaks TLS, and the config that this command reads doesn't say so: run the command with \
                 sudo, which asks the daemon itself, or give --server https://NAME with the name in its certificate",
                "o daemon fala TLS, e a configuração que este comando lê não diz isso: execute o comando com sudo, que \
                 pergunta ao próprio daemon, ou informe --server https://NOME com o nome do certificado"
            )),
            401 => Some(self.another_daemon().unwrap_or_else(|| {
                localized!(
                    "--token, --token-file or CARTEIRO_TOKEN give another token; the first start has written one to \
                     admin-token in the data folder",
                    "--token, --token-file ou CARTEIRO_TOKEN indicam outro token; a primeira inicialização gravou um \
                     em admin-token na pasta de dados"
                )
            })),
            403 => Some(localized!(
                "`carteiro token create --scope …` makes one that has it",
                "`carteiro token create --scope …` cria um com esse escopo"
            )),
            404 => {
                let (_, command) = LISTED_BY.iter().find(|(paths, _)| path.starts_with(paths))?;
                Some(localized!("`carteiro {command}` shows what there is", "`carteiro {command}` mostra o que existe"))
            }
            _ => None,
        }
    }

    /// That the token is of a data folder on which no daemon runs: then the one that has answered is another folder's,
    /// an installed one beside an unpacked archive, say.
    fn another_daemon(&self) -> Option<Localized> {
        let data = self.token_of.as_deref()?;
        if !matches!(control::connect(data), Ok(None)) {
            return None;
        }
        let (address, data) = (self.address(), data.display());
        Some(localized!(
            "the token is of the data folder {data}, on which no daemon runs: the one at {address} is another's. Start \
             this folder's (`carteiro serve`, with --listen where the port is taken), or name the config of the other \
             by --config",
            "o token é da pasta de dados {data}, na qual nenhum daemon roda: o que está em {address} é de outra. \
             Inicie o desta pasta (`carteiro serve`, com --listen se a porta estiver em uso) ou indique a \
             configuração do outro com --config"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn answered(client: &ApiClient, status: u16, path: &str) -> String {
        let response = Response::builder().status(status).body(()).unwrap();
        client.refusal(path, &response, br#"{"errors":{"code":"x","detail":"no"}}"#).sentence
    }

    #[test]
    fn what_isnt_there_is_listed_by_its_own_command() {
        let client = ApiClient::of(&Config::default(), Some("127.0.0.1:9")).unwrap();
        for (path, command) in [
            ("/api/webhooks/0", "webhooks list"),
            ("/api/webhooks/backfill/0", "webhooks backfills"),
            ("/api/erasures/0", "events erasures"),
            ("/api/notifications/resend/0", "notifications jobs"),
        ] {
            assert!(answered(&client, 404, path).contains(&format!("`carteiro {command}`")), "{path}");
        }
    }

    /// An archive was tried beside an installed daemon, which refused the token of the archive's folder: the advice was
    /// to make another one, which the other daemon refused as well.
    #[test]
    fn a_token_of_a_folder_without_a_daemon_names_the_folder() {
        let data = tempfile::tempdir().unwrap();
        let client = ApiClient::of(&Config::default(), Some("127.0.0.1:9")).unwrap();
        let client = client.with_token_of(data.path(), "x");
        let told = answered(&client, 401, "/api/webhooks");
        assert!(told.contains("no daemon runs") && told.contains(&data.path().display().to_string()), "{told}");
        let _daemon = std::os::unix::net::UnixListener::bind(control::path(data.path())).unwrap();
        assert!(answered(&client, 401, "/api/webhooks").contains("--token-file"));
    }
}
