//! Why the daemon can't start or can't go on, as sentences for the terminal and the log.

use crate::model::{Localized, display_in_english, localized};
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

impl Error {
    /// What went wrong, and what to do. What is wrong with a file is in English in both.
    pub fn localized(&self) -> Localized {
        match self {
            Self::Store(error) => error.localized(),
            Self::Listen(address, error) => {
                let Localized { en, pt } = match error.kind() {
                    io::ErrorKind::AddrInUse => localized!(
                        "stop what holds it, or change `server.listen`",
                        "pare o que a ocupa, ou mude `server.listen`"
                    ),
                    io::ErrorKind::PermissionDenied => localized!(
                        "a port below 1024 takes root: let systemd hand it over (ListenStream= of carteiro.socket), or \
                         change `server.listen`",
                        "uma porta abaixo de 1024 exige root: deixe o systemd entregá-la (ListenStream= de \
                         carteiro.socket), ou mude `server.listen`"
                    ),
                    _ => localized!(
                        "change `server.listen` to an address of this machine",
                        "mude `server.listen` para um endereço desta máquina"
                    ),
                };
                localized!(
                    "can't listen on {address}: {error}; {en}",
                    "não foi possível escutar em {address}: {error}; {pt}"
                )
            }
            Self::InheritedSocket(error) => localized!(
                "the socket handed over at the start can't be served: {error}; the socket unit must have one \
                 ListenStream=, a TCP address",
                "o socket entregue na inicialização não pode ser usado: {error}; a unit do socket precisa ter um só \
                 ListenStream=, um endereço TCP"
            ),
            Self::OtherSocket { handed, listen } => localized!(
                "`server.listen` is {listen}, and the service manager listens on {handed} for carteiro, which is what \
                 counts: set `server.listen = \"{handed}\"`; or change the socket, by `systemctl edit carteiro.socket` \
                 with the lines [Socket], ListenStream= and ListenStream={listen}, then `systemctl stop \
                 carteiro.socket carteiro.service` and `systemctl start carteiro.service`",
                "`server.listen` é {listen}, e o gerenciador de serviços escuta em {handed} pelo carteiro, que é o que \
                 vale: defina `server.listen = \"{handed}\"`; ou mude o socket, com `systemctl edit carteiro.socket` e \
                 as linhas [Socket], ListenStream= e ListenStream={listen}, depois `systemctl stop carteiro.socket \
                 carteiro.service` e `systemctl start carteiro.service`"
            ),
            Self::BadFile { sentence, .. } => Localized::new(sentence, sentence),
            Self::Stalled(span) => {
                let seconds = span.as_secs();
                localized!(
                    "a change has not become durable for {seconds} s: the disk does not answer; nothing after it was \
                     acknowledged",
                    "uma alteração não foi gravada de forma durável em {seconds} s: o disco não responde; nada depois \
                     dela foi confirmado"
                )
            }
        }
    }
}

display_in_english!(Error);

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
