//! Play-in and playoffs, day by day as the results come in. Series are best of three.

use chrono::{Days, NaiveDate};

use super::schedule::{Fixture, Kind, last_regular_day};
use super::teams::{Team, conferences};
use crate::calendar::Season;

const SERIES_WINS: usize = 2;
/// Days from the first game of a round to that of the next.
const ROUND_DAYS: u64 = 7;

/// Plays the postseason through `play`, which returns the winners of a day's games or `None` when
/// the schedule is cut; so does this.
pub(super) fn play(
    season: Season,
    opening_night: NaiveDate,
    wins: &[usize],
    play: &mut dyn FnMut(Vec<Fixture>) -> Option<Vec<Team>>,
) -> Option<()> {
    let seeds = conferences().map(|mut teams| {
        teams.sort_by_key(|&team| (std::cmp::Reverse(wins[team]), team));
        teams
    });
    let mut postseason = Postseason { season, regular_end: last_regular_day(opening_night), play };
    let brackets = postseason.play_in(&seeds)?;
    postseason.playoffs(brackets)
}

/// A game of the postseason.
struct Matchup {
    number: u64,
    home: Team,
    away: Team,
}

impl Matchup {
    fn of(number: u64, (home, away): (Team, Team)) -> Self {
        Self { number, home, away }
    }
}

struct Postseason<'a> {
    season: Season,
    regular_end: NaiveDate,
    play: &'a mut dyn FnMut(Vec<Fixture>) -> Option<Vec<Team>>,
}

impl Postseason<'_> {
    /// Tuesday to Friday after the regular season: places 7 to 10 play for seeds 7 and 8. Returns
    /// each conference in the order of its first-round bracket.
    fn play_in(&mut self, seeds: &[[Team; 15]; 2]) -> Option<[Vec<Team>; 2]> {
        let mut seventh = Vec::new();
        let mut deciders = Vec::new();
        for (conference, places) in seeds.iter().enumerate() {
            let pairs = [(places[6], places[7]), (places[8], places[9])];
            let first = 2 * conference as u64 + 1;
            let matchups = [Matchup::of(first, pairs[0]), Matchup::of(first + 1, pairs[1])];
            let winners = self.day(2 + conference as u64, Kind::PlayIn, &matchups)?;
            seventh.push(winners[0]);
            deciders.push((pairs[0].0 + pairs[0].1 - winners[0], winners[1]));
        }
        let deciders: Vec<Matchup> = (5..).zip(deciders).map(|(number, pair)| Matchup::of(number, pair)).collect();
        let eighth = self.day(5, Kind::PlayIn, &deciders)?;
        let bracket = |conference: usize| {
            let places = &seeds[conference];
            let (first, eighth) = (&places[..6], eighth[conference]);
            vec![first[0], eighth, first[3], first[4], first[1], seventh[conference], first[2], first[5]]
        };
        Some([bracket(0), bracket(1)])
    }

    fn playoffs(&mut self, mut brackets: [Vec<Team>; 2]) -> Option<()> {
        for round in 1..=3 {
            let [east, west] = brackets;
            let first_day = 6 + (round - 1) * ROUND_DAYS;
            brackets = self.round(round, first_day, [east, west])?;
        }
        let finalists = brackets.concat();
        self.round(4, 6 + 3 * ROUND_DAYS, [finalists, Vec::new()])?;
        Some(())
    }

    /// Neighbours in a bracket meet every other day, the West a day after the East.
    fn round(&mut self, round: u64, first_day: u64, brackets: [Vec<Team>; 2]) -> Option<[Vec<Team>; 2]> {
        let mut wins = brackets.each_ref().map(|bracket| vec![0; bracket.len()]);
        for game in 1..=2 * SERIES_WINS as u64 - 1 {
            for (side, bracket) in brackets.iter().enumerate() {
                let is_open = |pair: &usize| wins[side][2 * pair].max(wins[side][2 * pair + 1]) < SERIES_WINS;
                let open: Vec<usize> = (0..bracket.len() / 2).filter(is_open).collect();
                let matchup = |&pair: &usize| {
                    let (better, worse) = (bracket[2 * pair], bracket[2 * pair + 1]);
                    let number = round * 100 + (pair + side * bracket.len() / 2) as u64 * 10 + game;
                    Matchup::of(number, if game == 2 { (worse, better) } else { (better, worse) })
                };
                let matchups: Vec<Matchup> = open.iter().map(matchup).collect();
                let day = first_day + 2 * (game - 1) + side as u64;
                for (pair, winner) in open.iter().zip(self.day(day, Kind::Playoffs(round), &matchups)?) {
                    wins[side][2 * pair + usize::from(winner != bracket[2 * pair])] += 1;
                }
            }
        }
        Some([0, 1].map(|side| {
            let bracket = brackets[side].iter().zip(&wins[side]);
            bracket.filter(|(_, wins)| **wins == SERIES_WINS).map(|(&team, _)| team).collect()
        }))
    }

    /// One day's games; days are counted from the end of the regular season.
    fn day(&mut self, day: u64, kind: Kind, matchups: &[Matchup]) -> Option<Vec<Team>> {
        let (season, date) = (self.season, self.regular_end + Days::new(day));
        let fixture = |&Matchup { number, home, away }: &Matchup| Fixture { season, kind, number, date, home, away };
        (self.play)(matchups.iter().map(fixture).collect())
    }
}
