//! Game summaries: what players and teams did, as the Phase 3 tables have it (`tables.md` §3).

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::columns::Columns;
use super::flaws::{GameFlaws, PlayerFlaws, TeamFlaws};
use super::games::{Appearance, Game, Part};
use super::league::Player;
use super::season::Record;
use super::stats::Stats;
use super::teams;
use crate::catalog::Table;
use crate::error::Result;
use crate::numerics::hash;

const HOUR: i64 = 3600;

/// When a row was written: hours after midnight UTC of its date, a few seconds later for each game.
pub(super) fn written_at(date: NaiveDate, hours: i64, game: u64) -> i64 {
    let day = arrow::datatypes::Date32Type::from_naive_date(date);
    let seconds = i64::from(day) * 24 * HOUR + hours * HOUR + (game % 300) as i64 * 7;
    seconds * 1_000_000
}

/// The hash of a row, from what tells it apart.
pub(super) fn data_hash(table: Table, parts: &[&str]) -> String {
    let bytes: Vec<&[u8]> =
        std::iter::once(table.full_name()).chain(parts.iter().copied()).map(str::as_bytes).collect();
    hash::data_hash(&bytes)
}

/// A row of `player_game_summary`.
struct PlayerRow<'a> {
    game: &'a Game,
    appearance: &'a Appearance,
    player: &'a Player,
    flaws: &'a PlayerFlaws,
    has_zones: bool,
    is_repeat: bool,
}

impl PlayerRow<'_> {
    fn plays(&self) -> bool {
        self.appearance.part.is_on_floor()
    }

    /// A count of the box score; 0 or NULL of somebody who did not play.
    fn count(&self, value: impl Fn(&Stats) -> i64) -> Option<i64> {
        (self.plays() || self.flaws.zeros).then(|| value(&self.appearance.stats))
    }

    /// A count that only play-by-play tells.
    fn zone(&self, value: impl Fn(&Stats) -> i64) -> Option<i64> {
        self.count(value).filter(|_| self.has_zones)
    }

    fn minutes_10(&self) -> Option<i64> {
        self.count(|stats| 10 * stats.minutes).filter(|_| !self.flaws.no_minutes)
    }

    fn usage_100(&self) -> Option<i64> {
        let usage = || self.appearance.stats.usage_100(self.game.total_around(self.appearance));
        (self.plays() && !self.flaws.no_usage).then(usage).flatten()
    }

    fn is_active(&self) -> bool {
        self.plays() || self.flaws.zeros && self.flaws.active_without_minutes
    }

    fn status(&self) -> &'static str {
        match self.appearance.part {
            Part::Started | Part::CameIn => "active",
            Part::Benched => "dnp",
            Part::Injured => "inactive",
        }
    }

    fn plus_minus(&self) -> Option<i64> {
        let margin = self.game.margin(self.appearance.side);
        self.count(|stats| margin * stats.minutes / 48 + stats.assists + stats.steals - stats.turnovers)
    }

    /// A repeated row was written again an hour later.
    fn written_at(&self) -> i64 {
        written_at(self.game.fixture.date, 33 + i64::from(self.is_repeat), self.game.fixture.number)
    }
}

pub(super) fn player_game_summary(record: &Record) -> Result<RecordBatch> {
    let mut rows = Vec::new();
    for (game, flaws) in record.games.iter().zip(&record.flaws) {
        for (appearance, own) in game.appearances.iter().zip(&flaws.players).filter(|(_, own)| own.is_listed) {
            let player = &record.players[appearance.player];
            let row =
                |is_repeat| PlayerRow { game, appearance, player, flaws: own, has_zones: !flaws.no_zones, is_repeat };
            rows.push(row(false));
            if own.repeated {
                rows.push(row(true));
            }
        }
    }
    let table = Table::PlayerGameSummary;
    let columns = Columns::new(table, &rows)
        .text("player_lookup", |row| row.player.name.lookup.as_str())
        .text("universal_player_id", |row| row.player.universal_id.as_deref())
        .text("player_full_name", |row| row.player.name.full.as_str())
        .text("game_id", |row| row.game.id.as_str())
        .date("game_date", |row| row.game.fixture.date)
        .text("team_abbr", |row| teams::code(row.game.team(row.appearance.side)))
        .text("opponent_team_abbr", |row| teams::code(row.game.team(1 - row.appearance.side)))
        .int("season_year", |row| i64::from(row.game.fixture.season.start_year()))
        .bool("starter_flag", |row| row.appearance.part == Part::Started)
        .bool("win_flag", |row| row.game.margin(row.appearance.side) > 0)
        .bool("is_active", PlayerRow::is_active)
        .text("player_status", |row| row.status())
        .text("data_quality_tier", |_| "high")
        .text("primary_source_used", |_| "nbac_gamebook")
        .bool("processed_with_issues", |row| !row.has_zones)
        .bool("shot_zones_estimated", |_| false)
        .made_text("data_hash", |row| data_hash(table, &[&row.game.id, &row.player.name.lookup]))
        .times(&["created_at", "processed_at"], PlayerRow::written_at);
    player_zones(player_counts(columns)).finish()
}

fn player_counts<'r, 'a>(columns: Columns<'r, PlayerRow<'a>>) -> Columns<'r, PlayerRow<'a>> {
    columns
        .int("points", |row| row.count(Stats::points).filter(|_| !row.flaws.no_points))
        .numeric("minutes_played", PlayerRow::minutes_10)
        .int("assists", |row| row.count(|stats| stats.assists))
        .int("offensive_rebounds", |row| row.count(|stats| stats.offensive_rebounds))
        .int("defensive_rebounds", |row| row.count(|stats| stats.defensive_rebounds))
        .int("steals", |row| row.count(|stats| stats.steals))
        .int("blocks", |row| row.count(|stats| stats.blocks.iter().sum()))
        .int("turnovers", |row| row.count(|stats| stats.turnovers))
        .int("fg_attempts", |row| row.count(Stats::fg_attempts))
        .int("fg_makes", |row| row.count(Stats::fg_makes))
        .int("three_pt_attempts", |row| row.count(|stats| stats.attempts[2]))
        .int("three_pt_makes", |row| row.count(|stats| stats.makes[2]))
        .int("ft_attempts", |row| row.count(|stats| stats.ft_attempts))
        .int("ft_makes", |row| row.count(|stats| stats.ft_makes))
        .int("plus_minus", PlayerRow::plus_minus)
        .int("personal_fouls", |row| row.count(|stats| stats.fouls))
        .numeric("usage_rate", PlayerRow::usage_100)
        .numeric("ts_pct", |row| row.appearance.stats.true_shooting_1000())
        .numeric("efg_pct", |row| row.appearance.stats.effective_shooting_1000())
}

fn player_zones<'r, 'a>(columns: Columns<'r, PlayerRow<'a>>) -> Columns<'r, PlayerRow<'a>> {
    columns
        .int("paint_attempts", |row| row.zone(|stats| stats.attempts[0]))
        .int("paint_makes", |row| row.zone(|stats| stats.makes[0]))
        .int("mid_range_attempts", |row| row.zone(|stats| stats.attempts[1]))
        .int("mid_range_makes", |row| row.zone(|stats| stats.makes[1]))
        .int("paint_blocks", |row| row.zone(|stats| stats.blocks[0]))
        .int("mid_range_blocks", |row| row.zone(|stats| stats.blocks[1]))
        .int("three_pt_blocks", |row| row.zone(|stats| stats.blocks[2]))
        .int("and1_count", |row| row.zone(|stats| stats.and_ones))
        .int("assisted_fg_makes", |row| row.zone(|stats| stats.assisted_makes))
        .int("unassisted_fg_makes", |row| row.zone(|stats| stats.fg_makes() - stats.assisted_makes))
}

/// A row of a team's summary of a game.
struct TeamRow<'a> {
    game: &'a Game,
    /// 0 home, 1 away.
    side: usize,
    flaws: &'a TeamFlaws,
    has_zones: bool,
    is_repeat: bool,
}

impl<'a> TeamRow<'a> {
    fn new(game: &'a Game, side: usize, flaws: &'a GameFlaws) -> Self {
        Self { game, side, flaws: &flaws.teams[side], has_zones: !flaws.no_zones, is_repeat: false }
    }

    fn own(&self) -> &Stats {
        self.game.total(self.side)
    }

    fn other(&self) -> &Stats {
        self.game.total(1 - self.side)
    }

    fn zone(&self, value: i64) -> Option<i64> {
        self.has_zones.then_some(value)
    }

    /// Players of the side in copy 0 who were injured, of the best `best`.
    fn injured(&self, best: usize) -> i64 {
        let is_injured = |player: &&Appearance| {
            player.copy == 0 && player.side == self.side && player.rank < best && player.part == Part::Injured
        };
        self.game.appearances.iter().filter(is_injured).count() as i64
    }
}

fn team_rows(record: &Record) -> Vec<TeamRow<'_>> {
    let games = record.games.iter().zip(&record.flaws);
    games.flat_map(|(game, flaws)| [0, 1].map(|side| TeamRow::new(game, side, flaws))).collect()
}

/// Columns that both team tables have; `team` is the one that names the row's own team.
fn team_columns<'r, 'a>(table: Table, rows: &'r [TeamRow<'a>], team: &'static str) -> Columns<'r, TeamRow<'a>> {
    Columns::new(table, rows)
        .text("game_id", |row| row.game.id.as_str())
        .date("game_date", |row| row.game.fixture.date)
        .text(team, |row| teams::code(row.game.team(row.side)))
        .text("opponent_team_abbr", |row| teams::code(row.game.team(1 - row.side)))
        .int("season_year", |row| i64::from(row.game.fixture.season.start_year()))
        .bool("home_game", |row| row.side == 0)
        .bool("win_flag", |row| row.game.margin(row.side) > 0)
        .int("margin_of_victory", |row| row.game.margin(row.side))
        .int("overtime_periods", |_| 0)
        .int("players_inactive", |row| row.injured(usize::MAX))
        .int("starters_inactive", |row| row.injured(5))
        .text("data_quality_tier", |_| "high")
        .text("primary_source_used", |_| "nbac_team_boxscore")
        .bool("processed_with_issues", |row| !row.has_zones)
        .made_text("data_hash", move |row| data_hash(table, &[&row.game.id, teams::code(row.game.team(row.side))]))
        .times(&["created_at", "processed_at"], |row| {
            let hours = 33 + i64::from(row.is_repeat);
            written_at(row.game.fixture.date, hours, row.game.fixture.number)
        })
}

pub(super) fn team_defense_game_summary(record: &Record) -> Result<RecordBatch> {
    let mut rows = Vec::new();
    for row in team_rows(record) {
        if row.flaws.repeated_defense {
            rows.push(TeamRow { is_repeat: true, ..row });
        }
        rows.push(row);
    }
    team_columns(Table::TeamDefenseGameSummary, &rows, "defending_team_abbr")
        .int("points_allowed", |row| row.other().points())
        .int("opp_fg_attempts", |row| row.other().fg_attempts())
        .int("opp_fg_makes", |row| row.other().fg_makes())
        .int("opp_three_pt_attempts", |row| row.other().attempts[2])
        .int("opp_three_pt_makes", |row| row.other().makes[2])
        .int("opp_ft_attempts", |row| row.other().ft_attempts)
        .int("opp_ft_makes", |row| row.other().ft_makes)
        .int("opp_rebounds", |row| row.other().rebounds())
        .int("opp_assists", |row| row.other().assists)
        .int("turnovers_forced", |row| row.other().turnovers)
        .int("fouls_committed", |row| row.own().fouls)
        .int("opp_paint_attempts", |row| row.zone(row.other().attempts[0]))
        .int("opp_paint_makes", |row| row.zone(row.other().makes[0]))
        .int("opp_mid_range_attempts", |row| row.zone(row.other().attempts[1]))
        .int("opp_mid_range_makes", |row| row.zone(row.other().makes[1]))
        .int("points_in_paint_allowed", |row| row.zone(2 * row.other().makes[0]))
        .int("mid_range_points_allowed", |row| row.zone(2 * row.other().makes[1]))
        .int("three_pt_points_allowed", |row| 3 * row.other().makes[2])
        .int("blocks_paint", |row| row.zone(row.own().blocks[0]))
        .int("blocks_mid_range", |row| row.zone(row.own().blocks[1]))
        .int("blocks_three_pt", |row| row.zone(row.own().blocks[2]))
        .int("steals", |row| row.own().steals)
        .int("defensive_rebounds", |row| row.own().defensive_rebounds)
        .numeric("defensive_rating", |row| (!row.flaws.no_defensive_rating).then(|| row.other().rating_100()))
        .numeric("opponent_pace", |row| row.game.pace_10())
        .numeric("opponent_ts_pct", |row| row.other().true_shooting_1000())
        .finish()
}

pub(super) fn team_offense_game_summary(record: &Record) -> Result<RecordBatch> {
    let rows = team_rows(record);
    team_columns(Table::TeamOffenseGameSummary, &rows, "team_abbr")
        .made_text("nba_game_id", |row| row.game.fixture.league_id())
        .int("points_scored", |row| row.own().points())
        .int("fg_attempts", |row| row.own().fg_attempts())
        .int("fg_makes", |row| row.own().fg_makes())
        .int("three_pt_attempts", |row| row.own().attempts[2])
        .int("three_pt_makes", |row| row.own().makes[2])
        .int("ft_attempts", |row| row.own().ft_attempts)
        .int("ft_makes", |row| row.own().ft_makes)
        .int("rebounds", |row| row.own().rebounds())
        .int("assists", |row| row.own().assists)
        .int("turnovers", |row| row.own().turnovers)
        .int("personal_fouls", |row| row.own().fouls)
        .int("team_paint_attempts", |row| row.zone(row.own().attempts[0]))
        .int("team_paint_makes", |row| row.zone(row.own().makes[0]))
        .int("team_mid_range_attempts", |row| row.zone(row.own().attempts[1]))
        .int("team_mid_range_makes", |row| row.zone(row.own().makes[1]))
        .int("points_in_paint_scored", |row| row.zone(2 * row.own().makes[0]))
        .numeric("offensive_rating", |row| row.own().rating_100())
        .numeric("pace", |row| (!row.flaws.no_pace).then(|| row.game.pace_10()))
        .int("possessions", |row| row.own().possessions_100() / 100)
        .numeric("ts_pct", |row| row.own().true_shooting_1000())
        .bool("shot_zones_available", |row| row.has_zones)
        .finish()
}
