//! Whole connections: any bytes to the real server over loopback, with a store behind it and no deliveries.

use super::members_of;
use crate::api::Api;
use crate::clock::Clock;
use crate::config;
use crate::delivery::DeliveryHandle;
use crate::delivery::fuzzing::idle;
use crate::http::{Ingress, Server};
use crate::model::{Actor, TokenHash};
use crate::service::{Account, Service};
use crate::store::{AuditedChange as _, CreateAccount, Opened, Store, StoreSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The token that seeds carry.
const TOKEN: &str = "t";
/// Closes the connection behind whatever was whole.
const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
/// How long a server is silent before the caller says that nothing more comes.
const SILENCE: Duration = Duration::from_millis(50);
/// How long it may take to close after that.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how many connections everything begins anew: a store of a million events would be what is measured.
const LIFE: usize = 3000;
/// What answers say. A 500 is a bug, whatever was sent.
const STATUSES: [u16; 17] = [200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 429, 431];

struct World {
    runtime: Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
    store: Store,
    delivery: DeliveryHandle,
    committer: std::thread::JoinHandle<()>,
    folder: PathBuf,
    served: usize,
}

impl World {
    fn begin() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let folder = std::env::temp_dir().join(format!("carteiro-fuzz-{}", std::process::id()));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be started");
        let settings = StoreSettings {
            path: folder.clone(),
            cache_bytes: 16 * 1024 * 1024,
            limits: crate::store::Limits { keep_at_least: DAY, ..crate::store::Limits::default() },
            accept_data_loss: false,
            clock: Clock::System,
        };
        let Opened { store, thread: committer, .. } = Store::open(settings, |_| {}).expect("a new store opens");
        let (stop, stopping) = watch::channel(false);
        let delivery = idle();
        let (address, server) = runtime.block_on(async {
            let creation = CreateAccount { name: "default".to_owned() }.by(Actor::CARTEIRO);
            let no = store.commit(creation).await.expect("an account is made");
            let admin_token = Some(TokenHash::of(TOKEN));
            let account = Account { no, name: "default".to_owned(), env: "production".into(), admin_token };
            let config = config::Config::default();
            let channels = crate::alerts::channels::Channels::without_any();
            let service = Service::new(store.clone(), Clock::System, delivery.clone(), channels, vec![account], config);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback can be listened on");
            let address = listener.local_addr().expect("a listener has an address");
            let settings = config::Server {
                max_connections: 64,
                max_body: 8 * 1024,
                header_timeout: PATIENCE,
                body_timeout: PATIENCE,
                ..config::Server::default()
            };
            let server =
                Server::new(listener, Ingress::new(settings, None, 64), vec![Arc::new(Api::new(Arc::new(service)))]);
            (address, tokio::spawn(server.run(stopping, Duration::ZERO)))
        });
        Self { runtime, address, stop, server, store, delivery, committer, folder, served: 0 }
    }

    fn end(self) {
        let Self { runtime, stop, server, store, committer, folder, .. } = self;
        runtime.block_on(async {
            // A server that has ended needs no signal.
            stop.send(true).ok();
            server.await.expect("the server ends well");
            store.stop().await.expect("the store stops well");
        });
        drop((runtime, store));
        committer.join().expect("the committer ends well");
        std::fs::remove_dir_all(folder).expect("a folder of our own can be removed");
    }
}

static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// Stops what [`connection`] has started. A fuzzer ends without a word.
#[cfg(test)]
pub(crate) fn end() {
    if let Some(world) = WORLD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        world.end();
    }
}

/// Everything a caller sends over one connection.
pub fn connection(data: &[u8]) {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(old) = world.take_if(|world| world.served >= LIFE) {
        old.end();
    }
    let world = world.get_or_insert_with(World::begin);
    world.served += 1;
    // As a driver does that comes round: without it the daemon would not be ready.
    world.delivery.status.steps();
    let received = world.runtime.block_on(ask(world.address, data));
    for location in answers(&received) {
        // What was made is there, whole.
        let get = format!("GET {location} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
        let received = world.runtime.block_on(ask(world.address, get.as_bytes()));
        assert!(received.starts_with(b"HTTP/1.1 200 "), "{location}: {}", String::from_utf8_lossy(&received));
        answers(&received);
    }
}

async fn ask(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    // No port is left waiting behind thousands of runs a minute.
    stream.set_zero_linger().ok();
    // A server that has had enough stops reading.
    let _ = stream.write_all(&[data, LAST].concat()).await;
    let mut received = Vec::new();
    // Either all of it was read and the last request closes, or it waits for more that never comes.
    while let Ok(Ok(1..)) = tokio::time::timeout(SILENCE, stream.read_buf(&mut received)).await {}
    let _ = stream.shutdown().await;
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    assert!(closed.is_ok(), "the server keeps a connection whose caller has disconnected");
    received
}

/// Reads the answers of one connection, each as the contract says; gives back where what was made can be found.
fn answers(mut received: &[u8]) -> Vec<String> {
    let mut made = Vec::new();
    while let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = std::str::from_utf8(&received[..end]).expect("a head is ASCII").to_ascii_lowercase();
        received = &received[end + 4..];
        let status = ["http/1.1 ", "http/1.0 "].iter().find_map(|version| head.strip_prefix(version)?.get(..3));
        let status: u16 = status.expect("an answer is HTTP").parse().expect("a status has three digits");
        if status == 100 {
            continue;
        }
        assert!(STATUSES.contains(&status), "{head}");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        assert!(header("x-request-id").is_some(), "{head}");
        let length: usize = header("content-length").map_or(0, |length| length.parse().expect("a length"));
        // A HEAD has the length of what it leaves out.
        if received.len() < length || received.starts_with(b"HTTP/1.") {
            continue;
        }
        let body;
        (body, received) = received.split_at(length);
        if let Some("application/json") = header("content-type") {
            let members = members_of(body);
            let name = members.first().map_or("", |(name, _)| &**name);
            assert_eq!(name == "errors", status >= 400, "{head}");
        }
        assert!(status < 400 || !body.is_empty(), "{head}");
        made.extend(header("location").filter(|_| status == 201 || status == 202).map(str::to_owned));
    }
    made
}
