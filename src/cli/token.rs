//! `carteiro token`: access tokens of a running daemon, made, listed and revoked through its API.

use super::client::{Ask, Problem};
use super::connection::{Extent, Filters, Reach};
use super::output::{Cell, Fit, Table, line, short_time};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token; its text is printed this once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it allows: admin, ingest, read or metrics; give it again for more
        #[arg(long, required = true)]
        scope: Vec<String>,
        /// When it ends, such as 90d; without it, when it is revoked
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

pub(super) fn token(args: &TokenArgs) -> u8 {
    let json = args.reach.json;
    args.reach.run(|daemon| {
        match &args.command {
            TokenCommand::Create { name, scope, expires } => {
                let mut asked = json!({ "name": name, "scopes": scope });
                if let Some(expires) = expires {
                    asked["expires_in"] = json!(expires);
                }
                let ask = Ask::new(Method::POST, "/api/tokens").body(&json!({ "token": asked }));
                let made = daemon.ask(ask)?;
                line(if json { made.raw().to_owned() } else { text(&made.value()["token"]) });
            }
            TokenCommand::List => {
                let tokens = Extent::ALL.of(daemon, "/api/tokens", &Filters::default())?;
                if json {
                    tokens.print_json();
                    return Ok(());
                }
                let mut table = Table::new(&[
                    ("ID", Fit::Whole),
                    ("NAME", Fit::Cut(8)),
                    ("SCOPES", Fit::Whole),
                    ("LAST USED", Fit::Spare),
                    ("EXPIRES", Fit::Spare),
                ]);
                for token in tokens.values() {
                    let scopes: Vec<String> = token["scopes"].as_array().into_iter().flatten().map(text).collect();
                    table.row(vec![
                        Cell::new(&text(&token["id"])),
                        Cell::new(&text(&token["name"])),
                        Cell::new(&scopes.join(",")),
                        Cell::new(&or_never(&token["last_used_at"])),
                        Cell::new(&or_never(&token["expires_at"])),
                    ]);
                }
                table.print();
            }
            TokenCommand::Revoke { id } => {
                // An id that is no UUID would make another path; the daemon would say 404, and so do we.
                if crate::model::TokenId::parse(id).is_none() {
                    return Err(Problem::failed(format!("`{id}` is no token id; `carteiro token list` shows them")));
                }
                daemon.ask(Ask::new(Method::DELETE, format!("/api/tokens/{id}")))?;
                if json {
                    line(json!({ "id": id, "revoked": true }));
                } else {
                    line(format_args!("{id} revoked"));
                }
            }
        }
        Ok(())
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn or_never(time: &Value) -> String {
    let time = short_time(time);
    if time.is_empty() { "never".to_owned() } else { time }
}
