//! Which keys of an alert channel go together: a channel that is half set would be off in silence.

use super::error::ConfigError;
use super::findings::Findings;
use super::settings::{AlertChannels, Config};
use crate::model::{Localized, localized};

/// What is wrong with the channels of the operator and of each account.
pub(super) fn channel_problems(config: &Config, found: &Findings) -> Vec<ConfigError> {
    let mut problems = Vec::new();
    let operator = Rules { found, section: "alerts", home: "alerts".to_owned() };
    operator.check(&config.alert_channels, &mut problems);
    for (nth, account) in config.account.iter().enumerate() {
        let rules = Rules { found, section: "account.alerts", home: format!("account[{nth}].alerts") };
        rules.check(&account.alert_channels, &mut problems);
    }
    problems
}

struct Rules<'a> {
    found: &'a Findings,
    /// As messages name it.
    section: &'a str,
    /// As [`Findings::sources`] has it.
    home: String,
}

impl Rules<'_> {
    fn check(&self, channels: &AlertChannels, problems: &mut Vec<ConfigError>) {
        let AlertChannels { email, telegram, ntfy, slack: _, discord: _, webhook } = channels;
        let user = email.smtp.as_ref().and_then(|smtp| smtp.user());
        let sets = [
            ("email.smtp", email.smtp.is_some()),
            ("email.from", email.from.is_some()),
            ("email.to", !email.to.is_empty()),
        ];
        if sets.iter().any(|(_, is_set)| *is_set) {
            for (missing, _) in sets.iter().filter(|(_, is_set)| !is_set) {
                let what = match *missing {
                    "email.smtp" => localized!("name the mail server", "indique o servidor de e-mail"),
                    "email.from" => localized!("name the sender's address", "indique o endereço do remetente"),
                    _ => localized!("name the receivers' addresses", "indique os endereços dos destinatários"),
                };
                self.needs(problems, &["email.smtp", "email.from", "email.to"], missing, what);
            }
        }
        if user.is_some() && email.password_file.is_none() {
            let what = localized!(
                "name the file with the user's password, or take the user out of the URL",
                "indique o arquivo com a senha do usuário, ou tire o usuário da URL"
            );
            self.needs(problems, &["email.smtp"], "email.password_file", what);
        }
        if user.is_none() && email.password_file.is_some() {
            let what = localized!(
                "write the user of that password, as in \"smtps://user@smtp.example\"",
                "escreva o usuário dessa senha, como em \"smtps://usuario@smtp.example\""
            );
            self.needs(problems, &["email.password_file"], "email.smtp", what);
        }
        if telegram.token_file.is_some() && telegram.chat_id.is_none() {
            self.needs(
                problems,
                &["telegram.token_file"],
                "telegram.chat_id",
                localized!("name the chat that the bot writes to", "indique a conversa em que o bot escreve"),
            );
        }
        if telegram.token_file.is_none() && (telegram.chat_id.is_some() || telegram.api_base.is_some()) {
            let keys = ["telegram.chat_id", "telegram.api_base"];
            self.needs(
                problems,
                &keys,
                "telegram.token_file",
                localized!("name the file with the bot's token", "indique o arquivo com o token do bot"),
            );
        }
        if ntfy.url.is_none() && ntfy.token_file.is_some() {
            self.needs(
                problems,
                &["ntfy.token_file"],
                "ntfy.url",
                localized!("name the topic's URL", "indique a URL do tópico"),
            );
        }
        if webhook.url.is_none() && webhook.secret_file.is_some() {
            self.needs(
                problems,
                &["webhook.secret_file"],
                "webhook.url",
                localized!("name the URL that alerts are POSTed to", "indique a URL que recebe os avisos por POST"),
            );
        }
    }

    /// The first of `keys` that was set needs `missing` as well.
    fn needs(&self, problems: &mut Vec<ConfigError>, keys: &[&str], missing: &str, what: Localized) {
        let Self { found, section, home } = self;
        let set = keys.iter().find_map(|key| Some((key, found.sources.get(&format!("{home}.{key}"))?)));
        let is_unknown = |key: &str| found.refused.contains(format!("{section}.{key}").as_str());
        // Where a part can't be parsed, or a value of these was refused, nobody knows what is missing.
        if let (Some((key, place)), false) =
            (set, found.cut_short || is_unknown(missing) || keys.iter().any(|key| is_unknown(key)))
        {
            let Localized { en, pt } = what;
            let message = localized!(
                "`{section}.{key}` needs `{section}.{missing}`: {en}",
                "`{section}.{key}` precisa de `{section}.{missing}`: {pt}"
            );
            problems.push(ConfigError { place: place.clone(), message });
        }
    }
}
