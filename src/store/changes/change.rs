//! What a change is to the committer: one type for each, named after the fact, beside the code that stages its rows.

use crate::model::{AccountNo, Actor, AuditNote, Timestamp};
use crate::store::changes::audit::put_row;
use crate::store::changes::ledger::Ledger;
use crate::store::engine::disk_space::DiskLevel;
use crate::store::error::StoreError;
use crate::store::state::Shared;
use crate::store::txn::Txn;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// About how many bytes the rows of a change stage that touches a few of them.
pub(crate) const FEW_ROWS_BYTES: usize = 1024;

/// Why a change was not made. Nothing of it was.
#[derive(Debug)]
pub enum ChangeError<R> {
    /// A rule of its verb refuses it.
    Refused(R),
    /// The store could not make it.
    Store(StoreError),
}

impl<R> ChangeError<R> {
    /// The same with another refusal.
    pub fn map<S>(self, refusal: impl FnOnce(R) -> S) -> ChangeError<S> {
        match self {
            Self::Refused(refused) => ChangeError::Refused(refusal(refused)),
            Self::Store(error) => ChangeError::Store(error),
        }
    }
}

impl<R> From<StoreError> for ChangeError<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The error of a change: a [`StoreError`] of one that is never refused, a [`ChangeError`] of the others.
pub trait Failure: From<StoreError> + Send + 'static {
    /// The store's error, unless it is a refusal.
    fn store_error(&self) -> Option<&StoreError>;
}

impl Failure for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl<R: Send + 'static> Failure for ChangeError<R> {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Refused(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// A change of the store. It is made by [`Store::commit`](crate::store::Store::commit), whole or not at all.
pub trait Change: Sized + Send + 'static {
    /// What its caller is answered once it is durable.
    type Reply: Send + 'static;

    /// What its caller is answered otherwise.
    type Error: Failure;

    /// Whether it makes the store grow: then it is refused while the disk is almost full.
    const GROWS: bool = false;

    /// Whether it can wait for room on the disk: then it is refused where the disk has none but for the outcomes of
    /// attempts in flight. A write that finds no room ends the process.
    const CAN_WAIT: bool = false;

    /// Why the audit has no row of it. What somebody asks for has one: it is an [`AuditedChange`] instead, which is a
    /// change only together with who makes it, and has `None` here.
    const UNAUDITED: Option<&'static str>;

    /// About how many bytes it stages. A group of changes is bounded by the sum.
    fn weight(&self, _ledger: &Ledger) -> usize {
        FEW_ROWS_BYTES
    }

    /// Stages its rows at the time `now`. It reads first: a refusal is found before anything is staged. An error costs
    /// its caller alone as long as nothing is staged, and ends the process after that.
    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, Self::Error>;
}

/// A change that somebody asks for: its caller says by whose order ([`AuditedChange::by`]), and it says itself what the
/// audit is to have of it.
pub trait AuditedChange: Sized + Send + 'static {
    /// See [`Change::Reply`].
    type Reply: Send + 'static;

    /// See [`Change::Error`].
    type Error: Failure;

    /// See [`Change::GROWS`].
    const GROWS: bool = false;

    /// See [`Change::weight`].
    fn weight(&self, _ledger: &Ledger) -> usize {
        FEW_ROWS_BYTES
    }

    /// As [`Change::apply`]. The note becomes a row of the audit in the same commit; there is none where nothing was
    /// changed. It holds no payload, no answer of a target and no secret.
    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Noted<Self>;

    /// The change as this actor makes it.
    fn by(self, actor: Actor) -> ByActor<Self> {
        ByActor { change: self, actor }
    }
}

/// A change, and who makes it: made together with its row of the audit, or neither is.
#[derive(Debug)]
pub struct ByActor<C> {
    pub(crate) change: C,
    pub(crate) actor: Actor,
}

impl<C: AuditedChange> Change for ByActor<C> {
    type Reply = C::Reply;
    type Error = C::Error;

    const GROWS: bool = C::GROWS;
    const UNAUDITED: Option<&'static str> = None;

    fn weight(&self, ledger: &Ledger) -> usize {
        self.change.weight(ledger)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, Self::Error> {
        let Self { change, actor } = self;
        let (reply, note) = change.apply(ledger, txn, now)?;
        if let Some(note) = note {
            put_row(ledger, txn, actor, note, now);
        }
        Ok(reply)
    }
}

/// What an audited change answers, and what it tells the audit.
pub(crate) type Noted<C> = Result<(<C as AuditedChange>::Reply, Option<AuditNote>), <C as AuditedChange>::Error>;

/// Tests that care for no audit leave out who makes a change.
#[cfg(test)]
impl<C: AuditedChange> Change for C {
    type Reply = C::Reply;
    type Error = C::Error;

    const GROWS: bool = C::GROWS;
    const UNAUDITED: Option<&'static str> = None;

    fn weight(&self, ledger: &Ledger) -> usize {
        AuditedChange::weight(self, ledger)
    }

    fn apply(self, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Result<Self::Reply, Self::Error> {
        Change::apply(self.by(Actor::CARTEIRO), ledger, txn, now)
    }
}

/// The weight of a change that may make a notification for every webhook of an account: three rows for each.
pub(crate) fn fan_out_bytes(ledger: &Ledger, account: AccountNo) -> usize {
    FEW_ROWS_BYTES * (1 + 3 * ledger.shared.directory().of(account).count())
}

/// Where an answer goes; the place among the waiting commits is given back with it.
pub(crate) struct Reply<T, E = StoreError> {
    sender: oneshot::Sender<Result<T, E>>,
    _place: OwnedSemaphorePermit,
}

/// An answer, to be given once its group is durable. A caller that has disconnected loses nothing but the answer.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

impl<T: Send + 'static, E: Send + 'static> Reply<T, E> {
    pub(crate) fn new(sender: oneshot::Sender<Result<T, E>>, place: OwnedSemaphorePermit) -> Self {
        Self { sender, _place: place }
    }

    pub(crate) fn later(self, result: Result<T, E>) -> Answer {
        Box::new(move || {
            let _ = self.sender.send(result);
        })
    }
}

/// A change whose caller waits, whatever its type.
pub(crate) trait Submitted: Send {
    /// Why it is refused for want of room.
    fn refusal(&self, shared: &Shared) -> Option<StoreError>;

    /// See [`Change::weight`].
    fn weight(&self, ledger: &Ledger) -> usize;

    /// Stages it; returns the answer to its caller.
    fn apply(self: Box<Self>, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Answer;

    /// The answer that it was not made.
    fn refuse(self: Box<Self>, error: StoreError) -> Answer;
}

impl<C: Change> Submitted for (C, Reply<C::Reply, C::Error>) {
    fn refusal(&self, shared: &Shared) -> Option<StoreError> {
        if C::GROWS {
            return shared.full();
        }
        (C::CAN_WAIT && shared.space.level() == DiskLevel::Critical).then(|| shared.full()).flatten()
    }

    fn weight(&self, ledger: &Ledger) -> usize {
        self.0.weight(ledger)
    }

    fn apply(self: Box<Self>, ledger: &mut Ledger, txn: &mut Txn<'_>, now: Timestamp) -> Answer {
        let (change, reply) = *self;
        let moment = txn.moment();
        let applied = change.apply(ledger, txn, now);
        if let Some(error) = applied.as_ref().err().and_then(Failure::store_error) {
            txn.end_unless_harmless(moment, error);
            ledger.shared.note_failed_read(error, "a change");
        }
        reply.later(applied)
    }

    fn refuse(self: Box<Self>, error: StoreError) -> Answer {
        self.1.later(Err(error.into()))
    }
}
