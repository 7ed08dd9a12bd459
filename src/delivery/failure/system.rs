//! What the system says went wrong, as the end of a sentence in either language: its own texts are English, and hold
//! numbers.

use super::sentences;
use crate::model::{AttemptError, Localized, localized};
use std::io::{self, ErrorKind};

// The same numbers on every Unix, and without an `ErrorKind` of their own.
const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// An error of the system as part of a sentence, without a full stop. One without a text of its own gives its number,
/// which is what people search for.
pub(crate) fn cause(cause: &io::Error) -> Localized {
    let (en, pt) = match (cause.raw_os_error(), cause.kind()) {
        (Some(ENFILE | EMFILE), _) => {
            ("no file descriptor is free: raise LimitNOFILE", "não há descritor de arquivo livre: aumente LimitNOFILE")
        }
        (Some(EPERM), _) | (_, ErrorKind::PermissionDenied) => (
            "this system forbids it; look at its firewall and its security policy",
            "este sistema não permite; veja o firewall e a política de segurança dele",
        ),
        (Some(EIO), _) => ("an input/output error of this machine", "um erro de entrada e saída desta máquina"),
        (_, ErrorKind::ConnectionRefused) => ("connection refused", "conexão recusada"),
        (_, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            ("the connection was reset", "a conexão foi derrubada")
        }
        (_, ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof | ErrorKind::NotConnected) => {
            ("the connection was closed", "a conexão foi fechada")
        }
        (_, ErrorKind::HostUnreachable) => ("no route to the host", "não há rota até a máquina"),
        (_, ErrorKind::NetworkUnreachable) => ("no route to the network", "não há rota até a rede"),
        (_, ErrorKind::NetworkDown) => ("the network is down", "a rede está fora do ar"),
        (_, ErrorKind::TimedOut) => ("no answer in time", "não houve resposta a tempo"),
        (_, ErrorKind::AddrNotAvailable) => {
            ("no local address or port is free", "não há endereço ou porta local disponível")
        }
        (_, ErrorKind::AddrInUse) => ("the local address is in use", "o endereço local está em uso"),
        (_, ErrorKind::OutOfMemory) => ("memory is short", "falta memória"),
        (Some(code), _) => {
            return localized!("error {code} of the operating system", "erro {code} do sistema operacional");
        }
        (None, _) => ("an error without a name", "um erro sem nome"),
    };
    Localized::new(en, pt)
}

/// What an attempt ends with that this machine had too little of something for.
pub(crate) fn out_of_resources(error: &io::Error) -> AttemptError {
    sentences::out_of_resources(&cause(error))
}

/// Whether it is this machine that has run out of something, rather than the target that failed.
pub(crate) fn is_ours(cause: &io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(ENFILE | EMFILE))
        || matches!(cause.kind(), ErrorKind::OutOfMemory | ErrorKind::AddrNotAvailable)
}
