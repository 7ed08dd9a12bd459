//! What the daemon says: whether it answers and takes events, its version, the token, its clock, its alerts.

use super::finding::{Findings, Subject, as_it_is};
use super::targets;
use crate::cli::client::{ApiClient, ApiRequest};
use crate::cli::connection::{ConnectionArgs, Extent, Filters};
use crate::cli::output::text;
use crate::config::Config;
use crate::model::{Localized, localized};
use serde_json::Value;

/// How far ahead of the trusted time the clock may be, in seconds.
const MAX_CLOCK_LEAD: f64 = 60.0;
/// Conditions that the webhooks themselves tell of.
const OF_TARGETS: [&str; 3] = ["WEBHOOK_FAILING", "WEBHOOK_DISABLING", "WEBHOOK_DISABLED"];

pub(super) fn look(connection: &ConnectionArgs, config: &Config, findings: &mut Findings) {
    let anyone = match connection.without_token(config) {
        Ok(daemon) => daemon,
        Err(error) => return findings.fail(Subject::Daemon, as_it_is(error.sentence)),
    };
    let address = anyone.address().to_owned();
    match anyone.call(ApiRequest::get("/readyz")) {
        Ok(_) => findings.ok(Subject::Daemon, localized!("at {address}, takes events", "em {address}, recebe eventos")),
        Err(error) if error.refusal.is_some() => {
            let why = error.sentence;
            findings.fail(
                Subject::Daemon,
                localized!("at {address} refuses events: {why}", "em {address} recusa eventos: {why}"),
            );
        }
        Err(error) => {
            let why = error.sentence;
            return findings.fail(
                Subject::Daemon,
                localized!(
                    "{why}; token, clock, targets and alerts weren't looked at",
                    "{why}; token, relógio, destinos e avisos não foram verificados"
                ),
            );
        }
    }
    let daemon = match connection.daemon_of(config) {
        Ok(daemon) => daemon,
        Err(error) => return findings.fail(Subject::Token, as_it_is(error.sentence)),
    };
    let source = connection.token_source(config);
    let webhooks = match Extent::ALL.read(&daemon, "/api/webhooks", &Filters::default()) {
        Ok(webhooks) => webhooks,
        Err(error) => {
            let why = error.sentence;
            return findings.fail(Subject::Token, as_it_is(format_args!("{source}: {why}")));
        }
    };
    findings.ok(Subject::Token, localized!("{source} is taken", "{source} é aceito"));
    if let Ok(metrics) = daemon.text("/metrics") {
        version(&metrics, findings);
        clock(&metrics, findings);
    }
    let webhooks: Vec<Value> = webhooks.values().collect();
    targets::look(&webhooks, findings);
    alerts(&daemon, findings);
}

/// The value of a metric without labels.
fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn version(metrics: &str, findings: &mut Findings) {
    let own = env!("CARGO_PKG_VERSION");
    let line = metrics.lines().find_map(|line| line.strip_prefix("carteiro_build_info{version=\""));
    let Some(running) = line.and_then(|rest| rest.split('"').next()) else { return };
    if running == own {
        findings.ok(Subject::Version, as_it_is(own));
    } else {
        findings.warn(
            Subject::Version,
            localized!(
                "the daemon is {running}, and this command is {own}: restart the daemon after an upgrade (`sudo \
                 systemctl restart carteiro`)",
                "o daemon é {running}, e este comando é {own}: reinicie o daemon depois de uma atualização (`sudo \
                 systemctl restart carteiro`)"
            ),
        );
    }
}

fn clock(metrics: &str, findings: &mut Findings) {
    let Some(lead) = value(metrics, "carteiro_clock_ahead_seconds").filter(|lead| *lead > MAX_CLOCK_LEAD) else {
        return;
    };
    findings.warn(
        Subject::Clock,
        localized!(
            "it is {lead} s ahead of the time that the store trusts: if the clock is right, that ends within a day; \
             else put it right, and nothing is lost",
            "está {lead} s à frente do horário em que o armazenamento confia: se o relógio está certo, isso acaba em \
             um dia; se não, acerte-o, e nada se perde"
        ),
    );
}

fn alerts(daemon: &ApiClient, findings: &mut Findings) {
    let answer = match daemon.get("/api/alerts") {
        Ok(answer) => answer,
        Err(error) => return findings.warn(Subject::Alerts, as_it_is(error.sentence)),
    };
    let alerts = answer.value();
    let open = alerts.as_array().into_iter().flatten().filter(|alert| alert["since"].is_string());
    let mut is_quiet = true;
    for alert in open.filter(|alert| !OF_TARGETS.iter().any(|name| alert["condition"] == *name)) {
        is_quiet = false;
        let title = Localized { en: text(&alert["title"]), pt: text(&alert["title_pt"]) };
        if alert["severity"] == "critical" {
            findings.fail(Subject::Alerts, title);
        } else {
            findings.warn(Subject::Alerts, title);
        }
    }
    if is_quiet {
        findings.ok(Subject::Alerts, localized!("none is open", "nenhum está aberto"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn metrics_are_read_by_their_whole_names() {
        let metrics = "# HELP carteiro_clock_ahead_seconds X\ncarteiro_clock_ahead_seconds_total 7\n\
                       carteiro_clock_ahead_seconds 3600.5\ncarteiro_build_info{version=\"0.0.1\"} 1\n";
        assert_eq!(value(metrics, "carteiro_clock_ahead_seconds"), Some(3600.5));
        assert_eq!(value(metrics, "carteiro_clock"), None);
        let mut findings = Findings::default();
        version(metrics, &mut findings);
        clock(metrics, &mut findings);
        assert_eq!(findings.levels(), [Level::Warn, Level::Warn]);
        let mut findings = Findings::default();
        let own = format!("carteiro_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
        version(&own, &mut findings);
        clock("carteiro_clock_ahead_seconds 0\n", &mut findings);
        assert_eq!(findings.levels(), [Level::Ok]);
    }
}
