//! One attempt: a notification becomes a signed request, the request goes out, and what comes back is its outcome.
//!
//! [`client`] is the whole of it: it resolves, asks the egress guard, connects and waits within its limits. Nothing
//! here knows when an attempt is made or what its outcome means for the next one.

mod certificate_ends;
mod certificate_watch;
mod charset;
pub mod client;
pub mod client_certificates;
pub(crate) mod connect;
pub(crate) mod connection;
pub(crate) mod pool;
pub(crate) mod prepared_webhook;
mod proxy;
mod resolve;
pub(crate) mod response;
pub mod settings;
pub mod sign;
mod stream;
