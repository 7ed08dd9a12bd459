//! Figures about the running daemon, as plain types: what is counted and timed. They hold no rows of the store and know
//! nothing of the text that Prometheus reads.

mod metrics;

pub use metrics::{AttemptMetrics, Histogram, HistogramSnapshot, StoreMetrics};
