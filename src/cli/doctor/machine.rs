//! What can be seen without the daemon: the config with its files, the service manager, the folder, the disk, the
//! clock, the backups.

use super::finding::{Findings, Subject, as_it_is};
use crate::alerts::channels::ReadChannels;
use crate::cli::check_config::{service_user, unreadable};
use crate::cli::output::printable;
use crate::cli::own_daemon::endpoint;
use crate::cli::settings::{INSTALLED_CONFIG, located};
use crate::clock::{Clock, Zone};
use crate::config::{Config, ConfigErrors, Loaded, Origin};
use crate::control::backups;
use crate::http::Certificate;
use crate::model::{Language, Timestamp, localized};
use crate::tls::{CertificateEnd, x509};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// The largest backup that is read to its end: that takes a few seconds.
const MAX_BACKUP_READ: u64 = 1024 * 1024 * 1024;
/// The units of the package.
const UNITS: [&str; 2] = ["carteiro.service", "carteiro.socket"];

/// A config that can't be read to its end.
pub(super) fn broken(problems: &ConfigErrors, findings: &mut Findings) {
    for problem in problems.iter() {
        findings.fail(Subject::Config, problem.localized());
    }
    findings.warn(
        Subject::Config,
        localized!(
            "nothing else was looked at, since where it is stands in the config: mend that, and run the command again",
            "nada mais foi verificado, porque é a configuração que diz onde está: corrija-a e execute o comando de novo"
        ),
    );
}

/// The config, every file that it names, and when the certificates among them end.
pub(super) fn config(file: Option<&Path>, loaded: &Loaded, findings: &mut Findings) {
    let now = Clock::System.now();
    let checked = crate::daemon::check_files(&loaded.config, now);
    let warnings: Vec<String> =
        checked.warnings.into_iter().chain(crate::daemon::absent_accounts(&loaded.config)).collect();
    if checked.problems.is_empty() && warnings.is_empty() {
        let file = file.map(|file| file.display().to_string());
        findings.ok(
            Subject::Config,
            match file {
                Some(file) => localized!("{file}: no problems", "{file}: nenhum problema"),
                None => localized!("the built-in defaults: no problems", "os padrões: nenhum problema"),
            },
        );
    }
    for problem in &checked.problems {
        findings.fail(Subject::Config, as_it_is(located(loaded, problem)));
    }
    for warning in warnings {
        findings.warn(Subject::Config, as_it_is(warning));
    }
    tls(&loaded.config, now, findings);
    for certificate in checked.client_certificates.iter() {
        ends(Subject::ClientCertificate, &certificate.settings().cert, certificate.end(), now, findings);
    }
}

/// The certificate that callers are shown: the config's, or the daemon's own word where the config names none. As a
/// credential of systemd's it is named in the service's environment alone.
fn tls(config: &Config, now: Timestamp, findings: &mut Findings) {
    match Certificate::of(&config.server) {
        Ok(Some(certificate)) => {
            ends(Subject::Tls, certificate.file(), certificate.end(), now, findings);
            names(certificate.own(), config, findings);
        }
        Ok(None) => match shown(config) {
            Some((certificate, end)) => {
                shown_ends(end, now, findings);
                names(&certificate, config, findings);
            }
            None if config.server.listen.ip().is_loopback() => findings.ok(
                Subject::Tls,
                localized!(
                    "not set, which is fine on loopback: a proxy in front speaks it",
                    "não configurado, o que basta em loopback: quem fala TLS é o proxy à frente"
                ),
            ),
            // What is unwise was said above.
            None => {}
        },
        // Likewise what is wrong.
        Err(_) => {}
    }
}

/// The certificate that the running daemon shows, and when it ends; `None` where it speaks plain HTTP or can't be
/// asked.
fn shown(config: &Config) -> Option<(Vec<u8>, CertificateEnd)> {
    let certificate = STANDARD.decode(endpoint(&config.store.path)?.certificate?).ok()?;
    let facts = x509::read(&certificate)?;
    let end = CertificateEnd::of(facts.not_before, facts.not_after?);
    Some((certificate, end))
}

/// When the certificate ends that the daemon shows and the config doesn't name. A credential is copied at the start of
/// the service: a new one takes a restart.
fn shown_ends(end: CertificateEnd, now: Timestamp, findings: &mut Findings) {
    let at = Zone::local().show(end.at);
    if end.at <= now {
        findings.fail(
            Subject::Tls,
            localized!(
                "the certificate that the service's environment names ended at {at}: renew it, then `sudo systemctl \
                 restart carteiro`",
                "o certificado indicado no ambiente do serviço venceu em {at}: renove-o, depois `sudo systemctl \
                 restart carteiro`"
            ),
        );
    } else if end.is_near(now) {
        findings.warn(
            Subject::Tls,
            localized!(
                "the certificate that the service's environment names ends at {at}: renew it, then `sudo systemctl \
                 restart carteiro`",
                "o certificado indicado no ambiente do serviço vence em {at}: renove-o, depois `sudo systemctl \
                 restart carteiro`"
            ),
        );
    } else {
        findings.ok(
            Subject::Tls,
            localized!(
                "the certificate that the service's environment names ends at {at}",
                "o certificado indicado no ambiente do serviço vence em {at}"
            ),
        );
    }
}

/// What the daemon's user can't read or write, where root asks. To be called last: the rights of root are given up.
pub(super) fn permissions(file: Option<&Path>, loaded: &Loaded, findings: &mut Findings) {
    // Root alone can judge as another user.
    let Ok(Some(user)) = service_user(None, file, &loaded.config) else { return };
    if user.become_it().is_ok() {
        if let Some(problem) = file.and_then(|file| unreadable(file, &user)) {
            findings.fail(Subject::Config, problem);
        }
        for problem in crate::daemon::check_permissions(&loaded.config, &user.name) {
            findings.fail(Subject::Config, as_it_is(located(loaded, &problem)));
        }
    }
}

/// When a certificate ends; that it does so soon is among the config's warnings.
fn ends(subject: Subject, file: &Path, end: CertificateEnd, now: Timestamp, findings: &mut Findings) {
    let (file, at) = (file.display(), Zone::local().show(end.at));
    if end.at <= now {
        findings.fail(
            subject,
            localized!(
                "{file} ended at {at}: renew it, and the daemon takes it up within a minute",
                "{file} venceu em {at}: renove-o, e o daemon o adota em até um minuto"
            ),
        );
    } else if !end.is_near(now) {
        findings.ok(subject, localized!("{file} ends at {at}", "{file} vence em {at}"));
    }
}

/// Whether the certificate is for the name that people reach the panel by.
fn names(certificate: &[u8], config: &Config, findings: &mut Findings) {
    let host = config.panel.url.as_ref().and_then(Origin::tls_host);
    let (Some(host), Some(facts)) = (host, x509::read(certificate)) else { return };
    if facts.more_names == 0 && !facts.names.iter().any(|name| is_for(name, &host)) {
        let names = facts.names.join(", ");
        findings.warn(
            Subject::Tls,
            localized!(
                "the certificate is for {names}, and panel.url says {host}: have one issued for {host}, unless a proxy \
                 in front has its own",
                "o certificado é de {names}, e panel.url diz {host}: peça um para {host}, a não ser que um proxy à \
                 frente tenha o seu"
            ),
        );
    }
}

/// Whether a name of a certificate takes in a host (RFC 6125, 6.4.3).
fn is_for(name: &str, host: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    }
}

/// What the service manager says of the package's units, where the command looks after those.
pub(super) fn service(file: Option<&Path>, findings: &mut Findings) {
    if file != Some(Path::new(INSTALLED_CONFIG)) || !Path::new("/run/systemd/system").exists() {
        return;
    }
    let mut command = Command::new("systemctl");
    command.arg("show").arg("--property=Id,LoadState,ActiveState").args(UNITS);
    let Ok(output) = command.output() else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match units(&text) {
        None => {}
        Some([service, socket]) => judge(&service, &socket, findings),
    }
}

/// The active states of service and socket; `None` where the package's units aren't there.
fn units(text: &str) -> Option<[String; 2]> {
    let state = |unit: &str| {
        let block = text.split("\n\n").find(|block| block.lines().any(|line| line == format!("Id={unit}")))?;
        let value = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        (value("LoadState=")? == "loaded").then(|| value("ActiveState="))?
    };
    Some([state(UNITS[0])?, state(UNITS[1]).unwrap_or_else(|| "inactive".to_owned())])
}

fn judge(service: &str, socket: &str, findings: &mut Findings) {
    let states = format!("{} {service}, {} {socket}", UNITS[0], UNITS[1]);
    match (service, socket) {
        ("active" | "reloading", _) => findings.ok(Subject::Service, as_it_is(states)),
        ("failed", _) => findings.fail(
            Subject::Service,
            localized!(
                "{states}: `journalctl -u carteiro -n 50` says why; then `sudo systemctl restart carteiro`",
                "{states}: `journalctl -u carteiro -n 50` mostra o motivo; depois `sudo systemctl restart carteiro`"
            ),
        ),
        (_, "active") => findings.warn(
            Subject::Service,
            localized!(
                "{states}: it starts at the next connection, and delivers nothing until then; `sudo systemctl start \
                 carteiro` starts it now",
                "{states}: ele inicia na próxima conexão e até lá não entrega nada; `sudo systemctl start carteiro` o \
                 inicia agora"
            ),
        ),
        _ => findings.fail(
            Subject::Service,
            localized!(
                "{states}: `sudo systemctl enable --now carteiro.socket carteiro` starts it",
                "{states}: `sudo systemctl enable --now carteiro.socket carteiro` o inicia"
            ),
        ),
    }
}

/// The data folder: whether it is there, and whether it keeps others out.
pub(super) fn folder(config: &Config, findings: &mut Findings) {
    let path = config.store.path.as_path();
    let shown = path.display();
    let found = fs::metadata(path).and_then(|found| fs::read_dir(path).map(|_| found));
    match found {
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            // The six lower bits are those of the group and of all others.
            if mode.trailing_zeros() >= 6 {
                findings
                    .ok(Subject::Folder, localized!("{shown}, for its owner alone", "{shown}, só para o dono dela"));
            } else {
                findings.warn(
                    Subject::Folder,
                    localized!(
                        "{shown} has mode {mode:03o}, and other users get into it: chmod 700 {shown}",
                        "{shown} tem modo {mode:03o}, e outros usuários entram nela: chmod 700 {shown}"
                    ),
                );
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => findings.warn(
            Subject::Folder,
            localized!(
                "{shown} isn't there: the first start makes it, or `store.path` names another one",
                "{shown} não existe: a primeira inicialização a cria, ou `store.path` indica outra"
            ),
        ),
        Err(error) => findings.fail(
            Subject::Folder,
            localized!(
                "{shown} can't be read: {error}; run the command with sudo, or as the daemon's user",
                "{shown} não pode ser lida: {error}; execute o comando com sudo, ou como o usuário do daemon"
            ),
        ),
    }
}

/// The free space of the disk that the data folder is on, or will be, against what is kept free.
pub(super) fn disk(config: &Config, findings: &mut Findings) {
    let path = config.store.path.as_path();
    // A path of one name has no parent but the working directory.
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(there) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize), config.store.min_free, findings),
        Err(error) => {
            let error = io::Error::from(error);
            findings.warn(
                Subject::Disk,
                localized!(
                    "how much is free can't be found out: {error}",
                    "não foi possível saber o espaço livre: {error}"
                ),
            );
        }
    }
}

/// The marks are those of the alert of a disk that is low.
fn room(free: u64, min_free: u64, findings: &mut Findings) {
    let sizes = |language: Language| (language.bytes(free), language.bytes(min_free));
    let ((free_en, min_en), (free_pt, min_pt)) = (sizes(Language::En), sizes(Language::Pt));
    if free < min_free {
        findings.fail(
            Subject::Disk,
            localized!(
                "{free_en} free, below store.min_free ({min_en}): events are refused until there is room; enlarge the \
                 disk, or delete other files",
                "{free_pt} livres, abaixo de store.min_free ({min_pt}): eventos são recusados até haver espaço; \
                 aumente o disco ou apague outros arquivos"
            ),
        );
    } else if free < min_free.saturating_mul(2) {
        findings.warn(
            Subject::Disk,
            localized!(
                "{free_en} free, and below {min_en} (store.min_free) events are refused: enlarge the disk, or shorten \
                 store.retention",
                "{free_pt} livres, e abaixo de {min_pt} (store.min_free) eventos são recusados: aumente o disco ou \
                 reduza store.retention"
            ),
        );
    } else {
        findings.ok(
            Subject::Disk,
            localized!(
                "{free_en} free; events are refused below {min_en} (store.min_free)",
                "{free_pt} livres; abaixo de {min_pt} (store.min_free) eventos são recusados"
            ),
        );
    }
}

/// Whether the clock is kept by a time server, as far as systemd knows.
pub(super) fn clock(findings: &mut Findings) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]);
    match command.output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).as_deref() {
        Ok("yes") => {
            findings.ok(Subject::Clock, localized!("kept by a time server", "acertado por um servidor de horário"));
        }
        Ok("no") => findings.warn(
            Subject::Clock,
            localized!(
                "no time server keeps it: receivers refuse signatures that are five minutes off; `sudo apt install \
                 systemd-timesyncd`",
                "nenhum servidor de horário o acerta: receptores recusam assinaturas com cinco minutos de diferença; \
                 `sudo apt install systemd-timesyncd`"
            ),
        ),
        _ => {}
    }
}

/// Whether the scheduled backups are there, recent and whole.
pub(super) fn backups(config: &Config, findings: &mut Findings) {
    let store = &config.store;
    let (Some(folder), Some(every)) = (&store.backup_dir, store.backup_every) else {
        return by_others(Path::new("/etc"), findings);
    };
    let shown = folder.display();
    let latest = match backups::latest(folder, Clock::System.now()) {
        Ok(Some(latest)) => latest,
        Ok(None) => {
            return findings.warn(
                Subject::Backups,
                localized!(
                    "there is none in {shown} yet: the daemon writes the first one right after its start",
                    "ainda não há nenhum em {shown}: o daemon grava o primeiro logo depois de iniciar"
                ),
            );
        }
        Err(error) => {
            return findings.fail(
                Subject::Backups,
                localized!(
                    "{shown} can't be read: {error}; give it to the daemon's user, and run the command with sudo",
                    "{shown} não pode ser lida: {error}; dê a pasta ao usuário do daemon e execute o comando com sudo"
                ),
            );
        }
    };
    let (at, file) = latest;
    let (when, name) = (Zone::local().show(at), file.display());
    if at.plus(2 * every) <= Clock::System.now() {
        let every = crate::model::format_duration(every);
        return findings.fail(
            Subject::Backups,
            localized!(
                "the latest is of {when}, and one is due every {every}: the daemon's log says why",
                "o último é de {when}, e deveria haver um a cada {every}: o log do daemon diz o motivo"
            ),
        );
    }
    match read_backup(&file) {
        Ok(true) => {
            findings.ok(Subject::Backups, localized!("{name} of {when} is whole", "{name} de {when} está íntegro"));
        }
        Ok(false) => findings.ok(
            Subject::Backups,
            localized!(
                "{name} is of {when}; it is too large to be read here",
                "{name} é de {when}; é grande demais para ser lido aqui"
            ),
        ),
        Err(error) => {
            let error = printable(&error);
            findings.fail(
                Subject::Backups,
                localized!(
                    "{name} can't be used: {error}; look at its disk, and write another: `sudo carteiro backup FILE`",
                    "{name} não pode ser usado: {error}; verifique o disco dele e grave outro: `sudo carteiro backup \
                     FILE`"
                ),
            );
        }
    }
}

/// Where the daemon makes no backups: whether a job of cron does, as the documents have it. How old its files are and
/// what they hold can't be known here.
fn by_others(etc: &Path, findings: &mut Findings) {
    /// The longest file that is read: a job is a line.
    const MAX_BYTES: u64 = 64 * 1024;
    let folders = ["cron.d", "cron.hourly", "cron.daily", "cron.weekly"].map(|folder| etc.join(folder));
    let jobs = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let names_backup = |file: &Path| {
        let mut text = String::new();
        let read = File::open(file).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        let is_of_it = |line: &str| {
            let line = line.trim_start();
            !line.starts_with('#') && ["carteiro backup", "carteiro-backup"].iter().any(|name| line.contains(name))
        };
        read.is_ok() && text.lines().any(is_of_it)
    };
    let mut jobs: Vec<_> = jobs.map(|job| job.path()).filter(|file| names_backup(file)).collect();
    jobs.sort();
    match jobs.first() {
        Some(job) => {
            let job = job.display();
            findings.ok(
                Subject::Backups,
                localized!(
                    "the daemon makes none, and {job} does: whether its files are new and whole isn't looked at",
                    "o daemon não faz nenhum, e {job} faz: se os arquivos dele são recentes e íntegros, não foi \
                     verificado"
                ),
            );
        }
        None => findings.warn(
            Subject::Backups,
            localized!(
                "the daemon makes none: set store.backup_dir and store.backup_every, or have cron run `carteiro \
                 backup`, and copy the files to another machine; where something else makes them, this is no fault",
                "o daemon não faz nenhum: defina store.backup_dir e store.backup_every, ou deixe o cron executar \
                 `carteiro backup`, e copie os arquivos para outra máquina; se outra coisa os faz, isto não é um \
                 problema"
            ),
        ),
    }
}

/// Reads a backup to its end; `false` where that would take long.
fn read_backup(file: &Path) -> Result<bool, String> {
    let open = File::open(file).map_err(|error| error.to_string())?;
    if open.metadata().map_err(|error| error.to_string())?.len() > MAX_BACKUP_READ {
        return Ok(false);
    }
    let read = crate::store::check(BufReader::with_capacity(256 * 1024, open), |_| {});
    read.map(|_| true).map_err(|error| error.to_string())
}

/// Whether anybody is told when something is wrong.
pub(super) fn channels(config: &Config, findings: &mut Findings) {
    // What is wrong with their files is a problem of the config.
    let Ok(read) = ReadChannels::of(config) else { return };
    let names: Vec<&str> = read.of_operator().map(crate::model::AlertChannel::as_str).collect();
    if names.is_empty() {
        return findings.warn(
            Subject::Channels,
            localized!(
                "none is set, and nobody is told when something fails: write [alerts.email], or another of \
                 config.example.toml",
                "nenhum está configurado, e ninguém é avisado quando algo falha: escreva [alerts.email] ou outro de \
                 config.example.toml"
            ),
        );
    }
    let names = names.join(", ");
    findings.ok(
        Subject::Channels,
        localized!(
            "{names}; `carteiro alerts test` sends a test message",
            "{names}; `carteiro alerts test` envia uma mensagem de teste"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn levels(look: impl FnOnce(&mut Findings)) -> Vec<Level> {
        let mut findings = Findings::default();
        look(&mut findings);
        findings.levels()
    }

    #[test]
    fn the_disk_is_judged_by_what_is_kept_free() {
        for (free, level) in [(999, Level::Fail), (1000, Level::Warn), (1999, Level::Warn), (2000, Level::Ok)] {
            assert_eq!(levels(|findings| room(free, 1000, findings)), [level], "{free}");
        }
    }

    #[test]
    fn the_units_are_judged_together() {
        let text = "Id=carteiro.service\nLoadState=loaded\nActiveState=inactive\n\nId=carteiro.socket\n\
                    LoadState=loaded\nActiveState=active\n";
        assert_eq!(units(text), Some(["inactive".to_owned(), "active".to_owned()]));
        let absent = "Id=carteiro.service\nLoadState=not-found\nActiveState=inactive\n";
        assert_eq!(units(absent), None);
        for (service, socket, level) in [
            ("active", "active", Level::Ok),
            ("active", "inactive", Level::Ok),
            ("failed", "active", Level::Fail),
            ("inactive", "active", Level::Warn),
            ("inactive", "inactive", Level::Fail),
        ] {
            assert_eq!(levels(|findings| judge(service, socket, findings)), [level], "{service} {socket}");
        }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(
            is_for("*.Loja.example", "carteiro.loja.example")
                && is_for("carteiro.loja.example", "carteiro.loja.example")
        );
        for (name, host) in
            [("*.loja.example", "loja.example"), ("*.example", "a.b.example"), ("a.example", "b.example")]
        {
            assert!(!is_for(name, host), "{name} {host}");
        }
    }

    #[test]
    fn backups_that_cron_makes_are_no_fault() {
        let etc = tempfile::tempdir().unwrap();
        let look = || levels(|findings| by_others(etc.path(), findings));
        assert_eq!(look(), [Level::Warn], "there is no cron");
        let jobs = etc.path().join("cron.d");
        fs::create_dir(&jobs).unwrap();
        fs::write(jobs.join("carteiro"), "# 30 3 * * * carteiro /usr/local/sbin/carteiro-backup\n").unwrap();
        assert_eq!(look(), [Level::Warn], "it was put out of force");
        fs::write(jobs.join("carteiro"), "30 3 * * * carteiro /usr/local/sbin/carteiro-backup\n").unwrap();
        assert_eq!(look(), [Level::Ok]);
    }

    #[test]
    fn a_folder_that_others_get_into_is_told() {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.path = home.path().join("data");
        assert_eq!(levels(|findings| folder(&config, findings)), [Level::Warn]);
        fs::create_dir(&config.store.path).unwrap();
        for (mode, level) in [(0o700, Level::Ok), (0o750, Level::Warn)] {
            fs::set_permissions(&config.store.path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(levels(|findings| folder(&config, findings)), [level], "{mode:o}");
        }
    }

    #[test]
    fn backups_are_judged_by_their_age_and_by_what_they_hold() {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        let look = |config: &Config| levels(|findings| backups(config, findings));
        config.store.backup_every = Some(std::time::Duration::from_secs(3600));
        config.store.backup_dir = Some(home.path().join("missing"));
        assert_eq!(look(&config), [Level::Fail]);
        config.store.backup_dir = Some(home.path().to_owned());
        assert_eq!(look(&config), [Level::Warn], "there is none yet");
        fs::write(home.path().join("carteiro-20250101T000000Z.backup"), "").unwrap();
        assert_eq!(look(&config), [Level::Fail], "it is old");
        let now = Clock::System.now().to_string();
        let digits: String = now[..19].chars().filter(|c| *c != '-' && *c != ':').collect();
        fs::write(home.path().join(format!("carteiro-{digits}Z.backup")), "no backup").unwrap();
        assert_eq!(look(&config), [Level::Fail], "it is new, and no backup");
    }
}
