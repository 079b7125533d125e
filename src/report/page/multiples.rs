//! Distributions as small multiples: a panel for each feature, a row for each season.

use std::fmt::Write;

use super::features::{BINS, DRIFT, Distribution, Feature, Features};

/// Of a bin and of a season's row, in units of the drawing.
const BIN: usize = 8;
const ROW: usize = 26;
/// Highest bar.
const BAR: usize = 21;
/// Left of the bars.
const LEFT: usize = 58;

#[derive(Debug)]
pub struct Panel {
    pub index: usize,
    pub name: &'static str,
    pub low: String,
    pub high: String,
    pub width: usize,
    pub height: usize,
    pub middle: usize,
    pub right: usize,
    /// Where the lower and the upper end of the scale are written.
    pub scale_y: usize,
    pub rows: Vec<Row>,
    pub summary: String,
    pub drifts: bool,
}

#[derive(Debug)]
pub struct Row {
    pub season: String,
    pub baseline: usize,
    /// The bars as one path.
    pub path: String,
    /// Where the median is.
    pub median: String,
    pub top: usize,
    pub drifts: bool,
    pub tip: String,
}

pub fn of(features: &Features) -> Vec<Panel> {
    features.features.iter().filter(|feature| !feature.seasons.is_empty()).map(panel).collect()
}

fn panel(feature: &Feature) -> Panel {
    let rows: Vec<Row> = feature.seasons.iter().enumerate().map(|(index, of)| row(feature, index, of)).collect();
    let medians = feature.seasons.iter().map(|of| format!("{} median {}", of.season, number(of.quantiles[3])));
    let drifting: Vec<&str> = rows.iter().filter(|row| row.drifts).map(|row| row.season.as_str()).collect();
    let drift = match drifting.as_slice() {
        [] => String::new(),
        seasons => format!("; differs from the season before in {}", seasons.join(", ")),
    };
    let height = ROW * rows.len() + 16;
    Panel {
        index: feature.index,
        name: feature.name,
        low: number(feature.range[0]),
        high: number(feature.range[1]),
        width: LEFT + BINS * BIN + 2,
        height,
        middle: LEFT,
        right: LEFT + BINS * BIN,
        scale_y: height - 4,
        summary: format!("{}: {}{drift}", feature.name, medians.collect::<Vec<_>>().join(", ")),
        drifts: !drifting.is_empty(),
        rows,
    }
}

fn row(feature: &Feature, index: usize, of: &Distribution) -> Row {
    let baseline = ROW * (index + 1) - 2;
    let drifts = of.drift.is_some_and(|drift| drift > DRIFT);
    let drift = of.drift.map_or_else(String::new, |drift| format!(", stability index {drift:.2}"));
    let [_, low, _, median, _, high, _] = of.quantiles.map(number);
    Row {
        season: of.season.clone(),
        baseline,
        path: bars(&of.bins, baseline),
        median: format!("{:.1}", LEFT as f64 + place(feature.range, of.quantiles[3])),
        top: baseline - BAR,
        drifts,
        tip: format!("{}: {} rows, 5 % {low}, median {median}, 95 % {high}{drift}", of.season, of.rows),
    }
}

/// A bar for each bin that has rows; the highest of a season has full height.
fn bars(bins: &[u64], baseline: usize) -> String {
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    let mut path = String::new();
    for (bin, &rows) in bins.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        // A few rows of many are seen as well.
        let height = (rows as f64 / most as f64 * BAR as f64).max(0.6);
        let x = LEFT + bin * BIN;
        write!(path, "M{x} {baseline}v-{height:.1}h{}v{height:.1}z", BIN - 1).expect("writing to a string");
    }
    path
}

fn place(range: [f64; 2], value: f64) -> f64 {
    let [low, high] = range;
    let whole = (BINS * BIN) as f64;
    if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) * whole } else { BIN as f64 / 2.0 }
}

/// At most four significant digits.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0..100.0 => 1,
        1.0..10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [-0.0004, 0.35, 12.345, 112.06, -2.0, 0.0004].map(number).to_vec();
        assert_eq!(shown, ["0", "0.35", "12.3", "112", "-2", "0"]);
    }

    #[test]
    fn the_highest_bar_fills_its_row() {
        assert_eq!(bars(&[0, 4, 2], 24), "M66 24v-21.0h7v21.0zM74 24v-10.5h7v10.5z");
        assert_eq!(bars(&[0, 0], 24), "");
    }
}
