//! Alerts: what has happened since they were last looked at, and what was told.

use crate::model::{Actor, Alert, AlertFacts, AuditNote, Book, Condition, Letter, Recipient, Timestamp, WebhookNo};
use crate::store::changes::audit::put_row;
use crate::store::changes::change::{Change, FEW_ROWS_BYTES};
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::schema::keys::Key;
use crate::store::schema::{alert_keys, record};
use crate::store::txn::Txn;

/// Keeps what has become of alerts: what is `None` is removed. Facts that were taken in are forgotten with it, and what
/// has come meanwhile stays. All of it or nothing: what is to be sent, and that it was told. Refused as
/// [`StoreError::Full`] while the disk has no room for the outcomes of attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepAlerts {
    /// What lasts or is to be told.
    pub alerts: Vec<((Recipient, Condition), Option<Alert>)>,
    /// What is on its way, by recipient and number.
    pub letters: Vec<((Recipient, u64), Option<Letter>)>,
    /// What is remembered of recipients.
    pub books: Vec<(Recipient, Option<Book>)>,
    /// What nobody is told of, until a moment or for good; `Some(None)` is for good.
    pub mutes: Vec<(Condition, Option<Option<Timestamp>>)>,
    /// What was taken in, of webhooks and of the machine.
    pub taken: Vec<(WebhookNo, AlertFacts)>,
    /// Who has asked for the mutes, and what the audit has of it: a row in the same commit.
    pub asked: Option<(Actor, AuditNote)>,
}

impl KeepAlerts {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Change for KeepAlerts {
    type Reply = ();
    type Error = StoreError;

    const CAN_WAIT: bool = true;
    const UNAUDITED: Option<&'static str> = Some("alerts tell of themselves, and a mute brings a row of its own");

    fn weight(&self, _ledger: &Ledger) -> usize {
        let rows = self.alerts.len() + self.books.len() + self.mutes.len() + self.taken.len();
        let letters: usize = self.letters.iter().flat_map(|(_, letter)| letter).map(|letter| letter.body.len()).sum();
        FEW_ROWS_BYTES * (1 + rows + self.letters.len()) + letters
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, Self::Error> {
        let Self { alerts, letters, books, mutes, taken, asked } = self;
        // Its caller may have made it of what it held before something was erased.
        let forgotten = ledger.shared.forgotten().clone();
        for ((recipient, condition), alert) in alerts {
            let alert = forgotten
                .iter()
                .fold(alert, |alert, one| alert.and_then(|alert| one.left_of_alert((recipient, condition), alert)));
            stage(txn, alert_keys::alert(recipient, condition), alert.map(|alert| record::encode_alert(&alert)));
        }
        for ((recipient, number), letter) in letters {
            let letter = forgotten
                .iter()
                .fold(letter, |letter, one| letter.and_then(|letter| one.left_of_letter(recipient, letter)));
            stage(txn, alert_keys::letter(recipient, number), letter.map(|letter| record::encode_letter(&letter)));
        }
        for (recipient, book) in books {
            stage(txn, alert_keys::book(recipient), book.map(|book| record::encode_book(&book)));
        }
        for (condition, until) in mutes {
            stage(txn, alert_keys::mute(condition), until.map(record::encode_mute));
        }
        for (webhook, taken) in taken {
            ledger.change_facts(txn, webhook, |facts| *facts = std::mem::take(facts).without(&taken));
        }
        if let Some((actor, note)) = asked {
            put_row(ledger, txn, actor, note, now);
        }
        Ok(())
    }
}

fn stage(txn: &mut Txn<'_>, key: Key, value: Option<Vec<u8>>) {
    match value {
        Some(value) => txn.put(key, value),
        None => txn.delete(key),
    }
}

impl Ledger {
    /// Changes what alerts have not taken in yet, of a webhook or of the machine ([`AlertFacts::MACHINE`]).
    pub(crate) fn change_facts(&mut self, txn: &mut Txn<'_>, webhook: WebhookNo, change: impl FnOnce(&mut AlertFacts)) {
        let mut all = self.shared.alert_facts();
        let facts = all.entry(webhook).or_default();
        change(facts);
        if facts.is_empty() {
            all.remove(&webhook);
            txn.delete(alert_keys::alert_facts(webhook));
        } else {
            txn.put(alert_keys::alert_facts(webhook), record::encode_alert_facts(facts));
        }
    }

    /// Forgets what alerts have not taken in yet of a webhook that is removed.
    pub(crate) fn forget_facts(&mut self, txn: &mut Txn<'_>, webhook: WebhookNo) {
        self.shared.alert_facts().remove(&webhook);
        txn.delete(alert_keys::alert_facts(webhook));
    }
}

/// Notes a step of the clock for alerts.
pub(crate) fn note_step(ledger: &mut Ledger, txn: &mut Txn<'_>) {
    if let Some((by_ms, at)) = ledger.clock_steps.take_step() {
        ledger.change_facts(txn, AlertFacts::MACHINE, |facts| facts.add_step(at, by_ms));
    }
}
