//! From what is to be told to a message: its title, its sentences, its links, and the same facts for programs.

use crate::alerts::core::{Draft, Line, Phase};
use crate::alerts::message::{ConditionFact, Kind, Link, Message, MessageKey, Severity, Title, WebhookFact};
use crate::alerts::seeing::Known;
use crate::alerts::sentences::{self, About};
use crate::alerts::words::{self, at_moment, day, moment, names, span};
use crate::clock::Zone;
use crate::delivery::{advice, fact, why};
use crate::model::{AccountNo, Alert, Condition, Language, Localized, Recipient, Timestamp, Webhook, WebhookId};
use crate::stats::HourCounts;
use crate::store::Store;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How many webhooks a message says more of than their names.
const MAX_DETAILED: usize = 5;

/// What writing a message needs to know beside what it tells of.
pub(crate) struct Writer<'a> {
    /// For what is known of webhooks and why they fail.
    pub(crate) store: &'a Store,
    /// The message's language.
    pub(crate) language: Language,
    /// In which zone its times are.
    pub(crate) zone: Zone,
    /// When it is written.
    pub(crate) now: Timestamp,
    /// Where people reach the panel; no links without it.
    pub(crate) panel: Option<String>,
    /// The names of the accounts.
    pub(crate) accounts: &'a [(AccountNo, String)],
    /// When things end, and what certificates are called.
    pub(crate) known: Known,
}

/// Lines of the same condition and phase.
struct Group<'l> {
    kind: Condition,
    phase: Phase,
    lines: Vec<&'l Line>,
}

impl Writer<'_> {
    /// Writes a message. Blocks on the disk.
    pub(crate) fn write(&self, draft: &Draft) -> Message {
        let groups = groups(&draft.lines);
        let mut paragraphs: Vec<String> = Vec::new();
        if let Some(since) = draft.digest_since {
            paragraphs.push(self.figures(draft.recipient, since));
        }
        for group in &groups {
            paragraphs.extend(self.paragraphs(group));
        }
        Message {
            key: self.key(draft),
            kind: kind(draft),
            severity: severity(draft),
            language: self.language,
            at: self.now,
            title: Title::new(&self.title(draft, &groups)),
            paragraphs,
            links: self.links(&groups),
            conditions: draft.lines.iter().map(|line| self.fact(line)).collect(),
            conditions_left_out: 0,
        }
    }

    /// The same after a crash, and no other letter's: of another store, recipient, number or moment.
    fn key(&self, draft: &Draft) -> MessageKey {
        let id = self.store.id();
        let store = u32::from_be_bytes([id[0], id[1], id[2], id[3]]);
        let (to, number, at) = (draft.recipient.number(), draft.number, self.now.as_ms());
        MessageKey::parse(&format!("carteiro:{store:08x}:{to}:{number}:{at}")).expect("hex and digits make a key")
    }

    fn pick(&self, text: &Localized) -> String {
        self.language.of(text).to_owned()
    }

    fn title(&self, draft: &Draft, groups: &[Group<'_>]) -> String {
        if draft.digest_since.is_some() {
            let open = draft.lines.len();
            return self.pick(&match open {
                0 => Localized::new("Summary of the day: all is well", "Resumo do dia: tudo certo"),
                1 => Localized::new("Summary of the day: 1 open alert", "Resumo do dia: 1 aviso aberto"),
                open => Localized {
                    en: format!("Summary of the day: {open} open alerts"),
                    pt: format!("Resumo do dia: {open} avisos abertos"),
                },
            });
        }
        let Some(first) = groups.first() else {
            return "carteiro".to_owned();
        };
        let title = self.group_title(first);
        let others: usize = groups[1..].iter().map(|group| group.lines.len()).sum();
        match (others, self.language) {
            (0, _) => title,
            (1, Language::Pt) => format!("{title} (e mais 1 aviso)"),
            (more, Language::Pt) => format!("{title} (e mais {more} avisos)"),
            (1, Language::En) => format!("{title} (and 1 more alert)"),
            (more, Language::En) => format!("{title} (and {more} more alerts)"),
        }
    }

    fn group_title(&self, group: &Group<'_>) -> String {
        match group.lines.as_slice() {
            [line] => self.pick(&sentences::title(group.kind, group.phase, &self.about(line))),
            lines => self.pick(&sentences::title_of_several(group.kind, group.phase, lines.len())),
        }
    }

    fn about(&self, line: &Line) -> About {
        let end = self.known.ends.get(&line.condition).copied();
        let until = |language: Language| match (end, line.condition) {
            (None, _) => String::new(),
            (Some(end), Condition::WebhookDisabling(_)) => at_moment(language, &self.zone, end, self.now),
            (Some(end), _) => day(language, &self.zone, end),
        };
        let since = line.ended_at.unwrap_or(self.now).since(line.since);
        // What is less than a second beside a step is the time service's own correction.
        let step = |ms: u64| Some(span(Duration::from_millis(ms))).filter(|_| ms >= 1000);
        About {
            name: self.name(line.condition),
            span: span(since),
            count: line.count,
            until_en: until(Language::En),
            until_pt: until(Language::Pt),
            is_past: end.is_some_and(|end| end <= self.now),
            free: self.language.bytes(self.store.stats().free_bytes.unwrap_or(0)),
            forward: step(line.steps.forward_ms),
            back: step(line.steps.back_ms),
        }
    }

    fn webhook(&self, condition: Condition) -> Option<Arc<Webhook>> {
        self.store.directory().by_no(condition.webhook()?).cloned()
    }

    fn account_name(&self, no: AccountNo) -> Option<&str> {
        self.accounts.iter().find(|(known, _)| *known == no).map(|(_, name)| name.as_str())
    }

    /// The name of a webhook or certificate; of an account, what stands behind the sentence where there are several.
    fn name(&self, condition: Condition) -> String {
        if let Some(name) = self.known.certificates.get(&condition) {
            return name.to_string();
        }
        if let Condition::NoEvents(no) = condition {
            let name = self.account_name(no).filter(|_| self.accounts.len() > 1);
            let (en, pt) = (" (account ", " (conta ");
            return name.map(|name| format!("{}{name})", self.language.pick(en, pt))).unwrap_or_default();
        }
        self.webhook(condition).map(|webhook| webhook.name().to_owned()).unwrap_or_default()
    }

    /// What happened and what to do, of one group.
    fn paragraphs(&self, group: &Group<'_>) -> Vec<String> {
        let mut paragraphs = vec![self.what(group)];
        let is_of_target = matches!(group.kind, Condition::WebhookFailing(_) | Condition::WebhookDisabled(_));
        if is_of_target && group.phase != Phase::Over {
            paragraphs.extend(self.reasons(group));
        }
        if let Condition::NotificationsFailed(_) = group.kind {
            paragraphs.extend(group.lines.iter().take(MAX_DETAILED).filter_map(|line| self.orders(line, group)));
        }
        paragraphs.extend(sentences::advice(group.kind, group.phase).map(|text| self.pick(&text)));
        paragraphs
    }

    /// One sentence: what happened, to whom, since when.
    fn what(&self, group: &Group<'_>) -> String {
        let title = self.group_title(group);
        let since = |line: &Line| moment(self.language, &self.zone, line.since, self.now);
        if let [line] = group.lines.as_slice() {
            if group.kind.is_momentary() {
                return format!("{title}.");
            }
            // It is about what is to come.
            if group.kind.is_ahead() && line.ended_at.is_none() {
                return format!("{title}.");
            }
            let from = since(line);
            return match (line.ended_at, self.language) {
                (Some(end), language) => {
                    let end = moment(language, &self.zone, end, self.now);
                    let (en, pt) = (format!("from {from} to {end}"), format!("de {from} a {end}"));
                    format!("{title} ({}).", language.pick(&en, &pt))
                }
                (None, Language::Pt) => format!("{title} (desde {from})."),
                (None, Language::En) => format!("{title} (since {from})."),
            };
        }
        let listed: Vec<String> =
            group.lines.iter().take(words::MAX_NAMES).map(|line| self.name(line.condition)).collect();
        format!("{title}: {}.", names(self.language, &listed, group.lines.len()))
    }

    /// Why targets fail, and what to do about that: the same reason and the same advice once.
    fn reasons(&self, group: &Group<'_>) -> Vec<String> {
        let mut reasons: Vec<(String, &str, Vec<String>)> = Vec::new();
        for line in group.lines.iter().take(MAX_DETAILED) {
            let Some(webhook) = self.webhook(line.condition) else { continue };
            // What can't be read costs the reason alone.
            let Some(attempt) = self.store.last_failure(&webhook).ok().flatten() else { continue };
            let Some(error) = why(&attempt.result) else { continue };
            let reason = fact(self.language.pick(&error.message, &error.message_pt));
            let advice = advice(error.code, attempt.result.status()).of(self.language);
            let name = webhook.name().to_owned();
            match reasons.iter_mut().find(|(known, ..)| *known == reason) {
                Some((.., names)) => names.push(name),
                None => reasons.push((reason, advice, vec![name])),
            }
        }
        let mut said = BTreeSet::new();
        let mut texts = Vec::new();
        for (reason, advice, names) in reasons {
            texts.push(if group.lines.len() > 1 { format!("{}: {reason}", names.join(", ")) } else { reason });
            if said.insert(advice) {
                texts.push(format!("{} {advice}", self.language.pick("What to do:", "O que fazer:")));
            }
        }
        texts
    }

    /// Which orders are concerned.
    fn orders(&self, line: &Line, group: &Group<'_>) -> Option<String> {
        let ids = &line.external_ids;
        let all = usize::try_from(line.count).unwrap_or(usize::MAX).max(ids.len());
        let listed = names(self.language, ids, if ids.len() < Alert::MAX_IDS { ids.len() } else { all });
        let orders = self.language.pick("Orders", "Pedidos");
        let of = if group.lines.len() > 1 { format!(" ({})", self.name(line.condition)) } else { String::new() };
        (!ids.is_empty()).then(|| format!("{orders}{of}: {listed}."))
    }

    /// How delivery has done since then.
    fn figures(&self, recipient: Recipient, since: Timestamp) -> String {
        let hours = usize::try_from(self.now.since(since).as_secs().div_ceil(3600)).unwrap_or(24).clamp(1, 744);
        let own = |no: &AccountNo| recipient == Recipient::Operator || recipient == Recipient::Account(*no);
        let mut sum = HourCounts::default();
        for no in self.accounts.iter().map(|(no, _)| no).filter(|no| own(no)) {
            let (all, _) = self.store.hours_of(*no, self.now);
            sum.add(HourCounts::sum(&all[all.len().saturating_sub(hours)..]));
        }
        let HourCounts { confirmed, retried, failed } = sum;
        let since = moment(self.language, &self.zone, since, self.now);
        let [delivered, retried, failed] = match self.language {
            Language::En => [(confirmed, ["delivered"; 2]), (retried, ["retried"; 2]), (failed, ["failed"; 2])],
            Language::Pt => [
                (confirmed, ["entregue", "entregues"]),
                (retried, ["tentada de novo", "tentadas de novo"]),
                (failed, ["falhou", "falharam"]),
            ],
        }
        .map(|(count, words)| words::counted(count, words));
        format!("{} {since}: {delivered}, {retried}, {failed}.", self.language.pick("Since", "Desde"))
    }

    /// The pages where it is corrected, the most useful first.
    fn links(&self, groups: &[Group<'_>]) -> Vec<Link> {
        let Some(panel) = &self.panel else {
            return Vec::new();
        };
        let mut links: Vec<Link> = Vec::new();
        let mut add = |label: String, path: &str| {
            let url = format!("{panel}{path}");
            if links.len() < 3 && !links.iter().any(|link| link.url == url) {
                links.push(Link { label, url });
            }
        };
        for group in groups {
            let webhook = match group.lines.as_slice() {
                [line] => self.webhook(line.condition),
                _ => None,
            };
            match (group.kind, webhook) {
                (Condition::NotificationsFailed(_), Some(webhook)) => {
                    let path = format!("/notifications?webhook_id={}&status=FAILED", webhook.id);
                    add(self.language.pick("See what failed", "Ver o que falhou").to_owned(), &path);
                }
                (Condition::NotificationsFailed(_), None) => {
                    let label = self.language.pick("See what failed", "Ver o que falhou").to_owned();
                    add(label, "/notifications?status=FAILED");
                }
                (_, Some(webhook)) => {
                    let open = self.language.pick("Open the webhook", "Abrir o webhook");
                    add(format!("{open} {}", webhook.name()), &format!("/webhooks/{}", webhook.id));
                }
                (kind, None) if kind.webhook().is_some() => {
                    add(self.language.pick("See the webhooks", "Ver os webhooks").to_owned(), "/webhooks");
                }
                (Condition::NoEvents(_), None) => {
                    add(self.language.pick("See the events", "Ver os eventos").to_owned(), "/events");
                }
                (_, None) => add(self.language.pick("See the system", "Ver o sistema").to_owned(), "/system"),
            }
        }
        links
    }

    fn fact(&self, line: &Line) -> ConditionFact {
        let webhook = self.webhook(line.condition);
        let account = match line.condition {
            Condition::NoEvents(no) => Some(no),
            _ => webhook.as_ref().map(|webhook| webhook.account),
        };
        ConditionFact {
            condition: line.condition.as_str().to_owned(),
            kind: kind_of(line.phase),
            account: account.and_then(|no| self.account_name(no)).map(str::to_owned),
            webhook: webhook.map(|webhook| WebhookFact { id: webhook.id, name: webhook.name().to_owned() }),
            since: line.since,
            count: line.condition.counts().then_some(line.count),
            external_ids: line.external_ids.clone(),
        }
    }
}

/// What is most urgent first: what is critical, what is new, what lasts, what is over.
fn groups(lines: &[Line]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for line in lines {
        let same = |group: &&mut Group<'_>| (group.kind.code().0, group.phase) == (line.condition.code().0, line.phase);
        match groups.iter_mut().find(same) {
            Some(group) => group.lines.push(line),
            None => groups.push(Group { kind: line.condition, phase: line.phase, lines: vec![line] }),
        }
    }
    groups.sort_by_key(|group| (!(group.kind.is_critical() && group.phase != Phase::Over), group.phase));
    groups
}

fn kind(draft: &Draft) -> Kind {
    // What is new comes first, what is over last.
    let first = draft.lines.iter().map(|line| line.phase).min();
    if draft.digest_since.is_some() { Kind::Digest } else { kind_of(first.unwrap_or(Phase::Over)) }
}

const fn kind_of(phase: Phase) -> Kind {
    match phase {
        Phase::New => Kind::Opened,
        Phase::Lasts => Kind::Reminder,
        Phase::Over => Kind::Over,
    }
}

fn severity(draft: &Draft) -> Severity {
    let lasts = |line: &&Line| line.phase != Phase::Over;
    match draft.lines.iter().filter(lasts).map(|line| line.condition.is_critical()).max() {
        _ if draft.digest_since.is_some() => Severity::Info,
        Some(true) => Severity::Critical,
        Some(false) => Severity::Warning,
        None => Severity::Info,
    }
}

impl Writer<'_> {
    /// The title of an alert that lasts, for a list.
    pub(crate) fn title_of(&self, condition: Condition, alert: &Alert) -> String {
        let line = Line {
            ended_at: alert.ended_at,
            count: alert.untold,
            steps: alert.steps,
            ..Line::new(condition, if alert.ended_at.is_some() { Phase::Over } else { Phase::New }, alert.since)
        };
        self.pick(&sentences::title(condition, line.phase, &self.about(&line)))
    }

    /// What a condition is about, for a list.
    pub(crate) fn name_of(&self, condition: Condition) -> String {
        self.pick(&sentences::name(condition, &self.name(condition)))
    }

    /// The webhook of a condition.
    pub(crate) fn webhook_of(&self, condition: Condition) -> Option<WebhookId> {
        self.webhook(condition).map(|webhook| webhook.id)
    }
}
