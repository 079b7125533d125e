//! Corners of the reference that no golden has: values too large for their column, players without opponent.

use putback::catalog::Table;
use putback::processors::ProcessorId;
use putback::store::{DateState, FailureKind};

use crate::support::backfill::Backfill;
use crate::support::direct;
use crate::support::rows::{Row, Value, assert_columns, row, the_row};
use crate::support::tables::{Tables, date};

const DATE: &str = "2024-01-15";

/// Ten games of a player, the last on the date, with so many makes on so many attempts in the paint in each.
fn shooter(player: &str, makes: i64, attempts: i64) -> impl Iterator<Item = Row> {
    (6..=15).map(move |day| {
        row! {
            player_lookup: player, game_date: format!("2024-01-{day:02}"), is_active: true, minutes_played: 30.0,
            season_year: 2023, points: 20, fg_makes: 5, fg_attempts: 9, paint_makes: makes, paint_attempts: attempts,
            mid_range_makes: 0, mid_range_attempts: 0, three_pt_makes: 0, three_pt_attempts: 0,
        }
    })
}

fn computed(games: impl Iterator<Item = Row>) -> Backfill {
    Backfill::of(Tables::default().with(Table::PlayerGameSummary, games), date(DATE))
}

#[test]
fn a_value_too_large_for_its_column_loses_the_date_of_psza_and_is_reported() {
    let backfill = computed(shooter("good", 3, 6).chain(shooter("bad", 10, 1)).chain(shooter("worse", 101, 1)));
    // A pct of 10.0 is odd, and NUMERIC(5,3) holds it.
    assert_eq!(backfill.rows(Table::PlayerShotZoneAnalysis), Vec::<Row>::new());
    let reason =
        "worse: paint_pct_last_10 is 101.0, too large for NUMERIC(5,3); as in the reference, the date has no rows";
    assert_eq!(
        backfill.state(ProcessorId::Psza, date(DATE)),
        DateState::Failed { reason: reason.to_owned(), kind: FailureKind::Overflow }
    );
    let failures = backfill.rows(Table::PrecomputeFailures);
    let of_psza = row! { processor_name: "PlayerShotZoneAnalysisProcessor" };
    assert_columns(
        the_row(&failures, &of_psza),
        &row! {
            analysis_date: DATE, entity_id: "DATE_LEVEL", failure_category: "NUMERIC_OVERFLOW", failure_reason: reason,
            can_retry: false,
        },
    );
}

#[test]
fn quarantine_keeps_the_other_players_of_psza() {
    let games = shooter("good", 3, 6).chain(shooter("worse", 101, 1));
    let tables = Tables::default().with(Table::PlayerGameSummary, games);
    let backfill = Backfill::quarantining(tables, date(DATE));
    assert_eq!(backfill.state(ProcessorId::Psza, date(DATE)), DateState::Done);
    let rows = backfill.rows(Table::PlayerShotZoneAnalysis);
    assert_eq!(rows.len(), 1);
    assert_columns(&rows[0], &row! { player_lookup: "good" });
    let failures = backfill.rows(Table::PrecomputeFailures);
    let of_psza = row! { processor_name: "PlayerShotZoneAnalysisProcessor" };
    assert_columns(
        the_row(&failures, &of_psza),
        &row! {
            analysis_date: DATE, entity_id: "worse", failure_category: "NUMERIC_OVERFLOW",
            failure_reason: "paint_pct_last_10 is 101.0, too large for NUMERIC(5,3)", can_retry: false,
        },
    );
}

#[test]
fn pcf_and_mlfs_go_on_without_the_rows_that_psza_lost() {
    let backfill = computed(shooter("good", 3, 6).chain(shooter("worse", 101, 1)));
    for (id, table) in [(ProcessorId::Pcf, Table::PlayerCompositeFactors), (ProcessorId::Mlfs, Table::MlFeatureStore)] {
        assert_eq!(backfill.state(id, date(DATE)), DateState::Done);
        let rows = backfill.rows(table);
        assert_eq!(rows.len(), 2, "{id}");
        if id == ProcessorId::Pcf {
            assert_columns(
                &rows[0],
                &row! { missing_data_fields: "projected_usage_rate, pace_differential, player_shot_zone, team_defense_zone" },
            );
        }
    }
}

#[test]
fn the_columns_of_psza_overflow_from_the_first_value_that_does_not_fit() {
    // NUMERIC(4,1) holds 999.9 attempts a game, NUMERIC(5,3) a pct of 99.999.
    for (makes, attempts, fits) in [(0, 999, true), (0, 1000, false), (99, 1, true), (100, 1, false), (-100, 1, false)]
    {
        let backfill = computed(shooter("edge", makes, attempts));
        let rows = backfill.rows(Table::PlayerShotZoneAnalysis);
        assert_eq!(rows.len(), usize::from(fits), "{makes}/{attempts}");
    }
}

#[test]
fn a_player_without_opponent_takes_the_fallback_line_and_no_games() {
    const DAY: &str = "2022-01-15";
    let game = |day: &str, opponent: &str, points: i64| {
        row! {
            player_lookup: "nobody", game_date: day, game_id: format!("{}_BOS_LAL", day.replace('-', "")),
            team_abbr: "BOS", opponent_team_abbr: opponent, season_year: 2021, points: points, minutes_played: 30,
        }
    };
    let earlier = [game("2022-01-11", "", 10), game("2022-01-13", "LAL", 20)];
    let features = |opponent: &str| {
        let games = earlier.iter().cloned().chain([game(DAY, opponent, 30)]);
        let tables = Tables::default().with(Table::PlayerGameSummary, games);
        let output = direct::run(ProcessorId::Mlfs, date(DAY), &tables);
        let Value::List(features) = output.rows[0]["features"].clone() else { panic!("no features") };
        [features[29].clone(), features[30].clone()]
    };
    assert_eq!(features(""), [Value::Num(15.0), Value::Num(0.0)]);
    assert_eq!(features("LAL"), [Value::Num(20.0), Value::Num(1.0)]);
}

#[test]
fn the_text_of_a_circuit_breaker_keeps_its_microseconds() {
    for (until, text) in [
        ("2100-01-01 12:34:56", "2100-01-01 12:34:56+00:00"),
        ("2100-01-01 12:34:56.789", "2100-01-01 12:34:56.789000+00:00"),
        ("2100-01-01 12:34:56.000001", "2100-01-01 12:34:56.000001+00:00"),
    ] {
        let context = row! { player_lookup: "blocked", game_date: DATE };
        let attempt = row! {
            processor_name: "player_composite_factors", entity_id: "blocked", analysis_date: DATE, attempt_number: 1,
            circuit_breaker_tripped: true, circuit_breaker_until: until,
        };
        let tables = Tables::default()
            .with(Table::UpcomingPlayerGameContext, [context])
            .with(Table::ReprocessAttempts, [attempt]);
        let output = direct::run(ProcessorId::Pcf, date(DATE), &tables);
        assert_eq!(output.failures[0].reason, format!("Circuit breaker active until {text}"));
    }
}
