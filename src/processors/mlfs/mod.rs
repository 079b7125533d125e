//! `ml_feature_store_v2`: 33 features per player and game date, with a quality score.
//!
//! Source: `ml_feature_store.md`.

mod explain;
mod history;
mod score;

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StringBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Float64Type};
use chrono::NaiveDate;

use self::history::{History, PlayerHistories};
pub use self::score::FEATURE_NAMES;
use self::score::{
    BettingLine, DATA_SOURCE, DailyCache, FEATURE_VERSION, Factors, FeatureInputs, FeatureVector, GameContext,
    HashedRow, Label, NoFallbackLine, OpponentDefense, ZoneRates,
};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::{CircuitBreakers, Provenance, by_date};
use super::explained::Explained;
use super::facts::{Decimal, Facts, Nullable, columns};
use super::months::{Gathered, MonthFacts, MonthReader, by_month, groups_in, nulls_last};
use super::quality::tiers;
use super::reads::{Read, Window};
use super::{
    Constants, DateOutput, Emit, Failure, Input, LookBack, MonthWork, PlannedSession, Processor, ProcessorId,
    ProcessorOutput, RunContext, bound,
};
use crate::catalog::Table;
use crate::error::Result;
use crate::numerics::hash::HashText;
use crate::numerics::sum::exact_sum;
use crate::numerics::text::without_control;
use crate::store::DateState;

/// The features of a row of which nothing is known: the default of each that has one (§3.2 to §3.6).
pub fn defaults() -> [f64; 33] {
    FeatureVector::of(&FeatureInputs::default()).expect("without a row of PDC, the fallback line is a number").stored()
}

/// About so many roster rows are joined at a time.
const GATHERED_ROWS: usize = 1 << 17;
/// The same where memory is limited: 256 MB suffice then.
const GATHERED_ROWS_LIMITED: usize = 1 << 16;

/// What is read of the roster of a date (§2.2), with what chooses among several rows of a player (§8.3).
const ROSTER_COLUMNS: [&str; 10] = [
    "player_lookup",
    "universal_player_id",
    "game_id",
    "team_abbr",
    "opponent_team_abbr",
    "season_year",
    "points",
    "ft_makes",
    "minutes_played",
    "processed_at",
];

/// What is read of a context, with what chooses among several of a player (§8.3).
const CONTEXT_COLUMNS: [&str; 12] = [
    "player_lookup",
    "universal_player_id",
    "game_id",
    "team_abbr",
    "opponent_team_abbr",
    "processed_at",
    "home_game",
    "back_to_back",
    "season_phase",
    "player_status",
    "days_rest",
    "opponent_days_rest",
];

/// Betting lines that count (read H).
const LINE_COUNTS: &str = "bet_side = 'over' AND points_line IS NOT NULL AND is_active";

/// Read H.
const LINE_COLUMNS: [&str; 5] = ["player_lookup", "bet_side", "points_line", "opening_line", "is_active"];

/// How far back games are read: those against an opponent are the oldest (read I).
pub(crate) const GAMES_LOOK_BACK: LookBack = LookBack::Years(history::OPPONENT_MONTHS / 12);

const QUERY: &str = include_str!("query.sql");

#[derive(Debug)]
pub struct Mlfs;

impl Processor for Mlfs {
    fn id(&self) -> ProcessorId {
        ProcessorId::Mlfs
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Input] {
        &[
            Input { table: Table::PlayerGameSummary, look_back: GAMES_LOOK_BACK },
            Input { table: Table::UpcomingPlayerGameContext, look_back: LookBack::SameDay },
            Input { table: Table::PlayerPointsProps, look_back: LookBack::SameDay },
            Input { table: Table::SyncedDailyCache, look_back: LookBack::SameDay },
            Input { table: Table::ReprocessAttempts, look_back: LookBack::SameDay },
        ]
    }

    fn reads(&self) -> &'static [Read] {
        use history::{MONTH_DAYS, OPPONENT_MONTHS, RECENT_DAYS, RECENT_GAMES};
        const GAMES: Table = Table::PlayerGameSummary;
        const RECENT: Window = Window::RowsBefore { rows: RECENT_GAMES, days: RECENT_DAYS as u32 };
        const READS: &[Read] = &[
            Read::new(GAMES, Window::Population, &ROSTER_COLUMNS),
            Read::new(GAMES, RECENT, &["points", "minutes_played", "ft_makes", "team_abbr", "opponent_team_abbr"]),
            Read::new(
                GAMES,
                Window::SeasonBefore,
                &["points", "minutes_played", "season_year", "team_abbr", "opponent_team_abbr"],
            ),
            Read::new(
                GAMES,
                Window::DaysBefore(MONTH_DAYS as u32),
                &["points", "minutes_played", "team_abbr", "opponent_team_abbr"],
            ),
            Read::new(
                GAMES,
                Window::AgainstOpponent { months: OPPONENT_MONTHS },
                &["points", "team_abbr", "opponent_team_abbr"],
            ),
            Read::new(Table::UpcomingPlayerGameContext, Window::SameDay, &CONTEXT_COLUMNS),
            Read::new(Table::PlayerPointsProps, Window::SameDay, &LINE_COLUMNS),
            Read::new(Table::SyncedDailyCache, Window::SameDay, &[]),
            Read::new(Table::ReprocessAttempts, Window::SameDay, &[]),
            Read::lineage(Table::SyncedDailyCache, Window::FirstOfDay),
        ];
        READS
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Tdza, ProcessorId::Psza, ProcessorId::Pcf]
    }

    /// §1.3: without rows features fall back.
    fn optional_upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Pdc]
    }

    fn constants(&self) -> Constants {
        let constants = tiers(Constants::default())
            .with("recent_games", history::RECENT_GAMES)
            .with("recent_days", history::RECENT_DAYS)
            .with("month_days", history::MONTH_DAYS)
            .with("opponent_months", history::OPPONENT_MONTHS)
            .with("opponent_years", history::OPPONENT_MONTHS / 12)
            .with("line_counts", LINE_COUNTS)
            .with("enough_games", score::ENOUGH_GAMES)
            .with("weight_phase4", Label::Phase4.weight())
            .with("weight_phase3", Label::Phase3.weight())
            .with("weight_default", Label::Default.weight())
            .with("fixed_weight", score::fixed_weight())
            .with("features_with_choice", score::features_with_choice());
        // The defaults as they are stored, by the names of the features.
        FEATURE_NAMES
            .into_iter()
            .zip(defaults())
            .fold(constants, |constants, (name, value)| constants.with(name, value))
    }

    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained> {
        let PlannedSession { session, dates } = planned;
        let provenance = Provenance::new(&session.query(include_str!("lineage.sql"))?, SOURCE_HASHES, context);
        let mut histories = Vec::new();
        let games = session.query(&bound(include_str!("games.sql")))?;
        PlayerHistories::default().play(&games, dates, |history| histories.push(history));
        let facts = session.query(&bound(QUERY))?;
        let mut in_order = histories.iter().cloned();
        let mut scorer = Scorer::new(&facts, &mut in_order, context);
        let all = 0..facts.num_rows();
        let mut rows = Vec::new();
        for &date in dates {
            scorer.score_date(date, all.clone(), &mut rows);
        }
        rows.retain(|row| row.hashed.player == key);
        let mut explained = Explained::default();
        explained.take_row(to_batch(&rows, &provenance)?);
        let facts = &scorer.facts;
        let players = groups_in(facts.player_lookup, all).map(|group| facts.of_player(group)).zip(&histories);
        for (row, history) in players.filter(|(row, _)| facts.player_lookup.value(*row) == key) {
            let sums = history.sums;
            let inputs = facts.inputs(row, history.clone());
            let [lines, openings] = facts.line_counts(row);
            let behind = explain::Behind { inputs: &inputs, sums: &sums, lines, openings };
            for row in &rows {
                explained.tell("features", explain::features(&row.vector, &behind));
            }
        }
        Ok(explained)
    }

    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()> {
        let PlannedSession { session, dates } = planned;
        let provenance = Provenance::new(&session.query(include_str!("lineage.sql"))?, SOURCE_HASHES, context);
        let beside = session.try_clone()?;
        beside.set_plan(dates, context.windows)?;
        let mut games = MonthReader::new(beside.stream(&bound(include_str!("games.sql")))?, "game_date");
        let mut league = PlayerHistories::default();
        let months: Vec<_> = by_month(dates).collect();
        let mut gathered = Gathered::new(session, bound(QUERY), context.windows);
        let at_a_time = if session.has_memory_limit() { GATHERED_ROWS_LIMITED } else { GATHERED_ROWS };
        for &(month, dates) in &months {
            let mut histories = Vec::new();
            let mut rows = 0;
            while let Some((of, games)) = games.up_to(month)? {
                rows = games.num_rows();
                let wanted = if of == month { dates } else { &[] };
                league.play(&games, wanted, |history| histories.push(history));
            }
            let rows = gathered.next(&months, at_a_time / rows.max(1))?;
            let facts = MonthFacts { dates: dates.to_vec(), rows, date: "game_date" };
            let provenance = provenance.clone();
            emit(MonthWork::new(month, move || {
                let (mut histories, mut runs) = (histories.into_iter(), facts.into_runs().peekable());
                std::iter::from_fn(move || {
                    let (facts, dates) = runs.next()?;
                    let output = score(&facts, &dates, &mut histories, &provenance);
                    assert!(runs.peek().is_some() || histories.next().is_none(), "a history without facts");
                    Some(output)
                })
            }))?;
        }
        Ok(())
    }
}

/// `histories` has one element for each player of each date, in the order of the facts: two queries, which must not
/// come apart.
fn score(
    facts: &RecordBatch,
    dates: &[NaiveDate],
    histories: &mut impl Iterator<Item = History>,
    provenance: &Provenance<4>,
) -> Result<ProcessorOutput> {
    let mut scorer = Scorer::new(facts, histories, &provenance.context);
    let days = scorer.facts.game_date;
    let mut rows = Vec::with_capacity(days.len());
    let outputs = by_date(dates, days, |date, range| scorer.score_date(date, range, &mut rows));
    Ok(ProcessorOutput { rows: to_batch(&rows, provenance)?, dates: outputs })
}

/// Columns of `lineage.sql`, in the order of [`SOURCE_COLUMNS`].
const SOURCE_HASHES: [&str; 4] = ["cache_hash", "factors_hash", "zones_hash", "defense_hash"];

/// §5.
const SOURCE_COLUMNS: [&str; 4] =
    ["source_daily_cache_hash", "source_composite_hash", "source_shot_zones_hash", "source_team_defense_hash"];

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

columns! {
    /// What `query.sql` returns.
    FactColumns {
        game_date: date,
        player_lookup: str,
        universal_player_id: str,
        game_id: str,
        opponent_team_abbr: str,
        team_abbr: str,
        is_home: bool,
        season_year: int,
        points: int,
        ft_makes: int,
        minutes_10: int,
        processed_us: int,
        has_context: bool,
        context_game_id: str,
        context_opponent: str,
        context_universal_id: str,
        context_processed_us: int,
        home_game: bool,
        back_to_back: bool,
        season_phase: str,
        player_status: str,
        days_rest: int,
        opponent_days_rest: int,
        has_cache: bool,
        cache_hash: str,
        cache_ready: bool,
        cache_points_avg_last_5: int,
        cache_points_avg_last_10: int,
        cache_points_avg_season: int,
        cache_points_std_last_10: int,
        cache_minutes_avg_last_10: int,
        cache_team_pace_last_10: int,
        cache_team_off_rating_last_10: int,
        cache_games_in_last_7_days: int,
        cache_paint_rate_last_10: int,
        cache_three_pt_rate_last_10: int,
        has_factors: bool,
        factors_ready: bool,
        factors_fatigue: int,
        factors_mismatch_10: int,
        factors_pace_10: int,
        factors_usage_10: int,
        has_zones: bool,
        zones_ready: bool,
        zones_paint_rate_100: int,
        zones_mid_range_rate_100: int,
        zones_three_pt_rate_100: int,
        has_defense: bool,
        defense_ready: bool,
        defense_rating: f64,
        defense_pace: f64,
        points_lines: list,
        opening_lines: list,
    }
}

/// Scores the players of the facts.
struct Scorer<'a, H> {
    facts: FactColumns<'a>,
    /// One for each player of each date, in the order of the facts.
    histories: &'a mut H,
    breakers: CircuitBreakers<'a>,
    /// What is hashed, one row after the other.
    text: HashText,
}

impl<'a, H: Iterator<Item = History>> Scorer<'a, H> {
    fn new(facts: &'a RecordBatch, histories: &'a mut H, context: &RunContext) -> Self {
        let breakers = CircuitBreakers::new(&Facts(facts), context.timestamp);
        Self { facts: FactColumns::new(&Facts(facts)), histories, breakers, text: HashText::default() }
    }

    /// Scores the players of a date in ascending order and says how the date ended (§1.5).
    fn score_date(&mut self, date: NaiveDate, facts: Range<usize>, rows: &mut Vec<Row<'a>>) -> DateOutput {
        let first = rows.len();
        let had_roster = !facts.is_empty();
        let mut failures = Vec::new();
        for group in groups_in(self.facts.player_lookup, facts) {
            let row = self.facts.of_player(group);
            let history = self.histories.next().expect("one for each player of the date");
            assert_eq!((history.date, Some(history.player.as_str())), (date, self.facts.player_lookup.at(row)));
            match self.score_row(date, row, history) {
                Ok(scored) => rows.push(scored),
                Err(failure) => failures.push(failure),
            }
        }
        let state = if rows.len() > first {
            DateState::Done
        } else if had_roster {
            DateState::Empty { rule: "every player of the date failed".into() }
        } else {
            DateState::failed(format!("No players found with games on {date}"))
        };
        DateOutput { date, state, rows: first..rows.len(), failures }
    }

    fn score_row(&mut self, date: NaiveDate, row: usize, history: History) -> Result<Row<'a>, Failure> {
        let Self { facts, breakers, text, .. } = self;
        let player = facts.player_lookup.at(row).expect("the key is not NULL");
        if let Some(failure) = breakers.failure(row, player) {
            return Err(failure);
        }
        let inputs = facts.inputs(row, history);
        let vector = FeatureVector::of(&inputs).map_err(|NoFallbackLine| Failure {
            entity_id: player.to_owned(),
            category: "calculation_error",
            reason: NoFallbackLine::REASON.to_owned(),
            can_retry: false,
        })?;
        let hashed = HashedRow {
            date,
            game_id: facts.game_id.at(row).expect("the game id is not NULL"),
            player,
            universal_id: facts.universal_player_id.at(row),
            opponent: facts.opponent_team_abbr.at(row),
            is_home: (facts.is_home.at(row) == Some(true)),
            days_rest: facts.days_rest.at(row),
        };
        let data_hash = hashed.data_hash(&vector, text);
        Ok(Row {
            hashed,
            vector,
            games: inputs.recent.len() as i64,
            ready: [facts.cache_ready, facts.factors_ready, facts.zones_ready, facts.defense_ready]
                .map(|ready| ready.at(row) == Some(true)),
            attempts: breakers.attempts(row),
            data_hash,
        })
    }
}

impl<'a> FactColumns<'a> {
    /// §8.3: of several roster rows the one with the greatest game_id; of several rows of UPCG or PDC
    /// one in a fixed order.
    fn of_player(&self, group: Range<usize>) -> usize {
        let key = |&row: &usize| (self.roster_order(row), self.context_order(row), self.cache_order(row));
        if group.len() == 1 { group.start } else { group.min_by_key(key).expect("a group has a row") }
    }

    fn roster_order(&self, row: usize) -> impl Ord {
        let texts = [self.opponent_team_abbr, self.team_abbr, self.universal_player_id];
        let numbers = [self.processed_us, self.points, self.minutes_10, self.ft_makes, self.season_year];
        (
            Reverse(self.game_id.at(row)),
            texts.map(|text| nulls_last(text.at(row))),
            numbers.map(|number| nulls_last(number.at(row))),
        )
    }

    fn context_order(&self, row: usize) -> impl Ord {
        let greatest_first = |text: Option<&'a str>| (text.is_none(), Reverse(text));
        let texts = [self.context_game_id, self.context_opponent, self.context_universal_id];
        let processed = self.context_processed_us.at(row);
        (
            texts.map(|text| greatest_first(text.at(row))),
            (processed.is_none(), Reverse(processed)),
            [self.home_game, self.back_to_back].map(|flag| nulls_last(flag.at(row))),
            [self.season_phase, self.player_status].map(|text| nulls_last(text.at(row))),
            [self.days_rest, self.opponent_days_rest].map(|days| nulls_last(days.at(row))),
        )
    }

    fn cache_order(&self, row: usize) -> impl Ord {
        let numbers = [
            self.cache_points_avg_last_5,
            self.cache_points_avg_last_10,
            self.cache_points_avg_season,
            self.cache_points_std_last_10,
            self.cache_minutes_avg_last_10,
            self.cache_team_pace_last_10,
            self.cache_team_off_rating_last_10,
            self.cache_games_in_last_7_days,
            self.cache_paint_rate_last_10,
            self.cache_three_pt_rate_last_10,
        ];
        (
            nulls_last(self.cache_hash.at(row)),
            numbers.map(|number| nulls_last(number.at(row))),
            nulls_last(self.cache_ready.at(row)),
        )
    }

    fn inputs(&self, row: usize, history: History) -> FeatureInputs<'a> {
        FeatureInputs {
            recent: history.recent,
            season: history.season,
            cache: (self.has_cache.at(row) == Some(true)).then(|| self.cache(row)),
            factors: (self.has_factors.at(row) == Some(true)).then(|| Factors {
                fatigue: self.factors_fatigue.at(row).map(|score| score as f64),
                shot_zone_mismatch: self.factors_mismatch_10.decimal(row, 1),
                pace: self.factors_pace_10.decimal(row, 1),
                usage_spike: self.factors_usage_10.decimal(row, 1),
            }),
            zones: (self.has_zones.at(row) == Some(true)).then(|| {
                let rates = [self.zones_paint_rate_100, self.zones_mid_range_rate_100, self.zones_three_pt_rate_100];
                ZoneRates(rates.map(|rate| rate.decimal(row, 2)))
            }),
            // §2.3: TDZA's columns are FLOAT64, where a NULL is present with the value NaN.
            defense: (self.has_defense.at(row) == Some(true)).then(|| OpponentDefense {
                rating: Some(self.defense_rating.at(row).unwrap_or(f64::NAN)),
                pace: Some(self.defense_pace.at(row).unwrap_or(f64::NAN)),
            }),
            context: (self.has_context.at(row) == Some(true)).then(|| self.context(row)),
            line: self.line(row),
            against: history.against,
            month: history.month,
        }
    }

    fn cache(&self, row: usize) -> DailyCache {
        let hundredths = |column: &Int64Array| column.decimal(row, 2);
        DailyCache {
            points_avg_last_5: hundredths(self.cache_points_avg_last_5),
            points_avg_last_10: hundredths(self.cache_points_avg_last_10),
            points_avg_season: hundredths(self.cache_points_avg_season),
            points_std_last_10: hundredths(self.cache_points_std_last_10),
            minutes_avg_last_10: hundredths(self.cache_minutes_avg_last_10),
            team_pace_last_10: hundredths(self.cache_team_pace_last_10),
            team_off_rating_last_10: hundredths(self.cache_team_off_rating_last_10),
            games_in_last_7_days: self.cache_games_in_last_7_days.at(row),
            paint_rate_last_10: hundredths(self.cache_paint_rate_last_10),
            three_pt_rate_last_10: hundredths(self.cache_three_pt_rate_last_10),
        }
    }

    fn context(&self, row: usize) -> GameContext<'a> {
        GameContext {
            home_game: self.home_game.at(row),
            back_to_back: self.back_to_back.at(row),
            season_phase: self.season_phase.at(row),
            player_status: self.player_status.at(row),
            days_rest: self.days_rest.at(row),
            opponent_days_rest: self.opponent_days_rest.at(row),
        }
    }

    /// Betting lines, and those with an opening line.
    fn line_counts(&self, row: usize) -> [usize; 2] {
        let count = |list: &ListArray| if list.is_valid(row) { list.value(row).len() } else { 0 };
        [count(self.points_lines), count(self.opening_lines)]
    }

    fn line(&self, row: usize) -> Option<BettingLine> {
        let values = |list: &ListArray| list.is_valid(row).then(|| list.value(row));
        let mean = |values: &ArrayRef| {
            let values = values.as_primitive::<Float64Type>();
            exact_sum(values.values().iter().copied()) / values.len() as f64
        };
        let points = mean(&values(self.points_lines)?);
        Some(BettingLine { points, opening: values(self.opening_lines).as_ref().map_or(f64::NAN, mean) })
    }
}

/// §5, column by column.
fn to_batch(rows: &[Row<'_>], provenance: &Provenance<4>) -> Result<RecordBatch> {
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
        set.str(name, rows.iter().map(|row| provenance.lineage.hash(row.hashed.date, index)));
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
    set.timestamps(&["created_at"], provenance.context.timestamp);
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
