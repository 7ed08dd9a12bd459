//! The audit in the store: how long its rows stay, and that they share the fate of their changes.

use crate::model::{
    AccountNo, Actor, AuditAction, AuditFilter, AuditRow, Listing, Order, Origin, Through, TokenId, WebhookPatch,
    WebhookStatus,
};
use crate::store::limits::Limits;
use crate::store::schema::keys;
use crate::store::tests::rig::{DeleteRow, PutRow, Rig, wait, webhook};
use crate::store::{AuditedChange as _, ChangeWebhook, CreateAccount, DeleteWebhook, Registration, RemoveAccount};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Rig {
    fn audit_of(&self, account: AccountNo) -> Vec<AuditRow> {
        self.store.audit(account, &AuditFilter::default(), Listing::oldest(1000)).unwrap().items
    }

    fn actions(&self) -> Vec<AuditAction> {
        self.audit_of(self.account).iter().map(|row| row.note.action).collect()
    }

    fn keep_audit(&self, keep: Option<Duration>) {
        self.store.set_limits(Limits { audit_keep: keep, ..Limits::default() });
    }

    #[track_caller]
    fn await_rows(&self, rows: usize) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.audit_of(self.account).len() != rows {
            assert!(Instant::now() < deadline, "{:?}, not {rows} rows", self.actions());
            std::thread::sleep(Duration::from_millis(2));
            self.barrier();
        }
    }
}

#[test]
fn a_row_names_who_made_the_change_and_is_none_where_nothing_was_changed() {
    let rig = Rig::new();
    let actor = Actor {
        origin: Origin::panel(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9))),
        token: Some((TokenId::from_bytes([7; 16]), "caixa".to_owned())),
    };
    let hook = Registration::from(webhook(rig.account, &["*"])).by(actor.clone());
    let hook = wait(rig.store.commit(hook)).unwrap().webhook;
    let patch = || WebhookPatch { status: Some(WebhookStatus::Paused), ..WebhookPatch::default() };
    for _ in 0..2 {
        let change = ChangeWebhook { account: rig.account, id: hook.id, patch: patch() };
        wait(rig.store.commit(change.by(actor.clone()))).unwrap().unwrap();
    }
    for _ in 0..2 {
        wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id }.by(actor.clone()))).unwrap();
    }
    let expected = [
        AuditAction::AccountCreated,
        AuditAction::WebhookRegistered,
        AuditAction::WebhookChanged,
        AuditAction::WebhookDeleted,
    ];
    assert_eq!(rig.actions(), expected);
    let rig = rig.reopen();
    assert_eq!(rig.actions(), expected);
    let rows = rig.audit_of(rig.account);
    assert_eq!(rows[0].actor.origin.through, Through::Carteiro);
    for row in &rows[1..] {
        assert_eq!((&row.actor, &row.note.webhook), (&actor, &Some((hook.id, "loja.example".to_owned()))));
    }
    assert!(rows.windows(2).all(|pair| pair[0].number < pair[1].number));
    let report = rig.store.verify(|_| {});
    assert!(report.is_sound() && report.rows["audit"] == 4, "{report}");
}

#[test]
fn each_row_goes_by_its_own_time_and_a_clock_that_is_ahead_for_a_moment_deletes_none() {
    let rig = Rig::new();
    rig.after(10 * DAY);
    rig.register(&["*"]);
    // A clock that is ahead for a while dates a row; what is recorded behind it is older by its own time.
    let right = rig.clock.now();
    rig.clock.step_to(right.plus(1000 * DAY));
    rig.register(&["*"]);
    rig.clock.step_to(right.plus(DAY));
    rig.register(&["*"]);
    assert_eq!(rig.actions().len(), 4);
    rig.keep_audit(Some(5 * DAY));
    rig.await_rows(3);
    assert!(rig.actions().iter().all(|action| *action == AuditAction::WebhookRegistered), "the oldest has gone");
    // Five days later two more have; the one that the wrong clock dated stays until its own time has passed.
    let rig = rig.reopen();
    rig.after(6 * DAY);
    rig.keep_audit(Some(5 * DAY));
    rig.await_rows(1);
    let left = rig.audit_of(rig.account).remove(0);
    assert_eq!(left.inserted_at, right.plus(1000 * DAY));
    rig.keep_audit(None);
    rig.register(&["*"]);
    let now = rig.clock.now();
    rig.clock.step_to(now.plus(4000 * DAY));
    rig.keep_audit(Some(5 * DAY));
    for _ in 0..20 {
        rig.barrier();
    }
    assert_eq!(rig.audit_of(rig.account).len(), 2, "nothing goes by a clock that has just jumped");
    rig.clock.step_to(now);
}

/// More rows than one step looks at.
#[test]
fn a_long_audit_is_gone_through_step_by_step() {
    let rig = Rig::new();
    for _ in 0..300 {
        let hook = rig.register(&["*"]);
        wait(rig.store.commit(DeleteWebhook { account: rig.account, id: hook.id })).unwrap();
    }
    rig.after(2 * DAY);
    rig.register(&["*"]);
    rig.keep_audit(Some(DAY));
    rig.await_rows(1);
    rig.check_rows();
}

#[test]
fn pages_go_on_where_they_ended_in_both_directions() {
    let rig = Rig::new();
    for _ in 0..7 {
        rig.register(&["*"]);
    }
    let all: Vec<u64> = rig.audit_of(rig.account).iter().map(|row| row.number).collect();
    for listing in [Listing::newest(3), Listing::oldest(3)] {
        let (mut found, mut at) = (Vec::new(), listing);
        loop {
            let page = rig.store.audit(rig.account, &AuditFilter::default(), at).unwrap();
            found.extend(page.items.iter().map(|row| row.number));
            if page.next.is_none() || page.items.is_empty() {
                break;
            }
            // What a page turned round begins with stands just before it.
            if let Some(back) = page.next.and_then(|next| next.turned(listing.order)) {
                let newest = listing.order == Order::Newest;
                let turned = if newest { Listing::oldest(1) } else { Listing::newest(1) }.at(Some(back));
                let turned = rig.store.audit(rig.account, &AuditFilter::default(), turned).unwrap();
                assert_eq!(turned.items[0].number, *found.last().unwrap());
            }
            at = at.at(page.next);
        }
        if listing.order == Order::Newest {
            found.reverse();
        }
        assert_eq!(found, all);
    }
    let other = wait(rig.store.commit(CreateAccount { name: "other".to_owned() })).unwrap();
    assert_eq!(rig.audit_of(other).len(), 1, "an account sees its own rows");
}

#[test]
fn an_account_takes_its_audit_with_it() {
    let rig = Rig::new();
    let other = wait(rig.store.commit(CreateAccount { name: "other".to_owned() })).unwrap();
    wait(rig.store.commit(Registration::from(webhook(other, &["*"])))).unwrap();
    assert_eq!(rig.audit_of(other).len(), 2);
    rig.store.hold_all_but(&[rig.account]).unwrap();
    let removal = RemoveAccount { name: "other".to_owned(), told_in: Some(rig.account) }.by(Actor::OPERATOR);
    wait(rig.store.commit(removal)).unwrap();
    rig.finish_jobs();
    rig.barrier();
    assert!(rig.audit_of(other).is_empty());
    let told = rig.audit_of(rig.account).pop().unwrap();
    assert_eq!((told.note.action, told.actor), (AuditAction::AccountRemoved, Actor::OPERATOR));
    rig.check_rows();
}

/// A damaged row costs who lists it, is told of by `verify`, and holds up neither the others nor what retires them.
#[test]
fn a_damaged_row_is_found_by_verifying_and_holds_up_no_retention() {
    let rig = Rig::new();
    rig.register(&["*"]);
    let rows = rig.audit_of(rig.account);
    wait(rig.store.commit(DeleteRow(keys::audit(rig.account, rows[0].number)))).unwrap();
    assert_eq!(rig.audit_of(rig.account).len(), 1);
    wait(rig.store.commit(PutRow(keys::audit(rig.account, rows[0].number)))).unwrap();
    let report = rig.store.verify(|_| {});
    assert!(!report.is_sound() && report.to_string().contains("audit"), "{report}");
    rig.after(2 * DAY);
    rig.keep_audit(Some(DAY));
    let gone = || rig.store.shared.tree.get(&keys::audit(rig.account, rows[1].number)).unwrap().is_none();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !gone() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
        rig.barrier();
    }
}
