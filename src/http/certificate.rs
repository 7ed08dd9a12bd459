//! The server's certificate and key: read, checked, and read again when their files change.

use crate::config::Server as Settings;
use crate::model::Timestamp;
use crate::tls::{self, CertificateFileError, x509};
use rustls::{InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest file that is read: a chain of certificates takes a few KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// How long before its end a certificate is warned of. Let's Encrypt's are renewed 30 days before theirs, so something
/// is amiss.
const SOON: Duration = Duration::from_secs(14 * DAY_S);
pub(super) const DAY_S: u64 = 24 * 3600;
/// Others than the owner may read it.
const WORLD_READABLE: u32 = 0o004;

/// A certificate with its key, ready for handshakes: TLS 1.2 and 1.3, and HTTP/1.1 inside.
pub struct Certificate {
    tls: Arc<ServerConfig>,
    own: CertificateDer<'static>,
    expires_at: Timestamp,
    key_is_open: bool,
    pub(super) stamps: Stamps,
}

impl Certificate {
    /// Reads the files that the settings name; `None` where they name none. What is wrong with them comes as a
    /// sentence.
    pub fn of(settings: &Settings) -> Result<Option<Self>, CertificateFileError> {
        match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Self::load(cert, key).map(Some),
            // The config holds both or neither.
            _ => Ok(None),
        }
    }

    pub(super) fn load(cert: &Path, key: &Path) -> Result<Self, CertificateFileError> {
        // Before they are read: a change in between is then seen by the next look.
        let stamps = Stamps::of(cert, key);
        let (cert_name, key_name) = (cert.display(), key.display());
        let not_pem =
            |file: &Path, error: pem::Error| CertificateFileError(format!("{} is not PEM: {error}", file.display()));
        let unusable = |file: &Path, error: rustls::Error| {
            CertificateFileError(format!("{} can't be used: {error}", file.display()))
        };
        let text = read(cert)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| not_pem(cert, error))?;
        let own = chain.first().cloned().ok_or_else(|| {
            CertificateFileError(format!(
                "{cert_name} holds no certificate in PEM; `server.tls_cert` must name the full chain"
            ))
        })?;
        let expires_at = x509::read(&own).and_then(|facts| facts.not_after).ok_or_else(|| {
            CertificateFileError(format!("the first certificate in {cert_name} can't be read as one"))
        })?;
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateFileError(format!(
                "{key_name} holds no private key in PEM; one with a passphrase must be written without: openssl pkey \
                 -in OLD -out NEW"
            )),
            other => not_pem(key, other),
        })?;
        let mut config =
            tls::server().with_no_client_auth().with_single_cert(chain, secret).map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateFileError(format!(
                    "the key in {key_name} is not that of the first certificate in {cert_name}; the server's own \
                     certificate must come first"
                )),
                rustls::Error::InvalidCertificate(_) => unusable(cert, error),
                other => unusable(key, other),
            })?;
        config.alpn_protocols = vec![tls::HTTP_1_1.to_vec()];
        let key_is_open = std::fs::metadata(key).is_ok_and(|meta| meta.mode() & WORLD_READABLE != 0);
        Ok(Self { tls: Arc::new(config), own, expires_at, key_is_open, stamps })
    }

    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        self.tls.clone()
    }

    /// The certificate itself, without its chain.
    pub fn own(&self) -> &CertificateDer<'static> {
        &self.own
    }

    /// From when on no client takes it.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// What an operator should know though it works, in sentences.
    pub fn warnings(&self, settings: &Settings, now: Timestamp) -> Vec<String> {
        let key = settings.tls_key.as_deref().unwrap_or(Path::new("")).display();
        let open = || format!("{key} can be read by everyone on this machine: chmod o-r {key}");
        let open = self.key_is_open.then(open);
        open.into_iter().chain(self.end(settings, now)).collect()
    }

    /// A warning of its end, if that is near.
    pub(super) fn end(&self, settings: &Settings, now: Timestamp) -> Option<String> {
        let file = settings.tls_cert.as_deref().unwrap_or(Path::new("")).display();
        let (at, left) = (self.expires_at, self.expires_at.since(now));
        if left.is_zero() {
            return Some(format!("the certificate in {file} has expired, at {at}: clients refuse it; renew it"));
        }
        let days = left.as_secs() / DAY_S;
        (left < SOON).then(|| format!("the certificate in {file} expires in {days} days, at {at}: renew it"))
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateFileError> {
    let (name, mut bytes) = (file.display(), Vec::new());
    let read = File::open(file).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => {
            Err(CertificateFileError(format!("{name} can't be read: {error}; check the path and who may read it")))
        }
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => Err(CertificateFileError(format!(
            "{name} is longer than 1 MiB and can't be a certificate or key; check the path"
        ))),
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
pub(super) struct Stamps([Option<Stamp>; 2]);

impl Stamps {
    pub(super) fn of(cert: &Path, key: &Path) -> Self {
        let stamp =
            |meta: Metadata| Stamp { inode: meta.ino(), len: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) };
        Self([cert, key].map(|file| std::fs::metadata(file).ok().map(stamp)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    const NOW: &str = "2026-11-25T00:00:00Z";

    pub(in super::super) fn now() -> Timestamp {
        Timestamp::parse(NOW).unwrap()
    }

    pub(in super::super) struct Files(tempfile::TempDir);

    impl Files {
        pub(in super::super) fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.renew(2027);
            files
        }

        pub(in super::super) fn settings(&self) -> Settings {
            let path = |name: &str| Some(self.0.path().join(name));
            Settings { tls_cert: path("cert.pem"), tls_key: path("key.pem"), ..Config::default().server }
        }

        pub(in super::super) fn write(&self, name: &str, text: &str) {
            // By a new file, as renewers do: the stamp changes even within one tick of the file system's clock.
            let beside = self.0.path().join("beside");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(&beside, self.0.path().join(name)).unwrap();
        }

        pub(in super::super) fn renew(&self, year: i32) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(["loja.example".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 1, 2);
            let pem = (params.self_signed(&key).unwrap().pem(), key.serialize_pem());
            self.write("cert.pem", &pem.0);
            self.write("key.pem", &pem.1);
            pem
        }

        pub(in super::super) fn load(&self) -> Result<Certificate, String> {
            Certificate::of(&self.settings()).map(Option::unwrap).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn its_end_is_found() {
        let files = Files::new();
        for (year, text) in [(2027, "2027-01-02T00:00:00.000Z"), (2051, "2051-01-02T00:00:00.000Z")] {
            files.renew(year);
            assert_eq!(files.load().unwrap().expires_at().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let files = Files::new();
        let (cert, key) = files.renew(2027);
        let other = KeyPair::generate().unwrap().serialize_pem();
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (cert, key, file, says) in [
            ("", key.as_str(), "cert.pem", "holds no certificate"),
            (key.as_str(), key.as_str(), "cert.pem", "holds no certificate"),
            (broken, key.as_str(), "cert.pem", "can't be read as one"),
            ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", key.as_str(), "cert.pem", "is not PEM"),
            (cert.as_str(), "", "key.pem", "holds no private key"),
            (cert.as_str(), locked, "key.pem", "passphrase"),
            (cert.as_str(), other.as_str(), "key.pem", "is not that of the first certificate in"),
            (cert.as_str(), &"x".repeat(1024 * 1024 + 1), "key.pem", "longer than 1 MiB"),
        ] {
            files.write("cert.pem", cert);
            files.write("key.pem", key);
            let error = files.load().err().unwrap();
            assert!(error.contains(file) && error.contains(says), "{error}");
        }
        std::fs::remove_file(files.0.path().join("key.pem")).unwrap();
        assert!(files.load().err().unwrap().contains("key.pem can't be read"));
    }

    #[test]
    fn an_open_key_and_a_near_end_are_warned_of() {
        use std::os::unix::fs::PermissionsExt as _;
        let files = Files::new();
        let key = files.0.path().join("key.pem");
        let mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        let warnings = |day: &str| files.load().unwrap().warnings(&files.settings(), Timestamp::parse(day).unwrap());
        assert_eq!(warnings("2026-12-19T00:00:00Z"), [""; 0], "14 days are enough");
        assert!(warnings("2026-12-19T00:00:01Z")[0].contains("expires in 13 days"));
        assert!(warnings("2027-01-02T00:00:00Z")[0].contains("has expired"));
        mode(0o644);
        assert!(warnings(NOW)[0].contains("chmod o-r"));
    }
}
