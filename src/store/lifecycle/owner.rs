//! Whose the files of a data folder are: what root writes into another user's folder that user can't read.

use crate::store::error::OpenError;
use crate::store::lifecycle::owner;
use rustix::process::geteuid;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Refuses root in a folder of somebody else's.
pub(crate) fn check(folder: &Path) -> Result<(), OpenError> {
    match fs::metadata(folder) {
        Ok(found) if geteuid().is_root() && found.uid() != 0 => {
            Err(OpenError::NotRoots { folder: folder.to_owned(), owner: name(found.uid()) })
        }
        _ => Ok(()),
    }
}

/// Gives what root has made in a folder to the folder's owner.
pub(crate) fn hand_over(folder: &Path) -> io::Result<()> {
    let own = fs::metadata(folder)?;
    if !geteuid().is_root() || own.uid() == 0 {
        return Ok(());
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            let found = fs::symlink_metadata(&path)?;
            if found.is_symlink() {
                continue;
            }
            chown(&path, Some(own.uid()), Some(own.gid()))?;
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

/// An error that is a lack of permission, with the file, its owner and what to do.
pub(crate) fn named(folder: &Path, error: OpenError) -> OpenError {
    let denied = matches!(&error, OpenError::Store(error) if error.io_kind() == Some(io::ErrorKind::PermissionDenied));
    let Some((file, uid)) = denied.then(|| anothers(folder)).flatten() else {
        return error;
    };
    OpenError::Anothers { file, owner: name(uid), folder: folder.to_owned(), user: name(geteuid().as_raw()) }
}

/// The first file of a folder, or the folder, that belongs to another user than this process runs as.
fn anothers(folder: &Path) -> Option<(PathBuf, u32)> {
    let own = geteuid().as_raw();
    let inside = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once(folder.to_owned()).chain(inside).find_map(|path| {
        let uid = fs::symlink_metadata(&path).ok()?.uid();
        (uid != own).then_some((path, uid))
    })
}

/// A user's name, or number where the system has no name for it.
pub fn name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| format!("#{uid}"))
}

/// The sentence for an error that something in a data folder met: a lack of permission names the file, its owner and
/// what to do.
pub fn of_folder(folder: &Path, error: io::Error) -> OpenError {
    owner::named(folder, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names_or_numbers() {
        assert_eq!(name(0), "root");
        assert_eq!(name(3_999_999_999), "#3999999999");
    }
}
