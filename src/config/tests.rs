//! The room as a whole: a file, variables and flags in, a configuration or every problem out.

mod channels;
mod toml;

use super::keys::Setting;
use super::settings::{account_keys, config_keys};
use super::*;
use crate::model::RetryPolicy;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// Loads a file of this text, in a folder of its own; the folder's name is cut from the problems.
fn load_all(text: impl AsRef<[u8]>, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    std::fs::write(&path, text).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: Vec<(&str, String)> = flags.iter().map(|(path, value)| (*path, (*value).to_owned())).collect();
    let folder = format!("{}/", dir.path().display());
    Config::load(Some(&path), env, &flags)
        .map_err(|problems| problems.to_string().lines().map(|line| line.replace(&folder, "")).collect())
}

fn load(text: impl AsRef<[u8]>) -> Result<Config, Vec<String>> {
    load_all(text, &[], &[]).map(|loaded| loaded.config)
}

/// The only problem of a text.
fn problem(text: impl AsRef<[u8]>) -> String {
    let problems = load(text).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().unwrap()
}

const EXAMPLE: &str = include_str!("../../config.example.toml");

#[test]
fn the_example_is_the_one_the_table_makes() {
    if std::env::var_os("WRITE_EXAMPLE").is_some() {
        std::fs::write("config.example.toml", example()).unwrap();
        return;
    }
    let first =
        example().lines().zip(EXAMPLE.lines()).find(|(made, there)| made != there).map(|(made, _)| made.to_owned());
    assert!(example() == EXAMPLE, "out of date, from {first:?} on: WRITE_EXAMPLE=1 cargo test --lib the_example_is");
}

#[test]
fn the_example_is_the_defaults_commented_out_or_not() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(uncommented, EXAMPLE);
    for text in [EXAMPLE, &uncommented] {
        assert_eq!(load(text), Ok(Config::default()));
    }
    let loaded = load_all(&uncommented, &[], &[]).unwrap();
    let paths = config_keys().map(|key| key.path.to_owned());
    let account = account_keys().map(|key| key.path.replacen("account", "account[0]", 1));
    let all: BTreeSet<String> = paths.chain(account).collect();
    assert_eq!(loaded.sources.into_keys().collect::<BTreeSet<_>>(), all, "every key of the table, and no other");
}

#[test]
fn nothing_at_all_is_the_defaults() {
    let loaded = Config::load(None, std::iter::empty(), &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.source("delivery.timeout"), None);
    assert_eq!(load(""), Ok(Config::default()));
    assert_eq!(load("\u{feff}"), Ok(Config::default()));
}

#[test]
fn paths_of_keys_are_unlike_each_other_and_their_variables_too() {
    let paths: BTreeSet<&str> = config_keys().map(|key| key.path).collect();
    assert_eq!(paths.len(), config_keys().count());
    let variables: BTreeSet<String> = config_keys().map(Setting::variable).collect();
    assert_eq!(variables.len(), config_keys().count());
    assert!(variables.contains("CARTEIRO_DELIVERY__MAX_IN_FLIGHT_PER_WEBHOOK"));
}

#[test]
fn each_limit_holds_at_its_value_and_not_past_it() {
    for (key, low, below, high, above) in [
        ("server.max_body", "1024", "1023", "\"16 MiB\"", "16777217"),
        ("server.max_connections", "1", "0", "65535", "65536"),
        ("server.shutdown_grace", "\"0s\"", "\"-1s\"", "\"10m\"", "\"10m 1ms\""),
        ("server.header_timeout", "\"100ms\"", "\"99ms\"", "\"5m\"", "\"5m 1ms\""),
        ("server.body_timeout", "\"100ms\"", "\"99ms\"", "\"10m\"", "\"10m 1ms\""),
        ("server.handshake_timeout", "\"100ms\"", "\"99ms\"", "\"1m\"", "\"1m 1ms\""),
        ("server.write_timeout", "\"100ms\"", "\"99ms\"", "\"10m\"", "\"10m 1ms\""),
        ("server.idle_timeout", "\"100ms\"", "\"99ms\"", "\"1h\"", "\"1h 1ms\""),
        ("server.max_connections_per_address", "1", "0", "65535", "65536"),
        ("store.cache", "\"1 MiB\"", "1048575", "\"64 GiB\"", "68719476737"),
        ("delivery.timeout", "\"5s\"", "\"99ms\"", "\"5m\"", "\"5m 1ms\""),
        ("delivery.connect_timeout", "\"10ms\"", "\"9ms\"", "\"15s\"", "\"1m 1ms\""),
        ("delivery.max_attempts", "1", "0", "20", "21"),
        ("delivery.schedule", "[\"1ms\"]", "[\"0s\"]", "[\"30days\"]", "[\"30days 1ms\"]"),
        ("delivery.jitter", "0", "-0.001", "1.0", "1.001"),
        ("delivery.max_in_flight", "1", "0", "10000", "10001"),
        ("delivery.max_in_flight_per_webhook", "1", "0", "1000", "1001"),
        ("delivery.retry_after_cap", "\"0s\"", "\"-1s\"", "\"30days\"", "\"30days 1ms\""),
        ("delivery.idempotency_window", "\"1s\"", "\"999ms\"", "\"30days\"", "\"30days 1ms\""),
        ("delivery.disable_after", "\"1s\"", "\"999ms\"", "\"366days\"", "\"366days 1ms\""),
        ("delivery.secret_overlap", "\"0s\"", "\"-1s\"", "\"30days\"", "\"30days 1ms\""),
    ] {
        for good in [low, high] {
            assert!(load(format!("{key} = {good}")).is_ok(), "{key} = {good}");
        }
        for bad in [below, above] {
            let problem = problem(format!("{key} = {bad}"));
            assert!(problem.contains(&format!("`{key}` must be ")), "{problem}");
        }
    }
    // Their lower and upper ends need the other out of the way.
    assert!(load("delivery = { timeout = \"100ms\", connect_timeout = \"100ms\" }").is_ok());
    assert!(load("delivery = { timeout = \"1m\", connect_timeout = \"1m\" }").is_ok());
}

#[test]
fn lists_have_as_many_items_as_they_may() {
    let list = |key: &str, item: &str, n: usize| load(format!("{key} = [{}]", vec![item; n].join(", ")));
    assert_eq!(list("delivery.schedule", "\"1s\"", 19).unwrap().delivery.retry().schedule().len(), 19);
    assert_eq!(
        list("delivery.schedule", "\"1s\"", 20).unwrap_err(),
        ["c.toml:1:21: `delivery.schedule` must have 1 to 19 items, not 20"]
    );
    assert!(list("delivery.schedule", "", 0).is_err());
    for (key, item) in [
        ("egress.allow", "\"10.0.0.0/8\""),
        ("catalogue.extra", "\"A.B\""),
        ("server.trusted_proxies", "\"::1\""),
        ("server.cors_origins", "\"https://loja.example\""),
    ] {
        assert!(list(key, "", 0).is_ok() && list(key, item, 1000).is_ok() && list(key, item, 1001).is_err(), "{key}");
    }
}

#[test]
fn values_arrive_where_they_belong() {
    let config = load(
        r#"
        [server]
        listen = "[::1]:0"
        max_body = "500 KB"
        [store]
        path = "/var/lib/carteiro"
        cache = "2 GiB"
        [delivery]
        timeout = "1m 30s"
        max_attempts = 0x0a
        schedule = ["1s", "1h"]
        jitter = 0.25
        [egress]
        allow = ["192.168.0.0/16", "127.0.0.1/32:3000"]
        allow_http = false
        extra_ca_file = "ca.pem"
        [log]
        level = "trace"
        format = "json"
        [[account]]
        name = "shop-1"
        env = "sandbox"
        [[account]]
        name = "shop-2"
        admin_token_file = "/run/token"
        [catalogue]
        strict = true
        extra = ["SHIPMENT.SENT"]
        keys = ["numero", "tax_id"]
        "#,
    )
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "[::1]:0");
    assert_eq!(config.server.max_body, 500_000);
    assert_eq!(config.store, Store { path: "/var/lib/carteiro".into(), cache: 2 * size::GIB, ..Store::default() });
    let schedule = vec![Duration::from_secs(1), Duration::from_secs(3600)];
    assert_eq!(config.delivery.retry(), RetryPolicy::new(schedule, 10, 0.25).unwrap());
    assert_eq!(config.delivery.timeout, Duration::from_secs(90));
    assert_eq!(config.egress.allow[1], AllowRule::parse("127.0.0.1/32:3000").unwrap());
    assert!(!config.egress.allow_http && config.catalogue.strict);
    assert_eq!(config.egress.extra_ca_file.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!(config.log, Log { level: LevelFilter::TRACE, format: Format::Json });
    assert_eq!(config.account.len(), 2);
    assert_eq!((config.account[0].name.as_str(), config.account[0].env.as_str()), ("shop-1", "sandbox"));
    assert_eq!((config.account[1].name.as_str(), config.account[1].env.as_str()), ("shop-2", "production"));
    assert_eq!(config.account[1].admin_token_file.as_deref(), Some(Path::new("/run/token")));
    assert_eq!(config.catalogue.keys, ["numero", "tax_id"]);
    let [extra] = config.catalogue.extra.as_slice() else { panic!("{:?}", config.catalogue.extra) };
    assert!(extra.event_type.as_str() == "SHIPMENT.SENT" && extra.sentences.is_none() && extra.sample.is_none());
}

#[test]
fn wrong_names_lead_to_the_right_ones() {
    for (text, expected) in [
        (
            "[delivery]\n  max_atempts = 3",
            "c.toml:2:3: unknown key `delivery.max_atempts`; did you mean `max_attempts`?",
        ),
        ("[server]\ntimeout = \"1s\"", "c.toml:2:1: unknown key `server.timeout`; it belongs in [delivery]"),
        ("listen = \"x\"", "c.toml:1:1: unknown key `listen`; it belongs in [server]"),
        ("[log]\nlisten = 1", "c.toml:2:1: unknown key `log.listen`; it belongs in [server]"),
        ("[log]\nlevle = \"info\"", "c.toml:2:1: unknown key `log.levle`; did you mean `level`?"),
        ("[log]\njiter = 0.1", "c.toml:2:1: unknown key `log.jiter`; did you mean `jitter` in [delivery]?"),
        ("[log]\ncolour = 1", "c.toml:2:1: unknown key `log.colour`; [log] has level, format"),
        ("colour = 1", "c.toml:1:1: unknown key `colour`; see config.example.toml for the keys"),
        ("env = \"x\"", "c.toml:1:1: unknown key `env`; it belongs in [[account]]"),
        ("[[account]]\npath = \"x\"", "c.toml:2:1: unknown key `account.path`; it belongs in [store]"),
        ("[delivry]", "c.toml:1:2: unknown section [delivry]; did you mean [delivery]?"),
        ("[[acount]]\nname = \"x\"", "c.toml:1:3: unknown section [acount]; did you mean [[account]]?"),
        ("[acount]", "c.toml:1:2: unknown section [acount]; did you mean [[account]]?"),
        ("[account]", "c.toml:1:2: write [[account]] in double brackets, once for each account"),
        ("account = [1]", "c.toml:1:12: write [[account]] in double brackets, once for each account"),
        ("[[server]]", "c.toml:1:3: write [server] once, in single brackets"),
        ("server = 1", "c.toml:1:1: `server` is a section; write [server] and its keys below"),
        ("\"a\\nb\" = 1", "c.toml:1:1: unknown key `\"a\\nb\"`; see config.example.toml for the keys"),
        ("account = []", "c.toml:1:1: there must be 1 to 1000 accounts, not 0"),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
    let strange = problem("[weather]");
    assert!(strange.starts_with("c.toml:1:2: unknown section [weather]; there are [server], [panel], "), "{strange}");
}

#[test]
fn wrong_values_are_told_from_right_ones() {
    for (text, expected) in [
        (
            "[delivery]\ntimeout = 30",
            "c.toml:2:11: `delivery.timeout` must be a duration from 100ms to 5m, not 30; write its unit, as in \
             \"30s\"",
        ),
        (
            "delivery.max_attempts = \"20\"",
            "c.toml:1:25: `delivery.max_attempts` must be a whole number from 1 to 20, not \"20\"; leave the quotes \
             out",
        ),
        (
            "[server]\nlisten = \"localhost:8080\"",
            "c.toml:2:10: `server.listen` must be an IP address with a port, such as \"127.0.0.1:8080\" or \
             \"[::1]:8080\", not \"localhost:8080\"",
        ),
        (
            "[log]\nlevel = \"verbose\"",
            "c.toml:2:9: `log.level` must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\", not \"verbose\"",
        ),
        ("[log]\nformat = 1979-05-27", "c.toml:2:10: `log.format` must be \"text\" or \"json\", not a date or time"),
        (
            "[log.level]",
            "c.toml:1:1: `log.level` must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\", not a table",
        ),
        ("store.path = \"\"", "c.toml:1:14: `store.path` must be a path, not \"\""),
        (
            "egress.allow = [\n  \"10.0.0.0/8\",\n  \"10.0.0.1/8\",\n]",
            "c.toml:3:3: item 2 of `egress.allow` can't be \"10.0.0.1/8\": bits beyond the prefix are set; write \
             \"10.0.0.0/8\" for the whole range",
        ),
        (
            "egress.allow_http = \"true\"",
            "c.toml:1:21: `egress.allow_http` must be true or false, not \"true\"; leave the quotes out",
        ),
    ] {
        assert_eq!(problem(text), expected, "{text}");
    }
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = "\
[log]
level = 1

[delivery]
schedule = [\"5s\", 30, \"x\"]
max_in_flight = 0
colour = 1

[[account]]
name = \"a\"
[[account]]
name = \"A\"
[[account]]
name = \"a\"
env = 'with\"quote'
[delivry]
jitter = 2
";
    let problems = load_all(
        text,
        &[("CARTEIRO_LOG__LEVEL", "x"), ("CARTEIRO_LOG__LEVLE", "info")],
        &[("log.format", "x"), ("log.x", "y")],
    )
    .unwrap_err();
    let places: Vec<&str> = problems.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "c.toml:2:9",
            "c.toml:5:19",
            "c.toml:5:23",
            "c.toml:6:17",
            "c.toml:7:1",
            "c.toml:12:8",
            "c.toml:14:8",
            "c.toml:15:7",
            "c.toml:16:2",
            "c.toml:17:10",
            "CARTEIRO_LOG__LEVEL",
            "CARTEIRO_LOG__LEVLE",
            "command line, log.format",
            "command line, log.x",
        ],
        "{problems:#?}"
    );
    assert!(problems[6].ends_with("`account.name` must be unique, and \"a\" is the account of line 10 already"));
    assert!(problems[11].ends_with("unknown variable; did you mean `CARTEIRO_LOG__LEVEL`?"));
}

#[test]
fn accounts_have_names_of_their_own() {
    let account = |name: &str| load(format!("[[account]]\nname = \"{name}\""));
    for good in ["a", "a-b_c9", &"x".repeat(64)] {
        assert_eq!(account(good).unwrap().account[0].name, good);
    }
    for bad in ["", "A", "a b", "é", &"x".repeat(65)] {
        assert!(account(bad).is_err(), "{bad}");
    }
    let env = |env: &str| load(format!("[[account]]\nenv = '{env}'"));
    assert!(env("!~").is_ok() && env(&"x".repeat(64)).is_ok());
    for bad in ["", "a b", "\"", "\\", "é", &"x".repeat(65)] {
        assert!(env(bad).is_err(), "{bad}");
    }
    assert_eq!(
        problem("[[account]]\n[[account]]"),
        "c.toml:2:1: `account.name` must be unique, and \"default\" is the account of line 1 already"
    );
    let many = |n: usize| {
        let accounts: Vec<String> = (0..n).map(|n| format!("[[account]]\nname = \"a{n}\"\n")).collect();
        load(accounts.concat())
    };
    assert_eq!(many(MAX_ACCOUNTS).unwrap().account.len(), MAX_ACCOUNTS);
    assert!(many(MAX_ACCOUNTS + 1).is_err());
}

#[test]
fn client_certificates_are_complete_and_say_whose_they_are() {
    let one = "[[client_certificate]]\nname = \"pix\"\ncert = \"a.pem\"\nkey = \"a.key\"\n";
    let shops = "[[account]]\nname = \"a\"\n[[account]]\nname = \"b\"\n";
    let loaded = load(format!("{one}[[account]]\nname = \"a\"")).unwrap();
    let own = &loaded.client_certificate[0];
    assert_eq!((own.name.as_str(), own.cert.as_path(), own.key.as_path()), ("pix", "a.pem".as_ref(), "a.key".as_ref()));
    assert!(own.permits("a"));
    let two = load(format!("{one}accounts = [\"b\"]\n{shops}")).unwrap();
    assert!(two.client_certificate[0].permits("b") && !two.client_certificate[0].permits("a"));
    for (text, expected) in [
        (format!("{one}{shops}"), "c.toml:2:8: `client_certificate.accounts` must say which accounts may use it"),
        (format!("{one}accounts = []\n{shops}"), "c.toml:5:12: `client_certificate.accounts` must say which"),
        (
            format!("{one}accounts = [\"c\"]\n{shops}"),
            "c.toml:5:12: `client_certificate.accounts` names c, and there is no such account; there are a, b",
        ),
        (
            format!("{one}{one}"),
            "c.toml:6:8: `client_certificate.name` must be unique, and \"pix\" is the client certificate of line 2",
        ),
        (one.replace("name = \"pix\"\n", ""), "c.toml:1:1: `client_certificate` has no `name`; write name = \"pix\""),
        (one.replace("key = \"a.key\"\n", ""), "c.toml:1:1: `client_certificate` has no `key`; write key ="),
        (one.replace("pix", "Pix"), "c.toml:2:8: `client_certificate.name` must be 1 to 64 of a-z"),
        (one.replace("a.pem", ""), "c.toml:3:8: `client_certificate.cert` must be a path"),
        (one.replace("cert =", "crt ="), "c.toml:1:1: `client_certificate` has no `cert`"),
        (
            one.replace("[[", "[").replace("]]", "]"),
            "c.toml:1:2: write [[client_certificate]] in double brackets, once for",
        ),
    ] {
        let problems = load(&text).unwrap_err();
        assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
        assert!(problems.len() == 1 || expected.contains("no `cert`"), "{problems:?}");
    }
    assert_eq!(load(format!("[[client_certificate]]\n{shops}")).unwrap_err().len(), 3, "and no panic");
    let many = |n: usize| load((0..n).map(|n| one.replace("pix", &format!("c{n}"))).collect::<String>());
    assert_eq!(many(MAX_CLIENT_CERTIFICATES).unwrap().client_certificate.len(), MAX_CLIENT_CERTIFICATES);
    assert!(many(MAX_CLIENT_CERTIFICATES + 1).is_err());
    let variable = [("CARTEIRO_CLIENT_CERTIFICATE__NAME", "x")];
    assert!(load_all("", &variable, &[]).unwrap_err()[0].contains("write [[client_certificate]] in the configuration"));
    // A reload takes up all of it.
    let before = load("").unwrap();
    assert_eq!(before.reloaded(&load(one).unwrap()).client_certificate[0].name, "pix");
}

#[test]
fn a_type_is_described_in_a_table_and_each_slip_in_it_is_found() {
    let text = r#"# ação
[[catalogue.extra]]
type = "A.B"
pt = "É."
en = "It."
sample = '''{
  "a": 1
}'''

[[catalogue.extra]]
type = "A.C""#;
    let extra = load(text).unwrap().catalogue.extra;
    assert_eq!((extra[0].sample.as_deref(), extra[1].event_type.as_str()), (Some("{\n  \"a\": 1\n}"), "A.C"));
    let slips = text.replace("pt = ", "pr = ").replace("\"A.C\"", "\"a.c\"");
    let problems = load(&slips).unwrap_err();
    let expected = [
        "c.toml:4:1: item 1 of `catalogue.extra` has the unknown key \"pr\"; did you mean",
        "c.toml:5:6: item 1 of `catalogue.extra` has `en` without `pt`",
        "c.toml:11:8: item 2 of `catalogue.extra` has a `type` that must be",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    assert!(problems.iter().zip(expected).all(|(found, expected)| found.starts_with(expected)), "{problems:#?}");
    let twice = problem(text.replace("A.C", "A.B"));
    assert!(twice.starts_with("c.toml:10:1: item 2 of `catalogue.extra` is A.B, as item 1 is already"), "{twice}");
    let comments: String =
        EXAMPLE.lines().filter_map(|line| line.strip_prefix("# ")).fold(String::new(), |all, line| all + line + " ");
    let shown = &comments[comments.find("{ type = ").unwrap()..];
    let shown = &shown[..=shown.find("}' }").unwrap() + 3];
    assert!(load(format!("catalogue.extra = [{shown}]")).unwrap().catalogue.extra[0].sample.is_some(), "{shown}");
    let inline = problem("catalogue.extra = [\"A.B\", { type = \"A.C\", sample = '[1]' }]");
    assert_eq!(inline, "c.toml:1:52: item 2 of `catalogue.extra` has `sample`, which must be a JSON object");
}

#[test]
fn flags_go_before_variables_before_the_file() {
    let text = "[delivery]\ntimeout = \"20s\"\njitter = 0.2\nmax_attempts = 2\n";
    let env = [
        ("CARTEIRO_DELIVERY__TIMEOUT", "30s"),
        ("CARTEIRO_DELIVERY__JITTER", "0.3"),
        ("CARTEIRO_EGRESS__ALLOW", "10.0.0.0/8, [::1]/128:3000"),
        ("CARTEIRO_DELIVERY__SCHEDULE", "[\"1s\", \"2s\"]"),
        ("CARTEIRO_EGRESS__ALLOW_HTTP", "false"),
        ("CARTEIRO_CONFIG", "/etc/carteiro.toml"),
        ("HOME__X", "ignored"),
    ];
    let loaded = load_all(text, &env, &[("delivery.timeout", "40s"), ("server.listen", "0.0.0.0:80")]).unwrap();
    let (timeout, retry) = (loaded.config.delivery.timeout, loaded.config.delivery.retry());
    assert_eq!((timeout, retry.jitter(), retry.max_attempts()), (Duration::from_secs(40), 0.3, 2));
    assert_eq!(retry.schedule().len(), 2);
    assert_eq!(loaded.config.egress.allow.len(), 2);
    assert!(!loaded.config.egress.allow_http);
    let source = |path| print::source_text(loaded.source(path));
    assert_eq!(source("delivery.timeout"), "command line");
    assert_eq!(source("delivery.jitter"), "CARTEIRO_DELIVERY__JITTER");
    assert!(source("delivery.max_attempts").ends_with("/c.toml:4"));
    assert_eq!(source("log.level"), "default");
}

#[test]
fn a_wrong_value_is_told_though_it_is_overridden() {
    let problems = load_all("log.level = 1", &[("CARTEIRO_LOG__LEVEL", "info")], &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
}

#[test]
fn variables_that_look_like_ours_must_be() {
    let problem = |name: &str| load_all("", &[(name, "1s")], &[]).unwrap_err().remove(0);
    assert_eq!(
        problem("CARTEIRO_DELIVERY__TIMEOT"),
        "CARTEIRO_DELIVERY__TIMEOT: unknown variable; did you mean `CARTEIRO_DELIVERY__TIMEOUT`?"
    );
    assert_eq!(
        problem("CARTEIRO_COLOUR__X"),
        "CARTEIRO_COLOUR__X: unknown variable; unset it, or see config.example.toml for the keys"
    );
    assert!(problem("CARTEIRO_ACCOUNT__NAME").contains("accounts can't be set by variables"));
    assert!(problem("CARTEIRO_delivery__timeout").ends_with("did you mean `CARTEIRO_DELIVERY__TIMEOUT`?"));
    assert_eq!(
        load_all("", &[("CARTEIRO_DELIVERY__SCHEDULE", "1s,2")], &[]).unwrap_err(),
        ["CARTEIRO_DELIVERY__SCHEDULE: item 2 of `delivery.schedule` must be a duration from 1ms to 30days, not \
             \"2\"; write its unit, as in \"2s\""]
    );
}

#[test]
fn a_connection_may_not_take_longer_than_the_attempt() {
    assert_eq!(
        problem("[delivery]\ntimeout = \"4s\""),
        "c.toml:2:11: `delivery.connect_timeout` (5s) must not be above `delivery.timeout` (4s); lower it, or raise \
         the \
         timeout"
    );
    assert!(problem("[delivery]\ntimeout = \"4s\"\nconnect_timeout = \"4001ms\"").starts_with("c.toml:3:19: "));
    assert!(load("[delivery]\ntimeout = \"4s\"\nconnect_timeout = \"4s\"").is_ok());
    assert!(
        problem("[delivery]\ntimeout = 4\nconnect_timeout = \"20s\"").starts_with("c.toml:2:11: "),
        "one is enough"
    );
    let problems = load_all("delivery.timeout = \"20s\"", &[("CARTEIRO_DELIVERY__CONNECT_TIMEOUT", "21s")], &[]);
    assert!(problems.unwrap_err()[0].starts_with("CARTEIRO_DELIVERY__CONNECT_TIMEOUT: "));
}

#[test]
fn a_reload_takes_up_what_needs_no_restart() {
    let old = load_all("", &[], &[]).unwrap();
    let text = "
        server.listen = \"127.0.0.1:1\"
        store.cache = \"1 MiB\"
        egress = { allow = [\"10.0.0.0/8\"], allow_http = false, extra_ca_file = \"ca.pem\", proxy = \"http://p:1\" }
        log = { level = \"debug\", format = \"json\" }
        catalogue = { strict = true, extra = [\"A.B\"] }
        [delivery]
        timeout = \"20s\"
        max_attempts = 3
        schedule = [\"1s\"]
        jitter = 0.5
        [[account]]
        name = \"other\"
    ";
    let new = load_all(text, &[], &[]).unwrap();
    assert_eq!(
        old.changes_needing_restart(&new),
        ["server.listen", "store.cache", "egress.extra_ca_file", "log.format", "account"]
    );
    let reloaded = old.config.reloaded(&new.config);
    let expected = Config {
        delivery: new.config.delivery.clone(),
        egress: Egress { extra_ca_file: None, ..new.config.egress.clone() },
        log: Log { level: LevelFilter::DEBUG, format: Format::Text },
        catalogue: new.config.catalogue.clone(),
        ..old.config.clone()
    };
    assert_eq!(reloaded, expected);
    assert!(old.changes_needing_restart(&old).is_empty());
    assert!(old.changes_needing_restart(&Loaded { config: reloaded, ..old.clone() }).is_empty());
}

#[test]
fn the_password_of_a_proxy_is_neither_printed_nor_quoted() {
    let loaded = load_all("egress.proxy = \"http://loja:s3nha@p:1\"", &[], &[]).unwrap();
    assert_eq!(loaded.config.egress.proxy.as_ref().unwrap().to_string(), "p:1");
    let printed = loaded.effective();
    assert!(printed.contains("egress.proxy = \"[redacted]\"   # "), "{printed}");
    assert!(!printed.contains("s3nha") && !format!("{loaded:?}").contains("s3nha"));
    assert!(load_all("", &[], &[]).unwrap().effective().contains("egress.proxy = \"\"   # default\n"));
    let problem = problem("egress.proxy = \"https://loja:s3nha@p:1\"");
    assert!(problem.contains("`egress.proxy` must be an http:// URL") && !problem.contains("s3nha"), "{problem}");
    let env = [("CARTEIRO_EGRESS__PROXY", "http://loja:s3nha@p"), ("CARTEIRO_EGRESS__PROXY_FILE", "x")];
    assert!(!load_all("", &env, &[]).unwrap_err().concat().contains("s3nha"));
}

#[test]
fn a_proxy_stands_in_the_config_or_in_a_file() {
    let both = problem("egress.proxy = \"http://p:1\"\negress.proxy_file = \"proxy\"");
    assert!(both.starts_with("c.toml:2:") && both.contains("stands beside `egress.proxy`"), "{both}");
    assert!(load("egress.proxy = \"\"\negress.proxy_file = \"proxy\"").is_ok());
}
