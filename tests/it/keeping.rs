//! What the store is trusted with, from outside: backups, restores, verification, damaged folders, full disks.

use super::harness::{Daemon, QUICK, eventually, retrying_after, skipped};
use super::receiver::{Receiver, Reply};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every event that the API lists, by `external_id`; an error where a page can't be read.
fn listed(daemon: &Daemon) -> Result<BTreeSet<String>, String> {
    let (mut found, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let answer = daemon.get(&format!("/api/events?order=asc&limit=500{cursor}"));
        if answer.status != 200 {
            return Err(String::from_utf8_lossy(&answer.body).into_owned());
        }
        let page = answer.json();
        let events = page["data"].as_array().unwrap().clone();
        if events.is_empty() {
            return Ok(found);
        }
        for event in events {
            // An event that is listed can be read, whole.
            let whole = daemon.get(&format!("/api/events/{}", event["id"].as_str().unwrap()));
            if whole.status != 200 || whole.data()["resource"]["pad"].as_str().is_none_or(|pad| pad.len() != 300) {
                return Err(format!("{whole:?}"));
            }
            found.insert(event["external_id"].as_str().unwrap().to_owned());
        }
        cursor = format!("&cursor={}", page["page"]["next_cursor"].as_str().unwrap());
    }
}

fn record(daemon: &Daemon, own: &str) {
    daemon.record_with(json!({
        "type": "PAYMENT.PAID", "external_id": own, "resource": { "id": own, "pad": "p".repeat(300) },
    }));
}

// ---- backup, restore, verify ----

#[test]
fn a_backup_of_a_running_daemon_delivers_elsewhere_what_was_pending_and_nothing_that_was_confirmed() {
    let receiver = Receiver::start(&[Reply::Status(200), Reply::Status(500)]);
    let mut daemon = Daemon::start(&retrying_after("1h"));
    daemon.register(&receiver.url, &["*"]);
    let confirmed = daemon.record("PAYMENT.PAID");
    daemon.await_status(&confirmed, "DELIVERED");
    let pending = daemon.record("PAYMENT.PAID");
    daemon.await_status(&pending, "RETRYING");
    let file = daemon.data().with_file_name("shop.backup");
    let (code, said, _) = daemon.run(&["backup", file.to_str().unwrap()]);
    assert_eq!((code, said.trim()), (Some(0), file.to_str().unwrap()));
    let (code, said, _) = daemon.run(&["verify"]);
    assert!(code == Some(0) && said.contains("every row is as it was written"), "{said}");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it holds everybody's tokens' hashes");
    daemon.record("PAYMENT.PAID");
    receiver.await_count(3);
    // Onto another machine: another folder, the same config but for it.
    assert!(daemon.terminate().success());
    let elsewhere = daemon.data().with_file_name("elsewhere");
    let (code, said, complaint) =
        daemon.run(&["restore", file.to_str().unwrap(), "--data", elsewhere.to_str().unwrap()]);
    assert!(code == Some(0) && said.contains("2 events and 2 notifications"), "{said}{complaint}");
    let (code, _, complaint) = daemon.run(&["restore", file.to_str().unwrap(), "--data", elsewhere.to_str().unwrap()]);
    assert!(code == Some(1) && complaint.contains("not empty"), "{complaint}");
    let (code, said, _) = daemon.run(&["verify", "--data", elsewhere.to_str().unwrap()]);
    assert!(code == Some(0), "{said}");
    let token = fs::read_to_string(daemon.data().join("admin-token")).unwrap();
    fs::write(elsewhere.join("admin-token"), token).unwrap();
    receiver.now(Reply::Status(200));
    let restored = Daemon::start_on(&elsewhere, &retrying_after("1h"));
    assert_eq!(restored.list("/api/events").len(), 2);
    let notification = restored.history(&pending)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(restored.history(&pending)[0]["status"], "RETRYING");
    restored.post(&format!("/api/notifications/{notification}/resend"), &json!({})).expect(202);
    restored.await_status(&pending, "DELIVERED");
    let new = restored.record("PAYMENT.PAID");
    restored.await_status(&new, "DELIVERED");
    let ids: Vec<String> =
        receiver.requests().iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids[1], ids[3], "the same notification, for a receiver that drops repeats");
    assert!(!ids[..4].contains(&ids[4]), "and a new one is nobody's repeat");
}

#[test]
fn without_a_daemon_the_commands_open_the_store_themselves() {
    let mut daemon = Daemon::quick();
    record(&daemon, "one");
    let file = daemon.data().with_file_name("cold.backup");
    assert!(daemon.terminate().success());
    let (code, said, complaint) = daemon.run(&["backup", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let (code, said, complaint) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let nowhere = daemon.data().with_file_name("nowhere");
    let (code, _, complaint) = daemon.run(&["verify", "--data", nowhere.to_str().unwrap()]);
    assert!(code == Some(1) && complaint.contains("there is no store"), "{complaint}");
    assert!(!nowhere.exists(), "looking makes nothing");
    let (code, _, complaint) = daemon.run(&["backup", "/nowhere/x.backup"]);
    assert!(code == Some(1) && complaint.contains("/nowhere/x.backup"), "{complaint}");
}

#[test]
fn backups_by_the_clock_are_kept_as_many_as_the_config_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "store.backup_dir = \"{}\"\nstore.backup_every = \"1m\"\nstore.backup_keep = 2\n",
        folder.path().display()
    );
    // Two from earlier days, one of which has to go; and one that was cut off.
    for name in ["carteiro-20200101T000000Z.backup", "carteiro-20200102T000000Z.backup", "mine.txt"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    fs::write(folder.path().join("carteiro-20200103T000000Z.backup.part"), "x").unwrap();
    let daemon = Daemon::start(&config);
    let names = || -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    eventually("a backup is written and the oldest goes", || {
        let names = names();
        (names.len() == 3 && names[0] == "carteiro-20200102T000000Z.backup" && names[2] == "mine.txt").then_some(())
    });
    let made = folder.path().join(&names()[1]);
    eventually("it is told", || daemon.log().contains("a backup was written").then_some(()));
    let elsewhere = folder.path().join("data");
    let (code, said, complaint) =
        daemon.run(&["restore", made.to_str().unwrap(), "--data", elsewhere.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    let figure = |daemon: &Daemon| -> Option<u64> {
        let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("carteiro_last_backup_timestamp_seconds "));
        line.map(|value| value.parse().unwrap())
    };
    assert!(figure(&daemon).is_some_and(|at| at > 1_700_000_000));
    drop(daemon);
    // A folder that is missing: the figure says that there is none, or no alert would ever tell.
    let nowhere = folder.path().join("mine.txt/nowhere");
    let broken = Daemon::start(&format!("store.backup_dir = \"{}\"\nstore.backup_every = \"1m\"\n", nowhere.display()));
    eventually("it is told", || broken.log().contains("a backup could not be written").then_some(()));
    assert_eq!(figure(&broken), Some(0));
    let broken = Daemon::quick();
    assert_eq!(figure(&broken), None);
    broken.configure("store.backup_every = \"1h\"\n");
    let (code, _, complaint) = broken.run(&["check-config"]);
    assert!(code == Some(78) && complaint.contains("`store.backup_every` needs `store.backup_dir`"), "{complaint}");
}

/// The files of the journal that have this text, as they are.
pub(crate) fn journal_files_with(daemon: &Daemon, text: &str) -> Vec<String> {
    let files = fs::read_dir(daemon.data().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &Path| {
        // It may go while it is looked at.
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    files.filter(|path| holds(path)).map(|path| path.display().to_string()).collect()
}

/// Looked for from outside, in the files as they are.
#[test]
fn an_erased_payload_goes_from_every_file_of_the_journal_while_the_daemon_runs() {
    const MARKER: &str = "4dedc5d5-cpf-111.444.777-35";
    let receiver = Receiver::start(&[Reply::Status(500)]);
    let mut daemon = Daemon::start(&retrying_after("1h"));
    daemon.register(&receiver.url, &["*"]);
    let events = [10, 3_000, 100_000].map(|pad| {
        let event = json!({ "type": "PAYMENT.PAID", "resource": { "cpf": MARKER, "pad": "p".repeat(pad) } });
        let event = daemon.record_with(event);
        daemon.await_status(&event, "RETRYING");
        event
    });
    let holding = |daemon: &Daemon| journal_files_with(daemon, MARKER);
    assert!(!holding(&daemon).is_empty(), "it is there before");
    // Closed ones too, and those of an earlier run.
    let file = daemon.data().with_file_name("shop.backup");
    assert_eq!(daemon.run(&["backup", file.to_str().unwrap()]).0, Some(0));
    daemon.kill_9();
    daemon.spawn();
    for event in &events {
        daemon.delete(&format!("/api/events/{event}/resource")).expect(204);
        daemon.record("PAYMENT.PAID");
    }
    eventually("no file of the journal has it", || holding(&daemon).is_empty().then_some(()));
    for event in &events {
        assert!(daemon.get(&format!("/api/events/{event}")).expect(200).data()["resource"].is_null());
    }
    // Nor is it back after a start, or in a later backup.
    daemon.kill_9();
    daemon.spawn();
    assert_eq!(holding(&daemon), Vec::<String>::new());
    assert_eq!(daemon.run(&["backup", file.to_str().unwrap()]).0, Some(0));
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()));
    let (code, said, _) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_store_without_its_marker_starts_only_when_told_to() {
    let mut daemon = Daemon::quick();
    record(&daemon, "own-1");
    assert!(daemon.terminate().success());
    fs::remove_file(daemon.data().join("journal/marker")).unwrap();
    let said = daemon.try_spawn().unwrap_err();
    assert!(said.contains("--accept-data-loss"), "{said}");
    daemon.accept();
    daemon.spawn();
    assert_eq!(listed(&daemon), Ok(["own-1".to_owned()].into()));
}

/// sled reads a snapshot that it was writing when it was cut off, and called the store corrupted.
#[test]
fn a_snapshot_of_sleds_that_was_cut_off_is_passed_over() {
    let mut daemon = Daemon::quick();
    record(&daemon, "own-1");
    assert!(daemon.terminate().success());
    for bytes in [0, 1, 60, 123] {
        let half = daemon.data().join("snap.00000000000001DF.generating");
        fs::write(&half, vec![7; bytes]).unwrap();
        let (code, said, complaint) = daemon.run(&["verify"]);
        assert_eq!(code, Some(0), "{bytes} bytes: {said}{complaint}");
        daemon.spawn();
        assert_eq!(listed(&daemon), Ok(["own-1".to_owned()].into()), "{bytes} bytes");
        assert!(!half.exists(), "{bytes} bytes");
        assert!(daemon.terminate().success());
    }
}

// ---- damage ----

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Somebody puts back one of the two, from a copy of an earlier day.
#[test]
fn a_journal_and_rows_of_two_different_days_are_refused() {
    let mut daemon = Daemon::quick();
    record(&daemon, "own-1");
    assert!(daemon.terminate().success());
    let work = tempfile::tempdir().unwrap();
    let (yesterday, today) = (work.path().join("yesterday"), work.path().join("today"));
    copy(&daemon.data(), &yesterday);
    daemon.spawn();
    record(&daemon, "own-2");
    daemon.kill_9();
    copy(&daemon.data(), &today);
    daemon.spawn();
    assert!(daemon.terminate().success());

    let data = work.path().join("old journal");
    for newer in [&today, &daemon.data()] {
        copy(newer, &data);
        fs::remove_dir_all(data.join("journal")).unwrap();
        copy(&yesterday.join("journal"), &data.join("journal"));
        let Err(said) = Daemon::try_on(&data, QUICK) else { panic!("it starts on an older journal") };
        for words in ["older than the `db` beside it", "put back the `journal` folder", "carteiro restore FILE"] {
            assert!(said.contains(words), "{said}");
        }
        let (code, said, _) = daemon.run(&["verify", "--data", data.to_str().unwrap()]);
        assert!(code == Some(1) && said.contains("older than the `db` beside it"), "{said}");
        fs::remove_dir_all(&data).unwrap();
    }
    // The other way round it is refused as soon as anything is missing in between, and complete before that.
    let data = work.path().join("old rows");
    copy(&yesterday, &data);
    fs::remove_dir_all(data.join("journal")).unwrap();
    copy(&today.join("journal"), &data.join("journal"));
    match Daemon::try_on(&data, QUICK) {
        Ok(mut started) => {
            assert_eq!(listed(&started), Ok(["own-1".to_owned(), "own-2".to_owned()].into()));
            started.kill_9();
            started.forgive();
        }
        Err(said) => assert!(said.contains("what is between them is missing"), "{said}"),
    }
    daemon.spawn();
    assert_eq!(listed(&daemon), Ok(["own-1".to_owned(), "own-2".to_owned()].into()));
}

/// Whatever happens to a file of the data folder, the daemon refuses to start and says which command restores, or
/// starts and has all it had acknowledged, or starts and answers with an error where something can't be read. It never
/// leaves anything out.
#[test]
fn a_damaged_folder_never_starts_on_less_in_silence() {
    let mut daemon = Daemon::quick();
    let acknowledged: BTreeSet<String> = (0..400).map(|n| format!("own-{n}")).collect();
    for own in &acknowledged {
        record(&daemon, own);
    }
    assert!(daemon.terminate().success());
    let whole = daemon.data();
    let (mut refused, mut complete, mut errors) = (0, 0, 0);
    let all = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut files = [all(&whole), all(&whole.join("journal"))].concat();
    files.retain(|path| path.is_file());
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    let work = tempfile::tempdir().unwrap();
    let mut round = 0;
    for file in &files {
        let name = file.strip_prefix(&whole).unwrap().to_str().unwrap();
        if name == "admin-token" {
            continue;
        }
        let bytes = fs::read(file).unwrap();
        let length = bytes.len();
        let mut damages: Vec<(String, Option<Vec<u8>>)> = vec![
            ("deleted".to_owned(), None),
            ("emptied".to_owned(), Some(Vec::new())),
            ("zeroed".to_owned(), Some(vec![0; length])),
            ("a byte longer".to_owned(), Some([&bytes[..], b"x"].concat())),
        ];
        let parts = if name == "db" || name.ends_with(".journal") { 12 } else { 3 };
        for part in 1..parts {
            let at = length * part / parts;
            damages.push((format!("cut to {at}"), Some(bytes[..at].to_vec())));
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            damages.push((format!("flipped at {at}"), Some(flipped)));
            let mut holed = bytes.clone();
            let end = (at + 4096).min(length);
            holed[at..end].fill(0);
            damages.push((format!("zeroed from {at} to {end}"), Some(holed)));
            if name == "db" {
                let mut swapped = bytes.clone();
                let half = (length - at).min(at).min(8192);
                swapped[..half].copy_from_slice(&bytes[at..at + half]);
                damages.push((format!("its beginning overwritten with what is at {at}"), Some(swapped)));
            }
        }
        for (what, damaged) in damages {
            round += 1;
            let data = work.path().join(format!("{round}"));
            copy(&whole, &data);
            match damaged {
                None => fs::remove_file(data.join(name)).unwrap(),
                Some(bytes) => fs::write(data.join(name), bytes).unwrap(),
            }
            let out = Daemon::try_on(&data, QUICK);
            match out {
                Err(said) => {
                    assert!(said.contains("carteiro restore FILE"), "{name} {what}: {said}");
                    assert!(!said.contains("panicked"), "{name} {what}: {said}");
                    refused += 1;
                }
                Ok(mut started) => {
                    match listed(&started) {
                        Ok(found) => {
                            assert_eq!(
                                found, acknowledged,
                                "{name} {what}: something is left out, and nothing says so"
                            );
                            complete += 1;
                        }
                        Err(_) => errors += 1,
                    }
                    started.kill_9();
                    started.forgive();
                }
            }
            fs::remove_dir_all(&data).unwrap();
        }
    }
    println!(
        "{round} damaged folders: {refused} refused, {complete} complete, {errors} with errors where they were read"
    );
    assert!(refused > 0 && complete > 0);
}

// ---- full disks ----

/// A filesystem of its own, in memory; `None` without the right to mount one, which is said.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(out) if out.status.success() => Some(Self(folder)),
            _ => {
                skipped("a disk that is full", "it takes the right to mount a filesystem");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_disk_that_fills_up_is_told_and_outlived() {
    fill_up("100m", "64 MiB", "store.min_free");
}

/// Less than moving what was recorded takes, however little `store.min_free` keeps.
#[test]
fn a_disk_without_room_for_a_checkpoint_is_told_and_outlived() {
    fill_up("40m", "16 MiB", "to store what was recorded for good");
}

fn fill_up(size: &str, min_free: &str, reason: &str) {
    let Some(disk) = Mounted::new(size) else { return };
    let receiver = Receiver::ok();
    let config = format!("store.min_free = \"{min_free}\"\n{QUICK}");
    let mut daemon = Daemon::start_on(&disk.0.path().join("data"), &config);
    daemon.register(&receiver.url, &["*"]);
    let mut acknowledged = 0;
    let large = |daemon: &Daemon, nth: usize| {
        let resource = json!({ "n": nth, "pad": "x".repeat(100_000) });
        daemon.post("/api/events", &json!({ "event": { "type": "A.B", "resource": resource } }))
    };
    let full = eventually("the disk fills up", || {
        let answer = large(&daemon, acknowledged);
        acknowledged += usize::from(answer.status == 201);
        (answer.status != 201).then_some(answer)
    });
    full.refused(503, "unavailable");
    assert!(full.header("retry-after").is_some());
    let said = String::from_utf8_lossy(&full.body);
    assert!(said.contains("the disk is almost full") && said.contains(reason), "{said}");
    daemon.get("/readyz").refused(503, "unavailable");
    daemon.get("/healthz").expect(200);
    daemon.get("/api/events?limit=1").expect(200);
    daemon
        .post("/api/webhooks", &json!({ "webhook": { "target": "http://127.0.0.1:9/", "events": ["*"] } }))
        .refused(503, "unavailable");
    // What was pending is delivered, and its outcome stored.
    eventually("everything is delivered", || (receiver.count() == acknowledged).then_some(()));
    eventually("and kept", || daemon.list("/api/notifications?status=PENDING").is_empty().then_some(()));
    // A checkpoint that is under way finds no room then, and the process ends: that is another test's.
    let db = daemon.data().join("db");
    eventually("no checkpoint is under way", || {
        let idle = fs::metadata(&db).unwrap().modified().unwrap().elapsed().unwrap_or_default();
        (idle > std::time::Duration::from_secs(1)).then_some(())
    });
    // Another program eats the rest.
    let ballast = disk.0.path().join("ballast");
    let mut filling = fs::File::create(&ballast).unwrap();
    // Half a page at a time, and what is left of the last one with its single bytes.
    while std::io::Write::write_all(&mut filling, &[0; 2048]).is_ok() {}
    drop(filling);
    daemon.get("/readyz").refused(503, "unavailable");
    daemon.get("/api/events?limit=1").expect(200);
    daemon.kill_9();
    let said = daemon.try_spawn().unwrap_err();
    assert!(said.contains("is full: opening the store takes"), "{said}");
    fs::remove_file(&ballast).unwrap();
    daemon.spawn();
    // The start may have made a little room, by moving what the journal held.
    eventually("it is full again", || {
        acknowledged += usize::from(large(&daemon, acknowledged).status == 201);
        (daemon.get("/readyz").status == 503).then_some(())
    });
    // Space again, by itself and without a restart: here a larger disk.
    let larger = Command::new("mount").args(["-o", "remount,size=200m"]).arg(disk.0.path()).status().unwrap();
    assert!(larger.success());
    eventually("it is ready again", || (daemon.get("/readyz").status == 200).then_some(()));
    daemon.record("PAYMENT.PAID");
    receiver.await_count(acknowledged + 1);
    let (code, said, _) = daemon.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
    let mut events = 0;
    let mut cursor = String::new();
    loop {
        let page = daemon.get(&format!("/api/events?limit=500{cursor}")).expect(200).json();
        events += page["data"].as_array().unwrap().len();
        match page["page"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(events, acknowledged + 1);
}

#[test]
fn metrics_of_the_store_are_there_for_monitoring() {
    let receiver = Receiver::ok();
    let daemon = Daemon::start(&format!("store.retention = \"none\"\n{QUICK}"));
    daemon.register(&receiver.url, &["*"]);
    let event = daemon.record("PAYMENT.PAID");
    daemon.await_status(&event, "DELIVERED");
    let text = String::from_utf8(daemon.get("/metrics").expect(200).body).unwrap();
    for line in ["carteiro_events 1", "carteiro_notifications 1", "carteiro_retention_deleted_events_total 0"] {
        assert!(text.lines().any(|had| had == line), "{line} in {text}");
    }
    daemon.call_as("", "GET", "/metrics", "", b"").refused(401, "unauthorized");
}

/// By default the store keeps what its disk has room for, and says how much that is.
#[test]
fn what_is_kept_is_bounded_by_the_disk_unless_somebody_says_otherwise() {
    let mut daemon = Daemon::quick();
    let line = daemon.logged("store.retention_bytes is \"auto\"");
    let logged = |line: &str| -> u64 {
        line.split("retention_bytes=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let free = daemon.metric("carteiro_store_free_bytes");
    // The free space of a disk that others write to as well, with room for what they do meanwhile.
    let most = free / 100 * 80 / 3;
    assert!((most / 2..=most / 10 * 12).contains(&logged(&line)), "{line} of {free}");
    let (code, said, _) = daemon.run(&["config"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("store.retention_bytes = \"auto\"   # default"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("# \"auto\" of store.retention_bytes is "), "{said}");
    for (value, shown) in [("none", "\"none\""), ("64 MiB", "\"64 MiB\"")] {
        daemon.configure(&format!("store.retention_bytes = \"{value}\"\n{QUICK}"));
        let (_, said, _) = daemon.run(&["config"]);
        assert!(said.contains(&format!("store.retention_bytes = {shown}")) && !said.contains("# \"auto\""), "{said}");
    }
    daemon.configure(&format!("store.retention_bytes = \"much\"\n{QUICK}"));
    let (code, _, said) = daemon.run(&["check-config"]);
    assert!(code == Some(78) && said.contains("\"auto\"") && said.contains("\"none\""), "{said}");
    daemon.configure(QUICK);
    assert!(daemon.terminate().success());
}
