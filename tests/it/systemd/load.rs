//! Shops that record events without a pause while the daemon is taken away under them. No call is ever repeated:
//! whatever goes wrong counts.

use super::super::harness::{DEADLINE, request};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(super) const ADDRESS: &str = "127.0.0.1:8080";
/// How many shops of each kind.
const EACH: usize = 3;
/// Between two calls of a shop: it is not speed that is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// How a shop treats its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A new one for each call.
    New,
    /// The same one, until an answer says `Connection: close`.
    KeepAlive,
}

/// Outcomes of the calls of one kind of shop.
#[derive(Default)]
pub(super) struct Tally {
    /// The ids of the events that were acknowledged.
    pub(super) events: Vec<String>,
    /// What went wrong, each call by itself.
    pub(super) failed: Vec<String>,
    /// The longest that a call took.
    pub(super) longest: Duration,
}

pub(super) struct Load {
    stop: Arc<AtomicBool>,
    shops: Vec<(Kind, JoinHandle<Tally>)>,
}

impl Load {
    pub(super) fn start(token: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let kinds = [Kind::New, Kind::KeepAlive].into_iter().flat_map(|kind| [kind; EACH]);
        let shops = kinds.map(|kind| {
            let (stop, token) = (stop.clone(), token.to_owned());
            (kind, std::thread::spawn(move || shop(kind, &token, &stop)))
        });
        Self { shops: shops.collect(), stop }
    }

    /// Ends the calls; gives what became of those over new connections, and of those over open ones.
    pub(super) fn stop(self) -> [Tally; 2] {
        self.stop.store(true, Ordering::Relaxed);
        let mut tallies = [Tally::default(), Tally::default()];
        for (kind, shop) in self.shops {
            let done = shop.join().unwrap();
            let tally = &mut tallies[usize::from(kind == Kind::KeepAlive)];
            tally.events.extend(done.events);
            tally.failed.extend(done.failed);
            tally.longest = tally.longest.max(done.longest);
        }
        tallies
    }
}

fn shop(kind: Kind, token: &str, stop: &AtomicBool) -> Tally {
    let body = br#"{"event": {"type": "PAYMENT.PAID", "resource": {"payment": {"id": "p-1"}}}}"#;
    let call = request(token, "POST", "/api/events", "Content-Type: application/json\r\n", body);
    let call = match kind {
        Kind::New => call,
        Kind::KeepAlive => String::from_utf8(call).unwrap().replace("Connection: close\r\n", "").into_bytes(),
    };
    let mut tally = Tally::default();
    let mut open = None;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        match record(&call, &mut open) {
            Ok(event) => tally.events.push(event),
            Err(error) => {
                tally.failed.push(error);
                open = None;
            }
        }
        tally.longest = tally.longest.max(start.elapsed());
        std::thread::sleep(PAUSE);
    }
    tally
}

fn connect() -> Result<BufReader<TcpStream>, String> {
    let stream = TcpStream::connect(ADDRESS).map_err(|error| format!("connecting: {error}"))?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    Ok(BufReader::new(stream))
}

/// One call over the open connection, or a new one; keeps it unless the answer says otherwise. Gives the event's id.
fn record(call: &[u8], open: &mut Option<BufReader<TcpStream>>) -> Result<String, String> {
    let was_open = open.is_some();
    let mut stream = open.take().map_or_else(connect, Ok)?;
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}, kept {was_open}: {error}");
    stream.get_mut().write_all(call).map_err(|error| failed("sending", &error))?;
    let (mut status, mut length, mut close) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(0) => return Err(failed("reading", &"hung up on before an answer was whole")),
            Ok(_) => {}
            Err(error) => return Err(failed("reading", &error)),
        }
        let line = line.trim_end().to_ascii_lowercase();
        if status.is_empty() {
            status = line;
        } else if line.is_empty() {
            break;
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(|error| failed("length", &error))?;
        } else if line == "connection: close" {
            close = true;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|error| failed("reading a body", &error))?;
    if !status.contains(" 201 ") {
        return Err(failed(&status, &String::from_utf8_lossy(&body)));
    }
    if !close {
        *open = Some(stream);
    }
    let body: serde_json::Value = serde_json::from_slice(&body).map_err(|error| failed("parsing", &error))?;
    Ok(body["data"]["id"].as_str().unwrap_or_default().to_owned())
}
