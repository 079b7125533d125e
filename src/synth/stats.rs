//! Counts of a box score and the rates that follow from them, in scaled integers.

use crate::numerics::rounding::divide_half_away;

/// What a player, or a team, did in a game. Arrays are by zone: paint, mid-range, three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stats {
    pub minutes: i64,
    pub attempts: [i64; 3],
    pub makes: [i64; 3],
    pub assisted_makes: i64,
    pub and_ones: i64,
    pub ft_attempts: i64,
    pub ft_makes: i64,
    pub assists: i64,
    pub offensive_rebounds: i64,
    pub defensive_rebounds: i64,
    pub steals: i64,
    pub blocks: [i64; 3],
    pub turnovers: i64,
    pub fouls: i64,
}

impl Stats {
    pub fn points(&self) -> i64 {
        2 * (self.makes[0] + self.makes[1]) + 3 * self.makes[2] + self.ft_makes
    }

    pub fn fg_attempts(&self) -> i64 {
        self.attempts.iter().sum()
    }

    pub fn fg_makes(&self) -> i64 {
        self.makes.iter().sum()
    }

    pub fn rebounds(&self) -> i64 {
        self.offensive_rebounds + self.defensive_rebounds
    }

    pub fn total<'a>(lines: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut total = Self::default();
        for line in lines {
            total.add(line);
        }
        total
    }

    fn add(&mut self, other: &Self) {
        for zone in 0..3 {
            self.attempts[zone] += other.attempts[zone];
            self.makes[zone] += other.makes[zone];
            self.blocks[zone] += other.blocks[zone];
        }
        self.minutes += other.minutes;
        self.assisted_makes += other.assisted_makes;
        self.and_ones += other.and_ones;
        self.ft_attempts += other.ft_attempts;
        self.ft_makes += other.ft_makes;
        self.assists += other.assists;
        self.offensive_rebounds += other.offensive_rebounds;
        self.defensive_rebounds += other.defensive_rebounds;
        self.steals += other.steals;
        self.turnovers += other.turnovers;
        self.fouls += other.fouls;
    }

    /// Shots and trips to the line, in hundredths.
    fn shooting_100(&self) -> i64 {
        100 * self.fg_attempts() + 44 * self.ft_attempts
    }

    /// Possessions of a team, in hundredths.
    pub fn possessions_100(&self) -> i64 {
        self.shooting_100() + 100 * (self.turnovers - self.offensive_rebounds)
    }

    /// Points per 100 possessions of a team, in hundredths.
    pub fn rating_100(&self) -> i64 {
        ratio(self.points() * 1_000_000, self.possessions_100()).unwrap_or(0)
    }

    /// Percent of the team's plays that a player ended while on the floor, in hundredths.
    pub fn usage_100(&self, team: &Self) -> Option<i64> {
        let plays = |stats: &Self| stats.shooting_100() + 100 * stats.turnovers;
        ratio(10_000 * plays(self) * team.minutes, 5 * self.minutes * plays(team))
    }

    /// In thousandths; `None` without a shot.
    pub fn true_shooting_1000(&self) -> Option<i64> {
        ratio(self.points() * 100_000, 2 * self.shooting_100())
    }

    /// In thousandths; `None` without a shot.
    pub fn effective_shooting_1000(&self) -> Option<i64> {
        ratio(1000 * (2 * self.fg_makes() + self.makes[2]), 2 * self.fg_attempts())
    }
}

/// Rounded half away from zero; `None` for a denominator of 0.
pub(super) fn ratio(numerator: i64, denominator: i64) -> Option<i64> {
    (denominator != 0).then(|| divide_half_away(numerator.into(), denominator.into()) as i64)
}
