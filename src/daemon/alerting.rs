//! Alerts, wired: what they look at, and by what they are sent.

use super::Error;
use crate::alerts::channels::Channels;
use crate::alerts::engine::{Alerts, Teller};
use crate::alerts::posting::ChannelPost;
use crate::alerts::seeing::{Observer, OwnCertificate};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::DeliveryHandle;
use crate::http::Ingress;
use crate::service::Account;
use crate::store::{EngineError, Store};
use std::sync::Arc;

/// Takes up the alerts of the store.
pub(super) async fn open(
    store: Store,
    clock: Clock,
    delivery: DeliveryHandle,
    ingress: Arc<Ingress>,
    channels: Arc<Channels>,
    (config, accounts): (&Config, &[Account]),
) -> Result<(Arc<Alerts>, Teller), Error> {
    let observer = Observer::new(store, clock, delivery, own_certificate(ingress));
    let post = Arc::new(ChannelPost::new(channels));
    let accounts = accounts.iter().map(|account| (account.no, account.name.clone())).collect();
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || Alerts::open(observer, post, config, accounts)).await;
    Ok(opened.unwrap_or_else(|panic| Err(EngineError::of_panic(panic).into()))?)
}

/// The certificate that is served now: a reload, or a new file, replaces it.
fn own_certificate(ingress: Arc<Ingress>) -> OwnCertificate {
    Box::new(move || Some(ingress.certificate()?.end()))
}
