//! What the user that the daemon runs as may not read or write of what its config names. The system itself is asked, so
//! this process must run as that user.

use super::Error;
use crate::config::Config;
use rustix::fs::{Access, access};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// How many links are followed, as the system does.
const MAX_LINKS: u32 = 40;

/// Each file that this process's user may not read, and each folder that it may not write into, with what stands in
/// its way and what to do. Files that are missing are not looked at here: [`super::check_files`] names those.
pub fn check_permissions(config: &Config, user: &str) -> Vec<Error> {
    let mut problems = Vec::new();
    for (key, file) in config.files() {
        if let Some(obstacle) = unreadable(file) {
            let file = file.display();
            problems.push(Error::bad_file(
                key,
                format_args!(
                    "the user {user}, as whom the daemon runs, can't read {file}: {obstacle}; put a copy that {user} \
                     may read below /etc/carteiro, and name that (what certbot writes is copied by a deploy hook: see \
                     network.md of the documentation)"
                ),
            ));
        }
    }
    // A data folder that isn't there yet is made by the service manager, as a rule.
    let data = Some(&config.store.path).filter(|data| data.exists());
    let folders = [("store.path", data), ("store.backup_dir", config.store.backup_dir.as_ref())];
    for (key, folder) in folders.into_iter().filter_map(|(key, folder)| Some((key, folder?))) {
        let Some(obstacle) = unwritable(folder) else { continue };
        let folder = folder.display();
        problems.push(Error::bad_file(
            key,
            format_args!(
                "the user {user}, as whom the daemon runs, can't write into {folder}: {obstacle}; make it {user}'s: \
                 sudo install -d -o {user} -g {user} -m 700 {folder} (systemd's unit of carteiro needs \
                 ReadWritePaths={folder} as well, where it isn't the data folder)"
            ),
        ));
    }
    problems
}

/// Why a file can't be read, where permissions are the reason.
fn unreadable(file: &Path) -> Option<String> {
    let error = File::open(file).err()?;
    (error.kind() == io::ErrorKind::PermissionDenied).then(|| obstacle(file))
}

/// Why nothing can be made in a folder; of one that isn't there, why it can't be made.
fn unwritable(folder: &Path) -> Option<String> {
    let mut at = folder.to_owned();
    loop {
        match access(&at, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) => return None,
            Err(rustix::io::Errno::NOENT) => {
                // `backups` is made in the working directory, which is not this command's.
                at = at.parent().filter(|parent| !parent.as_os_str().is_empty())?.to_owned();
            }
            Err(rustix::io::Errno::ROFS) => return Some(format!("{} is mounted read-only", at.display())),
            Err(_) => return Some(obstacle(&at)),
        }
    }
}

/// The folder or file on the way that doesn't let this user through, with its owner and mode.
fn obstacle(path: &Path) -> String {
    let (Ok(path) | Err(path)) = resolve(path, &mut MAX_LINKS.clone());
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(found) => {
            let kind = if found.is_dir() { "folder" } else { "file" };
            let (owner, mode) = (crate::store::user_name(found.uid()), found.mode() & 0o7777);
            format!("the {kind} {shown} belongs to {owner}, and its mode {mode:o} doesn't allow it")
        }
        Err(error) => format!("{shown}: {error}"),
    }
}

/// Where a path leads, links followed; `Err` with the first folder on the way that may not be searched.
fn resolve(path: &Path, links: &mut u32) -> Result<PathBuf, PathBuf> {
    let mut at = PathBuf::new();
    for part in path.components() {
        let folder = at.clone();
        match part {
            Component::ParentDir => drop(at.pop()),
            Component::CurDir => {}
            other => at.push(other),
        }
        match fs::symlink_metadata(&at) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(folder),
            Ok(found) if found.is_symlink() && *links > 0 => {
                *links -= 1;
                let Ok(target) = fs::read_link(&at) else { return Err(at) };
                at = resolve(&folder.join(target), links)?;
            }
            _ => {}
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_lead_to_the_file_that_is_meant_and_circles_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("archive/loja")).unwrap();
        fs::create_dir_all(at("live/loja")).unwrap();
        fs::write(at("archive/loja/privkey1.pem"), "").unwrap();
        symlink("../../archive/loja/privkey1.pem", at("live/loja/privkey.pem")).unwrap();
        symlink("circle", at("circle")).unwrap();
        let follow = |path: &Path| resolve(path, &mut MAX_LINKS.clone());
        assert_eq!(follow(&at("live/loja/privkey.pem")), Ok(at("archive/loja/privkey1.pem")));
        assert_eq!(follow(&at("live/../archive/./loja")), Ok(at("archive/loja")));
        assert_eq!(follow(&at("circle")), Ok(at("circle")));
        assert_eq!(follow(&at("missing/x")), Ok(at("missing/x")));
    }

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_where_it_would_be_made() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(unwritable(&folder.path().join("a/b")), None);
        assert_eq!(unwritable(Path::new("relative-and-not-there")), None);
    }
}
