//! Raw box scores: who was listed, with the minutes as the feed spells them (`tables.md`, `player_daily_cache` §3.6).

use arrow::array::RecordBatch;

use super::columns::Columns;
use super::games::{Appearance, Game, Part};
use super::league::Player;
use super::schedule::Kind;
use super::season::Record;
use super::tables::{data_hash, written_at};
use super::teams;
use crate::catalog::Table;
use crate::error::Result;

/// A row of `bdl_player_boxscores`.
struct BoxScoreRow<'a> {
    game: &'a Game,
    appearance: &'a Appearance,
    player: &'a Player,
    /// `None` is NULL.
    minutes: Option<String>,
}

impl BoxScoreRow<'_> {
    fn written_at(&self) -> i64 {
        written_at(self.game.fixture.date, 31, self.game.fixture.number)
    }
}

/// Somebody who stayed on the bench has 0, 00, nothing or NULL.
fn minutes(appearance: &Appearance, game: &Game) -> Option<String> {
    const UNPLAYED: [Option<&str>; 4] = [Some("00"), Some("0"), Some(""), None];
    if appearance.part.is_on_floor() {
        return Some(format!("{:02}", appearance.stats.minutes));
    }
    let turn = (appearance.rank as u64 + game.fixture.number) as usize % UNPLAYED.len();
    UNPLAYED[turn].map(str::to_owned)
}

pub(super) fn player_box_scores(record: &Record) -> Result<RecordBatch> {
    let mut rows = Vec::new();
    for (game, flaws) in record.games.iter().zip(&record.flaws) {
        let listed = game.appearances.iter().zip(&flaws.players).filter(|(_, own)| own.is_listed);
        for (appearance, _) in listed.filter(|(appearance, _)| appearance.part != Part::Injured) {
            let player = &record.players[appearance.player];
            rows.push(BoxScoreRow { game, appearance, player, minutes: minutes(appearance, game) });
        }
    }
    let table = Table::PlayerBoxScores;
    let is_postseason = |row: &BoxScoreRow<'_>| matches!(row.game.fixture.kind, Kind::Playoffs(_));
    Columns::new(table, &rows)
        .text("game_id", |row| row.game.id.as_str())
        .date("game_date", |row| row.game.fixture.date)
        .int("season_year", |row| i64::from(row.game.fixture.season.start_year()))
        .text("game_status", |_| "Final")
        .bool("is_postseason", is_postseason)
        .text("home_team_abbr", |row| teams::code(row.game.team(0)))
        .text("away_team_abbr", |row| teams::code(row.game.team(1)))
        .text("team_abbr", |row| teams::code(row.game.team(row.appearance.side)))
        .text("player_full_name", |row| row.player.name.full.as_str())
        .text("player_lookup", |row| row.player.name.lookup.as_str())
        .text("minutes", |row| row.minutes.as_deref())
        .text("source_file_path", |_| "generated")
        .made_text("data_hash", |row| data_hash(table, &[&row.game.id, &row.player.name.lookup]))
        .times(&["created_at", "processed_at"], BoxScoreRow::written_at)
        .finish()
}
