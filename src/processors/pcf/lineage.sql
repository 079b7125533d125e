-- §5.3: per date the hash of the row processed last in each upstream; ties go to the smallest entity.
SELECT
    plan.game_date,
    context.hash AS context_hash, team.hash AS team_hash, shot.hash AS shot_hash, defense.hash AS defense_hash
FROM plan
LEFT JOIN (
    SELECT game_date, first(data_hash ORDER BY processed_at DESC NULLS LAST, player_lookup, data_hash) AS hash
    FROM upcoming_player_game_context WHERE data_hash IS NOT NULL GROUP BY game_date
) AS context USING (game_date)
LEFT JOIN (
    SELECT game_date, first(data_hash ORDER BY processed_at DESC NULLS LAST, team_abbr, data_hash) AS hash
    FROM upcoming_team_game_context WHERE data_hash IS NOT NULL GROUP BY game_date
) AS team USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, first(data_hash ORDER BY processed_at DESC NULLS LAST, player_lookup) AS hash
    FROM player_shot_zone_analysis WHERE data_hash IS NOT NULL GROUP BY analysis_date
) AS shot USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, first(data_hash ORDER BY processed_at DESC NULLS LAST, team_abbr) AS hash
    FROM team_defense_zone_analysis WHERE data_hash IS NOT NULL GROUP BY analysis_date
) AS defense USING (game_date)
ORDER BY plan.game_date
