//! `check-config` by root: it judges as the daemon's user, who may read less.

use super::harness::{CARTEIRO, skipped};
use super::owners::NOBODY;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn check(config: &Path, more: &[&str]) -> (Option<i32>, String) {
    run("check-config", config, more)
}

/// The exit code of a command, and all that it said.
fn run(command: &str, config: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut carteiro = Command::new(CARTEIRO);
    let command = carteiro.env_clear().args([command, "--config"]).arg(config).args(more);
    let output = command.current_dir("/").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Certbot's folders as Debian has them, and a data folder that belongs to another user.
#[test]
fn what_the_daemons_user_cant_read_is_named_with_the_folder_in_its_way() {
    let folder = tempfile::tempdir().unwrap();
    mode(folder.path(), 0o755);
    let at = |name: &str| folder.path().join(name);
    for made in ["data", "letsencrypt/archive/loja", "letsencrypt/live/loja", "backups"] {
        fs::create_dir_all(at(made)).unwrap();
    }
    if chown(at("data"), Some(NOBODY), Some(NOBODY)).is_err() {
        return skipped("check-config for the daemon's user", "it needs root");
    }
    let made = rcgen::generate_simple_self_signed(vec!["loja.example".to_owned()]).unwrap();
    fs::write(at("letsencrypt/archive/loja/fullchain1.pem"), made.cert.pem()).unwrap();
    fs::write(at("letsencrypt/archive/loja/privkey1.pem"), made.signing_key.serialize_pem()).unwrap();
    mode(&at("letsencrypt/archive/loja/privkey1.pem"), 0o600);
    for name in ["fullchain", "privkey"] {
        symlink(format!("../../archive/loja/{name}1.pem"), at(&format!("letsencrypt/live/loja/{name}.pem"))).unwrap();
    }
    mode(&at("letsencrypt/archive"), 0o700);
    mode(&at("backups"), 0o755);
    let live = at("letsencrypt/live/loja").display().to_string();
    let config = at("carteiro.toml");
    let text = format!(
        "[store]\npath = \"{}\"\nbackup_dir = \"{}\"\nbackup_every = \"1d\"\n[server]\n\
         tls_cert = \"{live}/fullchain.pem\"\ntls_key = \"{live}/privkey.pem\"\n",
        at("data").display(),
        at("backups").display(),
    );
    fs::write(&config, text).unwrap();
    mode(&config, 0o600);

    let (code, said) = check(&config, &[]);
    let archive = format!("the folder {} belongs to root, and its mode 700", at("letsencrypt/archive").display());
    let place = |line: u32| format!("{}:{line}:", config.display());
    assert_eq!(code, Some(78), "{said}");
    for (line, says) in
        [(6, format!("can't read {live}/fullchain.pem: {archive}")), (7, format!("can't read {live}/privkey.pem"))]
    {
        assert!(said.lines().any(|told| told.contains(&place(line)) && told.contains(&says)), "{line} {says}: {said}");
    }
    let backups = format!("can't write into {}", at("backups").display());
    assert!(said.lines().any(|told| told.contains(&place(3)) && told.contains(&backups)), "{said}");
    assert!(said.contains("deploy hook") && said.contains("ReadWritePaths="), "{said}");
    assert!(said.contains("can't read this file") && said.contains("chmod 640"), "{said}");
    assert!(said.contains("the user nobody"), "{said}");
    let (code, judged) = run("doctor", &config, &[]);
    assert!(code == Some(1) && judged.contains("can't read this file"), "{judged}");
    // Each is named once.
    assert_eq!(said.matches("privkey.pem").count(), 1, "{said}");

    // The archive opened, the key itself is in the way.
    mode(&at("letsencrypt/archive"), 0o711);
    mode(&config, 0o644);
    chown(at("backups"), Some(NOBODY), Some(NOBODY)).unwrap();
    let (code, said) = check(&config, &[]);
    let key = format!("the file {} belongs to root", at("letsencrypt/archive/loja/privkey1.pem").display());
    assert!(code == Some(78) && said.contains(&key) && said.lines().count() == 1, "{said}");

    chown(at("letsencrypt/archive/loja/privkey1.pem"), None, Some(NOBODY)).unwrap();
    mode(&at("letsencrypt/archive/loja/privkey1.pem"), 0o640);
    let (code, said) = check(&config, &[]);
    assert!(code == Some(0) && said.contains("no problems for the user nobody"), "{said}");

    // Another user than the folder's, one that there isn't, and root, who may read everything.
    let (code, said) = check(&config, &["--user", "daemon"]);
    assert!(code == Some(78) && said.contains("the user daemon") && said.contains("privkey.pem"), "{said}");
    let (code, said) = check(&config, &["--user", "ninguem"]);
    assert!(code == Some(2) && said.contains("no user `ninguem`"), "{said}");
    mode(&at("letsencrypt/archive"), 0o700);
    let (code, said) = check(&config, &["--user", "root"]);
    assert!(code == Some(0) && said.contains("no problems") && !said.contains("for the user"), "{said}");
}
