//! What was known before the games, as the Phase 3 tables have it (`tables.md` §3.4, §3.5, §4).

use arrow::array::RecordBatch;
use chrono::{Datelike, NaiveDate, Weekday};

use super::columns::Columns;
use super::context::{PlayerContext, TeamContext};
use super::games::Game;
use super::league::Player;
use super::lines::{BOOKMAKERS, Line};
use super::schedule::{Kind, league_game_id};
use super::season::{Record, Side};
use super::tables::{data_hash, written_at};
use super::teams;
use crate::calendar::Season;
use crate::catalog::Table;
use crate::error::Result;

/// Something about a game, with the game.
struct AboutGame<'a, T> {
    item: &'a T,
    game: &'a Game,
}

impl<T> AboutGame<'_, T> {
    fn date(&self) -> NaiveDate {
        self.game.fixture.date
    }

    /// Contexts and lines are written on the day, hours before the game.
    fn written_at(&self) -> i64 {
        written_at(self.date(), 16, self.game.fixture.number)
    }
}

fn about_games<'a, T>(record: &'a Record, items: &'a [T], game: impl Fn(&T) -> usize) -> Vec<AboutGame<'a, T>> {
    items.iter().map(|item| AboutGame { item, game: &record.games[game(item)] }).collect()
}

pub(super) fn upcoming_player_game_context(record: &Record) -> Result<RecordBatch> {
    let table = Table::UpcomingPlayerGameContext;
    let rows = about_games(record, &record.player_contexts, |context| context.game);
    let player = |row: &AboutGame<'_, PlayerContext>| -> &Player { &record.players[row.item.player] };
    Columns::new(table, &rows)
        .text("player_lookup", |row| player(row).name.lookup.as_str())
        .text("universal_player_id", |row| player(row).universal_id.as_deref())
        .text("game_id", |row| row.game.id.as_str())
        .date("game_date", AboutGame::date)
        .text("team_abbr", |row| teams::code(row.game.team(row.item.side)))
        .text("opponent_team_abbr", |row| teams::code(row.game.team(1 - row.item.side)))
        .numeric("pace_differential", |row| row.item.pace_differential_10)
        .numeric("opponent_pace_last_10", |row| row.item.opponent_pace_10)
        .bool("home_game", |row| row.item.side == 0)
        .bool("back_to_back", |row| row.item.days_rest == Some(1))
        .text("season_phase", |row| row.item.season_phase)
        .numeric("projected_usage_rate", |row| row.item.projected_usage_100)
        .int("days_rest", |row| row.item.days_rest)
        .int("games_in_last_7_days", |row| row.item.games_7)
        .int("games_in_last_14_days", |row| row.item.games_14)
        .int("minutes_in_last_7_days", |row| row.item.minutes_7)
        .int("minutes_in_last_14_days", |row| row.item.minutes_14)
        .numeric("avg_minutes_per_game_last_7", |row| row.item.minutes_avg_7_10)
        .int("back_to_backs_last_14_days", |row| row.item.back_to_backs_14)
        .numeric("avg_usage_rate_last_7_games", |row| row.item.usage_avg_100)
        .int("fourth_quarter_minutes_last_7", |row| row.item.minutes_7 / 4)
        .int("player_age", |row| row.item.age)
        .numeric("points_avg_last_5", |row| row.item.points_avg_5_10)
        .numeric("points_avg_last_10", |row| row.item.points_avg_10_10)
        .int("star_teammates_out", |row| row.item.star_teammates_out)
        .int("opponent_days_rest", |row| row.item.opponent_days_rest)
        .text("player_status", |row| row.item.status)
        .text("data_quality_tier", |_| "high")
        .int("context_version", |_| 1)
        .made_text("data_hash", |row| data_hash(table, &[&row.game.id, &player(row).name.lookup]))
        .times(&["created_at", "processed_at"], AboutGame::written_at)
        .finish()
}

pub(super) fn upcoming_team_game_context(record: &Record) -> Result<RecordBatch> {
    let table = Table::UpcomingTeamGameContext;
    let rows = about_games(record, &record.team_contexts, |context| context.game);
    let team = |row: &AboutGame<'_, TeamContext>| teams::code(row.game.team(row.item.side));
    Columns::new(table, &rows)
        .text("team_abbr", team)
        .text("game_id", |row| row.game.id.as_str())
        .date("game_date", AboutGame::date)
        .int("season_year", |row| i64::from(row.game.fixture.season.start_year()))
        .text("opponent_team_abbr", |row| teams::code(row.game.team(1 - row.item.side)))
        .bool("home_game", |row| row.item.side == 0)
        .bool("is_back_to_back", |row| row.item.days_rest == Some(1))
        .bool("team_back_to_back", |row| row.item.days_rest == Some(1))
        .int("days_since_last_game", |row| row.item.days_rest)
        .int("team_days_rest", |row| row.item.days_rest)
        .int("game_number_in_season", |row| row.item.game_number)
        .int("games_in_last_7_days", |row| row.item.games_7)
        .int("games_in_last_14_days", |row| row.item.games_14)
        .numeric("game_spread", |row| 50 * row.item.spread_2)
        .numeric("game_total", |row| 5 * row.item.total_2)
        .text("game_spread_source", |_| "draftkings")
        .text("game_total_source", |_| "draftkings")
        .int("starters_out_count", |row| row.item.starters_out)
        .int("questionable_players_count", |_| 0)
        .int("team_win_streak_entering", |row| row.item.streak.max(0))
        .int("team_loss_streak_entering", |row| (-row.item.streak).max(0))
        .int("last_game_margin", |row| row.item.last_margin)
        .text("last_game_result", |row| row.item.last_margin.map(|margin| if margin > 0 { "W" } else { "L" }))
        .int("travel_miles", |_| 0)
        .made_text("data_hash", |row| data_hash(table, &[&row.game.id, team(row)]))
        .times(&["created_at", "processed_at"], AboutGame::written_at)
        .finish()
}

pub(super) fn player_points_props(record: &Record) -> Result<RecordBatch> {
    let table = Table::PlayerPointsProps;
    let rows = about_games(record, &record.lines, |line| line.game);
    let player = |row: &AboutGame<'_, Line>| -> &Player { &record.players[row.item.player] };
    let book = |row: &AboutGame<'_, Line>| BOOKMAKERS[row.item.book];
    let offer = |row: &AboutGame<'_, Line>| format!("{}{:05}", row.game.fixture.key(), row.item.player);
    Columns::new(table, &rows)
        .date("game_date", AboutGame::date)
        .text("market_type", |_| "points")
        .int("market_id", |_| 156)
        .int("bp_event_id", |row| row.game.fixture.key() as i64)
        .made_text("offer_id", offer)
        .text("bet_side", |row| row.item.bet_side)
        .int("bp_player_id", |row| row.item.player as i64 + 10_000)
        .text("player_name", |row| player(row).name.full.as_str())
        .text("player_lookup", |row| player(row).name.lookup.as_str())
        .text("player_team", |row| teams::code(row.game.team(row.item.side)))
        .text("player_position", |row| player(row).position)
        .text("team_source", |_| "bettingpros")
        .bool("has_team_issues", |_| false)
        .double("validation_confidence", |_| 1.0)
        .text("validation_method", |_| "bettingpros_api")
        .int("book_id", |row| book(row).0)
        .text("bookmaker", |row| book(row).1)
        .made_text("line_id", |row| format!("{}-{}-{}", offer(row), book(row).0, row.item.bet_side))
        .double("points_line", |row| row.item.points_2 as f64 / 2.0)
        .int("odds_american", |row| row.item.odds)
        .bool("is_active", |row| row.item.is_active)
        .bool("is_best_line", |row| row.item.is_best)
        .double("opening_line", |row| row.item.opening_2.map(|line| line as f64 / 2.0))
        .int("opening_odds", |row| row.item.opening_2.map(|_| -110))
        .made_text("data_hash", |row| {
            data_hash(table, &[&offer(row), book(row).1, row.item.bet_side, &row.item.points_2.to_string()])
        })
        .times(&["bookmaker_last_update", "created_at", "processed_at"], AboutGame::written_at)
        .finish()
}

/// A row of the schedule, of whatever kind.
struct Entry {
    season: Season,
    kind: Kind,
    number: u64,
    date: NaiveDate,
    is_final: bool,
    home: Side,
    away: Side,
    /// Home and away.
    score: Option<[i64; 2]>,
}

impl Entry {
    fn id(&self) -> String {
        league_game_id(self.season, self.kind, self.number)
    }

    fn winner(&self) -> Option<&'static str> {
        self.score.map(|[home, away]| if home > away { self.home.code } else { self.away.code })
    }

    fn playoff_round(&self) -> Option<&'static str> {
        match self.kind {
            Kind::PlayIn => Some("play_in"),
            Kind::Playoffs(1) => Some("first_round"),
            Kind::Playoffs(2) => Some("conf_semifinals"),
            Kind::Playoffs(3) => Some("conf_finals"),
            Kind::Playoffs(_) => Some("nba_finals"),
            _ => None,
        }
    }

    fn is_weekend(&self) -> bool {
        matches!(self.date.weekday(), Weekday::Sat | Weekday::Sun)
    }
}

fn schedule_entries(record: &Record) -> Vec<Entry> {
    let played = record.games.iter().map(|game| Entry {
        season: game.fixture.season,
        kind: game.fixture.kind,
        number: game.fixture.number,
        date: game.fixture.date,
        is_final: true,
        home: Side::of(game.fixture.home),
        away: Side::of(game.fixture.away),
        score: Some([game.total(0).points(), game.total(1).points()]),
    });
    let others = record.other_entries.iter().map(|entry| Entry {
        season: entry.season,
        kind: entry.kind,
        number: entry.number,
        date: entry.date,
        is_final: entry.is_final,
        home: entry.home,
        away: entry.away,
        score: None,
    });
    played.chain(others).collect()
}

pub(super) fn schedule(record: &Record) -> Result<RecordBatch> {
    let table = Table::Schedule;
    let rows = schedule_entries(record);
    let code = |row: &Entry| format!("{}/{}{}", row.date.format("%Y%m%d"), row.away.code, row.home.code);
    Columns::new(table, &rows)
        .made_text("game_id", Entry::id)
        .made_text("game_code", code)
        .made_text("season", |row| row.season.start_year().to_string())
        .made_text("season_nba_format", |row| row.season.to_string())
        .int("season_year", |row| i64::from(row.season.start_year()))
        .date("game_date", |row| row.date)
        .int("game_status", |row| if row.is_final { 3 } else { 1 })
        .text("game_status_text", |row| if row.is_final { "Final" } else { "PPD" })
        .int("home_team_id", |row| row.home.id)
        .text("home_team_tricode", |row| row.home.code)
        .text("home_team_name", |row| row.home.name)
        .int("away_team_id", |row| row.away.id)
        .text("away_team_tricode", |row| row.away.code)
        .text("away_team_name", |row| row.away.name)
        .bool("is_regular_season", |row| row.kind == Kind::Regular)
        .bool("is_playoffs", |row| matches!(row.kind, Kind::Playoffs(_)))
        .bool("is_all_star", |row| row.kind == Kind::AllStar)
        .bool("is_emirates_cup", |_| false)
        .text("playoff_round", |row| row.playoff_round())
        .bool("is_christmas", |row| (row.date.month(), row.date.day()) == (12, 25))
        .made_text("day_of_week", |row| row.date.format("%A").to_string())
        .bool("is_weekend", Entry::is_weekend)
        .int("home_team_score", |row| row.score.map(|score| score[0]))
        .int("away_team_score", |row| row.score.map(|score| score[1]))
        .text("winning_team_tricode", |row| row.winner())
        .text("data_source", |_| "nba_com")
        .made_text("data_hash", |row| data_hash(table, &[&row.id(), if row.is_final { "3" } else { "1" }]))
        .times(&["scrape_timestamp", "created_at", "processed_at"], |row| written_at(row.date, 32, row.number))
        .finish()
}
