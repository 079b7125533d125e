//! `team_defense_zone_analysis`: how opponents shot by zone in a team's last 15 games.
//!
//! Source: `team_defense_zone_analysis.md`. Metrics are unrounded doubles (§4.2).

mod score;

use arrow::array::{Date32Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use self::score::{GAMES_NEEDED, LeagueAverages, LeagueRatios, LeagueWindow, TeamScore, TeamWindow, Zone};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::by_date;
use super::explained::{Explained, Steps};
use super::facts::{Facts, Nullable};
use super::failures;
use super::months::{MonthFacts, MonthReader, by_month};
use super::reads::{self, Read, Window};
use super::{
    Constants, DateOutput, Emit, Failure, Input, LookBack, MonthWork, PlannedSession, Processor, ProcessorId,
    ProcessorOutput, RunContext, bound,
};
use crate::catalog::Table;
use crate::error::Result;
use crate::store::DateState;

/// Days of the league averages before a date (§2.3).
const LEAGUE_DAYS: u32 = 30;

const LOOK_BACK: LookBack = LookBack::SeasonAndDays(LEAGUE_DAYS as u64);

/// Games of a team in these days, without which it does not count for the league averages (§2.3).
const LEAGUE_GAMES: u32 = 10;

/// What is read of a team's games (§2.2), with what orders those of one date.
const WINDOW_COLUMNS: [&str; 17] = [
    reads::ORDER,
    "game_id",
    "opp_paint_makes",
    "opp_paint_attempts",
    "opp_mid_range_makes",
    "opp_mid_range_attempts",
    "opp_three_pt_makes",
    "opp_three_pt_attempts",
    "points_in_paint_allowed",
    "blocks_paint",
    "blocks_mid_range",
    "blocks_three_pt",
    "points_allowed",
    "defensive_rating",
    "opponent_pace",
    "defending_team_abbr",
    "opponent_team_abbr",
];

/// What is read of every team's games for the league averages (§2.3).
const LEAGUE_COLUMNS: [&str; 8] = [
    "opp_paint_makes",
    "opp_paint_attempts",
    "opp_mid_range_makes",
    "opp_mid_range_attempts",
    "opp_three_pt_makes",
    "opp_three_pt_attempts",
    "defending_team_abbr",
    "opponent_team_abbr",
];

#[derive(Debug)]
pub struct Tdza;

impl Processor for Tdza {
    fn id(&self) -> ProcessorId {
        ProcessorId::Tdza
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input { table: Table::TeamDefenseGameSummary, look_back: LOOK_BACK }]
    }

    fn reads(&self) -> &'static [Read] {
        const TABLE: Table = Table::TeamDefenseGameSummary;
        const LAST_ROWS: Window = Window::LastRows { rows: GAMES_NEEDED as usize, counted: "true" };
        const READS: &[Read] = &[
            Read::new(TABLE, LAST_ROWS, &WINDOW_COLUMNS),
            Read::new(TABLE, Window::LeagueDays(LEAGUE_DAYS), &LEAGUE_COLUMNS),
            Read::lineage(TABLE, Window::NewestOfSeason { with_untimed: true }),
        ];
        READS
    }

    fn games_needed(&self) -> usize {
        GAMES_NEEDED as usize
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[]
    }

    fn constants(&self) -> Constants {
        let LeagueAverages([paint, mid_range, three_pt]) = score::DEFAULT_AVERAGES;
        Constants::default()
            .with("games", GAMES_NEEDED)
            .with("league_days", LEAGUE_DAYS)
            .with("league_games", LEAGUE_GAMES)
            .with("league_teams", score::LEAGUE_TEAMS)
            .with("default_paint", paint)
            .with("default_mid_range", mid_range)
            .with("default_three_pt", three_pt)
    }

    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained> {
        let facts = planned.session.query(&bound(include_str!("query.sql")))?;
        let facts = FactColumns::new(&Facts(&facts));
        let all = 0..facts.date.len();
        let mut rows = Vec::new();
        by_date(planned.dates, facts.date, |date, range| facts.score_date(date, range, &mut rows));
        rows.retain(|row| row.team == key);
        let mut explained = Explained::default();
        explained.take_row(to_batch(&rows, context)?);
        explained.tell("league", league_steps(&LeagueRatios::of(all.clone().map(|row| facts.league_window(row)))));
        let has_games = |row: &usize| facts.team.value(*row) == key && facts.games.at(*row).is_some();
        if let Some(row) = all.clone().find(has_games) {
            explained.tell("sums", window_steps(&facts.team_window(row), facts.games.value(row)));
        }
        Ok(explained)
    }

    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()> {
        let PlannedSession { session, dates } = planned;
        let mut reader = MonthReader::new(session.stream(&bound(include_str!("query.sql")))?, "analysis_date");
        for (month, dates) in by_month(dates) {
            let facts = MonthFacts { dates: dates.to_vec(), rows: reader.month(month)?, date: "analysis_date" };
            let context = *context;
            emit(MonthWork::new(month, move || {
                facts.into_runs().map(move |(facts, dates)| score(&facts, &dates, &context))
            }))?;
        }
        Ok(())
    }
}

fn score(facts: &RecordBatch, dates: &[NaiveDate], context: &RunContext) -> Result<ProcessorOutput> {
    let facts = FactColumns::new(&Facts(facts));
    let mut rows = Vec::with_capacity(facts.date.len());
    let outputs = by_date(dates, facts.date, |date, range| facts.score_date(date, range, &mut rows));
    Ok(ProcessorOutput { rows: to_batch(&rows, context)?, dates: outputs })
}

/// One output row.
struct Row<'a> {
    date: NaiveDate,
    team: &'a str,
    score: TeamScore,
    source_hash: Option<&'a str>,
}

/// The query's columns, by name once.
struct FactColumns<'a> {
    date: &'a Date32Array,
    team: &'a StringArray,
    games: &'a Int64Array,
    window: [&'a Int64Array; 11],
    means: [&'a Int64Array; 4],
    league: [&'a Int64Array; 6],
    source_hash: &'a StringArray,
}

impl<'a> FactColumns<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        Self {
            date: facts.date("analysis_date"),
            team: facts.str("team_abbr"),
            games: facts.int("games_so_far"),
            window: [
                "paint_makes",
                "paint_attempts",
                "mid_range_makes",
                "mid_range_attempts",
                "three_pt_makes",
                "three_pt_attempts",
                "paint_points",
                "paint_blocks",
                "mid_range_blocks",
                "three_pt_blocks",
                "points",
            ]
            .map(|name| facts.int(name)),
            means: ["rating_100", "rating_games", "pace_10", "pace_games"].map(|name| facts.int(name)),
            league: [
                "league_paint_makes",
                "league_paint_attempts",
                "league_mid_range_makes",
                "league_mid_range_attempts",
                "league_three_pt_makes",
                "league_three_pt_attempts",
            ]
            .map(|name| facts.int(name)),
            source_hash: facts.str("source_hash"),
        }
    }

    /// Scores the teams of a date in ascending order and says how the date ended (§1.6).
    fn score_date(&self, date: NaiveDate, facts: std::ops::Range<usize>, rows: &mut Vec<Row<'a>>) -> DateOutput {
        let averages = LeagueAverages::of(facts.clone().map(|row| self.league_window(row)));
        let first = rows.len();
        let mut failures = Vec::new();
        let mut most_games = 0;
        for row in facts {
            let Some(games) = self.games.at(row) else { continue };
            most_games = most_games.max(games);
            let team = self.team.value(row);
            if games < GAMES_NEEDED {
                failures.push(too_few_games(team, games));
            } else {
                let score = TeamScore::of(&self.team_window(row), &averages);
                rows.push(Row { date, team, score, source_hash: self.source_hash.at(row) });
            }
        }
        let state = if rows.len() > first {
            DateState::Done
        } else if most_games > 0 {
            DateState::too_few_games(format!("no team has {GAMES_NEEDED} games this season"), most_games)
        } else {
            DateState::failed("No data extracted: team_defense_game_summary has no game this season")
        };
        DateOutput { date, state, rows: first..rows.len(), failures }
    }

    fn team_window(&self, row: usize) -> TeamWindow {
        let value = |index: usize| self.window[index].value(row);
        TeamWindow {
            makes: [value(0), value(2), value(4)],
            attempts: [value(1), value(3), value(5)],
            paint_points: value(6),
            blocks: [value(7), value(8), value(9)],
            points: value(10),
            rating_100: self.means[0].at(row),
            rating_games: self.means[1].value(row),
            pace_10: self.means[2].at(row),
            pace_games: self.means[3].value(row),
        }
    }

    fn league_window(&self, row: usize) -> LeagueWindow {
        let value = |index: usize| self.league[index].at(row);
        LeagueWindow { makes: [value(0), value(2), value(4)], attempts: [value(1), value(3), value(5)] }
    }
}

/// The sums over a team's window, of `games` so far.
fn window_steps(window: &TeamWindow, games: i64) -> Steps {
    let [paint_made, mid_made, three_made] = window.makes.map(|sum| [Some(sum)]);
    let [paint_att, mid_att, three_att] = window.attempts.map(|sum| [Some(sum)]);
    let [paint_blk, mid_blk, three_blk] = window.blocks.map(|sum| [Some(sum)]);
    Steps::default()
        .text("games", [Some(format!("{} of {GAMES_NEEDED} games", games.min(GAMES_NEEDED)))])
        .int("paint_made", paint_made)
        .int("paint_att", paint_att)
        .int("mid_made", mid_made)
        .int("mid_att", mid_att)
        .int("three_made", three_made)
        .int("three_att", three_att)
        .int("paint_points", [Some(window.paint_points)])
        .int("paint_blk", paint_blk)
        .int("mid_blk", mid_blk)
        .int("three_blk", three_blk)
        .int("points", [Some(window.points)])
        .f64("rating", [window.mean_rating()])
        .int("rating_games", [Some(window.rating_games)])
        .f64("pace", [window.mean_pace()])
        .int("pace_games", [Some(window.pace_games)])
}

fn league_steps(ratios: &LeagueRatios) -> Steps {
    let LeagueAverages([paint, mid_range, three_pt]) = ratios.averages();
    let taken = if ratios.are_enough() { "averages of the teams" } else { "defaults" };
    Steps::default()
        .int("teams", [Some(ratios.teams() as i64)])
        .text("taken", [Some(taken)])
        .f64("paint", [Some(paint)])
        .f64("mid_range", [Some(mid_range)])
        .f64("three_pt", [Some(three_pt)])
}

fn too_few_games(team: &str, games: i64) -> Failure {
    Failure {
        entity_id: team.to_owned(),
        category: failures::INSUFFICIENT_DATA,
        reason: format!("Only {games} games, need {GAMES_NEEDED}"),
        can_retry: true,
    }
}

/// §4.1, column by column.
fn to_batch(rows: &[Row<'_>], context: &RunContext) -> Result<RecordBatch> {
    let mut set = ColumnSet::new(Table::TeamDefenseZoneAnalysis, rows.len());
    set.str("team_abbr", rows.iter().map(|row| Some(row.team)));
    set.dates("analysis_date", rows.iter().map(|row| row.date));
    let mut metric =
        |name, value: fn(&TeamScore) -> Option<f64>| set.f64(name, rows.iter().map(|row| value(&row.score)));
    metric("paint_pct_allowed_last_15", |score| score.pct[0]);
    metric("paint_attempts_allowed_per_game", |score| Some(score.attempts_per_game[0]));
    metric("paint_points_allowed_per_game", |score| Some(score.paint_points_per_game));
    metric("paint_blocks_per_game", |score| Some(score.blocks_per_game[0]));
    metric("paint_defense_vs_league_avg", |score| score.vs_league[0]);
    metric("mid_range_pct_allowed_last_15", |score| score.pct[1]);
    metric("mid_range_attempts_allowed_per_game", |score| Some(score.attempts_per_game[1]));
    metric("mid_range_blocks_per_game", |score| Some(score.blocks_per_game[1]));
    metric("mid_range_defense_vs_league_avg", |score| score.vs_league[1]);
    metric("three_pt_pct_allowed_last_15", |score| score.pct[2]);
    metric("three_pt_attempts_allowed_per_game", |score| Some(score.attempts_per_game[2]));
    metric("three_pt_blocks_per_game", |score| Some(score.blocks_per_game[2]));
    metric("three_pt_defense_vs_league_avg", |score| score.vs_league[2]);
    metric("defensive_rating_last_15", |score| score.defensive_rating);
    metric("opponent_points_per_game", |score| Some(score.points_per_game));
    metric("opponent_pace", |score| score.opponent_pace);
    for name in ["games_in_sample", "expected_games_count", "actual_games_count"] {
        set.const_int(name, GAMES_NEEDED);
    }
    set.str("strongest_zone", rows.iter().map(|row| row.score.strongest.map(Zone::label)));
    set.str("weakest_zone", rows.iter().map(|row| row.score.weakest.map(Zone::label)));
    set.const_str("data_quality_tier", "high");
    set.str("calculation_notes", rows.iter().map(|row| row.score.notes()));
    set.str("source_team_defense_hash", rows.iter().map(|row| row.source_hash));
    set.str("data_hash", rows.iter().map(|row| Some(row.score.data_hash(row.team, row.date))));
    set_bookkeeping(&mut set);
    set.const_bools(&["is_production_ready"], true);
    set.const_int("reprocess_attempt_count", 0);
    set.timestamps(&["processed_at", "created_at"], context.timestamp);
    set.finish()
}
