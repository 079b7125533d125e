//! Quality tiers, features that fell back, and distributions of the features, by season.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use chrono::NaiveDate;
use serde::Serialize;

use crate::calendar::{DateRange, Season};
use crate::engine::{EngineSettings, LeftOut, NamedFiles, Session};
use crate::error::Result;
use crate::processors::ProcessorId;
use crate::processors::mlfs::{FEATURE_NAMES, defaults};
use crate::snapshot::Snapshot;
use crate::windows::WindowEnd;

/// Bins of a distribution; the outer two hold the tails beyond the 0.5 % and 99.5 % quantiles of all seasons.
pub const BINS: usize = 24;

/// A population stability index above this says that two distributions differ (usual rule of thumb).
pub const DRIFT: f64 = 0.25;

/// Least share of a bin in the index, so that an empty bin has a logarithm.
const LEAST_SHARE: f64 = 1e-4;

/// What the feature vectors of the store look like.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Features {
    pub seasons: Vec<SeasonQuality>,
    pub features: Vec<Feature>,
}

/// The rows of a season.
#[derive(Debug, Clone, Serialize)]
pub struct SeasonQuality {
    pub season: String,
    pub rows: u64,
    /// Rows by `quality_tier`.
    pub tiers: BTreeMap<String, u64>,
    /// Lowest, median and highest `feature_quality_score`.
    pub score: [f64; 3],
}

/// A feature over the seasons.
#[derive(Debug, Clone, Serialize)]
pub struct Feature {
    pub index: usize,
    pub name: &'static str,
    /// Whether its fallbacks can be told from its values.
    pub can_fall_back: bool,
    /// Left edge of the first bin and right edge of the last.
    pub range: [f64; 2],
    pub seasons: Vec<Distribution>,
}

/// The values of a feature in a season.
#[derive(Debug, Clone, Serialize)]
pub struct Distribution {
    pub season: String,
    pub rows: u64,
    /// Quantiles 0, 5, 25, 50, 75, 95 and 100 %.
    pub quantiles: [f64; 7],
    /// Rows per bin.
    pub bins: Vec<u64>,
    /// Rows that have a fallback instead of a value.
    pub fallbacks: u64,
    /// Population stability index against the season before; `None` for the first.
    pub drift: Option<f64>,
}

/// How a fallback shows in a row, beside the value being the default.
#[derive(Debug, Clone, Copy)]
enum Evidence {
    /// An upstream of the row is not ready (`ml_feature_store` §4.4).
    NotReady(&'static str),
    /// The row rests on fewer games than that (`ml_feature_store` §2.5).
    FewerGames(u8),
    /// The value alone.
    Value,
    /// Another feature is this, whatever the value is: there was no line, or no game.
    Other(usize, f64),
}

/// Features with a fallback that can be told (`ml_feature_store` §3.2 to §3.6). Feature 24 is a constant; of the
/// others a default cannot be told from a value.
const EVIDENCE: [(usize, Evidence); 24] = {
    use Evidence::{FewerGames, NotReady, Other, Value};
    const PDC: Evidence = NotReady("upstream_player_daily_cache_incomplete");
    const PCF: Evidence = NotReady("upstream_player_composite_factors_incomplete");
    const PSZA: Evidence = NotReady("upstream_player_shot_zone_incomplete");
    const TDZA: Evidence = NotReady("upstream_team_defense_zone_incomplete");
    [
        (0, FewerGames(5)),
        (1, FewerGames(1)),
        (2, FewerGames(1)),
        (3, PDC),
        (4, PDC),
        (5, PCF),
        (6, PCF),
        (7, PCF),
        (8, PCF),
        (12, FewerGames(1)),
        (13, TDZA),
        (14, TDZA),
        (18, PSZA),
        (19, PSZA),
        (20, PSZA),
        (21, Value),
        (22, PDC),
        (23, PDC),
        (25, Other(28, 0.0)),
        (26, Other(28, 0.0)),
        (27, Other(28, 0.0)),
        (29, Other(30, 0.0)),
        (31, Value),
        (32, Value),
    ]
};

impl Features {
    /// Reads the feature vectors of `dates`; nothing where none was computed.
    pub fn read(snapshot: &Snapshot, dates: &[NaiveDate], engine: &EngineSettings) -> Result<Self> {
        let Snapshot { store, phase4, .. } = snapshot;
        let table = ProcessorId::Mlfs.output();
        let (Some(files), Some(&from), Some(&to)) = (phase4.files_of(table), dates.first(), dates.last()) else {
            return Ok(Self::default());
        };
        let in_range = |month: crate::calendar::Month| month.last_day() >= from && month.first_day() <= to;
        let files = store.recorded_files(table, files, in_range)?;
        let session = Session::open(engine)?;
        let left_out = LeftOut { dates: &phase4.vanished_dates(table), ..LeftOut::default() };
        let named = NamedFiles { name: "vectors_of_store", table, files: &files };
        session.view_whole_as(named, DateRange { from, to }, left_out)?;
        session.set_plan(dates, WindowEnd::default())?;
        session.execute(include_str!("features.sql"))?;
        let seasons = qualities(&session.query("SELECT * FROM qualities ORDER BY ALL")?);
        let features = distributions(&session)?;
        Ok(Self { seasons, features })
    }
}

/// Rows of `qualities`: season, tier, rows, lowest, median and highest score of the season.
fn qualities(rows: &RecordBatch) -> Vec<SeasonQuality> {
    let mut seasons: Vec<SeasonQuality> = Vec::new();
    let tiers = rows.column(1).as_string::<i32>();
    let score = |column: usize, row: usize| rows.column(column).as_primitive::<Float64Type>().value(row);
    for row in 0..rows.num_rows() {
        let season = season_of(rows, row);
        let count = rows.column(2).as_primitive::<Int64Type>().value(row).unsigned_abs();
        if seasons.last().is_none_or(|last| last.season != season) {
            let score = [3, 4, 5].map(|column| score(column, row));
            seasons.push(SeasonQuality { season, rows: 0, tiers: BTreeMap::new(), score });
        }
        let last = seasons.last_mut().expect("one was pushed");
        last.rows += count;
        last.tiers.insert(tiers.value(row).to_owned(), count);
    }
    seasons
}

fn season_of(rows: &RecordBatch, row: usize) -> String {
    let year = rows.column(0).as_primitive::<Int64Type>().value(row);
    Season::starting_in(year as i32).to_string()
}

fn distributions(session: &Session) -> Result<Vec<Feature>> {
    let mut features: Vec<Feature> = FEATURE_NAMES
        .into_iter()
        .enumerate()
        .map(|(index, name)| Feature {
            index,
            name,
            can_fall_back: EVIDENCE.iter().any(|(of, _)| *of == index),
            range: [0.0, 0.0],
            seasons: Vec::new(),
        })
        .collect();
    read_quantiles(session, &mut features)?;
    read_bins(session, &mut features)?;
    read_fallbacks(session, &mut features)?;
    features.iter_mut().for_each(Feature::compare);
    Ok(features)
}

fn read_quantiles(session: &Session, features: &mut [Feature]) -> Result<()> {
    let rows = session.query("SELECT * FROM quantiles ORDER BY season, feature")?;
    let number = |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row);
    let value = |column: usize, row: usize| rows.column(column).as_primitive::<Float64Type>().value(row);
    for row in 0..rows.num_rows() {
        let feature = &mut features[number(1, row) as usize];
        feature.range = [value(10, row), value(11, row)];
        feature.seasons.push(Distribution {
            season: season_of(&rows, row),
            rows: number(2, row).unsigned_abs(),
            quantiles: [3, 4, 5, 6, 7, 8, 9].map(|column| value(column, row)),
            bins: vec![0; BINS],
            fallbacks: 0,
            drift: None,
        });
    }
    Ok(())
}

fn read_bins(session: &Session, features: &mut [Feature]) -> Result<()> {
    let rows = session.query(&format!(
        "SELECT season, feature, CASE WHEN high > low THEN \
             least(greatest(floor((value - low) / (high - low) * {BINS}), 0), {BINS} - 1) ELSE 0 END::BIGINT AS bin, count(*) \
         FROM cells JOIN bounds USING (feature) GROUP BY ALL ORDER BY ALL"
    ))?;
    let number = |column: usize, row: usize| rows.column(column).as_primitive::<Int64Type>().value(row);
    for row in 0..rows.num_rows() {
        let of = features[number(1, row) as usize].of_season(&season_of(&rows, row));
        of.bins[number(2, row) as usize] = number(3, row).unsigned_abs();
    }
    Ok(())
}

fn read_fallbacks(session: &Session, features: &mut [Feature]) -> Result<()> {
    let counts: Vec<String> =
        EVIDENCE.iter().map(|(index, evidence)| format!("count(*) FILTER ({})", evidence.condition(*index))).collect();
    let rows =
        session.query(&format!("SELECT season, {} FROM vectors GROUP BY season ORDER BY season", counts.join(", ")))?;
    for row in 0..rows.num_rows() {
        let season = season_of(&rows, row);
        for (column, (index, _)) in EVIDENCE.iter().enumerate() {
            let count = rows.column(column + 1).as_primitive::<Int64Type>().value(row);
            features[*index].of_season(&season).fallbacks = count.unsigned_abs();
        }
    }
    Ok(())
}

impl Evidence {
    /// The condition that a row of `vectors` has a fallback.
    fn condition(self, index: usize) -> String {
        let value = |index: usize| format!("features[{}]", index + 1);
        let is_default = format!("{} = {:?}::DOUBLE", value(index), defaults()[index]);
        match self {
            Self::NotReady(tag) => format!("{is_default} AND list_contains(data_quality_issues, '{tag}')"),
            Self::FewerGames(games) => format!("{is_default} AND actual_games_count < {games}"),
            Self::Value => is_default,
            Self::Other(other, marker) => format!("{} = {marker:?}::DOUBLE", value(other)),
        }
    }
}

impl Feature {
    fn of_season(&mut self, season: &str) -> &mut Distribution {
        self.seasons.iter_mut().find(|of| of.season == season).expect("every season has quantiles")
    }

    /// Compares each season with the one before.
    fn compare(&mut self) {
        for index in 1..self.seasons.len() {
            let (before, after) = (&self.seasons[index - 1], &self.seasons[index]);
            self.seasons[index].drift = Some(stability_index(&before.bins, &after.bins));
        }
    }
}

/// Population stability index: the sum over bins of (q − p) · ln(q ÷ p), three decimals.
fn stability_index(before: &[u64], after: &[u64]) -> f64 {
    let share = |bins: &[u64], bin: usize| {
        let all: u64 = bins.iter().sum();
        (bins[bin] as f64 / all.max(1) as f64).max(LEAST_SHARE)
    };
    let of_bin = |bin: usize| {
        let (p, q) = (share(before, bin), share(after, bin));
        (q - p) * (q / p).ln()
    };
    let sum: f64 = (0..before.len()).map(of_bin).sum();
    (sum * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distributions_are_stable_and_others_are_not() {
        assert_eq!(stability_index(&[10, 20, 30], &[100, 200, 300]), 0.0);
        assert!(stability_index(&[10, 20, 30], &[11, 19, 30]) < 0.1);
        assert!(stability_index(&[60, 0, 0], &[0, 0, 60]) > DRIFT);
        assert_eq!(stability_index(&[0, 0], &[0, 0]), 0.0);
    }

    #[test]
    fn every_feature_that_can_fall_back_has_a_default() {
        for (index, evidence) in EVIDENCE {
            let is_told_by_its_default = !matches!(evidence, Evidence::Other(..));
            assert!(!is_told_by_its_default || defaults()[index].is_finite(), "{}", FEATURE_NAMES[index]);
        }
        assert!(ProcessorId::Mlfs.output().schema().column("data_quality_issues").is_some());
    }
}
