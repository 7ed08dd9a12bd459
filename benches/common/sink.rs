//! The sink: a target that confirms everything at once, and remembers when each event arrived. A process of its own,
//! one thread.
//!
//! It is told what to do over its standard input and answers on its standard output, a line of JSON each.

use super::bad;
use super::child::{Guarded, in_role};
use super::clock::now_us;
use super::procfs::Usage;
use super::scratch::Scratch;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What stands before the number of an event, in the payload and so in each notification.
pub(crate) const MARK: &[u8] = b"\"id\":\"p-";
/// How many digits the number has.
pub(crate) const DIGITS: usize = 10;

/// Where the sink listens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// A target that confirms.
    pub(crate) good: SocketAddr,
    pub(crate) bad: bad::Addresses,
}

#[derive(Serialize, Deserialize)]
enum Order {
    Reset,
    Await { count: u64, timeout_ms: u64 },
    Arrivals { path: String, file: PathBuf },
}

/// What has come since the last reset.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Pairs of a path and an event.
    pub(crate) distinct: u64,
    /// Repeats.
    pub(crate) repeated: u64,
    pub(crate) last_us: u64,
}

/// A sink that runs until this value goes.
pub(crate) struct Sink {
    child: Guarded,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    addresses: Addresses,
    scratch: Scratch,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let mut child = Guarded::spawn(in_role("sink").stdin(Stdio::piped()).stdout(Stdio::piped()));
        let orders = child.0.stdin.take().unwrap();
        let mut answers = BufReader::new(child.0.stdout.take().unwrap());
        let addresses = read(&mut answers);
        Self { child, orders, answers, addresses, scratch: Scratch::new() }
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The target of that number.
    pub(crate) fn target(&self, number: usize) -> String {
        format!("http://{}{}", self.addresses.good, path(number))
    }

    fn order<T: for<'a> Deserialize<'a>>(&mut self, order: &Order) -> T {
        let line = serde_json::to_string(order).unwrap() + "\n";
        self.orders.write_all(line.as_bytes()).unwrap();
        read(&mut self.answers)
    }

    pub(crate) fn reset(&mut self) {
        self.order::<Tally>(&Order::Reset);
    }

    /// Waits until so many have come; panics when they don't come within two minutes.
    pub(crate) fn wait_for(&mut self, count: u64) -> Tally {
        let tally: Tally = self.order(&Order::Await { count, timeout_ms: 120_000 });
        assert!(tally.distinct >= count, "{} of {count} deliveries came", tally.distinct);
        tally
    }

    /// When each event reached a target for the first time, by its number.
    pub(crate) fn arrivals(&mut self, number: usize) -> HashMap<u64, u64> {
        let file = self.scratch.file("arrivals");
        self.order::<Tally>(&Order::Arrivals { path: path(number), file: file.clone() });
        let text = std::fs::read_to_string(file).unwrap();
        let pair = |line: &str| line.split_once(' ').and_then(|(n, us)| Some((n.parse().ok()?, us.parse().ok()?)));
        text.lines().filter_map(pair).collect()
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }
}

/// The path of the target of that number.
pub(crate) fn path(number: usize) -> String {
    format!("/target/{number}")
}

fn read<T: for<'a> Deserialize<'a>>(answers: &mut BufReader<ChildStdout>) -> T {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("the sink said {line:?}: {error}"))
}

// ---- the child ----

#[derive(Default)]
struct Book {
    arrivals: HashMap<String, Vec<(u64, u64)>>,
    seen: HashSet<(usize, u64)>,
    tally: Tally,
}

impl Book {
    fn note(&mut self, path: &str, event: u64) {
        let now = now_us();
        if !self.arrivals.contains_key(path) {
            self.arrivals.insert(path.to_owned(), Vec::new());
        }
        // The number at the end of a path tells the targets apart.
        let target = path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
        if self.seen.insert((target, event)) {
            self.tally.distinct += 1;
            self.tally.last_us = now;
            self.arrivals.get_mut(path).unwrap().push((event, now));
        } else {
            self.tally.repeated += 1;
        }
    }
}

/// The number in a payload.
fn event_of(body: &[u8]) -> Option<u64> {
    let at = body.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    std::str::from_utf8(body.get(at..at + DIGITS)?).ok()?.parse().ok()
}

async fn take(book: Rc<RefCell<Book>>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if let Ok(body) = body.collect().await
        && let Some(event) = event_of(&body.to_bytes())
    {
        book.borrow_mut().note(head.uri.path(), event);
    }
    Ok(Response::new(Empty::new()))
}

/// What the process in the role of the sink does.
pub(super) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = Addresses { good: listener.local_addr().unwrap(), bad: bad::serve().await };
        println!("{}", serde_json::to_string(&addresses).unwrap());
        let book = Rc::new(RefCell::new(Book::default()));
        tokio::task::spawn_local(accept(listener, book.clone()));
        let mut orders = orders();
        while let Some(order) = orders.recv().await {
            obey(order, &book).await;
            println!("{}", serde_json::to_string(&book.borrow().tally).unwrap());
        }
    });
}

async fn accept(listener: TcpListener, book: Rc<RefCell<Book>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let book = book.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| take(book.clone(), request));
            // A caller that hangs up is no failure of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Orders as they come; standard input can only be read by a thread that may block.
fn orders() -> mpsc::UnboundedReceiver<Order> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str(&line).unwrap());
        }
    });
    receiver
}

async fn obey(order: Order, book: &RefCell<Book>) {
    match order {
        Order::Reset => *book.borrow_mut() = Book::default(),
        Order::Await { count, timeout_ms } => {
            let until = tokio::time::Instant::now() + Duration::from_millis(timeout_ms);
            while book.borrow().tally.distinct < count && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Order::Arrivals { path, file } => {
            let mut text = String::new();
            for (event, us) in book.borrow().arrivals.get(&path).into_iter().flatten() {
                writeln!(text, "{event} {us}").unwrap();
            }
            std::fs::write(file, text).unwrap();
        }
    }
}
