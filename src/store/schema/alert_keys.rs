//! The keys of alerts: what is told to a recipient stands below its number, the operator's is 0.

use crate::model::{AccountNo, Condition, Recipient, WebhookNo};
use crate::store::schema::keys::{Builder, Key, u32_at, u64_at};
use crate::store::schema::table::ALERT;

const LASTING: u8 = 1;
const LETTER: u8 = 2;
const BOOK: u8 = 3;
const MUTE: u8 = 4;
const FACTS: u8 = 5;

/// What a row of the table is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlertRow {
    Alert(Recipient, Condition),
    Letter(Recipient, u64),
    Book(Recipient),
    Mute(Condition),
    Facts(WebhookNo),
}

pub(crate) fn all_alerts() -> Key {
    Builder::new(ALERT).0
}

fn of(recipient: Recipient, kind: u8) -> Builder {
    Builder(all_alerts()).u32(recipient.number()).u8(kind)
}

fn of_condition(recipient: Recipient, kind: u8, condition: Condition) -> Key {
    let (code, no) = condition.code();
    of(recipient, kind).u8(code).u32(no).0
}

pub(crate) fn alert(recipient: Recipient, condition: Condition) -> Key {
    of_condition(recipient, LASTING, condition)
}

pub(crate) fn letter(recipient: Recipient, number: u64) -> Key {
    of(recipient, LETTER).u64(number).0
}

/// All letters on their way to a recipient.
pub(crate) fn letters_to(recipient: Recipient) -> Key {
    of(recipient, LETTER).0
}

/// All that is kept of an account's own alerts.
pub(crate) fn alerts_of(account: AccountNo) -> Key {
    Builder(all_alerts()).u32(account.0).0
}

pub(crate) fn book(recipient: Recipient) -> Key {
    of(recipient, BOOK).0
}

/// Muted is a condition for everybody.
pub(crate) fn mute(condition: Condition) -> Key {
    of_condition(Recipient::Operator, MUTE, condition)
}

/// What alerts have not taken in yet, of all webhooks.
pub(crate) fn all_alert_facts() -> Key {
    of(Recipient::Operator, FACTS).0
}

pub(crate) fn alert_facts(webhook: WebhookNo) -> Key {
    Builder(all_alert_facts()).u32(webhook.0).0
}

/// What a row's key says; `None` for one of another length or with a value out of its range.
pub(crate) fn alert_row(key: &[u8]) -> Option<AlertRow> {
    let recipient = Recipient::of_number(u32_at(key, 1)?);
    let is_operators = recipient == Recipient::Operator;
    let condition = || Condition::of_code(*key.get(6)?, u32_at(key, 7)?);
    let row = match *key.get(5)? {
        LASTING => AlertRow::Alert(recipient, condition()?),
        LETTER => AlertRow::Letter(recipient, u64_at(key, 6)?),
        BOOK => AlertRow::Book(recipient),
        MUTE if is_operators => AlertRow::Mute(condition()?),
        FACTS if is_operators => AlertRow::Facts(WebhookNo(u32_at(key, 6)?)),
        _ => return None,
    };
    let own = match row {
        AlertRow::Alert(recipient, condition) => alert(recipient, condition),
        AlertRow::Letter(recipient, number) => letter(recipient, number),
        AlertRow::Book(recipient) => book(recipient),
        AlertRow::Mute(condition) => mute(condition),
        AlertRow::Facts(webhook) => alert_facts(webhook),
    };
    (own == key).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hex::hex;

    const ACCOUNT_7: AccountNo = AccountNo(7);
    const WEBHOOK: WebhookNo = WebhookNo(0x0a0b);

    #[test]
    fn keys_are_as_they_were() {
        let cases = [
            (alert(Recipient::Operator, Condition::DiskLow), "3300000000010100000000".to_owned()),
            (
                alert(Recipient::Account(ACCOUNT_7), Condition::WebhookFailing(WEBHOOK)),
                "3300000007010700000a0b".to_owned(),
            ),
            (letter(Recipient::Account(ACCOUNT_7), 9), "3300000007020000000000000009".to_owned()),
            (book(Recipient::Operator), "330000000003".to_owned()),
            (mute(Condition::NoEvents(ACCOUNT_7)), "3300000000040600000007".to_owned()),
            (alert_facts(WEBHOOK), "33000000000500000a0b".to_owned()),
        ];
        for (key, expected) in cases {
            assert_eq!(hex(&key), expected);
        }
    }

    #[test]
    fn the_key_of_an_alert_says_what_it_is_of() {
        let (account, condition) = (Recipient::Account(ACCOUNT_7), Condition::WebhookFailing(WEBHOOK));
        for (key, row) in [
            (alert(account, condition), AlertRow::Alert(account, condition)),
            (letter(account, 9), AlertRow::Letter(account, 9)),
            (book(account), AlertRow::Book(account)),
            (mute(condition), AlertRow::Mute(condition)),
            (alert_facts(WEBHOOK), AlertRow::Facts(WEBHOOK)),
        ] {
            assert_eq!(alert_row(&key), Some(row));
            assert_eq!(alert_row(&[key.as_slice(), &[0]].concat()), None, "{row:?}");
            assert_eq!(alert_row(&key[..key.len() - 1]), None, "{row:?}");
        }
    }
}
