-- §5: per date the hash of the row processed last in each upstream; ties go to the smallest entity. Rows
-- of our own tables share a time of processing on a date.
SELECT
    plan.game_date,
    cache.hash AS cache_hash, factors.hash AS factors_hash, zones.hash AS zones_hash, defense.hash AS defense_hash
FROM plan
LEFT JOIN (
    -- A pulled table may have a player twice: then the smaller hash. No name holds the character 0.
    SELECT cache_date AS game_date, arg_min(data_hash, player_lookup || chr(0) || data_hash) AS hash
    FROM player_daily_cache WHERE data_hash IS NOT NULL GROUP BY cache_date
) AS cache USING (game_date)
LEFT JOIN (
    SELECT game_date, arg_min(data_hash, player_lookup) AS hash
    FROM player_composite_factors GROUP BY game_date
) AS factors USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, arg_min(data_hash, player_lookup) AS hash
    FROM player_shot_zone_analysis GROUP BY analysis_date
) AS zones USING (game_date)
LEFT JOIN (
    SELECT analysis_date AS game_date, arg_min(data_hash, team_abbr) AS hash
    FROM team_defense_zone_analysis GROUP BY analysis_date
) AS defense USING (game_date)
