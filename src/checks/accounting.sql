-- Where every entity of a done date ended: written, failed with a category, or skipped by rule
-- (`orchestration.md` §8.3). Dates that are not done are accounted for as a whole by their state.
CREATE OR REPLACE TEMP TABLE accounting AS
WITH
done AS (SELECT processor, game_date, season_year FROM state JOIN plan USING (game_date) WHERE state = 'done'),
written AS (
    SELECT 'TDZA' AS processor, analysis_date AS game_date, team_abbr AS entity FROM team_defense_zone_analysis
    UNION SELECT 'PSZA', analysis_date, player_lookup FROM player_shot_zone_analysis
    UNION SELECT 'PCF', game_date, player_lookup FROM player_composite_factors
    UNION SELECT 'MLFS', game_date, player_lookup FROM ml_feature_store_v2
),
failed AS (
    SELECT DISTINCT CASE processor_name
        WHEN 'TeamDefenseZoneAnalysisProcessor' THEN 'TDZA' WHEN 'PlayerShotZoneAnalysisProcessor' THEN 'PSZA'
        WHEN 'PlayerCompositeFactorsProcessor' THEN 'PCF' ELSE 'MLFS' END AS processor,
        analysis_date AS game_date, entity_id AS entity
    FROM precompute_failures
),
games AS (
    SELECT *, CASE WHEN month(game_date) >= 10 THEN year(game_date) ELSE year(game_date) - 1 END AS season_year
    FROM player_game_summary
    WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
        AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
),
contexts AS (
    SELECT DISTINCT game_date, player_lookup AS entity FROM upcoming_player_game_context
    WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
        AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
),
roster AS (SELECT DISTINCT game_date, player_lookup AS entity FROM games),
-- PCF §2.2: rows of contexts against distinct players decide which of the two makes the population.
source_of_date AS (
    SELECT done.game_date,
        coalesce(row_count, 0) = 0 OR (coalesce(player_count, 0) > 0 AND row_count < 0.9 * player_count) AS is_synthetic
    FROM (SELECT DISTINCT game_date FROM done) AS done
    LEFT JOIN (
        SELECT game_date, count(*) AS row_count FROM upcoming_player_game_context
        WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
            AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
        GROUP BY game_date) USING (game_date)
    LEFT JOIN (SELECT game_date, count(*) AS player_count FROM roster GROUP BY game_date) USING (game_date)
),
first_team_game AS (
    SELECT CASE WHEN month(game_date) >= 10 THEN year(game_date) ELSE year(game_date) - 1 END AS season_year,
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
-- `alone`: by rule the entity may have no row, because only one of contexts and roster has it.
expected AS (
    SELECT done.processor, done.game_date, entity, false AS alone FROM done
    JOIN first_team_game ON first_team_game.season_year = done.season_year AND first_game <= done.game_date
    WHERE done.processor = 'TDZA'
    UNION ALL
    SELECT done.processor, done.game_date, entity, false FROM done
    JOIN first_player_game ON first_player_game.season_year = done.season_year AND first_game <= done.game_date
    WHERE done.processor = 'PSZA'
    UNION ALL
    SELECT done.processor, done.game_date, roster.entity, false FROM done JOIN roster USING (game_date) WHERE done.processor = 'MLFS'
    UNION ALL
    SELECT done.processor, done.game_date, coalesce(roster.entity, contexts.entity),
        CASE WHEN is_synthetic THEN roster.entity IS NULL ELSE contexts.entity IS NULL END
    FROM done
    JOIN (roster FULL JOIN contexts ON roster.game_date = contexts.game_date AND roster.entity = contexts.entity)
        ON done.game_date = coalesce(roster.game_date, contexts.game_date)
    JOIN source_of_date ON source_of_date.game_date = done.game_date
    WHERE done.processor = 'PCF'
)
SELECT
    expected.processor, expected.game_date, 'done' AS state,
    count(*)::BIGINT AS expected,
    count(written.entity)::BIGINT AS written,
    count(*) FILTER (written.entity IS NULL AND failed.entity IS NOT NULL)::BIGINT AS failed,
    count(*) FILTER (written.entity IS NULL AND failed.entity IS NULL AND alone)::BIGINT AS skipped,
    count(*) FILTER (written.entity IS NULL AND failed.entity IS NULL AND NOT alone)::BIGINT AS unaccounted,
    min(expected.entity) FILTER (written.entity IS NULL AND failed.entity IS NULL AND NOT alone) AS example
FROM expected
LEFT JOIN written ON written.processor = expected.processor AND written.game_date = expected.game_date AND written.entity = expected.entity
LEFT JOIN failed ON failed.processor = expected.processor AND failed.game_date = expected.game_date AND failed.entity = expected.entity
GROUP BY expected.processor, expected.game_date
