//! A configuration as text: what is in effect, and the example that shows every key.

use super::error::Location;
use super::keys::{Effect, Secrecy, Setting};
use super::load::Loaded;
use super::settings::{Account, CLIENT_CERTIFICATE_KEYS, ClientCertificate, Config, account_keys, config_keys};
use std::fmt::Write as _;

impl Loaded {
    /// Every key with its value and its origin, one line each: `delivery.timeout = "15s"   # default`. Secrets are
    /// replaced.
    pub fn effective(&self) -> String {
        let mut text = String::new();
        for key in config_keys() {
            text.push_str(&line(key, key.path, &self.config, self.source(key.path)));
        }
        for (nth, account) in self.config.account.iter().enumerate() {
            for key in account_keys() {
                let path = key.path.replacen("account", &format!("account[{nth}]"), 1);
                text.push_str(&line(key, &path, account, self.source(&path)));
            }
        }
        for (nth, certificate) in self.config.client_certificate.iter().enumerate() {
            for key in CLIENT_CERTIFICATE_KEYS {
                let path = format!("{}[{nth}].{}", key.section(), key.name());
                text.push_str(&line(key, &path, certificate, self.source(&path)));
            }
        }
        text
    }
}

fn line<T>(key: &Setting<T>, path: &str, of: &T, source: Option<&Location>) -> String {
    let is_hidden = key.secrecy == Secrecy::Secret && source.is_some();
    let value = if is_hidden { "\"[redacted]\"".to_owned() } else { (key.show)(of) };
    format!("{path} = {value}   # {}\n", source_text(source))
}

pub(super) fn source_text(source: Option<&Location>) -> String {
    match source {
        None => "default".to_owned(),
        Some(Location::File { path, line, .. }) => format!("{}:{line}", path.display()),
        Some(Location::Flag(_)) => "command line".to_owned(),
        Some(place @ (Location::Variable(_) | Location::WholeFile(_))) => place.to_string(),
    }
}

const HEAD: &str = "\
# carteiro's configuration, with every key at its default. Lines that begin with `#` and no space are settings: remove
# the `#` to change one. `carteiro check-config` names every problem at once.
#
# Precedence: flag, environment variable, this file, default. The variable of a key is CARTEIRO_SECTION__KEY, such as
# CARTEIRO_DELIVERY__TIMEOUT; a list in it is a TOML array, or separated by commas.
#
# Durations have a unit: \"500ms\", \"30s\", \"2h 30m\", \"7days\". Sizes are \"256 KiB\", \"500 KB\" or bytes.
# Relative paths count from the daemon's working directory, not from this file.
# An unknown key is an error. `systemctl reload carteiro` applies changes.
";

/// `config.example.toml`: every key, commented out at its default, with what it does, its range, and when it takes
/// effect.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    let config = Config::default();
    let mut section = "";
    for key in config_keys() {
        if key.section() != section {
            section = key.section();
            // An infallible write: a String takes everything.
            let _ = writeln!(text, "\n[{section}]");
        }
        text.push_str(&entry(key, &config));
    }
    text.push_str(
        "\n# One section for each account. Every webhook, event and token belongs to one account, and accounts are \
         isolated.\n",
    );
    text.push_str("[[account]]\n");
    let (account, mut section) = (Account::default(), "account");
    for key in account_keys() {
        if key.section() == "account" {
            text.push_str(&entry(key, &account));
            continue;
        }
        if key.section() != section {
            section = key.section();
            // What the keys are is said above.
            let _ = writeln!(text, "\n# As [{}].\n[{section}]", section.trim_start_matches("account."));
        }
        let _ = writeln!(text, "#{} = {}", key.name(), (key.show)(&account));
    }
    text.push_str(
        "\n# One section for each client certificate: some targets, such as those of Pix providers, ask for one \
         (mTLS).\n# There is none by default, so all of it is a comment.\n",
    );
    text.push_str("# [[client_certificate]]\n");
    let sample = ClientCertificate {
        name: "pix".to_owned(),
        cert: "/etc/carteiro/pix.pem".into(),
        key: "/etc/carteiro/pix.key".into(),
        accounts: Vec::new(),
    };
    for key in CLIENT_CERTIFICATE_KEYS {
        text.push_str(&entry(key, &sample).replace("\n#", "\n# ").replace("\n#  ", "\n# "));
    }
    text
}

fn entry<T>(key: &Setting<T>, of: &T) -> String {
    let effect = match key.effect {
        Effect::Reload => "Applied by a reload.",
        Effect::Restart => "Needs a restart.",
    };
    let mut expected = (key.expected)().en;
    expected[..1].make_ascii_uppercase();
    let (does, takes) = (wrap(key.doc), wrap(&format!("{expected}. {effect}")));
    format!("\n{does}{takes}#{} = {}\n", key.name(), (key.show)(of))
}

/// Comment lines of at most 120 characters.
fn wrap(text: &str) -> String {
    const WIDTH: usize = 120;
    let (mut lines, mut line) = (String::new(), "#".to_owned());
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_key_is_printed_with_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        std::fs::write(
            &path,
            "[delivery]\n\ntimeout = \"90s\"\n[[account]]\nname = \"a\"\n[[account]]\nname = \"b\"\n",
        )
        .unwrap();
        let env = [("CARTEIRO_LOG__LEVEL".to_owned(), "warn".to_owned())];
        let loaded = Config::load(Some(&path), env.into_iter(), &[("server.listen", "[::1]:1".to_owned())]).unwrap();
        let text = loaded.effective();
        for line in [
            "server.listen = \"[::1]:1\"   # command line",
            "store.cache = \"32 MiB\"   # default",
            &format!("delivery.timeout = \"90s\"   # {}:3", path.display()),
            "delivery.jitter = 0.1   # default",
            "log.level = \"warn\"   # CARTEIRO_LOG__LEVEL",
            &format!("account[1].name = \"b\"   # {}:7", path.display()),
            "account[1].env = \"production\"   # default",
            "delivery.retry_after_cap = \"24h\"   # default",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), config_keys().count() + 2 * account_keys().count());
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = Setting { secrecy: Secrecy::Secret, ..*config_keys().next().unwrap() };
        let source = Location::WholeFile(Path::new("c.toml").to_owned());
        let printed = line(&secret, secret.path, &Config::default(), Some(&source));
        assert_eq!(printed, "server.listen = \"[redacted]\"   # c.toml\n");
    }
}
