//! `carteiro restore --journal`: what copies of the journal have behind a backup, up to their end or to a moment.

use super::harness::{Daemon, eventually, retrying_after};
use super::receiver::{Receiver, Reply};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A daemon and what was lost of it: a backup, and the journal as the machine has left it.
struct Lost {
    daemon: Daemon,
    backup: PathBuf,
    kept: PathBuf,
}

impl Lost {
    fn new() -> Self {
        let daemon = Daemon::start(&retrying_after("1h"));
        let at = |name: &str| daemon.data().with_file_name(name);
        let (backup, kept) = (at("shop.backup"), at("kept"));
        Self { daemon, backup, kept }
    }

    fn back_up(&self) {
        let (code, said, complaint) = self.daemon.run(&["backup", self.backup.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}{complaint}");
    }

    /// Has the daemon close the segment that it writes.
    fn close_segment(&self) {
        let aside = self.daemon.data().with_file_name("aside.backup");
        let (code, said, complaint) = self.daemon.run(&["backup", aside.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}{complaint}");
    }

    fn segments(&self) -> Vec<PathBuf> {
        segments(&self.daemon.data().join("journal"))
    }

    /// Copies the journal as it stands.
    fn keep(&self) {
        fs::create_dir_all(&self.kept).unwrap();
        for entry in fs::read_dir(self.daemon.data().join("journal")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.kept.join(entry.file_name())).unwrap();
        }
    }

    /// Gives the segments there are a second name, under which they stay when the store lets them go.
    fn link(&self) {
        fs::create_dir_all(&self.kept).unwrap();
        for segment in self.segments() {
            let kept = self.kept.join(segment.file_name().unwrap());
            if !kept.exists() {
                fs::hard_link(segment, kept).unwrap();
            }
        }
    }

    /// Restores into a folder of this name: the exit code, what was printed and what was complained of, the test's own
    /// folder written as `/here`.
    fn restore_with(&self, name: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let to = self.daemon.data().with_file_name(name);
        let (backup, kept) = (self.backup.to_str().unwrap(), self.kept.to_str().unwrap());
        let (code, said, complaint) =
            self.daemon.run(&[&["restore", backup, "--journal", kept, "--data", to.to_str().unwrap()], more].concat());
        let here = self.daemon.data().parent().unwrap().display().to_string();
        (code, said.replace(&here, "/here"), complaint.replace(&here, "/here"))
    }

    /// Why nothing is restored; nothing is left of it.
    #[track_caller]
    fn refused(&self, more: &[&str]) -> String {
        let (code, said, complaint) = self.restore_with("refused", more);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{complaint}");
        assert!(!self.daemon.data().with_file_name("refused").exists(), "nothing is written");
        let why = complaint.trim().strip_prefix("carteiro: /here/shop.backup was not restored into /here/refused: ");
        why.unwrap_or_else(|| panic!("{complaint}")).to_owned()
    }

    /// Restores into a folder of this name, and starts on it.
    fn restored(&self, name: &str, more: &[&str]) -> (Daemon, String, String) {
        let (code, said, complaint) = self.restore_with(name, more);
        assert_eq!(code, Some(0), "{said}{complaint}");
        let to = self.daemon.data().with_file_name(name);
        let (code, report, complaint_of_it) = self.daemon.run(&["verify", "--data", to.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{report}{complaint_of_it}");
        fs::write(to.join("admin-token"), &self.daemon.token).unwrap();
        (Daemon::start_on(&to, &retrying_after("1h")), said, complaint)
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    found.sort();
    found
}

fn record(daemon: &Daemon, own: &str) -> String {
    daemon.record_with(json!({ "type": "PAYMENT.PAID", "external_id": own, "resource": { "id": own } }))
}

fn owns(daemon: &Daemon) -> Vec<String> {
    let events = daemon.list("/api/events?order=asc&limit=500");
    events.iter().map(|event| event["external_id"].as_str().unwrap().to_owned()).collect()
}

/// The status of each event's only notification, and its id.
fn notifications(daemon: &Daemon, events: &[String]) -> BTreeMap<String, (String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let of = |event: &String| {
        let notification = daemon.history(event).remove(0);
        (event.clone(), (text(&notification["id"]), text(&notification["status"])))
    };
    events.iter().map(of).collect()
}

#[test]
fn all_that_was_acknowledged_since_the_backup_comes_back_from_a_machine_that_was_killed() {
    let receiver = Receiver::start(&[Reply::Status(200), Reply::Status(500), Reply::Status(200), Reply::Status(500)]);
    let mut lost = Lost::new();
    lost.daemon.register(&receiver.url, &["*"]);
    let mut events = vec![record(&lost.daemon, "own-1"), String::new()];
    lost.daemon.await_status(&events[0], "DELIVERED");
    events[1] = record(&lost.daemon, "own-2");
    lost.daemon.await_status(&events[1], "RETRYING");
    lost.back_up();
    events.push(record(&lost.daemon, "own-3"));
    lost.daemon.await_status(&events[2], "DELIVERED");
    let paused = lost.daemon.register(&receiver.url, &["ORDER.*"]);
    lost.daemon.patch(&format!("/api/webhooks/{paused}"), &json!({ "webhook": { "status": "PAUSED" } })).expect(200);
    // Over a restart, and some segments.
    lost.daemon.kill_9();
    lost.daemon.spawn();
    let token = json!({ "token": { "name": "caixa", "scopes": ["read"] } });
    let token = lost.daemon.post("/api/tokens", &token).expect(201).data()["token"].as_str().unwrap().to_owned();
    events.push(record(&lost.daemon, "own-4"));
    lost.daemon.await_status(&events[3], "RETRYING");
    lost.close_segment();
    let before = notifications(&lost.daemon, &events);
    lost.daemon.kill_9();
    lost.keep();
    assert!(segments(&lost.kept).len() >= 3);
    let (mut restored, said, complaint) = lost.restored("new", &[]);
    assert!(said.starts_with("/here/new: 4 events and 4 notifications, as of "), "{said}");
    assert!(said.contains("\n/here/kept: commits ") && said.contains(" were applied, the last one of "), "{said}");
    assert_eq!(complaint, "", "nothing is missing");
    assert_eq!(owns(&restored), ["own-1", "own-2", "own-3", "own-4"]);
    assert_eq!(notifications(&restored, &events), before);
    let webhooks = restored.list("/api/webhooks");
    assert_eq!(webhooks.iter().filter(|webhook| webhook["status"] == "PAUSED").count(), 1, "{webhooks:?}");
    restored.call_as(&token, "GET", "/api/events?limit=1", "", b"").expect(200);
    // It goes on, over a kill at once, and gives no number twice.
    receiver.now(Reply::Status(200));
    restored.kill_9();
    restored.spawn();
    let sent = receiver.count();
    let new = record(&restored, "own-5");
    restored.await_status(&new, "DELIVERED");
    assert_eq!(receiver.count(), sent + 1, "what was confirmed isn't sent again");
    let ids: Vec<String> = receiver.requests().iter().map(|it| it.header("webhook-id").unwrap().to_owned()).collect();
    assert!(!ids[..sent].contains(&ids[sent]));
    restored.terminate();
    restored.spawn();
    assert_eq!(owns(&restored).len(), 5);
    // The segments of the new life aren't the old backup's, and the old ones aren't those of a new backup.
    for segment in segments(&restored.data().join("journal")) {
        fs::copy(&segment, lost.kept.join("x.journal")).unwrap();
    }
    assert_eq!(
        lost.refused(&[]),
        "the journal in /here/kept can't be used: /here/kept/x.journal belongs to another store than the backup, or to \
         this one before or after a restore: take it away"
    );
}

#[test]
fn a_moment_is_rounded_to_whole_commits_and_brings_back_what_was_erased_later() {
    let mut lost = Lost::new();
    record(&lost.daemon, "own-1");
    lost.back_up();
    let batch = |owns: [&str; 2]| {
        let events = owns.map(|own| json!({ "type": "PAYMENT.PAID", "external_id": own, "resource": { "id": own } }));
        let answer = lost.daemon.post("/api/events/batch", &json!({ "events": events })).expect(201).data();
        let text = |at: &serde_json::Value| at.as_str().unwrap().to_owned();
        (text(&answer[0]["id"]), text(&answer[0]["inserted_at"]))
    };
    let (second, at) = batch(["own-2", "own-3"]);
    // Another millisecond.
    eventually("time goes on", || (batch(["own-x", "own-y"]).1 != at).then_some(()));
    lost.link();
    lost.daemon.delete(&format!("/api/events/{second}/resource")).expect(204);
    let gone = lost.daemon.data().join("journal").join(segments(&lost.kept)[0].file_name().unwrap());
    eventually("the segments with it are gone", || (!gone.exists()).then_some(()));
    lost.link();
    lost.daemon.kill_9();

    let (restored, said, complaint) = lost.restored("before", &["--to", &at]);
    assert_eq!(owns(&restored), ["own-1", "own-2", "own-3"]);
    assert_eq!(restored.get(&format!("/api/events/{second}")).expect(200).data()["resource"]["id"], "own-2");
    assert!(said.contains("/here/before: 3 events and 0 notifications, as of "), "{said}");
    assert!(said.contains(" were applied, the last one of "), "{said}");
    let as_of = said.lines().next().unwrap().split_once("as of ").unwrap().1.to_owned();
    assert_eq!(
        complaint,
        format!(
            "carteiro: this store is as it was at {as_of}: payloads that were erased after that are back, and so are \
             accounts that were removed; erase and remove them again\ncarteiro: the payload of event {second} was \
             erased after that, and is back\n"
        )
    );
    let (restored, _, complaint) = lost.restored("after", &[]);
    assert!(owns(&restored).len() >= 5);
    assert_eq!(complaint, "");
    assert!(restored.get(&format!("/api/events/{second}")).expect(200).data()["resource"].is_null());
    let why = lost.refused(&["--to", "2020-01-01T00:00:00Z"]);
    let why = why.strip_prefix("the backup is of ").unwrap();
    let (backed_up, why) = why.split_once(", which is after ").unwrap();
    assert_eq!(why, "2020-01-01T00:00:00.000Z: restore an earlier one");
    // Nothing at all behind the backup.
    let (restored, said, _) = lost.restored("nothing", &["--to", backed_up]);
    assert_eq!(owns(&restored), ["own-1"]);
    assert!(said.contains("/here/kept: nothing was applied: no commit behind the backup's, which is "), "{said}");
    assert!(said.contains(", was made by then\naccount default: the admin tokens of the backup hold"), "{said}");
    let (code, _, complaint) = lost.daemon.run(&["restore", "x", "--to", "today"]);
    assert!(code == Some(2) && complaint.contains("--journal"), "{code:?} {complaint}");
    let (code, _, complaint) = lost.daemon.run(&["restore", "x", "--journal", "y", "--to", "soon"]);
    assert!(code == Some(2) && complaint.contains("must be a time such as"), "{code:?} {complaint}");
}

#[test]
fn what_isn_t_whole_is_named_and_nothing_is_left_of_it() {
    let mut lost = Lost::new();
    record(&lost.daemon, "own-1");
    lost.back_up();
    for n in 2..=4 {
        for nth in 0..3 {
            record(&lost.daemon, &format!("own-{n}-{nth}"));
        }
        lost.close_segment();
    }
    record(&lost.daemon, "own-5");
    let all = owns(&lost.daemon);
    lost.daemon.kill_9();
    assert!(
        lost.refused(&[])
            .starts_with("the journal in /here/kept can't be used: /here/kept can't be read: No such file")
    );
    fs::create_dir(&lost.kept).unwrap();
    assert_eq!(
        lost.refused(&[]),
        "the journal in /here/kept can't be used: /here/kept has no segment of a journal, which is a file such as \
         00000001.journal: name the folder that has them"
    );
    lost.keep();
    let files = segments(&lost.kept);
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let names: Vec<String> = files.iter().map(|path| name(path)).collect();
    assert_eq!(names, [1, 2, 3, 4, 5].map(|number| format!("0000000{number}.journal")));
    let put_back = |nth: usize| {
        fs::copy(lost.daemon.data().join("journal").join(&names[nth]), &files[nth]).unwrap();
    };

    // A gap; what comes before it can be had.
    fs::remove_file(&files[2]).unwrap();
    let why = lost.refused(&[]);
    let to = why.split_once("`--to ").unwrap().1.trim_end_matches('`').to_owned();
    assert_eq!(
        why,
        format!(
            "the journal in /here/kept can't be used: segment 3 is missing, which /here/kept/00000004.journal follows: \
             put it beside that one; or restore what comes before that, with `--to {to}`"
        )
    );
    let (restored, _, _) = lost.restored("gap", &["--to", &to]);
    assert_eq!(owns(&restored), all[..4]);
    drop(restored);
    put_back(2);

    // The first that is needed.
    fs::remove_file(&files[0]).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let why = lost.refused(&[]);
    assert!(
        why.starts_with("the journal in /here/kept can't be used: the backup is of commit ")
            && why.contains(", and /here/kept/00000003.journal begins with commit ")
            && why.ends_with("put the segments with what is between them beside it, or use a later backup"),
        "{why}"
    );
    // What the backup has isn't needed.
    put_back(1);
    let (restored, said, _) = lost.restored("later", &[]);
    assert_eq!(owns(&restored), all, "{said}");
    drop(restored);
    put_back(0);

    // A flipped byte: in the middle of a closed segment, in its last frame, and in the open one.
    let flip = |nth: usize, from_end: u64| {
        let mut bytes = fs::read(&files[nth]).unwrap();
        let at = bytes.len() - usize::try_from(from_end).unwrap();
        bytes[at] ^= 1;
        fs::write(&files[nth], bytes).unwrap();
    };
    for from_end in [fs::metadata(&files[2]).unwrap().len() / 2, 100] {
        flip(2, from_end);
        let why = lost.refused(&[]);
        let to = why.split_once("`--to ").unwrap().1.trim_end_matches('`').to_owned();
        assert!(
            why.contains(": commit ") && why.contains(" is damaged or missing in /here/kept/00000003.journal, at "),
            "{why}"
        );
        assert!(why.contains(": copy that file again; or restore what comes before that, with `--to 20"), "{why}");
        let folder = format!("flipped-{from_end}");
        let (restored, _, _) = lost.restored(&folder, &["--to", &to]);
        let found = owns(&restored);
        assert!(found.len() >= 4 && found == all[..found.len()], "{found:?}");
        put_back(2);
    }
    // The last commit of all: only the marker knows of it.
    flip(4, 1);
    let (restored, _, complaint) = lost.restored("torn", &[]);
    assert_eq!(owns(&restored), all[..all.len() - 1]);
    assert!(
        complaint.starts_with("carteiro: the store had acknowledged commits up to ")
            && complaint.ends_with(" on aren't in /here/kept\n"),
        "{complaint}"
    );
    fs::remove_file(lost.kept.join("marker")).unwrap();
    let (_, _, complaint) = lost.restore_with("torn-2", &[]);
    assert_eq!(
        complaint,
        "carteiro: /here/kept/00000005.journal ends with a commit that isn't whole, which was left out\n"
    );
    // Closed segments alone, as they were shipped.
    fs::remove_file(&files[4]).unwrap();
    let (restored, _, complaint) = lost.restored("closed", &[]);
    assert_eq!(owns(&restored), all[..all.len() - 1]);
    assert_eq!(
        complaint,
        "carteiro: what was recorded later stands in segment 5, which isn't in /here/kept: where there is a copy of \
         it, put it there and restore again, into another folder\n"
    );
    drop(restored);
    // Segments that end before the backup.
    for file in &files[1..4] {
        fs::remove_file(file).unwrap();
    }
    let (code, said, complaint) = lost.restore_with("older", &[]);
    assert!(code == Some(0) && said.contains(", is there\n") && complaint.contains("stands in segment 2"), "{said}");

    // Another store's.
    let mut other = Daemon::quick();
    record(&other, "theirs");
    assert!(other.terminate().success());
    fs::copy(&segments(&other.data().join("journal"))[0], lost.kept.join("theirs.journal")).unwrap();
    assert_eq!(
        lost.refused(&[]),
        "the journal in /here/kept can't be used: /here/kept/theirs.journal belongs to another store than the backup, \
         or to this one before or after a restore: take it away"
    );
}

#[test]
fn a_restore_is_cut_off_anywhere_done_again_and_done_twice() {
    let mut lost = Lost::new();
    for n in 0..30 {
        record(&lost.daemon, &format!("own-{n}"));
    }
    lost.back_up();
    for n in 30..60 {
        record(&lost.daemon, &format!("own-{n}"));
    }
    let all = owns(&lost.daemon);
    lost.daemon.kill_9();
    lost.keep();
    let new = lost.daemon.data().with_file_name("new");
    let restore = |to: &Path| {
        let mut restore = lost.daemon.command();
        restore.args(["restore", lost.backup.to_str().unwrap(), "--journal", lost.kept.to_str().unwrap(), "--data"]);
        restore.arg(to).arg("--config").arg(lost.daemon.config_file());
        restore.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        restore
    };
    let mut cut_off = 0;
    for round in 0..12 {
        let mut child = restore(&new).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round * 12));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        if new.join("restoring").exists() {
            cut_off += 1;
            let said = Daemon::try_on(&new, &retrying_after("1h")).err().unwrap();
            assert!(said.contains("was cut off: run `carteiro restore FILE` again"), "{said}");
        }
    }
    assert!(cut_off > 0, "none was cut off in the midst");
    if new.join("restoring").exists() || !new.exists() {
        assert!(restore(&new).status().unwrap().success());
    }
    // A start that is killed at once, some times, and one that isn't.
    let token = lost.daemon.token.clone();
    let mut started = Daemon::at(&new, &retrying_after("1h"));
    fs::write(new.join("admin-token"), &token).unwrap();
    for round in 0..6 {
        started.spawn_and_kill(|| std::thread::sleep(std::time::Duration::from_millis(round * 10)));
    }
    started.spawn();
    assert_eq!(owns(&started), all);
    record(&started, "own-60");
    started.kill_9();
    started.spawn();
    assert_eq!(owns(&started).len(), 61);
    let (code, said, _) = started.run(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
    started.terminate();

    // Once more, elsewhere: the two are stores of their own, and no file of one passes for the other's.
    let again = lost.daemon.data().with_file_name("again");
    assert!(restore(&again).status().unwrap().success());
    let journal = again.join("journal");
    let aside = lost.daemon.data().with_file_name("aside");
    fs::rename(&journal, &aside).unwrap();
    let said = Daemon::try_on(&again, &retrying_after("1h")).err().unwrap();
    assert!(said.contains("carteiro restore FILE") && said.contains("no `marker`"), "{said}");
    fs::create_dir(&journal).unwrap();
    for entry in fs::read_dir(new.join("journal")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), journal.join(entry.file_name())).unwrap();
    }
    let said = Daemon::try_on(&again, &retrying_after("1h")).err().unwrap();
    assert!(said.contains("belongs to another store"), "{said}");
    fs::remove_dir_all(&journal).unwrap();
    fs::rename(&aside, &journal).unwrap();
    fs::write(again.join("admin-token"), &token).unwrap();
    let again = Daemon::start_on(&again, &retrying_after("1h"));
    assert_eq!(owns(&again), all);
}

#[test]
fn a_copy_made_while_the_daemon_writes_has_all_that_was_acknowledged_before() {
    let mut lost = Lost::new();
    record(&lost.daemon, "own");
    lost.back_up();
    let acknowledged = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    for round in 0..4 {
        stop.store(false, Ordering::Relaxed);
        let before = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        record(&lost.daemon, "own");
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let wanted = acknowledged.load(Ordering::Relaxed) + 20;
            eventually("the load runs", || (acknowledged.load(Ordering::Relaxed) >= wanted).then_some(()));
            let before = acknowledged.load(Ordering::Relaxed);
            lost.keep();
            stop.store(true, Ordering::Relaxed);
            before
        });
        let name = format!("copy-{round}");
        let (code, said, complaint) = lost.restore_with(&name, &[]);
        assert_eq!(code, Some(0), "{said}{complaint}");
        let events: u64 =
            said.split_once(&format!("/here/{name}: ")).unwrap().1.split(' ').next().unwrap().parse().unwrap();
        let now = acknowledged.load(Ordering::Relaxed) + 1;
        assert!((before + 1..=now).contains(&events), "{events} of {before} to {now}");
        // The marker is copied last, and may be ahead of the segment.
        assert!(complaint.is_empty() || complaint.contains("the store had acknowledged commits up to "), "{complaint}");
        lost.close_segment();
    }
    lost.daemon.terminate();
}
