//! `carteiro account`: the accounts of a store. Through the daemon's control socket while one runs on the data folder,
//! on the store itself while none does.

use super::client::block_on;
use super::error::CliError;
use super::input::confirmed;
use super::language::{language, say};
use super::output::{Column, Fit, Show, Table, line, unwritable};
use super::settings::{ConfigArgs, load, remedy};
use super::system_user::{SystemUser, is_root};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::accounts;
use crate::model::localized;
use crate::store::{Opened, Store, StoreSettings};
use clap::{Args, Subcommand, ValueHint};
use serde_json::Value;
use std::io::{self, BufRead as _};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct AccountArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Subcommand)]
enum AccountCommand {
    /// List the accounts of the store, and which of them the config lacks
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write an account's webhooks, events and notifications to the standard output, as JSON lines without secrets
    Export {
        /// Its name
        name: String,
    },
    /// Erase an account that the config lacks: events, webhooks, tokens, statistics
    Remove {
        /// Its name
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn account(args: &AccountArgs) -> Result<(), CliError> {
    let mut config = load(&args.file)?.config;
    if let Some(data) = &args.data {
        config.store.path.clone_from(data);
    }
    match &args.command {
        AccountCommand::List { json } => {
            let mut text = Vec::new();
            lines(&config, "accounts", |store, out| accounts::list(store, out), &mut text)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let rows: Vec<&str> = text.lines().collect();
            if *json {
                line(format_args!("[{}]", rows.join(",")));
            } else {
                let rows = rows.iter().map(|row| serde_json::from_str(row).unwrap_or_default());
                Table::new(COLUMNS, rows).print();
            }
            Ok(())
        }
        AccountCommand::Export { name } => {
            let mut whole = ExportOutput { out: io::stdout().lock(), last: Vec::new(), failed: None };
            let word = format!("export-account {name}");
            let written = lines(&config, &word, |store, out| accounts::export(store, name, out), &mut whole);
            if let Some(error) = whole.failed {
                // The reader has seen enough, as with `| head`.
                let enough = error.kind() == io::ErrorKind::BrokenPipe;
                return if enough { Ok(()) } else { Err(CliError::failed(unwritable(&error))) };
            }
            written?;
            // A reader behind a pipe must be able to tell whether it is complete.
            let ended = whole.last.starts_with(b"{\"end\":");
            if !ended {
                return Err(CliError::failed(localized!(
                    "the export broke off: its last line is missing",
                    "a exportação foi interrompida: falta a última linha"
                )));
            }
            Ok(())
        }
        AccountCommand::Remove { name, yes } => {
            confirmed(*yes, || {
                Ok(say(localized!(
                    "Erase account {name} with all its events, webhooks and tokens?",
                    "Apagar a conta {name} com todos os seus eventos, webhooks e tokens?"
                )))
            })?;
            remove(&config, name)?;
            line(say(localized!("{name} removed", "{name} removida")));
            Ok(())
        }
    }
}

/// Passes on what is written, and keeps the line that is begun or was the last.
struct ExportOutput<W> {
    out: W,
    last: Vec<u8>,
    /// Why nothing more can be written.
    failed: Option<io::Error>,
}

impl<W> ExportOutput<W> {
    fn passed<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        written.map_err(|error| {
            let kind = io::Error::from(error.kind());
            self.failed = Some(error);
            kind
        })
    }
}

impl<W: io::Write> io::Write for ExportOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write_all(bytes);
        self.passed(written)?;
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        match text.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => self.last = text[at + 1..].to_vec(),
            None if self.last.ends_with(b"\n") => self.last = text.to_vec(),
            None => self.last.extend_from_slice(text),
        }
        if bytes.ends_with(b"\n") {
            self.last.push(b'\n');
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.passed(flushed)
    }
}

/// What the daemon answers to a request, or what `read` says of the store that no daemon holds.
fn lines(
    config: &Config,
    request: &str,
    read: impl FnOnce(&Store, &mut dyn io::Write) -> Result<(), accounts::AccountError>,
    mut out: impl io::Write,
) -> Result<(), CliError> {
    if let Some(mut stream) = super::own_daemon::ask(&config.store.path, request)? {
        return io::copy(&mut stream, &mut out).and_then(|_| out.flush()).map_err(|error| {
            CliError::failed(localized!(
                "the daemon's answer broke off: {error}",
                "a resposta do daemon foi interrompida: {error}"
            ))
        });
    }
    on_the_store(config, |store| read(store, &mut out).map_err(CliError::failed))
}

fn remove(config: &Config, name: &str) -> Result<(), CliError> {
    if let Some(stream) = super::own_daemon::ask(&config.store.path, &format!("remove-account {name}"))? {
        let answer = stream.lines().next().and_then(Result::ok).unwrap_or_default();
        return match &*answer {
            "removed" => Ok(()),
            _ => Err(CliError::failed(localized!(
                "the daemon broke off; the removal goes on in the background, or at its next start",
                "o daemon interrompeu; a remoção continua em segundo plano, ou na próxima inicialização"
            ))),
        };
    }
    on_the_store(config, |store| {
        block_on(async {
            let first = config.account.first().map(|account| &account.name);
            let stored = store.account_names().map_err(CliError::failed)?;
            let told_in = stored.iter().find(|(_, name)| Some(name) == first).map(|(no, _)| *no);
            let no = accounts::remove(store, name, told_in).await.map_err(CliError::failed)?;
            accounts::removed(store, no).await.map_err(CliError::failed)
        })
    })
}

/// Opens the store as a daemon would, without one, and stops it in good order. Root does it as the folder's owner: the
/// files that this writes are to be the owner's.
pub(super) fn on_the_store(config: &Config, act: impl FnOnce(&Store) -> Result<(), CliError>) -> Result<(), CliError> {
    let there_is_one = config.store.path.join("db").try_exists().map_err(|error| {
        let (path, remedy) = (config.store.path.display(), remedy(&error));
        CliError::failed(localized!(
            "{path} can't be read: {error}{remedy}",
            "não foi possível ler {path}: {error}{remedy}"
        ))
    })?;
    if !there_is_one {
        let path = config.store.path.display();
        return Err(CliError::failed(localized!("there is no store in {path}", "não há armazenamento em {path}")));
    }
    if is_root() {
        let owner = SystemUser::owner_of(&config.store.path);
        let become_owner = owner.and_then(|owner| if owner.is_root() { Ok(()) } else { owner.become_it() });
        become_owner.map_err(|error| {
            let path = config.store.path.display();
            CliError::failed(localized!(
                "the rights of the owner of {path} can't be taken on: {error}",
                "não foi possível assumir os direitos do dono de {path}: {error}"
            ))
        })?;
    }
    // Whatever the shell's says: the store holds secrets.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let settings = StoreSettings {
        path: config.store.path.clone(),
        cache_bytes: config.store.cache,
        // Nothing is to be forgotten here but what is asked for.
        limits: crate::store::Limits { min_free: config.store.min_free, ..crate::store::Limits::default() },
        accept_data_loss: false,
        clock: Clock::System,
    };
    let opened = Store::open(settings, |_| {});
    let Opened { store, thread, .. } = opened.map_err(|error| CliError::failed(error.localized()))?;
    let stored = store.account_names().map_err(CliError::failed)?;
    let named = stored.iter().filter(|(_, name)| config.account.iter().any(|account| account.name == *name));
    let present: Vec<_> = named.map(|(no, _)| *no).collect();
    let acted = store.hold_all_but(&present).map_err(CliError::failed).and_then(|()| act(&store));
    let stopped = block_on(async { store.save_history().and(store.stop().await).map_err(CliError::failed) });
    drop(store);
    let joined = thread.join().map_err(|_| CliError::printed(super::exit::FAILED));
    acted.and(stopped).and(joined)
}

const COLUMNS: &[Column] = &[
    Column("ACCOUNT", Fit::Whole, Show::Made(|account| account["name"].as_str().unwrap_or("-").to_owned())),
    Column("STATE", Fit::Whole, Show::Made(state)),
    Column("EVENTS", Fit::Whole, Show::Text("events")),
    Column("WEBHOOKS", Fit::Whole, Show::Text("webhooks")),
    Column("TOKENS", Fit::Whole, Show::Text("tokens")),
];

fn state(account: &Value) -> String {
    match account["state"].as_str() {
        Some("held") => language().pick("held: not in the config", "em espera: não está na configuração").to_owned(),
        Some("in use") => language().pick("in use", "em uso").to_owned(),
        Some("being removed") => language().pick("being removed", "em remoção").to_owned(),
        state => state.unwrap_or_default().to_owned(),
    }
}
