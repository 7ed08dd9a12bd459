//! `carteiro backup`, `restore`, `verify` and `reload`: through the daemon's control socket while one runs on the data
//! folder, on the store itself while none does.

use super::error::CliError;
use super::exit::{FAILED, TRY_LATER, complain};
use super::language::{language, say};
use super::output::{line, line_if_read};
use super::own_daemon::{ask, connect, request, rest};
use super::progress::ProgressBar;
use super::settings::{ConfigArgs, load};
use super::system_user::write_remedy;
use super::time_zone::moment;
use super::words;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Reloaded, Verified, accounts::absent};
use crate::model::{Localized, Noun, Timestamp, localized};
use crate::store::{JournalEnd, NewFile, OfflineStore, Phase, Progress, Replay, Replayed, Restored, Token, restore};
use clap::{Args, ValueHint};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest a restore may go on without having written anything.
const RESTORE_STALL_S: u64 = 120;
const RESTORE_STALL: Duration = Duration::from_secs(RESTORE_STALL_S);

#[derive(Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Open a store whose integrity can't be checked, although sled discards what it can't read: keep a copy
    #[arg(long)]
    pub(crate) accept_data_loss: bool,
}

#[derive(Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write, or `-` for the standard output; an existing file is replaced once the new one is complete
    to: PathBuf,
}

#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The backup file
    from: PathBuf,
    /// Apply what the journal has behind the backup: the folder `journal` of the lost store, or copies of its segments
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    journal: Option<PathBuf>,
    /// Apply no more of it than was there at this moment: "2026-11-28 09:00" (local), 2026-11-28 (its beginning),
    /// today, yesterday, "2h ago", or with an offset
    #[arg(long, value_name = "TIME", requires = "journal", value_parser = moment, allow_hyphen_values = true)]
    to: Option<String>,
}

impl StoreArgs {
    /// The data folder, and the config.
    fn load(&self) -> Result<(PathBuf, Config), CliError> {
        let config = load(&self.file)?.config;
        Ok((self.data.clone().unwrap_or_else(|| config.store.path.clone()), config))
    }
}

pub(crate) fn backup(args: &BackupArgs) -> Result<(), CliError> {
    let (data, config) = args.store.load()?;
    let failed = |error: &dyn std::fmt::Display| {
        let to = args.to.display();
        CliError::failed(localized!(
            "no backup was written to {to}: {error}",
            "nenhum backup foi gravado em {to}: {error}"
        ))
    };
    let out = Out::create(&args.to, config.store.min_free);
    let out = out.map_err(|error| failed(&format_args!("{error}{}", write_remedy(&error))))?;
    let mut out = io::BufWriter::with_capacity(256 * 1024, out);
    let mut bar = ProgressBar::new();
    if let Some(stream) = ask(&data, "backup")? {
        // Copied as it comes, and read at the same time: it is whole only if its end is.
        let mut copy = Copying { from: stream, to: &mut out };
        let checked = crate::store::check(&mut copy, |progress| show(&mut bar, "backup", progress));
        bar.clear();
        checked.map_err(|error| failed(&say(error.localized())))?;
    } else {
        let closed = OfflineStore::open_mended(&data, config.store.cache, args.store.accept_data_loss);
        let closed = closed.map_err(|error| failed(&say(error.localized())))?;
        if let Some(refusal) = closed.refusal() {
            // A backup of what is left is better than none; it must not pass for more.
            complain(localized!(
                "a daemon would not start on this store, and this backup is of what is left: {refusal}",
                "um daemon não iniciaria neste armazenamento, e este backup é do que restou: {refusal}"
            ));
        }
        let written = closed.back_up(&mut out, &Clock::System, |progress| show(&mut bar, "backup", progress));
        bar.clear();
        written.map_err(|error| failed(&say(error.localized())))?;
    }
    let out = out.into_inner().map_err(|error| failed(error.error()))?;
    out.commit().map_err(|error| failed(&error))
}

/// Where a backup goes.
enum Out {
    File(NewFile, PathBuf),
    Stdout(io::Stdout),
}

impl Out {
    fn create(to: &Path, min_free: u64) -> io::Result<Self> {
        if to != Path::new("-") {
            return Ok(Self::File(NewFile::create(to, min_free)?, to.to_owned()));
        }
        let stdout = io::stdout();
        if stdout.is_terminal() {
            let why = language().pick(
                "a backup is no text: send the standard output into a file or another program",
                "um backup não é texto: envie a saída padrão a um arquivo ou a outro programa",
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self::Stdout(stdout))
    }

    /// Gives a file its name, and prints it; durable on return.
    fn commit(self) -> io::Result<()> {
        match self {
            Self::File(file, name) => {
                file.commit()?;
                line(name.display());
                Ok(())
            }
            Self::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

pub(crate) fn restore_backup(args: &RestoreArgs) -> Result<(), CliError> {
    let (data, config) = args.store.load()?;
    let to = args.to.as_deref().map(Timestamp::parse).transpose();
    let to = to.map_err(|_| CliError::usage(localized!("`--to` is no time", "`--to` não é um momento")))?;
    let journal = args.journal.clone().map(|folder| Replay { folder, to });
    let mut bar = ProgressBar::new();
    let moved = watch_progress();
    let restored = restore(&args.from, journal.as_ref(), &data, |phase, progress| {
        *moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let (what, records) = match phase {
            Phase::Checking => (("check", "verifica"), ("records", "registros")),
            Phase::CheckingJournal => (("check", "verifica"), ("commits", "commits")),
            Phase::Writing => (("restore", "restaura"), ("records", "registros")),
            Phase::Replaying => (("journal", "journal"), ("commits", "commits")),
        };
        let [what, records] = [what, records].map(|(en, pt)| language().pick(en, pt));
        bar.show(what, progress.done, progress.of, &format!("{records}, {} MiB", progress.bytes >> 20));
    });
    bar.clear();
    let (from, shown) = (args.from.display(), data.display());
    let restored = restored.map_err(|error| {
        let error = say(error.localized());
        CliError::failed(localized!(
            "{from} was not restored into {shown}: {error}",
            "{from} não foi restaurado em {shown}: {error}"
        ))
    })?;
    let Restored { events, notifications, as_of, accounts, admin_tokens, replayed } = restored;
    let (events, notifications) = (words::events(events), words::notifications(notifications));
    // Who reads no further still gets the warnings, which go to stderr.
    line_if_read(say(localized!(
        "{shown}: {events} and {notifications}, as of {as_of}",
        "{shown}: {events} e {notifications}, como em {as_of}"
    )));
    if let (Some(journal), Some(replayed)) = (journal, replayed) {
        say_replayed(&journal, &replayed, as_of);
    }
    say_who_gets_in(&accounts, &admin_tokens);
    // Without a file it isn't known what a daemon will be given.
    if args.store.file.config.is_some() {
        let configured: Vec<&str> = config.account.iter().map(|account| account.name.as_str()).collect();
        for warning in absent(accounts.iter().map(String::as_str), &configured) {
            complain(warning);
        }
    }
    Ok(())
}

/// Says which admin tokens hold in a restored store: those of the store that the backup is of, and not the one that a
/// new machine's first start has made before.
fn say_who_gets_in(accounts: &[String], admin_tokens: &[(String, Token)]) {
    let now = Clock::System.now();
    for account in accounts {
        let good = admin_tokens.iter().filter(|(of, token)| of == account && token.is_admin_at(now));
        let names: Vec<String> = good.map(|(_, token)| format!("`{}`", token.name)).collect();
        let file = control::accounts::admin_token_file(Path::new(""), account);
        let file = file.display();
        if names.is_empty() {
            line_if_read(say(localized!(
                "account {account}: no admin token of the backup holds; the daemon's next start writes one to {file}",
                "conta {account}: nenhum token de admin do backup vale; a próxima inicialização grava um em {file}"
            )));
        } else {
            let names = names.join(", ");
            line_if_read(say(localized!(
                "account {account}: the admin tokens of the backup hold: {names}",
                "conta {account}: valem os tokens de admin do backup: {names}"
            )));
        }
    }
    let which = if accounts.len() > 1 { language().pick(" --account NAME", " --account NOME") } else { "" };
    line_if_read(say(localized!(
        "A file admin-token of another store lets nobody in. The right one lies in the data folder of the machine that \
         the backup is of; without it: sudo carteiro token create --name rescue --scope admin{which}",
        "Um arquivo admin-token de outro armazenamento não dá acesso. O certo está na pasta de dados da máquina de \
         onde veio o backup; sem ele: sudo carteiro token create --name rescue --scope admin{which}"
    )));
}

/// Says what came from the journal, and on stderr what didn't, and what came back by it.
fn say_replayed(journal: &Replay, replayed: &Replayed, as_of: Timestamp) {
    let (folder, Replayed { backup, last, end, unerased }) = (journal.folder.display(), replayed);
    if last > backup {
        let first = backup + 1;
        line_if_read(say(localized!(
            "{folder}: commits {first} to {last} were applied, the last one of {as_of}",
            "{folder}: os commits {first} a {last} foram aplicados, o último de {as_of}"
        )));
    } else {
        let (en, pt) = if end.is_some() { ("is there", "existe") } else { ("was made by then", "existia até então") };
        line_if_read(say(localized!(
            "{folder}: nothing was applied: no commit behind the backup's, which is {backup}, {en}",
            "{folder}: nada foi aplicado: nenhum commit depois do {backup}, que é o do backup, {pt}"
        )));
    }
    match end {
        None | Some(JournalEnd::Whole) => {}
        Some(JournalEnd::Acknowledged(acknowledged)) => {
            let first = last + 1;
            complain(localized!(
                "the store had acknowledged commits up to {acknowledged}: those from {first} on aren't in {folder}",
                "o armazenamento tinha confirmado commits até {acknowledged}: os de {first} em diante não estão em \
                 {folder}"
            ));
        }
        Some(JournalEnd::Successor(successor)) => complain(localized!(
            "what was recorded later stands in segment {successor}, which isn't in {folder}: where there is a copy of \
             it, put it there and restore again, into another folder",
            "o que foi registrado depois está no segmento {successor}, que não está em {folder}: se houver uma cópia \
             dele, coloque-a lá e restaure de novo, em outra pasta"
        )),
        Some(JournalEnd::Torn(file)) => {
            let file = file.display();
            complain(localized!(
                "{file} ends with a commit that isn't whole, which was left out",
                "{file} termina com um commit incompleto, que ficou de fora"
            ));
        }
    }
    if journal.to.is_some() {
        complain(localized!(
            "this store is as it was at {as_of}: payloads that were erased after that are back, and so are accounts \
             that were removed; erase and remove them again",
            "este armazenamento está como em {as_of}: dados apagados depois disso estão de volta, e também contas \
             removidas; apague e remova de novo"
        ));
    }
    for event in unerased {
        complain(localized!(
            "the payload of event {event} was erased after that, and is back",
            "os dados do evento {event} foram apagados depois disso, e estão de volta"
        ));
    }
}

/// Ends the process where a restore gets nowhere for [`RESTORE_STALL`]: sled has hung in one, and gives no error then.
/// Gives the time of its last progress, to be set anew with each.
fn watch_progress() -> Arc<Mutex<Instant>> {
    let moved = Arc::new(Mutex::new(Instant::now()));
    let watched = moved.clone();
    let watch = std::thread::Builder::new().spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            if watched.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > RESTORE_STALL {
                complain(localized!(
                    "the restore has written nothing for {RESTORE_STALL_S} seconds: run it again, it begins anew",
                    "a restauração não gravou nada por {RESTORE_STALL_S} segundos: execute de novo, ela recomeça"
                ));
                std::process::exit(i32::from(TRY_LATER));
            }
        }
    });
    // Without a thread to spare nobody watches.
    drop(watch);
    moved
}

pub(crate) fn verify(args: &StoreArgs) -> Result<(), CliError> {
    let (data, config) = args.load()?;
    let is_sound = if let Some(stream) = ask(&data, "verify")? {
        let Verified { is_sound, report } = serde_json::from_str(&rest(stream)?).map_err(|_| {
            CliError::failed(localized!(
                "the daemon broke off before it had looked at everything",
                "o daemon parou antes de olhar tudo"
            ))
        })?;
        // The exit code is the verdict, even where nobody reads the report.
        line_if_read(say(report));
        is_sound
    } else {
        let closed = OfflineStore::open(&data, config.store.cache, args.accept_data_loss);
        // After a wrong clock or a full disk, nothing is known of the store.
        let code = |error: &crate::store::OpenError| if error.is_passing() { TRY_LATER } else { FAILED };
        let closed = closed.map_err(|error| CliError::new(code(&error), error.localized()))?;
        let mut bar = ProgressBar::new();
        let report = closed.verify(|rows| bar.show("verify", 0, 0, &say(Noun::ROWS.counted(rows))));
        bar.clear();
        line_if_read(say(report.localized()));
        report.is_sound()
    };
    // The report names what is wrong.
    if is_sound { Ok(()) } else { Err(CliError::printed(FAILED)) }
}

/// Has the running daemon read its config again, and ends as that did. A signal would do it too, but says nothing: a
/// service manager that only sends one reports success before anything has happened.
pub(crate) fn reload(args: &ConfigArgs) -> Result<(), CliError> {
    // A file with problems is named here, without asking the daemon.
    let data = load(args)?.config.store.path;
    let Some(stream) = connect(&data)? else {
        let data = data.display();
        return Err(CliError::try_later(localized!(
            "no daemon runs on {data}; where `store.path` has changed, it takes a restart",
            "nenhum daemon roda em {data}; se `store.path` mudou, é preciso reiniciá-lo"
        )));
    };
    let stream = request(&data, stream, "reload").map_err(|error| CliError { code: FAILED, ..error })?;
    let answer = rest(stream)?;
    let Reloaded { needs_restart, warnings } = serde_json::from_str(&answer).map_err(|_| {
        // Of another release, which is upgraded and not restarted yet.
        CliError::failed(localized!("the daemon answered: {answer}", "o daemon respondeu: {answer}"))
    })?;
    if needs_restart.is_empty() {
        line(say(localized!("config reloaded", "configuração recarregada")));
    } else {
        let keys = needs_restart.join(", ");
        line(say(localized!(
            "config reloaded; these changes need a restart: {keys}",
            "configuração recarregada; estas mudanças precisam de um reinício: {keys}"
        )));
    }
    for Localized { en, pt } in warnings {
        complain(localized!("warning: {en}", "atenção: {pt}"));
    }
    Ok(())
}

fn show(bar: &mut ProgressBar, what: &str, progress: Progress) {
    let mib = progress.bytes >> 20;
    bar.show(what, progress.done, progress.of, &say(localized!("records, {mib} MiB", "registros, {mib} MiB")));
}

/// Whatever is read is written down too.
struct Copying<'w, R, W> {
    from: R,
    to: &'w mut W,
}

impl<R: io::Read, W: io::Write> io::Read for Copying<'_, R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.to.write_all(&into[..read])?;
        Ok(read)
    }
}
