//! Alerts to people: what is sent, and by which channels.
//!
//! It knows nothing of requests and pages. [`seeing`] finds out what is so, [`core`] decides who is told of it and
//! when, and [`engine`] performs that. What causes an alert is not known to a channel: it sends the one message that
//! it is given, once.

pub mod channels;
pub mod core;
pub mod engine;
pub mod heartbeat;
pub mod message;
pub mod posting;
pub mod seeing;
mod sentences;
#[cfg(test)]
mod simulation;
mod stored;
mod words;
mod writing;
