//! Registrations with an idempotency key: their window, and what a deletion leaves.

use crate::model::SigningSecret;
use crate::store::changes::idempotency::IdempotencyKey;
use crate::store::changes::webhooks::{RegisterRefusal, Registered, Registration};
use crate::store::schema::keys;
use crate::store::tests::rig::{Rig, paid, reply, wait, webhook};
use crate::store::{DeleteWebhook, RotateSecret};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn key(rig: &Rig, name: u8, fingerprint: u8) -> IdempotencyKey {
    IdempotencyKey { hash: [name; 16], fingerprint: [fingerprint; 16], until: rig.clock.now().plus(DAY) }
}

fn register(rig: &Rig, name: u8, fingerprint: u8) -> Result<Registered, RegisterRefusal> {
    let webhook = Box::new(webhook(rig.account, &["*"]));
    let key = Some(key(rig, name, fingerprint));
    reply(wait(rig.store.commit(Registration { webhook, key, only_replay: false })))
}

/// How many rows are kept of keys: the keys, and their ends.
fn kept(rig: &Rig) -> (usize, usize) {
    let count = |prefix: keys::Key| rig.store.shared.tree.scan(&prefix).count();
    (count(keys::idempotency_of(rig.account)), count(keys::idempotency_ends()))
}

#[test]
fn a_registration_is_replayed_within_its_window() {
    let rig = Rig::new();
    let first = register(&rig, 1, 1).unwrap();
    assert!(!first.replayed && first.has_first_secret);
    rig.after(Duration::from_millis(86_400_000 - 1));
    let again = register(&rig, 1, 1).unwrap();
    assert!(again.replayed && again.has_first_secret && again.webhook == first.webhook);
    assert_eq!(register(&rig, 1, 2).unwrap_err(), RegisterRefusal::KeyTaken);
    rig.after(Duration::from_millis(1));
    let second = register(&rig, 1, 2).unwrap();
    assert!(!second.replayed && second.webhook.no > first.webhook.no);
    assert_eq!(kept(&rig), (1, 1), "the row of the first window went with it");
    // The first one's key is the second one's now.
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: first.webhook.id })).unwrap());
    assert_eq!(kept(&rig), (1, 1));
    rig.check_rows();
    rig.after(DAY);
    rig.accept(vec![paid()]);
    let rig = rig.reopen();
    rig.barrier();
    assert_eq!(kept(&rig), (0, 0));
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: second.webhook.id })).unwrap());
    rig.finish_jobs();
    rig.check_rows();
}

#[test]
fn a_deleted_webhook_s_key_goes_at_once() {
    let rig = Rig::new();
    let first = register(&rig, 1, 1).unwrap();
    let other = register(&rig, 2, 1).unwrap();
    assert!(wait(rig.store.commit(DeleteWebhook { account: rig.account, id: first.webhook.id })).unwrap());
    assert_eq!(kept(&rig), (1, 1));
    let rig = rig.reopen();
    let only_replay = |name| Registration {
        webhook: Box::new(webhook(rig.account, &["*"])),
        key: Some(key(&rig, name, 1)),
        only_replay: true,
    };
    assert_eq!(reply(wait(rig.store.commit(only_replay(1)))).unwrap_err(), RegisterRefusal::NotBefore);
    assert_eq!(wait(rig.store.commit(only_replay(2))).unwrap().webhook, other.webhook);
    let second = register(&rig, 1, 2).unwrap();
    assert!(!second.replayed && second.webhook.id != first.webhook.id);
    rig.check_rows();
}

#[test]
fn a_replay_tells_whether_the_secret_is_the_first() {
    let rig = Rig::new();
    let first = register(&rig, 1, 1).unwrap().webhook;
    let secret = SigningSecret::from_random([9; 32]);
    wait(rig.store.commit(RotateSecret { account: rig.account, id: first.id, secret, overlap: Duration::ZERO }))
        .unwrap()
        .unwrap();
    let again = register(&rig, 1, 1).unwrap();
    assert!(again.replayed && !again.has_first_secret);
}
