//! The pieces that pictures are made of.

use crate::service::HourCounts;
use maud::{Markup, html};

/// The column of this place in a chart whose tallest one stands for `most`.
pub(super) fn column(nth: usize, one: HourCounts, most: u64, height: f64) -> Markup {
    let x = f64::from(u16::try_from(nth).unwrap_or(u16::MAX)) * 10.0;
    let tall = |count: u64| {
        // Parts per ten thousand: finer than any picture.
        let share = count.saturating_mul(10_000) / most.max(1);
        let share = f64::from(u32::try_from(share).unwrap_or(u32::MAX)) / 10_000.0;
        if count == 0 { 0.0 } else { (share * height).max(height / 50.0) }
    };
    let (good, retried, failed) = (tall(one.confirmed), tall(one.retried), tall(one.failed));
    html! {
        @if good > 0.0 { (rect(x + 1.0, height - good, 8.0, good, "delivered")) }
        @if retried > 0.0 { (rect(x + 1.0, height - good - retried, 8.0, retried, "retrying")) }
        @if failed > 0.0 { (rect(x + 1.0, (height - good - retried - failed).max(0.0), 8.0, failed, "failed")) }
    }
}

/// A bar of stacked parts: x, y, width, height and class of each, drawn to the picture's own measure.
pub(super) fn rect(x: f64, y: f64, width: f64, height: f64, class: &str) -> Markup {
    html! {
        rect x=(format!("{x:.2}")) y=(format!("{y:.2}")) width=(format!("{width:.2}")) height=(format!("{height:.2}"))
            class=(class) {}
    }
}
