//! A sign of life: a GET to a monitoring service for as long as all is well. Nobody else tells of a machine that is
//! down.

use crate::config::{Config, Heartbeat};
use crate::delivery::transport::client::{Client, OutboundRequest};
use crate::delivery::why;
use crate::model::{AttemptResult, Response};
use crate::shutdown;
use bytes::Bytes;
use http::HeaderMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often it is looked whether one is due, and whether a reload has changed that.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether the daemon is well.
pub type IsWell = Box<dyn Fn() -> bool + Send + Sync>;

/// Sends the signs of life.
pub struct HeartbeatSender {
    client: Client,
    config: Arc<RwLock<Arc<Config>>>,
    is_well: IsWell,
    /// Whether the log says that they fail.
    is_logged: bool,
}

impl HeartbeatSender {
    /// By a client that reaches what the operator wrote into the config.
    pub fn new(client: Client, config: Arc<RwLock<Arc<Config>>>, is_well: IsWell) -> Self {
        Self { client, config, is_well, is_logged: false }
    }

    /// Sends them until the daemon stops.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut last: Option<(Heartbeat, Instant)> = None;
        loop {
            tokio::select! {
                () = shutdown::requested(&mut stopping) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let config = self.config.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            let Some(heartbeat) = config.alerts.heartbeat.clone() else {
                last = None;
                continue;
            };
            let is_due = last.as_ref().is_none_or(|(of, at)| *of != heartbeat || at.elapsed() >= heartbeat.every);
            if is_due && (self.is_well)() {
                last = Some((heartbeat.clone(), Instant::now()));
                tokio::select! {
                    () = shutdown::requested(&mut stopping) => return,
                    () = self.beat(&heartbeat) => {}
                }
            }
        }
    }

    async fn beat(&mut self, heartbeat: &Heartbeat) {
        let request = OutboundRequest::own(Arc::new(heartbeat.url.clone()), HeaderMap::new(), Bytes::new());
        let result = self.client.get(request).await.result;
        // The URL is a secret: who knows it can send the sign of life of a machine that is down.
        match &result {
            AttemptResult::Response(Response { status: 200..300, .. }) => {
                if std::mem::take(&mut self.is_logged) {
                    tracing::info!("the heartbeat of alerts.heartbeat is taken again");
                }
            }
            AttemptResult::Response(_) | AttemptResult::Error(_) => {
                if !std::mem::replace(&mut self.is_logged, true) {
                    let (status, error) = (result.status(), why(&result).map(|error| error.code.as_str()));
                    tracing::warn!(status, error, "the heartbeat of alerts.heartbeat was not taken");
                }
            }
        }
    }
}
