//! The rows of the audit: how one is written, and what retires them.

use crate::model::{AccountNo, Actor, AuditNote, AuditRow, Timestamp};
use crate::store::changes::audit_retirement::AuditRetirement;
use crate::store::changes::ledger::Ledger;
use crate::store::changes::retirement::BETWEEN_STEPS;
use crate::store::error::StoreError;
use crate::store::schema::{keys, record};
use crate::store::txn::Txn;

/// How many rows a step of retention looks at: less than a millisecond of the committer's time.
const LOOKED_AT_A_STEP: usize = 256;

/// Writes a row, in the commit of what it tells of.
pub(crate) fn put_row(ledger: &mut Ledger, txn: &mut Txn<'_>, actor: Actor, note: AuditNote, now: Timestamp) {
    ledger.head.audit += 1;
    ledger.shared.meters.audited(note.action);
    let row = AuditRow { number: ledger.head.audit, inserted_at: now, actor, note };
    txn.put(keys::audit(row.note.account, row.number), record::encode_audit(&row));
}

/// Deletes some rows of the audit that are old enough. All are looked at, each by its own time: the clock may have been
/// put back between two of them.
pub(crate) fn retire_audit(ledger: &mut Ledger, txn: &mut Txn<'_>) -> Result<(), StoreError> {
    let now = ledger.clock.pace();
    let Some(keep) = ledger.shared.limits().audit_keep else {
        return Ok(());
    };
    // A clock that is ahead for a moment deletes nothing.
    let trusted = ledger.shared.times.trusted_now();
    let all = keys::all_audits();
    let from = ledger.audit_retirement.at.take().unwrap_or_else(|| all.clone());
    let (mut looked_at, mut at) = (0, None);
    for row in txn.tree().range(&from, Some(&keys::end_of(&all))).take(LOOKED_AT_A_STEP) {
        looked_at += 1;
        let (key, value) = match row {
            Ok(row) => row,
            // What is damaged stays for `verify` to tell of; what is behind it isn't held up.
            Err(error) if error.is_damage() => continue,
            Err(error) => return Err(error.into()),
        };
        at = Some([&key[..], &[0]].concat());
        let (account, number) = (keys::u32_at(&key, 1).unwrap_or_default(), keys::u64_at(&key, 5).unwrap_or_default());
        if let Ok(row) = record::decode_audit(AccountNo(account), number, &value)
            && row.inserted_at.plus(keep) <= trusted
        {
            txn.delete(key.to_vec());
            ledger.audit_retirement.deleted += 1;
        }
    }
    let retirement = &mut ledger.audit_retirement;
    if looked_at == LOOKED_AT_A_STEP && at.is_some() {
        (retirement.at, retirement.next) = (at, Some(now + BETWEEN_STEPS));
        return Ok(());
    }
    if retirement.deleted > 0 {
        tracing::info!(rows = retirement.deleted, "old rows of the audit were deleted");
    }
    *retirement = AuditRetirement::resting(now);
    Ok(())
}
