//! HTTP out: what is owed to a webhook becomes attempts, and what came back becomes their outcome.
//!
//! The [`scheduler`] decides who is attempted when, purely; the [`engine`] does as it says; the [`client`] makes one attempt.
//! Nothing here listens, and nothing here knows the verbs that made a notification owed.

mod charset;
pub mod client;
mod connect;
pub mod egress;
pub mod engine;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod lane;
mod pool;
mod prepare;
mod probe;
mod proxy;
mod redact;
mod resolve;
mod response;
pub mod scheduler;
pub mod sign;
#[cfg(test)]
mod simulation;
pub mod status;
mod stream;
pub mod tls;
mod x509;

pub use failure::why;
pub use lane::Settings as LaneSettings;
