//! Incidents of the inputs.

use insta::assert_snapshot;
use putback::catalog::Table;

use super::{
    CONTEXTS, DEFENSE, GAMES, LINES, always, edit, on_december_1, published, published_features, run, seeded, session,
    story,
};
use crate::fixture::{Desk, RANGE};

#[test]
fn a_clean_season_has_no_errors() {
    let desk = Desk::computed();
    assert_eq!(desk.run(&["check"], &RANGE).code, 0);
    let validated = desk.run(&["validate"], &RANGE);
    assert_eq!(validated.code, 0, "{}", validated.stdout);
    assert!(validated.stdout.contains("Unaccounted"), "{}", validated.stdout);
}

#[test]
fn row_1_zone_columns_of_the_defense_are_null() {
    let desk = seeded(
        DEFENSE,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN NULL ELSE opp_paint_attempts END AS opp_paint_attempts, CASE WHEN game_date = DATE '2023-12-01' THEN NULL ELSE opp_mid_range_attempts END AS opp_mid_range_attempts) FROM team_defense_game_summary",
    );
    assert_snapshot!(story(&desk, &["I15", "T2w", "T2c"]), @"
    check: exit status 4
      error I15:
        2023-12-01: 18: ATL, BOS, CHA
        consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it
    run: exit status 4
      preflight error: I15 failed on 1 date, 2023-12-01; rule: zone columns are filled: each is NULL or 0 in less than 50 % of a date's rows; consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it
      note: not published: zones missing upstream (I15): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails T2c
      note: `putback validate` explains; `--accept I15` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I15:
        2023-12-01: 18: ATL, BOS, CHA
        consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it
      warning T2w:
        2023-11-20 to 2023-12-10 (20 dates): 312, on 2023-12-04: 425 of 450 games
      error T2c:
        2023-12-01: 18: ATL, BOS, CHA
        follows from I15
    2023, 32 of 46 game dates: partial
      check I15 fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I15; mend them upstream and sync, or accept them: `putback upload --accept I15` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
    let accepted = desk.run(&["upload", "--to", "dir:published", "--accept", "I15", "--accept", "T2c"], &RANGE);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert_ne!(published_features(&desk), 0);
}

/// Before the range: the date itself is not computed, but windows hold it.
#[test]
fn row_1_zone_columns_were_null_before_the_range() {
    let desk = seeded(
        DEFENSE,
        "SELECT * REPLACE (CASE WHEN game_date < DATE '2023-11-06' THEN 0 ELSE opp_paint_attempts END AS opp_paint_attempts) FROM team_defense_game_summary",
    );
    assert_snapshot!(story(&desk, &["I15", "T2w", "T2c", "T11"]), @"
    check: exit status 4
      error I15:
        2023-10-24 to 2023-11-05 (13 dates): 186, on 2023-11-03: ATL, CHA, CHI
        consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it
    run: exit status 4
      preflight error: I15 failed on 13 dates, 2023-10-24 to 2023-11-05; rule: zone columns are filled: each is NULL or 0 in less than 50 % of a date's rows; consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it; also fails I8m
      note: not published: zones missing upstream (I15): 13 dates, 2023-10-24 to 2023-11-05; holds back 30 dates, 2023-11-08 to 2023-12-08, 5 tables, 16,170 rows; also fails I8m, T2c
      note: `putback validate` explains; `--accept I15` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I15:
        2023-10-24 to 2023-11-05 (13 dates): 186, on 2023-11-03: ATL, CHA, CHI
        consequence: TDZA of the date and of each team's next 15 games is contaminated, and so are PCF and MLFS after it
      warning T2w:
        2023-11-20 to 2023-12-10 (20 dates): 1,849, on 2023-11-20: 211 of 402 games
      error T2c:
        2023-10-24 to 2023-11-05 (13 dates): 186, on 2023-11-03: ATL, CHA, CHI
        follows from I15
      T11 ok
    2023, 32 of 46 game dates: partial
      check I15 fails on 30 dates: 2023-11-08 to 2023-12-08

    next: `putback validate --from 2023-11-08 --until 2023-12-08` shows the faulty rows of I15; mend them upstream and sync, or accept them: `putback upload --accept I15` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_2_zones_of_players_are_null() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (NULL::BIGINT AS paint_attempts, NULL::BIGINT AS paint_makes, NULL::BIGINT AS mid_range_attempts, NULL::BIGINT AS mid_range_makes) FROM player_game_summary",
    );
    // Three-point rates of 100: found in the outputs, and held back from the target.
    assert_snapshot!(story(&desk, &["I9z", "P9c", "P12"]), @"
    check: exit status 0
      warning I9z:
        2023-10-24 to 2023-12-10 (46 dates): 5,896, on 2023-10-25: 20231025_CHA_ATL, 20231025_CHI_HOU, 20231025_CLE_ORL
        consequence: paint rates are too low and three-point rates too high, as NULL counts as no attempt
    run: exit status 4
      note: not published: contaminated games in the windows of PSZA (P9c): 46 dates, 2023-10-24 to 2023-12-10; holds back 32 dates, 2023-11-08 to 2023-12-10, 5 tables, 17,281 rows; also fails P12
      note: `putback validate` explains; `--accept P9c` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error P9c:
        2023-10-24 to 2023-12-10 (46 dates): 698, on 2023-12-08: BKN, CHA, CHI
      error P12:
        2023-11-11 to 2023-12-10 (29 dates): 6,861, on 2023-12-10: aldocorvovic, aldodunara, aldoingby
        follows from P9c
    2023, 32 of 46 game dates: partial
      check P9c fails on 32 dates: 2023-11-08 to 2023-12-10

    next: `putback validate --from 2023-11-08 --until 2023-12-10` shows the faulty rows of P9c; mend them upstream and sync, or accept them: `putback upload --accept P9c` for one run, a [[waiver]] in putback.toml until it expires
    ");
    let accepted = desk.run(&["upload", "--to", "dir:published", "--accept", "P12", "--accept", "P9c"], &RANGE);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
}

/// Players whose zones do not sum to their shots are named.
#[test]
fn row_2_zones_exceed_the_shots() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "paint_attempts", "fg_attempts + 2"));
    assert_snapshot!(story(&desk, &["I8"]), @"
    check: exit status 4
      warning I8:
        2023-12-01: 153: aldodunara 20231201_NYK_CHA, aldoingund 20231201_PHX_POR, aldoulvoviciii 20231201_CHI_MIL
        consequence: the player's shot zones are unreliable
    run: exit status 4
      preflight error: I8o failed on 1 date, 2023-12-01; rule: paint, mid-range and three-point attempts are at most 105 % of a date's field-goal attempts; consequence: shots are in two zones, or a column is another: PSZA's rates are wrong for 20 games
      note: not published: zones that exceed the shots (I8o): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I8o` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
    2023, 32 of 46 game dates: partial
      check I8o fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I8o; mend them upstream and sync, or accept them: `putback upload --accept I8o` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_3_play_by_play_of_one_game_is_missing() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_id = (SELECT min(game_id) FROM player_game_summary WHERE game_date = DATE '2023-12-01') THEN NULL ELSE paint_attempts END AS paint_attempts) FROM player_game_summary",
    );
    assert_snapshot!(story(&desk, &["I9g", "P9w"]), @"
    check: exit status 0
      warning I9g:
        2023-11-11 to 2023-11-12 (2 dates): 2, on 2023-11-12: 20231112_MIA_BKN
        2023-12-01: 1: 20231201_BOS_TOR
        consequence: the game counts without paint and mid-range attempts: three-point rates of its players are too high
    run: exit status 0
    validate: exit status 0
      warning P9w:
        2023-11-12 to 2023-11-19 (8 dates): 32, on 2023-11-19: 382 of 386 games
        2023-12-01 to 2023-12-07 (7 dates): 42, on 2023-12-07: 593 of 599 games
    2023, 32 of 46 game dates: complete
    ");
    let rows = published(
        &desk,
        "SELECT count(*) FROM player_shot_zone_analysis WHERE analysis_date = DATE '2023-12-01'",
        Table::PlayerShotZoneAnalysis,
    );
    assert!(rows.parse::<u64>().expect("a number") > 200, "{rows}");
}

#[test]
fn row_4_teams_are_missing_from_a_date() {
    let desk = seeded(
        DEFENSE,
        "SELECT * FROM team_defense_game_summary WHERE game_date <> DATE '2023-12-01' OR defending_team_abbr < 'C'",
    );
    assert_snapshot!(story(&desk, &["I16d", "T2m"]), @"
    check: exit status 4
      error I16d:
        2023-12-01: 16: CHA, CHI, CLE
        consequence: windows of the missing teams lack the game
    run: exit status 4
      preflight error: I16d failed on 1 date, 2023-12-01; rule: both teams of every scheduled game have a row; consequence: windows of the missing teams lack the game
      note: not published: teams missing upstream (I16d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails T2m
      note: `putback validate` explains; `--accept I16d` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I16d:
        2023-12-01: 16: CHA, CHI, CLE
        consequence: windows of the missing teams lack the game
      error T2m:
        2023-12-01: 16: CHA, CHI, CLE
        follows from I16d
    2023, 32 of 46 game dates: partial
      check I16d fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I16d; mend them upstream and sync, or accept them: `putback upload --accept I16d` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

#[test]
fn row_5_contexts_cover_one_player() {
    let desk = seeded(
        CONTEXTS,
        "SELECT * FROM upcoming_player_game_context WHERE game_date <> DATE '2023-12-01' OR player_lookup = (SELECT min(player_lookup) FROM upcoming_player_game_context WHERE game_date = DATE '2023-12-01')",
    );
    assert_snapshot!(story(&desk, &["I19", "C14s", "C1"]), @"
    check: exit status 0
      warning I19:
        2023-11-12: 0: 0 of 138
        2023-11-21: 70: 70 of 102
        2023-12-01: 1: 1 of 155
        2023-12-05: 0: 0 of 102
        consequence: below 90 % PCF uses a synthetic context for the whole date: fatigue comes from past games, pace is 0.0, projected usage and age are defaults. In MLFS, features 9 (rest advantage), 10 (injury risk), 15 (home), 16 (back-to-back) and 17 (playoffs) are defaults for players without a context. PDC has no row for them, unless the date has no context at all
    run: exit status 0
    validate: exit status 0
      info C14s:
        2023-11-12: 138: synthetic context, mean completeness 28
        2023-11-21: 102: synthetic context, mean completeness 51
        2023-12-01: 155: synthetic context, mean completeness 60
        2023-12-05: 102: synthetic context, mean completeness 60
      C1 ok
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_6_contexts_were_deleted() {
    let desk = seeded(CONTEXTS, "SELECT * FROM upcoming_player_game_context WHERE game_date > DATE '2023-12-05'");
    // PCF covers every player all the same.
    assert_snapshot!(story(&desk, &["I19", "C14s", "C1"]), @"
    check: exit status 0
      warning I19:
        2023-11-08 to 2023-12-05 (27 dates): 0, on 2023-12-05: 0 of 102
        consequence: below 90 % PCF uses a synthetic context for the whole date: fatigue comes from past games, pace is 0.0, projected usage and age are defaults. In MLFS, features 9 (rest advantage), 10 (injury risk), 15 (home), 16 (back-to-back) and 17 (playoffs) are defaults for players without a context. PDC has no row for them, unless the date has no context at all
    run: exit status 0
    validate: exit status 0
      info C14s:
        2023-11-08 to 2023-12-05 (27 dates): 3,627, on 2023-11-24: synthetic context, mean completeness 55
      C1 ok
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_7_the_roster_is_who_played() {
    let desk = seeded(CONTEXTS, "SELECT * FROM upcoming_player_game_context WHERE hash(player_lookup) % 20 > 0");
    assert_snapshot!(story(&desk, &["I19", "M5", "A7"]), @"
    check: exit status 0
      warning I19:
        2023-11-12: 0: 0 of 138
        2023-11-21: 66: 66 of 102
        2023-12-05: 0: 0 of 102
        consequence: below 90 % PCF uses a synthetic context for the whole date: fatigue comes from past games, pace is 0.0, projected usage and age are defaults. In MLFS, features 9 (rest advantage), 10 (injury risk), 15 (home), 16 (back-to-back) and 17 (playoffs) are defaults for players without a context. PDC has no row for them, unless the date has no context at all
    run: exit status 0
    validate: exit status 0
      M5 ok
      A7 ok
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_8_players_are_twice_in_a_game() {
    let desk = seeded(
        GAMES,
        "SELECT * FROM player_game_summary UNION ALL (SELECT * FROM player_game_summary WHERE game_date = DATE '2023-12-01' ORDER BY game_id, player_lookup LIMIT 3)",
    );
    assert_snapshot!(story(&desk, &["I6", "M16"]), @"
    check: exit status 0
      warning I6:
        2023-12-01: 3: player_game_summary 20231201_BOS_TOR darioeskeau, player_game_summary 20231201_BOS_TOR ezrajorstrom, player_game_summary 20231201_BOS_TOR ezratarnund
        consequence: rows that are equal in all columns read: the reference counts each of them, and so does putback
    run: exit status 0
    validate: exit status 0
      M16 ok
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_9_a_player_is_on_two_teams() {
    let desk = seeded(
        GAMES,
        "SELECT * FROM player_game_summary UNION ALL (SELECT * REPLACE ('BOS' AS team_abbr, concat(game_id, 'X') AS game_id) FROM player_game_summary WHERE game_date = DATE '2023-12-01' AND team_abbr <> 'BOS' ORDER BY player_lookup LIMIT 1)",
    );
    assert_snapshot!(story(&desk, &["I13", "M16"]), @"
    check: exit status 4
      warning I13:
        2023-12-01: 1: aldodunara
        consequence: of a player's rows on a date, MLFS takes the one with the greatest game id
    run: exit status 4
      preflight error: I2 failed on 1 date, 2023-12-01; rule: both teams of each game have players; consequence: the missing team's players get no row on the date
      note: not published: players of a side missing upstream, or of a third one there (I2): 1 date, 2023-12-01; holds back 5 tables, 608 rows
      note: `putback validate` explains; `--accept I2` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      M16 ok
    2023, 32 of 46 game dates: partial
      check I2 fails on 1 date: 2023-12-01

    next: `putback validate --date 2023-12-01` shows the faulty rows of I2; mend them upstream and sync, or accept them: `putback upload --accept I2` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_12_a_usage_rate_overflows() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND player_lookup = (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01') THEN 1329.8 ELSE usage_rate END::DECIMAL(6,2) AS usage_rate) FROM player_game_summary",
    );
    // The row is named, and no output has a column for it to overflow.
    assert_snapshot!(story(&desk, &["I7"]), @"
    check: exit status 0
      warning I7:
        2023-12-01: 1: aldodunara 20231201_NYK_CHA
        consequence: windows use the value as it is; a date fails when an output does not fit its column
    run: exit status 0
    validate: exit status 0
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_13_minutes_are_null() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "minutes_played", "NULL"));
    // Rows with shots count all the same.
    assert_snapshot!(story(&desk, &["I9", "I9s", "M5"]), @"
    check: exit status 4
      warning I9:
        2023-10-26: 1: sorengargate
        2023-11-10: 2: cadensorrmore, kelanwexe
        2023-11-14: 2: darioeskeau, tavonzellard
        2023-12-01: 152: aldodunara, aldoingund, aldoulvoviciii
        2023-12-03: 1: galenkestovic
        2023-12-06 to 2023-12-07 (2 dates): 2, on 2023-12-07: ramonulvara
        consequence: averages leave out rows without minutes
      error I9s:
        2023-12-01: 152: of the season: minutes 2.8 %, points 0.1 %, field goals 0.0 %, three-pointers 0.0 %
        consequence: all season, averages leave out the rows or count them as 0
    run: exit status 4
      preflight error: I9s failed on 1 date, 2023-12-01; rule: over the season and on the date, at most 0.5 % of the active rows lack points, 1 % field-goal or three-point attempts, 1 % minutes; consequence: all season, averages leave out the rows or count them as 0
      preflight error: I9e failed on 1 date, 2023-12-01; rule: less than 50 % of the active rows have NULL or 0 minutes; the same holds for NULL points and NULL shots; consequence: the players' averages leave out the games or count them as 0
      note: not published: minutes, points or shots missing upstream (I9e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: points, shots or minutes missing all season (I9s): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: contaminated games in the windows of PSZA (P9c): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I9e --accept I9s --accept P9c` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I9s:
        2023-12-01: 152: of the season: minutes 2.8 %, points 0.1 %, field goals 0.0 %, three-pointers 0.0 %
        consequence: all season, averages leave out the rows or count them as 0
      M5 ok
    2023, 32 of 46 game dates: partial
      check I9e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I9s fails on 10 dates: 2023-12-01 to 2023-12-10
      check P9c fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I9e, I9s, P9c; mend them upstream and sync, or accept them: `putback upload --accept I9e --accept I9s --accept P9c` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_14_usage_rates_are_null() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "usage_rate", "NULL"));
    assert_snapshot!(story(&desk, &["I9u"]), @"
    check: exit status 0
      warning I9u:
        2023-12-01: 152: aldodunara, aldoingund, aldoulvoviciii
        consequence: usage scores rest on few games or are 0
    run: exit status 0
    validate: exit status 0
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_15_players_who_did_not_play_count_nowhere() {
    let desk = Desk::computed();
    let hashes = "SELECT string_agg(data_hash, '' ORDER BY player_lookup) FROM player_shot_zone_analysis WHERE analysis_date = DATE '2023-12-08'";
    let before = published(&desk, hashes, Table::PlayerShotZoneAnalysis);
    edit(
        &desk,
        GAMES,
        "SELECT * FROM player_game_summary UNION ALL (SELECT * REPLACE (false AS is_active, NULL::DECIMAL(5,1) AS minutes_played, NULL::BIGINT AS fg_attempts, concat(game_id, '_X') AS game_id) FROM player_game_summary WHERE game_date = DATE '2023-12-01')",
    );
    // Reported: games without active players, and ids that are none.
    assert_snapshot!(story(&desk, &["I3", "I29"]), @"
    check: exit status 4
      error I3:
        2023-12-01: 155: 20231201_BOS_TOR_X, 20231201_CHI_MIL_X, 20231201_DEN_PHI_X
        consequence: the game counts for no player
      warning I29:
        2023-12-01: 155: 20231201_BOS_TOR_X, 20231201_CHI_MIL_X, 20231201_DEN_PHI_X
        consequence: MLFS reads home or away from the id: is_home is wrong
    run: exit status 4
      preflight error: I3 failed on 1 date, 2023-12-01; rule: every game has active players; consequence: the game counts for no player
      note: not published: games without an active player (I3): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I3` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I3:
        2023-12-01: 155: 20231201_BOS_TOR_X, 20231201_CHI_MIL_X, 20231201_DEN_PHI_X
        consequence: the game counts for no player
    2023, 32 of 46 game dates: partial
      check I3 fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I3; mend them upstream and sync, or accept them: `putback upload --accept I3` for one run, a [[waiver]] in putback.toml until it expires
    ");
    let accepted = desk.run(&["upload", "-q", "--to", "dir:published", "--accept", "I3"], &RANGE);
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
    assert_eq!(published(&desk, hashes, Table::PlayerShotZoneAnalysis), before);
}

#[test]
fn row_16_game_ids_are_malformed() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "game_id", "concat('00223', game_id)"));
    assert_snapshot!(story(&desk, &["I29"]), @"
    check: exit status 0
      warning I29:
        2023-12-01: 155: 0022320231201_BOS_TOR, 0022320231201_CHI_MIL, 0022320231201_DEN_PHI
        consequence: MLFS reads home or away from the id: is_home is wrong
    run: exit status 0
    validate: exit status 0
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_16_game_ids_are_reversed() {
    let reversed =
        "concat_ws('_', split_part(game_id, '_', 1), split_part(game_id, '_', 3), split_part(game_id, '_', 2))";
    let desk = seeded(GAMES, &on_december_1(GAMES, "game_id", reversed));
    assert_snapshot!(story(&desk, &["I29h", "M17"]), @"
    check: exit status 4
      warning I29h:
        2023-12-01: 18: 20231201_ATL_DET, 20231201_CHA_NYK, 20231201_CLE_SAS
        consequence: MLFS reads home or away from the id: is_home is wrong
    run: exit status 4
      preflight error: I29e failed on 1 date, 2023-12-01; rule: less than 50 % of a date's rows have a game id whose last part is not the scheduled home team (I29, I29h: single games); consequence: MLFS reads home or away from the id: is_home is wrong for the date
      note: not published: game ids with home and away exchanged, or of another form (I29e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I29e` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      warning M17:
        2023-12-01: 155: aldodunara, aldoingund, aldoulvoviciii
    2023, 32 of 46 game dates: partial
      check I29e fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I29e; mend them upstream and sync, or accept them: `putback upload --accept I29e` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_17_names_of_lines_have_suffixes() {
    let desk = seeded(LINES, &on_december_1(LINES, "player_lookup", "concat(player_lookup, 'jr')"));
    assert_snapshot!(story(&desk, &["I22n", "M21"]), @"
    check: exit status 4
      info I22n:
        2023-11-14 to 2023-11-15 (2 dates): 6, on 2023-11-14: jarekeskstrom, kelanquillara, pennzellins
        2023-11-17 to 2023-11-26 (9 dates): 30, on 2023-11-22: dariothornquist, lazargareau, silaszellund
        2023-11-28 to 2023-12-10 (13 dates): 180, on 2023-12-01: aldodunarajr, aldoingundjr, aldoulvoviciiijr
        consequence: the line is not found: features 25 to 28 of MLFS are fallbacks for the player
    run: exit status 4
      preflight error: I35e failed on 1 date, 2023-12-01; rule: less than 1 % of the players of a date have another spelling in contexts, and less than 5 % in lines; consequence: contexts or lines of the players are not found: PCF and MLFS use defaults
      note: not published: names spelt otherwise in one table (I35e): 1 date, 2023-12-01; holds back 5 tables, 608 rows
      note: `putback validate` explains; `--accept I35e` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      info M21:
        2023-11-08 to 2023-11-13 (6 dates): 812, on 2023-11-10: no row has a line
    2023, 32 of 46 game dates: partial
      check I35e fails on 1 date: 2023-12-01

    next: `putback validate --date 2023-12-01` shows the faulty rows of I35e; mend them upstream and sync, or accept them: `putback upload --accept I35e` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_18_there_are_no_lines() {
    let desk = seeded(LINES, "SELECT * FROM bettingpros_player_points_props WHERE game_date > DATE '2023-12-01'");
    assert_snapshot!(story(&desk, &["I22", "M21"]), @"
    check: exit status 0
      info I22:
        2023-11-08 to 2023-12-01 (23 dates): 0, on 2023-12-01: no line at all
        consequence: without a line, features 25 to 28 of MLFS are fallbacks
    run: exit status 0
    validate: exit status 0
      info M21:
        2023-11-08 to 2023-12-01 (23 dates): 3,107, on 2023-11-24: no row has a line
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_19_games_of_the_schedule_are_missing_from_phase_3() {
    let desk = seeded(GAMES, "SELECT * FROM player_game_summary WHERE game_date < DATE '2023-12-08'");
    assert_snapshot!(story(&desk, &["I1", "A2"]), @"
    check: exit status 4
      error I1:
        2023-12-08 to 2023-12-10 (3 dates): 3, on 2023-12-10: 8 games
        consequence: PCF and MLFS fail on the date
    run: exit status 3
      preflight error: I1 failed on 3 dates, 2023-12-08 to 2023-12-10; rule: every game date has player rows; consequence: PCF and MLFS fail on the date; also fails I2g
      note: not published: player rows of whole dates missing upstream (I1): 3 dates, 2023-12-08 to 2023-12-10; holds back 4 tables, 1,321 rows; also fails A2, I2g, P9m
      note: `putback validate` explains; `--accept I1` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
      note: MLFS: 3 dates failed and not published; dir:published keeps what it has
    validate: exit status 4
      error I1:
        2023-12-08 to 2023-12-10 (3 dates): 3, on 2023-12-10: 8 games
        consequence: PCF and MLFS fail on the date
      error A2:
        2023-12-08 to 2023-12-10 (3 dates): 3, on 2023-12-10: MLFS: failed
        follows from I1
    2023, 32 of 46 game dates: partial
      MLFS failed on 3 dates: 2023-12-08 to 2023-12-10
      check I1 fails on 3 dates: 2023-12-08 to 2023-12-10

    next: `putback sync --from 2023-12-08 --until 2023-12-10; putback compute --from 2023-12-08 --until 2023-12-10` pulls the inputs once they are mended upstream, and computes the failed dates again
    next: `putback validate --from 2023-12-08 --until 2023-12-10` shows the faulty rows of I1; mend them upstream and sync, or accept them: `putback upload --accept I1` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_20_exhibition_teams() {
    let desk = seeded(
        DEFENSE,
        "SELECT * FROM team_defense_game_summary UNION ALL (SELECT * REPLACE ('RMD' AS defending_team_abbr) FROM team_defense_game_summary WHERE game_date = DATE '2023-12-01' ORDER BY defending_team_abbr LIMIT 1)",
    );
    assert_snapshot!(story(&desk, &["I28", "T15"]), @"
    check: exit status 0
      warning I28:
        2023-12-01: 1: RMD
        consequence: computations leave out rows of other teams
    run: exit status 0
    validate: exit status 0
      T15 ok
    2023, 32 of 46 game dates: complete
    ");
}

#[test]
fn row_31_one_row_is_not_a_date() {
    let desk = seeded(
        GAMES,
        "SELECT * FROM player_game_summary WHERE game_date <> DATE '2023-12-01' OR player_lookup = (SELECT min(player_lookup) FROM player_game_summary WHERE game_date = DATE '2023-12-01')",
    );
    assert_snapshot!(story(&desk, &["I2", "I2g", "P9m"]), @"
    check: exit status 4
      error I2:
        2023-12-01: 1: 20231201_NYK_CHA
        consequence: the missing team's players get no row on the date
      error I2g:
        2023-12-01: 17: ATL, BOS, CHI
        consequence: players of the missing teams get no row on the date, and their windows lack the game
    run: exit status 4
      preflight error: I2 failed on 1 date, 2023-12-01; rule: both teams of each game have players; consequence: the missing team's players get no row on the date
      preflight error: I2g failed on 1 date, 2023-12-01; rule: both teams of every scheduled game have players; consequence: players of the missing teams get no row on the date, and their windows lack the game
      preflight error: I4e failed on 1 date, 2023-12-01; rule: at most 50 % of the teams of a date have fewer than 8 active players; consequence: the date is incomplete: players get no row on it, and their windows lack the game; also fails I5e
      preflight error: I5d failed on 1 date, 2023-12-01; rule: points allowed differ from the opponent's points by more than 2 in at most 50 % of the rows; consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
      note: not published: players of a side missing upstream, or of a third one there (I2): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,510 rows
      note: not published: players of a team missing upstream (I2g): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,510 rows; also fails P9m
      note: not published: players of most teams missing upstream (I4e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,510 rows; also fails I5e
      note: not published: points allowed that are not the opponent's (I5d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,510 rows
      note: `putback validate` explains; `--accept I2 --accept I2g --accept I4e --accept I5d` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I2:
        2023-12-01: 1: 20231201_NYK_CHA
        consequence: the missing team's players get no row on the date
      error I2g:
        2023-12-01: 17: ATL, BOS, CHI
        consequence: players of the missing teams get no row on the date, and their windows lack the game
      error P9m:
        2023-12-01: 17: ATL, BOS, CHI
        follows from I2g
    2023, 32 of 46 game dates: partial
      check I2 fails on 10 dates: 2023-12-01 to 2023-12-10
      check I2g fails on 10 dates: 2023-12-01 to 2023-12-10
      check I4e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I5d fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I2, I2g, I4e, I5d; mend them upstream and sync, or accept them: `putback upload --accept I2 --accept I2g --accept I4e --accept I5d` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

#[test]
fn row_32_upstream_games_stop_and_features_would_fall_back() {
    let desk = seeded(
        DEFENSE,
        "SELECT * FROM team_defense_game_summary WHERE game_date < DATE '2023-10-01' OR game_date = DATE '2023-12-01'",
    );
    assert_snapshot!(story(&desk, &["I16d", "T1s", "M13"]), @"
    check: exit status 4
      error I16d:
        2023-11-08 to 2023-11-30 (22 dates): 340, on 2023-11-29: ATL, BOS, CHA
        2023-12-02 to 2023-12-10 (9 dates): 138, on 2023-12-08: BKN, CHA, CHI
        consequence: windows of the missing teams lack the game
    run: exit status 4
      preflight error: I16d failed on 31 dates, 2023-11-08 to 2023-11-30 (22 dates), 2023-12-02 to 2023-12-10 (9 dates); rule: both teams of every scheduled game have a row; consequence: windows of the missing teams lack the game
      preflight error: I24 failed on 14 dates, 2023-10-24 to 2023-11-06; rule: the season's look-back before the range is complete; consequence: windows that should include the missing date lack it
      note: not published: teams missing upstream (I16d): 31 dates, 2023-11-08 to 2023-12-10; holds back 32 dates, 2023-11-08 to 2023-12-10, 4 tables, 10,599 rows
      note: not published: fails: no date is empty when a team has 15 games by the schedule (T1s): 10 dates, 2023-12-01 to 2023-12-10; holds back 4 tables, 5,544 rows
      note: not published: fails: a date has at least 25 rows once every team has 15 games (T1e): 6 dates, 2023-12-05 to 2023-12-10; holds back 4 tables, 3,255 rows
      note: `putback validate` explains; `--accept I16d --accept T1e --accept T1s` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
      note: TDZA: 22 dates failed and not published; dir:published keeps what it has
      note: PCF: 22 dates failed and not published; dir:published keeps what it has
      note: MLFS: 22 dates failed and not published; dir:published keeps what it has
    validate: exit status 4
      error I16d:
        2023-11-08 to 2023-11-30 (22 dates): 340, on 2023-11-29: ATL, BOS, CHA
        2023-12-02 to 2023-12-10 (9 dates): 138, on 2023-12-08: BKN, CHA, CHI
        consequence: windows of the missing teams lack the game
      error T1s:
        2023-12-01 to 2023-12-10 (10 dates): 233, on 2023-12-10: the schedule has 26 games of a team
      warning M13:
        2023-12-05: 5: back_to_back 100 % after 1 %, home_away 100 % after 1 %, injury_risk 100 % after 1 %, playoff_game 100 % after 1 %, rest_advantage 100 % after 1 %
    2023, 32 of 46 game dates: partial
      TDZA, PCF and MLFS failed on 22 dates: 2023-11-08 to 2023-11-30
      check I16d fails on 32 dates: 2023-11-08 to 2023-12-10
      check T1e fails on 6 dates: 2023-12-05 to 2023-12-10
      check T1s fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback sync --from 2023-11-08 --until 2023-11-30; putback compute --from 2023-11-08 --until 2023-11-30` pulls the inputs once they are mended upstream, and computes the failed dates again
    next: `putback validate --from 2023-11-08 --until 2023-12-10` shows the faulty rows of I16d, T1e, T1s; mend them upstream and sync, or accept them: `putback upload --accept I16d --accept T1e --accept T1s` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_32_features_that_fall_back_at_once_are_told() {
    let desk = seeded(CONTEXTS, "SELECT * FROM upcoming_player_game_context WHERE game_date < DATE '2023-12-06'");
    assert_snapshot!(story(&desk, &["M13"]), @"
    check: exit status 4
    run: exit status 4
      preflight error: I37 failed on 6 dates, 2023-12-05 to 2023-12-10; rule: contexts and lines that most dates of 30 days have do not end more than 2 dates before the games; for example upcoming_player_game_context ends on 2023-12-04; consequence: the table was synced before it was finished: PCF and MLFS use fallbacks on the later dates
      note: not published: contexts or lines that end before the games (I37): 6 dates, 2023-12-05 to 2023-12-10; holds back 5 tables, 3,322 rows
      note: `putback validate` explains; `--accept I37` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      warning M13:
        2023-12-05 to 2023-12-10 (6 dates): 30, on 2023-12-10: back_to_back 100 % after 36 %, home_away 100 % after 36 %, injury_risk 100 % after 36 %, playoff_game 100 % after 36 %, rest_advantage 100 % after 37 %
    2023, 32 of 46 game dates: partial
      check I37 fails on 6 dates: 2023-12-05 to 2023-12-10

    next: `putback validate --from 2023-12-05 --until 2023-12-10` shows the faulty rows of I37; mend them upstream and sync, or accept them: `putback upload --accept I37` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_34_a_date_is_missing_from_the_history() {
    let desk = seeded(GAMES, "SELECT * FROM player_game_summary WHERE game_date <> DATE '2023-11-03'");
    assert_snapshot!(story(&desk, &["I24", "P9m", "M5s"]), @"
    check: exit status 4
      error I24:
        2023-11-03: 10: no player
        consequence: windows that should include the missing date lack it
    run: exit status 4
      preflight error: I24 failed on 1 date, 2023-11-03; rule: the season's look-back before the range is complete; consequence: windows that should include the missing date lack it
      note: not published: games missing in the windows of PSZA (P9m): 1 date, 2023-11-03; holds back 32 dates, 2023-11-08 to 2023-12-10, 5 tables, 17,281 rows
      note: `putback validate` explains; `--accept P9m` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error P9m:
        2023-11-03: 20: ATL, CHA, CHI
      warning M5s:
        2023-11-08 to 2023-12-10 (32 dates): 335, on 2023-12-08: 416 of 432 games
    2023, 32 of 46 game dates: partial
      check P9m fails on 32 dates: 2023-11-08 to 2023-12-10

    next: `putback validate --from 2023-11-08 --until 2023-12-10` shows the faulty rows of P9m; mend them upstream and sync, or accept them: `putback upload --accept P9m` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

/// Dates that lack so much history that nobody has enough games are not empty by rule: the schedule has them.
#[test]
fn row_34_missing_history_is_no_rule() {
    let desk = seeded(DEFENSE, "SELECT * FROM team_defense_game_summary WHERE game_date > DATE '2023-11-10'");
    assert_snapshot!(story(&desk, &["I24", "T1s"]), @"
    check: exit status 4
      error I24:
        2023-10-24 to 2023-11-06 (14 dates): 101, on 2023-11-03: no team
        consequence: windows that should include the missing date lack it
    run: exit status 4
      preflight error: I16d failed on 3 dates, 2023-11-08 to 2023-11-10; rule: both teams of every scheduled game have a row; consequence: windows of the missing teams lack the game
      preflight error: I24 failed on 14 dates, 2023-10-24 to 2023-11-06; rule: the season's look-back before the range is complete; consequence: windows that should include the missing date lack it
      note: not published: teams missing upstream (I16d): 3 dates, 2023-11-08 to 2023-11-10; holds back 32 dates, 2023-11-08 to 2023-12-10, 5 tables, 16,341 rows; also fails T2m
      note: not published: games missing in the windows of TDZA (T2m): 4 dates, 2023-11-03 to 2023-11-06; holds back 29 dates, 2023-11-11 to 2023-12-10, 5 tables, 16,341 rows
      note: not published: fails: no date is empty when a team has 15 games by the schedule (T1s): 15 dates, 2023-11-20 to 2023-12-05; holds back 4 tables, 8,512 rows
      note: not published: fails: a date has at least 25 rows once every team has 15 games (T1e): 6 dates, 2023-12-05 to 2023-12-10; holds back 5 tables, 3,327 rows
      note: `putback validate` explains; `--accept I16d --accept T1e --accept T1s --accept T2m` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
      note: TDZA: 3 dates failed and not published; dir:published keeps what it has
      note: PCF: 3 dates failed and not published; dir:published keeps what it has
      note: MLFS: 3 dates failed and not published; dir:published keeps what it has
    validate: exit status 4
      error T1s:
        2023-11-20 to 2023-12-05 (15 dates): 285, on 2023-12-05: the schedule has 23 games of a team
    2023, 32 of 46 game dates: partial
      TDZA, PCF and MLFS failed on 3 dates: 2023-11-08 to 2023-11-10
      check I16d fails on 32 dates: 2023-11-08 to 2023-12-10
      check T1e fails on 6 dates: 2023-12-05 to 2023-12-10
      check T1s fails on 15 dates: 2023-11-20 to 2023-12-05
      check T2m fails on 29 dates: 2023-11-11 to 2023-12-10

    next: `putback sync --from 2023-11-08 --until 2023-11-10; putback compute --from 2023-11-08 --until 2023-11-10` pulls the inputs once they are mended upstream, and computes the failed dates again
    next: `putback validate --from 2023-11-08 --until 2023-12-10` shows the faulty rows of I16d, T1e, T1s, T2m; mend them upstream and sync, or accept them: `putback upload --accept I16d --accept T1e --accept T1s --accept T2m` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_37_the_daily_cache_lacks_players() {
    let desk = Desk::new();
    let session = session(&desk);
    session.view_whole(GAMES, &[desk.warehouse_file(GAMES)], always()).expect("a view");
    session.view_whole(Table::SyncedDailyCache, &[], always()).expect("an empty view");
    let cache = session.query(
        "SELECT * FROM player_daily_cache UNION ALL BY NAME
         SELECT DISTINCT player_lookup, game_date AS cache_date, 12.5 AS points_avg_season, 14 AS games_played_season
         FROM player_game_summary WHERE game_date <> DATE '2023-12-08' OR hash(player_lookup) % 10 > 3",
    );
    desk.put(Table::SyncedDailyCache, &cache.expect("rows"));
    // By default nobody reads it.
    assert_snapshot!(story(&desk, &["D7"]), @"
    check: exit status 0
      D7 ok
    run: exit status 0
    validate: exit status 0
    2023, 32 of 46 game dates: complete
    ");
    assert_eq!(desk.run(&["compute", "-q", "--daily-cache", "synced"], &RANGE).code, 0);
    let check = desk.run(&["check", "--all"], &RANGE);
    assert_snapshot!(super::said_of(&check.stdout, "D7").join("\n"), @"
    warning D7:
      2023-12-08: 60: 107 of 167
      consequence: features 3, 4, 22 and 23 of MLFS are defaults for the others
    ");
}

#[test]
fn row_39_inactive_lines_are_no_lines() {
    let desk = seeded(LINES, "SELECT * REPLACE (false AS is_active) FROM bettingpros_player_points_props");
    assert_snapshot!(story(&desk, &["I22", "M21"]), @"
    check: exit status 0
      info I22:
        2023-11-08 to 2023-12-10 (32 dates): 0, on 2023-12-10: no line at all
        consequence: without a line, features 25 to 28 of MLFS are fallbacks
    run: exit status 0
    validate: exit status 0
      info M21:
        2023-11-08 to 2023-12-10 (32 dates): 4,292, on 2023-11-24: no row has a line
    2023, 32 of 46 game dates: complete
    ");
    assert_eq!(run(&desk).code, 0);
    let with_line =
        published(&desk, "SELECT count(*) FROM ml_feature_store_v2 WHERE features[29] = 1", Table::MlFeatureStore);
    assert_eq!(with_line, "0");
}

/// Averages would read the weeks as 0.
#[test]
fn row_13_points_and_minutes_are_null_for_a_week() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_date BETWEEN DATE '2023-12-01' AND DATE '2023-12-07' THEN NULL ELSE points END AS points, CASE WHEN game_date BETWEEN DATE '2023-12-01' AND DATE '2023-12-07' THEN NULL ELSE minutes_played END AS minutes_played) FROM player_game_summary",
    );
    assert_snapshot!(story(&desk, &["I9e", "I5e", "I10"]), @"
    check: exit status 4
      error I9e:
        2023-12-01 to 2023-12-07 (7 dates): 887, on 2023-12-06: minutes 165, points 165, shots 0 of 165
        consequence: the players' averages leave out the games or count them as 0
      error I5e:
        2023-12-01 to 2023-12-07 (7 dates): 212, on 2023-12-06: ATL: 0 of 110, CHA: 0 of 98, CHI: 0 of 111
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
      warning I10:
        2023-12-01 to 2023-12-07 (7 dates): 916, on 2023-12-06: average 0.0
        consequence: point averages are wrong
    run: exit status 4
      preflight error: I5e failed on 7 dates, 2023-12-01 to 2023-12-07; rule: players score 70 to 130 % of their team's points, and within 2 of them for 50 % of the teams; consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
      preflight error: I9s failed on 7 dates, 2023-12-01 to 2023-12-07; rule: over the season and on the date, at most 0.5 % of the active rows lack points, 1 % field-goal or three-point attempts, 1 % minutes; consequence: all season, averages leave out the rows or count them as 0
      preflight error: I9e failed on 7 dates, 2023-12-01 to 2023-12-07; rule: less than 50 % of the active rows have NULL or 0 minutes; the same holds for NULL points and NULL shots; consequence: the players' averages leave out the games or count them as 0
      note: not published: players' points that are not their team's (I5e): 7 dates, 2023-12-01 to 2023-12-07; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: minutes, points or shots missing upstream (I9e): 7 dates, 2023-12-01 to 2023-12-07; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: points, shots or minutes missing all season (I9s): 7 dates, 2023-12-01 to 2023-12-07; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: contaminated games in the windows of PSZA (P9c): 7 dates, 2023-12-01 to 2023-12-07; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I5e --accept I9e --accept I9s --accept P9c` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I9e:
        2023-12-01 to 2023-12-07 (7 dates): 887, on 2023-12-06: minutes 165, points 165, shots 0 of 165
        consequence: the players' averages leave out the games or count them as 0
      error I5e:
        2023-12-01 to 2023-12-07 (7 dates): 212, on 2023-12-06: ATL: 0 of 110, CHA: 0 of 98, CHI: 0 of 111
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
    2023, 32 of 46 game dates: partial
      check I5e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I9e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I9s fails on 10 dates: 2023-12-01 to 2023-12-10
      check P9c fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I5e, I9e, I9s, P9c; mend them upstream and sync, or accept them: `putback upload --accept I5e --accept I9e --accept I9s --accept P9c` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

/// The date is there and passes for one of few players.
#[test]
fn row_31_two_players_of_each_team() {
    let desk = seeded(
        GAMES,
        "SELECT * FROM player_game_summary QUALIFY game_date <> DATE '2023-12-01' OR row_number() OVER (PARTITION BY game_date, team_abbr ORDER BY player_lookup) <= 2",
    );
    assert_snapshot!(story(&desk, &["I4e", "I5e"]), @"
    check: exit status 4
      error I4e:
        2023-12-01: 18: ATL: 2, BOS: 2, CHA: 2
        consequence: the date is incomplete: players get no row on it, and their windows lack the game
      error I5e:
        2023-12-01: 36: ATL: 16 of 97, BOS: 17 of 116, CHA: 41 of 118
        follows from I4e
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
    run: exit status 4
      preflight error: I4e failed on 1 date, 2023-12-01; rule: at most 50 % of the teams of a date have fewer than 8 active players; consequence: the date is incomplete: players get no row on it, and their windows lack the game; also fails I5e
      preflight error: I5d failed on 1 date, 2023-12-01; rule: points allowed differ from the opponent's points by more than 2 in at most 50 % of the rows; consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
      note: not published: players of most teams missing upstream (I4e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,545 rows; also fails I5e, P9c
      note: not published: points allowed that are not the opponent's (I5d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,545 rows
      note: `putback validate` explains; `--accept I4e --accept I5d` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I4e:
        2023-12-01: 18: ATL: 2, BOS: 2, CHA: 2
        consequence: the date is incomplete: players get no row on it, and their windows lack the game
      error I5e:
        2023-12-01: 36: ATL: 16 of 97, BOS: 17 of 116, CHA: 41 of 118
        follows from I4e
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
    2023, 32 of 46 game dates: partial
      check I4e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I5d fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I4e, I5d; mend them upstream and sync, or accept them: `putback upload --accept I4e --accept I5d` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

/// A load that ran twice: windows of 15 rows would hold 8 games.
#[test]
fn row_8_a_table_was_loaded_twice() {
    let desk = seeded(
        DEFENSE,
        "SELECT * FROM team_defense_game_summary UNION ALL SELECT * FROM team_defense_game_summary WHERE game_date BETWEEN DATE '2023-12-01' AND DATE '2023-12-03'",
    );
    assert_snapshot!(story(&desk, &["I6", "I16s", "T2c"]), @"
    check: exit status 4
      warning I6:
        2023-12-01 to 2023-12-03 (3 dates): 50, on 2023-12-01: team_defense_game_summary 20231201_BOS_TOR BOS, team_defense_game_summary 20231201_BOS_TOR TOR, team_defense_game_summary 20231201_CHI_MIL CHI
        consequence: rows that are equal in all columns read: the reference counts each of them, and so does putback
      error I16s:
        2023-12-01 to 2023-12-03 (3 dates): 50
        consequence: windows of 15 rows include half as many games
    run: exit status 4
      preflight error: I16s failed on 3 dates, 2023-12-01 to 2023-12-03; rule: less than 20 % of a date's rows repeat a team; consequence: windows of 15 rows include half as many games
      note: not published: team rows loaded twice (I16s): 3 dates, 2023-12-01 to 2023-12-03; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails T2c
      note: `putback validate` explains; `--accept I16s` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I16s:
        2023-12-01 to 2023-12-03 (3 dates): 50
        consequence: windows of 15 rows include half as many games
      error T2c:
        2023-12-01 to 2023-12-03 (3 dates): 50, on 2023-12-01: ATL, BOS, CHA
        follows from I16s
    2023, 32 of 46 game dates: partial
      check I16s fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I16s; mend them upstream and sync, or accept them: `putback upload --accept I16s` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

#[test]
fn row_1_makes_are_null_and_attempts_are_not() {
    let desk = seeded(DEFENSE, &on_december_1(DEFENSE, "opp_paint_makes", "NULL"));
    assert_snapshot!(story(&desk, &["I15", "I17e", "T2c"]), @"
    check: exit status 4
      I15 ok
      error I17e:
        2023-12-01: 18: ATL opp_paint_makes, BOS opp_paint_makes, CHA opp_paint_makes
        consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games
    run: exit status 4
      preflight error: I17e failed on 1 date, 2023-12-01; rule: makes where there are attempts, points, rating and pace are each NULL or 0 in less than 50 % of a date's rows; consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games
      note: not published: makes, points, ratings or pace missing upstream (I17e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails T2c
      note: `putback validate` explains; `--accept I17e` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      I15 ok
      error I17e:
        2023-12-01: 18: ATL opp_paint_makes, BOS opp_paint_makes, CHA opp_paint_makes
        consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games
      error T2c:
        2023-12-01: 18: ATL, BOS, CHA
        follows from I17e
    2023, 32 of 46 game dates: partial
      check I17e fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I17e; mend them upstream and sync, or accept them: `putback upload --accept I17e` for one run, a [[waiver]] in putback.toml until it expires
    ");
    assert_eq!(published_features(&desk), 0);
}

/// Games that were played are not final in the schedule: their date would vanish without a word.
#[test]
fn row_19_the_schedule_has_not_heard_of_a_date() {
    let desk = seeded(Table::Schedule, &on_december_1(Table::Schedule, "game_status", "2"));
    let alone = |desk: &Desk| desk.run(&["status"], &["--date", "2023-12-01"]);
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    let told = "2023-12-01 has rows, but no final game in the synced schedule";
    assert!(alone(&desk).code == 5 && alone(&desk).stderr.contains(told), "{}", alone(&desk).stderr);
    assert_snapshot!(story(&desk, &["I1s"]), @"
    check: exit status 4
      error I1s:
        2023-12-01: 18: ATL, BOS, CHA
        consequence: the game is not computed: the schedule does not have it, or not as a final game of the season
    run: exit status 3
      preflight error: I1s failed on 1 date, 2023-12-01; rule: every team with rows has a final game on the date in the schedule; consequence: the game is not computed: the schedule does not have it, or not as a final game of the season
      preflight error: I23h failed on 1 date, 2023-12-01; rule: fewer than 3, and less than 50 %, of a date's past games are not final; consequence: games that were played are missing from the date and from later windows
      note: player rows, but no finished regular-season, play-in or playoff game in the schedule, so not computed: 2023-12-01
      note: has rows, but no final game in the schedule, so neither computed nor published now: 1 date, 2023-12-01
    validate: exit status 0
      I1s ok
    2023, 31 of 45 game dates: partial
      has rows, but no final game in the schedule on 1 date: 2023-12-01

    next: `putback sync --date 2023-12-01` pulls the schedule, once it has the games of these days as final
    ");
}

/// A game that comes later stands against dates that were complete without it.
#[test]
fn row_19_the_schedule_gains_a_game() {
    let desk = Desk::new();
    let game = "(SELECT min(game_id) FROM nbac_schedule WHERE game_date = DATE '2023-12-01')";
    let whole = std::fs::read(desk.warehouse_file(Table::Schedule)).expect("a file");
    let teams = |table: Table, name: &str, team: &str| {
        let session = session(&desk);
        session.view_whole(Table::Schedule, &[desk.warehouse_file(Table::Schedule)], always()).expect("a view");
        session.view_whole(table, &[desk.warehouse_file(table)], always()).expect("a view");
        let without = format!(
            "SELECT {name}.* FROM {name} ANTI JOIN (SELECT game_date, unnest([home_team_tricode, away_team_tricode]) AS {team}
             FROM nbac_schedule WHERE game_id = {game}) USING (game_date, {team})"
        );
        putback::store::write_parquet(&desk.warehouse_file(table), &session.query(&without).expect("rows"))
            .expect("a file");
    };
    teams(GAMES, "player_game_summary", "team_abbr");
    teams(DEFENSE, "team_defense_game_summary", "defending_team_abbr");
    teams(Table::TeamOffenseGameSummary, "team_offense_game_summary", "team_abbr");
    edit(&desk, Table::Schedule, &format!("SELECT * FROM nbac_schedule WHERE game_id <> {game}"));
    let verdict = || {
        let status = desk.run(&["status"], &RANGE).stdout;
        status[status.find("2023, ").expect("a verdict")..].trim_end().to_owned()
    };
    assert_eq!(run(&desk).code, 0);
    assert_eq!(verdict(), "2023, 32 of 46 game dates: complete");
    std::fs::write(desk.warehouse_file(Table::Schedule), whole).expect("a file");
    assert_eq!(desk.run(&["sync", "-q", "--warehouse", "dir:warehouse"], &RANGE).code, 0);
    assert_snapshot!(verdict(), @"
    2023, 32 of 46 game dates: partial
      PDC stale on 10 dates: 2023-12-01 to 2023-12-10
      not validated on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback compute --from 2023-12-01 --until 2023-12-10` computes the dates whose inputs or processor version changed
    next: `putback validate --from 2023-12-01 --until 2023-12-10` checks the outputs
    ");
    assert_snapshot!(story(&desk, &["I2g", "I16d", "T2m", "P9m"]), @"
    check: exit status 4
      error I2g:
        2023-12-01: 2: ATL, DET
        consequence: players of the missing teams get no row on the date, and their windows lack the game
      error I16d:
        2023-12-01: 2: ATL, DET
        consequence: windows of the missing teams lack the game
    run: exit status 4
      preflight error: I2g failed on 1 date, 2023-12-01; rule: both teams of every scheduled game have players; consequence: players of the missing teams get no row on the date, and their windows lack the game; also fails I16o
      preflight error: I16d failed on 1 date, 2023-12-01; rule: both teams of every scheduled game have a row; consequence: windows of the missing teams lack the game
      note: not published: teams missing upstream (I16d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,647 rows; also fails T2m
      note: not published: players of a team missing upstream (I2g): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,647 rows; also fails I16o, P9m
      note: `putback validate` explains; `--accept I16d --accept I2g` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I2g:
        2023-12-01: 2: ATL, DET
        consequence: players of the missing teams get no row on the date, and their windows lack the game
      error I16d:
        2023-12-01: 2: ATL, DET
        consequence: windows of the missing teams lack the game
      error T2m:
        2023-12-01: 2: ATL, DET
        follows from I16d
      error P9m:
        2023-12-01: 2: ATL, DET
        follows from I2g
    2023, 32 of 46 game dates: partial
      check I16d fails on 10 dates: 2023-12-01 to 2023-12-10
      check I2g fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I16d, I2g; mend them upstream and sync, or accept them: `putback upload --accept I16d --accept I2g` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

/// 0 in place of NULL, and rows of the other team.
#[test]
fn row_1_zeros_and_the_other_team() {
    let desk = seeded(DEFENSE, &on_december_1(DEFENSE, "points_allowed", "0"));
    assert_snapshot!(story(&desk, &["I17e"]), @"
    check: exit status 4
      error I17e:
        2023-12-01: 18: ATL points_allowed, BOS points_allowed, CHA points_allowed
        consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games
    run: exit status 4
      preflight error: I5d failed on 1 date, 2023-12-01; rule: points allowed differ from the opponent's points by more than 2 in at most 50 % of the rows; consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
      preflight error: I17e failed on 1 date, 2023-12-01; rule: makes where there are attempts, points, rating and pace are each NULL or 0 in less than 50 % of a date's rows; consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games; also fails I31e
      note: not published: makes, points, ratings or pace missing upstream (I17e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails I31e
      note: not published: points allowed that are not the opponent's (I5d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I17e --accept I5d` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I17e:
        2023-12-01: 18: ATL points_allowed, BOS points_allowed, CHA points_allowed
        consequence: TDZA counts NULL as 0: percentages and points allowed are too low for 15 games
    2023, 32 of 46 game dates: partial
      check I17e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I5d fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I17e, I5d; mend them upstream and sync, or accept them: `putback upload --accept I17e --accept I5d` for one run, a [[waiver]] in putback.toml until it expires
    ");
    let desk = seeded(
        DEFENSE,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN opponent_team_abbr ELSE defending_team_abbr END AS defending_team_abbr, CASE WHEN game_date = DATE '2023-12-01' THEN defending_team_abbr ELSE opponent_team_abbr END AS opponent_team_abbr) FROM team_defense_game_summary",
    );
    assert_snapshot!(story(&desk, &["I5d"]), @"
    check: exit status 4
      error I5d:
        2023-12-01: 12: CHA: 118 of 97, CHI: 107 of 99, CLE: 100 of 94
        consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
    run: exit status 4
      preflight error: I5d failed on 1 date, 2023-12-01; rule: points allowed differ from the opponent's points by more than 2 in at most 50 % of the rows; consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
      note: not published: points allowed that are not the opponent's (I5d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I5d` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I5d:
        2023-12-01: 12: CHA: 118 of 97, CHI: 107 of 99, CLE: 100 of 94
        consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
    2023, 32 of 46 game dates: partial
      check I5d fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I5d; mend them upstream and sync, or accept them: `putback upload --accept I5d` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_2_zones_are_0_in_place_of_null() {
    let desk = seeded(
        GAMES,
        "SELECT * REPLACE (CASE WHEN game_date = DATE '2023-12-01' THEN 0 ELSE paint_attempts END AS paint_attempts, CASE WHEN game_date = DATE '2023-12-01' THEN 0 ELSE mid_range_attempts END AS mid_range_attempts) FROM player_game_summary",
    );
    assert_snapshot!(story(&desk, &["I8e"]), @"
    check: exit status 4
      error I8e:
        2023-12-01: 141: aldodunara: 7 of 19 attempts, aldoingund: 1 of 9 attempts, aldowexara: 2 of 11 attempts
        consequence: PSZA overstates the zones that are present, for 20 games
    run: exit status 4
      preflight error: I8e failed on 1 date, 2023-12-01; rule: where zones are known, they cover at least 70 % of a date's field-goal attempts; consequence: PSZA overstates the zones that are present, for 20 games; also fails I8m
      note: not published: zones missing upstream in part (I8e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows; also fails I8m
      note: `putback validate` explains; `--accept I8e` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I8e:
        2023-12-01: 141: aldodunara: 7 of 19 attempts, aldoingund: 1 of 9 attempts, aldowexara: 2 of 11 attempts
        consequence: PSZA overstates the zones that are present, for 20 games
    2023, 32 of 46 game dates: partial
      check I8e fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I8e; mend them upstream and sync, or accept them: `putback upload --accept I8e` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_5_contexts_are_of_the_other_team() {
    let desk = seeded(CONTEXTS, &on_december_1(CONTEXTS, "opponent_team_abbr", "team_abbr"));
    assert_snapshot!(story(&desk, &["I19t"]), @"
    check: exit status 4
      error I19t:
        2023-12-01: 154: aldodunara, aldoingund, aldoulvoviciii
        consequence: PCF and MLFS use the wrong team's defense
    run: exit status 4
      preflight error: I19t failed on 1 date, 2023-12-01; rule: at most 20 % of the contexts name an opponent other than the game's; consequence: PCF and MLFS use the wrong team's defense
      note: not published: contexts with the wrong opponent (I19t): 1 date, 2023-12-01; holds back 5 tables, 608 rows
      note: `putback validate` explains; `--accept I19t` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I19t:
        2023-12-01: 154: aldodunara, aldoingund, aldoulvoviciii
        consequence: PCF and MLFS use the wrong team's defense
    2023, 32 of 46 game dates: partial
      check I19t fails on 1 date: 2023-12-01

    next: `putback validate --date 2023-12-01` shows the faulty rows of I19t; mend them upstream and sync, or accept them: `putback upload --accept I19t` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_12_values_are_ten_times_too_high() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "points", "10 * points"));
    assert_snapshot!(story(&desk, &["I5e", "I7"]), @"
    check: exit status 4
      error I5e:
        2023-12-01: 18: ATL: 970 of 97, BOS: 1160 of 116, CHA: 1180 of 118
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
      warning I7:
        2023-12-01: 99: aldodunara 20231201_NYK_CHA, aldoingund 20231201_PHX_POR, aldowexara 20231201_DET_ATL
        consequence: windows use the value as it is; a date fails when an output does not fit its column
    run: exit status 4
      preflight error: I7e failed on 1 date, 2023-12-01; rule: points, minutes, assists and usage exceed 80, 65, 30 and 100 in at most 10 % of the active rows; consequence: the values have another unit or belong to another column: averages are wrong for every player
      preflight error: I31 failed on 1 date, 2023-12-01; rule: every number that is read is within the bounds of its column; for example player_game_summary 20231201_BOS_TOR ezratarnund points = 170; consequence: the value is impossible: sums, averages and rates with it are wrong
      preflight error: I5e failed on 1 date, 2023-12-01; rule: players score 70 to 130 % of their team's points, and within 2 of them for 50 % of the teams; consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
      preflight error: I5d failed on 1 date, 2023-12-01; rule: points allowed differ from the opponent's points by more than 2 in at most 50 % of the rows; consequence: rows belong to the other team or to another game: TDZA of both teams is wrong for 15 games
      note: not published: impossible values (I31): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: points allowed that are not the opponent's (I5d): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: players' points that are not their team's (I5e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: not published: values of another unit (I7e): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I31 --accept I5d --accept I5e --accept I7e` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I5e:
        2023-12-01: 18: ATL: 970 of 97, BOS: 1160 of 116, CHA: 1180 of 118
        consequence: players or their points are missing, counted twice or from another team: their rows on the date or after it are missing or wrong
    2023, 32 of 46 game dates: partial
      check I31 fails on 10 dates: 2023-12-01 to 2023-12-10
      check I5d fails on 10 dates: 2023-12-01 to 2023-12-10
      check I5e fails on 10 dates: 2023-12-01 to 2023-12-10
      check I7e fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I31, I5d, I5e, I7e; mend them upstream and sync, or accept them: `putback upload --accept I31 --accept I5d --accept I5e --accept I7e` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

#[test]
fn row_33_the_season_is_not_that_of_the_date() {
    let desk = seeded(GAMES, &on_december_1(GAMES, "season_year", "season_year - 1"));
    assert_snapshot!(story(&desk, &["I30"]), @"
    check: exit status 4
      error I30:
        2023-12-01: 155: aldodunara: 2022, aldoingund: 2022, aldoulvoviciii: 2022
        consequence: season averages of MLFS leave out the games, or include those of another season
    run: exit status 4
      preflight error: I30 failed on 1 date, 2023-12-01; rule: season_year agrees with the date; consequence: season averages of MLFS leave out the games, or include those of another season
      note: not published: season years that are not those of the dates (I30): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,664 rows
      note: `putback validate` explains; `--accept I30` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I30:
        2023-12-01: 155: aldodunara: 2022, aldoingund: 2022, aldoulvoviciii: 2022
        consequence: season averages of MLFS leave out the games, or include those of another season
    2023, 32 of 46 game dates: partial
      check I30 fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I30; mend them upstream and sync, or accept them: `putback upload --accept I30` for one run, a [[waiver]] in putback.toml until it expires
    ");
}

/// Half of a date was played and the schedule, like everything else, has not heard of it.
#[test]
fn row_19_the_schedule_lags() {
    let desk = seeded(
        Table::Schedule,
        "SELECT * EXCLUDE (rank) REPLACE (CASE WHEN game_date = DATE '2023-12-01' AND rank <= 5 THEN 1 ELSE game_status END AS game_status)
         FROM (SELECT *, row_number() OVER (PARTITION BY game_date ORDER BY game_id) AS rank FROM nbac_schedule)",
    );
    for (table, name, team) in
        [(GAMES, "player_game_summary", "team_abbr"), (DEFENSE, "team_defense_game_summary", "defending_team_abbr")]
    {
        let session = session(&desk);
        session.view_whole(Table::Schedule, &[desk.warehouse_file(Table::Schedule)], always()).expect("a view");
        session.view_whole(table, &[desk.warehouse_file(table)], always()).expect("a view");
        let without = format!(
            "SELECT {name}.* FROM {name} ANTI JOIN (SELECT game_date, unnest([home_team_tricode, away_team_tricode]) AS {team}
             FROM nbac_schedule WHERE game_status = 1 AND game_date = DATE '2023-12-01') USING (game_date, {team})"
        );
        putback::store::write_parquet(&desk.warehouse_file(table), &session.query(&without).expect("rows"))
            .expect("a file");
    }
    assert_snapshot!(story(&desk, &["I23f", "I23h"]), @"
    check: exit status 4
      warning I23f:
        2023-11-25: 1: 0022301231
        2023-12-01: 5: 0022300272, 0022300273, 0022300274
        consequence: the game was postponed, or its result is missing: it counts for no player until the schedule has it as final
      error I23h:
        2023-12-01: 5: 5 of 9 games
        consequence: games that were played are missing from the date and from later windows
    run: exit status 4
      preflight error: I23h failed on 1 date, 2023-12-01; rule: fewer than 3, and less than 50 %, of a date's past games are not final; consequence: games that were played are missing from the date and from later windows
      note: not published: a schedule that lags (I23h): 1 date, 2023-12-01; holds back 10 dates, 2023-12-01 to 2023-12-10, 5 tables, 5,578 rows
      note: `putback validate` explains; `--accept I23h` publishes these dates once, a [[waiver]] in putback.toml until it expires; `--quarantine` publishes the rows of the other players and teams
    validate: exit status 4
      error I23h:
        2023-12-01: 5: 5 of 9 games
        consequence: games that were played are missing from the date and from later windows
    2023, 32 of 46 game dates: partial
      check I23h fails on 10 dates: 2023-12-01 to 2023-12-10

    next: `putback validate --from 2023-12-01 --until 2023-12-10` shows the faulty rows of I23h; mend them upstream and sync, or accept them: `putback upload --accept I23h` for one run, a [[waiver]] in putback.toml until it expires
    ");
}
