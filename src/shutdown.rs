//! The one sign by which every task learns that the daemon stops.

use tokio::sync::watch;

/// Resolves once the daemon stops. The guard that `wait_for` gives must not live across an await, and here it doesn't.
pub async fn asked(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it whoever would have stopped us.
    let _ = stop.wait_for(|stop| *stop).await;
}
