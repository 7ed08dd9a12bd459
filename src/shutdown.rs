//! The signal by which every task learns that the daemon stops, and the loop that accepts connections until then.

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long to wait before accepting again when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Resolves once the daemon stops. The guard that `wait_for` gives must not live across an await, and here it doesn't.
pub async fn requested(stop: &mut watch::Receiver<bool>) {
    // An error means that the daemon, which holds the sender, has been dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Accepts connections until `stop` resolves, and returns the tasks that still serve some. `serve` starts such a task;
/// it gets the errors too, which end nothing: a peer that gave up, or no descriptors left.
pub async fn accept_until<S, F: Future<Output = io::Result<S>>>(
    stop: impl Future<Output = ()>,
    accept: impl Fn() -> F,
    mut serve: impl FnMut(io::Result<S>, &mut JoinSet<()>),
) -> JoinSet<()> {
    let (mut stop, mut connections) = (pin!(stop), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            () = stop.as_mut() => return connections,
            accepted = accept() => accepted,
        };
        // Those that have ended are joined as we go.
        while connections.try_join_next().is_some() {}
        let failed = accepted.is_err();
        serve(accepted, &mut connections);
        if failed {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}
