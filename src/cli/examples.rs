//! The examples at the end of every command's help and manual page.

use clap::Command;

/// What stands for an id in the table below.
const ID: &str = "{id}";
/// An id as examples show one.
const EXAMPLE_ID: &str = "0193a5b0-1111-7222-8333-444455556666";

/// Each command with lines for a shell; the test parses them as the command would.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("", &["carteiro demo", "carteiro webhooks create --help"]),
    ("serve", &["carteiro serve", "carteiro serve --config carteiro.toml"]),
    ("demo", &["carteiro demo", "carteiro demo --for 30s", "carteiro demo --port 8080"]),
    ("check-config", &["carteiro check-config --config carteiro.toml"]),
    ("config", &["carteiro config", "CARTEIRO_STORE__RETENTION=30days carteiro config | grep retention"]),
    ("backup", &["sudo carteiro backup /var/backups/carteiro.backup", "carteiro backup - | gzip > carteiro.backup.gz"]),
    (
        "restore",
        &[
            "sudo -u carteiro carteiro restore carteiro.backup --data /var/lib/carteiro",
            "carteiro restore carteiro.backup --data new --journal old/journal --to '2026-11-28 09:00'",
        ],
    ),
    ("verify", &["sudo carteiro verify", "carteiro verify --data /var/lib/carteiro"]),
    ("health", &["carteiro health", "carteiro health --server https://carteiro.loja.example"]),
    ("doctor", &["sudo carteiro doctor", "sudo carteiro doctor --json"]),
    ("reload", &["sudo carteiro reload"]),
    ("account", &["sudo carteiro account list"]),
    ("account list", &["sudo carteiro account list", "sudo carteiro account list --json"]),
    ("account export", &["sudo carteiro account export loja-b > loja-b.jsonl"]),
    ("account remove", &["sudo carteiro account remove loja-b"]),
    ("token", &["carteiro token list"]),
    (
        "token create",
        &[
            "carteiro token create --name shop --scope ingest",
            "carteiro token create --name support --scope read --expires 90d",
        ],
    ),
    ("token list", &["carteiro token list"]),
    ("token revoke", &["carteiro token revoke {id}"]),
    ("audit", &["carteiro audit --from yesterday", "carteiro audit --webhook-id {id} --all"]),
    (
        "panel-link",
        &["sudo carteiro panel-link", "carteiro panel-link --server https://carteiro.loja.example --token-file token"],
    ),
    ("webhooks", &["carteiro webhooks list"]),
    ("webhooks list", &["carteiro webhooks list", "carteiro webhooks list --json"]),
    ("webhooks show", &["carteiro webhooks show {id}"]),
    (
        "webhooks create",
        &[
            "carteiro webhooks create --target https://erp.example/hooks --events 'PAYMENT.*,ORDER.*' --name ERP",
            "carteiro webhooks create --target https://erp.example/pix --events PAYMENT.PAID \\\n    \
             --filter '{\"payment\": {\"method\": \"PIX\"}}' --authorization-file erp.token",
        ],
    ),
    (
        "webhooks change",
        &[
            "carteiro webhooks change {id} --target https://erp.example/new",
            "carteiro webhooks change {id} --max-in-flight 2 --clear filter",
        ],
    ),
    ("webhooks pause", &["carteiro webhooks pause {id}"]),
    ("webhooks resume", &["carteiro webhooks resume {id}"]),
    ("webhooks delete", &["carteiro webhooks delete {id}"]),
    ("webhooks test", &["carteiro webhooks test {id}"]),
    (
        "webhooks filter-test",
        &[
            "carteiro webhooks filter-test {id}",
            "carteiro webhooks filter-test {id} --filter '{\"payment\": {\"total_cents\": {\"$gte\": 10000}}}'",
        ],
    ),
    ("webhooks export", &["carteiro webhooks export > webhooks.toml"]),
    (
        "webhooks apply",
        &[
            "carteiro webhooks apply webhooks.toml --dry-run",
            "WEBHOOK_ERP_AUTHORIZATION='Bearer …' carteiro webhooks apply webhooks.toml",
        ],
    ),
    (
        "webhooks backfill",
        &[
            "carteiro webhooks backfill {id} --from 7d --dry-run",
            "carteiro webhooks backfill {id} --from 2026-11-01 --to 2026-11-08 --type 'PAYMENT.*'",
        ],
    ),
    ("webhooks backfills", &["carteiro webhooks backfills"]),
    ("webhooks show-backfill", &["carteiro webhooks show-backfill {id}"]),
    ("webhooks cancel-backfill", &["carteiro webhooks cancel-backfill {id}"]),
    (
        "webhooks rotate-secret",
        &["carteiro webhooks rotate-secret {id}", "carteiro webhooks rotate-secret {id} --overlap 0s"],
    ),
    ("webhooks rotate-key", &["carteiro webhooks rotate-key {id}"]),
    ("events", &["carteiro events list"]),
    ("events list", &["carteiro events list --query 11249", "carteiro events list --type 'PAYMENT.*' --from today"]),
    ("events show", &["carteiro events show {id}"]),
    (
        "events create",
        &[
            "carteiro events create --type ORDER.PAID --resource order.json --external-id 11249",
            "echo '{\"order\": {\"id\": 11249}}' | carteiro events create --type ORDER.PAID --resource -",
        ],
    ),
    ("events notifications", &["carteiro events notifications {id}"]),
    ("events explain", &["carteiro events explain {id}"]),
    ("events resend", &["carteiro events resend {id}"]),
    ("events erase", &["carteiro events erase {id}", "carteiro events erase --query maria@cliente.example --dry-run"]),
    ("events erasures", &["carteiro events erasures"]),
    ("events erasure", &["carteiro events erasure {id}"]),
    ("events cancel-erasure", &["carteiro events cancel-erasure {id}"]),
    (
        "events follow",
        &["carteiro events follow --type 'ORDER.*'", "carteiro events follow --after start --json > events.jsonl"],
    ),
    ("notifications", &["carteiro notifications list"]),
    (
        "notifications list",
        &["carteiro notifications list --status FAILED", "carteiro notifications list --query 11249 --all"],
    ),
    ("notifications show", &["carteiro notifications show {id}"]),
    (
        "notifications request",
        &["carteiro notifications request {id}", "carteiro notifications request {id} --attempt 1 --curl"],
    ),
    (
        "notifications resend",
        &[
            "carteiro notifications resend {id}",
            "carteiro notifications resend --status FAILED --from yesterday",
            "carteiro notifications resend --response-status 5xx --webhook-id {id}",
        ],
    ),
    ("notifications jobs", &["carteiro notifications jobs"]),
    ("notifications job", &["carteiro notifications job {id}"]),
    ("notifications cancel", &["carteiro notifications cancel {id}"]),
    ("notifications follow", &["carteiro notifications follow --type 'PAYMENT.*'"]),
    ("alerts", &["carteiro alerts list"]),
    ("alerts list", &["carteiro alerts list"]),
    ("alerts mute", &["carteiro alerts mute disk-low --for 24h"]),
    ("alerts unmute", &["carteiro alerts unmute disk-low"]),
    ("alerts test", &["carteiro alerts test", "carteiro alerts test --channel email"]),
    ("trigger", &["carteiro trigger PAYMENT.PAID --set payment.total_cents=990", "carteiro trigger --list"]),
    ("tail", &["carteiro tail", "carteiro tail --type 'PAYMENT.*' --json"]),
    (
        "listen",
        &[
            "carteiro listen --secret-file erp.secret --fail-first 2",
            "carteiro listen --port 9001 --forward http://127.0.0.1:3000/webhooks",
        ],
    ),
    (
        "completions",
        &["carteiro completions bash | sudo tee /usr/share/bash-completion/completions/carteiro > /dev/null"],
    ),
    ("man", &["carteiro man webhooks create | man -l -", "carteiro man --all ."]),
];

/// The examples of one command, as its help ends with them; `path` is its name without `carteiro`.
fn of(path: &str) -> Option<String> {
    let (_, lines) = EXAMPLES.iter().find(|(of, _)| *of == path)?;
    let title = if lines.len() == 1 { "Example:" } else { "Examples:" };
    let lines: Vec<String> = lines.iter().map(|line| format!("\n  {}", line.replace(ID, EXAMPLE_ID))).collect();
    Some(format!("{title}{}", lines.concat()))
}

/// The command with its examples behind its help, and all commands below it.
pub(crate) fn with_examples(command: Command) -> Command {
    below(command, "")
}

fn below(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |command| below(command, path.trim_start()));
    }
    let Some(examples) = of(path) else { return command };
    let text = match command.get_after_help() {
        Some(first) => format!("{examples}\n\n{first}"),
        None => examples,
    };
    command.after_help(text)
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;
    use std::collections::BTreeSet;

    /// The words of each command of a line, as a shell splits them; what follows a `>` is no word.
    fn commands(line: &str) -> Vec<Vec<String>> {
        let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
        let (mut quote, mut to_file) = (None, false);
        for c in format!("{line} ").replace("\\\n", "").chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '|' | '>' | ' ') => {
                    if let Some(done) = word.take()
                        && !std::mem::take(&mut to_file)
                    {
                        words.push(done);
                    }
                    match c {
                        '>' => to_file = true,
                        '|' => commands.push(std::mem::take(&mut words)),
                        _ => {}
                    }
                }
                _ => word.get_or_insert_default().push(c),
            }
        }
        assert_eq!(quote, None, "an open quote: {line}");
        commands.push(words);
        commands
    }

    fn paths(command: &Command, path: &str, all: &mut BTreeSet<String>) {
        all.insert(path.to_owned());
        for sub in command.get_subcommands() {
            paths(sub, format!("{path} {}", sub.get_name()).trim_start(), all);
        }
    }

    /// A command or flag that was renamed leaves examples behind that nobody can run.
    #[test]
    fn every_command_ends_its_help_with_examples_that_it_understands() {
        let mut all = BTreeSet::new();
        paths(&command(), "", &mut all);
        let with: BTreeSet<String> = EXAMPLES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(with, all, "each command has its line in the table, and no other has");
        for (path, lines) in EXAMPLES {
            for line in *lines {
                let line = line.replace(ID, EXAMPLE_ID);
                let mut its_own = 0;
                for words in commands(&line) {
                    let Some(at) = words.iter().position(|word| word == "carteiro") else { continue };
                    // `sudo -u carteiro carteiro`
                    let at = at + usize::from(words.get(at + 1).is_some_and(|word| word == "carteiro"));
                    let parsed = command().try_get_matches_from(&words[at..]);
                    let help = words.iter().any(|word| word == "--help");
                    let matches = match parsed {
                        Err(error) if help && error.kind() == clap::error::ErrorKind::DisplayHelp => {
                            its_own += 1;
                            continue;
                        }
                        parsed => parsed.unwrap_or_else(|error| panic!("{path}: {line}: {error}")),
                    };
                    let (mut named, mut matches) = (Vec::new(), &matches);
                    while let Some((name, below)) = matches.subcommand() {
                        named.push(name);
                        matches = below;
                    }
                    its_own += usize::from(named.join(" ").starts_with(path));
                }
                assert_eq!(its_own, 1, "{path}: {line}");
            }
        }
    }

    #[test]
    fn help_shows_them_last() {
        let mut whole = command();
        whole.build();
        let create = whole.find_subcommand_mut("webhooks").and_then(|of| of.find_subcommand_mut("create")).unwrap();
        let help = create.render_help().to_string();
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        assert!(examples.starts_with("  carteiro webhooks create --target https://"), "{examples}");
        let help = whole.render_help().to_string();
        assert!(help.contains("\nExamples:\n  carteiro demo\n") && help.contains("Exit codes: 0 done"), "{help}");
    }
}
