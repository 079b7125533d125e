//! `player_shot_zone_analysis`: where a player's shots of the last ten games came from.
//!
//! Source: `player_shot_zone_analysis.md`.

mod rolling;
mod score;

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use arrow::array::{RecordBatch, TimestampMicrosecondArray, UInt32Array};
use chrono::{NaiveDate, NaiveTime};

use self::rolling::{GameWindow, PlayerWindows};
use self::score::{GAMES_NEEDED, ZoneScore};
use super::columns::{ColumnSet, set_bookkeeping};
use super::dated::Provenance;
use super::explained::{Explained, rows_of};
use super::failures;
use super::months::{MonthReader, RUN_ROWS, by_month};
use super::overflow::{EVERY_PLAYER_FAILED, NumericColumn, Overflow, overflowed_date};
use super::reads::{self, Read};
use super::{
    Constants, DateOutput, Emit, Failure, Input, LookBack, MonthWork, PlannedSession, Processor, ProcessorId,
    ProcessorOutput, RunContext, bound,
};
use crate::calendar::Season;
use crate::catalog::Table;
use crate::error::Result;
use crate::numerics::rounding::f64_to_decimal;
use crate::store::DateState;

/// At least so many dates are scored together, however many rows they have: they share the columns of
/// the windows that stand on all of them.
const RUN_DATES: usize = 8;

/// Games that count (§2.2).
const COUNTED: &str = "is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(fg_attempts, 0) > 0)";

const LAST_10: reads::Window = reads::Window::LastRows { rows: GAMES_NEEDED as usize, counted: COUNTED };
const LAST_20: reads::Window = reads::Window::LastRows { rows: rolling::GAMES_KEPT, counted: COUNTED };

/// What rates and the primary zone come from, with what decides whether a game counts.
const RATE_COLUMNS: [&str; 10] = [
    reads::ORDER,
    "player_lookup",
    "team_abbr",
    "opponent_team_abbr",
    "is_active",
    "minutes_played",
    "fg_attempts",
    "paint_attempts",
    "mid_range_attempts",
    "three_pt_attempts",
];

/// What other values come from, which no processor reads.
const OTHER_COLUMNS: [&str; 8] = [
    "universal_player_id",
    "game_id",
    "paint_makes",
    "mid_range_makes",
    "three_pt_makes",
    "fg_makes",
    "assisted_fg_makes",
    "unassisted_fg_makes",
];

/// What the longer window takes besides [`RATE_COLUMNS`].
const LONG_COLUMNS: [&str; 2] = ["paint_makes", "game_id"];

#[derive(Debug)]
pub struct Psza;

impl Processor for Psza {
    fn id(&self) -> ProcessorId {
        ProcessorId::Psza
    }

    fn version(&self) -> u32 {
        2
    }

    fn inputs(&self) -> &'static [Input] {
        &[Input { table: Table::PlayerGameSummary, look_back: LookBack::Season }]
    }

    fn reads(&self) -> &'static [Read] {
        const TABLE: Table = Table::PlayerGameSummary;
        const READS: &[Read] = &[
            Read::new(TABLE, LAST_10, &RATE_COLUMNS),
            Read::new(TABLE, LAST_10, &OTHER_COLUMNS).own(),
            Read::new(TABLE, LAST_20, &RATE_COLUMNS).own(),
            Read::new(TABLE, LAST_20, &LONG_COLUMNS).own(),
            Read::lineage(TABLE, reads::Window::NewestOfSeason { with_untimed: false }),
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
        Constants::default()
            .with("games", GAMES_NEEDED)
            .with("games_long", rolling::GAMES_KEPT)
            .with("trend_games", score::TREND_GAMES)
            .with("counted", COUNTED)
    }

    fn explain(&self, planned: PlannedSession<'_>, context: &RunContext, key: &str) -> Result<Explained> {
        let mut explained = Explained::default();
        self.gather(planned, context, &mut |work| {
            work.outputs().try_for_each(|output| {
                explained.take_row(rows_of(&output?.rows, "player_lookup", key)?);
                Ok(())
            })
        })?;
        Ok(explained)
    }

    fn gather(&self, planned: PlannedSession<'_>, context: &RunContext, emit: &mut Emit<'_>) -> Result<()> {
        let PlannedSession { session, dates } = planned;
        let provenance = Provenance::new(&session.query(include_str!("lineage.sql"))?, ["source_hash"], context);
        let mut games = MonthReader::new(session.stream(&bound(include_str!("query.sql")))?, "game_date");
        let mut league = PlayerWindows::default();
        for (month, dates) in by_month(dates) {
            while let Some((before, games)) = games.up_to(month.previous())? {
                league.play(Season::of(before.first_day()), &games, |_| ());
            }
            let season = Season::of(month.first_day());
            let mut windows = league.standing(season);
            if let Some((_, games)) = games.up_to(month)? {
                league.play(season, &games, |window| windows.push(window));
            }
            let (dates, provenance) = (dates.to_vec(), provenance.clone());
            let (dates, windows) = (dates.into_iter(), windows.into_iter().peekable());
            emit(MonthWork::new(month, move || MonthDates { dates, windows, provenance, run: Run::default() }))?;
        }
        Ok(())
    }
}

/// Dates of one month while they are scored. A window stands for a player from its game up to the next one: it is
/// scored once, however many dates it serves.
struct MonthDates {
    dates: std::vec::IntoIter<NaiveDate>,
    /// In the order of the dates from which they stand.
    windows: Peekable<std::vec::IntoIter<GameWindow>>,
    provenance: Provenance<1>,
    run: Run,
}

impl Iterator for MonthDates {
    type Item = Result<ProcessorOutput>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { dates, windows, provenance, run } = self;
        let context = &provenance.context;
        while let Some(date) = dates.next() {
            while let Some(window) = windows.next_if(|window| window.from <= context.windows.last_day(date)) {
                run.stand(window.into());
            }
            run.end_date(date, context.quarantine);
            let is_full = run.rows.len() >= RUN_ROWS && run.dates.len() >= RUN_DATES;
            if is_full || dates.as_slice().is_empty() {
                let rows = run.to_batch(provenance);
                return Some(rows.map(|rows| ProcessorOutput { rows, dates: run.start_again() }));
            }
        }
        None
    }
}

/// The newest game of a player so far, with the sums of the games up to it.
struct Window {
    player: String,
    universal_id: Option<String>,
    games: i64,
    /// `None` when there are too few games.
    scored: Option<ScoredWindow>,
}

struct ScoredWindow {
    score: ZoneScore,
    /// §5.1 without its first field, `analysis_date`.
    hash_text: String,
    /// §7: the date, or with quarantine the player, has no rows while such a window stands.
    overflow: Option<Overflow>,
}

/// The dates that are scored together, and the windows that stand on them.
#[derive(Default)]
struct Run {
    windows: Vec<Rc<Window>>,
    /// By player, the window that stands now, as an index.
    standing: BTreeMap<String, usize>,
    rows: Vec<Row>,
    dates: Vec<DateOutput>,
}

/// One output row: a date and the window that stands for a player on it.
struct Row {
    date: NaiveDate,
    window: usize,
}

impl Run {
    fn stand(&mut self, window: Window) {
        match self.standing.get_mut(&window.player) {
            Some(standing) => *standing = self.windows.len(),
            None => {
                self.standing.insert(window.player.clone(), self.windows.len());
            }
        }
        self.windows.push(Rc::new(window));
    }

    /// Takes a date's rows and says how it ended (§1.6). Failures of players on a date without rows are lost,
    /// as in the reference (§6).
    fn end_date(&mut self, date: NaiveDate, quarantine: bool) {
        let first = self.rows.len();
        let overflows = self.overflows();
        if !quarantine && !overflows.is_empty() {
            let (state, failure) = overflowed_date(&overflows);
            self.dates.push(DateOutput { date, state, rows: first..first, failures: vec![failure] });
            return;
        }
        let left_out: Vec<Failure> = overflows.iter().map(|(player, overflow)| overflow.of_entity(player)).collect();
        let has_row = |window: &&usize| self.windows[**window].has_row();
        self.rows.extend(self.standing.values().filter(has_row).map(|&window| Row { date, window }));
        let rows = first..self.rows.len();
        let (state, mut failures) = if !rows.is_empty() {
            let standing = self.standing.values().map(|&window| &self.windows[window]);
            let failures = standing.filter(|window| window.scored.is_none()).map(|window| window.too_few_games());
            (DateState::Done, failures.collect::<Vec<_>>())
        } else if left_out.is_empty() {
            (self.why_empty(), Vec::new())
        } else {
            (DateState::Empty { rule: EVERY_PLAYER_FAILED.into() }, Vec::new())
        };
        if !left_out.is_empty() {
            failures.extend(left_out);
            failures.sort();
        }
        self.dates.push(DateOutput { date, state, rows, failures });
    }

    /// §7: values too large for their column, by player. One of them loses the date, or with quarantine its player.
    fn overflows(&self) -> Vec<(&str, Overflow)> {
        let standing = self.standing.iter();
        standing
            .filter_map(|(player, &window)| Some((player.as_str(), self.windows[window].scored.as_ref()?.overflow?)))
            .collect()
    }

    fn why_empty(&self) -> DateState {
        match self.standing.values().map(|&window| self.windows[window].games).max() {
            Some(most) => DateState::too_few_games(format!("no player has {GAMES_NEEDED} games this season"), most),
            None => DateState::failed("No data extracted: player_game_summary has no qualifying game this season"),
        }
    }

    /// Keeps the windows that still stand.
    fn start_again(&mut self) -> Vec<DateOutput> {
        let windows = self.standing.values().map(|&window| Rc::clone(&self.windows[window])).collect();
        self.windows = windows;
        self.standing.values_mut().enumerate().for_each(|(index, window)| *window = index);
        self.rows.clear();
        std::mem::take(&mut self.dates)
    }

    /// §4, column by column: what depends on the window alone is built once per window.
    fn to_batch(&self, provenance: &Provenance<1>) -> Result<RecordBatch> {
        let mut of_window: Vec<Option<u32>> = vec![None; self.windows.len()];
        let scored: Vec<(&Window, &ScoredWindow)> = self
            .windows
            .iter()
            .enumerate()
            .filter_map(|(index, window)| Some((index, &**window, window.scored.as_ref()?)))
            .filter(|(_, _, scored)| scored.overflow.is_none())
            .enumerate()
            .map(|(position, (index, window, scored))| {
                of_window[index] = Some(position as u32);
                (window, scored)
            })
            .collect();
        let positions = self.rows.iter().map(|row| of_window[row.window].expect("rows have scores"));
        let positions = UInt32Array::from_iter_values(positions);
        let mut set = window_columns(&scored).take(&positions)?;
        set.dates("analysis_date", self.rows.iter().map(|row| row.date));
        set.const_int("games_in_sample_10", GAMES_NEEDED);
        set.const_str("sample_quality_10", "excellent");
        set.const_str("data_quality_tier", "high");
        let midnight = |row: &Row| row.date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        let midnights = self.rows.iter().map(midnight);
        let midnights = TimestampMicrosecondArray::from_iter_values(midnights).with_timezone("UTC");
        set.set("source_player_game_last_updated", Arc::new(midnights));
        set.str("source_player_game_hash", self.rows.iter().map(|row| provenance.lineage.hash(row.date, 0)));
        set.str("data_hash", self.data_hashes().map(Some));
        set_bookkeeping(&mut set);
        set.const_bools(&["early_season_flag"], false);
        set.const_bools(&["is_production_ready"], true);
        set.const_int("reprocess_attempt_count", 0);
        set.timestamps(&["created_at", "processed_at"], provenance.context.timestamp);
        set.finish()
    }

    /// Rows of a date share the first field; the rest of a window's text was rendered once.
    fn data_hashes(&self) -> impl Iterator<Item = String> {
        let mut prefix = String::new();
        let mut prefix_date = None;
        self.rows.iter().map(move |row| {
            if prefix_date != Some(row.date) {
                prefix = format!("analysis_date:{}|", row.date);
                prefix_date = Some(row.date);
            }
            let scored = self.windows[row.window].scored.as_ref().expect("rows have scores");
            crate::numerics::hash::data_hash(&[prefix.as_bytes(), scored.hash_text.as_bytes()])
        })
    }
}

type Metric = (&'static str, fn(&ZoneScore) -> Option<f64>);

/// The NUMERIC columns of a row (§4).
const METRICS: [Metric; 13] = [
    ("paint_rate_last_10", |score| score.rates_10[0]),
    ("mid_range_rate_last_10", |score| score.rates_10[1]),
    ("three_pt_rate_last_10", |score| score.rates_10[2]),
    ("paint_pct_last_10", |score| score.pcts_10[0]),
    ("mid_range_pct_last_10", |score| score.pcts_10[1]),
    ("three_pt_pct_last_10", |score| score.pcts_10[2]),
    ("paint_attempts_per_game", |score| Some(score.attempts_per_game[0])),
    ("mid_range_attempts_per_game", |score| Some(score.attempts_per_game[1])),
    ("three_pt_attempts_per_game", |score| Some(score.attempts_per_game[2])),
    ("paint_rate_last_20", |score| score.paint_rate_20),
    ("paint_pct_last_20", |score| score.paint_pct_20),
    ("assisted_rate_last_10", |score| score.assisted_rate),
    ("unassisted_rate_last_10", |score| score.unassisted_rate),
];

/// The first value of a score, in the order of [`METRICS`], that is too large for its column.
fn overflow_of(score: &ZoneScore) -> Option<Overflow> {
    static COLUMNS: LazyLock<[NumericColumn; METRICS.len()]> =
        LazyLock::new(|| METRICS.map(|(name, _)| NumericColumn::of(Table::PlayerShotZoneAnalysis, name)));
    COLUMNS.iter().zip(METRICS).find_map(|(column, (_, value))| {
        let value = value(score)?;
        column.overflow(value, f64_to_decimal(value, column.numeric.scale))
    })
}

fn window_columns(windows: &[(&Window, &ScoredWindow)]) -> ColumnSet {
    let mut set = ColumnSet::new(Table::PlayerShotZoneAnalysis, windows.len());
    let scores = || windows.iter().map(|(_, scored)| &scored.score);
    set.str("player_lookup", windows.iter().map(|(window, _)| Some(&window.player)));
    set.str("universal_player_id", windows.iter().map(|(window, _)| window.universal_id.as_deref()));
    for (name, value) in METRICS {
        set.decimal(name, scores().map(value));
    }
    set.int("total_shots_last_10", scores().map(|score| score.total_shots));
    for name in ["games_in_sample_20", "expected_games_count", "actual_games_count"] {
        set.int(name, scores().map(|score| Some(score.games_20)));
    }
    set.str("sample_quality_20", scores().map(|score| Some(score.sample_quality_20())));
    set.str("primary_scoring_zone", scores().map(ZoneScore::primary_zone));
    set
}

impl From<GameWindow> for Window {
    fn from(window: GameWindow) -> Self {
        let GameWindow { player, universal_id, games, sums, .. } = window;
        let scored = (games >= GAMES_NEEDED).then(|| {
            let score = ZoneScore::of(&sums);
            let hash_text = score.hash_text(&player, universal_id.as_deref());
            let overflow = overflow_of(&score);
            ScoredWindow { score, hash_text, overflow }
        });
        Self { player, universal_id, games, scored }
    }
}

impl Window {
    fn has_row(&self) -> bool {
        self.scored.as_ref().is_some_and(|scored| scored.overflow.is_none())
    }

    fn too_few_games(&self) -> Failure {
        let games = self.games;
        Failure {
            entity_id: self.player.clone(),
            category: failures::EXPECTED_INCOMPLETE,
            reason: format!("Season bootstrap: {games}/{games} games (need {GAMES_NEEDED})"),
            can_retry: false,
        }
    }
}
