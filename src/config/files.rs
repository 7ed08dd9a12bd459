//! The files that a config names.

use super::settings::{AlertChannels, Config};
use std::path::Path;

impl Config {
    /// Every file that the daemon reads because a key names it, with the key's path (`account[0].admin_token_file` for
    /// one of an account), in no particular order.
    pub fn files(&self) -> Vec<(String, &Path)> {
        let Self { server, egress, alert_channels, account, client_certificate, .. } = self;
        let mut named = vec![
            ("server.tls_cert".to_owned(), server.tls_cert.as_deref()),
            ("server.tls_key".to_owned(), server.tls_key.as_deref()),
            ("egress.extra_ca_file".to_owned(), egress.extra_ca_file.as_deref()),
            ("egress.proxy_file".to_owned(), egress.proxy_file.as_deref()),
        ];
        named.extend(of_channels("alerts", alert_channels));
        for (nth, account) in account.iter().enumerate() {
            let home = format!("account[{nth}]");
            named.push((format!("{home}.admin_token_file"), account.admin_token_file.as_deref()));
            named.extend(of_channels(&format!("{home}.alerts"), &account.alert_channels));
        }
        for (nth, certificate) in client_certificate.iter().enumerate() {
            named.push((format!("client_certificate[{nth}].cert"), Some(&*certificate.cert)));
            named.push((format!("client_certificate[{nth}].key"), Some(&*certificate.key)));
        }
        named.into_iter().filter_map(|(key, file)| Some((key, file?))).collect()
    }
}

fn of_channels<'a>(home: &str, channels: &'a AlertChannels) -> Vec<(String, Option<&'a Path>)> {
    let AlertChannels { email, telegram, ntfy, slack, discord, webhook } = channels;
    let named = [
        ("email.password_file", &email.password_file),
        ("telegram.token_file", &telegram.token_file),
        ("ntfy.token_file", &ntfy.token_file),
        ("slack.url_file", &slack.url_file),
        ("discord.url_file", &discord.url_file),
        ("webhook.secret_file", &webhook.secret_file),
    ];
    named.map(|(key, file)| (format!("{home}.{key}"), file.as_deref())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{account_keys, config_keys};
    use std::collections::BTreeSet;

    /// A file that this forgets is one that `check-config` can't judge for the daemon's user.
    #[test]
    fn every_key_that_names_a_file_is_among_them() {
        let is_file = |path: &str| path.ends_with("_file") || path.ends_with("tls_cert") || path.ends_with("tls_key");
        let of_config = config_keys().map(|key| key.path.to_owned());
        let of_account = account_keys().map(|key| key.path.replacen("account", "account[0]", 1));
        let wanted: BTreeSet<String> = of_config.chain(of_account).filter(|path| is_file(path)).collect();
        let mut text = String::from("[server]\ntls_cert = \"/f\"\ntls_key = \"/f\"\n[[account]]\nname = \"a\"\n");
        text.push_str("admin_token_file = \"/f\"\n");
        let egress = "[egress]\nextra_ca_file = \"/f\"\nproxy_file = \"/f\"\n";
        let channels = |home: &str| {
            format!(
                "[{home}.email]\nsmtp = \"smtps://a@m.example\"\npassword_file = \"/f\"\nfrom = \"a@b.example\"\n\
                 to = [\"a@b.example\"]\n[{home}.telegram]\ntoken_file = \"/f\"\nchat_id = \"1\"\n\
                 [{home}.ntfy]\nurl = \"https://ntfy.sh/a\"\ntoken_file = \"/f\"\n[{home}.slack]\nurl_file = \"/f\"\n\
                 [{home}.discord]\nurl_file = \"/f\"\n[{home}.webhook]\nurl = \"https://a.example/\"\n\
                 secret_file = \"/f\"\n"
            )
        };
        text.push_str(&channels("account.alerts"));
        text.push_str(egress);
        text.push_str(&channels("alerts"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("carteiro.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), std::iter::empty(), &[]).unwrap().config;
        let found: BTreeSet<String> = config.files().into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, wanted);
    }
}
