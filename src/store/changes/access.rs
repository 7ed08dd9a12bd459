//! Who was let in to the panel.

use crate::model::{AccountNo, AuditAction, AuditNote, Timestamp};
use crate::store::changes::change::{AuditedChange, Noted};
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::txn::Txn;

/// Somebody was let in to the panel, or is about to be: a row of the audit, and nothing else.
#[derive(Debug)]
pub struct NoteAccess {
    /// Whose panel it is.
    pub account: AccountNo,
    /// How.
    pub access: Access,
}

/// How somebody is let in to the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A link that signs in was made.
    LinkCreated,
    /// Somebody signed in with an access token.
    SignedIn,
    /// Somebody signed in by a link.
    SignedInByLink,
}

impl AuditedChange for NoteAccess {
    type Reply = ();
    type Error = StoreError;

    fn apply(self, _ledger: &mut Ledger, _txn: &mut Txn<'_>, _now: Timestamp) -> Noted<Self> {
        let action = match self.access {
            Access::LinkCreated => AuditAction::PanelLinkCreated,
            Access::SignedIn => AuditAction::SignedIn,
            Access::SignedInByLink => AuditAction::SignedInByLink,
        };
        Ok(((), Some(AuditNote::new(self.account, action))))
    }
}
