-- Which of contexts and roster makes the population of PCF: rows of contexts against distinct players (PCF §2.2).
CREATE TABLE context_of_date AS
WITH sides AS (SELECT '' AS team_abbr UNION SELECT team_abbr FROM teams)
SELECT game_date, {pcf.is_synthetic} AS is_synthetic
FROM (SELECT DISTINCT game_date FROM plan)
LEFT JOIN (
    SELECT game_date, count(*) AS row_count FROM upcoming_player_game_context
    WHERE coalesce(team_abbr, '') IN (FROM sides) AND coalesce(opponent_team_abbr, '') IN (FROM sides)
    GROUP BY game_date) USING (game_date)
LEFT JOIN (
    SELECT game_date, count(DISTINCT player_lookup) AS player_count FROM player_game_summary
    WHERE coalesce(team_abbr, '') IN (FROM sides) AND coalesce(opponent_team_abbr, '') IN (FROM sides)
    GROUP BY game_date) USING (game_date);

-- Where every entity of a date ended: written, failed with a category, or skipped with a reason
-- (`orchestration.md` §8.3). Of a date that is not done, all end with its reason. What is `pending`, `unaccounted`, `twice` (written and
-- failed) or `unexpected` (written, and nobody's) should not be.
CREATE TABLE outcomes AS
WITH
states AS (SELECT processor, game_date, season_year, window_end, state, state.reason AS why FROM state JOIN plan USING (game_date)),
written AS (
    SELECT DISTINCT 'TDZA' AS processor, analysis_date AS game_date, team_abbr AS entity FROM team_defense_zone_analysis SEMI JOIN plan ON plan.game_date = analysis_date
    UNION ALL SELECT DISTINCT 'PSZA', analysis_date, player_lookup FROM player_shot_zone_analysis SEMI JOIN plan ON plan.game_date = analysis_date
),
failed AS (
    SELECT CASE processor_name
        WHEN 'TeamDefenseZoneAnalysisProcessor' THEN 'TDZA' WHEN 'PlayerShotZoneAnalysisProcessor' THEN 'PSZA'
        WHEN 'PlayerCompositeFactorsProcessor' THEN 'PCF'
        WHEN 'PlayerDailyCacheProcessor' THEN 'PDC' ELSE 'MLFS' END AS processor,
        analysis_date AS game_date, entity_id AS entity, min(coalesce(failure_category, 'UNKNOWN')) AS category
    FROM precompute_failures GROUP BY ALL
),
games AS (
    SELECT player_lookup, game_date, is_active, minutes_played, fg_attempts, season_of(game_date) AS season_year
    FROM player_game_summary
    WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
        AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
),
first_team_game AS (
    SELECT season_of(game_date) AS season_year,
        defending_team_abbr AS entity, min(game_date) AS first_game
    FROM team_defense_game_summary
    WHERE defending_team_abbr IN (SELECT team_abbr FROM teams) AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    GROUP BY ALL
),
first_player_game AS (
    SELECT season_year, player_lookup AS entity, min(game_date) AS first_game FROM games
    WHERE is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(fg_attempts, 0) > 0)
    GROUP BY season_year, player_lookup
),
expected AS (
    SELECT states.processor, states.game_date, entity, state, why FROM states
    JOIN first_team_game ON first_team_game.season_year = states.season_year AND first_game <= states.window_end
    WHERE states.processor = 'TDZA'
    UNION ALL
    SELECT states.processor, states.game_date, entity, state, why FROM states
    JOIN first_player_game ON first_player_game.season_year = states.season_year AND first_game <= states.window_end
    WHERE states.processor = 'PSZA'
),
in_season AS (
    SELECT coalesce(expected.processor, written.processor) AS processor, coalesce(expected.game_date, written.game_date) AS game_date,
        coalesce(expected.entity, written.entity) AS entity, expected.entity IS NOT NULL AS is_expected, written.entity IS NOT NULL AS is_written,
        NULL AS reason, state, why
    FROM expected
    FULL JOIN written ON written.processor = expected.processor AND written.game_date = expected.game_date AND written.entity = expected.entity
),
-- `reason`: by rule the entity may have no row, because only one of contexts and roster has it (PCF §2.2). PDC §2.3: the roster only
-- where there is no context at all.
context_dates AS (SELECT DISTINCT game_date, true AS has_contexts FROM presence WHERE in_contexts),
people AS (
    SELECT processor, game_date, player_lookup AS entity, in_roster OR (in_contexts AND processor <> 'MLFS') AS is_expected,
        CASE processor WHEN 'PCF' THEN in_pcf WHEN 'PDC' THEN in_pdc ELSE in_mlfs END AS is_written,
        CASE WHEN processor = 'PCF' AND is_synthetic AND NOT in_roster THEN 'a context but no game on a date with the synthetic context'
            WHEN processor = 'PCF' AND NOT is_synthetic AND NOT in_contexts THEN 'no context on a date that takes the contexts'
            WHEN processor = 'PDC' AND has_contexts AND NOT in_contexts THEN 'no context on a date that has contexts' END AS reason, state, why
    FROM presence
    JOIN states USING (game_date) JOIN context_of_date USING (game_date) LEFT JOIN context_dates USING (game_date)
    WHERE processor IN ('PCF', 'PDC', 'MLFS')
),
ended AS (
    SELECT processor, game_date, entity,
        CASE WHEN NOT is_expected THEN 'unexpected'
            WHEN is_written AND category IS NOT NULL THEN 'twice' WHEN is_written THEN 'written'
            WHEN category IS NOT NULL OR state = 'failed' THEN 'failed' WHEN state IN ('empty', 'skipped') THEN 'skipped'
            WHEN state = 'pending' THEN 'pending' WHEN reason IS NOT NULL THEN 'skipped' ELSE 'unaccounted' END AS outcome,
        CASE WHEN NOT is_written THEN coalesce(category, nullif(why, ''), reason) END AS reason
    FROM (FROM in_season UNION ALL BY NAME FROM people WHERE is_expected OR is_written)
    LEFT JOIN failed USING (processor, game_date, entity)
)
SELECT processor, game_date, outcome, reason, count(*)::BIGINT AS entities, min(entity) AS example FROM ended GROUP BY ALL;

-- Whether the players of a team are there: five or more, at most a tenth of the rows repeated, and more than half of them filled.
CREATE MACRO are_clean(player, is_lacking) AS
    10 * count(DISTINCT player) >= 9 * count(*) AND count(*) >= 5 AND 2 * count(*) FILTER (is_lacking) < count(*);
-- Of a game: whether less than half of the games of its date are clean.
CREATE MACRO is_of_faulty_date(day, is_clean) AS avg(is_clean::BIGINT) OVER (PARTITION BY day) < 0.5;

-- `window_games`: the games of every team by the schedule, with the day on which each leaves the windows of TDZA and PSZA. `input_shares`: the real completeness, whatever the columns of that name say (`orchestration.md` §5): of what a done date rests on,
-- how much Phase 3 has, and how much of that is clean: all columns that are read are filled, and no row is there
-- twice; for players: `are_clean`. What is not clean is contaminated where less than half of
-- its date is clean. TDZA and PSZA: the last games of every team by the schedule. PCF: the contexts of the
-- players. PDC: the last games of every team, in the player and in the team games. MLFS: the games of the season of
-- the teams of the date.
CREATE TABLE players AS
SELECT game_date, team_abbr,
    bool_or(fg_attempts > 0 AND paint_attempts IS NOT NULL)
        AND are_clean(player_lookup, points IS NULL OR minutes_played IS NULL OR fg_attempts IS NULL) AS is_clean
FROM player_game_summary WHERE is_active GROUP BY ALL;
CREATE TABLE window_games AS
WITH defense AS (
    SELECT game_date, defending_team_abbr AS team_abbr,
        count(*) = 1 AND bool_and(coalesce(opp_paint_attempts > 0 AND opp_mid_range_attempts > 0 AND opp_three_pt_attempts > 0, false)
            AND opp_paint_makes IS NOT NULL AND opp_mid_range_makes IS NOT NULL AND opp_three_pt_makes IS NOT NULL
            AND points_allowed IS NOT NULL AND defensive_rating IS NOT NULL AND opponent_pace IS NOT NULL) AS is_clean
    FROM team_defense_game_summary GROUP BY ALL
),
appearances AS (
    SELECT game_date, team_abbr, are_clean(player_lookup, points IS NULL OR minutes_played IS NULL) AS is_clean
    FROM player_game_summary WHERE is_active GROUP BY ALL
),
offense AS (
    SELECT game_date, team_abbr, count(*) = 1 AND bool_and(pace IS NOT NULL AND offensive_rating IS NOT NULL) AS is_clean
    FROM team_offense_game_summary GROUP BY ALL
)
SELECT 'TDZA' AS processor, season_year, team_abbr, game_date, lead(game_date, {tdza.games}) OVER season AS until, defense.team_abbr IS NOT NULL AS is_found, is_clean,
    is_of_faulty_date(game_date, is_clean) AS is_contaminated
FROM team_games LEFT JOIN defense USING (game_date, team_abbr)
WINDOW season AS (PARTITION BY season_year, team_abbr ORDER BY game_date)
UNION ALL
SELECT 'PSZA', season_year, team_abbr, game_date, lead(game_date, {psza.games_long}) OVER of_team, players.team_abbr IS NOT NULL, is_clean,
    is_of_faulty_date(game_date, is_clean)
FROM team_games LEFT JOIN players USING (game_date, team_abbr)
WINDOW of_team AS (PARTITION BY season_year, team_abbr ORDER BY game_date)
UNION ALL
SELECT 'PDC', season_year, team_abbr, game_date, lead(game_date, {pdc.team_games}) OVER of_ten, appearances.team_abbr IS NOT NULL AND offense.team_abbr IS NOT NULL,
    coalesce(appearances.is_clean AND offense.is_clean, false),
    is_of_faulty_date(game_date, coalesce(appearances.is_clean AND offense.is_clean, false))
FROM team_games LEFT JOIN appearances USING (game_date, team_abbr) LEFT JOIN offense USING (game_date, team_abbr)
WINDOW of_ten AS (PARTITION BY season_year, team_abbr ORDER BY game_date);
-- Of these, the games at fault in the windows of a done date, `of_date`: missing, or contaminated.
CREATE TABLE window_faults AS
SELECT processor, plan.game_date AS of_date, date_trunc('month', plan.game_date)::DATE AS found_in, games.game_date, team_abbr, is_found FROM plan
JOIN window_games AS games ON games.season_year = plan.season_year AND games.game_date <= plan.window_end AND coalesce(until > plan.window_end, true)
SEMI JOIN (SELECT processor, game_date FROM state WHERE state = 'done') AS done ON done.processor = games.processor AND done.game_date = plan.game_date
WHERE NOT is_found OR (NOT is_clean AND is_contaminated);

CREATE TABLE input_shares AS
WITH parts AS (
    SELECT processor, plan.game_date, is_found, is_clean, is_contaminated FROM plan
    JOIN window_games AS games ON games.season_year = plan.season_year AND games.game_date <= plan.window_end AND coalesce(until > plan.window_end, true)
    UNION ALL
    SELECT 'PCF', game_date, contexts.player_lookup IS NOT NULL, true, false
    FROM (SELECT DISTINCT game_date, player_lookup FROM player_game_summary)
    LEFT JOIN (SELECT DISTINCT game_date, player_lookup FROM upcoming_player_game_context) AS contexts USING (game_date, player_lookup)
    UNION ALL
    SELECT 'MLFS', playing.game_date, players.team_abbr IS NOT NULL, is_clean, false
    FROM team_games AS playing
    SEMI JOIN plan ON plan.game_date = playing.game_date
    JOIN team_games AS earlier ON earlier.season_year = playing.season_year AND earlier.team_abbr = playing.team_abbr AND earlier.game_date < playing.game_date
    LEFT JOIN players ON players.game_date = earlier.game_date AND players.team_abbr = earlier.team_abbr
)
SELECT processor, game_date, count(*)::BIGINT AS expected, count(*) FILTER (is_found)::BIGINT AS found,
    count(*) FILTER (is_found AND is_clean)::BIGINT AS clean, count(*) FILTER (is_found AND NOT is_clean AND is_contaminated)::BIGINT AS contaminated
FROM parts SEMI JOIN (SELECT processor, game_date FROM state WHERE state = 'done') AS done USING (processor, game_date)
GROUP BY ALL;
