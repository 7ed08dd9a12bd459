//! Targets that behave badly, in the process of the sink.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How a target behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes ten seconds for each answer, and confirms.
    Slow,
    /// Nobody listens.
    Refusing,
    /// Takes the connection, lets the request come, and resets.
    Resetting,
    /// Sends its answer a byte a second.
    Trickling,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Slow, Self::Refusing, Self::Resetting, Self::Trickling];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slow => "10 s an answer",
            Self::Refusing => "refusing",
            Self::Resetting => "resetting",
            Self::Trickling => "a byte a second",
        }
    }
}

/// Where each kind listens, or doesn't.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    slow: SocketAddr,
    refusing: SocketAddr,
    resetting: SocketAddr,
    trickling: SocketAddr,
}

impl Addresses {
    pub(crate) fn of(self, kind: Kind) -> SocketAddr {
        match kind {
            Kind::Slow => self.slow,
            Kind::Refusing => self.refusing,
            Kind::Resetting => self.resetting,
            Kind::Trickling => self.trickling,
        }
    }
}

/// Starts one of each; they go on until the process ends. Must run inside a `LocalSet`.
pub(super) async fn serve() -> Addresses {
    // Bound and never listening: the port is ours, and every connection is refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let refusing = socket.local_addr().unwrap();
    std::mem::forget(socket);
    Addresses {
        slow: listen(|stream| answer(stream, Duration::from_secs(10))).await,
        refusing,
        resetting: listen(reset).await,
        trickling: listen(trickle).await,
    }
}

async fn listen<F: Future<Output = std::io::Result<()>> + 'static>(
    behave: impl Fn(TcpStream) -> F + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // That the caller hangs up is all that can go wrong.
            let behaviour = behave(stream);
            tokio::task::spawn_local(behaviour);
        }
    });
    address
}

/// Whatever has come by then counts as the request: a notification of ours comes in one piece.
async fn answer(mut stream: TcpStream, after: Duration) -> std::io::Result<()> {
    let mut request = vec![0; 64 * 1024];
    while stream.read(&mut request).await? > 0 {
        tokio::time::sleep(after).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
    Ok(())
}

/// A socket that is closed with bytes unread sends a reset.
async fn reset(stream: TcpStream) -> std::io::Result<()> {
    stream.readable().await
}

async fn trickle(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = vec![0; 64 * 1024];
    if stream.read(&mut request).await? > 0 {
        for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" {
            stream.write_all(&[*byte]).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}
