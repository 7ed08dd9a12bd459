//! The package and its units on a machine with a systemd of its own: installed, started, reloaded, killed, restarted
//! and upgraded under load, removed, purged.
//!
//! Asked for by `CARTEIRO_TEST_SYSTEMD=1 cargo test systemd`, since the first run downloads a minimal Debian. Needs
//! root, Debian, mmdebstrap and cargo-deb, and says so where it is skipped.

mod load;
mod machine;

use super::harness::{Answer, CARTEIRO, eventually, exchange, request, say, skipped};
use super::receiver::Receiver;
use load::{ADDRESS, Load};
use machine::Machine;
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the process that runs in a network of its own.
const INSIDE: &str = "CARTEIRO_SYSTEMD_INSIDE";
/// The config of the package, and targets on loopback.
const CONFIG: &str = "[store]\npath = \"/var/lib/carteiro\"\n[egress]\nallow = [\"127.0.0.0/8\"]\n";

#[test]
fn the_package_runs_under_systemd() {
    if std::env::var_os(INSIDE).is_some() {
        return on_a_machine();
    }
    if let Err(why) = can_be_made() {
        return skipped("systemd", &why);
    }
    // While there is a network still to download it from.
    machine::base();
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--kill-child"]).arg(std::env::current_exe().unwrap());
    inside.args(["--exact", "systemd::the_package_runs_under_systemd", "--nocapture"]).env(INSIDE, "1");
    let output = inside.stderr(Stdio::inherit()).output().unwrap();
    let reported = String::from_utf8_lossy(&output.stdout);
    // A name that matches no test would pass as well.
    assert!(output.status.success() && reported.contains("1 passed"), "{reported}");
}

fn can_be_made() -> Result<(), String> {
    if std::env::var_os("CARTEIRO_TEST_SYSTEMD").is_none() {
        return Err("it is asked for by CARTEIRO_TEST_SYSTEMD=1".to_owned());
    }
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() != 0) {
        return Err("it needs root, to boot a machine in namespaces".to_owned());
    }
    machine::release()?;
    for (program, ask) in
        [("mmdebstrap", "--version"), ("cargo-deb", "--version"), ("nsenter", "--version"), ("ip", "-V")]
    {
        if !Command::new(program).arg(ask).output().is_ok_and(|output| output.status.success()) {
            return Err(format!("it needs {program}"));
        }
    }
    Ok(())
}

/// The package of the binary under test, of whichever profile, under a version of our own.
fn package(version: &str, to: &Path) {
    let target = tempfile::tempdir().unwrap();
    fs::create_dir(target.path().join("release")).unwrap();
    fs::copy(CARTEIRO, target.path().join("release/carteiro")).unwrap();
    let mut command = Command::new("cargo-deb");
    command.args(["--no-build", "--strip", "--fast", "--deb-version", version, "-o"]).arg(to);
    let output =
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", target.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The chapters of one machine's life, in order: each begins with what the one before has left.
fn on_a_machine() {
    let machine = Machine::boot();
    package("0.1.0-1", &machine.path("/root/old.deb"));
    package("0.1.1-1", &machine.path("/root/new.deb"));
    let mut shop = installed(&machine);
    the_units_are_sound(&machine);
    ready_means_serving(&machine);
    reloads_tell_the_truth(&machine);
    the_sandbox_holds(&machine);
    secrets_come_as_credentials(&machine);
    a_lost_token_is_replaced(&machine);
    the_socket_and_the_config_agree(&machine);
    certbots_certificates_are_taken_up(&machine);
    what_hangs_is_restarted(&machine);
    what_crashes_is_restarted(&machine, &mut shop);
    under_load(&machine, &mut shop, "three restarts", || {
        for _ in 0..3 {
            machine.good("systemctl restart carteiro.service");
        }
    });
    under_load(&machine, &mut shop, "three kills", || {
        for _ in 0..3 {
            let restarts = machine.show("NRestarts");
            machine.good("systemctl kill --signal=KILL carteiro.service");
            eventually("it is restarted", || (machine.show("NRestarts") != restarts).then_some(()));
            eventually("and serves", || (machine.show("ActiveState") == "active").then_some(()));
        }
    });
    under_load(&machine, &mut shop, "an upgrade", || {
        machine.good("dpkg -i /root/new.deb");
    });
    assert!(machine.good("dpkg -s carteiro").contains("Version: 0.1.1-1"));
    assert_eq!(fs::read_to_string(machine.path("/etc/carteiro/carteiro.toml")).unwrap(), CONFIG, "its config is kept");
    a_bad_config_is_not_tried_again(&machine);
    removed(&machine, &shop);
}

/// Who calls the daemon, and what must never be lost.
struct Shop {
    token: String,
    receiver: Receiver,
    events: Vec<String>,
}

fn call(token: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    exchange(ADDRESS, &request(token, method, path, headers, body.as_bytes())).unwrap()
}

impl Shop {
    fn record(&mut self) {
        let event = json!({ "event": { "type": "PAYMENT.PAID", "resource": {} } }).to_string();
        let id = call(&self.token, "POST", "/api/events", &event).expect(201).data()["id"].as_str().unwrap().to_owned();
        self.events.push(id);
    }

    /// Each event that was acknowledged is there, and is delivered.
    fn check(&self) {
        for event in &self.events {
            call(&self.token, "GET", &format!("/api/events/{event}"), "").expect(200);
        }
        eventually("everything is delivered", || {
            let requests = self.receiver.requests();
            let delivered: std::collections::HashSet<_> =
                requests.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect();
            self.events.iter().all(|event| delivered.contains(event)).then_some(())
        });
    }
}

fn installed(machine: &Machine) -> Shop {
    machine.good("dpkg -i /root/old.deb");
    for unit in ["carteiro.service", "carteiro.socket"] {
        assert_eq!(machine.good(&format!("systemctl is-enabled {unit}")).trim(), "enabled");
        assert_eq!(machine.good(&format!("systemctl is-active {unit}")).trim(), "active");
    }
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    machine.good("carteiro check-config --config /etc/carteiro/carteiro.toml");
    machine.good("carteiro check-config --config /usr/share/carteiro/config.example.toml");
    assert_eq!(machine.good("stat -c '%U %a' /var/lib/carteiro").trim(), "carteiro 700");
    machine.configure(CONFIG);
    machine.good("systemctl restart carteiro.service");
    let token = fs::read_to_string(machine.path("/var/lib/carteiro/admin-token")).unwrap().trim().to_owned();
    let receiver = Receiver::ok();
    let webhook = json!({ "webhook": { "events": ["*"], "target": receiver.url, "authorization": "a" } }).to_string();
    call(&token, "POST", "/api/webhooks", &webhook).expect(201);
    let mut shop = Shop { token, receiver, events: Vec::new() };
    shop.record();
    shop.check();
    shop
}

fn the_units_are_sound(machine: &Machine) {
    // The machine has no reader of manual pages.
    let units = "/usr/lib/systemd/system/carteiro.service /usr/lib/systemd/system/carteiro.socket";
    assert_eq!(machine.good(&format!("systemd-analyze verify --man=no {units} 2>&1")).trim(), "");
    let threshold = "systemd-analyze security --no-pager --offline=true --threshold=11";
    let reported = machine.good(&format!("{threshold} /usr/lib/systemd/system/carteiro.service"));
    say(reported.lines().find(|line| line.contains("Overall exposure")).unwrap());
    machine.good("test -x /usr/bin/carteiro && ! command -v kill.procps && ! test -e /bin/kill");
}

/// Without the socket unit, whose queue would hide it: once `systemctl start` is back, the first call is answered.
fn ready_means_serving(machine: &Machine) {
    machine.good("systemctl disable --now carteiro.socket");
    for _ in 0..3 {
        machine.good("systemctl restart carteiro.service");
        exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    }
    assert_eq!(machine.show("StatusText"), format!("serving on {ADDRESS}"));
    machine.good("systemctl stop carteiro.service");
    // Somebody else has the address: the store opens, but nothing is served, and so nobody is notified.
    let taken = std::net::TcpListener::bind(ADDRESS).unwrap();
    let refused = machine.bad("systemctl start carteiro.service");
    assert!(refused.contains("failed"), "{refused}");
    assert!(machine.journal().contains(&format!("can't listen on {ADDRESS}")));
    drop(taken);
    eventually("it starts by itself", || (machine.show("ActiveState") == "active").then_some(()));
    machine.good(
        "systemctl stop carteiro.service && systemctl enable --now carteiro.socket && systemctl start carteiro.service",
    );
    assert!(machine.journal().contains("using the service manager's socket"));
}

fn reloads_tell_the_truth(machine: &Machine) {
    let before = machine.show("MainPID");
    machine.configure(&format!("{CONFIG}[log]\nlevel = \"debug\"\n"));
    machine.good("systemctl reload carteiro.service");
    assert_eq!(machine.journal().matches("config reloaded").count(), 2, "the daemon's word and the command's");
    assert_eq!(machine.show("StatusText"), format!("serving on {ADDRESS}"));
    // A key that is none, found before the daemon is asked.
    machine.configure(&format!("{CONFIG}[delivery]\nmax_atempts = 3\n"));
    machine.bad("systemctl reload carteiro.service");
    assert!(machine.journal().contains("did you mean `max_attempts`"), "{}", machine.journal());
    // A file that is not there, found by the daemon.
    machine.configure(&format!("{CONFIG}extra_ca_file = \"/etc/carteiro/none.pem\"\n"));
    machine.bad("systemctl reload carteiro.service");
    let why = "the config was not reloaded: /etc/carteiro/carteiro.toml:5:17: the file of certificate authorities \
               /etc/carteiro/none.pem";
    assert!(machine.journal().contains(why), "{}", machine.journal());
    assert!(machine.show("StatusText").contains("the last reload was refused"));
    assert_eq!((machine.show("ActiveState").as_str(), machine.show("MainPID")), ("active", before.clone()));
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    machine.configure(CONFIG);
    machine.good("systemctl reload carteiro.service");
    assert_eq!(
        (machine.show("StatusText"), machine.show("MainPID")),
        (format!("serving on {ADDRESS}"), before.clone())
    );
    // A signal does it too, and the service manager is notified.
    machine.good("systemctl kill --kill-whom=main --signal=HUP carteiro.service");
    eventually("reloaded by a signal", || (machine.journal().matches("config reloaded").count() == 5).then_some(()));
    assert_eq!((machine.show("ActiveState").as_str(), machine.show("MainPID")), ("active", before));
}

/// What the service's own sandbox lets a shell in its place do, and what not.
fn the_sandbox_holds(machine: &Machine) {
    machine.good(
        "mkdir -p /home/ana && echo secret > /home/ana/secret && chmod -R a+rX /home/ana && cat /home/ana/secret",
    );
    machine.good(
        "install -d -m 777 /etc/open /opt/open /usr/open && touch /etc/carteiro/open && chmod 666 /etc/carteiro/open",
    );
    let may = [
        "echo x > $STATE_DIRECTORY/probe",
        "rm $STATE_DIRECTORY/probe",
        "cat /etc/carteiro/carteiro.toml",
        "echo x > /tmp/x",
    ];
    let may_not = [
        "ls /home/ana",
        "cat /home/ana/secret",
        "echo x > /etc/open/x",
        "echo x > /etc/carteiro/open",
        "echo x > /opt/open/x",
        "echo x > /usr/open/x",
        "cat /etc/shadow",
        "ls /proc/1",
        "cat /dev/kmsg",
        "unshare --user true",
        "mount -t tmpfs tmpfs /tmp",
        "hostname other",
        "chmod u+s $STATE_DIRECTORY/admin-token",
    ];
    let line = |probe: &&str| {
        format!("if ( {probe} ) >/dev/null 2>&1; then echo 'may: {probe}'; else echo 'may not: {probe}'; fi\n")
    };
    let script: String = may.iter().chain(&may_not).map(line).collect();
    fs::write(machine.path("/usr/local/bin/probe"), script).unwrap();
    machine.drop_in("ExecStartPre=/bin/sh /usr/local/bin/probe");
    machine.good("systemctl restart carteiro.service");
    let journal = machine.journal();
    for probe in may {
        assert!(journal.contains(&format!("may: {probe}")), "{probe}\n{journal}");
    }
    for probe in may_not {
        assert!(journal.contains(&format!("may not: {probe}")), "{probe}\n{journal}");
    }
    machine.drop_in("");
    machine.good("systemctl restart carteiro.service");
    // The daemon itself: no capability, no new privileges, system calls filtered.
    let status = machine.good("cat /proc/$(systemctl show -P MainPID carteiro.service)/status");
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
}

fn secrets_come_as_credentials(machine: &Machine) {
    let secret = "a-token-that-only-root-can-read";
    machine
        .good(&format!("install -d -m 700 /etc/carteiro/secret && echo {secret} > /etc/carteiro/secret/admin-token"));
    machine.good("chmod 600 /etc/carteiro/secret/admin-token");
    machine.drop_in("LoadCredential=admin-token:/etc/carteiro/secret/admin-token\nEnvironment=WHERE=%d/admin-token");
    let credential = "/run/credentials/carteiro.service/admin-token";
    machine.configure(&format!("{CONFIG}[[account]]\nadmin_token_file = \"{credential}\"\n"));
    machine.good("systemctl restart carteiro.service");
    call(secret, "GET", "/api/tokens", "").expect(200);
    assert!(machine.show("Environment").contains(&format!("WHERE={credential}")), "what a drop-in calls %d");
    examined(machine, &["ok    config", "ok    service", &format!("ok    token             {credential}")]);
    machine.good("systemctl reload carteiro.service");
    machine.configure(CONFIG);
    let token = fs::read_to_string(machine.path("/var/lib/carteiro/admin-token")).unwrap();
    a_certificate_comes_as_credentials(machine, token.trim());
    machine.drop_in("");
    machine.good("systemctl restart carteiro.service");
    assert_eq!(call(secret, "GET", "/api/tokens", "").status, 401);
}

/// As the unit's own comment says it is done.
fn a_certificate_comes_as_credentials(machine: &Machine, token: &str) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["loja.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (cert, secret) = ("/etc/carteiro/secret/fullchain.pem", "/etc/carteiro/secret/privkey.pem");
    fs::write(machine.path(cert), certificate.pem()).unwrap();
    fs::write(machine.path(secret), key.serialize_pem()).unwrap();
    machine.good(&format!("chmod 600 {cert} {secret}"));
    machine.drop_in(&format!(
        "LoadCredential=tls-cert:{cert}\nLoadCredential=tls-key:{secret}\n\
         Environment=CARTEIRO_SERVER__TLS_CERT=%d/tls-cert CARTEIRO_SERVER__TLS_KEY=%d/tls-key"
    ));
    machine.good("systemctl restart carteiro.service");
    let plain = exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap();
    assert_eq!((plain.status, plain.json()["errors"]["code"].as_str()), (400, Some("tls_required")));
    // Commands ask the daemon: the config that they read doesn't name the certificate.
    machine.good("carteiro webhooks list");
    machine.good("carteiro health");
    machine.good(&format!("carteiro token list --config /etc/carteiro/carteiro.toml --token {token}"));
    let tls = "ok    TLS               the certificate that the service's environment names ends at";
    examined(machine, &["ok    config", "ok    service", tls, "ok    daemon", "ok    version", "ok    token"]);
    machine.good("systemctl reload carteiro.service");
}

/// What the doctor finds as root. Only the room on the disk, which is the host's, may fail.
#[track_caller]
fn examined(machine: &Machine, expected: &[&str]) {
    let said = machine.run("carteiro doctor").text;
    for line in expected {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(said.lines().all(|line| !line.starts_with("fail") || line.starts_with("fail  disk")), "{said}");
}

/// As root, whom the service's sandbox maps to itself; with the daemon and without it.
fn a_lost_token_is_replaced(machine: &Machine) {
    let rescue = "carteiro token create --name rescue --scope admin";
    let file = "/var/lib/carteiro/admin-token";
    machine.good(&format!("mv {file} {file}.lost"));
    assert!(machine.bad("carteiro webhooks list").contains("admin-token"));
    let online = machine.good(rescue);
    call(online.trim(), "GET", "/api/tokens", "").expect(200);
    assert!(machine.journal().contains("by a user with access to the data folder"));
    machine.good("systemctl stop carteiro.socket carteiro.service");
    machine.good(&format!("{rescue} 2>/dev/null | install -o carteiro -g carteiro -m 600 /dev/stdin {file}"));
    assert_eq!(machine.good("find /var/lib/carteiro ! -user carteiro").trim(), "", "root leaves nothing of its own");
    machine.good("systemctl start carteiro.service && carteiro webhooks list");
    // The user of the folder may do it too, and nobody else.
    machine.good(&format!("setpriv --reuid carteiro --regid carteiro --clear-groups {rescue}"));
    machine.bad(&format!("setpriv --reuid nobody --regid nogroup --clear-groups {rescue}"));
    machine.good(&format!("mv {file}.lost {file}"));
}

/// An address in the config that systemd's socket doesn't have is an error, at a reload and at a start.
fn the_socket_and_the_config_agree(machine: &Machine) {
    machine.configure(&format!("[server]\nlisten = \"0.0.0.0:8080\"\n{CONFIG}"));
    machine.bad("systemctl reload carteiro.service");
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    machine.bad("systemctl restart carteiro.service");
    assert_eq!(machine.show("ExecMainStatus"), "78");
    assert!(machine.journal().contains(&format!("the service manager listens on {ADDRESS}")), "{}", machine.journal());
    machine.configure(CONFIG);
    machine.good("systemctl start carteiro.service");
}

/// Certbot's folders as Debian has them, what the documents say of TLS, and a renewal.
fn certbots_certificates_are_taken_up(machine: &Machine) {
    let name = "carteiro.loja.example";
    let (live, archive) = (format!("/etc/letsencrypt/live/{name}"), format!("/etc/letsencrypt/archive/{name}"));
    machine.good(&format!(
        "install -d -m 700 /etc/letsencrypt/live /etc/letsencrypt/archive && mkdir -p {live} {archive} \
         /etc/letsencrypt/renewal-hooks/deploy"
    ));
    // What certbot does: new files, the links that lead to them, then the hooks.
    let certbot = |nth: u32| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        for (file, text) in [("fullchain", made.cert.pem()), ("privkey", made.signing_key.serialize_pem())] {
            fs::write(machine.path(&format!("{archive}/{file}{nth}.pem")), text).unwrap();
            machine.good(&format!("ln -sfn ../../archive/{name}/{file}{nth}.pem {live}/{file}.pem"));
        }
        machine.good(&format!("chmod 600 {archive}/privkey{nth}.pem"));
        machine.good(&format!(
            "for hook in /etc/letsencrypt/renewal-hooks/deploy/*; do if test -x $hook; then \
             RENEWED_LINEAGE={live} RENEWED_DOMAINS={name} $hook; fi; done"
        ));
        made.cert.der().to_vec()
    };
    certbot(1);
    // Root could read these, and the service couldn't: that is said.
    let tls = |folder: &str| {
        format!(
            "[server]\nlisten = \"0.0.0.0:8443\"\ntls_cert = \"{folder}/fullchain.pem\"\n\
             tls_key = \"{folder}/privkey.pem\"\n{CONFIG}"
        )
    };
    machine.configure(&tls(&live));
    let said = machine.bad("carteiro check-config");
    assert!(said.contains("the user carteiro") && said.contains("/etc/letsencrypt/live"), "{said}");

    // The hook's reload is of what works so far.
    machine.configure(CONFIG);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/network.md")).unwrap();
    let hook = page.split("```bash\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(machine.path("/etc/letsencrypt/renewal-hooks/deploy/carteiro"), hook).unwrap();
    machine.good("chmod 755 /etc/letsencrypt/renewal-hooks/deploy/carteiro");
    let first = certbot(2);
    machine.configure(&tls("/etc/carteiro/tls"));
    machine.good("carteiro check-config");
    let drop_in = "/etc/systemd/system/carteiro.socket.d";
    machine.good(&format!(
        "mkdir -p {drop_in} && \
         printf '[Socket]\\nListenStream=\\nListenStream=0.0.0.0:8443\\n' > {drop_in}/listen.conf && \
         systemctl daemon-reload && systemctl stop carteiro.socket carteiro.service && \
         systemctl start carteiro.service"
    ));
    let shown = || super::ingress_tls::shown("127.0.0.1:8443", &rustls::version::TLS13);
    assert_eq!(shown(), first);
    machine.good("carteiro webhooks list && carteiro health");
    let second = certbot(3);
    assert_eq!(shown(), second, "the hook's reload has taken it up when it ends");
    machine.good("carteiro webhooks list");
    machine.configure(CONFIG);
    machine.good(&format!(
        "rm -r {drop_in} && systemctl daemon-reload && systemctl stop carteiro.socket carteiro.service && \
         systemctl start carteiro.service"
    ));
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
}

fn what_hangs_is_restarted(machine: &Machine) {
    machine.drop_in("WatchdogSec=2");
    machine.good("systemctl restart carteiro.service");
    let restarts = machine.show("NRestarts");
    machine.good("systemctl kill --signal=STOP carteiro.service");
    eventually("the watchdog sees to it", || (machine.show("NRestarts") != restarts).then_some(()));
    eventually("it is back", || (machine.show("ActiveState") == "active").then_some(()));
    assert!(machine.journal().contains("Watchdog timeout"), "{}", machine.journal());
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    machine.drop_in("");
    machine.good("systemctl restart carteiro.service");
}

fn what_crashes_is_restarted(machine: &Machine, shop: &mut Shop) {
    shop.record();
    let restarts = machine.show("NRestarts");
    machine.good("systemctl kill --signal=KILL carteiro.service");
    eventually("it is restarted", || (machine.show("NRestarts") != restarts).then_some(()));
    eventually("it is back", || (machine.show("ActiveState") == "active").then_some(()));
    shop.record();
    shop.check();
}

/// It ends with 78 and stays down; who calls meanwhile makes systemd try, until the socket gives up too. Repaired, one
/// start heals both.
fn a_bad_config_is_not_tried_again(machine: &Machine) {
    machine.configure("[store]\npaht = \"/var/lib/carteiro\"\n");
    machine.bad("systemctl restart carteiro.service");
    assert_eq!((machine.show("ExecMainStatus").as_str(), machine.show("ActiveState").as_str()), ("78", "failed"));
    let _caller = std::net::TcpStream::connect(ADDRESS).unwrap();
    let socket = || machine.run("systemctl show -P Result carteiro.socket").text;
    eventually("the socket gives up", || (socket().trim() == "trigger-limit-hit").then_some(()));
    machine.configure(CONFIG);
    machine.good("systemctl start carteiro.service && systemctl is-active carteiro.socket");
    exchange(ADDRESS, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
}

/// Whatever `meanwhile` does, no call fails and no event is lost. A kill may cost calls that were under way, and only
/// those.
fn under_load(machine: &Machine, shop: &mut Shop, what: &str, meanwhile: impl FnOnce()) {
    let load = Load::start(&shop.token);
    let so_far = shop.receiver.count();
    shop.receiver.await_count(so_far + 50);
    meanwhile();
    let so_far = shop.receiver.count();
    shop.receiver.await_count(so_far + 50);
    let kills = what.contains("kill");
    for (kind, tally) in ["new", "kept"].into_iter().zip(load.stop()) {
        let (done, failed) = (tally.events.len(), tally.failed.len());
        say(&format!(
            "systemd, {what}, calls over {kind} connections: {done} answered, {failed} failed, the longest took {:.2?}",
            tally.longest
        ));
        assert!(kills || failed == 0, "{:?}\n{}", tally.failed, machine.journal());
        assert!(tally.failed.iter().all(|why| !why.starts_with("connecting")), "{:?}", tally.failed);
        shop.events.extend(tally.events);
    }
    shop.check();
}

fn removed(machine: &Machine, shop: &Shop) {
    machine.good("dpkg -r carteiro");
    assert!(std::net::TcpStream::connect(ADDRESS).is_err(), "neither daemon nor socket");
    assert_eq!(machine.good("ls /etc/carteiro/carteiro.toml /var/lib/carteiro/admin-token").lines().count(), 2);
    // Installed again, it has everything.
    machine.good("dpkg -i /root/new.deb");
    shop.check();
    machine.good("dpkg -P carteiro");
    assert!(std::net::TcpStream::connect(ADDRESS).is_err());
    assert!(!machine.path("/var/lib/carteiro").exists() && !machine.path("/etc/carteiro/carteiro.toml").exists());
    assert_eq!(
        machine.good(
            "systemctl list-unit-files 'carteiro*' --no-legend; find /etc/systemd /var/lib/systemd -name 'carteiro*'"
        ),
        ""
    );
}
