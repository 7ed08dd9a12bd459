//! `carteiro token`: creates, lists and revokes access tokens through the API. This machine's root and the owner of its
//! data folder create one without a token, so that a lost one locks nobody out.

use super::account::on_the_store;
use super::client::{ApiRequest, block_on};
use super::connection::{ConnectionArgs, Extent, Filters};
use super::error::CliError;
use super::exit::complain;
use super::input::Words;
use super::language::{language, say};
use super::output::{Column, Fit, Show, line, print_done, print_one, short_time, text};
use super::own_daemon::{self, cannot_ask, rest};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::tokens::{self, TokenRequest};
use crate::model::{Scope, localized};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io;

#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Create a token; its text is printed once, now. Root and the owner of the data folder need no token for it
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// Scope: admin, ingest, read or metrics; separate several by commas
        #[arg(long, required = true, value_delimiter = ',', value_parser = SCOPES, hide_possible_values = true)]
        scope: Vec<String>,
        /// Expires after this time, such as 90d; never if not given
        #[arg(long, value_name = "SPAN")]
        expires: Option<String>,
    },
    /// List the tokens
    List,
    /// Revoke a token, at once
    Revoke {
        /// Its id
        id: String,
    },
}

const SCOPES: Words = Words(|| Scope::ALL.map(Scope::as_str).to_vec());

const COLUMNS: &[Column] = &[
    Column("ID", Fit::Whole, Show::Text("id")),
    Column("NAME", Fit::Cut(8), Show::Text("name")),
    Column("SCOPES", Fit::Whole, Show::List("scopes")),
    Column("CREATED AT", Fit::Spare, Show::Time("inserted_at")),
    Column("LAST USED", Fit::Spare, Show::Made(|token| time_or(&token["last_used_at"], "never", "nunca"))),
    Column("EXPIRES", Fit::Spare, Show::Made(|token| time_or(&token["expires_at"], "never", "não vence"))),
];

pub(crate) fn token(args: &TokenArgs) -> Result<(), CliError> {
    let json = args.connection.json;
    match &args.command {
        TokenCommand::Create { name, scope, expires } => {
            if let Some((config, account)) = args.connection.own_config()? {
                let request = TokenRequest {
                    account: account.map(str::to_owned),
                    name: name.clone(),
                    scopes: scope.clone(),
                    expires_in: expires.clone(),
                };
                if let Some(created) = create_by_right(&config, request)? {
                    if json {
                        line(&created);
                    } else {
                        line(text(&created["token"]));
                    }
                    return Ok(());
                }
            }
            let daemon = args.connection.daemon()?;
            let mut token = json!({ "name": name, "scopes": scope });
            if let Some(expires) = expires {
                token["expires_in"] = json!(expires);
            }
            let created = daemon.call(ApiRequest::post("/api/tokens").body(json!({ "token": token }).to_string()))?;
            print_one(&created, json, |created| line(text(&created["token"])));
        }
        TokenCommand::List => {
            let daemon = args.connection.daemon()?;
            Extent::ALL.read(&daemon, "/api/tokens", &Filters::default())?.print(json, COLUMNS);
        }
        TokenCommand::Revoke { id } => {
            // An id that is no UUID would make another path; the daemon would say 404, and so do we.
            if crate::model::TokenId::parse(id).is_none() {
                return Err(CliError::failed(localized!(
                    "`{id}` is no token id; `carteiro token list` shows them",
                    "`{id}` não é o id de um token; `carteiro token list` os mostra"
                )));
            }
            args.connection.daemon()?.call(ApiRequest::delete(format!("/api/tokens/{id}")))?;
            print_done(json, &json!({ "id": id, "revoked": true }), say(localized!("{id} revoked", "{id} revogado")));
        }
    }
    Ok(())
}

/// Makes a token without one, for a user with access to the data folder: over the daemon's control socket, or on the
/// store that no daemon holds. `None` where this user has no access, or there is no store: then only a token is left.
fn create_by_right(config: &Config, request: TokenRequest) -> Result<Option<Value>, CliError> {
    let data = &config.store.path;
    let made = match crate::control::connect(data) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(cannot_ask(data, &error)),
        Ok(Some(stream)) => {
            let request = serde_json::to_string(&request).map_err(CliError::failed)?;
            rest(own_daemon::request(data, stream, &format!("create-token {request}"))?)?
        }
        Ok(None) if data.join("db").try_exists().is_ok_and(|exists| !exists) => return Ok(None),
        Ok(None) => {
            let mut made = String::new();
            on_the_store(config, |store| {
                let by = "the command line, while no daemon ran";
                let created = block_on(async {
                    tokens::create(store, &Clock::System, request, by).await.map_err(CliError::failed)
                });
                made = created?;
                Ok(())
            })?;
            // There is no log that would say so.
            let data = data.display();
            complain(localized!(
                "warning: no daemon runs on {data}: the token was made in its store, which every user with access to \
                 the folder can do",
                "atenção: nenhum daemon roda em {data}: o token foi criado no armazenamento, o que todo usuário com \
                 acesso à pasta pode fazer"
            ));
            made
        }
    };
    let made = serde_json::from_str(&made);
    made.map(Some).map_err(|error| {
        CliError::failed(localized!(
            "the daemon's answer can't be read: {error}",
            "não foi possível ler a resposta do daemon: {error}"
        ))
    })
}

/// A time, or what is said where there is none.
fn time_or(time: &Value, en: &str, pt: &str) -> String {
    let time = short_time(time);
    if time.is_empty() { language().pick(en, pt).to_owned() } else { time }
}
