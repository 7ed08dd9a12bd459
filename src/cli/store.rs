//! `carteiro backup`, `restore` and `verify`: through the daemon's control socket while one runs on the data folder, on the store itself
//! while none does.

use super::progress::ProgressBar;
use super::{ConfigArgs, DONE, FAILED, TRY_LATER, complain, load};
use crate::clock::Clock;
use crate::control;
use crate::store::{Closed, NewFile, Phase, Progress, restore};
use clap::Args;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(super) struct StoreArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// The data folder, instead of `store.path`
    #[arg(long, value_name = "FOLDER")]
    pub(super) data: Option<PathBuf>,
    /// Look at a store that nothing vouches for, although sled cuts off what it can't read of it: keep a copy
    #[arg(long)]
    pub(super) accept_data_loss: bool,
}

#[derive(Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write, or `-` for the standard output; a file of that name stays until the new one is whole
    to: PathBuf,
}

#[derive(Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The backup
    from: PathBuf,
}

pub(super) fn store(args: &StoreArgs) -> Result<(PathBuf, crate::config::Store), u8> {
    let config = load(&args.file, &[])?.config;
    Ok((args.data.clone().unwrap_or(config.store.path.clone()), config.store))
}

fn failed(problem: impl std::fmt::Display) -> u8 {
    complain(problem);
    FAILED
}

pub(super) fn backup(args: &BackupArgs) -> u8 {
    back_up(args).map_or_else(|code| code, |()| DONE)
}

fn back_up(args: &BackupArgs) -> Result<(), u8> {
    let (data, config) = store(&args.store)?;
    let failed =
        |error: &dyn std::fmt::Display| failed(format_args!("no backup was written to {}: {error}", args.to.display()));
    let out = Out::create(&args.to, config.min_free).map_err(|error| failed(&error))?;
    let mut out = io::BufWriter::with_capacity(256 * 1024, out);
    let mut bar = ProgressBar::new();
    if let Some(stream) = ask(&data, "backup")? {
        // Copied as it comes, and read at the same time: it is whole only if its end is.
        let mut copy = Copying { from: stream, to: &mut out };
        let checked = crate::store::check(&mut copy, |progress| show(&mut bar, "backup", progress));
        bar.clear();
        checked.map_err(|error| failed(&error))?;
    } else {
        let closed = Closed::open(&data, config.cache, args.store.accept_data_loss);
        let closed = closed.map_err(|error| failed(&error))?;
        if let Some(refusal) = closed.refusal() {
            // A backup of what is left is better than none; it must not pass for more.
            complain(format_args!(
                "a daemon would not start on this store, and this backup is of what is left: {refusal}"
            ));
        }
        let written = closed.back_up(&mut out, &Clock::System, |progress| show(&mut bar, "backup", progress));
        bar.clear();
        written.map_err(|error| failed(&error))?;
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
            let why = "a backup is no text: send the standard output into a file or another program";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self::Stdout(stdout))
    }

    /// Gives a file its name, and prints it; durable on return.
    fn commit(self) -> io::Result<()> {
        match self {
            Self::File(file, name) => {
                file.commit()?;
                println!("{}", name.display());
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

pub(super) fn restore_backup(args: &RestoreArgs) -> u8 {
    let Ok((data, _)) = store(&args.store) else {
        return super::BAD_CONFIG;
    };
    let mut bar = ProgressBar::new();
    let restored = restore(&args.from, &data, |phase, progress| {
        show(&mut bar, if phase == Phase::Checking { "check" } else { "restore" }, progress);
    });
    bar.clear();
    match restored {
        Ok(restored) => {
            println!(
                "{}: {} events and {} notifications, as of {}",
                data.display(),
                restored.events,
                restored.notifications,
                restored.as_of
            );
            DONE
        }
        Err(error) => failed(format_args!("{} was not restored into {}: {error}", args.from.display(), data.display())),
    }
}

pub(super) fn verify(args: &StoreArgs) -> u8 {
    verify_store(args).map_or_else(|code| code, |sound| if sound { DONE } else { FAILED })
}

fn complain_for_later(problem: &dyn std::fmt::Display) -> u8 {
    complain(problem);
    TRY_LATER
}

fn verify_store(args: &StoreArgs) -> Result<bool, u8> {
    let (data, config) = store(args)?;
    if let Some(mut stream) = ask(&data, "verify")? {
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(|error| failed(format_args!("the daemon broke off: {error}")))?;
        let text = text.trim_end();
        let (report, verdict) = text.rsplit_once('\n').unwrap_or(("", text));
        println!("{report}");
        return match verdict {
            "sound" => Ok(true),
            "damaged" => Ok(false),
            _ => Err(failed("the daemon broke off before it had looked at everything")),
        };
    }
    let closed = Closed::open(&data, config.cache, args.accept_data_loss);
    // A wrong clock, a full disk: nothing was found out about the store.
    let closed = closed.map_err(|error| if error.is_passing() { complain_for_later(&error) } else { failed(error) })?;
    let mut bar = ProgressBar::new();
    let report = closed.verify(|rows| bar.show("verify", 0, 0, &format!("{rows} rows")));
    bar.clear();
    print!("{report}");
    Ok(report.is_sound())
}

/// Asks the daemon on a data folder; `None` where none runs.
pub(super) fn ask(data: &Path, word: &str) -> Result<Option<BufReader<std::os::unix::net::UnixStream>>, u8> {
    let later = |error: &dyn std::fmt::Display| {
        complain(format_args!("the daemon on {} can't be asked: {error}", data.display()));
        TRY_LATER
    };
    let Some(mut stream) = control::connect(data).map_err(|error| later(&crate::store::of_folder(data, error)))? else {
        return Ok(None);
    };
    writeln!(stream, "{word}").map_err(|error| later(&error))?;
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut line = String::new();
    stream.read_line(&mut line).map_err(|error| later(&error))?;
    match line.trim_end() {
        "ok" => Ok(Some(stream)),
        said => {
            if let Some(why) = said.strip_prefix("refused ") {
                // It would be refused again.
                complain(why);
                return Err(super::FAILED);
            }
            complain(said.strip_prefix("error ").unwrap_or("the daemon hung up"));
            Err(TRY_LATER)
        }
    }
}

fn show(bar: &mut ProgressBar, what: &str, progress: Progress) {
    bar.show(what, progress.done, progress.of, &format!("records, {} MiB", progress.bytes >> 20));
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
