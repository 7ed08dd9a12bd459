//! Pictures of numbers: the chart of the first page, and the small one of a webhook's row.

use super::layout::number;
use super::texts::fill;
use super::view::View;
use crate::model::Timestamp;
use crate::service::HourCounts;
use maud::{Markup, html};

/// The chart's measure, in units of its own: the room for the axis, the height of the columns, and both with labels.
const LEFT: f64 = 54.0;
const WIDTH: f64 = 1026.0;
const TOP: f64 = 14.0;
const BASE: f64 = 150.0;
const HEIGHT: f64 = 172.0;

/// One column of a chart: what it counts, over which span of time, and what it is called.
pub(super) struct Column {
    pub(super) counts: HourCounts,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// `14h`, `28/11`.
    pub(super) name: String,
    /// Whether its name stands below the axis.
    pub(super) labelled: bool,
}

/// Up to where the axis goes: the least of 1, 2 and 5 times a power of ten that is not below the highest column, and
/// even, so that its half is a whole number.
fn axis(highest: u64) -> u64 {
    let mut scale: u64 = 1;
    loop {
        if let Some(end) = [2, 4, 10].into_iter().map(|step| step * scale).find(|end| *end >= highest) {
            return end;
        }
        scale = scale.saturating_mul(10);
    }
}

/// A fraction of a length, in parts of ten thousand: finer than any picture.
fn share(count: u64, of: u64, length: f64) -> f64 {
    let parts = count.saturating_mul(10_000) / of.max(1);
    f64::from(u32::try_from(parts).unwrap_or(u32::MAX)) / 10_000.0 * length
}

/// Stacked columns beside an axis that stays in sight where a phone scrolls them; each leads to the list of what was
/// recorded in its time.
pub(super) fn chart(view: &View<'_>, columns: &[Column], label: &str) -> Markup {
    let t = view.t;
    let end = axis(columns.iter().map(|one| one.counts.tried()).max().unwrap_or(0));
    let height = BASE - TOP;
    let step = WIDTH / f64::from(u16::try_from(columns.len().max(1)).unwrap_or(u16::MAX));
    let at = |nth: usize| step * f64::from(u16::try_from(nth).unwrap_or(u16::MAX));
    let count = |count: u64| number(view.lang, count);
    let lines = [(0.0, 0), (0.5, end / 2), (1.0, end)].map(|(share, value)| (BASE - height * share, value));
    html! {
        div.plot {
        svg.axis viewBox=(format!("0 0 {LEFT} {HEIGHT}")) aria-hidden="true" {
            @for (y, value) in lines {
                text x=(LEFT - 8.0) y=(format!("{y:.1}")) dy="4" text-anchor="end" { (count(value)) }
            }
        }
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="group" aria-label=(label) {
            @for (y, _) in lines {
                @let y = format!("{y:.1}");
                line x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
            }
            @for (nth, one) in columns.iter().enumerate() {
                @let (x, counts) = (format!("{:.1}", step.mul_add(0.12, at(nth))), one.counts);
                @let said = fill(t.chart_column, &[
                    &one.name,
                    &t.delivered_n.of(counts.confirmed, &count(counts.confirmed), &[]),
                    &t.retried_n.of(counts.retried, &count(counts.retried), &[]),
                    &t.failed_n.of(counts.failed, &count(counts.failed), &[]),
                ]);
                @if counts.tried() > 0 {
                    a href=(format!("/notifications?from={}&to={}", one.from, one.to)) aria-label=(said) {
                        title { (said) }
                        rect.hit x=(format!("{:.1}", at(nth))) y=(TOP) width=(format!("{step:.1}")) height=(height) {}
                        (stack(&x, step * 0.76, BASE, height, counts, end))
                    }
                }
                @if one.labelled {
                    text x=(format!("{:.1}", at(nth) + step / 2.0)) y=(HEIGHT - 4.0) text-anchor="middle" {
                        (one.name)
                    }
                }
            }
        }
        }
    }
}

/// What was confirmed at the bottom, what failed at the top.
fn stack(x: &str, width: f64, base: f64, height: f64, counts: HourCounts, end: u64) -> Markup {
    let parts = [("ok", counts.confirmed), ("warn", counts.retried), ("bad", counts.failed)];
    let mut top = base;
    let parts: Vec<(&str, f64, f64)> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| {
            // One of a million is seen too.
            let tall = share(count, end, height).max(height / 60.0);
            top -= tall;
            (class, top, tall)
        })
        .collect();
    html! {
        @for (class, y, tall) in parts {
            rect class=(class) x=(x) y=(format!("{y:.1}")) width=(format!("{width:.1}")) height=(format!("{tall:.1}"))
                rx="2" {}
        }
    }
}

/// The last hours of a webhook, in the height of a line.
pub(super) fn spark(hours: &[HourCounts], label: &str) -> Markup {
    let most = hours.iter().map(|one| one.tried()).max().unwrap_or(0).max(1);
    html! {
        svg.spark viewBox="0 0 240 30" preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (nth, one) in hours.iter().enumerate() {
                (stack(&(nth * 10 + 1).to_string(), 8.0, 30.0, 28.0, *one, most))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (highest, end) in [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (32, 40), (41, 100), (1_234, 2_000)] {
            assert_eq!(axis(highest), end, "{highest}");
        }
    }
}
