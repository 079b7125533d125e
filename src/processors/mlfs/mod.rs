//! `ml_feature_store_v2`: 33 features per player and game date, with a quality score.
//!
//! Source: `ml_feature_store.md`.

mod score;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StringBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use chrono::NaiveDate;

use self::score::{
    BettingLine, DailyCache, FEATURE_NAMES, FEATURE_VERSION, Factors, FeatureVector, GameContext, HashedRow, Inputs,
    MonthMeans, NoFallbackLine, OpponentDefense, RecentGame, SeasonMeans, ZoneRates,
};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::{CircuitBreakers, Lineage, by_date};
use super::facts::{Facts, Nullable};
use super::{DateOutput, Failure, Input, LookBack, Processor, ProcessorId, ProcessorOutput, RunContext};
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::numerics::hash::HashText;
use crate::numerics::rounding::{decimal_to_f64, numeric_mean};
use crate::numerics::sum::exact_sum;
use crate::numerics::text::without_control;
use crate::store::DateState;

/// §4.3: no other value can occur.
const DATA_SOURCE: &str = "mixed";

/// Read F looks back so many days.
const RECENT_DAYS: i64 = 60;

#[derive(Debug)]
pub struct Mlfs;

impl Processor for Mlfs {
    fn id(&self) -> ProcessorId {
        ProcessorId::Mlfs
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Input] {
        &[
            Input { table: Table::PlayerGameSummary, look_back: LookBack::Years(3) },
            Input { table: Table::UpcomingPlayerGameContext, look_back: LookBack::SameDay },
            Input { table: Table::PlayerPointsProps, look_back: LookBack::SameDay },
            Input { table: Table::PlayerDailyCache, look_back: LookBack::SameDay },
            Input { table: Table::ReprocessAttempts, look_back: LookBack::SameDay },
        ]
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Tdza, ProcessorId::Psza, ProcessorId::Pcf]
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
const SOURCE_HASHES: [&str; 4] = ["cache_hash", "factors_hash", "zones_hash", "defense_hash"];

/// §5.
const SOURCE_COLUMNS: [&str; 4] =
    ["source_daily_cache_hash", "source_composite_hash", "source_shot_zones_hash", "source_team_defense_hash"];

/// `['points_avg_last_5', …]` as the hash spells it.
fn feature_names_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let quoted: Vec<String> = FEATURE_NAMES.iter().map(|name| format!("'{name}'")).collect();
        format!("[{}]", quoted.join(", "))
    })
}

/// Upstream tables of the readiness flag, in the order of the issue tags (§4.4).
const ISSUE_TAGS: [&str; 4] = [
    "upstream_player_daily_cache_incomplete",
    "upstream_player_composite_factors_incomplete",
    "upstream_player_shot_zone_incomplete",
    "upstream_team_defense_zone_incomplete",
];

/// One output row.
struct Row<'a> {
    hashed: HashedRow<'a>,
    vector: FeatureVector,
    games: i64,
    ready: [bool; 4],
    attempts: i64,
    data_hash: String,
}

/// The query's columns, by name once.
struct FactColumns<'a> {
    date: &'a Date32Array,
    ints: HashMap<&'static str, &'a Int64Array>,
    flags: HashMap<&'static str, &'a BooleanArray>,
    texts: HashMap<&'static str, &'a StringArray>,
    lists: HashMap<&'static str, &'a ListArray>,
    defense: [&'a Float64Array; 2],
}

const INTS: [&str; 32] = [
    "day",
    "season_games",
    "season_points",
    "season_points_games",
    "season_minutes_10",
    "season_minutes_games",
    "month_games",
    "month_minutes_10",
    "month_ppm_nano",
    "month_ppm_games",
    "opponent_games",
    "opponent_points",
    "opponent_points_games",
    "days_rest",
    "opponent_days_rest",
    "cache_points_avg_last_5",
    "cache_points_avg_last_10",
    "cache_points_avg_season",
    "cache_points_std_last_10",
    "cache_minutes_avg_last_10",
    "cache_team_pace_last_10",
    "cache_team_off_rating_last_10",
    "cache_games_in_last_7_days",
    "cache_paint_rate_last_10",
    "cache_three_pt_rate_last_10",
    "factors_fatigue",
    "factors_mismatch_10",
    "factors_pace_10",
    "factors_usage_10",
    "zones_paint_rate_100",
    "zones_mid_range_rate_100",
    "zones_three_pt_rate_100",
];

const FLAGS: [&str; 12] = [
    "is_home",
    "has_context",
    "home_game",
    "back_to_back",
    "has_cache",
    "cache_ready",
    "has_factors",
    "factors_ready",
    "has_zones",
    "zones_ready",
    "has_defense",
    "defense_ready",
];

const TEXTS: [&str; 6] =
    ["player_lookup", "universal_player_id", "game_id", "opponent_team_abbr", "season_phase", "player_status"];

const LISTS: [&str; 6] =
    ["last_days", "last_points", "last_minutes_10", "last_ft_makes", "points_lines", "opening_lines"];

impl<'a> FactColumns<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        Self {
            date: facts.date("game_date"),
            ints: INTS.into_iter().map(|name| (name, facts.int(name))).collect(),
            flags: FLAGS.into_iter().map(|name| (name, facts.bool(name))).collect(),
            texts: TEXTS.into_iter().map(|name| (name, facts.str(name))).collect(),
            lists: LISTS.into_iter().map(|name| (name, facts.list(name))).collect(),
            defense: [facts.f64("defense_rating"), facts.f64("defense_pace")],
        }
    }

    fn int(&self, name: &str, row: usize) -> Option<i64> {
        self.ints[name].at(row)
    }

    fn count(&self, name: &str, row: usize) -> i64 {
        self.int(name, row).unwrap_or(0)
    }

    fn decimal(&self, name: &str, digits: u8, row: usize) -> Option<f64> {
        self.int(name, row).map(|scaled| decimal_to_f64(scaled, digits))
    }

    fn flag(&self, name: &str, row: usize) -> Option<bool> {
        self.flags[name].at(row)
    }

    fn holds(&self, name: &str, row: usize) -> bool {
        self.flag(name, row) == Some(true)
    }

    fn text(&self, name: &str, row: usize) -> Option<&'a str> {
        self.texts[name].at(row)
    }

    /// Scores the players of a date in ascending order and says how the date ended (§1.5).
    fn score_date(
        &self,
        date: NaiveDate,
        facts: Range<usize>,
        breakers: &CircuitBreakers<'_>,
        rows: &mut Vec<Row<'a>>,
    ) -> DateOutput {
        let first = rows.len();
        let had_roster = !facts.is_empty();
        let mut failures = Vec::new();
        let mut text = HashText::default();
        for row in facts {
            match self.score_row(date, row, breakers, &mut text) {
                Ok(scored) => rows.push(scored),
                Err(failure) => failures.push(failure),
            }
        }
        let state = if rows.len() > first {
            DateState::Done
        } else if had_roster {
            DateState::Empty { rule: "every player of the date failed".to_owned() }
        } else {
            DateState::Failed { reason: format!("No players found with games on {date}") }
        };
        DateOutput { date, state, rows: first..rows.len(), failures }
    }

    fn score_row(
        &self,
        date: NaiveDate,
        row: usize,
        breakers: &CircuitBreakers<'_>,
        text: &mut HashText,
    ) -> Result<Row<'a>, Failure> {
        let player = self.text("player_lookup", row).expect("the key is not NULL");
        if let Some(failure) = breakers.failure(row, player) {
            return Err(failure);
        }
        let inputs = self.inputs(row);
        let vector = FeatureVector::of(&inputs).map_err(|NoFallbackLine| Failure {
            entity_id: player.to_owned(),
            category: "calculation_error",
            reason: NoFallbackLine::REASON.to_owned(),
            can_retry: false,
        })?;
        let hashed = HashedRow {
            date,
            game_id: self.text("game_id", row).expect("the game id is not NULL"),
            player,
            universal_id: self.text("universal_player_id", row),
            opponent: self.text("opponent_team_abbr", row),
            is_home: self.holds("is_home", row),
            days_rest: self.int("days_rest", row),
        };
        let data_hash = hashed.data_hash(&vector, text);
        Ok(Row {
            hashed,
            vector,
            games: inputs.recent.len() as i64,
            ready: ["cache_ready", "factors_ready", "zones_ready", "defense_ready"].map(|name| self.holds(name, row)),
            attempts: breakers.attempts(row),
            data_hash,
        })
    }

    fn inputs(&self, row: usize) -> Inputs<'a> {
        let opponent_points_games = self.count("opponent_points_games", row);
        Inputs {
            recent: self.recent(row),
            season: self.season(row),
            cache: self.holds("has_cache", row).then(|| self.cache(row)),
            factors: self.holds("has_factors", row).then(|| Factors {
                fatigue: self.int("factors_fatigue", row).map(|score| score as f64),
                shot_zone_mismatch: self.decimal("factors_mismatch_10", 1, row),
                pace: self.decimal("factors_pace_10", 1, row),
                usage_spike: self.decimal("factors_usage_10", 1, row),
            }),
            zones: self.holds("has_zones", row).then(|| {
                let rates = ["zones_paint_rate_100", "zones_mid_range_rate_100", "zones_three_pt_rate_100"];
                ZoneRates(rates.map(|name| self.decimal(name, 2, row)))
            }),
            // §2.3: TDZA's columns are FLOAT64, where a NULL is present with the value NaN.
            defense: self.holds("has_defense", row).then(|| OpponentDefense {
                rating: Some(self.defense[0].at(row).unwrap_or(f64::NAN)),
                pace: Some(self.defense[1].at(row).unwrap_or(f64::NAN)),
            }),
            context: self.holds("has_context", row).then(|| self.context(row)),
            line: self.line(row),
            opponent_games: self.count("opponent_games", row),
            opponent_points: (opponent_points_games > 0)
                .then(|| self.count("opponent_points", row) as f64 / opponent_points_games as f64),
            month: self.month(row),
        }
    }

    /// Read F, newest first.
    fn recent(&self, row: usize) -> Vec<RecentGame> {
        let list = |name: &str| {
            let list = self.lists[name];
            list.is_valid(row).then(|| list.value(row))
        };
        let (Some(days), Some(points), Some(minutes), Some(ft_makes)) =
            (list("last_days"), list("last_points"), list("last_minutes_10"), list("last_ft_makes"))
        else {
            return Vec::new();
        };
        let days = arrow::compute::cast(&days, &DataType::Int64).expect("days are integers");
        let (days, points) = (days.as_primitive::<Int64Type>(), points.as_primitive::<Int64Type>());
        let (minutes, ft_makes) = (minutes.as_primitive::<Int64Type>(), ft_makes.as_primitive::<Int64Type>());
        let first_day = self.count("day", row) - RECENT_DAYS;
        (0..days.len())
            .rev()
            .filter(|&game| days.value(game) >= first_day)
            .map(|game| RecentGame {
                points: points.at(game),
                minutes_10: minutes.at(game),
                ft_makes: ft_makes.at(game),
            })
            .collect()
    }

    fn season(&self, row: usize) -> Option<SeasonMeans> {
        self.int("season_games", row).filter(|&games| games > 0)?;
        let (points, games) = (self.count("season_points", row), self.count("season_points_games", row));
        let (minutes_10, minutes_games) = (self.int("season_minutes_10", row), self.count("season_minutes_games", row));
        Some(SeasonMeans {
            points: if games > 0 { points as f64 / games as f64 } else { f64::NAN },
            minutes: minutes_10.map(|sum| numeric_mean(sum, 1, minutes_games)),
        })
    }

    fn cache(&self, row: usize) -> DailyCache {
        let hundredths = |name| self.decimal(name, 2, row);
        DailyCache {
            points_avg_last_5: hundredths("cache_points_avg_last_5"),
            points_avg_last_10: hundredths("cache_points_avg_last_10"),
            points_avg_season: hundredths("cache_points_avg_season"),
            points_std_last_10: hundredths("cache_points_std_last_10"),
            minutes_avg_last_10: hundredths("cache_minutes_avg_last_10"),
            team_pace_last_10: hundredths("cache_team_pace_last_10"),
            team_off_rating_last_10: hundredths("cache_team_off_rating_last_10"),
            games_in_last_7_days: self.int("cache_games_in_last_7_days", row),
            paint_rate_last_10: hundredths("cache_paint_rate_last_10"),
            three_pt_rate_last_10: hundredths("cache_three_pt_rate_last_10"),
        }
    }

    fn context(&self, row: usize) -> GameContext<'a> {
        GameContext {
            home_game: self.flag("home_game", row),
            back_to_back: self.flag("back_to_back", row),
            season_phase: self.text("season_phase", row),
            player_status: self.text("player_status", row),
            days_rest: self.int("days_rest", row),
            opponent_days_rest: self.int("opponent_days_rest", row),
        }
    }

    fn line(&self, row: usize) -> Option<BettingLine> {
        let values = |name: &str| -> Option<ArrayRef> {
            let list = self.lists[name];
            list.is_valid(row).then(|| list.value(row))
        };
        let mean = |values: &ArrayRef| {
            let values = values.as_primitive::<Float64Type>();
            exact_sum(values.values().iter().copied()) / values.len() as f64
        };
        let points = mean(&values("points_lines")?);
        Some(BettingLine { points, opening: values("opening_lines").as_ref().map_or(f64::NAN, mean) })
    }

    fn month(&self, row: usize) -> Option<MonthMeans> {
        let games = self.int("month_games", row).filter(|&games| games > 0)?;
        let quotients = self.count("month_ppm_games", row);
        Some(MonthMeans {
            minutes: numeric_mean(self.count("month_minutes_10", row), 1, games),
            points_per_minute: self.int("month_ppm_nano", row).map(|sum| numeric_mean(sum, 9, quotients)),
        })
    }
}

/// §5, column by column.
fn to_batch(rows: &[Row<'_>], lineage: &Lineage<'_>, context: &RunContext) -> Result<RecordBatch> {
    let table = Table::MlFeatureStore;
    let mut set = ColumnSet::new(table, rows.len());
    // §8.2: strings are sanitised after they were hashed.
    set.str("player_lookup", rows.iter().map(|row| Some(without_control(row.hashed.player))));
    set.str("universal_player_id", rows.iter().map(|row| row.hashed.universal_id.map(without_control)));
    set.dates("game_date", rows.iter().map(|row| row.hashed.date));
    set.str("game_id", rows.iter().map(|row| Some(without_control(row.hashed.game_id))));
    let features: Vec<f64> = rows.iter().flat_map(|row| row.vector.stored()).collect();
    set.set(
        "features",
        list(table, "features", Arc::new(Float64Array::from(features)), std::iter::repeat_n(33, rows.len())),
    );
    let names = strings(std::iter::repeat_n(FEATURE_NAMES, rows.len()).flatten());
    set.set("feature_names", list(table, "feature_names", Arc::new(names), std::iter::repeat_n(33, rows.len())));
    set.const_int("feature_count", 33);
    set.const_str("feature_version", FEATURE_VERSION);
    set.decimal("feature_quality_score", rows.iter().map(|row| Some(row.vector.quality_score)));
    set.str("quality_tier", rows.iter().map(|row| Some(row.vector.quality_tier())));
    set.str("opponent_team_abbr", rows.iter().map(|row| row.hashed.opponent.map(without_control)));
    set.bool("is_home", rows.iter().map(|row| Some(row.hashed.is_home)));
    set.int("days_rest", rows.iter().map(|row| row.hashed.days_rest));
    set.const_str("data_source", DATA_SOURCE);
    for (index, name) in SOURCE_COLUMNS.into_iter().enumerate() {
        set.str(name, rows.iter().map(|row| lineage.hash(row.hashed.date, index)));
    }
    for name in ["expected_games_count", "actual_games_count"] {
        set.int(name, rows.iter().map(|row| Some(row.games)));
    }
    set_bookkeeping(&mut set);
    set.const_bools(&["early_season_flag"], false);
    set.bool("is_production_ready", rows.iter().map(|row| Some(row.ready.iter().all(|&ready| ready))));
    let issues =
        |row: &Row<'_>| ISSUE_TAGS.into_iter().zip(row.ready).filter_map(|(tag, ready)| (!ready).then_some(tag));
    let tags = strings(rows.iter().flat_map(issues));
    set.set(
        "data_quality_issues",
        list(table, "data_quality_issues", Arc::new(tags), rows.iter().map(|row| issues(row).count())),
    );
    set.int("reprocess_attempt_count", rows.iter().map(|row| Some(row.attempts)));
    set.str("data_hash", rows.iter().map(|row| Some(&row.data_hash)));
    set.timestamps(&["created_at"], context.timestamp);
    set.finish()
}

fn strings<'a>(values: impl Iterator<Item = &'a str>) -> StringArray {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_value(value));
    builder.finish()
}

fn list(table: Table, name: &str, values: ArrayRef, lengths: impl IntoIterator<Item = usize>) -> ArrayRef {
    let field = table.schema().arrow().field_with_name(name).expect("a column of the table");
    let DataType::List(element) = field.data_type() else { panic!("{name} is not a list") };
    Arc::new(ListArray::new(Arc::clone(element), OffsetBuffer::from_lengths(lengths), values, None))
}
