//! `player_shot_zone_analysis`: where a player's shots of the last ten games came from.
//!
//! Source: `player_shot_zone_analysis.md`.

mod score;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Date32Type;
use chrono::{NaiveDate, NaiveTime};

use self::score::{ShotWindow, ZoneScore};
use super::columns::{ColumnSet, set_bookkeeping};
use super::facts::{Facts, Nullable};
use super::{DateOutput, Failure, Input, LookBack, Processor, ProcessorId, ProcessorOutput, RunContext};
use crate::calendar::Season;
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::store::DateState;

/// Games in the window; a player with fewer gets no row (§3).
const GAMES_NEEDED: i64 = 10;

#[derive(Debug)]
pub struct Psza;

impl Processor for Psza {
    fn id(&self) -> ProcessorId {
        ProcessorId::Psza
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input { table: Table::PlayerGameSummary, look_back: LookBack::Season }]
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[]
    }

    fn run(&self, session: &Session, dates: &[NaiveDate], context: &RunContext) -> Result<ProcessorOutput> {
        let batch = session.query(include_str!("query.sql"))?;
        let lineage = source_hashes(&session.query(include_str!("lineage.sql"))?);
        let windows = Windows::new(&Facts(&batch));
        let standing = windows.standing_on(dates);
        let mut rows = Vec::new();
        let mut outputs = Vec::with_capacity(dates.len());
        for (&date, players) in dates.iter().zip(&standing) {
            outputs.push(windows.end_date(date, players, &mut rows));
        }
        Ok(ProcessorOutput { rows: windows.to_batch(&rows, &lineage, context)?, dates: outputs })
    }
}

fn source_hashes(batch: &RecordBatch) -> BTreeMap<NaiveDate, String> {
    let facts = Facts(batch);
    let (dates, hashes) = (facts.date("analysis_date"), facts.str("source_hash"));
    (0..facts.rows()).filter_map(|row| Some((dates.at(row)?, hashes.at(row)?.to_owned()))).collect()
}

/// One output row: a date and the window that stands for a player on it.
struct Row {
    date: NaiveDate,
    window: usize,
}

/// Every (player, game date) of the seasons in play, scored once. A window stands for all dates from
/// its game up to the next one, so scoring does not depend on how many dates are asked for.
struct Windows<'a> {
    player: &'a StringArray,
    universal_id: &'a StringArray,
    season: &'a Int64Array,
    from: &'a Date32Array,
    before: &'a Date32Array,
    games: &'a Int64Array,
    scores: Vec<Option<ZoneScore>>,
    hash_texts: Vec<String>,
}

impl<'a> Windows<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        let player = facts.str("player_lookup");
        let universal_id = facts.str("universal_player_id");
        let games = facts.int("games_so_far");
        let sums = ShotSums::new(facts);
        let score =
            |row| (games.value(row) >= GAMES_NEEDED).then(|| ZoneScore::of(&sums.window(row, games.value(row))));
        let scores: Vec<Option<ZoneScore>> = (0..facts.rows()).map(score).collect();
        let text = |(row, score): (usize, &Option<ZoneScore>)| {
            score.as_ref().map(|score| score.hash_text(player.value(row), universal_id.at(row))).unwrap_or_default()
        };
        let hash_texts = scores.iter().enumerate().map(text).collect();
        Self {
            player,
            universal_id,
            season: facts.int("season"),
            from: facts.date("game_date"),
            before: facts.date("next_game_date"),
            games,
            scores,
            hash_texts,
        }
    }

    /// For each date the windows that stand on it, in ascending order of player.
    fn standing_on(&self, dates: &[NaiveDate]) -> Vec<Vec<usize>> {
        let days: Vec<i32> = dates.iter().map(|&date| Date32Type::from_naive_date(date)).collect();
        let mut standing = vec![Vec::new(); dates.len()];
        for window in 0..self.player.len() {
            for index in self.dates_of(window, &days) {
                standing[index].push(window);
            }
        }
        standing
    }

    /// The dates on which a window stands, as indices.
    fn dates_of(&self, window: usize, days: &[i32]) -> Range<usize> {
        let season = Season::starting_in(self.season.value(window) as i32);
        let season_end = Date32Type::from_naive_date(season.range().to) + 1;
        let before = if self.before.is_valid(window) { self.before.value(window) } else { season_end };
        let from = self.from.value(window);
        days.partition_point(|&day| day < from)..days.partition_point(|&day| day < before)
    }

    /// Takes a date's rows and says how it ended (§1.6). Failures of a date without rows are lost,
    /// as in the reference (§6, Q12).
    fn end_date(&self, date: NaiveDate, players: &[usize], rows: &mut Vec<Row>) -> DateOutput {
        let first = rows.len();
        rows.extend(
            players.iter().filter(|&&window| self.scores[window].is_some()).map(|&window| Row { date, window }),
        );
        if rows.len() > first {
            let failures = players.iter().filter(|&&window| self.scores[window].is_none());
            let failures = failures.map(|&window| self.too_few_games(window)).collect();
            return DateOutput { date, state: DateState::Done, rows: first..rows.len(), failures };
        }
        let state = match players.iter().map(|&window| self.games.value(window)).max() {
            Some(most) => {
                DateState::Empty { rule: format!("no player has {GAMES_NEEDED} games this season (most: {most})") }
            }
            None => DateState::Failed {
                reason: "No data extracted: player_game_summary has no qualifying game this season".to_owned(),
            },
        };
        DateOutput { date, state, rows: first..first, failures: Vec::new() }
    }

    fn too_few_games(&self, window: usize) -> Failure {
        let games = self.games.value(window);
        Failure {
            entity_id: self.player.value(window).to_owned(),
            category: "EXPECTED_INCOMPLETE",
            reason: format!("Season bootstrap: {games}/{games} games (need {GAMES_NEEDED})"),
            can_retry: false,
        }
    }

    /// §4, column by column.
    fn to_batch(
        &self,
        rows: &[Row],
        lineage: &BTreeMap<NaiveDate, String>,
        context: &RunContext,
    ) -> Result<RecordBatch> {
        let score = |row: &Row| self.scores[row.window].as_ref().expect("rows have scores");
        let mut set = ColumnSet::new(Table::PlayerShotZoneAnalysis, rows.len());
        set.str("player_lookup", rows.iter().map(|row| Some(self.player.value(row.window))));
        set.str("universal_player_id", rows.iter().map(|row| self.universal_id.at(row.window)));
        set.dates("analysis_date", rows.iter().map(|row| row.date));
        let mut metric = |name, value: fn(&ZoneScore) -> Option<f64>| {
            set.decimal(name, rows.iter().map(|row| value(score(row))));
        };
        metric("paint_rate_last_10", |score| score.rates_10[0]);
        metric("mid_range_rate_last_10", |score| score.rates_10[1]);
        metric("three_pt_rate_last_10", |score| score.rates_10[2]);
        metric("paint_pct_last_10", |score| score.pcts_10[0]);
        metric("mid_range_pct_last_10", |score| score.pcts_10[1]);
        metric("three_pt_pct_last_10", |score| score.pcts_10[2]);
        metric("paint_attempts_per_game", |score| Some(score.attempts_per_game[0]));
        metric("mid_range_attempts_per_game", |score| Some(score.attempts_per_game[1]));
        metric("three_pt_attempts_per_game", |score| Some(score.attempts_per_game[2]));
        metric("paint_rate_last_20", |score| score.paint_rate_20);
        metric("paint_pct_last_20", |score| score.paint_pct_20);
        metric("assisted_rate_last_10", |score| score.assisted_rate);
        metric("unassisted_rate_last_10", |score| score.unassisted_rate);
        set.int("total_shots_last_10", rows.iter().map(|row| score(row).total_shots));
        set.const_int("games_in_sample_10", GAMES_NEEDED);
        set.const_str("sample_quality_10", "excellent");
        for name in ["games_in_sample_20", "expected_games_count", "actual_games_count"] {
            set.int(name, rows.iter().map(|row| Some(score(row).games_20)));
        }
        set.str("sample_quality_20", rows.iter().map(|row| Some(score(row).sample_quality_20())));
        set.str("primary_scoring_zone", rows.iter().map(|row| score(row).primary_zone()));
        set.const_str("data_quality_tier", "high");
        let midnight = |row: &Row| row.date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        let midnights = TimestampMicrosecondArray::from_iter_values(rows.iter().map(midnight)).with_timezone("UTC");
        set.set("source_player_game_last_updated", Arc::new(midnights));
        set.str("source_player_game_hash", rows.iter().map(|row| lineage.get(&row.date)));
        set.str("data_hash", self.data_hashes(rows).into_iter().map(Some));
        set_bookkeeping(&mut set);
        set.const_bools(&["early_season_flag"], false);
        set.const_bools(&["is_production_ready"], true);
        set.const_int("reprocess_attempt_count", 0);
        set.timestamps(&["created_at", "processed_at"], context.timestamp);
        set.finish()
    }

    /// Rows of a date share the first field; the rest of a window's text is rendered once.
    fn data_hashes(&self, rows: &[Row]) -> Vec<String> {
        let mut prefix = String::new();
        let mut prefix_date = None;
        rows.iter()
            .map(|row| {
                if prefix_date != Some(row.date) {
                    prefix = format!("analysis_date:{}|", row.date);
                    prefix_date = Some(row.date);
                }
                crate::numerics::hash::data_hash(&[prefix.as_bytes(), self.hash_texts[row.window].as_bytes()])
            })
            .collect()
    }
}

/// The sums of the query.
struct ShotSums<'a> {
    columns: [&'a Int64Array; 13],
}

impl<'a> ShotSums<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        let columns = [
            "paint_attempts_10",
            "mid_range_attempts_10",
            "three_pt_attempts_10",
            "paint_makes_10",
            "mid_range_makes_10",
            "three_pt_makes_10",
            "fg_makes_10",
            "assisted_10",
            "unassisted_10",
            "paint_attempts_20",
            "mid_range_attempts_20",
            "three_pt_attempts_20",
            "paint_makes_20",
        ]
        .map(|name| facts.int(name));
        Self { columns }
    }

    fn window(&self, row: usize, games: i64) -> ShotWindow {
        let value = |index: usize| self.columns[index].value(row);
        ShotWindow {
            attempts_10: [value(0), value(1), value(2)],
            makes_10: [value(3), value(4), value(5)],
            fg_makes_10: value(6),
            assisted_10: value(7),
            unassisted_10: value(8),
            attempts_20: [value(9), value(10), value(11)],
            paint_makes_20: value(12),
            games_20: games.min(20),
        }
    }
}
