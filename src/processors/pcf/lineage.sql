-- §5.3: per date the hash of the row processed last in each upstream; ties go to the smallest entity.
-- Rows of one of our own tables share a time of processing on a date.
WITH context_rows AS (
    SELECT game_date, processed_at, player_lookup, data_hash
    FROM upcoming_player_game_context SEMI JOIN plan USING (game_date) WHERE data_hash IS NOT NULL
),
team_rows AS (
    SELECT game_date, processed_at, team_abbr, data_hash
    FROM upcoming_team_game_context SEMI JOIN plan USING (game_date) WHERE data_hash IS NOT NULL
)
SELECT
    plan.game_date,
    context.hash AS context_hash, team.hash AS team_hash, shot.hash AS shot_hash, defense.hash AS defense_hash
FROM plan
LEFT JOIN (
    SELECT newest.game_date, min({'player': player_lookup, 'hash': data_hash}).hash AS hash
    FROM (SELECT game_date, max(processed_at) AS processed_at FROM context_rows GROUP BY game_date) AS newest
    JOIN context_rows
        ON context_rows.game_date = newest.game_date
        AND context_rows.processed_at IS NOT DISTINCT FROM newest.processed_at
    GROUP BY newest.game_date
) AS context USING (game_date)
LEFT JOIN (
    SELECT newest.game_date, min({'team': team_abbr, 'hash': data_hash}).hash AS hash
    FROM (SELECT game_date, max(processed_at) AS processed_at FROM team_rows GROUP BY game_date) AS newest
    JOIN team_rows
        ON team_rows.game_date = newest.game_date
        AND team_rows.processed_at IS NOT DISTINCT FROM newest.processed_at
    GROUP BY newest.game_date
) AS team USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, arg_min(data_hash, player_lookup) AS hash
    FROM player_shot_zone_analysis GROUP BY analysis_date
) AS shot USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, arg_min(data_hash, team_abbr) AS hash
    FROM team_defense_zone_analysis GROUP BY analysis_date
) AS defense USING (game_date)
