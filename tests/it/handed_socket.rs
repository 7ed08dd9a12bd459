//! A socket that the service manager hands over: it is taken at the address of the config, and nowhere else.

use super::docs::place::{free_port, has};
use super::harness::{CARTEIRO, DEADLINE, exchange, request};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Listens on its first argument as systemd would, and becomes the command that follows: a descriptor can't be handed
/// over without unsafe code in Rust.
const HAND_OVER: &str = "
import os, socket, sys
host, port = sys.argv[1].rsplit(':', 1)
family = socket.AF_INET6 if host.startswith('[') else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((host.strip('[]'), int(port)))
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
";

fn with_socket(at: &str, config: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", HAND_OVER, at, CARTEIRO, "serve", "--config"]).arg(config).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Ends the daemon with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_socket_elsewhere_is_refused_by_name_and_by_place() {
    if !has(&["python3"], "a socket that is handed over") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("carteiro.toml");
    let (port, other) = (free_port(), free_port());
    let at = format!("127.0.0.1:{port}");
    let configure = |listen: &str| {
        let data = folder.path().join("data");
        let text = format!("[store]\npath = \"{}\"\n\n[server]\nlisten = \"{listen}\"\n", data.display());
        fs::write(&config, text).unwrap();
    };
    for listen in [format!("0.0.0.0:{port}"), format!("127.0.0.1:{other}"), format!("[::]:{port}")] {
        configure(&listen);
        let output = with_socket(&at, &config).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let place = format!("{}:5:", config.display());
        let told = [&*place, &listen, &at, "carteiro.socket", &format!("server.listen = \"{at}\"")];
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(told.iter().all(|told| said.contains(told)), "{listen}: {said}");
        assert!(!folder.path().join("data").exists(), "nothing was touched");
    }

    configure(&at);
    let mut daemon = Running(with_socket(&at, &config).spawn().unwrap());
    let (lines, log) = mpsc::channel();
    let stderr = BufReader::new(daemon.0.stderr.take().unwrap());
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    let logged = |says: &str| loop {
        let line = log.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("the log never says {says:?}"));
        if line.contains(says) {
            return line;
        }
    };
    logged("using the service manager's socket");
    logged("listening address=");
    exchange(&at, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
    // A reload that a restart would fail after is refused, and the old config stays.
    configure(&format!("0.0.0.0:{port}"));
    let reload = Command::new(CARTEIRO).args(["reload", "--config"]).arg(&config).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && said.contains("was not reloaded") && said.contains(&at), "{said}");
    exchange(&at, &request("", "GET", "/readyz", "", b"")).unwrap().expect(200);
}
