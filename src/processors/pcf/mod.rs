//! `player_composite_factors`: fatigue, zone matchup, pace and usage as scores and one adjustment.
//!
//! Source: `player_composite_factors.md`.

mod score;

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use self::score::{HashedRow, Inputs, PlayerContext, RecentGames, RoundedScores, Scores, ShotZones, TeamDefense};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::{CircuitBreakers, Lineage, by_date};
use super::facts::{Facts, Nullable};
use super::{DateOutput, Input, LookBack, Processor, ProcessorId, ProcessorOutput, RunContext};
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::numerics::hash::HashText;
use crate::numerics::rounding::decimal_to_f64;
use crate::store::DateState;

const CALCULATION_VERSION: &str = "v1_4factors";

#[derive(Debug)]
pub struct Pcf;

impl Processor for Pcf {
    fn id(&self) -> ProcessorId {
        ProcessorId::Pcf
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Input] {
        &[
            Input { table: Table::UpcomingPlayerGameContext, look_back: LookBack::SameDay },
            Input { table: Table::UpcomingTeamGameContext, look_back: LookBack::SameDay },
            Input { table: Table::PlayerGameSummary, look_back: LookBack::Days(14) },
            Input { table: Table::ReprocessAttempts, look_back: LookBack::SameDay },
        ]
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Tdza, ProcessorId::Psza]
    }

    fn run(&self, session: &Session, dates: &[NaiveDate], context: &RunContext) -> Result<ProcessorOutput> {
        let batch = session.query(include_str!("query.sql"))?;
        let lineage = session.query(include_str!("lineage.sql"))?;
        let facts = FactColumns::new(&Facts(&batch));
        let breakers = CircuitBreakers::new(&Facts(&batch), context.timestamp);
        let lineage = Lineage::new(&Facts(&lineage), SOURCE_HASHES);
        let mut rows = Vec::with_capacity(batch.num_rows());
        let outputs = by_date(dates, facts.date, |date, range| facts.score_date(date, range, &breakers, &mut rows));
        Ok(ProcessorOutput { rows: to_batch(&rows, &lineage, context)?, dates: outputs })
    }
}

/// Columns of `lineage.sql`, in the order of [`SOURCE_COLUMNS`].
const SOURCE_HASHES: [&str; 4] = ["context_hash", "team_hash", "shot_hash", "defense_hash"];

/// §5.3.
const SOURCE_COLUMNS: [&str; 4] =
    ["source_player_context_hash", "source_team_context_hash", "source_player_shot_hash", "source_team_defense_hash"];

/// One output row.
struct Row<'a> {
    date: NaiveDate,
    player: &'a str,
    universal_id: Option<&'a str>,
    game_id: &'a str,
    fatigue: i64,
    scores: RoundedScores,
    json: [String; 4],
    completeness_pct: f64,
    missing: Option<String>,
    warnings: Option<String>,
    attempts: i64,
    data_hash: String,
}

/// The query's columns, by name once.
struct FactColumns<'a> {
    date: &'a Date32Array,
    player: &'a StringArray,
    universal_id: &'a StringArray,
    game_id: &'a StringArray,
    flags: HashMap<&'static str, &'a BooleanArray>,
    ints: HashMap<&'static str, &'a Int64Array>,
    primary_zone: &'a StringArray,
    weakest_zone: &'a StringArray,
    vs_league: [&'a Float64Array; 3],
}

const FLAGS: [&str; 5] = ["is_synthetic", "back_to_back", "played_yesterday", "has_shot_zones", "has_defense"];

const INTS: [&str; 18] = [
    "days_rest",
    "games_in_last_7_days",
    "minutes_in_last_7_days",
    "avg_minutes_10",
    "back_to_backs_last_14_days",
    "player_age",
    "projected_usage_100",
    "avg_usage_100",
    "star_teammates_out",
    "pace_differential_10",
    "week_games",
    "week_minutes_10",
    "week_usage_100",
    "week_usage_games",
    "combinations",
    "paint_rate_100",
    "mid_range_rate_100",
    "three_pt_rate_100",
];

impl<'a> FactColumns<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        Self {
            date: facts.date("game_date"),
            player: facts.str("player_lookup"),
            universal_id: facts.str("universal_player_id"),
            game_id: facts.str("game_id"),
            flags: FLAGS.into_iter().map(|name| (name, facts.bool(name))).collect(),
            ints: INTS.into_iter().map(|name| (name, facts.int(name))).collect(),
            primary_zone: facts.str("primary_scoring_zone"),
            weakest_zone: facts.str("weakest_zone"),
            vs_league: [
                facts.f64("paint_defense_vs_league_avg"),
                facts.f64("mid_range_defense_vs_league_avg"),
                facts.f64("three_pt_defense_vs_league_avg"),
            ],
        }
    }

    fn int(&self, name: &str, row: usize) -> Option<i64> {
        self.ints[name].at(row)
    }

    fn flag(&self, name: &str, row: usize) -> Option<bool> {
        self.flags[name].at(row)
    }

    fn decimal(&self, name: &str, digits: u8, row: usize) -> Option<f64> {
        self.int(name, row).map(|scaled| decimal_to_f64(scaled, digits))
    }

    /// Scores the players of a date in ascending order and says how the date ended (§1.6).
    fn score_date(
        &self,
        date: NaiveDate,
        facts: Range<usize>,
        breakers: &CircuitBreakers<'_>,
        rows: &mut Vec<Row<'a>>,
    ) -> DateOutput {
        let first = rows.len();
        let had_context = !facts.is_empty();
        let mut failures = Vec::new();
        let mut text = HashText::default();
        for row in facts {
            match breakers.failure(row, self.player.value(row)) {
                Some(failure) => failures.push(failure),
                None => rows.push(self.score_row(date, row, breakers.attempts(row), &mut text)),
            }
        }
        let state = if rows.len() > first {
            DateState::Done
        } else if had_context {
            DateState::Empty { rule: "every player of the date has an active circuit breaker".to_owned() }
        } else {
            DateState::Failed {
                reason: "No data extracted: neither upcoming_player_game_context nor player_game_summary has a row"
                    .to_owned(),
            }
        };
        DateOutput { date, state, rows: first..rows.len(), failures }
    }

    fn score_row(&self, date: NaiveDate, row: usize, attempts: i64, text: &mut HashText) -> Row<'a> {
        let inputs = self.inputs(row);
        let scores = Scores::of(&inputs);
        let (completeness_pct, missing) = score::completeness(&inputs);
        let warnings = scores.warnings();
        let hashed = HashedRow {
            date,
            game_id: self.game_id.value(row),
            player: self.player.value(row),
            universal_id: self.universal_id.at(row),
            fatigue: scores.fatigue,
            scores: scores.rounded(),
            completeness_pct,
            missing: missing.as_deref(),
            warnings: warnings.as_deref(),
        };
        let data_hash = hashed.data_hash(text);
        Row {
            date,
            player: self.player.value(row),
            universal_id: self.universal_id.at(row),
            game_id: self.game_id.value(row),
            fatigue: scores.fatigue,
            scores: scores.rounded(),
            json: score::context_json(&inputs, &scores),
            completeness_pct,
            missing,
            warnings,
            attempts,
            data_hash,
        }
    }

    fn inputs(&self, row: usize) -> Inputs<'a> {
        let is_synthetic = self.flag("is_synthetic", row).unwrap_or(false);
        let context = if is_synthetic { PlayerContext::synthetic(&self.recent(row)) } else { self.context(row) };
        let shot_zones = self.flag("has_shot_zones", row).filter(|&present| present).map(|_| ShotZones {
            primary_zone: self.primary_zone.at(row),
            rates: ["paint_rate_100", "mid_range_rate_100", "three_pt_rate_100"].map(|name| self.decimal(name, 2, row)),
        });
        let defense = self.flag("has_defense", row).filter(|&present| present).map(|_| TeamDefense {
            weakest_zone: self.weakest_zone.at(row),
            vs_league: self.vs_league.map(|column| column.at(row)),
        });
        Inputs { context, shot_zones, defense }
    }

    fn recent(&self, row: usize) -> RecentGames {
        RecentGames {
            combinations: self.int("combinations", row).unwrap_or(1),
            games: self.int("week_games", row).unwrap_or(0),
            minutes_10: self.int("week_minutes_10", row),
            usage_100: self.int("week_usage_100", row),
            usage_games: self.int("week_usage_games", row).unwrap_or(0),
            played_yesterday: self.flag("played_yesterday", row).unwrap_or(false),
        }
    }

    fn context(&self, row: usize) -> PlayerContext {
        PlayerContext {
            days_rest: self.int("days_rest", row),
            back_to_back: self.flag("back_to_back", row),
            games_last_7: self.int("games_in_last_7_days", row),
            minutes_last_7: self.int("minutes_in_last_7_days", row).map(|minutes| minutes as f64),
            avg_minutes_last_7: self.decimal("avg_minutes_10", 1, row),
            back_to_backs_last_14: self.int("back_to_backs_last_14_days", row),
            player_age: self.int("player_age", row),
            projected_usage: self.decimal("projected_usage_100", 2, row),
            avg_usage_last_7: self.decimal("avg_usage_100", 2, row),
            star_teammates_out: self.int("star_teammates_out", row),
            pace_differential: self.decimal("pace_differential_10", 1, row),
        }
    }
}

/// §4, column by column.
fn to_batch(rows: &[Row<'_>], lineage: &Lineage<'_>, context: &RunContext) -> Result<RecordBatch> {
    let mut set = ColumnSet::new(Table::PlayerCompositeFactors, rows.len());
    set.str("player_lookup", rows.iter().map(|row| Some(row.player)));
    set.str("universal_player_id", rows.iter().map(|row| row.universal_id));
    set.dates("game_date", rows.iter().map(|row| row.date));
    set.str("game_id", rows.iter().map(|row| Some(row.game_id)));
    set.dates("analysis_date", rows.iter().map(|row| row.date));
    set.int("fatigue_score", rows.iter().map(|row| Some(row.fatigue)));
    set.decimal("shot_zone_mismatch_score", rows.iter().map(|row| Some(row.scores.shot_zone)));
    set.decimal("pace_score", rows.iter().map(|row| Some(row.scores.pace)));
    set.decimal("usage_spike_score", rows.iter().map(|row| Some(row.scores.usage)));
    for name in
        ["referee_favorability_score", "look_ahead_pressure_score", "travel_impact_score", "opponent_strength_score"]
    {
        set.decimal(name, rows.iter().map(|_| Some(0.0)));
    }
    set.decimal("total_composite_adjustment", rows.iter().map(|row| Some(row.scores.total)));
    for (index, name) in ["fatigue_context_json", "shot_zone_context_json", "pace_context_json", "usage_context_json"]
        .into_iter()
        .enumerate()
    {
        set.str(name, rows.iter().map(|row| Some(&row.json[index])));
    }
    set.const_str("calculation_version", CALCULATION_VERSION);
    set.decimal("data_completeness_pct", rows.iter().map(|row| Some(row.completeness_pct)));
    set.str("missing_data_fields", rows.iter().map(|row| row.missing.as_deref()));
    set.bool("has_warnings", rows.iter().map(|row| Some(row.warnings.is_some())));
    set.str("warning_details", rows.iter().map(|row| row.warnings.as_deref()));
    for (index, name) in SOURCE_COLUMNS.into_iter().enumerate() {
        set.str(name, rows.iter().map(|row| lineage.hash(row.date, index)));
    }
    set.str("data_hash", rows.iter().map(|row| Some(&row.data_hash)));
    set.const_bools(&["early_season_flag"], false);
    // §4: the number of PSZA rows of the player, or 1; the key makes it 1 always.
    set.const_int("expected_games_count", 1);
    set.const_int("actual_games_count", 1);
    set_bookkeeping(&mut set);
    set.const_bools(
        &[
            "is_production_ready",
            "upstream_player_shot_ready",
            "upstream_team_defense_ready",
            "upstream_player_context_ready",
            "upstream_team_context_ready",
            "all_upstreams_ready",
        ],
        true,
    );
    set.int("reprocess_attempt_count", rows.iter().map(|row| Some(row.attempts)));
    set.timestamps(&["created_at", "processed_at"], context.timestamp);
    set.finish()
}
