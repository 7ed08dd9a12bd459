//! The targets of the webhooks: which of them fail, and whether their names can be resolved from here.

use super::finding::{Findings, Subject};
use crate::cli::client::block_on;
use crate::cli::output::text;
use crate::clock::Zone;
use crate::gather::Gather as _;
use crate::model::{Localized, TargetUrl, localized};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long a name may take: resolvers try each server for five seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most names that are resolved, all at once.
const MAX_HOSTS: usize = 200;

pub(super) fn look(webhooks: &[Value], findings: &mut Findings) {
    let mut bad = false;
    for webhook in webhooks {
        if let Some(message) = trouble(webhook) {
            bad = true;
            findings.warn(Subject::Targets, message);
        }
    }
    let count = webhooks.len();
    if !bad {
        findings.ok(
            Subject::Targets,
            match count {
                0 => localized!(
                    "no webhook is registered; `carteiro webhooks create --help` tells how",
                    "nenhum webhook ainda; `carteiro webhooks create --help` mostra como criar um"
                ),
                1 => localized!("1 webhook, which doesn't fail", "1 webhook, sem falhas"),
                _ => localized!("{count} webhooks, none of which fails", "{count} webhooks, nenhum com falhas"),
            },
        );
    }
    judge(resolve(hosts(webhooks)), findings);
}

/// What is wrong with a webhook's target, if anything.
fn trouble(webhook: &Value) -> Option<Localized> {
    let [name, target, id] = ["name", "target", "id"].map(|field| text(&webhook[field]));
    if webhook["status"] == "DISABLED" {
        let [en, pt] = ["disabled_reason", "disabled_reason_pt"]
            .map(|field| Zone::local().localize(&text(&webhook[field])).trim_end_matches('.').to_owned());
        return Some(Localized {
            en: format!("{name} ({target}) is disabled: {en}; once that is fixed: carteiro webhooks resume {id}"),
            pt: format!("{name} ({target}) está desativado: {pt}; depois de corrigido: carteiro webhooks resume {id}"),
        });
    }
    let since = webhook["failing_since"].as_str().filter(|_| webhook["status"] == "ACTIVE")?;
    let since = Zone::local().localize(since);
    Some(localized!(
        "{name} ({target}) has been failing since {since}: `carteiro notifications list --webhook-id {id}` shows how",
        "{name} ({target}) falha desde {since}: `carteiro notifications list --webhook-id {id}` mostra como"
    ))
}

/// The names of the targets that are delivered to, as far as they are no addresses.
fn hosts(webhooks: &[Value]) -> BTreeSet<String> {
    let active = webhooks.iter().filter(|webhook| webhook["status"] == "ACTIVE");
    let hosts = active.filter_map(|webhook| {
        let target = TargetUrl::parse(webhook["target"].as_str()?).ok()?;
        let host = target.host();
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_err().then(|| host.to_owned())
    });
    hosts.take(MAX_HOSTS).gather()
}

/// What became of each name: why it has no address, if it has none. Asked also where a proxy makes the connections:
/// the daemon checks the addresses before it asks one.
fn resolve(hosts: BTreeSet<String>) -> Vec<(String, Option<String>)> {
    let resolved = block_on(async {
        let mut lookups = JoinSet::new();
        for host in hosts {
            lookups.spawn(async move {
                let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.clone(), 0))).await;
                let why = match found {
                    Ok(Ok(mut addresses)) => addresses.next().is_none().then(|| "no address".to_owned()),
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
                };
                (host, why)
            });
        }
        Ok(lookups.join_all().await)
    });
    // Without a runtime nothing is known.
    resolved.unwrap_or_default()
}

fn judge(resolved: Vec<(String, Option<String>)>, findings: &mut Findings) {
    let count = resolved.len();
    if count == 0 {
        return;
    }
    let failed: Vec<(String, String)> = resolved.into_iter().filter_map(|(host, why)| Some((host, why?))).collect();
    if failed.is_empty() {
        return findings.ok(
            Subject::Dns,
            localized!("resolves the targets' names ({count})", "resolve os nomes dos destinos ({count})"),
        );
    }
    if failed.len() == count && count > 1 {
        let (host, why) = &failed[0];
        return findings.fail(
            Subject::Dns,
            localized!(
                "resolves none of {count} names of targets ({host}: {why}): look at /etc/resolv.conf and the network",
                "não resolve nenhum dos {count} nomes dos destinos ({host}: {why}): confira /etc/resolv.conf e a rede"
            ),
        );
    }
    for (host, why) in failed {
        findings.warn(
            Subject::Dns,
            localized!(
                "{host} can't be resolved: {why}; where other names can't either, look at /etc/resolv.conf, else ask \
                 those who run the target, or change the webhook's target",
                "{host} não pode ser resolvido: {why}; se outros nomes também não, confira /etc/resolv.conf; senão \
                 fale com quem cuida do destino, ou altere o destino do webhook"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use serde_json::json;

    #[test]
    fn failing_and_disabled_webhooks_are_told_and_paused_ones_are_not() {
        let webhook = |status: &str, failing: bool| {
            json!({
                "id": "0193a5b0-1111-7222-8333-444455556666", "name": "ERP", "target": "http://127.0.0.1:9/",
                "status": status,
                "failing_since": if failing { json!("2026-11-28T12:00:00.000Z") } else { Value::Null },
                "disabled_reason": "It answered 410.", "disabled_reason_pt": "Respondeu 410.",
            })
        };
        let told = |webhook: &Value| trouble(webhook).map(|message| message.pt);
        assert_eq!(told(&webhook("ACTIVE", false)), None);
        assert_eq!(told(&webhook("PAUSED", true)), None);
        assert!(told(&webhook("ACTIVE", true)).unwrap().starts_with("ERP (http://127.0.0.1:9/) falha desde 2026-11-"));
        assert!(told(&webhook("DISABLED", false)).unwrap().contains("desativado: Respondeu 410; depois"));
    }

    #[test]
    fn a_name_that_leads_nowhere_is_told() {
        let levels = |resolved: &[(&str, Option<&str>)]| {
            let owned = resolved.iter().map(|(host, why)| ((*host).to_owned(), why.map(str::to_owned)));
            let mut findings = Findings::default();
            judge(owned.collect(), &mut findings);
            findings.levels()
        };
        let (known, unknown) = (("loja.example", None), ("erp.example", Some("no answer within 10 s")));
        assert!(levels(&[]).is_empty());
        assert_eq!(levels(&[known]), [Level::Ok]);
        assert_eq!(levels(&[unknown]), [Level::Warn], "one alone may be misspelt");
        assert_eq!(levels(&[known, unknown]), [Level::Warn]);
        assert_eq!(levels(&[unknown, ("nf.example", Some("no address"))]), [Level::Fail]);
    }

    #[test]
    fn names_are_asked_for_once_and_addresses_never() {
        let to = |target: &str| json!({ "status": "ACTIVE", "target": target });
        assert!(hosts(&[to("http://127.0.0.1:9/"), to("http://[::1]/")]).is_empty());
        // Reserved: no resolver knows it (RFC 6761, 6.4).
        let named = hosts(&[to("http://loja.invalid/"), to("http://127.0.0.1/"), to("https://loja.invalid:9/x")]);
        let resolved = resolve(named);
        assert!(matches!(resolved.as_slice(), [(host, Some(_))] if host == "loja.invalid"), "{resolved:?}");
    }
}
