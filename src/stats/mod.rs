//! Figures of the daemon's work, as plain types: what is counted and timed since the start, and how attempts ended hour
//! by hour, which the store keeps in a file over restarts. They hold no rows of the store and know nothing of the text
//! that Prometheus reads.

mod hour_counts;
mod job_metrics;
mod metrics;
mod recent_outcomes;
mod response_times;

pub(crate) use hour_counts::{Counted, OutcomeCounter};
pub use hour_counts::{HourCounts, WebhookHistory};
pub use job_metrics::JobMetrics;
pub use metrics::{AlertMetrics, AttemptMetrics, Histogram, HistogramSnapshot, StoreMetrics};
pub(crate) use recent_outcomes::Outcomes;
pub use recent_outcomes::{Gap, MAX_OUTCOMES, Outcome, OutcomePosition};
pub use response_times::ResponseTimes;
