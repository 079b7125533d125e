//! `player_composite_factors`: fatigue, zone matchup, pace and usage as scores and one adjustment.
//!
//! Source: `player_composite_factors.md`.

mod explain;
mod score;

use std::ops::Range;

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use self::score::{
    CALCULATION_VERSION, FactorInputs, HashedRow, PlayerContext, RecentGames, RoundedScores, Scores, ShotZones,
    TeamDefense,
};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::{CircuitBreakers, Provenance, by_date};
use super::explained::Explained;
use super::facts::{Decimal, Facts, Nullable, columns};
use super::months::{MonthFacts, MonthReader, by_month, groups_in, nulls_last};
use super::reads::{Contexts, Read, Window};
use super::{
    Constants, DateOutput, Emit, Input, LookBack, MonthWork, PlannedSession, Processor, ProcessorId, ProcessorOutput,
    RunContext, bound,
};
use crate::catalog::Table;
use crate::error::Result;
use crate::numerics::hash::HashText;
use crate::store::DateState;

/// Days of games that a synthetic context looks back on (§2.3).
const LOOK_BACK_DAYS: u32 = 7;

/// Contexts of so many of a date's players make them the date's (§2.2).
const CONTEXT_SHARE: f64 = 0.9;

/// Whether a date with `row_count` contexts and `player_count` players takes the synthetic context (§2.2), as a double
/// product.
fn is_synthetic() -> String {
    format!(
        "(coalesce(row_count, 0) = 0 OR (coalesce(player_count, 0) > 0 \
         AND row_count::DOUBLE < player_count::DOUBLE * {CONTEXT_SHARE}::DOUBLE))"
    )
}

/// What makes the population of a date with the synthetic context (§2.3).
const POPULATION_COLUMNS: [&str; 5] =
    ["player_lookup", "universal_player_id", "game_id", "team_abbr", "opponent_team_abbr"];

/// What is read of a context (§2.2).
const CONTEXT_COLUMNS: [&str; 17] = [
    "player_lookup",
    "universal_player_id",
    "game_id",
    "team_abbr",
    "opponent_team_abbr",
    "days_rest",
    "back_to_back",
    "games_in_last_7_days",
    "minutes_in_last_7_days",
    "avg_minutes_per_game_last_7",
    "back_to_backs_last_14_days",
    "player_age",
    "projected_usage_rate",
    "avg_usage_rate_last_7_games",
    "star_teammates_out",
    "pace_differential",
    "processed_at",
];

#[derive(Debug)]
pub struct Pcf;

impl Processor for Pcf {
    fn id(&self) -> ProcessorId {
        ProcessorId::Pcf
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Input] {
        &[
            Input { table: Table::UpcomingPlayerGameContext, look_back: LookBack::SameDay },
            Input { table: Table::UpcomingTeamGameContext, look_back: LookBack::SameDay },
            Input { table: Table::PlayerGameSummary, look_back: LookBack::Days(14) },
            Input { table: Table::ReprocessAttempts, look_back: LookBack::SameDay },
        ]
    }

    fn reads(&self) -> &'static [Read] {
        const CONTEXTS: Table = Table::UpcomingPlayerGameContext;
        const GAMES: Table = Table::PlayerGameSummary;
        const READS: &[Read] = &[
            Read::new(CONTEXTS, Window::Population, &CONTEXT_COLUMNS).with(Contexts::Table),
            Read::new(GAMES, Window::Population, &POPULATION_COLUMNS).with(Contexts::Synthetic),
            Read::new(GAMES, Window::DaysBefore(LOOK_BACK_DAYS), &["minutes_played", "usage_rate"])
                .with(Contexts::Synthetic),
            Read::new(Table::ReprocessAttempts, Window::SameDay, &[]),
            Read::lineage(CONTEXTS, Window::NewestOfDay),
            Read::lineage(Table::UpcomingTeamGameContext, Window::NewestOfDay),
        ];
        READS
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Tdza, ProcessorId::Psza]
    }

    fn constants(&self) -> Constants {
        Constants::default()
            .with("days", LOOK_BACK_DAYS)
            .with("context_share", CONTEXT_SHARE * 100.0)
            .with("is_synthetic", is_synthetic())
            .with("rested", score::RESTED)
            .with("fatigue_share", score::FATIGUE_SHARE)
            .with("fatigue_per_point", 1.0 / score::FATIGUE_SHARE)
            .with("full_rate", score::FULL_RATE)
            .with("great_mismatch", score::GREAT_MISMATCH)
            .with("mismatch_boost", score::MISMATCH_BOOST)
            .with("mismatch_limit", score::MISMATCH_LIMIT)
            .with("pace_divisor", score::PACE_DIVISOR)
            .with("pace_limit", score::PACE_LIMIT)
            .with("usage_share", score::USAGE_SHARE)
            .with("one_star_boost", score::ONE_STAR_BOOST)
            .with("stars_boost", score::STARS_BOOST)
            .with("usage_limit", score::USAGE_LIMIT)
            .with("check_pct", 100 / score::CHECKS)
            .with("low_fatigue", score::LOW_FATIGUE)
            .with("extreme_mismatch", score::EXTREME_MISMATCH)
            .with("extreme_total", score::EXTREME_TOTAL)
    }

    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained> {
        let PlannedSession { session, dates } = planned;
        let provenance = Provenance::new(&session.query(include_str!("lineage.sql"))?, SOURCE_HASHES, context);
        let facts = session.query(&bound(include_str!("query.sql")))?;
        let mut scorer = Scorer::new(&facts, context);
        let all = 0..facts.num_rows();
        let mut rows = Vec::new();
        for &date in dates {
            scorer.score_date(date, all.clone(), &mut rows);
        }
        rows.retain(|row| row.player == key);
        let mut explained = Explained::default();
        explained.take_row(to_batch(&rows, &provenance)?);
        let facts = &scorer.facts;
        let mut players = groups_in(facts.player_lookup, all).map(|group| facts.of_player(group));
        if let Some(row) = players.find(|&row| facts.player_lookup.value(row) == key) {
            explain::tell(&mut explained, &facts.inputs(row), facts.is_synthetic.at(row) == Some(true));
        }
        Ok(explained)
    }

    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()> {
        let PlannedSession { session, dates } = planned;
        let provenance = Provenance::new(&session.query(include_str!("lineage.sql"))?, SOURCE_HASHES, context);
        let mut reader = MonthReader::new(session.stream(&bound(include_str!("query.sql")))?, "game_date");
        for (month, dates) in by_month(dates) {
            let facts = MonthFacts { dates: dates.to_vec(), rows: reader.month(month)?, date: "game_date" };
            let provenance = provenance.clone();
            emit(MonthWork::new(month, move || {
                facts.into_runs().map(move |(facts, dates)| score(&facts, &dates, &provenance))
            }))?;
        }
        Ok(())
    }
}

fn score(facts: &RecordBatch, dates: &[NaiveDate], provenance: &Provenance<4>) -> Result<ProcessorOutput> {
    let mut scorer = Scorer::new(facts, &provenance.context);
    let days = scorer.facts.game_date;
    let mut rows = Vec::with_capacity(days.len());
    let outputs = by_date(dates, days, |date, range| scorer.score_date(date, range, &mut rows));
    Ok(ProcessorOutput { rows: to_batch(&rows, provenance)?, dates: outputs })
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

columns! {
    /// What `query.sql` returns.
    FactColumns {
        game_date: date,
        player_lookup: str,
        universal_player_id: str,
        game_id: str,
        opponent_team_abbr: str,
        processed_us: int,
        is_synthetic: bool,
        back_to_back: bool,
        played_yesterday: bool,
        has_shot_zones: bool,
        has_defense: bool,
        days_rest: int,
        games_in_last_7_days: int,
        minutes_in_last_7_days: int,
        avg_minutes_10: int,
        back_to_backs_last_14_days: int,
        player_age: int,
        projected_usage_100: int,
        avg_usage_100: int,
        star_teammates_out: int,
        pace_differential_10: int,
        week_games: int,
        week_minutes_10: int,
        week_usage_100: int,
        week_usage_games: int,
        combinations: int,
        primary_scoring_zone: str,
        paint_rate_100: int,
        mid_range_rate_100: int,
        three_pt_rate_100: int,
        weakest_zone: str,
        paint_defense_vs_league_avg: f64,
        mid_range_defense_vs_league_avg: f64,
        three_pt_defense_vs_league_avg: f64,
    }
}

/// Scores the players of the facts.
struct Scorer<'a> {
    facts: FactColumns<'a>,
    breakers: CircuitBreakers<'a>,
    /// What is hashed, one row after the other.
    text: HashText,
}

impl<'a> Scorer<'a> {
    fn new(facts: &'a RecordBatch, context: &RunContext) -> Self {
        let breakers = CircuitBreakers::new(&Facts(facts), context.timestamp);
        Self { facts: FactColumns::new(&Facts(facts)), breakers, text: HashText::default() }
    }

    /// Scores the players of a date in ascending order and says how the date ended (§1.6).
    fn score_date(&mut self, date: NaiveDate, facts: Range<usize>, rows: &mut Vec<Row<'a>>) -> DateOutput {
        let first = rows.len();
        let had_context = !facts.is_empty();
        let mut failures = Vec::new();
        for group in groups_in(self.facts.player_lookup, facts) {
            let row = self.facts.of_player(group);
            match self.breakers.failure(row, self.facts.player_lookup.value(row)) {
                Some(failure) => failures.push(failure),
                None => rows.push(self.score_row(date, row)),
            }
        }
        let state = if rows.len() > first {
            DateState::Done
        } else if had_context {
            DateState::Empty { rule: "every player of the date has an active circuit breaker".into() }
        } else {
            DateState::failed(
                "No data extracted: neither upcoming_player_game_context nor player_game_summary has a row",
            )
        };
        DateOutput { date, state, rows: first..rows.len(), failures }
    }

    fn score_row(&mut self, date: NaiveDate, row: usize) -> Row<'a> {
        let Self { facts, breakers, text } = self;
        let inputs = facts.inputs(row);
        let scores = Scores::of(&inputs);
        let (completeness_pct, missing) = score::completeness(&inputs);
        let warnings = scores.warnings();
        let hashed = HashedRow {
            date,
            game_id: facts.game_id.value(row),
            player: facts.player_lookup.value(row),
            universal_id: facts.universal_player_id.at(row),
            fatigue: scores.fatigue,
            scores: scores.rounded(),
            completeness_pct,
            missing: missing.as_deref(),
            warnings: warnings.as_deref(),
        };
        let data_hash = hashed.data_hash(text);
        Row {
            date,
            player: facts.player_lookup.value(row),
            universal_id: facts.universal_player_id.at(row),
            game_id: facts.game_id.value(row),
            fatigue: scores.fatigue,
            scores: scores.rounded(),
            json: score::context_json(&inputs, &scores),
            completeness_pct,
            missing,
            warnings,
            attempts: breakers.attempts(row),
            data_hash,
        }
    }
}

impl<'a> FactColumns<'a> {
    /// §2.4: one row per player; the further columns only fix the order of what is still equal.
    fn of_player(&self, group: Range<usize>) -> usize {
        let key = |&row: &usize| {
            let numbers = [
                self.processed_us,
                self.days_rest,
                self.games_in_last_7_days,
                self.minutes_in_last_7_days,
                self.avg_minutes_10,
                self.back_to_backs_last_14_days,
                self.player_age,
                self.projected_usage_100,
                self.avg_usage_100,
                self.star_teammates_out,
                self.pace_differential_10,
            ]
            .map(|number| nulls_last(number.at(row)));
            let texts =
                [self.game_id, self.opponent_team_abbr, self.universal_player_id].map(|text| nulls_last(text.at(row)));
            let [time, days_rest, ..] = numbers;
            (texts, time, days_rest, nulls_last(self.back_to_back.at(row)), numbers)
        };
        if group.len() == 1 { group.start } else { group.min_by_key(key).expect("a group has a row") }
    }

    fn inputs(&self, row: usize) -> FactorInputs<'a> {
        let is_synthetic = self.is_synthetic.at(row) == Some(true);
        FactorInputs {
            context: if is_synthetic { PlayerContext::synthetic(&self.recent(row)) } else { self.context(row) },
            shot_zones: (self.has_shot_zones.at(row) == Some(true)).then(|| ShotZones {
                primary_zone: self.primary_scoring_zone.at(row),
                rates: [self.paint_rate_100, self.mid_range_rate_100, self.three_pt_rate_100]
                    .map(|rate| rate.decimal(row, 2)),
            }),
            defense: (self.has_defense.at(row) == Some(true)).then(|| TeamDefense {
                weakest_zone: self.weakest_zone.at(row),
                vs_league: [
                    self.paint_defense_vs_league_avg,
                    self.mid_range_defense_vs_league_avg,
                    self.three_pt_defense_vs_league_avg,
                ]
                .map(|difference| difference.at(row)),
            }),
        }
    }

    fn recent(&self, row: usize) -> RecentGames {
        RecentGames {
            combinations: self.combinations.at(row).unwrap_or(1),
            games: self.week_games.at(row).unwrap_or(0),
            minutes_10: self.week_minutes_10.at(row),
            usage_100: self.week_usage_100.at(row),
            usage_games: self.week_usage_games.at(row).unwrap_or(0),
            played_yesterday: self.played_yesterday.at(row) == Some(true),
        }
    }

    fn context(&self, row: usize) -> PlayerContext {
        PlayerContext {
            days_rest: self.days_rest.at(row),
            back_to_back: self.back_to_back.at(row),
            games_last_7: self.games_in_last_7_days.at(row),
            minutes_last_7: self.minutes_in_last_7_days.at(row).map(|minutes| minutes as f64),
            avg_minutes_last_7: self.avg_minutes_10.decimal(row, 1),
            back_to_backs_last_14: self.back_to_backs_last_14_days.at(row),
            player_age: self.player_age.at(row),
            projected_usage: self.projected_usage_100.decimal(row, 2),
            avg_usage_last_7: self.avg_usage_100.decimal(row, 2),
            star_teammates_out: self.star_teammates_out.at(row),
            pace_differential: self.pace_differential_10.decimal(row, 1),
        }
    }
}

/// §4, column by column.
fn to_batch(rows: &[Row<'_>], provenance: &Provenance<4>) -> Result<RecordBatch> {
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
        set.str(name, rows.iter().map(|row| provenance.lineage.hash(row.date, index)));
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
    set.timestamps(&["created_at", "processed_at"], provenance.context.timestamp);
    set.finish()
}
