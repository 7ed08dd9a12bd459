//! Background changes that have ended the process: the next start leaves them alone for a while.
//!
//! A background change reads what it needs before anything of it is applied, and one that can't be read is dropped (see
//! `Committer::ready`). Yet sled may read more as it applies a batch: a page that it merges with another. If that page can never be
//! read again, the process ends, starts, meets it again and ends: a daemon that does nothing else, for the sake of an old event
//! that is to be deleted. So the change that ends the process leaves a note in the data folder, and that kind of change waits
//! for a day. Events are recorded and delivered meanwhile.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a kind of change that has ended the process is left alone.
const HELD: Duration = Duration::from_secs(24 * 60 * 60);

/// What the committer does that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Background {
    Retention,
    Sweep,
    Jobs,
}

impl Background {
    const ALL: [Self; 3] = [Self::Retention, Self::Sweep, Self::Jobs];

    fn name(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Sweep => "sweep",
            Self::Jobs => "jobs",
        }
    }

    /// The file that stands in the data folder while this kind is left alone.
    pub(super) fn note(self, folder: &Path) -> PathBuf {
        folder.join(format!("held-{}", self.name()))
    }
}

/// Which kinds are left alone, until when.
#[derive(Debug, Default)]
pub(super) struct Held {
    until: [Option<Instant>; 3],
}

impl Held {
    /// Reads the notes of a data folder, and takes away those that are over.
    pub(super) fn look(folder: &Path) -> Self {
        let mut held = Self::default();
        for (which, until) in Background::ALL.into_iter().zip(&mut held.until) {
            let note = which.note(folder);
            let Ok(made) = std::fs::metadata(&note).and_then(|found| found.modified()) else {
                continue;
            };
            // A note from the future was made by a clock that ran ahead.
            let left = HELD.saturating_sub(made.elapsed().unwrap_or_default());
            if left.is_zero() {
                // One that stays is looked at again at the next start.
                let _ = std::fs::remove_file(&note);
                continue;
            }
            tracing::warn!(
                what = which.name(),
                hours = left.as_secs().div_ceil(3600),
                note = %note.display(),
                "this background work met a page that can't be read and ended the process: it waits; run `carteiro verify`, restore \
                 a backup if it finds damage, and delete the note to have the work go on"
            );
            *until = Some(Instant::now() + left);
        }
        held
    }

    /// Whether this kind is left alone now.
    pub(super) fn holds(&self, which: Background) -> bool {
        self.until[which as usize].is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};
    use std::time::SystemTime;

    #[test]
    fn what_has_ended_the_process_waits_a_day_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Background::ALL.iter().all(|which| !Held::look(folder.path()).holds(*which)));
        let note = Background::Retention.note(folder.path());
        let file = File::create(&note).unwrap();
        let held = Held::look(folder.path());
        let holding: Vec<_> = Background::ALL.into_iter().filter(|which| held.holds(*which)).collect();
        assert_eq!(holding, [Background::Retention]);
        file.set_times(FileTimes::new().set_modified(SystemTime::now() + HELD)).unwrap();
        assert!(Held::look(folder.path()).holds(Background::Retention), "a clock that ran ahead");
        file.set_times(FileTimes::new().set_modified(SystemTime::now() - HELD)).unwrap();
        assert!(!Held::look(folder.path()).holds(Background::Retention));
        assert!(!note.exists());
    }
}
