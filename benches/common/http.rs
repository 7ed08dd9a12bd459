//! Calls of the API, one after another, as a script makes them.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that stays open between calls.
pub(crate) struct Caller {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Caller {
    pub(crate) fn connect(address: &str, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// The status and the body of the answer. It must have a length, as the daemon's have.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let Self { stream, token } = self;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match (line.trim_end(), status) {
                ("", _) => break,
                (line, None) => status = line.split(' ').nth(1).and_then(|status| status.parse().ok()),
                (line, Some(_)) => {
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("content-length")
                    {
                        length = value.trim().parse().map_err(io::Error::other)?;
                    }
                }
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok((status.ok_or_else(|| io::Error::other("no status"))?, body))
    }

    /// A call that must succeed: the JSON of its answer.
    pub(crate) fn expect(&mut self, method: &str, path: &str, body: &str) -> Value {
        let (status, body) = self.call(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }
}
