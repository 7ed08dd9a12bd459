//! The daemon as a whole, from the post to the target, against a null relay and what the machine allows in the same
//! run.
//!
//! `cargo bench --bench end_to_end` measures everything in some seven minutes. After a `--`: `quick` for small counts
//! and less than one, names of sections for those alone, `--json` for programs. Only the ratios of one run mean
//! anything on another machine, and only while nothing else runs on this one.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench that can't go on has failed, and its figures are far from where a cast would cut"
)]
#![expect(clippy::print_stdout, reason = "a bench prints what it has measured")]

mod common;
mod sections;

use common::child;
use common::options::Options;
use common::report::Report;
use common::sink::Sink;
use sections::limits::{self, Limits};
use sections::{Bench, delivery, fairness, footprint, storing};

type Section = (&'static str, fn(&mut Bench));

const SECTIONS: [Section; 8] = [
    ("delivery", delivery::one_target),
    ("fanout", delivery::fan_out),
    ("durable", storing::durable),
    ("batch", storing::batch),
    ("latency", delivery::latency),
    ("limits", limits::show),
    ("footprint", footprint::show),
    ("fairness", fairness::show),
];

fn main() {
    if child::played_a_role() {
        return;
    }
    let options = Options::read(&SECTIONS.map(|(name, _)| name), &["quick", "--json"]);
    common::scratch::clean_up_at_signals();
    let report = Report::new(options.json);
    let mut bench = Bench { options, report, limits: Limits::default(), sink: Sink::start() };
    for (name, show) in SECTIONS {
        if bench.options.wants(name) {
            show(&mut bench);
        }
    }
    bench.report.finish();
}
