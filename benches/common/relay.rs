//! The null relay: the least that a durable relay of webhooks can do with hyper and tokio on this machine.
//!
//! It takes a POST, appends it to one file, syncs once for all that wait, answers 201, POSTs the same bytes to every
//! target over connections that stay open, and appends an outcome. It has no index, no parsing, no authentication, no
//! signature and no retry, and finds nothing again. What carteiro takes beyond it is carteiro's own cost.

use super::child::{Guarded, in_role};
use super::procfs::Usage;
use super::scratch::Scratch;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, server};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};

/// How many requests to one target are under way at most: what carteiro allows a webhook by default.
const IN_FLIGHT: usize = 8;
/// How many posts share a sync at most.
const MAX_GROUP: usize = 1024;
/// How long an outcome may stay unsynced.
const OUTCOME_SYNC: Duration = Duration::from_millis(100);
/// What an outcome takes in the file.
const OUTCOME_BYTES: [u8; 64] = [0; 64];

#[derive(Serialize, Deserialize)]
struct Plan {
    file: PathBuf,
    target: SocketAddr,
    paths: Vec<String>,
}

/// A relay that runs until this value goes.
pub(crate) struct Relay {
    child: Guarded,
    pub(crate) address: String,
    _scratch: Scratch,
}

impl Relay {
    /// Relays to these paths of one address.
    pub(crate) fn start(target: SocketAddr, paths: Vec<String>) -> Self {
        let scratch = Scratch::new();
        let plan = serde_json::to_string(&Plan { file: scratch.file("relayed"), target, paths }).unwrap();
        let mut child = Guarded::spawn(in_role("relay").arg(plan).stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut address = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned(), _scratch: scratch }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }
}

// ---- the child ----

enum Row {
    Event(Bytes, oneshot::Sender<()>),
    Outcome,
}

/// What the process in the role of the relay does: as many threads as carteiro's runtime has.
pub(super) fn serve(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).unwrap();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let (rows, waiting) = channel();
        let mut queues = Vec::new();
        for path in &plan.paths {
            let (queue, posts) = unbounded_channel();
            let posts = Arc::new(Mutex::new(posts));
            queues.push(queue);
            for _ in 0..IN_FLIGHT {
                tokio::spawn(deliver(plan.target, path.clone(), posts.clone(), rows.clone()));
            }
        }
        let file = File::create_new(&plan.file).unwrap();
        std::thread::spawn(move || commit(file, &waiting, &queues));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let rows = rows.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| take(rows.clone(), request));
                // A caller that hangs up is no failure of ours.
                let _ = server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

fn commit(mut file: File, rows: &Receiver<Row>, queues: &[UnboundedSender<Bytes>]) {
    let (mut bytes, mut group, mut unsynced) = (Vec::new(), Vec::new(), false);
    loop {
        let first = if unsynced { rows.recv_timeout(OUTCOME_SYNC) } else { rows.recv().map_err(Into::into) };
        let overdue = match first {
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => true,
            Ok(first) => {
                for row in std::iter::once(first).chain(rows.try_iter()).take(MAX_GROUP) {
                    match row {
                        Row::Event(body, place) => {
                            bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
                            bytes.extend_from_slice(&body);
                            group.push((body, place));
                        }
                        Row::Outcome => bytes.extend_from_slice(&OUTCOME_BYTES),
                    }
                }
                false
            }
        };
        file.write_all(&bytes).unwrap();
        bytes.clear();
        unsynced = group.is_empty() && !overdue;
        if !unsynced {
            file.sync_data().unwrap();
        }
        for (body, place) in group.drain(..) {
            for queue in queues {
                let _ = queue.send(body.clone());
            }
            let _ = place.send(());
        }
    }
}

async fn take(rows: Sender<Row>, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    const ANSWER: &[u8] = br#"{"data":{"id":"00000000-0000-0000-0000-000000000000"}}"#;
    let body = request.into_body().collect().await?.to_bytes();
    let (place, durable) = oneshot::channel();
    let _ = rows.send(Row::Event(body, place));
    let _ = durable.await;
    let mut answer = Response::new(Full::new(Bytes::from_static(ANSWER)));
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

async fn deliver(target: SocketAddr, path: String, posts: Arc<Mutex<UnboundedReceiver<Bytes>>>, rows: Sender<Row>) {
    let stream = TcpStream::connect(target).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let host = target.to_string();
    loop {
        let Some(body) = posts.lock().await.recv().await else {
            return;
        };
        sender.ready().await.unwrap();
        let request = Request::post(&path).header(HOST, &host).body(Full::new(body)).unwrap();
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
        let _ = rows.send(Row::Outcome);
    }
}
