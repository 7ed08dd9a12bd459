//! What settings may never exceed, whatever the file says.

/// The longest body of `POST /api/events/batch`, whatever `server.max_body` says: a batch is bounded as the API
/// promises it.
pub const MAX_BATCH_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most accounts one daemon serves: each is a row in memory and a label in the metrics.
pub const MAX_ACCOUNTS: usize = 1000;

/// The most client certificates: each is a row in memory, a label in the metrics, and two files looked at every half
/// minute.
pub const MAX_CLIENT_CERTIFICATES: usize = 100;
