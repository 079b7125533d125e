//! The formulas of `team_defense_zone_analysis` §3 and the hash of §5, as pure functions.

use chrono::NaiveDate;

use crate::numerics::hash::HashText;
use crate::numerics::sum::exact_sum;

/// Games in the window; a team with fewer gets no row (§6).
pub const GAMES_NEEDED: i64 = 15;

/// Court zones in the fixed order that resolves ties (§3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Paint,
    MidRange,
    ThreePoint,
}

impl Zone {
    pub const ALL: [Self; 3] = [Self::Paint, Self::MidRange, Self::ThreePoint];

    /// The three-point zone is called `perimeter`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Paint => "paint",
            Self::MidRange => "mid_range",
            Self::ThreePoint => "perimeter",
        }
    }
}

/// Sums over a team's last 15 games; NULL counts as 0. Arrays are in the order of [`Zone::ALL`].
#[derive(Debug, Clone, Default)]
pub struct TeamWindow {
    pub makes: [i64; 3],
    pub attempts: [i64; 3],
    pub blocks: [i64; 3],
    pub paint_points: i64,
    pub points: i64,
    /// Sum of `defensive_rating` in hundredths; `None` when every value is NULL.
    pub rating_100: Option<i64>,
    pub rating_games: i64,
    /// Sum of `opponent_pace` in tenths; `None` when every value is NULL.
    pub pace_10: Option<i64>,
    pub pace_games: i64,
}

impl TeamWindow {
    pub fn mean_rating(&self) -> Option<f64> {
        mean(self.rating_100, 100.0, self.rating_games)
    }

    pub fn mean_pace(&self) -> Option<f64> {
        mean(self.pace_10, 10.0, self.pace_games)
    }
}

/// Sums over a team's games of the last 31 days; `None` when every value is NULL, or fewer than
/// ten rows lie in the window.
#[derive(Debug, Clone, Copy)]
pub struct LeagueWindow {
    pub makes: [Option<i64>; 3],
    pub attempts: [Option<i64>; 3],
}

impl LeagueWindow {
    /// The team's three ratios; `None` unless all three exist (§3.2 steps 2 and 3).
    fn ratios(&self) -> Option<[f64; 3]> {
        let mut ratios = [0.0; 3];
        for (zone, ratio) in ratios.iter_mut().enumerate() {
            let (makes, attempts) = (self.makes[zone]?, self.attempts[zone].filter(|&sum| sum != 0)?);
            *ratio = makes as f64 / attempts as f64;
        }
        Some(ratios)
    }
}

/// League averages per zone (§3.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeagueAverages(pub [f64; 3]);

/// So many teams have to qualify.
pub const LEAGUE_TEAMS: usize = 10;

/// All three apply together when fewer teams qualify.
pub const DEFAULT_AVERAGES: LeagueAverages = LeagueAverages([0.580, 0.410, 0.355]);

impl LeagueAverages {
    /// Plain mean of the team ratios. §3.2 leaves the order of the sum open; the reference's own
    /// results are those of the exact sum, which needs no order.
    pub fn of(teams: impl Iterator<Item = LeagueWindow>) -> Self {
        LeagueRatios::of(teams).averages()
    }
}

/// The ratios of the teams that qualify (§3.2).
pub struct LeagueRatios(Vec<[f64; 3]>);

impl LeagueRatios {
    pub fn of(teams: impl Iterator<Item = LeagueWindow>) -> Self {
        Self(teams.filter_map(|team| team.ratios()).collect())
    }

    pub fn teams(&self) -> usize {
        self.0.len()
    }

    pub fn are_enough(&self) -> bool {
        self.teams() >= LEAGUE_TEAMS
    }

    pub fn averages(&self) -> LeagueAverages {
        if !self.are_enough() {
            return DEFAULT_AVERAGES;
        }
        let mean = |zone: usize| exact_sum(self.0.iter().map(|team| team[zone])) / self.teams() as f64;
        LeagueAverages([mean(0), mean(1), mean(2)])
    }
}

/// The computed part of a row. Percentages are fractions, differences percentage points.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamScore {
    pub pct: [Option<f64>; 3],
    pub attempts_per_game: [f64; 3],
    pub blocks_per_game: [f64; 3],
    pub vs_league: [Option<f64>; 3],
    pub paint_points_per_game: f64,
    pub points_per_game: f64,
    pub defensive_rating: Option<f64>,
    pub opponent_pace: Option<f64>,
    pub strongest: Option<Zone>,
    pub weakest: Option<Zone>,
    no_attempts: [bool; 3],
}

impl TeamScore {
    pub fn of(window: &TeamWindow, averages: &LeagueAverages) -> Self {
        let per_game = |sum: i64| sum as f64 / GAMES_NEEDED as f64;
        let mut pct = [None; 3];
        let mut vs_league = [None; 3];
        for zone in 0..3 {
            // §3.1: a sum below 0 counts as none.
            if window.attempts[zone] > 0 {
                let allowed = window.makes[zone] as f64 / window.attempts[zone] as f64;
                pct[zone] = Some(allowed);
                vs_league[zone] = Some((allowed - averages.0[zone]) * 100.0);
            }
        }
        Self {
            pct,
            attempts_per_game: window.attempts.map(per_game),
            blocks_per_game: window.blocks.map(per_game),
            vs_league,
            paint_points_per_game: per_game(window.paint_points),
            points_per_game: per_game(window.points),
            defensive_rating: window.mean_rating(),
            opponent_pace: window.mean_pace(),
            strongest: extreme(&vs_league, |candidate, best| candidate < best),
            weakest: extreme(&vs_league, |candidate, best| candidate > best),
            no_attempts: window.attempts.map(|sum| sum == 0),
        }
    }

    /// §3.6: what is missing, or `None`.
    pub fn notes(&self) -> Option<String> {
        const NOTES: [&str; 3] = ["No paint attempts", "No mid-range attempts", "No three-point attempts"];
        let notes: Vec<&str> =
            NOTES.into_iter().zip(self.no_attempts).filter_map(|(note, none)| none.then_some(note)).collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// §5: a missing mean is hashed as `nan`, any other missing value as `NULL`.
    pub fn data_hash(&self, team: &str, date: NaiveDate) -> String {
        self.hash_text(team, date).data_hash()
    }

    fn hash_text(&self, team: &str, date: NaiveDate) -> HashText {
        let mut text = HashText::default();
        text.date("analysis_date", date);
        text.opt_str("calculation_notes", self.notes().as_deref());
        text.str("data_quality_tier", "high");
        text.f64("defensive_rating_last_15", self.defensive_rating.unwrap_or(f64::NAN));
        text.int("games_in_sample", GAMES_NEEDED);
        text.f64("mid_range_attempts_allowed_per_game", self.attempts_per_game[1]);
        text.f64("mid_range_blocks_per_game", self.blocks_per_game[1]);
        text.opt_f64("mid_range_defense_vs_league_avg", self.vs_league[1]);
        text.opt_f64("mid_range_pct_allowed_last_15", self.pct[1]);
        text.f64("opponent_pace", self.opponent_pace.unwrap_or(f64::NAN));
        text.f64("opponent_points_per_game", self.points_per_game);
        text.f64("paint_attempts_allowed_per_game", self.attempts_per_game[0]);
        text.f64("paint_blocks_per_game", self.blocks_per_game[0]);
        text.opt_f64("paint_defense_vs_league_avg", self.vs_league[0]);
        text.opt_f64("paint_pct_allowed_last_15", self.pct[0]);
        text.f64("paint_points_allowed_per_game", self.paint_points_per_game);
        text.opt_str("strongest_zone", self.strongest.map(Zone::label));
        text.str("team_abbr", team);
        text.f64("three_pt_attempts_allowed_per_game", self.attempts_per_game[2]);
        text.f64("three_pt_blocks_per_game", self.blocks_per_game[2]);
        text.opt_f64("three_pt_defense_vs_league_avg", self.vs_league[2]);
        text.opt_f64("three_pt_pct_allowed_last_15", self.pct[2]);
        text.opt_str("weakest_zone", self.weakest.map(Zone::label));
        text
    }
}

/// §3.3: the exact sum as a double, divided by the number of values.
fn mean(scaled_sum: Option<i64>, scale: f64, count: i64) -> Option<f64> {
    Some(scaled_sum? as f64 / scale / count as f64)
}

/// The first zone, in fixed order, that no other beats (§3.5).
fn extreme(vs_league: &[Option<f64>; 3], beats: impl Fn(f64, f64) -> bool) -> Option<Zone> {
    let mut best: Option<(Zone, f64)> = None;
    for (zone, value) in Zone::ALL.into_iter().zip(vs_league) {
        let Some(value) = *value else { continue };
        if best.is_none_or(|(_, leader)| beats(value, leader)) {
            best = Some((zone, value));
        }
    }
    best.map(|(zone, _)| zone)
}

#[cfg(test)]
mod tests;
