//! The signal by which every task learns that the daemon stops.

use tokio::sync::watch;

/// Resolves once the daemon stops. The guard that `wait_for` gives must not live across an await, and here it doesn't.
pub async fn requested(stop: &mut watch::Receiver<bool>) {
    // An error means that the daemon, which holds the sender, has been dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}
