use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int64Type};

use super::*;
use crate::calendar::{DateRanges, ymd};
use crate::catalog::Role;
use crate::compute::{ComputeRequest, DailyCache, compute};
use crate::engine::EngineSettings;
use crate::processors::{ProcessorId, RunContext};
use crate::progress::Silent;
use crate::store::{DateState, Owner, Store, WriteLock};
use crate::sync::SyncRequest;
use crate::warehouse::dir::DirWarehouse;
use crate::windows::WindowEnd;

/// The first ten weeks.
fn short() -> SeasonSpec {
    SeasonSpec { last_day: Some(ymd(2023, 12, 31)), ..SeasonSpec::default() }
}

/// A generated table by column names.
struct Rows(RecordBatch);

impl Rows {
    fn of(tables: &[(Table, RecordBatch)], table: Table) -> Self {
        Self(tables.iter().find(|(name, _)| *name == table).unwrap().1.clone())
    }

    fn column(&self, name: &str) -> &dyn Array {
        self.0.column_by_name(name).unwrap()
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.column(name).as_string::<i32>().iter().map(Option::unwrap_or_default)
    }

    fn ints(&self, name: &str) -> impl Iterator<Item = Option<i64>> {
        self.column(name).as_primitive::<Int64Type>().iter()
    }

    fn days(&self, name: &str) -> impl Iterator<Item = i32> {
        self.column(name).as_primitive::<Date32Type>().values().iter().copied()
    }

    fn nulls(&self, name: &str) -> usize {
        self.column(name).null_count()
    }

    fn repeats<T: Ord>(keys: impl Iterator<Item = T>) -> usize {
        let keys: Vec<T> = keys.collect();
        keys.len() - keys.into_iter().collect::<BTreeSet<_>>().len()
    }
}

#[test]
fn every_input_table_has_rows_and_its_schema() {
    let tables = generate(&short()).unwrap();
    let is_made = |table: &Table| table.role() == Role::Input || *table == Table::PlayerBoxScores;
    let inputs: Vec<Table> = Table::ALL.into_iter().filter(is_made).collect();
    assert!(tables.iter().map(|(table, _)| *table).eq(inputs));
    for (table, batch) in &tables {
        assert_eq!(&batch.schema(), table.schema().arrow(), "{table}");
        assert!(batch.num_rows() > 0, "{table}");
    }
}

#[test]
fn the_seed_decides_everything() {
    let tables = generate(&short()).unwrap();
    assert_eq!(tables, generate(&short()).unwrap());
    let other = generate(&SeasonSpec { seed: 2, ..short() }).unwrap();
    assert!(tables.iter().zip(&other).all(|(one, two)| one != two));
}

#[test]
fn a_shorter_schedule_gives_the_first_days_of_a_longer_one() {
    let shorter = generate(&SeasonSpec { last_day: Some(ymd(2023, 11, 20)), ..short() }).unwrap();
    for ((table, long), (_, short)) in generate(&short()).unwrap().into_iter().zip(shorter) {
        if table != Table::Schedule {
            assert_eq!(long.slice(0, short.num_rows()), short, "{table}");
        }
    }
}

#[test]
fn the_parts_of_a_box_score_add_up() {
    let rows = Rows::of(&generate(&short()).unwrap(), Table::PlayerGameSummary);
    let columns = [
        "points",
        "fg_makes",
        "three_pt_makes",
        "ft_makes",
        "fg_attempts",
        "paint_attempts",
        "mid_range_attempts",
        "three_pt_attempts",
        "assisted_fg_makes",
        "unassisted_fg_makes",
    ];
    let columns = columns.map(|name| rows.ints(name).collect::<Vec<_>>());
    for row in 0..rows.0.num_rows() {
        let [points, makes, threes, free, attempts, paint, mid, three, assisted, unassisted] =
            columns.each_ref().map(|column| column[row]);
        let Some(makes) = makes else { continue };
        if let Some(points) = points {
            assert_eq!(points, 2 * makes + threes.unwrap() + free.unwrap());
        }
        if let Some(paint) = paint {
            assert_eq!(attempts, Some(paint + mid.unwrap() + three.unwrap()));
            assert_eq!(makes, assisted.unwrap() + unassisted.unwrap());
        }
    }
}

#[test]
fn teams_score_what_their_players_score() {
    let tables = generate(&short()).unwrap();
    let [players, offense, defense] =
        [Table::PlayerGameSummary, Table::TeamOffenseGameSummary, Table::TeamDefenseGameSummary]
            .map(|table| Rows::of(&tables, table));
    let points_of: BTreeMap<(&str, &str, &str), Option<i64>> = players
        .texts("game_id")
        .zip(players.texts("team_abbr"))
        .zip(players.texts("player_lookup"))
        .zip(players.ints("points").zip(players.texts("player_status")))
        .filter(|(_, (_, status))| *status == "active")
        .map(|(((game, team), player), (points, _))| ((game, team, player), points))
        .collect();
    // `None` where the points of a player are NULL.
    let mut sums: BTreeMap<(&str, &str), Option<i64>> = BTreeMap::new();
    for ((game, team, _), points) in points_of {
        let sum = sums.entry((game, team)).or_insert(Some(0));
        *sum = sum.zip(points).map(|(sum, points)| sum + points);
    }
    let allowed: BTreeMap<(&str, &str), i64> = defense
        .texts("game_id")
        .zip(defense.texts("opponent_team_abbr"))
        .zip(defense.ints("points_allowed").map(Option::unwrap))
        .collect();
    let scored: Vec<i64> = offense.ints("points_scored").map(Option::unwrap).collect();
    for (side, &points) in offense.texts("game_id").zip(offense.texts("team_abbr")).zip(&scored) {
        assert_eq!(allowed[&side], points, "{side:?}");
        assert_eq!(sums[&side].unwrap_or(points), points, "{side:?}");
    }
    let mean = scored.iter().sum::<i64>() / scored.len() as i64;
    assert!((105..=120).contains(&mean), "{mean}");
}

#[test]
fn a_season_has_its_games_and_its_flaws() {
    let tables = generate(&SeasonSpec::default()).unwrap();
    let games = Rows::of(&tables, Table::PlayerGameSummary);
    let defense = Rows::of(&tables, Table::TeamDefenseGameSummary);
    for column in ["minutes_played", "points", "usage_rate", "paint_attempts", "universal_player_id"] {
        assert!(games.nulls(column) > 0, "{column}");
    }
    assert!((5..30).contains(&Rows::repeats(games.texts("game_id").zip(games.texts("player_lookup")))));
    assert!((1..8).contains(&Rows::repeats(defense.texts("game_id").zip(defense.texts("defending_team_abbr")))));
    assert!(defense.nulls("defensive_rating") > 0 && defense.nulls("opp_paint_attempts") > 0);

    let players: BTreeSet<&str> = games.texts("player_lookup").collect();
    assert_eq!(players.len(), 450);
    let stints: BTreeSet<(&str, &str)> = games.texts("player_lookup").zip(games.texts("team_abbr")).collect();
    assert_eq!(stints.len(), 450 + 12, "six swaps of two players");
    let names: BTreeSet<&str> = games.texts("player_full_name").collect();
    assert!(names.iter().any(|name| name.ends_with("Jr.")) && names.iter().any(|name| name.contains('\'')));

    let contexts = Rows::of(&tables, Table::UpcomingPlayerGameContext);
    let count = |rows: &Rows| {
        rows.days("game_date").fold(BTreeMap::<i32, usize>::new(), |mut days, day| {
            *days.entry(day).or_default() += 1;
            days
        })
    };
    let (played, expected) = (count(&games), count(&contexts));
    let share = |day| expected.get(day).map_or(0, |rows| rows * 100 / played[day]);
    assert_eq!(played.keys().filter(|day| share(day) == 0).count(), 2);
    assert_eq!(played.keys().filter(|day| (1..90).contains(&share(day))).count(), 2);
}

#[test]
fn the_schedule_goes_to_the_finals_and_has_rows_that_are_no_games() {
    let tables = generate(&SeasonSpec::default()).unwrap();
    let schedule = Rows::of(&tables, Table::Schedule);
    let ids: BTreeSet<&str> = schedule.texts("game_id").collect();
    assert_eq!(ids.len(), schedule.0.num_rows());
    let count = |start: &str| ids.iter().filter(|id| id.starts_with(start)).count();
    assert_eq!([count("001"), count("002"), count("003"), count("005")], [2, 1233, 1, 6]);
    assert!((30..=45).contains(&count("00423")));
    assert_eq!(schedule.ints("game_status").filter(|status| *status != Some(3)).count(), 3);
    let finals = schedule.texts("playoff_round").filter(|round| *round == "nba_finals").count();
    assert!((2..=3).contains(&finals));
}

#[test]
fn copies_of_the_league_multiply_players_only() {
    let (one, three) = (generate(&short()).unwrap(), generate(&SeasonSpec { scale: 3, ..short() }).unwrap());
    for ((table, one), (_, three)) in one.iter().zip(&three) {
        let times = three.num_rows() as f64 / one.num_rows() as f64;
        match table {
            Table::PlayerGameSummary
            | Table::UpcomingPlayerGameContext
            | Table::PlayerPointsProps
            | Table::PlayerBoxScores => {
                assert!((2.8..3.2).contains(&times), "{table} {times}");
            }
            _ => assert_eq!(one, three, "{table}"),
        }
    }
}

#[test]
fn seasons_share_most_of_their_players() {
    let spec = SeasonSpec {
        seasons: vec![Season::starting_in(2022), Season::starting_in(2023)],
        last_day: Some(ymd(2023, 11, 30)),
        ..SeasonSpec::default()
    };
    let games = Rows::of(&generate(&spec).unwrap(), Table::PlayerGameSummary);
    let mut seasons: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
    for (season, player) in games.ints("season_year").map(Option::unwrap).zip(games.texts("player_lookup")) {
        seasons.entry(season).or_default().insert(player);
    }
    let stayed = seasons[&2022].intersection(&seasons[&2023]).count();
    assert!((350..440).contains(&stayed), "{stayed}");
}

#[test]
fn a_league_that_cannot_be_made_is_refused() {
    let season = |year| Season::starting_in(year);
    let specs = [
        SeasonSpec { seasons: Vec::new(), ..SeasonSpec::default() },
        SeasonSpec { seasons: vec![season(2021), season(2023)], ..SeasonSpec::default() },
        SeasonSpec { players_per_team: 5, ..SeasonSpec::default() },
        SeasonSpec { scale: 0, ..SeasonSpec::default() },
        SeasonSpec { last_day: Some(ymd(2023, 10, 1)), ..SeasonSpec::default() },
    ];
    for spec in specs {
        assert_eq!(generate(&spec).unwrap_err().kind(), ErrorKind::Usage, "{spec:?}");
    }
    let unknown = SeasonSpec { seasons: vec![season(1990)], ..SeasonSpec::default() };
    assert_eq!(generate(&unknown).unwrap_err().kind(), ErrorKind::UnknownSeason);
}

#[test]
fn a_season_can_be_synced_and_computed() {
    let temp = tempfile::tempdir().unwrap();
    let spec = SeasonSpec::default();
    write_warehouse(&spec, &temp.path().join("warehouse")).unwrap();
    let source = DirWarehouse::open(&temp.path().join("warehouse")).unwrap();
    let store = Store::at(temp.path().join("store"));
    let owner = Owner { pid: 1, host: "host".to_owned(), command: "test".to_owned() };
    let lock = WriteLock::acquire(&store, &owner).unwrap();
    let ranges: DateRanges = [spec.seasons[0].range()].into_iter().collect();
    let synced =
        crate::sync::sync(&source, &lock, &SyncRequest::new(ranges.clone(), ymd(2026, 1, 1)), &Silent).unwrap();
    assert!(synced.tables.iter().all(|table| table.notes.is_empty()));
    let request = ComputeRequest {
        ranges,
        daily_cache: DailyCache::Computed,
        processors: crate::processors::ProcessorId::ALL.to_vec(),
        force: false,
        engine: EngineSettings { threads: 2, memory_limit: None, temp_dir: temp.path().join("spill") },
        context: RunContext {
            timestamp: chrono::DateTime::UNIX_EPOCH,
            windows: WindowEnd::default(),
            quarantine: false,
        },
    };
    let report = compute(&lock, &request, &Silent).unwrap();
    assert!(report.dates.len() > 160);
    let phase4 = store.phase4().unwrap();
    for processor in ProcessorId::ALL {
        let states = report.dates.iter().map(|&date| (date, &phase4.record(processor, date).unwrap().state));
        let states: Vec<(NaiveDate, &DateState)> = states.collect();
        let done = states.iter().filter(|(_, state)| **state == DateState::Done).count();
        assert!(done > 130, "{processor:?} {done}");
        let failed: Vec<_> = states.iter().filter(|(_, state)| matches!(state, DateState::Failed { .. })).collect();
        assert!(failed.is_empty(), "{processor:?} {failed:?}");
    }
}
