//! Alerts to people: what is sent, and by which channels.
//!
//! It knows nothing of requests and pages. What causes an alert, and when one is repeated or over, is not known to a
//! channel: it sends the one message it is given, once.

pub mod channels;
pub mod message;
