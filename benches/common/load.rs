//! The load: posts events over a number of connections, as fast as they are answered or at a fixed rate. A process of
//! its own, one thread.

use super::child::{Guarded, in_role};
use super::clock::now_us;
use super::procfs::Usage;
use super::sink::{DIGITS, MARK};
use super::stats::Spread;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The size of an event's resource.
pub(crate) const RESOURCE_BYTES: usize = 1024;

/// What is to be posted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) event_type: String,
    pub(crate) connections: usize,
    /// How many requests.
    pub(crate) count: u64,
    /// How many events each request has; without it, one that is no batch.
    pub(crate) batch: Option<u64>,
    /// Requests a second over all connections.
    pub(crate) rate: Option<f64>,
    /// The number of the first event: one that is posted again is no new event to the sink.
    pub(crate) first: u64,
    /// Where to write, for each event: its number, when it was sent, when it was answered.
    pub(crate) log: Option<PathBuf>,
}

/// Its outcome.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// Requests that were answered with a 2XX.
    pub(crate) accepted: u64,
    pub(crate) problems: BTreeMap<String, u64>,
    pub(crate) first_us: u64,
    pub(crate) last_us: u64,
    /// From sending a request to its answer.
    pub(crate) answer: Spread,
    pub(crate) cpu_s: f64,
}

/// A load that is under way.
pub(crate) struct Running {
    child: Guarded,
    count: u64,
}

impl Load {
    pub(crate) fn start(&self) -> Running {
        let plan = serde_json::to_string(self).unwrap();
        let child = Guarded::spawn(in_role("load").arg(plan).stdin(Stdio::null()).stdout(Stdio::piped()));
        Running { child, count: self.count }
    }

    /// Posts it all; panics unless all of it is accepted.
    pub(crate) fn run(&self) -> Posted {
        self.start().finish()
    }
}

impl Running {
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.0.try_wait().unwrap().is_some()
    }

    pub(crate) fn finish(mut self) -> Posted {
        let mut text = String::new();
        self.child.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let posted: Posted =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("the load said {text:?}: {error}"));
        assert!(posted.accepted == self.count, "{} of {} accepted: {:?}", posted.accepted, self.count, posted.problems);
        posted
    }
}

// ---- the child ----

struct Plan {
    load: Load,
    template: Template,
    next: u64,
    /// Number, sent, answered.
    posts: Vec<(u64, u64, u64)>,
    problems: BTreeMap<String, u64>,
}

/// What the process in the role of the load does.
pub(super) fn serve(plan: &str) {
    let load: Load = serde_json::from_str(plan).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let posts = Vec::with_capacity(load.count as usize);
    let template = Template::of(&load);
    let plan = Rc::new(RefCell::new(Plan { template, load, next: 0, posts, problems: BTreeMap::new() }));
    tokio::task::LocalSet::new().block_on(&runtime, post_all(plan.clone()));
    let Plan { load, posts, problems, .. } = Rc::into_inner(plan).expect("all posters have ended").into_inner();
    if let Some(file) = &load.log {
        let lines = posts.iter().map(|(n, sent, answered)| format!("{n} {sent} {answered}\n"));
        std::fs::write(file, lines.collect::<String>()).unwrap();
    }
    let posted = Posted {
        accepted: posts.len() as u64,
        problems,
        first_us: posts.iter().map(|(_, sent, _)| *sent).min().unwrap_or(0),
        last_us: posts.iter().map(|(_, _, answered)| *answered).max().unwrap_or(0),
        answer: Spread::of(posts.iter().map(|(_, sent, answered)| answered - sent).collect()),
        cpu_s: Usage::of(std::process::id()).cpu_s,
    };
    println!("{}", serde_json::to_string(&posted).unwrap());
}

async fn post_all(plan: Rc<RefCell<Plan>>) {
    let connections = plan.borrow().load.connections;
    let address = plan.borrow().load.address.clone();
    // Open before the first post, so that it measures posting and not connecting.
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(connect(&address).await);
    }
    let start = Instant::now();
    let posters: Vec<_> =
        open.into_iter().map(|sender| tokio::task::spawn_local(post_some(plan.clone(), sender, start))).collect();
    for poster in posters {
        poster.await.unwrap();
    }
}

async fn connect(address: &str) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(connection);
    sender
}

async fn post_some(plan: Rc<RefCell<Plan>>, mut sender: SendRequest<Full<Bytes>>, start: Instant) {
    loop {
        let (turn, address, due) = {
            let mut plan = plan.borrow_mut();
            if plan.next == plan.load.count {
                return;
            }
            let turn = plan.next;
            plan.next += 1;
            (turn, plan.load.address.clone(), plan.load.rate.map(|rate| Duration::from_secs_f64(turn as f64 / rate)))
        };
        if let Some(due) = due {
            tokio::time::sleep_until(start + due).await;
        }
        let request = plan.borrow().template.request(turn);
        let sent = now_us();
        let answered = post(&mut sender, request).await;
        let done = now_us();
        let problem = match answered {
            Ok(status) if status.is_success() => None,
            Ok(status) => Some(status.to_string()),
            Err(error) => {
                sender = connect(&address).await;
                Some(error.to_string())
            }
        };
        let mut plan = plan.borrow_mut();
        match problem {
            None => {
                let number = plan.template.number(turn);
                plan.posts.push((number, sent, done));
            }
            Some(problem) => *plan.problems.entry(problem).or_default() += 1,
        }
    }
}

async fn post(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> hyper::Result<StatusCode> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    // To the end, so that the connection is free again.
    answer.into_body().collect().await?;
    Ok(status)
}

/// Requests that differ only in the numbers of their events.
struct Template {
    head: Request<()>,
    event: Vec<u8>,
    digits_at: usize,
    batch: Option<u64>,
    first: u64,
}

impl Template {
    fn of(load: &Load) -> Self {
        let head = Request::post(&load.path)
            .header(HOST, &load.address)
            .header(AUTHORIZATION, format!("Bearer {}", load.token))
            .header(CONTENT_TYPE, "application/json")
            .body(())
            .unwrap();
        let mark = std::str::from_utf8(MARK).unwrap();
        let resource = |note: &str| {
            let rest = r#""order_id":"o-1","method":"PIX","total_cents":12990,"status":"PAID""#;
            format!(r#"{{"payment":{{{mark}{:0DIGITS$}",{rest},"note":"{note}"}}}}"#, 0)
        };
        let note = "n".repeat(RESOURCE_BYTES - resource("").len());
        let event = format!(r#"{{"type":"{}","resource":{}}}"#, load.event_type, resource(&note)).into_bytes();
        let digits_at = event.windows(MARK.len()).position(|window| window == MARK).unwrap() + MARK.len();
        Self { head, event, digits_at, batch: load.batch, first: load.first }
    }

    /// The number of the first event of a request.
    fn number(&self, turn: u64) -> u64 {
        self.first + turn * self.batch.unwrap_or(1)
    }

    fn request(&self, turn: u64) -> Request<Full<Bytes>> {
        let first = self.number(turn);
        let mut body = Vec::with_capacity((self.event.len() + 1) * self.batch.unwrap_or(1) as usize + 16);
        body.extend_from_slice(if self.batch.is_some() { br#"{"events":["# } else { br#"{"event":"# });
        for number in first..first + self.batch.unwrap_or(1) {
            if number > first {
                body.push(b',');
            }
            let at = body.len() + self.digits_at;
            body.extend_from_slice(&self.event);
            body[at..at + DIGITS].copy_from_slice(format!("{number:0DIGITS$}").as_bytes());
        }
        body.extend_from_slice(if self.batch.is_some() { b"]}" } else { b"}" });
        self.head.clone().map(|()| Full::new(Bytes::from(body)))
    }
}
