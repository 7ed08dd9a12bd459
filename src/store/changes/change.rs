//! What a change is to the committer: one type for each, named after the fact, beside the code that stages its rows.

use crate::model::{AccountNo, Timestamp};
use crate::store::changes::ledger::Ledger;
use crate::store::error::StoreError;
use crate::store::txn::Txn;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// About how many bytes the rows of a change stage that touches a few of them.
pub(crate) const FEW_ROWS_BYTES: usize = 1024;

/// A change of the store. It is made by [`Store::commit`](crate::store::Store::commit), whole or not at all.
pub trait Change: Sized + Send + 'static {
    /// What its caller is answered once it is durable.
    type Reply: Send + 'static;

    /// Whether it makes the store grow: then it is refused while the disk is almost full.
    const GROWS: bool = false;

    /// About how many bytes it stages. A group of changes is bounded by the sum.
    fn weight(&self, _ledger: &Ledger) -> usize {
        FEW_ROWS_BYTES
    }

    /// Stages its rows at the time `now`. It reads first: an error costs its caller alone as long as nothing is staged,
    /// and ends the process after that.
    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, StoreError>;
}

/// What a change weighs that may owe an event to every webhook of an account: three rows for each.
pub(crate) fn fan_out_bytes(ledger: &Ledger, account: AccountNo) -> usize {
    FEW_ROWS_BYTES * (1 + 3 * ledger.shared.directory().of(account).count())
}

/// Where an answer goes; the place among the waiting commits is given back with it.
pub(crate) struct Reply<T> {
    sender: oneshot::Sender<Result<T, StoreError>>,
    _place: OwnedSemaphorePermit,
}

/// An answer, to be given once its group is durable. A caller who has gone away loses nothing but the answer.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

impl<T: Send + 'static> Reply<T> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, StoreError>>, place: OwnedSemaphorePermit) -> Self {
        Self { sender, _place: place }
    }

    pub(crate) fn later(self, result: Result<T, StoreError>) -> Answer {
        Box::new(move || {
            let _ = self.sender.send(result);
        })
    }
}

/// A change whose caller waits, whatever its type.
pub(crate) trait Submitted: Send {
    /// See [`Change::GROWS`].
    fn grows(&self) -> bool;

    /// See [`Change::weight`].
    fn weight(&self, ledger: &Ledger) -> usize;

    /// Stages it; returns the answer to its caller.
    fn apply(self: Box<Self>, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Answer;

    /// The answer that it was not made.
    fn refuse(self: Box<Self>, error: StoreError) -> Answer;
}

impl<C: Change> Submitted for (C, Reply<C::Reply>) {
    fn grows(&self) -> bool {
        C::GROWS
    }

    fn weight(&self, ledger: &Ledger) -> usize {
        self.0.weight(ledger)
    }

    fn apply(self: Box<Self>, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Answer {
        let (change, reply) = *self;
        let moment = txn.moment();
        let applied = change.apply(ledger, txn, now);
        reply.later(ledger.judged(txn, moment, applied))
    }

    fn refuse(self: Box<Self>, error: StoreError) -> Answer {
        self.1.later(Err(error))
    }
}
