//! Where the features of a row came from, told by the functions that score.

use super::history::{ReadSums, SeasonSums};
use super::score::{self, DEFAULTS, ENOUGH_GAMES, FEATURE_NAMES, FeatureInputs, FeatureVector, Label};
use crate::catalog::Table;
use crate::processors::explained::Steps;
use crate::processors::overflow::NumericColumn;

/// What a feature vector was computed from.
pub struct Behind<'a> {
    pub inputs: &'a FeatureInputs<'a>,
    pub sums: &'a ReadSums,
    /// Betting lines, and those with an opening line.
    pub lines: usize,
    pub openings: usize,
}

/// Value, source, label, weight and rule of each feature.
pub fn features(vector: &FeatureVector, behind: &Behind<'_>) -> Steps {
    let source = |index: usize| Some(behind.source(index, vector.labels[index]));
    Steps::default()
        .int("#", (0..33).map(Some))
        .text("feature", FEATURE_NAMES.map(Some))
        .f64("value", vector.stored().map(Some))
        .text("source", (0..33).map(source))
        .text("label", vector.labels.map(|label| Some(label.name())))
        .int("weight", vector.labels.map(|label| Some(i64::from(label.weight()))))
        .text("rule", (0..33).map(|index| Some(rule(index))))
}

/// The rule that a feature follows, with its default.
fn rule(index: usize) -> String {
    let default = DEFAULTS[index];
    match index {
        0 => format!("§3.2: daily cache, {ENOUGH_GAMES} recent games, {default}"),
        1 => format!("§3.2: daily cache, recent games, {default}"),
        2 => format!("§3.2: daily cache, season, {default}"),
        3 | 4 | 22 | 23 => format!("§3.2: daily cache, {default}"),
        5..=8 => format!("§3.2: composite factors, {default}"),
        11 => "§3.3: games 4 and 5 against 1 to 3".to_owned(),
        12 => "§3.3: daily cache or recent games against the season".to_owned(),
        13 | 14 => format!("§3.2: TDZA, {default}"),
        15 | 16 => "§3.2: 1 if true".to_owned(),
        17 => "§3.2: 1 if playoffs".to_owned(),
        18 | 20 => format!("§2.5, §3.2: PSZA, daily cache if there is no PSZA row, {default}"),
        19 => format!("§3.2: PSZA, {default}"),
        25 | 26 => format!("§3.4: lines, daily cache, season, {default}"),
        27 | 28 => "§3.4".to_owned(),
        29 => "§3.5".to_owned(),
        30 => "§2.2, §3.5".to_owned(),
        31 | 32 => format!("§3.6: 30 days, {default}").replace("30", &super::history::MONTH_DAYS.to_string()),
        _ => "§3.3".to_owned(),
    }
}

impl Behind<'_> {
    fn source(&self, index: usize, label: Label) -> String {
        match index {
            0..=8 | 22 | 23 => self.performance(index, label),
            9 => self.rest(),
            10 => self.of_context(|context| {
                context.player_status.map_or_else(|| "status NULL: 0".to_owned(), |status| format!("status {status}"))
            }),
            11 => self.trend(),
            12 => self.minutes(),
            13 => self.defense(index, label, |defense| defense.rating),
            14 => self.defense(index, label, |defense| defense.pace),
            15 => self.of_context(|context| format!("home_game {}", or_null(context.home_game))),
            16 => self.of_context(|context| format!("back_to_back {}", or_null(context.back_to_back))),
            17 => self.of_context(|context| format!("season_phase {}", or_null(context.season_phase))),
            18..=20 => self.zone(index, label),
            21 => self.free_throws(),
            24 => format!("always {}: team games are never loaded", DEFAULTS[index]),
            25..=28 => self.line(index, label),
            29 | 30 => self.opponent(index),
            _ => self.month(index, label),
        }
    }

    fn points(&self, games: std::ops::Range<usize>) -> i64 {
        let recent = &self.inputs.recent;
        score::points(&recent[games.start.min(recent.len())..games.end.min(recent.len())])
    }

    fn performance(&self, index: usize, label: Label) -> String {
        let games = self.inputs.recent.len();
        let SeasonSums { points, points_games, .. } = self.sums.season;
        match (label, index) {
            (Label::Phase4, 5..=8) => "composite factors".to_owned(),
            (Label::Phase4, _) => "daily cache".to_owned(),
            (Label::Phase3, 0) => format!("{} points / {ENOUGH_GAMES} games", self.points(0..ENOUGH_GAMES)),
            (Label::Phase3, 1) => format!("{} points / {games} games", self.points(0..games)),
            (Label::Phase3, _) if points_games > 0 => format!("{points} points / {points_games} games of the season"),
            (Label::Phase3, _) => "season without points: NaN stored as 0".to_owned(),
            (_, 0) => format!("{}, as there are {games} games", DEFAULTS[index]),
            _ => DEFAULTS[index].to_string(),
        }
    }

    fn of_context(&self, told: impl Fn(&score::GameContext<'_>) -> String) -> String {
        self.inputs.context.as_ref().map_or_else(|| "no context: 0".to_owned(), told)
    }

    fn rest(&self) -> String {
        self.of_context(|context| match (context.days_rest, context.opponent_days_rest) {
            (None, _) => "own days of rest NULL: 0".to_owned(),
            (_, None) => "opponent's days of rest NULL: 0".to_owned(),
            (Some(own), Some(other)) => format!("{own} - {other} days of rest, within 2"),
        })
    }

    fn trend(&self) -> String {
        match self.inputs.recent.len() {
            ENOUGH_GAMES.. => {
                format!("{} points / 2 - {} points / 3, in steps", self.points(3..5), self.points(0..3))
            }
            games => format!("{games} games, fewer than {ENOUGH_GAMES}: 0"),
        }
    }

    fn minutes(&self) -> String {
        let games = self.inputs.recent.len();
        let tenths: i64 = self.inputs.recent.iter().map(|game| game.minutes_10.unwrap_or(0)).sum();
        let cached = self.inputs.cache.and_then(|cache| cache.minutes_avg_last_10);
        let digits = NumericColumn::of(Table::PlayerDailyCache, "minutes_avg_last_10").numeric.scale as usize;
        let recent = match cached {
            Some(mean) => format!("daily cache {mean:.digits$}"),
            None if games > 0 => format!("{} minutes / {games} games", minutes(tenths)),
            None => "0".to_owned(),
        };
        let SeasonSums { minutes_10, minutes_games, .. } = self.sums.season;
        let season = match minutes_games {
            1.. => format!("{} minutes / {minutes_games} games of the season", minutes(minutes_10)),
            _ => "0".to_owned(),
        };
        let is_nothing = cached.unwrap_or(tenths as f64) == 0.0 || minutes_10 == 0;
        format!("{recent} against {season}{}", if is_nothing { ": 0" } else { ", in steps" })
    }

    fn defense(&self, index: usize, label: Label, value: impl Fn(&score::OpponentDefense) -> Option<f64>) -> String {
        match self.inputs.defense.as_ref().and_then(value) {
            _ if label != Label::Phase4 => DEFAULTS[index].to_string(),
            Some(value) if value.is_nan() => "opponent's TDZA row: NULL stored as 0".to_owned(),
            _ => "opponent's TDZA row".to_owned(),
        }
    }

    fn zone(&self, index: usize, label: Label) -> String {
        match (self.inputs.zones.is_some(), label == Label::Phase4) {
            (true, true) => "PSZA row / 100".to_owned(),
            (true, false) => format!("NULL in the PSZA row: {} / 100", DEFAULTS[index]),
            (false, true) => "no PSZA row: daily cache / 100".to_owned(),
            (false, false) => format!("{} / 100", DEFAULTS[index]),
        }
    }

    fn free_throws(&self) -> String {
        let recent = &self.inputs.recent;
        let (games, points, default) = (recent.len(), self.points(0..recent.len()), DEFAULTS[21]);
        let makes: i64 = recent.iter().map(|game| game.ft_makes.unwrap_or(0)).sum();
        match (games < ENOUGH_GAMES, points) {
            (true, _) => format!("{games} games, fewer than {ENOUGH_GAMES}: {default}"),
            (false, 0) => format!("no points: {default}"),
            (false, _) => format!("{makes} free throws / {points} points, within 0 and 0.5"),
        }
    }

    /// What stands in for a line.
    fn no_line(&self) -> String {
        let SeasonSums { points, points_games, .. } = self.sums.season;
        match (&self.inputs.cache, &self.inputs.season) {
            (Some(_), _) => "no line: season mean of the daily cache".to_owned(),
            (None, Some(_)) if points_games > 0 => {
                format!("no line: {points} points / {points_games} games of the season")
            }
            (None, Some(_)) => "no line: season without points, NaN stored as 0".to_owned(),
            (None, None) => format!("no line, no game of the season: {}", DEFAULTS[25]),
        }
    }

    fn line(&self, index: usize, label: Label) -> String {
        let has_line = label == Label::Vegas;
        let is_opening_0 = self.inputs.line.is_some_and(|line| line.opening == 0.0);
        match index {
            25 if has_line => format!("mean of {} lines", self.lines),
            28 if has_line => "there is a line".to_owned(),
            26 | 27 if has_line && self.openings == 0 => "lines without opening: NaN stored as 0".to_owned(),
            26 if has_line => format!("mean of {} opening lines", self.openings),
            27 if has_line && is_opening_0 => "opening is 0: line minus itself".to_owned(),
            27 if has_line => "line minus opening line".to_owned(),
            25 | 26 => self.no_line(),
            _ => "no line: 0".to_owned(),
        }
    }

    fn opponent(&self, index: usize) -> String {
        let ReadSums { against_points: points, against_with_points: with_points, against_games: games, .. } =
            *self.sums;
        match (index, self.inputs.against.is_some()) {
            (29, false) => format!("no opponent; {}", self.no_line()),
            (29, true) if with_points > 0 => format!("{points} points / {with_points} games"),
            (29, true) if games > 0 => "games without points: NaN stored as 0".to_owned(),
            (29, true) => "no game: NaN stored as 0".to_owned(),
            (_, false) => "no opponent: 0".to_owned(),
            (_, true) if self.sums.repeats > 1 => {
                format!("{games} games x {} joined rows of the date", self.sums.repeats)
            }
            (_, true) => format!("{games} games"),
        }
    }

    fn month(&self, index: usize, label: Label) -> String {
        let ReadSums { month_games: games, month_with_points: with_points, month_minutes_10, .. } = *self.sums;
        let default = DEFAULTS[index];
        match (index, label) {
            (_, Label::Fallback) => format!("no game: {default}"),
            (31, _) => format!("{} minutes / {games} games", minutes(month_minutes_10)),
            _ if with_points == 0 => format!("games without points: {default}"),
            _ => format!("mean of points / minutes of {with_points} games"),
        }
    }
}

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// Tenths of minutes as the columns have them.
fn minutes(tenths: i64) -> String {
    format!("{:.1}", tenths as f64 / 10.0)
}
