//! What the guard lets an attempt dial, whatever a resolver says and however an address is spelled.

use super::*;
use crate::delivery::failure::Unresolved;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex};

/// A resolver whose answers are given in advance; the last is for all that follow. It counts what it is asked.
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Script {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let ips = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(ips).collect()), asked: AtomicUsize::new(0) })
    }

    fn client(self: &Arc<Self>, settings: ClientSettings) -> Client {
        let script = self.clone();
        let look_up = move |_: &str| {
            script.asked.fetch_add(1, Ordering::SeqCst);
            let mut answers = script.answers.lock().unwrap();
            let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            answer.filter(|ips| !ips.is_empty()).ok_or(Unresolved::NotFound)
        };
        Client::resolving_by(Arc::new(look_up), settings, Clock::System)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Lets 127.0.0.2 through and the rest of loopback not.
fn only_the_second() -> ClientSettings {
    ClientSettings::allowing(&["127.0.0.2/32"], LONG)
}

/// Counts the connections to 127.0.0.1 and to 127.0.0.2, at one port. Each is answered and closed, so that none is
/// reused.
async fn two_targets() -> (Target, Target, u16) {
    async fn serve(_: usize, mut stream: TcpStream) {
        if read_request(&mut stream).await.is_some() {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
        }
    }
    // A port that is free on one address may be taken on the other.
    loop {
        let first = Target::start(serve).await;
        let port = first.address.port();
        if let Ok(listener) = TcpListener::bind(("127.0.0.2", port)).await {
            return (first, Target::serving(listener, serve), port);
        }
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_is_refused_and_never_looked_up_twice() {
    let (forbidden, allowed, port) = two_targets().await;
    let script = Script::of(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let client = script.client(only_the_second());
    let url = format!("http://loja.example:{port}/");
    assert!(client.attempt(outbound(&url)).await.result.confirms());
    // A resolver that changes its mind between a check and a dial finds no second question to answer.
    assert_eq!((script.asked(), allowed.accepted()), (1, 1));
    let report = client.attempt(outbound(&url)).await;
    let (code, message) = error(&report);
    assert_eq!(code, ErrorCode::BlockedTarget);
    let entry = format!("`[egress] allow = [\"127.0.0.1/32:{port}\"]`");
    assert!(message.starts_with("127.0.0.1 is a loopback address") && message.contains(&entry), "{message}");
    assert_eq!((report.remote_ip, forbidden.accepted()), (None, 0));
}

#[tokio::test]
async fn of_several_addresses_only_those_that_are_let_through_are_dialled() {
    let (forbidden, allowed, port) = two_targets().await;
    let script = Script::of(&[&["127.0.0.1", "169.254.169.254", "::1", "127.0.0.2", "10.0.0.1"]]);
    let client = script.client(only_the_second());
    let report = client.attempt(outbound(&format!("http://loja.example:{port}/"))).await;
    assert!(report.result.confirms(), "{report:?}");
    assert_eq!(report.remote_ip, Some("127.0.0.2".parse().unwrap()));
    assert_eq!((forbidden.accepted(), allowed.accepted()), (0, 1));
}

/// Every way that glibc, a browser or a library is known to read as an address of the machine itself or its network.
const SPELLINGS: [&str; 30] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "017700000001",
    "00000177.1",
    "0",
    "0.0.0.0",
    "10.0.0.1",
    "0xa.0.0.1",
    "012.1",
    "192.168.257",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::]",
    "[fe80::1]",
];

#[tokio::test]
async fn every_spelling_is_refused_at_the_registration_and_at_the_attempt_without_a_question() {
    let script = Script::of(&[&["203.0.113.1"]]);
    let client = script.client(settings().without_exceptions());
    for spelling in SPELLINGS {
        let url = format!("http://{spelling}:9/");
        let target = TargetUrl::parse(&url).unwrap();
        let refusal = client.refusal(&target).await.unwrap_or_else(|| panic!("{spelling} was let through"));
        assert_eq!(refusal.code, ErrorCode::BlockedTarget, "{spelling}");
        assert!(refusal.message.contains("`[egress] allow"), "{}", refusal.message);
        assert_eq!(error(&client.attempt(outbound(&url)).await), (refusal.code, &*refusal.message), "{spelling}");
    }
    assert_eq!(script.asked(), 0);
    // What neither glibc nor the URL's own grammar takes for an address can't be registered, or is a name like any
    // other.
    for odd in
        ["[fe80::1%25eth0]", "[::1%lo]", "127.0.0.1%00", "%31%32%37.0.0.1", "１２７.0.0.1", "127。0。0。1", "①②⑦.1"]
    {
        assert!(TargetUrl::parse(&format!("http://{odd}/")).is_err(), "{odd}");
    }
    for name in ["127.0.0.1.", "0x7f000001.", "127.0.0.1.nip.example", "256.256.256.256"] {
        let before = script.asked();
        // Some of them can't be registered any more; a webhook that has one is still checked.
        let target = TargetUrl::restored(&format!("http://{name}/")).unwrap();
        assert!(client.refusal(&target).await.is_some_and(|refusal| refusal.message.contains("203.0.113.1")), "{name}");
        assert_eq!(script.asked(), before + 1, "{name} is checked by what it resolves to");
    }
}

#[tokio::test]
async fn a_registration_is_refused_only_where_every_address_is() {
    let target = TargetUrl::parse("http://loja.example:9/").unwrap();
    for (answer, refused) in
        [(&["10.0.0.1", "::1"][..], true), (&["10.0.0.1", "8.8.8.8"], false), (&["8.8.8.8"], false), (&[], false)]
    {
        let client = Script::of(&[answer]).client(settings().without_exceptions());
        assert_eq!(client.refusal(&target).await.is_some(), refused, "{answer:?}");
    }
    let strict = Client::new(settings().https_only(), Clock::System);
    let refusal = strict.refusal(&target).await.unwrap();
    assert!(refusal.message.contains("`[egress] allow_http = false`"), "{}", refusal.message);
}

#[tokio::test]
async fn a_name_that_hangs_can_be_registered_and_holds_no_attempt_back() {
    let free = Arc::new((Mutex::new(false), Condvar::new()));
    let held = free.clone();
    let look_up = move |name: &str| {
        if name.starts_with("slow") {
            drop(held.1.wait_while(held.0.lock().unwrap(), |free| !*free).unwrap());
        }
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    };
    let client = Client::resolving_by(Arc::new(look_up), settings(), Clock::System);
    let target = Target::answering(OK).await;
    let start = Instant::now();
    let checks = (0..200).map(|n| {
        let (client, target) = (client.clone(), TargetUrl::parse(&format!("http://slow{n}.example/")).unwrap());
        tokio::spawn(async move { client.refusal(&target).await })
    });
    let checks: Vec<_> = checks.collect();
    let url = format!("http://quick.example:{}/", target.address.port());
    assert!(client.attempt(outbound(&url)).await.result.confirms());
    for check in checks {
        assert_eq!(check.await.unwrap(), None);
    }
    assert!(start.elapsed() >= CHECK_PATIENCE && start.elapsed() < LONG);
    *free.0.lock().unwrap() = true;
    free.1.notify_all();
}
