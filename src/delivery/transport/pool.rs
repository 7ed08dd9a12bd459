//! Connections that wait for the next attempt, per webhook and origin: what is late or left over on a connection can
//! then only ever be taken for an answer to the same webhook.
//!
//! It knows nothing of HTTP. No lock is held over an await, and none while a connection is dropped.

use super::client_certificates::CertificateId;
use super::connection::Connection;
use crate::model::{TargetUrl, WebhookNo};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many idle connections one webhook keeps to one origin: as many as it has attempts in flight by default.
pub(crate) const MAX_IDLE_PER_ORIGIN: usize = 8;
/// How many idle connections there are in all: as many as there are attempts in flight by default.
pub(crate) const MAX_IDLE: usize = 512;
/// How long a connection may wait. Most servers close one after 60 s or more, and the side that closes first can't be
/// raced.
pub(crate) const MAX_IDLE_TIME: Duration = Duration::from_secs(30);
/// How old a connection may grow, busy or not: it keeps the address that it was dialled at, and targets move.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(crate) struct Pool {
    idle_connections: Mutex<IdleConnections>,
}

#[derive(Default)]
struct IdleConnections {
    /// Oldest first. A webhook has one target, so its list holds one origin, or two for a while after a change.
    idle: HashMap<WebhookNo, Vec<Idle>>,
    count: usize,
    generation: Generation,
}

struct Idle {
    connection: Connection,
    origin: Arc<TargetUrl>,
    /// What the target was shown, should it have asked.
    certificate: Option<CertificateId>,
    since: Instant,
}

/// Which settings a connection was made under. One made under older settings is never pooled: the guard or the trusted
/// authorities may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Pool {
    /// The connection that was given back last and still takes a request, if there is one of this generation and made
    /// with this client certificate, or without one.
    pub(crate) fn take(
        &self,
        webhook: WebhookNo,
        target: &TargetUrl,
        certificate: Option<CertificateId>,
        generation: Generation,
        now: Instant,
    ) -> Option<Connection> {
        let mut dead = Vec::new();
        let mut pooled = self.lock();
        if pooled.generation != generation {
            return None;
        }
        let list = pooled.idle.get_mut(&webhook)?;
        let mut taken = None;
        for index in (0..list.len()).rev() {
            if list[index].certificate == certificate && same_origin(&list[index].origin, target) {
                let idle = list.remove(index);
                if idle.is_usable(now) {
                    taken = Some(idle.connection);
                    break;
                }
                dead.push(idle);
            }
        }
        pooled.count -= dead.len() + usize::from(taken.is_some());
        drop(pooled);
        taken
    }

    /// Keeps the connection for the next attempt, unless there are too many or the settings have changed since.
    pub(crate) fn give(
        &self,
        webhook: WebhookNo,
        origin: Arc<TargetUrl>,
        certificate: Option<CertificateId>,
        connection: Connection,
        generation: Generation,
    ) {
        let idle = Idle { connection, origin, certificate, since: Instant::now() };
        // What does not stay is declared above the lock, and so dropped after it is released.
        let mut crowded_out = None;
        let mut guard = self.lock();
        let pooled = &mut *guard;
        if pooled.generation != generation {
            return;
        }
        let list = pooled.idle.entry(webhook).or_default();
        let mut alike = (0..list.len()).filter(|&index| same_origin(&list[index].origin, &idle.origin));
        let oldest = alike.next();
        match oldest {
            Some(oldest) if alike.count() + 1 >= MAX_IDLE_PER_ORIGIN => {
                crowded_out = Some(list.remove(oldest));
                list.push(idle);
            }
            _ if pooled.count >= MAX_IDLE => {}
            _ => {
                list.push(idle);
                pooled.count += 1;
            }
        }
        drop(guard);
        drop(crowded_out);
    }

    /// Drops what has waited too long or has been closed by its target.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut dead = Vec::new();
        let mut guard = self.lock();
        let pooled = &mut *guard;
        pooled.idle.retain(|_, list| {
            dead.extend(list.extract_if(.., |idle| !idle.is_usable(now)));
            !list.is_empty()
        });
        pooled.count -= dead.len();
        drop(guard);
    }

    /// Drops the connections of this webhook.
    pub(crate) fn forget(&self, webhook: WebhookNo) {
        let mut pooled = self.lock();
        let dropped = pooled.idle.remove(&webhook).unwrap_or_default();
        pooled.count -= dropped.len();
        drop(pooled);
        drop(dropped);
    }

    /// Drops everything; from now on only connections of this generation are pooled.
    pub(crate) fn renew(&self, generation: Generation) {
        let mut pooled = self.lock();
        let dropped = std::mem::take(&mut pooled.idle);
        pooled.count = 0;
        pooled.generation = generation;
        drop(pooled);
        drop(dropped);
    }

    /// How many connections wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().count
    }

    /// Nothing under the lock can panic half-way through a change, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle_connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        self.connection.is_ready()
            && now.duration_since(self.since) < MAX_IDLE_TIME
            && now.duration_since(self.connection.born) < MAX_AGE
    }
}

/// Names are compared in either case, as they are resolved.
fn same_origin(a: &TargetUrl, b: &TargetUrl) -> bool {
    a.is_https() == b.is_https() && a.port() == b.port() && a.host().eq_ignore_ascii_case(b.host())
}
