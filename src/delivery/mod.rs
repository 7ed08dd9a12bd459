//! HTTP out: what is owed to a webhook becomes attempts, and what came back becomes their outcome.
//!
//! This room never listens and never decides who is owed what; it knows how to reach a target, and what one may be.

pub mod client;
mod connect;
pub mod egress;
mod failure;
mod pool;
mod response;
pub mod sign;
mod stream;
pub mod tls;
