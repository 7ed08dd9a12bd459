//! Where log lines go, and what they look like.

use crate::config::{Format, Log};
use std::fmt;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

/// Changes the level of a running log.
pub(crate) struct LevelHandle(reload::Handle<LevelFilter, tracing_subscriber::Registry>);

impl LevelHandle {
    pub(crate) fn set(&self, level: LevelFilter) {
        // The subscriber lives as long as the process.
        let _ = self.0.reload(level);
    }
}

/// Sends log lines to stderr from now on. Under the journal, which stamps lines itself, they carry a priority instead
/// of a time.
pub(crate) fn start(log: &Log) -> LevelHandle {
    let (level, handle) = reload::Layer::new(log.level);
    let registry = tracing_subscriber::registry().with(level);
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A subscriber that is set already (a test's) stays.
    let _ = match log.format {
        Format::Json => tracing::subscriber::set_global_default(registry.with(layer.json().flatten_event(true))),
        Format::Text => {
            tracing::subscriber::set_global_default(registry.with(layer.event_format(LogLine { to_journal })))
        }
    };
    LevelHandle(handle)
}

/// `2026-11-23T12:00:00Z INFO message field=value`, or `<6>message field=value` for the journal.
struct LogLine {
    to_journal: bool,
}

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let level = *event.metadata().level();
        if self.to_journal {
            // The numbers of syslog: sd-daemon(3).
            let priority = match level {
                tracing::Level::ERROR => 3,
                tracing::Level::WARN => 4,
                tracing::Level::INFO => 6,
                tracing::Level::DEBUG | tracing::Level::TRACE => 7,
            };
            write!(writer, "<{priority}>")?;
        } else {
            SystemTime.format_time(&mut writer)?;
            write!(writer, " {level} ")?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
