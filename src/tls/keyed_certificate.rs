//! A certificate with its private key, as two files hold them: read, compared with each other, and read again when they
//! change. The server's own is one, and each that is shown to targets.

use super::file_error::CertificateFileError;
use super::x509;
use crate::model::{Noun, Timestamp};
use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The longest file that is read: a chain of certificates takes a few KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
const DAY_S: u64 = 24 * 3600;
/// How long before its end a certificate is warned of, unless it was made for a short time. Let's Encrypt's are renewed
/// 30 days before theirs, so something is amiss.
const SOON: Duration = Duration::from_secs(14 * DAY_S);
/// The share of its time that is left when a certificate for a short time is warned of.
const LAST_SHARE: u32 = 4;
/// Others than the owner may read it.
const WORLD_READABLE: u32 = 0o004;

/// The two files, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by its chain.
    pub cert: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: PathBuf,
}

/// A certificate with its chain and its key.
#[derive(Clone)]
pub struct KeyedCertificate {
    pub(crate) certified: Arc<CertifiedKey>,
    files: CertificateFiles,
    end: CertificateEnd,
    key_is_open: bool,
    stamps: Stamps,
}

/// When a certificate ends, and from when on that is worth a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    /// From when on nobody takes it.
    pub at: Timestamp,
    /// 14 days before that, or a quarter of its lifetime where that is shorter.
    pub warns_from: Timestamp,
}

impl CertificateEnd {
    /// Of a certificate that is valid from `begins_at`, where that is known, to `at`.
    pub(crate) fn of(begins_at: Option<Timestamp>, at: Timestamp) -> Self {
        let lifetime = begins_at.map_or(Duration::MAX, |begins_at| at.since(begins_at));
        let warned_for = SOON.min(lifetime / LAST_SHARE);
        Self { at, warns_from: Timestamp::from_ms(at.as_ms().saturating_sub(crate::model::millis(warned_for))) }
    }

    /// Whether it has ended, or ends soon enough to be warned of.
    pub fn is_near(self, now: Timestamp) -> bool {
        now > self.warns_from
    }
}

impl KeyedCertificate {
    /// Reads the files. `setting` is the key of the config that names the first of them, for the sentence. What is
    /// wrong with them is the error; that a certificate has expired is not, see [`Self::warnings`].
    pub(crate) fn load(files: &CertificateFiles, setting: &str) -> Result<Self, CertificateFileError> {
        let (cert, key) = (files.cert.as_path(), files.key.as_path());
        // Before they are read: a change in between is then seen by the next look.
        let stamps = Stamps::of(files);
        let (cert_name, key_name) = (cert.display(), key.display());
        let text = read(cert).map_err(CertificateFileError::of_certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| CertificateFileError::of_certificate(not_pem(cert, &error)))?;
        let own = chain.first().ok_or_else(|| {
            CertificateFileError::of_certificate(format!(
                "{cert_name} holds no certificate in PEM; `{setting}` must name the full chain"
            ))
        })?;
        let facts = x509::read(own).and_then(|facts| Some((facts.version, facts.not_before, facts.not_after?)));
        let (version, begins_at, ends_at) = facts.ok_or_else(|| {
            CertificateFileError::of_certificate(format!("the first certificate in {cert_name} can't be read as one"))
        })?;
        if version < 3 {
            return Err(CertificateFileError::of_certificate(format!(
                "the first certificate in {cert_name} is of X.509 version {version}: have it issued again as version \
                 3, with extensions such as subjectAltName"
            )));
        }
        let secret = read(key).map_err(CertificateFileError::of_key)?;
        // Both forms say so in a line of their own: that of PKCS#8 and the older one (`Proc-Type: 4,ENCRYPTED`).
        let is_locked = secret.windows(LOCKED.len()).any(|bytes| bytes == LOCKED);
        let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|error| {
            CertificateFileError::of_key(match error {
                _ if is_locked => format!(
                    "the private key in {key_name} has a passphrase; write it without one: openssl pkey -in OLD -out \
                     NEW"
                ),
                pem::Error::NoItemsFound => format!(
                    "{key_name} holds no private key in PEM, which begins with a line such as -----BEGIN PRIVATE \
                     KEY-----: check the path; a key in DER is written in PEM by openssl pkey -inform DER -in OLD -out \
                     NEW"
                ),
                other => not_pem(key, &other),
            })
        })?;
        let certified = CertifiedKey::from_der(chain, secret, &ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateFileError::of_key(format!(
                "the key in {key_name} is not that of the first certificate in {cert_name}; the certificate of this \
                 key must come first"
            )),
            rustls::Error::InvalidCertificate(_) => {
                CertificateFileError::of_certificate(format!("{cert_name} can't be used: {error}"))
            }
            other => CertificateFileError::of_key(format!("{key_name} can't be used: {other}")),
        })?;
        let key_is_open = std::fs::metadata(key).is_ok_and(|meta| meta.mode() & WORLD_READABLE != 0);
        let end = CertificateEnd::of(begins_at, ends_at);
        Ok(Self { certified: Arc::new(certified), files: files.clone(), end, key_is_open, stamps })
    }

    /// The certificate itself, without its chain.
    pub(crate) fn own(&self) -> &CertificateDer<'static> {
        self.certified.cert.first().expect("a chain without a certificate is never taken")
    }

    /// The files it was read from.
    pub fn files(&self) -> &CertificateFiles {
        &self.files
    }

    /// When it ends.
    pub const fn end(&self) -> CertificateEnd {
        self.end
    }

    /// What an operator should know though it works, in sentences. `who` refuses it once it has expired, in the plural.
    pub(crate) fn warnings(&self, who: &str, now: Timestamp) -> Vec<String> {
        let key = self.files.key.display();
        let open = || format!("{key} can be read by everyone on this machine: chmod o-r {key}");
        self.key_is_open.then(open).into_iter().chain(self.end_warning(who, now)).collect()
    }

    /// A warning of its end, if that is near.
    pub(crate) fn end_warning(&self, who: &str, now: Timestamp) -> Option<String> {
        let file = self.files.cert.display();
        let (at, left) = (self.end.at, self.end.at.since(now));
        if left.is_zero() {
            return Some(format!("the certificate in {file} has expired, at {at}: {who} refuse it; renew it"));
        }
        let left = match (left.as_secs() / DAY_S, left.as_secs() / 3600) {
            (0, hours) => Noun::HOURS.counted(hours).en,
            (1, _) => "1 day".to_owned(),
            (days, _) => format!("{days} days"),
        };
        self.end.is_near(now).then(|| format!("the certificate in {file} expires in {left}, at {at}: renew it"))
    }
}

impl std::fmt::Debug for KeyedCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedCertificate")
            .field("files", &self.files)
            .field("ends_at", &self.end.at)
            .finish_non_exhaustive()
    }
}

/// What a key with a passphrase has in its frame.
const LOCKED: &[u8] = b"ENCRYPTED";

fn not_pem(file: &Path, error: &pem::Error) -> String {
    format!("{} is not PEM: {error}", file.display())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let (name, mut bytes) = (file.display(), Vec::new());
    let read = File::open(file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("{name} can't be read: {error}; check the path and who may read it")),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err(format!("{name} is longer than 1 MiB and can't be a certificate or key; check the path"))
        }
        Ok(_) => Ok(bytes),
    }
}

/// What a file looked like from outside: enough to see that it was written or replaced, behind a link too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamps([Option<Stamp>; 2]);

impl Stamps {
    fn of(files: &CertificateFiles) -> Self {
        let stamp =
            |meta: Metadata| Stamp { inode: meta.ino(), len: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) };
        Self([&files.cert, &files.key].map(|file| std::fs::metadata(file).ok().map(stamp)))
    }
}

/// What is known of earlier looks at the files of one certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CertificateWatch {
    /// Files that could not be used, and whether that was told.
    failing: Option<(Stamps, bool)>,
    warned_at: Timestamp,
}

impl CertificateWatch {
    /// How often the files are to be looked at.
    const LOOK_EVERY: Duration = Duration::from_secs(30);

    /// The first reading has told its warnings.
    pub(crate) const fn since(now: Timestamp) -> Self {
        Self { failing: None, warned_at: now }
    }

    /// The certificate anew, if its files have changed since `present` was read. Files that can't be used are told
    /// once, as an error, and only when a second look finds them the same: the first may have come between the two
    /// files.
    pub(crate) fn look(
        &mut self,
        present: &KeyedCertificate,
        setting: &str,
    ) -> Result<Option<KeyedCertificate>, CertificateFileError> {
        let stamps = Stamps::of(&present.files);
        if stamps == present.stamps {
            self.failing = None;
        } else if self.failing != Some((stamps, true)) {
            match KeyedCertificate::load(&present.files, setting) {
                Ok(new) => return Ok(Some(new)),
                Err(error) => {
                    let stays = self.failing == Some((stamps, false));
                    self.failing = Some((stamps, stays));
                    if stays {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether a warning of the certificate's end is due: one a day.
    pub(crate) fn is_warning_due(&self, now: Timestamp) -> bool {
        now.since(self.warned_at) >= Duration::from_secs(DAY_S)
    }

    /// It was told.
    pub(crate) const fn warned(&mut self, now: Timestamp) {
        self.warned_at = now;
    }
}

/// Has `look` look at files every [`CertificateWatch::LOOK_EVERY`], with what is known of earlier looks, until `stop`
/// resolves. `since` says what is known where there was none.
pub(crate) async fn look_until<W: Send + 'static>(
    stop: impl Future<Output = ()>,
    now: impl Fn() -> Timestamp,
    since: fn(Timestamp) -> W,
    look: impl Fn(&mut W, Timestamp) + Send + Sync + 'static,
) {
    let (mut stop, look, mut known) = (pin!(stop), Arc::new(look), since(now()));
    let mut tick = tokio::time::interval(CertificateWatch::LOOK_EVERY);
    loop {
        tokio::select! {
            () = stop.as_mut() => return,
            _ = tick.tick() => {}
        }
        let (look, now) = (look.clone(), now());
        // Files may stand on a disk that doesn't answer: not on a thread that serves.
        let looked = tokio::task::spawn_blocking(move || {
            look(&mut known, now);
            known
        });
        known = looked.await.unwrap_or_else(|_| since(now));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    const NOW: &str = "2026-11-25T00:00:00Z";

    pub(crate) fn now() -> Timestamp {
        Timestamp::parse(NOW).unwrap()
    }

    /// A folder with `cert.pem` and `key.pem`.
    pub(crate) struct Folder(tempfile::TempDir);

    impl Folder {
        pub(crate) fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            folder.renew(2027);
            folder
        }

        pub(crate) fn files(&self) -> CertificateFiles {
            CertificateFiles { cert: self.path("cert.pem"), key: self.path("key.pem") }
        }

        pub(crate) fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        pub(crate) fn write(&self, name: &str, text: &str) {
            // By a new file, as renewers do: the stamp changes even within one tick of the file system's clock.
            let beside = self.path("beside");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, self.path(name)).unwrap();
        }

        pub(crate) fn renew(&self, year: i32) -> (String, String) {
            self.issue((1975, 1, 1), (year, 1, 2))
        }

        fn issue(&self, begin: (i32, u8, u8), end: (i32, u8, u8)) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(["loja.example".to_owned()]).unwrap();
            let at = |(year, month, day)| date_time_ymd(year, month, day);
            (params.not_before, params.not_after) = (at(begin), at(end));
            let pem = (params.self_signed(&key).unwrap().pem(), key.serialize_pem());
            self.write("cert.pem", &pem.0);
            self.write("key.pem", &pem.1);
            pem
        }

        pub(crate) fn load(&self) -> Result<KeyedCertificate, String> {
            KeyedCertificate::load(&self.files(), "server.tls_cert").map_err(|error| error.to_string())
        }
    }

    #[test]
    fn its_end_is_found() {
        let folder = Folder::new();
        for (year, text) in [(2027, "2027-01-02T00:00:00.000Z"), (2051, "2051-01-02T00:00:00.000Z")] {
            folder.renew(year);
            assert_eq!(folder.load().unwrap().end().at.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let folder = Folder::new();
        let (cert, key) = folder.renew(2027);
        let other = KeyPair::generate().unwrap().serialize_pem();
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let locked_before = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
                             AAAA\n-----END EC PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (cert, key, file, says) in [
            ("", key.as_str(), "cert.pem", "holds no certificate"),
            (key.as_str(), key.as_str(), "cert.pem", "holds no certificate"),
            (broken, key.as_str(), "cert.pem", "can't be read as one"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", key.as_str(), "cert.pem", "is not PEM"),
            (cert.as_str(), "", "key.pem", "holds no private key"),
            (cert.as_str(), locked, "key.pem", "has a passphrase"),
            (cert.as_str(), locked_before, "key.pem", "has a passphrase"),
            (cert.as_str(), other.as_str(), "key.pem", "is not that of the first certificate in"),
            (cert.as_str(), &"x".repeat(1024 * 1024 + 1), "key.pem", "longer than 1 MiB"),
        ] {
            folder.write("cert.pem", cert);
            folder.write("key.pem", key);
            let error = KeyedCertificate::load(&folder.files(), "server.tls_cert").unwrap_err();
            assert_eq!(error.is_of_key, file == "key.pem", "{error}");
            let error = error.to_string();
            assert!(error.contains(file) && error.contains(says), "{error}");
            // A file without any key was once reported as having one with a passphrase.
            assert_eq!(error.contains("passphrase"), says == "has a passphrase", "{error}");
        }
        std::fs::remove_file(folder.path("key.pem")).unwrap();
        assert!(folder.load().unwrap_err().contains("key.pem can't be read"));
    }

    #[test]
    fn an_open_key_and_a_near_end_are_warned_of() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let mode = |mode| {
            std::fs::set_permissions(folder.path("key.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let warnings = |day: &str| folder.load().unwrap().warnings("clients", Timestamp::parse(day).unwrap());
        mode(0o640);
        assert_eq!(warnings("2026-12-19T00:00:00Z"), [""; 0], "14 days are enough");
        assert!(warnings("2026-12-19T00:00:01Z")[0].contains("expires in 13 days"));
        assert!(warnings("2027-01-01T00:00:00Z")[0].contains("expires in 1 day,"));
        assert!(warnings("2027-01-01T20:00:00Z")[0].contains("expires in 4 hours"));
        assert!(warnings("2027-01-02T00:00:00Z")[0].contains("has expired"));
        mode(0o644);
        assert!(warnings(NOW)[0].contains("chmod o-r"));
        // One of eight days is good for six before it is warned of.
        folder.issue((2026, 11, 20), (2026, 11, 28));
        mode(0o640);
        assert_eq!(warnings("2026-11-26T00:00:00Z"), [""; 0]);
        assert!(warnings("2026-11-26T00:00:01Z")[0].contains("expires in 1 day,"));
    }

    #[test]
    fn a_change_is_read_and_a_bad_one_is_told_once() {
        let folder = Folder::new();
        let mut present = folder.load().unwrap();
        let mut watch = CertificateWatch::since(now());
        let mut look = |present: &KeyedCertificate| watch.look(present, "x").map(|new| new.map(|new| new.end.at));
        let year = |year| Some(Timestamp::parse(&format!("{year}-01-02T00:00:00Z")).unwrap());
        assert_eq!(look(&present).unwrap(), None);
        let (_, key) = folder.renew(2028);
        assert_eq!(look(&present).unwrap(), year(2028));
        present = folder.load().unwrap();
        let (cert, _) = folder.renew(2029);
        folder.write("key.pem", &key);
        // The first look may have come between the two files.
        assert_eq!(look(&present).unwrap(), None);
        assert!(look(&present).is_err());
        assert_eq!(look(&present).unwrap(), None);
        let (_, key) = folder.renew(2030);
        folder.write("cert.pem", &cert);
        assert_eq!(look(&present).unwrap(), None, "still of two pairs");
        folder.write("key.pem", &key);
        folder.renew(2031);
        assert_eq!(look(&present).unwrap(), year(2031));
    }
}
