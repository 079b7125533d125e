//! Flaws of real rows: wrong, missing and repeated values (`tables.md` §3), dealt out at random.

use super::draws::Draws;
use super::games::{Appearance, Game, Part};

/// Flaws of a game's rows in the Phase 3 tables.
#[derive(Debug)]
pub(super) struct GameFlaws {
    /// No play-by-play: zones are NULL.
    pub no_zones: bool,
    /// By side, home first.
    pub teams: [TeamFlaws; 2],
    /// By appearance.
    pub players: Vec<PlayerFlaws>,
}

#[derive(Debug)]
pub(super) struct TeamFlaws {
    pub no_defensive_rating: bool,
    pub no_pace: bool,
    pub repeated_defense: bool,
}

#[derive(Debug)]
pub(super) struct PlayerFlaws {
    /// Has a row in `player_game_summary`: everybody on the floor, some of the others.
    pub is_listed: bool,
    /// Who did not play has zeros and not NULLs.
    pub zeros: bool,
    /// Who did not play counts as active all the same.
    pub active_without_minutes: bool,
    /// A loader lost the minutes.
    pub no_minutes: bool,
    pub no_points: bool,
    pub no_usage: bool,
    pub repeated: bool,
    /// Has a row in `upcoming_player_game_context`, unless the whole date has none.
    pub has_context: bool,
}

impl GameFlaws {
    pub fn of(seed: u64, game: &Game) -> Self {
        let mut draws = Draws::of(seed, "game flaws", &[game.fixture.key()]);
        let no_zones = draws.one_in(120);
        let teams = [(); 2].map(|()| TeamFlaws {
            no_defensive_rating: draws.one_in(200),
            no_pace: draws.one_in(300),
            repeated_defense: draws.one_in(1000),
        });
        let players = game.appearances.iter().map(|appearance| player_flaws(seed, game, appearance)).collect();
        Self { no_zones, teams, players }
    }
}

fn player_flaws(seed: u64, game: &Game, appearance: &Appearance) -> PlayerFlaws {
    let mut draws = Draws::of(seed, "player flaws", &[game.fixture.key(), appearance.player as u64]);
    let plays = appearance.part.is_on_floor();
    let (listed, expected) = match appearance.part {
        Part::Started | Part::CameIn => (1000, 1000),
        Part::Benched => (800, 500),
        Part::Injured => (250, 170),
    };
    let is_listed = draws.per_mille(listed);
    let is_expected = is_listed || draws.per_mille(expected);
    PlayerFlaws {
        is_listed,
        zeros: draws.one_in(2),
        active_without_minutes: draws.one_in(40),
        no_minutes: plays && draws.one_in(400),
        no_points: plays && draws.one_in(2000),
        no_usage: plays && draws.one_in(250),
        repeated: draws.one_in(3000),
        has_context: is_expected && !draws.one_in(150),
    }
}
