//! Replacing a small file as a whole: a reader sees the old contents or the new ones, never a mixture.
//!
//! The contents are written to a file beside it, with the extension `new`, which takes the name once it is complete. A
//! crash may leave that file; the next replacement overwrites it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Replaces the file, which only its owner can read. Durable on return: a power cut takes neither contents nor name.
/// Returns the new file, open for writing.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<File> {
    let file = write_and_rename(path, contents, File::sync_all)?;
    sync_folder(path.parent().unwrap_or(Path::new("/")))?;
    Ok(file)
}

/// The same without a sync: a power cut may take the new contents, or leave an empty file.
pub fn replace_unsynced(path: &Path, contents: &[u8]) -> io::Result<()> {
    write_and_rename(path, contents, |_| Ok(())).map(drop)
}

/// Makes the names inside a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()
}

fn write_and_rename(path: &Path, contents: &[u8], sync: fn(&File) -> io::Result<()>) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(contents)?;
    sync(&file)?;
    fs::rename(&beside, path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marker");
        fs::write(folder.path().join("marker.new"), "left by a crash, and longer than what follows").unwrap();
        for contents in ["first", "second"] {
            replace(&path, contents.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        }
        replace_unsynced(&path, b"third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
