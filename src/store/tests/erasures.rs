//! Erasures of all events that have one key: what they take in, in which order, and what they leave behind.

use crate::model::{CountedJob, Erasure, ErasureState, JobState, SearchText, Seq, Status, Webhook};
use crate::store::schema::keys;
use crate::store::tests::keeping::first;
use crate::store::tests::rig::{PutRow, Rig, event, wait, webhook};
use crate::store::{BeginErasure, CancelErasure, ChangeError, MAX_JOBS, Registration};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Rig {
    fn erase_key(&self, key: &str, external_id: bool) -> Erasure {
        let text = SearchText::parse(key).unwrap();
        let events = self.store.count_erasure(self.account, &text, external_id).unwrap().events;
        wait(self.store.commit(BeginErasure { account: self.account, key: text, external_id, events })).unwrap()
    }

    fn erasure(&self, number: u64) -> Option<Erasure> {
        self.store.erasures(self.account).into_iter().find(|erasure| erasure.number == number)
    }

    fn erased(&self) -> Vec<Seq> {
        let erased = self.all_events().into_iter().filter(|event| event.erased_at.is_some());
        erased.map(|event| event.seq).collect()
    }
}

#[test]
fn many_events_are_erased_turn_by_turn_and_those_of_others_are_not() {
    let rig = Rig::new();
    let hooks = [rig.register(&["*"]), rig.register(&["*"])];
    let of = |order: &str, n: usize| event("ORDER.PAID", &format!(r#"{{"id":"p-{n}","order_id":"{order}"}}"#));
    let events = rig.accept((0..300).map(|n| of(if n % 3 == 0 { "o-2" } else { "o-1" }, n)).collect());
    let count = rig.store.count_erasure(rig.account, &SearchText::parse("O-1").unwrap(), false).unwrap();
    assert_eq!((count.events, count.notifications), (200, 400));
    assert_eq!(rig.store.count_erasure(rig.account, &SearchText::parse("1").unwrap(), false).unwrap().events, 0);
    let begun = rig.erase_key("o-1", false);
    assert_eq!((begun.state, begun.events), (ErasureState::Running, 200));
    // What comes later isn't meant.
    let later = rig.accept(vec![of("o-1", 999)]).remove(0);
    rig.finish_jobs();
    rig.barrier();
    let done = rig.erasure(begun.number).unwrap();
    assert_eq!((done.state, done.erased, done.key), (ErasureState::Done, 200, None));
    let meant: Vec<Seq> = (0..300).filter(|n| n % 3 > 0).map(|n| events[n].seq).collect();
    assert_eq!(rig.erased(), meant);
    assert_eq!(rig.notification(first(&events[1], &hooks[1])).status(true, false), Status::Cancelled);
    assert_eq!(rig.notification(first(&later, &hooks[0])).status(true, false), Status::Pending);
    rig.check_rows();
    let rig = rig.reopen();
    assert_eq!(
        rig.erasure(begun.number).map(|erasure| (erasure.state, erasure.erased)),
        Some((ErasureState::Done, 200))
    );
    // It is listed for a week after its end.
    rig.after(8 * DAY);
    rig.accept(vec![of("o-3", 1000)]);
    let rig = rig.reopen();
    rig.barrier();
    assert_eq!(rig.erasure(begun.number), None);
    assert!(rig.store.shared.tree.scan(&keys::all_erasures()).next().is_none());
}

/// One that meets what can't be read is given up, and is counted as that.
#[test]
fn one_that_meets_damage_fails_and_is_counted_so() {
    let rig = Rig::new();
    let of = |n: usize| event("ORDER.PAID", &format!(r#"{{"id":"p-{n}","order_id":"o-1"}}"#));
    let events = rig.accept((0..2).map(of).collect());
    let key = SearchText::parse("o-1").unwrap();
    wait(rig.store.commit(PutRow(keys::event(rig.account, events[1].seq)))).unwrap();
    let begin = BeginErasure { account: rig.account, key, external_id: false, events: 2 };
    let erasure = wait(rig.store.commit(begin)).unwrap();
    rig.finish_jobs();
    rig.barrier();
    assert_eq!(rig.erasure(erasure.number).map(|erasure| erasure.state), Some(ErasureState::Failed));
    let counted = |kind, state| {
        let ends = rig.store.meters().jobs.ends();
        ends.filter(|(of, end, _)| (*of, *end) == (kind, state)).map(|(.., count)| count).sum::<u64>()
    };
    assert_eq!(counted(CountedJob::Erasure, JobState::Failed), 1);
    assert_eq!(rig.store.meters().jobs.ends().map(|(.., count)| count).sum::<u64>(), 1);
    assert!(rig.store.running_jobs(None).iter().all(|(_, running)| *running == 0));
}

/// The caller's own id is a key of its event, and stays one when the payload goes: an event isn't erased twice.
#[test]
fn what_is_erased_already_is_not_counted_unless_its_own_id_is_to_go_as_well() {
    let rig = Rig::new();
    let mut own = event("ORDER.PAID", r#"{"id":"o-1"}"#);
    own.external_id = Some("Pedido-1".to_owned());
    own.resource = crate::model::ResourceFacts::find(Some("Pedido-1"), r#"{"id":"o-1"}"#, &[]);
    rig.accept(vec![own]);
    let finished = |external_id| {
        let begun = rig.erase_key("pedido-1", external_id);
        rig.finish_jobs();
        rig.barrier();
        (begun.events, rig.erasure(begun.number).unwrap().erased)
    };
    assert_eq!([finished(false), finished(false), finished(true), finished(true)], [(1, 1), (0, 0), (1, 1), (0, 0)]);
    assert_eq!(rig.all_events()[0].external_id, None);
    rig.check_rows();
}

#[test]
fn one_that_is_cancelled_stops_and_too_many_are_refused() {
    let rig = Rig::new();
    let begun = rig.erase_key("o-1", false);
    rig.finish_jobs();
    rig.barrier();
    let cancel = || CancelErasure { account: rig.account, number: begun.number };
    assert_eq!(wait(rig.store.commit(cancel())).unwrap(), None, "it has ended");
    // All in one group, before any has had a turn.
    let events = rig.accept((0..20).map(|n| event("ORDER.PAID", &format!(r#"{{"id":"o-{n}"}}"#))).collect());
    assert_eq!(events.len(), 20);
    let text = SearchText::parse("o-1").unwrap();
    let another = || BeginErasure { account: rig.account, key: text.clone(), external_id: false, events: 1 };
    let (started, refused, ended) = wait(async {
        let all = (0..=MAX_JOBS).map(|_| rig.store.commit(another()));
        let mut started = Vec::new();
        let mut refused = 0;
        for one in futures_of(all).await {
            match one {
                Ok(erasure) => started.push(erasure),
                Err(ChangeError::Refused(_)) => refused += 1,
                Err(ChangeError::Store(error)) => panic!("{error}"),
            }
        }
        let last = started.last().unwrap().number;
        let ended = rig.store.commit(CancelErasure { account: rig.account, number: last }).await.unwrap();
        (started, refused, ended)
    });
    assert!(refused <= 1 && started.len() >= MAX_JOBS);
    if let Some(ended) = ended {
        assert_eq!((ended.state, ended.key.is_none()), (ErasureState::Cancelled, true));
    }
    rig.finish_jobs();
    rig.barrier();
    assert!(rig.store.erasures(rig.account).iter().all(|erasure| erasure.state != ErasureState::Running));
    rig.check_rows();
}

async fn futures_of<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    // Each is begun before any is awaited, so that they share a group.
    std::future::poll_fn(|context| {
        pending.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// The next one of its resource has its turn once the one before it is erased.
#[test]
fn what_waits_behind_an_erased_one_has_its_turn() {
    let rig = Rig::new();
    let hook = Webhook { ordered: true, ..webhook(rig.account, &["*"]) };
    let hook = wait(rig.store.commit(Registration::from(hook))).unwrap().webhook;
    let of = |customer: &str| event("ORDER.PAID", &format!(r#"{{"id":"o-1","customer_id":"{customer}"}}"#));
    let events = rig.accept(vec![of("c-1"), of("c-1"), of("c-2")]);
    assert_eq!(rig.told_untried(), [events[0].seq]);
    rig.erase_key("c-1", false);
    rig.finish_jobs();
    rig.barrier();
    assert_eq!(rig.erased(), [events[0].seq, events[1].seq]);
    assert!(!rig.notification(first(&events[2], &hook)).awaits_predecessor);
    assert_eq!(rig.told_untried().last(), Some(&events[2].seq));
    rig.check_rows();
}
