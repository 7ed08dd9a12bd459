//! Receivers of every temper: each request is written down whole, then answered by script.

use super::harness::eventually;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How a receiver answers one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// This status, with no body, the connection stays open.
    Status(u16),
    /// These bytes as they are, then the connection is closed.
    Raw(Vec<u8>),
    /// The connection is closed without a word.
    Close,
    /// Nothing, until the other side gives up.
    Silence,
    /// A good head, one byte at a time, for ever.
    Trickle,
    /// A head of this status and a body without end.
    Endless(u16),
    /// This status, after so long.
    Late(Duration, u16),
}

/// One request, byte for byte.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
    /// Its connection.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct State {
    script: Vec<Reply>,
    requests: Vec<Request>,
    connections: usize,
    /// Of those, the ones that nobody has closed.
    open: usize,
}

/// A receiver on a port of its own. It lives until the test process ends.
#[derive(Clone)]
pub(crate) struct Receiver {
    state: Arc<Mutex<State>>,
    pub(crate) url: String,
}

impl Receiver {
    /// Answers the first request with the first reply, and so on; the last reply is for all that follow.
    pub(crate) fn start(script: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notificacoes", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { script: script.to_vec(), ..State::default() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { state, url }
    }

    pub(crate) fn ok() -> Self {
        Self::start(&[Reply::Status(204)])
    }

    /// From now on every request is answered so.
    pub(crate) fn now(&self, reply: Reply) {
        self.state.lock().unwrap().script = vec![reply];
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.state.lock().unwrap().open
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    #[track_caller]
    pub(crate) fn await_count(&self, count: usize) -> Vec<Request> {
        eventually("requests arrive", || (self.count() >= count).then(|| self.requests()))
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let connection = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.open += 1;
        state.connections
    };
    serve_on(&mut stream, state, connection);
    state.lock().unwrap().open -= 1;
}

fn serve_on(stream: &mut TcpStream, state: &Mutex<State>, connection: usize) {
    while let Some((head, body)) = read_request(stream) {
        let reply = {
            let mut state = state.lock().unwrap();
            state.requests.push(Request { head, body, at: Instant::now(), connection });
            if state.script.len() > 1 { state.script.remove(0) } else { state.script[0].clone() }
        };
        if !answer(stream, reply) {
            return;
        }
    }
}

/// Answers one request. Returns whether the connection stays open.
pub(crate) fn answer(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Status(status) => {
            let length = if status == 204 { "" } else { "Content-Length: 0\r\n" };
            stream.write_all(format!("HTTP/1.1 {status} X\r\n{length}\r\n").as_bytes()).is_ok()
        }
        Reply::Late(span, status) => {
            std::thread::sleep(span);
            answer(stream, Reply::Status(status))
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Reply::Close => false,
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
            false
        }
        Reply::Trickle => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n".iter().chain(b"X-Slow: very\r\n".iter().cycle()) {
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            false
        }
        Reply::Endless(status) => {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 1000000000\r\n\r\n");
            let mut alive = stream.write_all(head.as_bytes()).is_ok();
            while alive {
                alive = stream.write_all(&[b'x'; 4096]).is_ok();
            }
            false
        }
    }
}

/// The next request on a connection: its head without the empty line, and its body.
pub(crate) fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            let end = at + 4 + length.unwrap_or(0);
            while bytes.len() < end {
                let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
                bytes.extend_from_slice(&chunk[..read]);
            }
            return Some((head, bytes[at + 4..end].to_vec()));
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}
