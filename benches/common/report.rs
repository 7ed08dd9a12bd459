//! What was measured, as a table or as JSON.

use serde::Serialize;
use std::fmt::Write as _;

/// One figure, beside the limit it is measured against.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) section: &'static str,
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<Limit>,
    /// Of the figure to the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// What others measured, on another run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peers: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Limit {
    pub(crate) what: String,
    pub(crate) value: f64,
}

/// Collects the figures, and shows each as it comes.
pub(crate) struct Report {
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, figures: Vec::new() }
    }

    pub(crate) fn section(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
        }
    }

    pub(crate) fn add(&mut self, section: &'static str, name: impl Into<String>, value: f64, unit: &'static str) {
        self.put(Figure { section, name: name.into(), value, unit, limit: None, ratio: None, peers: None });
    }

    /// Beside what others measured, where nothing measured here limits it.
    pub(crate) fn beside(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        (value, unit): (f64, &'static str),
        peers: &'static str,
    ) {
        let peers = Some(peers);
        self.put(Figure { section, name: name.into(), value, unit, limit: None, ratio: None, peers });
    }

    pub(crate) fn against(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        (value, unit): (f64, &'static str),
        (limit, what): (f64, impl Into<String>),
        peers: Option<&'static str>,
    ) {
        let limit_is = Limit { what: what.into(), value: limit };
        let ratio = Some(value / limit);
        self.put(Figure { section, name: name.into(), value, unit, limit: Some(limit_is), ratio, peers });
    }

    fn put(&mut self, figure: Figure) {
        if !self.json {
            println!("{}", line(&figure));
        }
        self.figures.push(figure);
    }

    pub(crate) fn finish(&self) {
        if self.json {
            println!("{}", serde_json::json!({ "figures": self.figures }));
        }
    }
}

fn line(figure: &Figure) -> String {
    let mut line = format!("  {:<54}{:>8} {:<8}", figure.name, number(figure.value), figure.unit);
    if let (Some(limit), Some(ratio)) = (&figure.limit, figure.ratio) {
        write!(line, "{:>9}x of {:>10}  {:<34}", number(ratio), number(limit.value), limit.what).unwrap();
    }
    if let Some(peers) = figure.peers {
        line += peers;
    }
    line.trim_end().to_owned()
}

/// Three digits that count, and no more places than those need.
pub(crate) fn number(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && digit.is_ascii_digit() && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}
