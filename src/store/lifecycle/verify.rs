//! Verifying: every row read, its checksum and its range, and every index walked both ways.
//!
//! It runs beside a committer that changes what is being looked at, so a suspicion is looked at again, a few times,
//! before it counts as a finding: what two rows say of each other is changed by one batch, but read by two reads. What
//! is recorded after it has begun isn't looked at ([`bound`]).

mod bound;
pub(crate) mod jobs;

use crate::model::{
    AccountNo, Event, EventId, Localized, NotificationKey, Noun, Seq, Timestamp, TokenId, WebhookId, WebhookNo,
    display_in_english, localized,
};
use crate::store::engine::{Tree, catch_sled_panic};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::hex::hex;
use crate::store::lifecycle::readable::behind_the_damage;
use crate::store::lifecycle::verify::bound::Bound;
use crate::store::lifecycle::verify::jobs::JobCounts;
use crate::store::query::point::implied;
use crate::store::schema::index::{event_rows, notification_rows};
use crate::store::schema::record::Stored;
use crate::store::schema::references::References;
use crate::store::schema::table::Table;
use crate::store::schema::{alert_keys, keys, record, seqs};
use crate::store::times::Runs;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How many findings are told in full; the rest is counted.
const MAX_TOLD: usize = 100;
/// How often a suspicion is looked at before it counts.
const LOOKS: usize = 5;
/// What is waited between two looks: longer than a batch takes to apply.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rows each kind has.
    pub rows: BTreeMap<&'static str, u64>,
    /// What is wrong, a sentence each, the first of them.
    pub findings: Vec<String>,
    /// How many findings there were in all.
    pub wrong: u64,
}

impl Report {
    /// Whether all is well.
    pub fn is_sound(&self) -> bool {
        self.wrong == 0
    }

    pub(crate) fn wrong(&mut self, what: impl fmt::Display) {
        self.wrong += 1;
        if self.findings.len() < MAX_TOLD {
            self.findings.push(what.to_string());
        }
    }

    /// The whole report. What is wrong with a row is in English in both, for whoever looks into the store.
    pub fn localized(&self) -> Localized {
        let of = |name: fn(&'static str) -> &'static str| {
            let rows = self.rows.iter().map(|(kind, rows)| format!("{rows:>12}  {}\n", name(kind)));
            rows.chain(self.findings.iter().map(|finding| format!("{finding}\n"))).collect::<String>()
        };
        let (en, pt) = (of(|name| name), of(Table::in_portuguese));
        let Localized { en: verdict_en, pt: verdict_pt } = self.verdict();
        match self.wrong - self.findings.len() as u64 {
            0 => localized!("{en}{verdict_en}", "{pt}{verdict_pt}"),
            more => localized!("{en}and {more} more\n{verdict_en}", "{pt}e mais {more}\n{verdict_pt}"),
        }
    }

    fn verdict(&self) -> Localized {
        if self.is_sound() {
            return localized!(
                "every row is as it was written, and every index leads where it should",
                "toda linha está como foi gravada, e todo índice leva aonde deve"
            );
        }
        let Localized { en, pt } = Noun::ROWS.counted(self.wrong);
        localized!(
            "not as they should be: {en}; keep a copy of the data folder, then restore the last backup into an empty \
             folder with `carteiro restore FILE`",
            "não estão como deveriam: {pt}; guarde uma cópia da pasta de dados e restaure o último backup em uma pasta \
             vazia com `carteiro restore ARQUIVO`"
        )
    }
}

display_in_english!(Report);

impl Store {
    /// Reads every row and walks every index both ways, beside whatever else goes on; rows of events that are recorded
    /// after it has begun are left out. Blocks, for as long as that takes; `progress` hears how many rows were read.
    pub fn verify(&self, progress: impl FnMut(u64)) -> Report {
        verify(&*self.shared.tree, &self.shared.references, self.durable(), progress)
    }
}

/// What is wrong with a row, if anything is; an error where that can't be told.
pub(crate) fn problem(
    tree: &dyn Tree,
    references: &References,
    key: &[u8],
    value: &[u8],
) -> Result<Option<String>, StoreError> {
    let verifier = Verifier { tree, references, report: Report::default() };
    Table::of(key).map_or(Ok(None), |table| verifier.check_row(table, key, value))
}

/// All accounts.
pub(crate) fn accounts(tree: &dyn Tree) -> Result<Vec<AccountNo>, StoreError> {
    let accounts = tree.scan(&keys::accounts()).keys().map(|key| {
        let short = StoreError::Damaged { table: "account", what: "has a short key" };
        keys::u32_at(&key?, 1).map(AccountNo).ok_or(short)
    });
    accounts.collect()
}

/// Whether all parts of a payload that stands in parts are there.
pub(crate) fn payload_is_there(tree: &dyn Tree, seq: Seq, stored: &Stored) -> Result<bool, StoreError> {
    let Stored::Chunked { len, chunks, .. } = stored else { return Ok(true) };
    let mut found = 0;
    for number in 0..*chunks {
        let Some(chunk) = tree.get(&keys::chunk(seq, number))? else { return Ok(false) };
        found += record::decode_chunk(&chunk)?.len();
    }
    Ok(found == *len)
}

/// The webhooks that have a notification of an event.
pub(crate) fn recipients(tree: &dyn Tree, event: &Event) -> Result<BTreeSet<WebhookNo>, StoreError> {
    let (account, seq) = (event.account, event.seq);
    let mut owed = BTreeSet::new();
    for webhook in seqs::webhooks_below(tree, &keys::untried_of_account(account))? {
        let key = NotificationKey { seq, webhook };
        if tree.contains(&keys::untried(account, key))? {
            owed.insert(webhook);
        }
    }
    let prefix = keys::notifications_of(account, seq);
    for row in tree.scan(&prefix).keys() {
        owed.extend(keys::u32_at(&row?, prefix.len()).map(WebhookNo));
    }
    Ok(owed)
}

/// The number of an event type; `None` where no event of the account has had it.
pub(crate) fn number_of_type(tree: &dyn Tree, account: AccountNo, name: &str) -> Result<Option<u32>, StoreError> {
    for row in tree.scan(&keys::type_names_of(account)) {
        let (key, value) = row?;
        if record::decode_text(&value)? == name {
            return Ok(keys::u32_at(&key, 5));
        }
    }
    Ok(None)
}

/// Reads the whole tree, but for rows of events behind the `last`. Blocks, for as long as that takes; `progress` hears
/// how many rows were read.
pub(crate) fn verify(tree: &dyn Tree, references: &References, last: Seq, mut progress: impl FnMut(u64)) -> Report {
    let (bound, mut jobs) = (Bound::new(tree, last), JobCounts::new(tree));
    let mut verifier = Verifier { tree, references, report: Report::default() };
    let mut read = 0;
    let mut from: Vec<u8> = Vec::new();
    loop {
        // One row at a time: a page that can't be read is stepped over, and an iterator of sled's can't do that.
        let row = catch_sled_panic(|| tree.range(&from, None).next().transpose());
        let (key, value) = match row {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                let why = error.finding();
                let table = Table::of(&from).map_or("first", Table::name);
                let Some(next) = behind_the_damage(tree, &from) else {
                    verifier.report.wrong(format_args!("nothing behind a row of table `{table}` can be read: {why}"));
                    break;
                };
                let last = Table::of(&next).map_or("last", Table::name);
                verifier.report.wrong(format_args!(
                    "rows from {} ({table}) to {} ({last}) can't be read: {why}",
                    hex(&from),
                    hex(&next)
                ));
                from = next;
                continue;
            }
        };
        let table = Table::of(&key);
        if let Some(next) = table.and_then(|table| bound.passes_over(table, &key, &value)) {
            from = next;
            continue;
        }
        *verifier.report.rows.entry(table.map_or("unknown", Table::name)).or_default() += 1;
        if table == Some(Table::Notification) {
            jobs.meet(&key, &value);
        }
        let mut problem = verifier.check(table, &key, &value);
        for _ in 1..LOOKS {
            // So much is wrong that one finding more or less tells nothing.
            if problem.is_none() || verifier.report.wrong >= MAX_TOLD as u64 {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
            problem = match catch_sled_panic(|| tree.get(&key)) {
                Ok(Some(now)) => verifier.check(table, &key, &now),
                // It is gone by now, as it should be.
                Ok(None) => None,
                Err(error) => Some(error.finding()),
            };
        }
        if let Some(problem) = problem {
            verifier.report.wrong(format_args!("{} {}: {problem}", table.map_or("row", Table::name), hex(&key)));
        }
        from.clear();
        from.extend_from_slice(&key);
        from.push(0);
        read += 1;
        progress(read);
    }
    jobs.findings(tree).iter().for_each(|finding| verifier.report.wrong(finding));
    match catch_sled_panic(|| tree.check()) {
        Ok(findings) => findings.iter().for_each(|finding| verifier.report.wrong(finding)),
        Err(error) => verifier.report.wrong(error.finding()),
    }
    verifier.report
}

struct Verifier<'t> {
    tree: &'t dyn Tree,
    references: &'t References,
    report: Report,
}

/// What is wrong with a row, if anything is.
type Problem = Option<String>;

impl Verifier<'_> {
    fn check(&self, table: Option<Table>, key: &[u8], value: &[u8]) -> Problem {
        let Some(table) = table else {
            return Some("belongs to no table".to_owned());
        };
        catch_sled_panic(|| self.check_row(table, key, value)).unwrap_or_else(|error| Some(error.finding()))
    }

    fn check_row(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Problem, StoreError> {
        let short = || StoreError::Damaged { table: table.name(), what: "has a short key" };
        let u32_at = |at| keys::u32_at(key, at).ok_or_else(short);
        let u64_at = |at| keys::u64_at(key, at).ok_or_else(short);
        let id_at = |at: usize| key.get(at..at + 16).and_then(|id| <[u8; 16]>::try_from(id).ok()).ok_or_else(short);
        let last_seq = || u64_at(key.len().checked_sub(8).ok_or_else(short)?).map(Seq);
        match table {
            Table::Meta => match &key[1..] {
                b"format" => record::decode_format(value).map(|_| None),
                b"clock" => record::decode_clock(value).map(|_| None),
                _ => Ok(Some("is not known".to_owned())),
            },
            Table::Head => record::decode_head(value).map(|_| None),
            Table::Account => record::decode_text(value).map(|_| None),
            Table::TypeName => record::decode_text(value).map(|_| None),
            Table::Token => {
                let id = TokenId::from_bytes(id_at(1)?);
                Ok((record::decode_token(value)?.id != id).then(|| "holds another token".to_owned()))
            }
            Table::Webhook => {
                let (account, no) = (AccountNo(u32_at(1)?), WebhookNo(u32_at(5)?));
                let webhook = record::decode_webhook(value)?;
                if (webhook.account, webhook.no) != (account, no) {
                    return Ok(Some("holds another webhook".to_owned()));
                }
                self.has(&keys::webhook_id(webhook.id), "its id leads nowhere")
            }
            Table::WebhookId => {
                let id = WebhookId::from_bytes(id_at(1)?);
                let by_id = record::decode_webhook_ref(value)?;
                let row = keys::webhook(AccountNo(by_id.account), WebhookNo(by_id.webhook));
                let Some(webhook) = self.tree.get(&row)? else {
                    return Ok(Some("leads to no webhook".to_owned()));
                };
                Ok((record::decode_webhook(&webhook)?.id != id).then(|| "leads to another webhook".to_owned()))
            }
            Table::Event => self.check_event(AccountNo(u32_at(1)?), Seq(u64_at(5)?), value),
            Table::Chunk => {
                record::decode_chunk(value)?;
                let (seq, number) = (Seq(u64_at(1)?), keys::u16_at(key, 9).ok_or_else(short)?);
                // A chunk's key names no account: the event's account has the chunk.
                let Some((_, stored)) = self.event_of_any_account(seq)? else {
                    return Ok(Some("belongs to no event".to_owned()));
                };
                let there = matches!(stored, Stored::Chunked { chunks, .. } if number < chunks);
                Ok((!there).then(|| "is not part of its event's payload".to_owned()))
            }
            Table::Alert => {
                let Some(row) = alert_keys::alert_row(key) else {
                    return Ok(Some("has a key of no kind".to_owned()));
                };
                match row {
                    alert_keys::AlertRow::Alert(..) => record::decode_alert(value).map(drop)?,
                    alert_keys::AlertRow::Letter(..) => record::decode_letter(value).map(drop)?,
                    alert_keys::AlertRow::Book(_) => record::decode_book(value).map(drop)?,
                    alert_keys::AlertRow::Mute(_) => record::decode_mute(value).map(drop)?,
                    alert_keys::AlertRow::Facts(_) => record::decode_alert_facts(value).map(drop)?,
                }
                Ok(None)
            }
            Table::OwnId => {
                let (account, id) = (AccountNo(u32_at(1)?), EventId::from_bytes(id_at(5)?));
                let event = self.event(account, record::decode_seq(value)?)?;
                Ok((event.map(|event| event.id) != Some(id)).then(|| "leads to no event of that id".to_owned()))
            }
            Table::Type => self.check_entry_of_event(key, AccountNo(u32_at(1)?), last_seq()?),
            Table::Reference => {
                let (_, seq) = keys::reference_parts(key).ok_or_else(short)?;
                self.check_entry_of_event(key, AccountNo(u32_at(1)?), seq)
            }
            Table::Idempotency => {
                let (account, known) = (AccountNo(u32_at(1)?), record::decode_idempotency(value)?);
                if let Some(made) = known.webhook
                    && !self.tree.contains(&keys::webhook(account, WebhookNo(made.no)))?
                {
                    return Ok(Some("leads to no webhook".to_owned()));
                }
                let until = Timestamp::from_ms(known.until_ms);
                self.has(&keys::idempotency_end(until, account, id_at(5)?), "its end is missing")
            }
            Table::IdempotencyEnd => {
                let (until, account) = (Timestamp::from_ms(u64_at(1)?), AccountNo(u32_at(9)?));
                let Some(value) = self.tree.get(&keys::idempotency(account, id_at(13)?))? else {
                    return Ok(Some("leads to no idempotency key".to_owned()));
                };
                let until_ms = record::decode_idempotency(&value)?.until_ms;
                Ok((until_ms != until.as_ms()).then(|| "ends at another moment than its key".to_owned()))
            }
            Table::Notification => {
                let account = AccountNo(u32_at(1)?);
                let of = NotificationKey { seq: Seq(u64_at(5)?), webhook: WebhookNo(u32_at(13)?) };
                self.check_notification(account, of, value)
            }
            Table::Attempt => {
                record::decode_attempt(value)?;
                let of = NotificationKey { seq: Seq(u64_at(1)?), webhook: WebhookNo(u32_at(9)?) };
                let number = keys::u16_at(key, 13).ok_or_else(short)?;
                let Some(notification) = self.notification_of_any_account(of)? else {
                    return Ok(Some("belongs to no notification".to_owned()));
                };
                let last = notification.last.as_ref().map_or(0, |last| last.number);
                Ok((number >= last).then(|| "is not one of its notification's earlier attempts".to_owned()))
            }
            Table::Order => self.check_order(key, u32_at(1)?, last_seq()?),
            Table::Untried => {
                let of = NotificationKey { seq: last_seq()?, webhook: WebhookNo(u32_at(5)?) };
                self.check_untried(key, AccountNo(u32_at(1)?), of)
            }
            Table::ByWebhook | Table::Retry | Table::Manual => {
                self.check_index(key, NotificationKey { seq: last_seq()?, webhook: WebhookNo(u32_at(1)?) })
            }
            Table::ByState => {
                self.check_index(key, NotificationKey { seq: last_seq()?, webhook: WebhookNo(u32_at(6)?) })
            }
            Table::ByResponse => {
                self.check_index(key, NotificationKey { seq: last_seq()?, webhook: WebhookNo(u32_at(7)?) })
            }
            Table::Health => record::decode_health(value).map(|_| None),
            Table::Job => record::decode_job(value).map(|_| None),
            Table::BulkJob => record::decode_bulk_job(AccountNo(u32_at(1)?), u64_at(5)?, value).map(|_| None),
            Table::Erasure => record::decode_erasure(AccountNo(u32_at(1)?), u64_at(5)?, value).map(|_| None),
            Table::Audit => record::decode_audit(AccountNo(u32_at(1)?), u64_at(5)?, value).map(|_| None),
        }
    }

    fn check_event(&self, account: AccountNo, seq: Seq, value: &[u8]) -> Result<Problem, StoreError> {
        let (event, stored) = record::decode_event(account, seq, value)?;
        if (stored == Stored::Erased) != event.erased_at.is_some() {
            return Ok(Some("is erased and has a payload, or neither".to_owned()));
        }
        if !payload_is_there(self.tree, seq, &stored)? {
            return Ok(Some("its payload isn't there, or not all of it".to_owned()));
        }
        let Some(rows) = self.rows_of(&event)? else {
            return Ok(Some("has a type that has no number".to_owned()));
        };
        for row in rows {
            if !self.tree.contains(&row)? {
                return Ok(Some("one of its index rows is missing".to_owned()));
            }
        }
        if event.id.claimed_seq() != Some(seq) && !self.tree.contains(&keys::own_id(account, event.id))? {
            return Ok(Some("its id leads nowhere".to_owned()));
        }
        if let Some(problem) = self.check_time(&event)? {
            return Ok(Some(problem));
        }
        let owed = recipients(self.tree, &event)?;
        Ok((owed.len() != event.notifications as usize)
            .then(|| format!("its notifications: {} by its count, {} there", event.notifications, owed.len())))
    }

    /// Filters by time go by the runs: an event's time must fit the one it is in.
    fn check_time(&self, event: &Event) -> Result<Problem, StoreError> {
        let kept = self.tree.get(&keys::meta("clock"))?.map(|value| record::decode_clock(&value)).transpose()?;
        let run = Runs::from_record(&kept.unwrap_or_default().runs).of(event.seq.0);
        let at_ms = event.inserted_at.as_ms();
        if at_ms < run.first_ms || at_ms > run.last_ms {
            return Ok(Some("its time is not of its run".to_owned()));
        }
        let (first, own) = (keys::event(event.account, Seq(run.start)), keys::event(event.account, event.seq));
        let mut before = self.tree.range_rev(&first, &own);
        let before = before.find(|row| row.as_ref().map_or(true, |(key, _)| key[..] != own[..]));
        let Some((key, before)) = before.transpose()? else {
            return Ok(None);
        };
        let seq = Seq(keys::u64_at(&key, 5).unwrap_or_default());
        let before_ms = record::decode_event_head(event.account, seq, &before)?.inserted_at.as_ms();
        let runs_back = before_ms > at_ms.saturating_add(run.disorder_ms);
        Ok(runs_back.then(|| "its time is before that of the event before it, in one run".to_owned()))
    }

    fn check_notification(
        &self,
        account: AccountNo,
        key: NotificationKey,
        value: &[u8],
    ) -> Result<Problem, StoreError> {
        let notification = record::decode_notification(account, key, value)?;
        if self.event(account, key.seq)?.is_none() {
            return Ok(Some("belongs to no event".to_owned()));
        }
        if !self.tree.contains(&keys::webhook(account, key.webhook))? {
            return Ok(Some("belongs to no webhook".to_owned()));
        }
        for row in notification_rows(&notification) {
            if !self.tree.contains(&row)? {
                return Ok(Some("one of its index rows is missing".to_owned()));
            }
        }
        let last = notification.last.as_ref().map_or(0, |last| last.number);
        if last != notification.attempts {
            return Ok(Some("its last attempt is not the one it counts to".to_owned()));
        }
        if notification.awaits_predecessor && notification.order.is_none() {
            return Ok(Some("it waits for its turn in no order".to_owned()));
        }
        for number in 1..last {
            if !self.tree.contains(&keys::attempt(key, number))? {
                return Ok(Some(format!("its attempt {number} is missing")));
            }
        }
        Ok(None)
    }

    /// A row of an order. The first of each resource answers for all of it: one of them must have its turn.
    fn check_order(&self, row: &[u8], webhook: u32, seq: Seq) -> Result<Problem, StoreError> {
        let webhook = WebhookNo(webhook);
        if let Some(problem) = self.check_index(row, NotificationKey { seq, webhook })? {
            return Ok(Some(problem));
        }
        let chain = &row[..row.len() - 8];
        if self.tree.range(chain, Some(row)).next().transpose()?.is_some() {
            return Ok(None);
        }
        for other in self.tree.scan(chain).keys() {
            let other = keys::u64_at(&other?, chain.len()).map(Seq).unwrap_or_default();
            let key = NotificationKey { seq: other, webhook };
            if self.notification_of_any_account(key)?.is_some_and(|other| !other.awaits_predecessor) {
                return Ok(None);
            }
        }
        Ok(Some("all of its resource wait for their turn, and none has it".to_owned()))
    }

    fn check_entry_of_event(&self, entry: &[u8], account: AccountNo, seq: Seq) -> Result<Problem, StoreError> {
        let Some(event) = self.event(account, seq)? else {
            return Ok(Some("leads to no event".to_owned()));
        };
        let rows = self.rows_of(&event)?.unwrap_or_default();
        Ok((!rows.iter().any(|row| row == entry)).then(|| "is not an index row of its event".to_owned()))
    }

    /// One that is untried may have no record; then its event and its webhook must be there all the same.
    fn check_untried(&self, entry: &[u8], account: AccountNo, key: NotificationKey) -> Result<Problem, StoreError> {
        if self.tree.contains(&keys::notification(account, key))? {
            return self.check_index(entry, key);
        }
        if self.event(account, key.seq)?.is_none() {
            return Ok(Some("belongs to no event".to_owned()));
        }
        if !self.tree.contains(&keys::webhook(account, key.webhook))? {
            return Ok(Some("belongs to no webhook".to_owned()));
        }
        Ok(None)
    }

    /// A row of an index of notifications: its notification must be there, and have it.
    fn check_index(&self, row: &[u8], key: NotificationKey) -> Result<Problem, StoreError> {
        let Some(notification) = self.notification_of_any_account(key)? else {
            return Ok(Some("leads to no notification".to_owned()));
        };
        let has = notification_rows(&notification).iter().any(|own| own == row);
        Ok((!has).then(|| "is not an index row of its notification".to_owned()))
    }

    fn has(&self, key: &[u8], else_say: &str) -> Result<Problem, StoreError> {
        Ok((!self.tree.contains(key)?).then(|| else_say.to_owned()))
    }

    /// The index rows of an event; `None` where its type has no number.
    fn rows_of(&self, event: &Event) -> Result<Option<Vec<keys::Key>>, StoreError> {
        let type_no = number_of_type(self.tree, event.account, event.event_type.as_str())?;
        Ok(type_no.map(|type_no| event_rows(self.references, event, type_no)))
    }

    fn event(&self, account: AccountNo, seq: Seq) -> Result<Option<Event>, StoreError> {
        let value = self.tree.get(&keys::event(account, seq))?;
        value.map(|value| record::decode_event_head(account, seq, &value)).transpose()
    }

    fn event_of_any_account(&self, seq: Seq) -> Result<Option<(Event, Stored)>, StoreError> {
        for account in accounts(self.tree)? {
            if let Some(value) = self.tree.get(&keys::event(account, seq))? {
                return record::decode_event(account, seq, &value).map(Some);
            }
        }
        Ok(None)
    }

    fn notification_of_any_account(
        &self,
        key: NotificationKey,
    ) -> Result<Option<crate::model::Notification>, StoreError> {
        for account in accounts(self.tree)? {
            if let Some(value) = self.tree.get(&keys::notification(account, key))? {
                return record::decode_notification(account, key, &value).map(Some);
            }
            if let Some(notification) = implied(self.tree, account, key)? {
                return Ok(Some(notification));
            }
        }
        Ok(None)
    }
}
