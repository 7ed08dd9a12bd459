//! A configuration while it is read: values so far, where each was set, and every problem.

use super::channel_rules::channel_problems;
use super::error::{ConfigError, Location};
use super::findings::Findings;
use super::keys::Setting;
use super::settings::{Config, config_keys};
use super::value::RawValue;
use crate::model::{Localized, format_duration, localized};
use crate::suggest::nearest;

/// A configuration in the making.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(crate) findings: Findings,
}

impl Draft {
    #[cfg(test)]
    pub(crate) fn problems(&self) -> &[ConfigError] {
        &self.findings.problems
    }

    /// Sets a key from a text that has no places in it.
    pub(crate) fn set_bare(&mut self, key: &Setting<Config>, text: &str, place: &Location) {
        let path = key.path.to_owned();
        self.findings.set(key, path, &mut self.config, RawValue::Bare(text), &|_| place.clone());
    }

    /// Names of the form `CARTEIRO_…__…` are ours alone, so that a typo in one is not silently ignored.
    pub(crate) fn set_variable(&mut self, name: String, text: &str) {
        let Some(rest) = name.strip_prefix("CARTEIRO_").filter(|rest| rest.contains("__")) else {
            return;
        };
        if let Some(key) = config_keys().find(|key| key.variable() == name) {
            return self.set_bare(key, text, &Location::Variable(name));
        }
        let message = if rest.starts_with("ACCOUNT__") {
            localized!(
                "accounts can't be set by variables; write [[account]] in the configuration file",
                "contas não podem ser definidas por variáveis; escreva [[account]] no arquivo de configuração"
            )
        } else if rest.starts_with("CLIENT_CERTIFICATE__") {
            localized!(
                "client certificates can't be set by variables; write [[client_certificate]] in the configuration file",
                "certificados de cliente não podem ser definidos por variáveis; escreva [[client_certificate]] no \
                 arquivo de configuração"
            )
        } else {
            let variables: Vec<String> = config_keys().map(Setting::variable).collect();
            // The prefix is right already: counting its letters would make any two names look alike.
            let names = variables.iter().filter_map(|name| name.strip_prefix("CARTEIRO_"));
            match nearest(rest, names) {
                Some(near) => localized!(
                    "unknown variable; did you mean `CARTEIRO_{near}`?",
                    "variável desconhecida; seria `CARTEIRO_{near}`?"
                ),
                None => localized!(
                    "unknown variable; unset it, or see config.example.toml for the keys",
                    "variável desconhecida; remova-a, ou veja as chaves em config.example.toml"
                ),
            }
        };
        self.findings.problem(Location::Variable(name), message);
    }

    /// Rules for values of several keys.
    pub(crate) fn check_combinations(&mut self) {
        let Config { server, store, delivery, egress, account, client_certificate, .. } = &self.config;
        let found = &self.findings;
        let unknown = |key: &str| found.cut_short || found.refused.contains(key);
        let mut problems = Vec::new();
        // Reported at the first of these keys that was set.
        let mut problem = |keys: &[&str], message: Localized| {
            let place = keys.iter().find_map(|key| found.sources.get(*key));
            let place = place.expect("the defaults break no rule, so one of the keys was set").clone();
            problems.push(ConfigError { place, message });
        };
        let (timeout, connect) = ("delivery.timeout", "delivery.connect_timeout");
        if delivery.connect_timeout > delivery.timeout && !unknown(timeout) && !unknown(connect) {
            let (least, most) = (format_duration(delivery.connect_timeout), format_duration(delivery.timeout));
            let message = localized!(
                "`{connect}` ({least}) must not be above `{timeout}` ({most}); lower it, or raise the timeout",
                "`{connect}` ({least}) não pode passar de `{timeout}` ({most}); reduza-o, ou aumente o outro"
            );
            problem(&[connect, timeout], message);
        }
        let (every, dir) = ("store.backup_every", "store.backup_dir");
        if store.backup_every.is_some() && store.backup_dir.is_none() && !unknown(dir) {
            let message = localized!(
                "`{every}` needs `{dir}`: name the folder that backups are written to",
                "`{every}` precisa de `{dir}`: indique a pasta em que os backups são gravados"
            );
            problem(&[every], message);
        }
        if egress.proxy.is_some() && egress.proxy_file.is_some() {
            let message = localized!(
                "`egress.proxy_file` stands beside `egress.proxy`; keep one of them",
                "`egress.proxy_file` está junto com `egress.proxy`; deixe só um"
            );
            problem(&["egress.proxy_file"], message);
        }
        let (cert, key) = ("server.tls_cert", "server.tls_key");
        if server.tls_cert.is_some() != server.tls_key.is_some() {
            let (named, missing) = if server.tls_cert.is_some() { (cert, key) } else { (key, cert) };
            if !unknown(missing) {
                let message = localized!(
                    "`{named}` needs `{missing}`: a certificate and its key go together",
                    "`{named}` precisa de `{missing}`: um certificado e a sua chave andam juntos"
                );
                problem(&[named], message);
            }
        }
        let repeat = &self.config.alerts.repeat;
        if !repeat.is_sorted_by(|one, next| one < next) && !unknown("alerts.repeat") {
            let message = localized!(
                "`alerts.repeat` must be in ascending order, each counted from the first alert",
                "`alerts.repeat` deve estar em ordem crescente, cada um contado a partir do primeiro aviso"
            );
            problem(&["alerts.repeat"], message);
        }
        if !unknown("account.name") && !unknown("client_certificate.accounts") {
            for (nth, certificate) in client_certificate.iter().enumerate() {
                let path = |key: &str| format!("client_certificate[{nth}].{key}");
                let [name, accounts] = ["name", "accounts"].map(path);
                // One without a name is a problem already.
                if !found.sources.contains_key(&name) {
                    continue;
                }
                let known = |name: &&String| account.iter().any(|account| account.name == **name);
                if certificate.accounts.is_empty() && account.len() > 1 {
                    let message = localized!(
                        "`client_certificate.accounts` must say which accounts may use it, since there are several: \
                         accounts = [\"NAME\"]",
                        "`client_certificate.accounts` deve dizer quais contas podem usá-lo, já que há várias: \
                         accounts = [\"NOME\"]"
                    );
                    problem(&[&accounts, &name], message);
                } else if let Some(stranger) = certificate.accounts.iter().find(|name| !known(name)) {
                    let names: Vec<&str> = account.iter().take(10).map(|account| account.name.as_str()).collect();
                    let names = names.join(", ");
                    let message = localized!(
                        "`client_certificate.accounts` names {stranger}, and there is no such account; there are \
                         {names}",
                        "`client_certificate.accounts` cita {stranger}, e não há essa conta; há {names}"
                    );
                    problem(&[&accounts], message);
                }
            }
        }
        problems.extend(channel_problems(&self.config, found));
        self.findings.problems.extend(problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::Secrecy;

    #[test]
    fn a_secret_is_not_quoted_back() {
        for secrecy in [Secrecy::Unquoted, Secrecy::Secret] {
            let secret = Setting { secrecy, ..*config_keys().next().unwrap() };
            let mut draft = Draft::default();
            draft.set_bare(&secret, "hunter2", &Location::Flag("x".to_owned()));
            let problems = draft.problems();
            assert!(problems[0].message.en.starts_with("`server.listen` must be an IP address"), "{problems:?}");
            assert!(!problems[0].message.en.contains("hunter2") && !problems[0].message.pt.contains("hunter2"));
        }
    }
}
