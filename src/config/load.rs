//! Flag > environment > file > default.

use super::draft::Draft;
use super::error::{ConfigErrors, Location};
use super::keys::{Effect, Setting};
use super::settings::{Account, AlertChannels, Config, config_keys};
use super::toml_file;
use crate::clock::Zone;
use crate::model::{Localized, localized};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// A configuration, and where each of its values was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// By path, `account[0].name` for those of an account or of a client certificate; what is missing is a default.
    pub(crate) sources: BTreeMap<String, Location>,
}

/// The longest file that is read: a mistaken path may lead to a device or a dump.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

impl Config {
    /// The zone of the panel, of quiet hours and of messages.
    pub fn zone(&self) -> Zone {
        self.panel.time_zone.clone().unwrap_or_else(Zone::utc)
    }

    /// Reads the file, if one is given, then the variables `CARTEIRO_SECTION__KEY`, then the flags, each a key's path
    /// and its text; the last to set a key wins. Every problem is collected, also in values that are overridden later.
    /// Variables of other names are ignored; accounts can be set in the file alone.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Loaded, ConfigErrors> {
        Self::load_read(file.map(|path| (path, read(path))), env, flags)
    }

    /// The same of a file that was read, or of why it could not be.
    pub(crate) fn load_read(
        file: Option<(&Path, Result<Vec<u8>, Localized>)>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Loaded, ConfigErrors> {
        let mut draft = Draft::default();
        match file {
            Some((path, Ok(bytes))) => toml_file::read_into(&mut draft, path, bytes),
            Some((path, Err(message))) => draft.findings.problem(Location::WholeFile(path.to_owned()), message),
            None => {}
        }
        for (name, text) in env {
            draft.set_variable(name, &text);
        }
        for (path, text) in flags {
            let place = Location::Flag((*path).to_owned());
            match config_keys().find(|key| key.path == *path) {
                Some(key) => draft.set_bare(key, text, &place),
                None => draft.findings.problem(place, localized!("there is no such key", "não existe esta chave")),
            }
        }
        draft.check_combinations();
        let Draft { config, findings } = draft;
        match ConfigErrors::new(findings.problems) {
            Some(problems) => Err(problems),
            None => Ok(Loaded { config, sources: findings.sources }),
        }
    }

    /// This configuration with all that a reload takes up from `new`, and nothing that needs a restart.
    #[must_use]
    pub fn reloaded(&self, new: &Self) -> Self {
        let mut config = self.clone();
        for key in config_keys().filter(|key| key.effect == Effect::Reload) {
            (key.copy)(new, &mut config);
        }
        for account in &mut config.account {
            if let Some(new) = new.account.iter().find(|other| other.name == account.name) {
                account.alert_channels = new.alert_channels.clone();
            }
        }
        config.client_certificate.clone_from(&new.client_certificate);
        config
    }
}

impl Loaded {
    /// Where the value of `delivery.timeout`, or of `account[0].name`, was set; `None` for a default.
    pub fn source(&self, path: &str) -> Option<&Location> {
        self.sources.get(path)
    }

    /// The keys whose values differ in `new` and aren't taken up by [`Config::reloaded`]; `account` stands for all
    /// accounts.
    pub fn changes_needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let differs = |key: &&Setting<Config>| {
            key.effect == Effect::Restart && (key.show)(&self.config) != (key.show)(&new.config)
        };
        let needing_restart = |config: &Config| -> Vec<Account> {
            let without_channels =
                |account: &Account| Account { alert_channels: AlertChannels::default(), ..account.clone() };
            config.account.iter().map(without_channels).collect()
        };
        let accounts = (needing_restart(&self.config) != needing_restart(&new.config)).then_some("account");
        config_keys().filter(differs).map(|key| key.path).chain(accounts).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Localized> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(localized!(
            "the file can't be read: {error}; run the command with sudo, or let this user read the file",
            "não foi possível ler o arquivo: {error}; execute o comando com sudo, ou deixe este usuário ler o \
                 arquivo"
        )),
        Err(error) => Err(localized!(
            "the file can't be read: {error}; check its path",
            "não foi possível ler o arquivo: {error}; confira o caminho"
        )),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => Err(localized!(
            "the file is longer than 1 MiB and can't be a configuration; check its path",
            "o arquivo tem mais de 1 MiB e não pode ser uma configuração; confira o caminho"
        )),
        Ok(_) => Ok(bytes),
    }
}
