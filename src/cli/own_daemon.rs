//! How this machine's own daemon is reached. It says so itself, over its control socket: its certificate may be a secret
//! that only the service manager hands out, or be renewed while a command reads the files.

use super::store::{request, rest};
use crate::control::{self, Endpoint};
use std::path::Path;
use std::time::Duration;

/// How long the daemon has for an answer that costs it nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the daemon on a data folder says of itself. `None` where none runs, or this user may not ask it: then the config
/// is all that is known.
pub(crate) fn endpoint(data: &Path) -> Option<Endpoint> {
    let stream = control::connect(data).ok()??;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let answer = request(data, stream, "endpoint").ok()?;
    serde_json::from_str(&rest(answer).ok()?).ok()
}
