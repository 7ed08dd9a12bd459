//! `carteiro account`: the accounts of a store. Through the daemon's control socket while one runs on the data folder, on the store itself
//! while none does.

use super::client::{Problem, block_on};
use super::input::confirmed;
use super::output::{Cell, Fit, Table, line, printable};
use super::{ConfigArgs, DONE, FAILED, complain, load};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::accounts;
use crate::store::{Opened, Store, StoreSettings};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::{self, BufRead as _};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct AccountArgs {
    #[command(flatten)]
    file: ConfigArgs,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Subcommand)]
enum AccountCommand {
    /// List the accounts of the store, and which of them the config doesn't name
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write webhooks, events and notifications of an account to the standard output, one JSON object a line; no secrets
    Export {
        /// Its name
        name: String,
    },
    /// Erase an account that the config doesn't name: events, webhooks, tokens, figures
    Remove {
        /// Its name
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn account(args: &AccountArgs) -> u8 {
    match run(args) {
        Ok(()) => DONE,
        Err(problem) => {
            if !problem.sentence.is_empty() {
                complain(problem.sentence);
            }
            problem.code
        }
    }
}

/// What was said already.
fn said(code: u8) -> Problem {
    Problem { sentence: String::new(), code }
}

fn run(args: &AccountArgs) -> Result<(), Problem> {
    let mut config = load(&args.file, &[]).map_err(said)?.config;
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
                table(&rows);
            }
            Ok(())
        }
        AccountCommand::Export { name } => {
            let mut whole = Whole { out: io::stdout().lock(), last: Vec::new(), failed: None };
            let word = format!("export-account {name}");
            let written = lines(&config, &word, |store, out| accounts::export(store, name, out), &mut whole);
            if let Some(error) = whole.failed {
                // Whoever reads it has seen enough, as with `| head`.
                let enough = error.kind() == io::ErrorKind::BrokenPipe;
                let why = || Problem::failed(format!("nothing can be written to the standard output: {error}"));
                return if enough { Ok(()) } else { Err(why()) };
            }
            written?;
            // Whoever reads it through a pipe must be able to tell.
            let ended = whole.last.starts_with(b"{\"end\":");
            if ended { Ok(()) } else { Err(Problem::failed("the export broke off: its last line is missing")) }
        }
        AccountCommand::Remove { name, yes } => {
            confirmed(*yes, || Ok(format!("Erase account {name} with all its events, webhooks and tokens?")))?;
            remove(&config, name)?;
            line(format_args!("{name} removed"));
            Ok(())
        }
    }
}

/// Passes on what is written, and keeps the line that is begun or was the last.
struct Whole<W> {
    out: W,
    last: Vec<u8>,
    /// Why nothing more can be written.
    failed: Option<io::Error>,
}

impl<W> Whole<W> {
    fn passed<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        written.map_err(|error| {
            let told = io::Error::from(error.kind());
            self.failed = Some(error);
            told
        })
    }
}

impl<W: io::Write> io::Write for Whole<W> {
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
    read: impl FnOnce(&Store, &mut dyn io::Write) -> Result<(), accounts::Problem>,
    mut out: impl io::Write,
) -> Result<(), Problem> {
    if let Some(mut stream) = super::store::ask(&config.store.path, request).map_err(said)? {
        return io::copy(&mut stream, &mut out)
            .and_then(|_| out.flush())
            .map_err(|error| Problem::failed(format!("the daemon's answer broke off: {error}")));
    }
    on_the_store(config, |store| read(store, &mut out).map_err(|problem| Problem::failed(problem.to_string())))
}

fn remove(config: &Config, name: &str) -> Result<(), Problem> {
    if let Some(stream) = super::store::ask(&config.store.path, &format!("remove-account {name}")).map_err(said)? {
        let told = stream.lines().next().and_then(Result::ok).unwrap_or_default();
        return match &*told {
            "removed" => Ok(()),
            _ => Err(Problem::failed(
                "the daemon broke off; the removal goes on in the background, or at its next start",
            )),
        };
    }
    on_the_store(config, |store| {
        block_on(async {
            let failed = |problem: accounts::Problem| Problem::failed(problem.to_string());
            let no = accounts::remove(store, name).await.map_err(failed)?;
            accounts::removed(store, no).await.map_err(failed)
        })
    })
}

/// Opens the store as a daemon would, without one, and stops it in good order.
fn on_the_store(config: &Config, act: impl FnOnce(&Store) -> Result<(), Problem>) -> Result<(), Problem> {
    let failed = |error: crate::store::StoreError| Problem::failed(error.to_string());
    if !config.store.path.join("db").exists() {
        return Err(Problem::failed(format!("there is no store in {}", config.store.path.display())));
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
    let Opened { store, thread, .. } = Store::open(settings, |_| {}).map_err(failed)?;
    let stored = store.account_names().map_err(failed)?;
    let named = stored.iter().filter(|(_, name)| config.account.iter().any(|account| account.name == *name));
    let present: Vec<_> = named.map(|(no, _)| *no).collect();
    let acted = store.hold_all_but(&present).map_err(failed).and_then(|()| act(&store));
    let stopped = block_on(async { store.keep_record().and(store.stop().await).map_err(failed) });
    drop(store);
    let joined = thread.join().map_err(|_| said(FAILED));
    acted.and(stopped).and(joined)
}

fn table(rows: &[&str]) {
    let mut table = Table::new(&[
        ("ACCOUNT", Fit::Whole),
        ("STATE", Fit::Whole),
        ("EVENTS", Fit::Whole),
        ("WEBHOOKS", Fit::Whole),
        ("TOKENS", Fit::Whole),
    ]);
    for row in rows {
        let row: Value = serde_json::from_str(row).unwrap_or_default();
        let state = match row["state"].as_str() {
            Some("held") => "held: not in the config",
            state => state.unwrap_or_default(),
        };
        table.row(vec![
            Cell::new(&printable(row["name"].as_str().unwrap_or("-"))),
            Cell::new(state),
            Cell::new(&row["events"].to_string()),
            Cell::new(&row["webhooks"].to_string()),
            Cell::new(&row["tokens"].to_string()),
        ]);
    }
    table.print();
}
