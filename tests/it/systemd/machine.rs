//! A machine with systemd: a minimal Debian in a folder, booted in namespaces of its own. It shares the network of the
//! process that boots it, so that tests reach its daemon on loopback.

use super::super::harness::{eventually, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// What a machine needs to boot and to hold the package; no procps, so that nothing relies on its `kill`.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,ca-certificates";
const BOOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/systemd/boot.sh");

pub(super) struct Machine {
    unshare: Child,
    first: String,
    folder: TempDir,
    cgroup: PathBuf,
}

/// What a command said, and whether it went well.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) good: bool,
    pub(super) text: String,
}

fn said(output: &Output) -> Said {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    Said { good: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

fn host(program: &str, arguments: &[&str]) -> Said {
    said(&Command::new(program).args(arguments).output().unwrap())
}

/// The Debian this test runs on: a binary built here runs on the same release.
pub(super) fn release() -> Result<String, String> {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"'));
    match (value("ID="), value("VERSION_CODENAME=")) {
        (Some("debian"), Some(release)) => Ok(release.to_owned()),
        _ => Err("it needs Debian, since the machine it boots is one".to_owned()),
    }
}

/// The minimal root, made once and stored under `target`. Making it takes a network, which machines don't have.
pub(super) fn base() -> PathBuf {
    let release = release().unwrap();
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("debian-{release}"));
    if !base.exists() {
        say(&format!("Making a minimal Debian in {}", base.display()));
        let unfinished = base.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        let made = host(
            "mmdebstrap",
            &[
                "--mode=root",
                "--variant=minbase",
                &format!("--include={PACKAGES}"),
                &release,
                unfinished.to_str().unwrap(),
            ],
        );
        assert!(made.good, "{}", made.text);
        fs::rename(&unfinished, &base).unwrap();
    }
    base
}

/// Where cgroups of version 2 are mounted.
fn cgroups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).expect("a cgroup2 mount");
    mount.split(' ').nth(1).unwrap().into()
}

impl Machine {
    pub(super) fn boot() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let copied = host("cp", &["-a", base().to_str().unwrap(), root.to_str().unwrap()]);
        assert!(copied.good, "{}", copied.text);
        fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        // There is no console to log in at.
        std::os::unix::fs::symlink("/dev/null", root.join("etc/systemd/system/console-getty.service")).unwrap();
        assert!(host("ip", &["link", "set", "lo", "up"]).good);
        let cgroup = cgroups().join(format!("carteiro-test-{}", std::process::id()));
        fs::create_dir(&cgroup).unwrap();
        let script = format!(
            "echo $$ > {}/cgroup.procs && exec unshare -m -C -p -f -u -i --kill-child sh {BOOT} {}",
            cgroup.display(),
            root.display()
        );
        let unshare = Command::new("sh").args(["-euc", &script]).stdin(Stdio::null()).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let first = eventually("the machine has a first process", || {
            let first = fs::read_to_string(&children).ok()?.trim().to_owned();
            let is_systemd = fs::read_to_string(format!("/proc/{first}/comm")).is_ok_and(|name| name == "systemd\n");
            is_systemd.then_some(first)
        });
        let machine = Self { unshare, first, folder, cgroup };
        eventually("systemd is up", || {
            machine.run("systemctl is-system-running").text.starts_with("running").then_some(())
        });
        machine
    }

    /// The machine's own view of a path.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path.trim_start_matches('/'))
    }

    /// Runs a line of shell on the machine, as root.
    pub(super) fn run(&self, line: &str) -> Said {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.first, "-m", "-C", "-p", "-u", "-i", "--", "sh", "-c", line]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive");
        said(&command.stdin(Stdio::null()).output().unwrap())
    }

    /// Likewise; it must go well.
    #[track_caller]
    pub(super) fn good(&self, line: &str) -> String {
        let said = self.run(line);
        assert!(said.good, "{line}\n{}\n{}", said.text, self.journal());
        said.text
    }

    /// Likewise; it must fail, and say why.
    #[track_caller]
    pub(super) fn bad(&self, line: &str) -> String {
        let said = self.run(line);
        assert!(!said.good, "went well: {line}\n{}\n{}", said.text, self.journal());
        said.text
    }

    pub(super) fn journal(&self) -> String {
        self.run("journalctl --no-pager -u carteiro.service -u carteiro.socket -n 400").text
    }

    /// A property of the service, as `systemctl show` has it.
    pub(super) fn show(&self, property: &str) -> String {
        self.run(&format!("systemctl show -P {property} carteiro.service")).text.trim().to_owned()
    }

    /// Settings of the service for this run of the machine; empty for none.
    pub(super) fn drop_in(&self, settings: &str) {
        let folder = "/run/systemd/system/carteiro.service.d";
        self.good(&format!(
            "mkdir -p {folder} && cat > {folder}/test.conf <<'END'\n[Service]\n{settings}\nEND\nsystemctl daemon-reload"
        ));
    }

    pub(super) fn configure(&self, config: &str) {
        fs::write(self.path("/etc/carteiro/carteiro.toml"), config).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process goes with it, and every other with that.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let emptied = || host("find", &[self.cgroup.to_str().unwrap(), "-depth", "-type", "d", "-delete"]).good;
        if !std::thread::panicking() {
            eventually("the machine's processes have ended", || emptied().then_some(()));
        }
    }
}
