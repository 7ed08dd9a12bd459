//! Why the daemon can't start or can't go on, as sentences for the terminal and the log.

use crate::http::CertificateError;
use crate::model::ProxyUrlError;
use crate::store::OpenError;
use crate::tls::client::TlsError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The shortest token an `admin_token_file` may hold.
pub(crate) const MIN_TOKEN_BYTES: usize = 20;
/// The longest: the API looks at no longer one.
pub(crate) const MAX_TOKEN_BYTES: usize = crate::api::MAX_TOKEN_BYTES;

/// Why the daemon did not start, or could not go on.
#[derive(Debug)]
pub enum Error {
    /// The store could not be opened.
    Store(OpenError),
    /// The address could not be listened on.
    Listen(SocketAddr, io::Error),
    /// The socket that the service manager handed over can't be served.
    InheritedSocket(io::Error),
    /// A file the config names can't be read.
    File(PathBuf, io::Error),
    /// A file of CA certificates can't be used.
    Tls(TlsError),
    /// A file of the server's certificate can't be used.
    Certificate(CertificateError),
    /// A token file holds nothing that can be a token.
    Token(PathBuf),
    /// The proxy's file holds no URL of a proxy.
    Proxy(PathBuf, ProxyUrlError),
    /// One change has been with the committer for this long.
    Stalled(Duration),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Listen(address, error) => {
                write!(f, "can't listen on {address}: {error}; stop what holds it or change `server.listen`")
            }
            Self::InheritedSocket(error) => write!(
                f,
                "the socket handed over at the start can't be served: {error}; the socket unit must have one \
                 ListenStream=, a TCP address"
            ),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Tls(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Token(path) => write!(
                f,
                "{} must hold an access token of {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible characters on one line",
                path.display()
            ),
            Self::Proxy(path, error) => write!(f, "{} must hold {error}, on one line", path.display()),
            Self::Stalled(span) => write!(
                f,
                "a change has not become durable for {} s: the disk does not answer; nothing after it was acknowledged",
                span.as_secs()
            ),
        }
    }
}

impl std::error::Error for Error {}

impl<E: Into<OpenError>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}
