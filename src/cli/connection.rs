//! Which daemon a command calls, with which token: from flags and environment, else the config and the first start's
//! token.

use super::client::ApiClient;
use super::error::CliError;
use super::exit::complain;
use super::language::{say, tell};
use super::output::{Column, Table, line};
use super::settings::{ConfigArgs, load, remedy};
use crate::config::Config;
use crate::model::{Localized, localized};
use clap::Args;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Maximum number of rows of one call.
const MAX_PAGE: u64 = 500;

#[derive(Args)]
pub(crate) struct ConnectionArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The daemon's address, instead of `server.listen` of the config; https:// before the name of a proxy with TLS
    #[arg(long, global = true, value_name = "ADDRESS", env = "CARTEIRO_SERVER", help_heading = "The daemon")]
    server: Option<String>,
    /// An access token, instead of the one in the data folder; visible to other users, unlike with --token-file
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "CARTEIRO_TOKEN",
        hide_env_values = true,
        help_heading = "The daemon"
    )]
    token: Option<String>,
    /// A file with the access token
    #[arg(long, global = true, value_name = "FILE", env = "CARTEIRO_TOKEN_FILE", help_heading = "The daemon")]
    token_file: Option<PathBuf>,
    /// The account whose admin token in the data folder is used; by default the first one of the config
    #[arg(long, global = true, value_name = "NAME", help_heading = "The daemon")]
    account: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl ConnectionArgs {
    /// The config of this machine's own daemon, and the account that is meant, if one is named;
    /// `None` where another daemon or a token is named.
    pub(crate) fn own_config(&self) -> Result<Option<(Config, Option<&str>)>, CliError> {
        if self.token.is_some() || self.token_file.is_some() {
            return Ok(None);
        }
        let config = load(&self.file)?.config;
        if self.server.is_some() && !ApiClient::of(&config, self.server.as_deref())?.is_own() {
            return Ok(None);
        }
        Ok(Some((config, self.account.as_deref())))
    }

    /// The config file that is meant.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        self.file.file()
    }

    /// The daemon, without a token, for what needs none.
    pub(crate) fn without_token(&self, config: &Config) -> Result<ApiClient, CliError> {
        ApiClient::of(config, self.server.as_deref())
    }

    /// Which token is given or found, in a few words; never the token.
    pub(crate) fn token_source(&self, config: &Config) -> String {
        match (&self.token, &self.token_file) {
            (Some(_), _) => "--token (CARTEIRO_TOKEN)".to_owned(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => self.own_token(config).map_or_else(|_| String::new(), |file| file.display().to_string()),
        }
    }

    pub(crate) fn daemon(&self) -> Result<ApiClient, CliError> {
        self.daemon_of(&load(&self.file)?.config)
    }

    /// The daemon of a config, with the token that is given or found.
    pub(crate) fn daemon_of(&self, config: &Config) -> Result<ApiClient, CliError> {
        let daemon = self.without_token(config)?;
        if daemon.is_in_the_clear() && (self.token.is_some() || self.token_file.is_some()) {
            let address = daemon.address();
            complain(localized!(
                "warning: the token goes to {address} unencrypted, and anyone on the way can read it: use https://, or \
                 a tunnel",
                "atenção: o token vai para {address} sem criptografia, e quem estiver no caminho pode lê-lo: use \
                 https:// ou um túnel"
            ));
        }
        if let Some(token) = &self.token {
            return Ok(daemon.with_token(token));
        }
        if let Some(file) = &self.token_file {
            let text = read(file).map_err(|error| CliError::bad_config(format_args!("--token-file: {error}")))?;
            return Ok(daemon.with_token(text.trim()));
        }
        let listen = config.server.listen;
        if !daemon.is_own() {
            let address = daemon.address();
            return Err(CliError::bad_config(localized!(
                "no token was given for {address}: the admin token of this machine goes to its own daemon at {listen} \
                 alone; give --token-file or --token, or set CARTEIRO_TOKEN",
                "falta o token de {address}: o token de admin desta máquina vai só para o daemon dela, em {listen}; \
                 informe --token-file ou --token, ou defina CARTEIRO_TOKEN"
            )));
        }
        let file = self.own_token(config)?;
        let token = std::fs::read_to_string(&file).map_err(|error| self.without_own_token(config, &file, &error))?;
        Ok(daemon.with_token_of(&config.store.path, token.trim()))
    }

    /// Why there is no token in the data folder, and how to get one.
    fn without_own_token(&self, config: &Config, file: &Path, error: &io::Error) -> CliError {
        let (data, shown) = (&config.store.path, file.display());
        if error.kind() == ErrorKind::PermissionDenied {
            return CliError::bad_config(localized!(
                "{shown} can't be read: {error}; run the command with sudo, or as the daemon's user, or give another \
                 token by --token-file",
                "{shown} não pode ser lido: {error}; execute o comando com sudo, ou como o usuário do daemon, ou \
                 informe outro token em --token-file"
            ));
        }
        if error.kind() != ErrorKind::NotFound {
            return CliError::bad_config(localized!(
                "{shown} can't be read: {error}; give another token by --token-file",
                "{shown} não pode ser lido: {error}; informe outro token em --token-file"
            ));
        }
        // The first start makes both.
        let has_store = data.join("db").exists();
        let way_back = match (has_store, &self.account) {
            (false, _) if data.is_relative() => localized!(
                "start `carteiro serve` here, which makes it, or go to the folder that it was started in",
                "inicie `carteiro serve` aqui, que o cria, ou vá até a pasta em que ele foi iniciado"
            ),
            (false, _) => localized!(
                "start `carteiro serve`, which makes it, or name the config that it runs with by --config",
                "inicie `carteiro serve`, que o cria, ou indique com --config a configuração com que ele roda"
            ),
            (true, Some(name)) => localized!(
                "a restart of the daemon makes that of an account that is new in the config; where it is lost, `sudo \
                 carteiro token create --name rescue --scope admin --account {name}` prints a new one",
                "o de uma conta nova na configuração é criado quando o daemon reinicia; se ele se perdeu, `sudo \
                 carteiro token create --name rescue --scope admin --account {name}` mostra um novo"
            ),
            (true, None) => localized!(
                "where it is lost, `sudo carteiro token create --name rescue --scope admin` prints a new one",
                "se ele se perdeu, `sudo carteiro token create --name rescue --scope admin` mostra um novo"
            ),
        };
        let Localized { en, pt } = way_back;
        CliError::bad_config(localized!(
            "there is no token in {shown}, and none was given by --token-file: {en}",
            "não há token em {shown}, e nenhum foi informado em --token-file: {pt}"
        ))
    }

    /// The file with the admin token of the account that is meant.
    fn own_token(&self, config: &Config) -> Result<PathBuf, CliError> {
        let accounts = &config.account;
        let account = match &self.account {
            None => accounts.first(),
            Some(name) => Some(accounts.iter().find(|account| account.name == *name).ok_or_else(|| {
                let known: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
                let known = known.join(", ");
                CliError::bad_config(localized!(
                    "the config has no account `{name}`; it has {known}",
                    "a configuração não tem a conta `{name}`; ela tem {known}"
                ))
            })?),
        };
        let name = account.map_or("default", |account| account.name.as_str());
        let configured = account.and_then(|account| account.admin_token_file.clone());
        Ok(configured.unwrap_or_else(|| crate::control::accounts::admin_token_file(&config.store.path, name)))
    }
}

fn read(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file);
    text.map_err(|error| {
        let (file, remedy) = (file.display(), remedy(&error));
        say(localized!("{file} can't be read: {error}{remedy}", "{file} não pode ser lido: {error}{remedy}"))
    })
}

/// How much of a list to read.
#[derive(Args)]
pub(crate) struct Extent {
    /// Maximum number of rows, newest first
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all")]
    limit: u64,
    /// All rows
    #[arg(long)]
    all: bool,
}

impl Extent {
    pub(crate) const ALL: Self = Self { limit: 0, all: true };

    /// Reads the rows, page by page.
    pub(crate) fn read(&self, daemon: &ApiClient, path: &str, filters: &Filters) -> Result<ListedRows, CliError> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let left = if self.all { MAX_PAGE } else { self.limit.saturating_sub(rows.len() as u64) };
            if left == 0 {
                return Ok(ListedRows { rows, more: cursor.is_some() });
            }
            let mut filters = filters.clone();
            filters.add("limit", Some(left.min(MAX_PAGE).to_string()));
            filters.add("cursor", cursor);
            let page = daemon.get(filters.on(path))?;
            rows.extend(page.rows());
            // A page may be short and still have a next one.
            cursor = page.next_cursor().map(str::to_owned);
            if cursor.is_none() {
                return Ok(ListedRows { rows, more: false });
            }
        }
    }
}

/// The rows of a list, as the daemon wrote them.
pub(crate) struct ListedRows {
    rows: Vec<Box<RawValue>>,
    more: bool,
}

impl ListedRows {
    /// Prints one JSON array, each row as the daemon wrote it, or a table; stderr tells when these are not all.
    pub(crate) fn print(&self, json: bool, columns: &'static [Column]) {
        if json {
            return self.print_json();
        }
        Table::new(columns, self.values()).print();
        if self.more {
            let shown = self.rows.len();
            tell(localized!(
                "These are the newest {shown}; --limit N shows more, --all every one.",
                "Mostradas da mais nova em diante: {shown}; --limit N mostra mais, --all mostra todas."
            ));
        }
    }

    pub(crate) fn print_json(&self) {
        let rows: Vec<&str> = self.rows.iter().map(|row| row.get()).collect();
        line(format_args!("[{}]", rows.join(",")));
    }

    /// Each row as the daemon wrote it, the newest first.
    pub(crate) fn raw(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.rows.iter().map(|row| row.get())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = serde_json::Value> + '_ {
        self.rows.iter().map(|row| serde_json::from_str(row.get()).unwrap_or_default())
    }
}

/// The parameters of a query, as far as they were given.
#[derive(Clone, Default)]
pub(crate) struct Filters(Vec<(&'static str, String)>);

impl Filters {
    pub(crate) fn add(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        self.0.extend(value.map(|value| (name, value.into())));
    }

    pub(crate) fn with(mut self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        self.add(name, value);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(&**value))).collect()
    }

    pub(crate) fn on(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        format!("{path}?{query}")
    }
}
