//! `player_daily_cache`: recent points, minutes, usage, team form and fatigue counts of the players in context.
//!
//! Source: `player_daily_cache.md`.

mod box_scores;
mod candidates;
mod carried;
mod completeness;
mod feed;
mod players;
mod score;
mod spans;
mod teams;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;

use self::box_scores::BoxScores;
use self::candidates::Candidates;
use self::completeness::{Completeness, Window};
use self::feed::{Feed, Order};
use self::players::Players;
use self::score::{
    CACHE_VERSION, Cache, CacheInputs, GameSums, HashedKey, NoRow, PlayerContext, RecentRows, ShotZones, TeamSums,
};
use self::spans::GAMES_NEEDED;
use self::teams::{TeamForm, TeamSchedule};
use super::columns::ColumnSet;
use super::dated::by_date;
use super::explained::{Explained, Steps};
use super::facts::{Decimal, Facts, Nullable, columns};
use super::months::{MonthFacts, by_month, groups, groups_in, nulls_last};
use super::overflow::{EVERY_PLAYER_FAILED, NumericColumn, Overflow, overflowed_date};
use super::quality::tiers;
use super::reads::{self, Contexts, Read};
use super::{
    CARRIED_DAYS, Constants, DateOutput, Emit, Failure, Input, LookBack, MonthWork, PlannedSession, Processor,
    ProcessorId, ProcessorOutput, RunContext, bound,
};
use crate::catalog::Table;
use crate::engine::Session;
use crate::error::Result;
use crate::numerics::rounding::store_half_away;
use crate::store::DateState;

/// The first day of which the queries read every player game.
fn first_day() -> String {
    format!("least(season_start(min(season_year)), min(game_date) - {CARRIED_DAYS})")
}

const BOX_SCORES_LOOK_BACK: LookBack = LookBack::Days(box_scores::DAYS as u64);

/// Games that count (§2.4).
const QUALIFIES: &str = "is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(points, 0) > 0)";

/// What is copied from the context row (§3.4).
const CONTEXT_COLUMNS: [&str; 12] = [
    reads::ORDER,
    "player_lookup",
    "universal_player_id",
    "team_abbr",
    "games_in_last_7_days",
    "games_in_last_14_days",
    "minutes_in_last_7_days",
    "minutes_in_last_14_days",
    "back_to_backs_last_14_days",
    "avg_minutes_per_game_last_7",
    "fourth_quarter_minutes_last_7",
    "player_age",
];

/// What the last ten games give, with what decides whether a game counts.
const RECENT_COLUMNS: [&str; 10] = [
    reads::ORDER,
    "player_lookup",
    "team_abbr",
    "is_active",
    "points",
    "minutes_played",
    "usage_rate",
    "ts_pct",
    "fg_makes",
    "assisted_fg_makes",
];

/// What all games of the season give.
const SEASON_COLUMNS: [&str; 6] =
    ["player_lookup", "season_year", "is_active", "points", "minutes_played", "usage_rate"];

/// What the games of a team give.
const TEAM_COLUMNS: [&str; 4] = [reads::ORDER, "team_abbr", "pace", "offensive_rating"];

#[derive(Debug)]
pub struct Pdc;

impl Processor for Pdc {
    fn id(&self) -> ProcessorId {
        ProcessorId::Pdc
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [Input] {
        &[
            Input { table: Table::UpcomingPlayerGameContext, look_back: LookBack::SameDay },
            Input { table: Table::PlayerGameSummary, look_back: LookBack::SeasonAndCarried },
            Input { table: Table::TeamOffenseGameSummary, look_back: LookBack::SeasonAndCarried },
            Input { table: Table::Schedule, look_back: LookBack::SeasonAndCarried },
            Input { table: Table::PlayerBoxScores, look_back: BOX_SCORES_LOOK_BACK },
        ]
    }

    fn reads(&self) -> &'static [Read] {
        const GAMES: Table = Table::PlayerGameSummary;
        const LAST_10: reads::Window = reads::Window::LastRows { rows: spans::RECENT_GAMES, counted: QUALIFIES };
        const READS: &[Read] = &[
            Read::new(Table::UpcomingPlayerGameContext, reads::Window::Population, &CONTEXT_COLUMNS),
            Read::new(GAMES, reads::Window::Population, &["universal_player_id", "team_abbr"]).with(Contexts::Absent),
            Read::new(GAMES, reads::Window::DaysBefore(CARRIED_DAYS as u32), &["minutes_played"])
                .with(Contexts::Absent),
            Read::new(GAMES, LAST_10, &RECENT_COLUMNS),
            Read::new(GAMES, reads::Window::SeasonToDate, &SEASON_COLUMNS),
            Read::new(GAMES, reads::Window::RowBefore, &["team_abbr", reads::ORDER]),
            Read::new(Table::TeamOffenseGameSummary, reads::Window::TeamRows(teams::TEAM_GAMES), &TEAM_COLUMNS),
            Read::new(Table::Schedule, reads::Window::TeamGamesBefore { days: CARRIED_DAYS as u32 }, &[]),
            Read::new(Table::PlayerBoxScores, reads::Window::DaysBefore(box_scores::DAYS as u32), &[]),
        ];
        READS
    }

    /// §2.7: the hashes of its sources are NULL.
    fn games_needed(&self) -> usize {
        GAMES_NEEDED as usize
    }

    fn carried(&self, table: Table, files: &[PathBuf]) -> Result<Option<BTreeMap<NaiveDate, String>>> {
        carried::carried(table, files)
    }

    fn keeps_lineage(&self) -> bool {
        false
    }

    fn upstream(&self) -> &'static [ProcessorId] {
        &[ProcessorId::Psza]
    }

    fn constants(&self) -> Constants {
        let [week, fortnight] = spans::WINDOWS_OF_DAYS;
        tiers(Constants::default())
            .with("games", GAMES_NEEDED)
            .with("games_long", spans::RECENT_GAMES)
            .with("games_season", players::SEASON_GAMES)
            .with("team_games", teams::TEAM_GAMES)
            .with("week", week)
            .with("fortnight", fortnight)
            .with("box_score_days", box_scores::DAYS)
            .with("complete_pct", completeness::COMPLETE_PCT)
            .with("counted", QUALIFIES)
            .with("first_day", first_day())
    }

    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained> {
        let dates = planned.dates;
        let sessions = beside(planned, context)?;
        let mut league = GamesSoFar::open(&sessions)?;
        let sessions = beside(planned, context)?;
        let mut candidates = Candidates::open(&sessions)?;
        let months = by_month(dates).map(|(month, dates)| candidates.of(month, dates)).collect::<Result<Vec<_>>>()?;
        let Some(first) = months.first() else { return Ok(Explained::default()) };
        let facts = concat_batches(&first.schema(), &months)?;
        let standings = league.standings(&facts, dates, context)?;
        let mut in_order = standings.iter();
        let mut scorer =
            Scorer { facts: FactColumns::new(&Facts(&facts)), standings: &mut in_order, text: String::new() };
        let all = 0..facts.num_rows();
        let mut rows = Vec::new();
        for &date in dates {
            scorer.score_date(date, all.clone(), &mut rows);
        }
        rows.retain(|row| row.key.player == key);
        let mut explained = Explained::default();
        explained.take_row(to_batch(&rows, context)?);
        let facts = &scorer.facts;
        let candidates = groups_in(facts.player_lookup, all).map(|group| facts.of_player(group)).zip(&standings);
        for (row, standing) in candidates.filter(|(row, _)| facts.player_lookup.value(*row) == key) {
            let inputs = facts.inputs(row, standing);
            let date = facts.game_date.at(row).expect("the key is not NULL");
            explained.tell("context", context_steps(&inputs.context));
            explained.tell("completeness", inputs.completeness.steps(league.players.standing(key, date).team));
        }
        Ok(explained)
    }

    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()> {
        let sessions = beside(planned, context)?;
        let mut league = GamesSoFar::open(&sessions)?;
        let sessions = beside(planned, context)?;
        let mut candidates = Candidates::open(&sessions)?;
        for (month, dates) in by_month(planned.dates) {
            let rows = candidates.of(month, dates)?;
            let facts = MonthFacts { dates: dates.to_vec(), rows, date: "game_date" };
            let standings = league.standings(&facts.rows, dates, context)?;
            let context = *context;
            emit(MonthWork::new(month, move || {
                let (mut standings, mut runs) = (standings.into_iter(), facts.into_runs().peekable());
                std::iter::from_fn(move || {
                    let (facts, dates) = runs.next()?;
                    let output = score(&facts, &dates, &mut standings, &context);
                    assert!(runs.peek().is_some() || standings.next().is_none(), "a candidate without facts");
                    Some(output)
                })
            }))?;
        }
        Ok(())
    }
}

/// Further connections with the same plan, one for each query that is read beside the others, in the order of the files.
fn beside<const N: usize>(planned: PlannedSession<'_>, context: &RunContext) -> Result<[Session; N]> {
    planned.session.keep_order_of_files()?;
    let beside = || -> Result<Session> {
        let beside = planned.session.try_clone()?;
        beside.set_plan(planned.dates, context.windows)?;
        beside.execute(&bound(include_str!("plan_range.sql")))?;
        Ok(beside)
    };
    let sessions = (0..N).map(|_| beside()).collect::<Result<Vec<_>>>()?;
    Ok(sessions.try_into().ok().expect("N sessions"))
}

/// What a candidate stands at on a date, besides the context.
struct Standing {
    games: GameSums,
    recent: RecentRows,
    team: Option<TeamSums>,
    completeness: Completeness,
}

/// Everything that is kept while dates go by.
struct GamesSoFar<'s> {
    games: Feed<'s>,
    team_games: Feed<'s>,
    schedule: Feed<'s>,
    scores: Feed<'s>,
    players: Players,
    form: TeamForm,
    dates: TeamSchedule,
    box_scores: BoxScores,
}

impl<'s> GamesSoFar<'s> {
    fn open([games, team_games, schedule, scores]: &'s [Session; 4]) -> Result<Self> {
        let last_teams = games.query(&bound(include_str!("last_teams.sql")))?;
        Ok(Self {
            games: Feed::new(games, &bound(include_str!("games.sql")), Order::OfPlayers)?,
            team_games: Feed::new(team_games, include_str!("team_games.sql"), Order::Sorted)?,
            schedule: Feed::new(schedule, include_str!("schedule.sql"), Order::Sorted)?,
            scores: Feed::new(scores, &bound(include_str!("box_scores.sql")), Order::Sorted)?,
            players: Players::with_last_teams(&last_teams),
            form: TeamForm::default(),
            dates: TeamSchedule::default(),
            box_scores: BoxScores::default(),
        })
    }

    /// One for each candidate of each date, in the order of the facts of a month.
    fn standings(&mut self, facts: &RecordBatch, dates: &[NaiveDate], context: &RunContext) -> Result<Vec<Standing>> {
        let candidates = FactColumns::new(&Facts(facts));
        let mut standings = Vec::with_capacity(facts.num_rows());
        let mut groups = groups(candidates.game_date, candidates.player_lookup).peekable();
        for &date in dates {
            self.play_to(date, context)?;
            let day = Date32Type::from_naive_date(date);
            while let Some(group) = groups.next_if(|group| candidates.game_date.value(group.start) == day) {
                let row = candidates.of_player(group);
                let (player, team) = (candidates.player_lookup.value(row), candidates.team_abbr.at(row));
                standings.push(self.standing(player, team, date));
            }
        }
        Ok(standings)
    }

    /// Windows end with the date, or the day before; the schedule and raw box scores do with the day before (§3.6).
    fn play_to(&mut self, date: NaiveDate, context: &RunContext) -> Result<()> {
        let (last, before) = (context.windows.last_day(date), date - chrono::Days::new(1));
        let Self { games, team_games, schedule, scores, players, form, dates, box_scores } = self;
        games.up_to(last, |batch, rows| players.play(batch, rows))?;
        team_games.up_to(last, |batch, rows| form.play(batch, rows))?;
        schedule.up_to(before, |batch, rows| dates.play(batch, rows))?;
        scores.up_to(before, |batch, rows| box_scores.play(batch, rows))
    }

    fn standing(&self, player: &str, team: Option<&str>, date: NaiveDate) -> Standing {
        let known = self.players.standing(player, date);
        let actual = [known.season_days, known.season_days, known.week_days, known.fortnight_days];
        let completeness = Completeness::new(
            self.dates.expected(known.team, date),
            actual,
            self.box_scores.did_not_play(player, date),
        );
        Standing {
            games: known.games,
            recent: known.recent,
            team: team.and_then(|team| self.form.of(team)),
            completeness,
        }
    }
}

fn score(
    facts: &RecordBatch,
    dates: &[NaiveDate],
    standings: &mut impl Iterator<Item = Standing>,
    context: &RunContext,
) -> Result<ProcessorOutput> {
    let facts = FactColumns::new(&Facts(facts));
    let days = facts.game_date;
    let mut scorer = Scorer { facts, standings, text: String::new() };
    let mut rows = Vec::with_capacity(days.len());
    let outputs = by_date(dates, days, |date, range| {
        let first = rows.len();
        let mut of_date = scorer.score_date(date, range, &mut rows);
        if context.quarantine {
            of_date.quarantine();
        }
        if !of_date.overflows.is_empty() {
            rows.truncate(first);
        }
        let (state, failures) = of_date.end(rows.len() - first);
        DateOutput { date, state, rows: first..rows.len(), failures }
    });
    Ok(ProcessorOutput { rows: to_batch(&rows, context)?, dates: outputs })
}

columns! {
    /// What [`Candidates`] have.
    FactColumns {
        game_date: date,
        player_lookup: str,
        universal_player_id: str,
        team_abbr: str,
        is_synthetic: bool,
        combinations: int,
        games_in_last_7_days: int,
        games_in_last_14_days: int,
        minutes_in_last_7_days: int,
        minutes_in_last_14_days: int,
        back_to_backs_last_14_days: int,
        avg_minutes_10: int,
        fourth_quarter_minutes_last_7: int,
        player_age: int,
        processed_us: int,
        has_zones: bool,
        primary_scoring_zone: str,
        paint_rate_100: int,
        three_pt_rate_100: int,
    }
}

/// One output row: what is written, because many rows wait for their batch.
struct Row<'a> {
    key: HashedKey<'a>,
    stored: Stored,
    games_played_season: i64,
    context: PlayerContext,
    has_zones: bool,
    primary_zone: Option<&'a str>,
    completeness: Completeness,
    data_hash: String,
}

impl<'a> Row<'a> {
    fn new(key: HashedKey<'a>, cache: &Cache<'a>, stored: Stored, text: &mut String) -> Self {
        Self {
            key,
            stored,
            games_played_season: cache.games_played_season,
            context: cache.context,
            has_zones: cache.zones.is_some(),
            primary_zone: cache.zones.and_then(|zones| zones.primary_zone),
            completeness: cache.completeness,
            data_hash: cache.data_hash(&key, text),
        }
    }
}

/// Scores the candidates of the facts.
struct Scorer<'a, S> {
    facts: FactColumns<'a>,
    /// One for each candidate of each date, in the order of the facts.
    standings: &'a mut S,
    /// What is hashed, one row after the other.
    text: String,
}

impl<'a, S: Iterator<Item: Borrow<Standing>>> Scorer<'a, S> {
    /// Scores the candidates of a date in ascending order.
    fn score_date(&mut self, date: NaiveDate, facts: Range<usize>, rows: &mut Vec<Row<'a>>) -> Scored<'a> {
        let mut of_date = Scored::default();
        for group in groups_in(self.facts.player_lookup, facts) {
            let row = self.facts.of_player(group);
            let standing = self.standings.next().expect("one for each candidate of the date");
            let standing = standing.borrow();
            of_date.most_games = of_date.most_games.max(Some(standing.games.games));
            let player = self.facts.player_lookup.value(row);
            match Cache::of(&self.facts.inputs(row, standing)) {
                Err(no_row) => of_date.failures.push(failure(player, no_row)),
                Ok(cache) => match stored(&cache) {
                    Err(overflow) => of_date.overflows.push((player, overflow)),
                    Ok(stored) => {
                        let key = HashedKey { date, player, universal_id: self.facts.universal_player_id.at(row) };
                        rows.push(Row::new(key, &cache, stored, &mut self.text));
                    }
                },
            }
        }
        of_date
    }
}

impl<'a> FactColumns<'a> {
    /// §2.2: of several rows of a player the first in a fixed order.
    fn of_player(&self, group: Range<usize>) -> usize {
        let key = |&row: &usize| {
            let numbers = [
                self.processed_us,
                self.games_in_last_7_days,
                self.games_in_last_14_days,
                self.minutes_in_last_7_days,
                self.minutes_in_last_14_days,
                self.back_to_backs_last_14_days,
                self.avg_minutes_10,
                self.fourth_quarter_minutes_last_7,
                self.player_age,
            ];
            let texts = [self.team_abbr, self.universal_player_id].map(|text| nulls_last(text.at(row)));
            (texts, numbers.map(|number| nulls_last(number.at(row))))
        };
        if group.len() == 1 { group.start } else { group.min_by_key(key).expect("a group has a row") }
    }

    fn inputs(&self, row: usize, standing: &Standing) -> CacheInputs<'a> {
        let Standing { games, recent, team, completeness } = standing;
        let is_synthetic = self.is_synthetic.at(row) == Some(true);
        let combinations = self.combinations.at(row).unwrap_or(1);
        CacheInputs {
            games: games.clone(),
            team: *team,
            context: if is_synthetic { PlayerContext::synthetic(recent, combinations) } else { self.context(row) },
            zones: (self.has_zones.at(row) == Some(true)).then(|| ShotZones {
                primary_zone: self.primary_scoring_zone.at(row),
                paint_rate: self.paint_rate_100.decimal(row, 2),
                three_pt_rate: self.three_pt_rate_100.decimal(row, 2),
            }),
            completeness: *completeness,
        }
    }

    fn context(&self, row: usize) -> PlayerContext {
        PlayerContext {
            games_7: self.games_in_last_7_days.at(row),
            games_14: self.games_in_last_14_days.at(row),
            minutes_7: self.minutes_in_last_7_days.at(row),
            minutes_14: self.minutes_in_last_14_days.at(row),
            back_to_backs_14: self.back_to_backs_last_14_days.at(row),
            avg_minutes_7: self.avg_minutes_10.decimal(row, 1),
            fourth_quarter_minutes_7: self.fourth_quarter_minutes_last_7.at(row),
            player_age: self.player_age.at(row),
        }
    }
}

/// What the row copies from its context.
fn context_steps(context: &PlayerContext) -> Steps {
    Steps::default()
        .int("games_7", [context.games_7])
        .int("games_14", [context.games_14])
        .int("minutes_7", [context.minutes_7])
        .int("minutes_14", [context.minutes_14])
        .int("b2b_14", [context.back_to_backs_14])
        .f64("avg_minutes_7", [context.avg_minutes_7])
}

fn failure(player: &str, no_row: NoRow) -> Failure {
    Failure {
        entity_id: player.to_owned(),
        category: no_row.category(),
        reason: no_row.reason(),
        can_retry: no_row.can_retry(),
    }
}

/// What became of a date's candidates, besides rows.
#[derive(Default)]
struct Scored<'a> {
    failures: Vec<Failure>,
    overflows: Vec<(&'a str, Overflow)>,
    /// Of any candidate; `None` without one.
    most_games: Option<i64>,
}

impl Scored<'_> {
    /// Leaves the players of values out of range out, each with a failure.
    fn quarantine(&mut self) {
        let left_out = self.overflows.drain(..).map(|(player, overflow)| overflow.of_entity(player));
        self.failures.extend(left_out);
        self.failures.sort();
    }

    /// How the date ended (§1.6). A value out of range loses it, and leaves the failures (§7.2).
    fn end(self, rows: usize) -> (DateState, Vec<Failure>) {
        let Self { mut failures, overflows, most_games } = self;
        if !overflows.is_empty() {
            let (state, failure) = overflowed_date(&overflows);
            failures.push(failure);
            failures.sort();
            return (state, failures);
        }
        let state = match most_games {
            None => DateState::failed(
                "No upcoming player context data extracted: neither upcoming_player_game_context nor player_game_summary \
                 has a row",
            ),
            Some(most) if rows == 0 && most < GAMES_NEEDED => {
                DateState::too_few_games(format!("no player in context has {GAMES_NEEDED} games this season"), most)
            }
            Some(_) if rows == 0 => DateState::Empty { rule: EVERY_PLAYER_FAILED.into() },
            Some(_) => DateState::Done,
        };
        (state, failures)
    }
}

const NUMERIC_COLUMNS: [&str; 14] = [
    "points_avg_last_5",
    "points_avg_last_10",
    "points_avg_season",
    "points_std_last_10",
    "minutes_avg_last_10",
    "usage_rate_last_10",
    "ts_pct_last_10",
    "team_pace_last_10",
    "team_off_rating_last_10",
    "player_usage_rate_season",
    "avg_minutes_per_game_last_7",
    "paint_rate_last_10",
    "three_pt_rate_last_10",
    "assisted_rate_last_10",
];

/// The values of [`NUMERIC_COLUMNS`] as their columns hold them, in units of their last decimal.
struct Stored {
    values: [i64; NUMERIC_COLUMNS.len()],
    is_null: [bool; NUMERIC_COLUMNS.len()],
}

impl Stored {
    fn at(&self, index: usize) -> Option<i64> {
        (!self.is_null[index]).then_some(self.values[index])
    }
}

/// Rounds a row to its columns.
///
/// # Errors
/// For the first value that does not fit its column.
fn stored(cache: &Cache<'_>) -> Result<Stored, Overflow> {
    static COLUMNS: LazyLock<[NumericColumn; NUMERIC_COLUMNS.len()]> =
        LazyLock::new(|| NUMERIC_COLUMNS.map(|name| NumericColumn::of(Table::PlayerDailyCache, name)));
    let values = [
        Some(cache.points_avg_last_5),
        Some(cache.points_avg_last_10),
        Some(cache.points_avg_season),
        Some(cache.points_std_last_10),
        Some(cache.minutes_avg_last_10),
        Some(cache.usage_rate_last_10),
        Some(cache.ts_pct_last_10),
        cache.team_pace_last_10,
        cache.team_off_rating_last_10,
        Some(cache.player_usage_rate_season),
        cache.avg_minutes_per_game_last_7,
        cache.zones.and_then(|zones| zones.paint_rate),
        cache.zones.and_then(|zones| zones.three_pt_rate),
        cache.assisted_rate_last_10,
    ];
    let mut stored = Stored { values: [0; NUMERIC_COLUMNS.len()], is_null: [true; NUMERIC_COLUMNS.len()] };
    for (index, (column, value)) in COLUMNS.iter().zip(values).enumerate() {
        let Some(value) = value.filter(|value| !value.is_nan()) else { continue };
        let scaled = store_half_away(value, column.numeric.scale);
        if let Some(overflow) = column.overflow(value, scaled) {
            return Err(overflow);
        }
        stored.values[index] = i64::try_from(scaled).expect("the columns hold less than 19 digits");
        stored.is_null[index] = false;
    }
    Ok(stored)
}

/// §4, column by column.
fn to_batch(rows: &[Row<'_>], context: &RunContext) -> Result<RecordBatch> {
    let mut set = ColumnSet::new(Table::PlayerDailyCache, rows.len());
    set.str("player_lookup", rows.iter().map(|row| Some(row.key.player)));
    set.str("universal_player_id", rows.iter().map(|row| row.key.universal_id));
    set.dates("cache_date", rows.iter().map(|row| row.key.date));
    for (index, name) in NUMERIC_COLUMNS.into_iter().enumerate() {
        set.scaled(name, rows.iter().map(|row| row.stored.at(index).map(i128::from)));
    }
    set.int("games_played_season", rows.iter().map(|row| Some(row.games_played_season)));
    let mut copy = |name, value: fn(&PlayerContext) -> Option<i64>| {
        set.int(name, rows.iter().map(|row| value(&row.context)));
    };
    copy("games_in_last_7_days", |context| context.games_7);
    copy("games_in_last_14_days", |context| context.games_14);
    copy("minutes_in_last_7_days", |context| context.minutes_7);
    copy("minutes_in_last_14_days", |context| context.minutes_14);
    copy("back_to_backs_last_14_days", |context| context.back_to_backs_14);
    copy("fourth_quarter_minutes_last_7", |context| context.fourth_quarter_minutes_7);
    copy("player_age", |context| context.player_age);
    set.str("primary_scoring_zone", rows.iter().map(|row| row.primary_zone));
    set.str("data_hash", rows.iter().map(|row| Some(&row.data_hash)));
    set.bool("early_season_flag", rows.iter().map(|row| Some(score::early_season_flag(row.games_played_season))));
    set.str(
        "insufficient_data_reason",
        rows.iter().map(|row| score::insufficient_data_reason(row.games_played_season)),
    );
    set.bool("shot_zone_data_available", rows.iter().map(|row| Some(row.has_zones)));
    set_completeness(&mut set, rows);
    set.const_bools(&["circuit_breaker_active", "manual_override_required"], false);
    set.const_bools(&["backfill_bootstrap_mode"], true);
    set.bool("season_boundary_detected", rows.iter().map(|row| Some(score::is_season_boundary(row.key.date))));
    set.const_int("reprocess_attempt_count", 0);
    set.const_str("processing_decision_reason", "processed_successfully");
    set.const_str("cache_version", CACHE_VERSION);
    set.timestamps(&["created_at", "processed_at"], context.timestamp);
    set.finish()
}

/// §3.6.
fn set_completeness(set: &mut ColumnSet, rows: &[Row<'_>]) {
    const WINDOWS: [[&str; 2]; 4] = [
        ["l5_completeness_pct", "l5_is_complete"],
        ["l10_completeness_pct", "l10_is_complete"],
        ["l7d_completeness_pct", "l7d_is_complete"],
        ["l14d_completeness_pct", "l14d_is_complete"],
    ];
    let all = || rows.iter().map(|row| &row.completeness);
    let five_games = |count: fn(Window) -> i64| all().map(move |windows| Some(count(windows.five_games())));
    set.int("expected_games_count", five_games(|window| window.expected));
    set.int("actual_games_count", five_games(|window| window.actual));
    set.int("missing_games_count", all().map(|windows| Some(windows.missing_games())));
    for name in ["completeness_percentage", "cache_quality_score"] {
        set.f64(name, all().map(|windows| Some(windows.quality_score())));
    }
    set.str("quality_tier", all().map(|windows| Some(windows.quality_tier())));
    for name in ["is_production_ready", "all_windows_complete"] {
        set.bool(name, all().map(|windows| Some(windows.all_complete())));
    }
    for (index, [pct, is_complete]) in WINDOWS.into_iter().enumerate() {
        set.f64(pct, all().map(|windows| Some(windows.0[index].rounded_pct())));
        set.bool(is_complete, all().map(|windows| Some(windows.0[index].is_complete())));
    }
}
