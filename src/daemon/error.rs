//! Why the daemon can't start or can't go on, as sentences for the terminal and the log.

use crate::store::OpenError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why the daemon did not start, or could not go on.
#[derive(Debug)]
pub enum Error {
    /// The store could not be opened.
    Store(OpenError),
    /// The address could not be listened on.
    Listen(SocketAddr, io::Error),
    /// The socket that the service manager handed over can't be served.
    InheritedSocket(io::Error),
    /// The socket that the service manager handed over is at another address than the config asks for.
    OtherSocket {
        /// Where the socket listens.
        handed: SocketAddr,
        /// `server.listen`.
        listen: SocketAddr,
    },
    /// A file that the config names is of no use.
    BadFile {
        /// The path of the key that names it, such as `server.tls_cert` or `account[0].admin_token_file`.
        key: String,
        /// A sentence that names the file.
        sentence: String,
    },
    /// One change has been with the committer for this long.
    Stalled(Duration),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Listen(address, error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::AddrInUse => "stop what holds it, or change `server.listen`",
                    io::ErrorKind::PermissionDenied => {
                        "a port below 1024 takes root: let systemd hand it over (ListenStream= of carteiro.socket), or \
                         change `server.listen`"
                    }
                    _ => "change `server.listen` to an address of this machine",
                };
                write!(f, "can't listen on {address}: {error}; {remedy}")
            }
            Self::InheritedSocket(error) => write!(
                f,
                "the socket handed over at the start can't be served: {error}; the socket unit must have one \
                 ListenStream=, a TCP address"
            ),
            Self::OtherSocket { handed, listen } => write!(
                f,
                "`server.listen` is {listen}, and the service manager listens on {handed} for carteiro, which is what \
                 counts: set `server.listen = \"{handed}\"`; or change the socket, by `systemctl edit carteiro.socket` \
                 with the lines [Socket], ListenStream= and ListenStream={listen}, then `systemctl stop \
                 carteiro.socket carteiro.service` and `systemctl start carteiro.service`"
            ),
            Self::BadFile { sentence, .. } => f.write_str(sentence),
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

impl Error {
    /// The file that this key of the config names is of no use.
    pub(super) fn bad_file(key: impl Into<String>, sentence: impl fmt::Display) -> Self {
        Self::BadFile { key: key.into(), sentence: sentence.to_string() }
    }

    /// The key of the config that is at fault, if one is.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::BadFile { key, .. } => Some(key),
            Self::OtherSocket { .. } => Some("server.listen"),
            Self::Store(_) | Self::Listen(..) | Self::InheritedSocket(_) | Self::Stalled(_) => None,
        }
    }
}
