//! What all attempts have in common, until the next reload.

use crate::delivery::egress::Guard;
use crate::model::ProxyUrl;
use std::sync::Arc;
use std::time::Duration;

/// The longest timeout that is taken; a greater one is read as this.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// What all attempts have in common, until the next reload.
#[derive(Clone)]
pub struct ClientSettings {
    /// The whole attempt, from resolving the name to the end of what is read; at most [`MAX_TIMEOUT`].
    pub timeout: Duration,
    /// Resolving, dialling, what the proxy takes, and the TLS handshake together. Several addresses behind a name
    /// share it.
    pub connect_timeout: Duration,
    /// Whether a target may be plain `http`.
    pub allow_http: bool,
    /// Which addresses may be dialled.
    pub guard: Guard,
    /// Through which proxy targets are reached, if any. Names are resolved and addresses judged here all the same.
    pub proxy: Option<ProxyUrl>,
    /// Whose certificates are trusted; see [`crate::tls::client::client_config`].
    pub tls: Arc<rustls::ClientConfig>,
}
