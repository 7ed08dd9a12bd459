//! The operator's socket in the data folder, through which `carteiro backup` and `carteiro verify` reach a
//! running daemon.
//!
//! A backup holds every account's data, so no account's token opens it: anyone who may read the data folder may have
//! one, and nobody else. That is what the folder's permissions say already, and a socket in it says the same. Since an
//! access token can be had here as well, and permissions are changed by mistake, the caller's user is looked at too:
//! root, the folder's owner, or the daemon's own.
//!
//! One word comes in on a line. `backup` is answered with `ok` on a line and the bytes of the backup, which ends where
//! it says so; `verify` with a line of JSON, a [`Verified`]; `reload` with a line of JSON, a [`Reloaded`]; `accounts`
//! and `export-account NAME` with lines of JSON (see [`accounts`]); `remove-account NAME` with `removed` at its end;
//! `panel-link`, with an account's name behind it or not, with a line of JSON, a link that signs in to the panel;
//! `create-token JSON` with a line of JSON, the token (see [`tokens`]); `endpoint` with a line of JSON, an
//! [`Endpoint`]. What can't be done now is `error` and why; what can't be meant is `refused` and why.

pub mod accounts;
pub mod backups;
pub mod tokens;

use crate::clock::Clock;
use crate::model::{AccountNo, Localized};
use crate::shutdown::{accept_until, requested};
use crate::store::{Piece, Store, write_pieces};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one write to a caller may take: past it, the caller is taken to be stuck.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// The longest request that is read, in bytes: room for a token's name, each of its 100 characters escaped.
const MAX_REQUEST: u64 = 4096;

/// A caller who wants the config read again, and gets the result: what was taken up, or why nothing was.
pub type Reload = oneshot::Sender<Result<Reloaded, String>>;

/// What `verify` has found.
#[derive(Debug, Deserialize, Serialize)]
pub struct Verified {
    /// Whether all is as it should be.
    pub is_sound: bool,
    /// The whole report, without a line end behind it.
    pub report: Localized,
}

/// What has become of a new config that was taken up.
#[derive(Debug, Deserialize, Serialize)]
pub struct Reloaded {
    /// The keys that have changed and take a restart.
    pub needs_restart: Vec<String>,
    /// What has ceased to work by it.
    pub warnings: Vec<Localized>,
}

/// Makes a link that signs in to the panel, as an admin of the account of this name, of the config's first where it is
/// empty: a line of JSON, or why there is none.
pub type MakePanelLink = Arc<dyn Fn(String) -> Making + Send + Sync>;

type Making = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// How this machine reaches the daemon. A command can't know it from the config alone: the certificate may be a secret
/// of the service manager's, or be renewed this minute.
#[derive(Debug, Deserialize, Serialize)]
pub struct Endpoint {
    /// Where it listens; loopback where that is every address.
    pub address: SocketAddr,
    /// The certificate that it shows, in DER as base64; `None` where it speaks plain HTTP.
    pub certificate: Option<String>,
}

/// Says how the daemon is reached now.
pub type TellEndpoint = Arc<dyn Fn() -> Endpoint + Send + Sync>;

/// What a caller can ask of more than the store.
#[derive(Clone)]
pub struct Services {
    /// Who is passed a request for a reload, if there is anyone who can.
    pub reloads: Option<mpsc::Sender<Reload>>,
    /// See [`MakePanelLink`].
    pub panel_link: MakePanelLink,
    /// The config's first account, the operator's as a rule: its audit tells of a removal of another one.
    pub first_account: Option<AccountNo>,
    /// See [`TellEndpoint`].
    pub endpoint: TellEndpoint,
    /// Where the times of tokens come from.
    pub clock: Clock,
}

/// The path of the socket.
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// What the socket is bound and found by: its path, or where that is longer than the hundred bytes that a socket's name
/// has room for, a path through the folder's descriptor, which is to stay open. Not always the second: where nothing is
/// mounted on /proc, as in a bare chroot, there is none.
fn name_of(data: &Path) -> io::Result<(Option<fs::File>, PathBuf)> {
    let path = path(data);
    if std::os::unix::net::SocketAddr::from_pathname(&path).is_ok() {
        return Ok((None, path));
    }
    let folder = fs::File::open(data)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}/control.sock", folder.as_raw_fd()));
    Ok((Some(folder), short))
}

/// Makes the socket. Only who holds the store may call it: what is left of another daemon's is taken away.
pub fn listen(data: &Path) -> io::Result<UnixListener> {
    let (_folder, name) = name_of(data)?;
    match fs::remove_file(&name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&name)?;
    fs::set_permissions(&name, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the daemon that runs on a data folder; `None` when none does.
pub fn connect(data: &Path) -> io::Result<Option<std::os::unix::net::UnixStream>> {
    let connected = name_of(data).and_then(|(_folder, name)| std::os::unix::net::UnixStream::connect(name));
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Serves every caller, until `stop` turns true; what is under way then breaks off, and its caller sees that.
pub async fn run(listener: UnixListener, store: Store, services: Services, mut stop: watch::Receiver<bool>) {
    let serve = |accepted: io::Result<(UnixStream, _)>, callers: &mut JoinSet<()>| match accepted {
        Ok((stream, _)) => drop(callers.spawn(serve(stream, store.clone(), services.clone()))),
        Err(error) => tracing::warn!(%error, "a caller of the control socket could not be accepted"),
    };
    let mut callers = accept_until(requested(&mut stop), || listener.accept(), serve).await;
    callers.shutdown().await;
    // The next start takes it away as well.
    let _ = fs::remove_file(path(store.path()));
}

/// The caller's user, where it may ask; `Err` with why not.
fn caller(stream: &UnixStream, data: &Path) -> Result<u32, String> {
    let uid = stream.peer_cred().map_err(|error| format!("the caller's user can't be found out: {error}"))?.uid();
    let owner = fs::metadata(data).map_err(|error| format!("{} can't be looked at: {error}", data.display()))?.uid();
    let may = uid == 0 || uid == owner || uid == rustix::process::geteuid().as_raw();
    let refused = || format!("only root and the owner of {} may ask here: run the command with sudo", data.display());
    may.then_some(uid).ok_or_else(refused)
}

async fn serve(stream: UnixStream, store: Store, services: Services) {
    let caller = caller(&stream, store.path());
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // Of a caller that is refused, too: to close a socket with unread bytes in it would take the answer away.
    let read = tokio::time::timeout(PATIENCE, (&mut stream).take(MAX_REQUEST).read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    let stream = stream.into_inner();
    let uid = match caller {
        Ok(uid) => uid,
        Err(why) => {
            tracing::warn!(why, "a caller of the control socket was refused");
            // It has hung up, or reads this.
            let _ = answer(stream, format!("refused {why}")).await;
            return;
        }
    };
    let line = line.trim();
    let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
    let served = match (word, argument) {
        ("backup", "") => backup(stream, store).await,
        ("verify", "") => verify(stream, store).await,
        ("reload", "") => reload(stream, services.reloads).await,
        ("accounts", "") => in_lines(stream, store, |store, out| accounts::list(store, out)).await,
        ("panel-link", account) => {
            let made = (services.panel_link)(account.trim().to_owned()).await;
            answer(stream, made.map_or_else(|why| format!("refused {why}"), |link| format!("ok\n{link}"))).await
        }
        ("endpoint", "") => answer(stream, format!("ok\n{}", json!((services.endpoint)()))).await,
        ("create-token", request) => create_token(stream, &store, &services.clock, request, uid).await,
        ("export-account", name) => {
            let name = name.to_owned();
            in_lines(stream, store, move |store, out| accounts::export(store, &name, out)).await
        }
        ("remove-account", name) => remove(stream, store, name, services.first_account).await,
        _ => answer(stream, "error there is no such request".to_owned()).await,
    };
    if let Err(error) = served {
        tracing::warn!(%error, request = word, "a request of the control socket broke off");
    }
}

/// A stream for the blocking threads, on which no write waits for ever.
fn blocking(stream: UnixStream) -> io::Result<std::os::unix::net::UnixStream> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WRITE_PATIENCE))?;
    Ok(stream)
}

async fn answer(stream: UnixStream, line: String) -> io::Result<()> {
    let mut stream = blocking(stream)?;
    let written = tokio::task::spawn_blocking(move || writeln!(stream, "{line}")).await;
    written.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

async fn backup(stream: UnixStream, store: Store) -> io::Result<()> {
    let pieces: mpsc::Receiver<Piece> = match store.backup().await {
        Ok(Some(pieces)) => pieces,
        Ok(None) => return answer(stream, "error another backup is under way: wait for its end".to_owned()).await,
        Err(error) => return answer(stream, format!("error {error}")).await,
    };
    let mut stream = blocking(stream)?;
    let written = tokio::task::spawn_blocking(move || {
        writeln!(stream, "ok")?;
        write_pieces(pieces, io::BufWriter::with_capacity(256 * 1024, stream), |_| {})
            .map_err(io::Error::other)?
            .flush()
    });
    written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))?;
    tracing::info!("a backup was taken");
    Ok(())
}

/// Answers with what `write` writes.
async fn in_lines(
    stream: UnixStream,
    store: Store,
    write: impl FnOnce(&Store, &mut dyn io::Write) -> Result<(), accounts::AccountError> + Send + 'static,
) -> io::Result<()> {
    let mut stream = blocking(stream)?;
    let written = tokio::task::spawn_blocking(move || {
        // `ok` goes out with the first line: until then it can still be an error.
        let mut out = AfterOk { stream: &mut stream, begun: false };
        match write(&store, &mut out) {
            Ok(()) if out.begun => Ok(()),
            Ok(()) => writeln!(stream, "ok"),
            Err(accounts::AccountError::Io(error)) => Err(error),
            Err(problem) if out.begun => Err(io::Error::other(problem.to_string())),
            Err(problem) => writeln!(stream, "{}", refusal(&problem)),
        }
    });
    written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

struct AfterOk<'s> {
    stream: &'s mut std::os::unix::net::UnixStream,
    begun: bool,
}

impl io::Write for AfterOk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !std::mem::replace(&mut self.begun, true) {
            self.stream.write_all(b"ok\n")?;
        }
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

async fn remove(stream: UnixStream, store: Store, name: &str, told_in: Option<AccountNo>) -> io::Result<()> {
    let done = match accounts::remove(&store, name, told_in).await {
        // The job goes on when its caller hangs up.
        Ok(no) => accounts::removed(&store, no).await,
        Err(problem) => Err(problem),
    };
    let line = done.map_or_else(|problem| refusal(&problem), |()| "ok\nremoved".to_owned());
    answer(stream, line).await
}

async fn create_token(stream: UnixStream, store: &Store, clock: &Clock, request: &str, uid: u32) -> io::Result<()> {
    let line = match serde_json::from_str(request) {
        Err(error) => format!("refused what was asked can't be read: {error}"),
        Ok(request) => {
            let by = format!("user {uid} over the control socket");
            let made = tokens::create(store, clock, request, &by).await;
            made.map_or_else(|problem| refusal(&problem), |made| format!("ok\n{made}"))
        }
    };
    answer(stream, line).await
}

fn refusal(problem: &accounts::AccountError) -> String {
    match problem {
        accounts::AccountError::Sentence(sentence) => format!("refused {sentence}"),
        accounts::AccountError::Store(_) | accounts::AccountError::Io(_) => format!("error {problem}"),
    }
}

async fn reload(stream: UnixStream, reloads: Option<mpsc::Sender<Reload>>) -> io::Result<()> {
    let (reply, replied) = oneshot::channel();
    // The receiver may have stopped listening, before the question or after it.
    let requested = match reloads {
        Some(reloads) => reloads.send(reply).await.is_ok(),
        None => false,
    };
    let result = if requested { replied.await.ok() } else { None };
    let line = match result {
        Some(Ok(done)) => format!("ok\n{}", json!(done)),
        Some(Err(why)) => format!("error {why}"),
        None => "error the daemon reloads nothing now: it is about to stop".to_owned(),
    };
    answer(stream, line).await
}

async fn verify(stream: UnixStream, store: Store) -> io::Result<()> {
    let mut stream = blocking(stream)?;
    let written = tokio::task::spawn_blocking(move || {
        let report = store.verify(|_| {});
        if !report.is_sound() {
            tracing::error!(wrong = report.wrong, "verifying found rows that are not as they should be");
        }
        let verified = Verified { is_sound: report.is_sound(), report: report.localized() };
        writeln!(stream, "ok\n{}", json!(verified))
    });
    written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through /proc alone there was no control socket in a bare chroot, and so neither a backup nor a link to the
    /// panel.
    #[tokio::test]
    async fn the_socket_is_named_by_its_own_path_where_that_fits() {
        let home = tempfile::tempdir().unwrap();
        let long = home.path().join("a".repeat(100)).join("b".repeat(100));
        fs::create_dir_all(&long).unwrap();
        for (data, through_proc) in [(home.path(), false), (long.as_path(), true)] {
            let (folder, name) = name_of(data).unwrap();
            assert_eq!((folder.is_some(), name.starts_with("/proc")), (through_proc, through_proc), "{name:?}");
            assert!(connect(data).unwrap().is_none(), "nobody listens");
            let listener = listen(data).unwrap();
            assert!(connect(data).unwrap().is_some());
            drop(listener);
            assert!(path(data).exists() && connect(data).unwrap().is_none(), "what a killed daemon leaves");
            let _again = listen(data).unwrap();
        }
    }
}
