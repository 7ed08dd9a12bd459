//! `carteiro token`: access tokens of a running daemon, made, listed and revoked through its API.

use super::client::{Daemon, Problem};
use super::{BAD_CONFIG, ConfigArgs, DONE, complain, load};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// Where the daemon listens, instead of `server.listen` of the config; https:// in front of a name for a proxy with TLS
    #[arg(long, global = true, value_name = "ADDRESS")]
    server: Option<String>,
    /// An admin token, instead of the one in the data folder
    #[arg(long, global = true, value_name = "TOKEN", env = "CARTEIRO_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The account whose admin token in the data folder is used, where there are several; the first one of the config else
    #[arg(long, global = true, value_name = "NAME")]
    account: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
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
        /// What it allows: admin, ingest or read; give it again for more
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
    let daemon = match server(args) {
        Ok(daemon) => daemon,
        Err(code) => return code,
    };
    let called = match &args.command {
        TokenCommand::Create { name, scope, expires } => {
            let mut asked = json!({ "name": name, "scopes": scope });
            if let Some(expires) = expires {
                asked["expires_in"] = json!(expires);
            }
            daemon.call(Method::POST, "/api/tokens", Some(&json!({ "token": asked })))
        }
        TokenCommand::List => all_tokens(&daemon),
        // An id that is no UUID would make another path; the daemon would say 404, and so do we.
        TokenCommand::Revoke { id } if crate::model::TokenId::parse(id).is_none() => Err(Problem {
            sentence: format!("`{id}` is no token id; `carteiro token list` shows them"),
            code: super::FAILED,
        }),
        TokenCommand::Revoke { id } => daemon.call(Method::DELETE, &format!("/api/tokens/{id}"), None),
    };
    match called {
        Ok(answer) => {
            show(args, &answer);
            DONE
        }
        Err(problem) => {
            complain(problem.sentence);
            problem.code
        }
    }
}

/// Every page of the list as one.
fn all_tokens(daemon: &Daemon) -> Result<Value, Problem> {
    let (mut all, mut path) = (Vec::new(), "/api/tokens?limit=500".to_owned());
    loop {
        let page = daemon.call(Method::GET, &path, None)?;
        all.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["page"]["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/tokens?limit=500&cursor={cursor}"),
            None => return Ok(json!({ "data": all })),
        }
    }
}

/// Where the daemon is and what opens it: flags and environment first, then the config and the file of the first start.
fn server(args: &TokenArgs) -> Result<Daemon, u8> {
    let loaded = load(&args.file, &[])?;
    let daemon = Daemon::of(&loaded.config.server, args.server.as_deref()).map_err(|problem| {
        complain(problem.sentence);
        problem.code
    })?;
    if let Some(token) = &args.token {
        return Ok(daemon.with_token(token));
    }
    let accounts = &loaded.config.account;
    let wanted = |name: &String| accounts.iter().find(|account| account.name == *name);
    let account = match &args.account {
        None => accounts.first(),
        Some(name) => Some(wanted(name).ok_or_else(|| {
            let known: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
            complain(format_args!("the config has no account `{name}`; it has {}", known.join(", ")));
            BAD_CONFIG
        })?),
    };
    let name = account.map_or("default", |account| account.name.as_str());
    let configured = account.and_then(|account| account.admin_token_file.clone());
    let file =
        configured.unwrap_or_else(|| crate::daemon::admin_token_file(&loaded.config.store.path, name, accounts.len()));
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(daemon.with_token(text.trim())),
        Err(error) => {
            complain(format_args!("no --token was given, and {} can't be read: {error}", file.display()));
            Err(BAD_CONFIG)
        }
    }
}

fn show(args: &TokenArgs, answer: &Value) {
    let data = &answer["data"];
    if args.json {
        println!("{data}");
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |token: &Value| {
        let scopes: Vec<String> = token["scopes"].as_array().into_iter().flatten().map(text).collect();
        let [expires, used, name] = ["expires_at", "last_used_at", "name"].map(|field| text(&token[field]));
        let (id, scopes) = (text(&token["id"]), scopes.join(","));
        println!("{id}  {scopes:<17}  expires {expires:<24}  last used {used:<24}  {name}");
    };
    match &args.command {
        TokenCommand::Create { .. } => println!("{}", text(&data["token"])),
        TokenCommand::List => data.as_array().into_iter().flatten().for_each(line),
        TokenCommand::Revoke { id } => println!("{id} revoked"),
    }
}
