//! Plays the seasons day by day and keeps what the tables are made from.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::SeasonSpec;
use super::context::{PlayerContext, Preview, TeamContext};
use super::draws::Draws;
use super::flaws::GameFlaws;
use super::games::Game;
use super::history::History;
use super::league::{League, Player, trade_day, year_key};
use super::lines::{self, Line};
use super::postseason;
use super::schedule::{Fixture, Kind, all_star_day, regular_season};
use super::teams::{self, Team};
use crate::calendar::{Season, SeasonCalendar};
use crate::catalog::TEAMS;
use crate::error::Result;

/// Everything that happened.
pub(super) struct Record {
    pub players: Vec<Player>,
    pub games: Vec<Game>,
    /// By game.
    pub flaws: Vec<GameFlaws>,
    pub player_contexts: Vec<PlayerContext>,
    pub team_contexts: Vec<TeamContext>,
    pub lines: Vec<Line>,
    pub other_entries: Vec<OtherEntry>,
}

/// A row of the schedule that is no game of the season: preseason, All-Star, postponed.
pub(super) struct OtherEntry {
    pub season: Season,
    pub kind: Kind,
    pub number: u64,
    pub date: NaiveDate,
    pub is_final: bool,
    pub home: Side,
    pub away: Side,
}

/// A team, or what stands in a team's place.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub id: i64,
    pub code: &'static str,
    pub name: &'static str,
}

impl Side {
    pub fn of(team: Team) -> Self {
        Self { id: teams::league_id(team), code: teams::code(team), name: teams::name(team) }
    }
}

/// Plays every season of `spec` up to its last day.
pub(super) fn play(spec: &SeasonSpec) -> Result<Record> {
    let calendar = SeasonCalendar::built_in();
    let mut league = League::found(spec);
    let mut play = Play { spec, record: Record::new() };
    for (index, &season) in spec.seasons.iter().enumerate() {
        let opening_night = calendar.opening_night(season)?;
        if index > 0 {
            league.turn_over(season);
        }
        league.open_season(season, opening_night);
        play.season(&mut league, season, opening_night);
    }
    Ok(Record { players: league.players, ..play.record })
}

impl Record {
    fn new() -> Self {
        Self {
            players: Vec::new(),
            games: Vec::new(),
            flaws: Vec::new(),
            player_contexts: Vec::new(),
            team_contexts: Vec::new(),
            lines: Vec::new(),
            other_entries: Vec::new(),
        }
    }
}

/// What lies before a day of a season.
#[derive(Default)]
struct SeasonSoFar {
    history: History,
    game_days: usize,
}

struct Play<'a> {
    spec: &'a SeasonSpec,
    record: Record,
}

impl Play<'_> {
    /// Returns `None` when the schedule was cut.
    fn season(&mut self, league: &mut League, season: Season, opening_night: NaiveDate) -> Option<()> {
        let mut days: BTreeMap<NaiveDate, Vec<Fixture>> = BTreeMap::new();
        for fixture in regular_season(self.spec.seed, season, opening_night) {
            days.entry(fixture.date).or_default().push(fixture);
        }
        self.other_entries(season, opening_night, &days);
        let mut past = SeasonSoFar::default();
        let mut traded = false;
        for (date, fixtures) in days {
            if !traded && date >= trade_day(season) {
                league.trade(season);
                traded = true;
            }
            self.day(league, &mut past, fixtures)?;
        }
        let wins = past.history.wins();
        postseason::play(season, opening_night, &wins, &mut |fixtures| self.day(league, &mut past, fixtures))
    }

    /// The winners; `None` after the last day.
    fn day(&mut self, league: &League, past: &mut SeasonSoFar, fixtures: Vec<Fixture>) -> Option<Vec<Team>> {
        if fixtures.iter().any(|fixture| self.is_cut(fixture.date)) {
            return None;
        }
        let seed = self.spec.seed;
        let record = &mut self.record;
        let SeasonSoFar { history, game_days } = past;
        let first = record.games.len();
        for fixture in fixtures {
            let index = record.games.len();
            let game = Game::play(seed, league, fixture);
            let flaws = GameFlaws::of(seed, &game);
            let preview = Preview { seed, league, history, game_day: *game_days, game: &game, index };
            record.player_contexts.extend(preview.players(&flaws));
            record.team_contexts.extend(preview.teams());
            record.lines.extend(lines::of_game(&preview));
            record.games.push(game);
            record.flaws.push(flaws);
        }
        record.games[first..].iter().for_each(|game| history.record(game));
        *game_days += 1;
        Some(record.games[first..].iter().map(Game::winner).collect())
    }

    fn is_cut(&self, date: NaiveDate) -> bool {
        self.spec.last_day.is_some_and(|last| date > last)
    }

    fn other_entries(&mut self, season: Season, opening_night: NaiveDate, days: &BTreeMap<NaiveDate, Vec<Fixture>>) {
        let mut draws = Draws::of(self.spec.seed, "other entries", &[year_key(season)]);
        let mut team = || Side::of(draws.below(TEAMS.len() as u64) as Team);
        let dates: Vec<NaiveDate> = days.keys().copied().collect();
        let entry =
            |kind, number, date, home, away| OtherEntry { season, kind, number, date, is_final: true, home, away };
        let mut entries = vec![
            entry(Kind::Preseason, 1, opening_night - Days::new(14), team(), GUEST),
            entry(Kind::Preseason, 2, opening_night - Days::new(10), Side::of(0), Side::of(1)),
            entry(Kind::AllStar, 1, all_star_day(season), EAST, WEST),
        ];
        // Postponed, and not yet given a new date.
        for (number, day) in [(1231, 30), (1232, 65), (1233, 100)] {
            let (home, away) = (Side::of(number as Team % 30), Side::of((number as Team + 7) % 30));
            entries.push(OtherEntry { is_final: false, ..entry(Kind::Regular, number, dates[day], home, away) });
        }
        entries.retain(|entry| !self.is_cut(entry.date));
        self.record.other_entries.extend(entries);
    }
}

/// Codes outside the 30 that the schedule has (`orchestration.md` §2), with made-up ids.
const GUEST: Side = Side { id: 12_300, code: "RMD", name: "Guests" };
const EAST: Side = Side { id: 12_301, code: "EST", name: "East" };
const WEST: Side = Side { id: 12_302, code: "WST", name: "West" };
