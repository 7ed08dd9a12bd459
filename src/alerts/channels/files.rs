//! The secrets of channels, which the config names by file: a systemd credential is a file too.

use super::redact::Secrets;
use crate::model::{Secret, TargetUrl};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest file that is read: a mistaken path may lead to a device or a dump.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A file that the config names is of no use.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The path of the key that names it, such as `alerts.slack.url_file`, or `account[0].alerts.slack.url_file`.
    pub key: String,
    /// A sentence that names the file, and never what it holds.
    pub sentence: String,
}

impl BadFile {
    /// Of a file that holds something else than `what`; who reads it for a key sets that.
    pub(super) fn at(path: &Path, what: &str) -> Self {
        Self { key: String::new(), sentence: format!("{} must hold {what}, on one line", path.display()) }
    }
}

/// The one line of a file, without the spaces around it, as `parse` reads it. `what` goes on behind "must hold".
pub(super) fn one_line<T>(path: &Path, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, BadFile> {
    let shown = path.display();
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| BadFile {
        sentence: format!("{shown} can't be read: {error}; it must hold {what}"),
        ..BadFile::at(path, what)
    })?;
    let line = std::str::from_utf8(&bytes).ok().map(str::trim);
    let good = line.filter(|line| bytes.len() as u64 <= MAX_FILE_BYTES && !line.contains(char::is_control));
    good.and_then(parse).ok_or_else(|| BadFile::at(path, what))
}

/// The line as a secret.
pub(super) fn secret(path: &Path, what: &str, good: impl Fn(&str) -> bool) -> Result<Secret<String>, BadFile> {
    one_line(path, what, |line| (!line.is_empty() && good(line)).then(|| Secret::new(line.to_owned())))
}

/// A URL whose path or query lets in whoever knows it. Only its host is printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SecretUrl(pub(super) Arc<TargetUrl>);

impl SecretUrl {
    pub(super) fn parse(text: &str) -> Option<Self> {
        TargetUrl::parse(text).ok().map(|url| Self(Arc::new(url)))
    }

    /// What must not be seen of it.
    pub(super) fn secrets(&self) -> Secrets {
        Secrets::of_url(self.0.path_and_query())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({}…)", self.0.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_line_and_is_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            secret(&path, "a token", |line| line != "geheim-bad")
        };
        assert_eq!(read(b" geheim \r\n").unwrap().expose(), "geheim");
        let long = vec![b'x'; 70_000];
        for bad in [b"".as_slice(), b" \n", b"geheim\nb", b"geheim-bad", b"geheim\0", b"geheim\xff", &long] {
            let error = read(bad).unwrap_err().sentence;
            assert_eq!(error, format!("{} must hold a token, on one line", path.display()));
        }
        let missing = secret(Path::new("/nowhere/t"), "a token", |_| true).unwrap_err().sentence;
        assert!(missing.starts_with("/nowhere/t can't be read: ") && missing.ends_with("it must hold a token"));
        let url = SecretUrl::parse("https://hooks.example/services/geheim").unwrap();
        assert_eq!(format!("{url:?}"), "SecretUrl(hooks.example…)");
        assert_eq!(url.secrets().redacted("no services/geheim here"), "no [redacted] here");
    }
}
