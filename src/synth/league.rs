//! Players, rosters, injuries and trades.

use std::collections::HashSet;

use chrono::{Days, NaiveDate};

use super::SeasonSpec;
use super::draws::Draws;
use super::names::{Name, new_name};
use super::teams::Team;
use crate::calendar::{Season, ymd};
use crate::catalog::TEAMS;

/// Players are numbered in the order in which they enter the league; they keep their number.
pub(super) type PlayerNo = usize;

/// Who a player is and how he plays. Rates are per mille.
pub(super) struct Player {
    pub name: Name,
    /// From a registry that does not know everybody.
    pub universal_id: Option<String>,
    pub birth_year: i32,
    pub position: &'static str,
    /// Of his shots, by zone: paint, mid-range, three.
    pub shot_mix: [i64; 3],
    pub accuracy: [i64; 3],
    pub free_throw_accuracy: i64,
    /// Weight among the players on the floor when a shot is taken.
    pub usage: i64,
    pub passing: i64,
    pub rebounding: i64,
}

struct Archetype {
    position: &'static str,
    shot_mix: [i64; 3],
    accuracy: [i64; 3],
    free_throw_accuracy: i64,
    passing: i64,
    rebounding: i64,
}

/// Paint, mid-range and three-point heavy, and balanced.
const ARCHETYPES: [Archetype; 4] = [
    Archetype {
        position: "C",
        shot_mix: [640, 220, 140],
        accuracy: [610, 420, 330],
        free_throw_accuracy: 650,
        passing: 60,
        rebounding: 260,
    },
    Archetype {
        position: "F",
        shot_mix: [280, 440, 280],
        accuracy: [560, 440, 350],
        free_throw_accuracy: 790,
        passing: 100,
        rebounding: 150,
    },
    Archetype {
        position: "G",
        shot_mix: [170, 160, 670],
        accuracy: [540, 400, 380],
        free_throw_accuracy: 830,
        passing: 180,
        rebounding: 80,
    },
    Archetype {
        position: "G-F",
        shot_mix: [370, 260, 370],
        accuracy: [570, 420, 360],
        free_throw_accuracy: 770,
        passing: 140,
        rebounding: 120,
    },
];

/// The players of all seasons and the rosters of the day.
pub(super) struct League {
    seed: u64,
    pub players: Vec<Player>,
    /// By copy of the league and team; the best player first.
    rosters: Vec<[Vec<PlayerNo>; TEAMS.len()]>,
    /// By player: when he is out this season, both days included.
    absences: Vec<Vec<(NaiveDate, NaiveDate)>>,
    names: HashSet<String>,
}

impl League {
    pub fn found(spec: &SeasonSpec) -> Self {
        let rosters = vec![[const { Vec::new() }; TEAMS.len()]; spec.scale];
        let mut league =
            Self { seed: spec.seed, players: Vec::new(), rosters, absences: Vec::new(), names: HashSet::new() };
        for copy in 0..spec.scale {
            for team in 0..TEAMS.len() {
                for rank in 0..spec.players_per_team {
                    let player = league.sign(spec.seasons[0], rank);
                    league.rosters[copy][team].push(player);
                }
            }
        }
        league
    }

    pub fn copies(&self) -> usize {
        self.rosters.len()
    }

    pub fn roster(&self, copy: usize, team: Team) -> &[PlayerNo] {
        &self.rosters[copy][team]
    }

    pub fn is_out(&self, player: PlayerNo, date: NaiveDate) -> bool {
        self.absences[player].iter().any(|&(from, to)| (from..=to).contains(&date))
    }

    /// One in eight players makes room for a rookie.
    pub fn turn_over(&mut self, season: Season) {
        let mut draws = Draws::of(self.seed, "turnover", &[year_key(season)]);
        for copy in 0..self.rosters.len() {
            for team in 0..TEAMS.len() {
                for rank in 0..self.rosters[copy][team].len() {
                    if draws.one_in(8) {
                        self.rosters[copy][team][rank] = self.sign(season, rank);
                    }
                }
            }
        }
    }

    /// Injuries of the season, and the players who join it late.
    pub fn open_season(&mut self, season: Season, opening_night: NaiveDate) {
        for (player, absences) in self.absences.iter_mut().enumerate() {
            let mut draws = Draws::of(self.seed, "absences", &[year_key(season), player as u64]);
            absences.clear();
            if draws.one_in(60) {
                absences.push((opening_night, opening_night + Days::new(55 + draws.below(20))));
            }
            for _ in 0..draws.weighted(&[40, 42, 18]) {
                let from = opening_night + Days::new(draws.below(200));
                let length = if draws.one_in(6) { 30 + draws.below(60) } else { 3 + draws.below(18) };
                absences.push((from, from + Days::new(length)));
            }
        }
    }

    /// Six swaps in each copy of the league; returns who changed teams.
    pub fn trade(&mut self, season: Season) {
        const SWAPS: usize = 6;
        for (copy, rosters) in self.rosters.iter_mut().enumerate() {
            let mut draws = Draws::of(self.seed, "trades", &[year_key(season), copy as u64]);
            let mut teams: Vec<Team> = (0..TEAMS.len()).collect();
            draws.shuffle(&mut teams);
            for pair in teams.chunks_exact(2).take(SWAPS) {
                let rank = draws.between(1, 7) as usize;
                let (from, to) = (rosters[pair[0]][rank], rosters[pair[1]][rank]);
                rosters[pair[0]][rank] = to;
                rosters[pair[1]][rank] = from;
            }
        }
    }

    fn sign(&mut self, season: Season, rank: usize) -> PlayerNo {
        let number = self.players.len();
        let mut draws = Draws::of(self.seed, "player", &[number as u64]);
        let name = new_name(&mut draws, &mut self.names);
        self.players.push(new_player(&mut draws, name, season, rank));
        self.absences.push(Vec::new());
        number
    }
}

/// After the trade deadline: the first day with the new rosters.
pub(super) fn trade_day(season: Season) -> NaiveDate {
    ymd(season.start_year() + 1, 2, 9)
}

pub(super) fn year_key(season: Season) -> u64 {
    season.start_year() as u64
}

fn new_player(draws: &mut Draws, name: Name, season: Season, rank: usize) -> Player {
    let archetype = &ARCHETYPES[draws.weighted(&[25, 20, 27, 28])];
    let universal_id = (!draws.one_in(90)).then(|| format!("{}_001", name.lookup));
    let star = 8 - (rank as i64).min(8);
    Player {
        name,
        universal_id,
        birth_year: season.start_year() - draws.between(19, 36) as i32,
        position: archetype.position,
        shot_mix: archetype.shot_mix.map(|share| share + draws.between(-70, 70)),
        accuracy: archetype.accuracy.map(|rate| rate + draws.between(-30, 30) + 2 * star),
        free_throw_accuracy: archetype.free_throw_accuracy + draws.between(-60, 60),
        usage: 100 + 12 * star + draws.between(-25, 25),
        passing: archetype.passing + 8 * star + draws.between(0, 60),
        rebounding: archetype.rebounding + draws.between(-40, 60),
    }
}
