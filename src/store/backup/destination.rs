//! Where a file may be written that replaces what stands under its name.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How many links are followed one after another; the system follows as many.
const MAX_LINKS: usize = 40;

/// The file that `path` means: a regular file, or a name that is free. A symbolic link is followed, so that it is what
/// it leads to that is replaced, and the link stays. Anything else is refused: a FIFO, a device, a folder or a socket
/// would be gone, and a plain file in its place.
pub(crate) fn of_file(path: &Path) -> io::Result<PathBuf> {
    let refused = |what: &str| {
        let why = format!("{} is {what}, not a file: name a file, or `-` for the standard output", path.display());
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    };
    match fs::metadata(path) {
        Ok(found) if found.is_file() => return fs::canonicalize(path),
        Ok(found) => {
            let kind = found.file_type();
            return refused(match () {
                () if kind.is_dir() => "a folder",
                () if kind.is_fifo() => "a pipe",
                () if kind.is_socket() => "a socket",
                () => "a device",
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // A free name, or links whose last one leads to a free name.
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else {
            return Ok(path);
        };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    refused("a link that leads nowhere")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn files_and_free_names_are_taken_links_followed_and_all_else_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        assert_eq!(of_file(&at("free")).unwrap(), at("free"));
        fs::write(at("file"), "x").unwrap();
        assert_eq!(of_file(&at("file")).unwrap(), at("file"));
        for (link, to, means) in [("one", "file", "file"), ("two", "one", "file"), ("dangling", "new", "new")] {
            symlink(to, at(link)).unwrap();
            assert_eq!(of_file(&at(link)).unwrap(), at(means), "{link}");
        }
        symlink("loop", at("loop")).unwrap();
        of_file(&at("loop")).unwrap_err();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (path, what) in [(at(""), "a folder"), (at("socket"), "a socket"), (PathBuf::from("/dev/null"), "a device")]
        {
            let sentence = of_file(&path).unwrap_err().to_string();
            assert!(sentence.contains(what), "{sentence}");
        }
    }
}
