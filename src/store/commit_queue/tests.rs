use super::{CommitReceiver, Gather, commit_queue};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
const GATHER: Gather = Gather { time: LONG, most: 3 };

/// A committer that waits and takes everything, until nobody sends or listens.
fn waiter(queue: CommitReceiver<u32>, patience: Duration, gather: Gather) -> (JoinHandle<()>, Receiver<Vec<u32>>) {
    let (found, taken) = channel();
    let thread = std::thread::spawn(move || {
        while queue.wait(patience, gather) {
            let all = queue.take(|_| true);
            if found.send(all).is_err() {
                return;
            }
        }
    });
    (thread, taken)
}

#[test]
fn what_a_caller_waits_for_is_taken_at_once_with_all_before_it() {
    let (sender, queue) = commit_queue();
    let (thread, taken) = waiter(queue, LONG, GATHER);
    sender.send(1, false).unwrap();
    sender.send(2, true).unwrap();
    assert_eq!(taken.recv_timeout(LONG).unwrap(), [1, 2]);
    sender.send(3, true).unwrap();
    assert_eq!(taken.recv_timeout(LONG).unwrap(), [3]);
    drop((sender, taken));
    thread.join().unwrap();
}

#[test]
fn what_nobody_waits_for_gathers_up_to_a_number_or_a_time() {
    let (sender, queue) = commit_queue();
    let (thread, taken) = waiter(queue, LONG, GATHER);
    for number in 1..=3 {
        sender.send(number, false).unwrap();
    }
    assert_eq!(taken.recv_timeout(LONG).unwrap(), [1, 2, 3]);
    drop((sender, taken));
    thread.join().unwrap();

    let (sender, queue) = commit_queue();
    let short = Gather { time: Duration::from_millis(1), most: 3 };
    let (thread, taken) = waiter(queue, LONG, short);
    sender.send(1, false).unwrap();
    assert_eq!(taken.recv_timeout(LONG).unwrap(), [1]);
    drop((sender, taken));
    thread.join().unwrap();
}

#[test]
fn only_what_fits_is_taken_and_the_rest_is_not_waited_for() {
    let (sender, queue) = commit_queue();
    for number in 1..=4 {
        sender.send(number, true).unwrap();
    }
    let mut left = 2;
    let fits = |_: &u32| {
        left -= 1;
        left >= 0
    };
    assert_eq!(queue.take(fits), [1, 2]);
    let begun = Instant::now();
    assert!(queue.wait(LONG, GATHER));
    assert!(begun.elapsed() < LONG / 2);
    assert_eq!(queue.take(|_| true), [3, 4]);
}

#[test]
fn those_that_are_wanted_are_taken_from_between_the_others() {
    let (sender, queue) = commit_queue();
    for number in 1..=5 {
        sender.send(number, number != 4).unwrap();
    }
    assert_eq!(queue.take_those(|number| number % 2 == 0), [2, 4]);
    assert!(queue.wait(LONG, GATHER), "callers wait for the others");
    assert_eq!(queue.take(|_| true), [1, 3, 5]);
    assert!(queue.take_those(|_| true).is_empty());
    assert!(queue.wait(Duration::ZERO, GATHER));
}

#[test]
fn patience_ends_and_dropped_ends_are_noticed() {
    let (sender, queue) = commit_queue::<u32>();
    assert!(queue.wait(Duration::ZERO, GATHER), "there may be work of its own");
    assert!(queue.take(|_| true).is_empty());
    sender.send(1, false).unwrap();
    drop(sender.clone());
    drop(sender);
    assert!(queue.wait(LONG, GATHER), "one is left");
    assert_eq!(queue.take(|_| true), [1]);
    assert!(!queue.wait(LONG, GATHER));

    let (sender, queue) = commit_queue::<u32>();
    drop(queue);
    assert!(sender.send(1, true).is_err());
}
