//! `carteiro token`: creates, lists and revokes access tokens through the API.

use super::client::ApiRequest;
use super::connection::{ConnectionArgs, Extent, Filters};
use super::error::CliError;
use super::input::Words;
use super::output::{Column, Fit, Show, line, print_done, print_one, short_time, text};
use crate::model::Scope;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Create a token; its text is printed once, now
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// Scope: admin, ingest, read or metrics; can be given several times
        #[arg(long, required = true, value_parser = SCOPES, hide_possible_values = true)]
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
    Column("LAST USED", Fit::Spare, Show::Made(|token| or_never(&token["last_used_at"]))),
    Column("EXPIRES", Fit::Spare, Show::Made(|token| or_never(&token["expires_at"]))),
];

pub(crate) fn token(args: &TokenArgs) -> Result<(), CliError> {
    let (daemon, json) = (args.connection.daemon()?, args.connection.json);
    match &args.command {
        TokenCommand::Create { name, scope, expires } => {
            let mut token = json!({ "name": name, "scopes": scope });
            if let Some(expires) = expires {
                token["expires_in"] = json!(expires);
            }
            let created = daemon.call(ApiRequest::post("/api/tokens").body(json!({ "token": token }).to_string()))?;
            print_one(&created, json, |created| line(text(&created["token"])));
        }
        TokenCommand::List => Extent::ALL.read(&daemon, "/api/tokens", &Filters::default())?.print(json, COLUMNS),
        TokenCommand::Revoke { id } => {
            // An id that is no UUID would make another path; the daemon would say 404, and so do we.
            if crate::model::TokenId::parse(id).is_none() {
                return Err(CliError::failed(format_args!("`{id}` is no token id; `carteiro token list` shows them")));
            }
            daemon.call(ApiRequest::delete(format!("/api/tokens/{id}")))?;
            print_done(json, &json!({ "id": id, "revoked": true }), format_args!("{id} revoked"));
        }
    }
    Ok(())
}

fn or_never(time: &Value) -> String {
    let time = short_time(time);
    if time.is_empty() { "never".to_owned() } else { time }
}
