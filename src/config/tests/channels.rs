//! The channels of alerts: the operator's and the accounts'.

use super::*;

#[test]
fn channels_are_set_for_the_operator_and_for_accounts() {
    let email = "smtp = \"smtps://avisos%40loja.example@smtp.example\"\npassword_file = \"p\"\n\
                 from = \"carteiro@loja.example\"\nto = [\"eu@loja.example\"]\n";
    let text = format!(
        "[alerts]\nlanguage = \"en\"\nquiet = \"22:00-07:00\"\ndigest = \"08:00\"\nrepeat = [\"1h\"]\n\
         heartbeat = {{ url = \"https://hc.example/x\", every = \"1m\" }}\n[alerts.email]\n{email}\
         [alerts.telegram]\ntoken_file = \"t\"\nchat_id = \"-100\"\n[[account]]\nname = \"a\"\n\
         [[account]]\nname = \"b\"\n[account.alerts.ntfy]\nurl = \"https://ntfy.sh/x\"\n[account.alerts.email]\n{email}"
    );
    let loaded = load_all(&text, &[("CARTEIRO_ALERTS__SLACK__URL_FILE", "s")], &[]).unwrap();
    let config = &loaded.config;
    assert_eq!(config.alerts.language, crate::model::Language::En);
    assert_eq!(config.alert_channels.email.smtp.as_ref().unwrap().user(), Some("avisos@loja.example"));
    assert_eq!(config.alert_channels.slack.url_file.as_deref(), Some(Path::new("s")));
    assert_eq!(config.alert_channels.email, config.account[1].alert_channels.email);
    assert_eq!(config.account[0].alert_channels, AlertChannels::default());
    assert_eq!(
        loaded.source("account[1].alerts.ntfy.url").map(ToString::to_string).unwrap().rsplit(':').nth(1),
        Some("20")
    );
    // A topic is as good as a password, and so is the URL of a heartbeat.
    let printed = loaded.effective();
    for line in ["account[1].alerts.ntfy.url = \"[redacted]\"", "alerts.heartbeat = \"[redacted]\""] {
        assert!(printed.contains(line), "{printed}");
    }

    let other = load_all("[[account]]\nname = \"b\"\n[account.alerts.slack]\nurl_file = \"u\"\n", &[], &[]).unwrap();
    let reloaded = config.reloaded(&other.config);
    assert_eq!(reloaded.account[1].alert_channels, other.config.account[0].alert_channels, "by its name");
    assert_eq!(reloaded.alert_channels, AlertChannels::default());
    assert_eq!(loaded.changes_needing_restart(&loaded), [""; 0]);
    let mut changed = loaded.clone();
    changed.config.account[1].alert_channels = AlertChannels::default();
    assert_eq!(loaded.changes_needing_restart(&changed), [""; 0], "channels are taken up by a reload");
}

#[test]
fn a_channel_that_is_half_set_is_told_at_its_place() {
    for (text, expected) in [
        (
            "[alerts.email]\nsmtp = \"smtp://smtp.example\"\nfrom = \"a@b.example\"",
            "c.toml:2:8: `alerts.email.smtp` needs `alerts.email.to`: name the receivers' addresses",
        ),
        (
            "[alerts.email]\nto = [\"a@b.example\"]\nfrom = \"a@b.example\"",
            "c.toml:3:8: `alerts.email.from` needs `alerts.email.smtp`: name the mail server",
        ),
        (
            "[alerts.email]\nsmtp = \"smtp://u@smtp.example\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]",
            "c.toml:2:8: `alerts.email.smtp` needs `alerts.email.password_file`: name the file with the user's \
             password, or take the user out of the URL",
        ),
        (
            "[alerts.telegram]\nchat_id = \"1\"",
            "c.toml:2:11: `alerts.telegram.chat_id` needs `alerts.telegram.token_file`: name the file with the bot's \
             token",
        ),
        (
            "[[account]]\n[account.alerts.webhook]\nsecret_file = \"s\"",
            "c.toml:3:15: `account.alerts.webhook.secret_file` needs `account.alerts.webhook.url`: name the URL that \
             alerts are POSTed to",
        ),
        (
            "[alerts]\nrepeat = [\"24h\", \"6h\"]",
            "c.toml:2:10: `alerts.repeat` must be in ascending order, each counted from the first alert",
        ),
        ("[alerts.emial]\nsmtp = 1", "c.toml:1:9: unknown section [alerts.emial]; did you mean [alerts.email]?"),
        (
            "[alerts]\nemail = \"a@b.example\"",
            "c.toml:2:1: `alerts.email` is a section; write [alerts.email] and its keys below",
        ),
        (
            "[alerts.slack]\nurl = \"https://hooks.slack.com/services/T0/B0/x\"",
            "c.toml:2:1: unknown key `alerts.slack.url`; write it into a file of its own, and name that in `url_file`",
        ),
        ("[alerts.email]\nsmpt = 1", "c.toml:2:1: unknown key `alerts.email.smpt`; did you mean `smtp`?"),
        (
            "[alerts]\nheartbeat = { url = \"https://hc.example/geheim\", every = \"1\" }",
            "c.toml:2:13: `alerts.heartbeat` must be a table such as { url = \"https://hc.example/x7k2\", every = \
             \"1m\" }, with a duration from 10s to 24h as every, or \"\" for none",
        ),
    ] {
        assert_eq!(problem(text), expected);
    }
    let refused = problem("[alerts.email]\nsmtp = \"smtp://u:senha@h\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]");
    assert!(refused.starts_with("c.toml:2:8: `alerts.email.smtp` must be a URL such as"), "{refused}");
    let (token, base) = ("token_file = \"t\"\nchat_id = \"1\"", "https://bot.example/bot1:senha");
    let refused = problem(format!("[alerts.telegram]\n{token}\napi_base = \"{base}\""));
    assert!(refused.starts_with("c.toml:4:12: `alerts.telegram.api_base` must be"), "{refused}");
}

/// The URL of a mail server with its password in it, which people write first, was refused, and printed and logged with
/// the password.
#[test]
fn no_key_shows_what_a_url_hides() {
    let urls = [
        "smtp://avisos%40loja.example:senha-geheim@smtp.example:587",
        "https://u:geheim/geheim@geheim@p.example:1",
        "https://hooks.example/services/geheim?geheim=geheim#geheim",
        "https://bot.example/bot1:geheim",
        "https://u:geheim",
    ];
    let (mut refused, mut taken) = (0, 0);
    let mut check = |name: &str, expected: String, shown: Result<String, Vec<String>>| match shown {
        // A label such as `account.env` may be whatever it wants.
        Ok(_) if !["URL", "path", "origin"].iter().any(|word| expected.contains(word)) => {}
        Ok(shown) => {
            assert!(!shown.contains("geheim"), "{name} is printed as {shown}");
            taken += 1;
        }
        Err(problems) => {
            assert!(problems.iter().all(|problem| !problem.contains("geheim")), "{name}: {problems:?}");
            refused += 1;
        }
    };
    for url in urls {
        for key in config_keys() {
            let variable = [(key.variable(), url.to_owned())];
            let line = |loaded: Loaded| {
                let printed = loaded.effective();
                printed.lines().find(|line| line.starts_with(&format!("{} = ", key.path))).unwrap().to_owned()
            };
            let loaded = Config::load(None, variable.into_iter(), &[]);
            let shown = loaded.map(line);
            check(
                key.path,
                (key.expected)().en,
                shown.map_err(|errors| errors.to_string().lines().map(str::to_owned).collect()),
            );
        }
        for key in account_keys() {
            let (section, name) = key.path.trim_start_matches("account.").rsplit_once('.').unwrap_or(("", key.name()));
            let section = if section.is_empty() { String::new() } else { format!("[account.{section}]\n") };
            let loaded = load_all(format!("[[account]]\n{section}{name} = \"{url}\""), &[], &[]);
            let line = |loaded: Loaded| {
                let path = key.path.replacen("account", "account[0]", 1);
                loaded.effective().lines().find(|line| line.starts_with(&format!("{path} = "))).unwrap().to_owned()
            };
            check(key.path, (key.expected)().en, loaded.map(line));
        }
    }
    assert!(refused > 0 && taken > 0, "{refused} {taken}");
}
