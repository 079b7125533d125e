//! Games: who plays, for how long, and a box score whose parts add up.

use chrono::NaiveDate;

use super::draws::Draws;
use super::league::{League, Player, PlayerNo};
use super::schedule::Fixture;
use super::stats::Stats;
use super::teams::{self, Team};

/// Places in a rotation and their minutes; the last ones share what is left.
const ROTATION_MINUTES: [i64; 11] = [36, 34, 32, 30, 27, 23, 20, 16, 12, 6, 4];
const TEAM_MINUTES: i64 = 240;
const STARTERS: usize = 5;
/// With fewer healthy players, the injured play.
const FEWEST_PLAYERS: usize = 8;

/// Why a player is or is not in the box score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Started,
    CameIn,
    /// Healthy, and stayed on the bench.
    Benched,
    Injured,
}

impl Part {
    pub fn is_on_floor(self) -> bool {
        matches!(self, Self::Started | Self::CameIn)
    }
}

/// A player of one of the two rosters in one game.
#[derive(Debug, Clone)]
pub(super) struct Appearance {
    pub player: PlayerNo,
    pub copy: usize,
    /// 0 home, 1 away.
    pub side: usize,
    /// Place on the roster, the best player first.
    pub rank: usize,
    pub part: Part,
    pub stats: Stats,
}

/// A finished game. Team figures are those of copy 0 of the league.
#[derive(Debug)]
pub(super) struct Game {
    pub fixture: Fixture,
    /// `YYYYMMDD_AWAY_HOME`.
    pub id: String,
    pub appearances: Vec<Appearance>,
    /// By copy of the league: home and away.
    totals: Vec<[Stats; 2]>,
}

impl Game {
    pub fn play(seed: u64, league: &League, fixture: Fixture) -> Self {
        let tempo = Tempo::of(seed, &fixture);
        let mut appearances = Vec::new();
        let mut totals = Vec::with_capacity(league.copies());
        for copy in 0..league.copies() {
            let mut draws = Draws::of(seed, "game", &[fixture.key(), copy as u64]);
            let mut sides = [fixture.home, fixture.away]
                .map(|team| line_up(&mut draws, league, league.roster(copy, team), fixture.date));
            play_copy(&mut draws, league, &mut sides, &tempo);
            totals.push(sides.each_ref().map(|side| Stats::total(side.iter().map(|player| &player.stats))));
            for (side, players) in sides.into_iter().enumerate() {
                appearances.extend(players.into_iter().map(|player| Appearance { copy, side, ..player }));
            }
        }
        let id = game_id(&fixture);
        Self { fixture, id, appearances, totals }
    }

    pub fn team(&self, side: usize) -> Team {
        [self.fixture.home, self.fixture.away][side]
    }

    pub fn total(&self, side: usize) -> &Stats {
        &self.totals[0][side]
    }

    /// Of the team in the copy of the league in which a player plays.
    pub fn total_around(&self, appearance: &Appearance) -> &Stats {
        &self.totals[appearance.copy][appearance.side]
    }

    /// Points of a side less those of the other.
    pub fn margin(&self, side: usize) -> i64 {
        self.total(side).points() - self.total(1 - side).points()
    }

    pub fn winner(&self) -> Team {
        self.team(usize::from(self.margin(0) < 0))
    }

    /// Possessions of an average side, in tenths.
    pub fn pace_10(&self) -> i64 {
        (self.total(0).possessions_100() + self.total(1).possessions_100()) / 20
    }
}

/// `YYYYMMDD_AWAY_HOME`, the id of Phase 3 and 4.
pub(super) fn game_id(fixture: &Fixture) -> String {
    format!("{}_{}_{}", fixture.date.format("%Y%m%d"), teams::code(fixture.away), teams::code(fixture.home))
}

/// Pace of a game and, by side and zone, by how many per mille its defence lowers accuracy.
struct Tempo {
    possessions: i64,
    defence: [[i64; 3]; 2],
}

impl Tempo {
    fn of(seed: u64, fixture: &Fixture) -> Self {
        let season = fixture.season.start_year() as u64;
        let mut game = Draws::of(seed, "tempo", &[fixture.key()]);
        let mut possessions = 2 * game.between(97, 104);
        let defence = [fixture.home, fixture.away].map(|team| {
            let mut traits = Draws::of(seed, "team", &[season, team as u64]);
            possessions += traits.between(-4, 4);
            let overall = traits.between(-15, 15);
            std::array::from_fn(|_| overall + traits.between(-25, 25))
        });
        Self { possessions: possessions / 2, defence }
    }
}

/// A roster with everybody's part and minutes; copy and side are not known here.
fn line_up(draws: &mut Draws, league: &League, roster: &[PlayerNo], date: NaiveDate) -> Vec<Appearance> {
    let is_out = |player: &PlayerNo| league.is_out(*player, date);
    let healthy = roster.iter().filter(|player| !is_out(player)).count();
    let mut men = if healthy < FEWEST_PLAYERS { 0 } else { draws.between(9, ROTATION_MINUTES.len() as i64) as usize };
    men = men.clamp(FEWEST_PLAYERS, healthy.max(FEWEST_PLAYERS));
    let mut place = 0;
    let mut appearances = Vec::with_capacity(roster.len());
    for (rank, &player) in roster.iter().enumerate() {
        let can_play = healthy < FEWEST_PLAYERS || !is_out(&player);
        let part = match can_play {
            true if place < STARTERS => Part::Started,
            true if place < men => Part::CameIn,
            true => Part::Benched,
            false => Part::Injured,
        };
        let mut stats = Stats::default();
        if part.is_on_floor() {
            // A weight until `share_minutes`.
            stats.minutes = ROTATION_MINUTES[place] * draws.between(82, 118);
            place += 1;
        }
        appearances.push(Appearance { player, copy: 0, side: 0, rank, part, stats });
    }
    share_minutes(&mut appearances);
    appearances
}

/// Turns weights into whole minutes, at least one each, that add up to five men's game.
fn share_minutes(appearances: &mut [Appearance]) {
    let mut weight_left: i64 = appearances.iter().map(|player| player.stats.minutes).sum();
    let mut minutes_left = TEAM_MINUTES;
    for player in appearances.iter_mut().rev().filter(|player| player.part.is_on_floor()) {
        let weight = player.stats.minutes;
        let minutes = ((minutes_left * weight + weight_left / 2) / weight_left).max(1);
        player.stats.minutes = minutes;
        weight_left -= weight;
        minutes_left -= minutes;
    }
}

fn play_copy(draws: &mut Draws, league: &League, sides: &mut [Vec<Appearance>; 2], tempo: &Tempo) {
    for side in 0..2 {
        let [home, away] = sides;
        let (attack, defence) = if side == 0 { (home, away) } else { (away, home) };
        // Half of what a home court is worth.
        let court = if side == 0 { 6 } else { -6 };
        let hindrance = tempo.defence[1 - side].map(|less| less - court);
        Possessions { draws: &mut *draws, players: &league.players, attack, defence, hindrance }
            .play(tempo.possessions);
    }
    break_tie(sides);
}

/// There is no overtime: the home side makes one more free throw.
fn break_tie(sides: &mut [Vec<Appearance>; 2]) {
    let [home, away] = sides.each_ref().map(|side| Stats::total(side.iter().map(|player| &player.stats)).points());
    if home == away
        && let Some(shooter) = sides[0].iter_mut().find(|player| player.part.is_on_floor())
    {
        shooter.stats.ft_attempts += 1;
        shooter.stats.ft_makes += 1;
    }
}

/// One side with the ball.
struct Possessions<'a> {
    draws: &'a mut Draws,
    players: &'a [Player],
    attack: &'a mut [Appearance],
    defence: &'a mut [Appearance],
    hindrance: [i64; 3],
}

impl Possessions<'_> {
    fn play(&mut self, possessions: i64) {
        let usage = weights(self.attack, |no| self.players[no].usage);
        let turnovers = self.draws.between(9, 17);
        let trips = self.draws.between(8, 14);
        let second_chances = self.draws.between(6, 14);
        let shots = possessions - turnovers - trips + second_chances;
        let missed: i64 = (0..shots).map(|_| i64::from(!self.shoot(&usage))).sum();
        for _ in 0..trips {
            self.draw_foul(&usage, 2);
        }
        for _ in 0..turnovers {
            self.turn_over(&usage);
        }
        self.rebound(missed, second_chances.min(missed));
    }

    /// Whether it went in.
    fn shoot(&mut self, usage: &[i64]) -> bool {
        let shooter = self.draws.weighted(usage);
        let player = &self.players[self.attack[shooter].player];
        let zone = self.draws.weighted(&player.shot_mix);
        let made = self.draws.per_mille(player.accuracy[zone] - self.hindrance[zone]);
        let stats = &mut self.attack[shooter].stats;
        stats.attempts[zone] += 1;
        stats.makes[zone] += i64::from(made);
        match made {
            true => self.assist(shooter, zone),
            false => self.block(zone),
        }
        if made && zone < 2 && self.draws.per_mille(40) {
            self.attack[shooter].stats.and_ones += 1;
            self.foul(shooter, 1);
        }
        made
    }

    fn assist(&mut self, shooter: usize, zone: usize) {
        const ASSISTED: [i64; 3] = [560, 450, 830];
        if self.draws.per_mille(ASSISTED[zone]) {
            let mut passers = weights(self.attack, |no| self.players[no].passing);
            passers[shooter] = 0;
            let passer = self.draws.weighted(&passers);
            self.attack[passer].stats.assists += 1;
            self.attack[shooter].stats.assisted_makes += 1;
        }
    }

    fn block(&mut self, zone: usize) {
        const BLOCKED: [i64; 3] = [190, 60, 15];
        if self.draws.per_mille(BLOCKED[zone]) {
            let blocker = self.draws.weighted(&weights(self.defence, |no| self.players[no].rebounding));
            self.defence[blocker].stats.blocks[zone] += 1;
        }
    }

    fn draw_foul(&mut self, usage: &[i64], throws: i64) {
        let shooter = self.draws.weighted(usage);
        self.foul(shooter, throws);
    }

    fn foul(&mut self, shooter: usize, throws: i64) {
        let accuracy = self.players[self.attack[shooter].player].free_throw_accuracy;
        for _ in 0..throws {
            self.attack[shooter].stats.ft_attempts += 1;
            self.attack[shooter].stats.ft_makes += i64::from(self.draws.per_mille(accuracy));
        }
        let culprit = self.draws.weighted(&weights(self.defence, |_| 1));
        self.defence[culprit].stats.fouls += 1;
    }

    fn turn_over(&mut self, usage: &[i64]) {
        let loser = self.draws.weighted(usage);
        self.attack[loser].stats.turnovers += 1;
        if self.draws.per_mille(550) {
            let thief = self.draws.weighted(&weights(self.defence, |_| 1));
            self.defence[thief].stats.steals += 1;
        }
    }

    fn rebound(&mut self, missed: i64, offensive: i64) {
        let attack = weights(self.attack, |no| self.players[no].rebounding);
        for _ in 0..offensive {
            self.attack[self.draws.weighted(&attack)].stats.offensive_rebounds += 1;
        }
        let defence = weights(self.defence, |no| self.players[no].rebounding);
        for _ in offensive..missed {
            self.defence[self.draws.weighted(&defence)].stats.defensive_rebounds += 1;
        }
    }
}

/// A talent times the minutes in which it shows.
fn weights(side: &[Appearance], talent: impl Fn(PlayerNo) -> i64) -> Vec<i64> {
    side.iter().map(|appearance| appearance.stats.minutes * talent(appearance.player)).collect()
}
