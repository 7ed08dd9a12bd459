//! What was erased, and is told to nobody any more.

use super::{AccountNo, Alert, Condition, Letter, LetterText, Recipient, WebhookNo};
use std::collections::{BTreeMap, BTreeSet};

/// Something that alerts must forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// The shop's id of an event that was erased with it.
    ExternalId {
        /// Whose event it was.
        account: AccountNo,
        /// The webhooks that have a notification of it.
        webhooks: BTreeSet<WebhookNo>,
        /// The id.
        id: String,
    },
    /// An account that was removed.
    Account {
        /// Its number.
        no: AccountNo,
        /// The name that it had.
        name: String,
    },
}

impl Forgotten {
    /// An alert without it; `None` where nothing is left.
    pub fn left_of_alert(&self, (to, condition): (Recipient, Condition), mut alert: Alert) -> Option<Alert> {
        match self {
            Self::ExternalId { webhooks, id, .. } => {
                if condition.webhook().is_some_and(|no| webhooks.contains(&no)) {
                    alert.external_ids.retain(|known| known != id);
                }
                Some(alert)
            }
            Self::Account { no, .. } => (to != Recipient::Account(*no)).then_some(alert),
        }
    }

    /// A letter without it; `None` where it is not to be sent: one to the operator that tells of a removed account goes
    /// with all that it says.
    pub fn left_of_letter(&self, to: Recipient, mut letter: Letter) -> Option<Letter> {
        let text = || LetterText::parse(&letter.body);
        match self {
            Self::ExternalId { account, id, .. } => {
                let is_theirs = to == Recipient::Operator || to == Recipient::Account(*account);
                if let Some(mut text) = text().filter(|_| is_theirs)
                    && text.forget_id(id)
                {
                    letter.body = text.to_json().into();
                }
                Some(letter)
            }
            Self::Account { no, name } => {
                let is_about_it = to == Recipient::Operator && text().is_none_or(|text| text.is_about_account(name));
                (to != Recipient::Account(*no) && !is_about_it).then_some(letter)
            }
        }
    }

    /// Takes it out of all alerts and letters.
    pub fn take_out_of(
        &self,
        alerts: &mut BTreeMap<(Recipient, Condition), Alert>,
        letters: &mut BTreeMap<(Recipient, u64), Letter>,
    ) {
        let all = std::mem::take(alerts).into_iter();
        alerts.extend(all.filter_map(|(key, alert)| Some((key, self.left_of_alert(key, alert)?))));
        let all = std::mem::take(letters).into_iter();
        letters.extend(all.filter_map(|(key, letter)| Some((key, self.left_of_letter(key.0, letter)?))));
    }
}
