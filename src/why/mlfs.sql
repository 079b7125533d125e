-- ## Roster row: the player's row of player_game_summary on the date; of several, the first is used (§2.2, §8.3)
SELECT CASE WHEN choice = 1 THEN 'taken' ELSE 'duplicate' END AS role, game_id, team_abbr AS team, opponent_team_abbr AS opponent, universal_player_id FROM roster ORDER BY choice

-- ## Upstream rows of the date, from which features are taken (§2.3, §2.5)
SELECT source, name AS "column", value FROM (
    SELECT 1 AS n, 'daily cache' AS source, name, value FROM (SELECT COLUMNS('(points|minutes|team_pace|team_off|games_in|paint|three_pt).*_(last|season|days).*')::VARCHAR FROM cache_row) UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 2, 'composite factors', name, value FROM (SELECT fatigue_score::VARCHAR AS fatigue_score, shot_zone_mismatch_score::VARCHAR AS shot_zone_mismatch_score, pace_score::VARCHAR AS pace_score, usage_spike_score::VARCHAR AS usage_spike_score FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}') UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 3, 'PSZA', name, value FROM (SELECT paint_rate_last_10::VARCHAR AS paint_rate_last_10, mid_range_rate_last_10::VARCHAR AS mid_range_rate_last_10, three_pt_rate_last_10::VARCHAR AS three_pt_rate_last_10 FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}') UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 4, concat('TDZA of ', team), name, value FROM (SELECT defensive_rating_last_15::VARCHAR AS defensive_rating_last_15, opponent_pace::VARCHAR AS opponent_pace, team_abbr AS team FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = (SELECT opponent_team_abbr FROM roster WHERE choice = 1)) UNPIVOT INCLUDE NULLS (value FOR name IN (defensive_rating_last_15, opponent_pace))
    UNION ALL
    SELECT 5, 'UPCG', name, value FROM (SELECT COLUMNS('^(home_game|back_to_back|season_phase|player_status|days_rest|opponent_days_rest)$')::VARCHAR FROM context_row) UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*))))
ORDER BY n, name

-- ## Betting lines of the date: active, over side, line known (read H, §2.3)
SELECT points_line, opening_line FROM line_rows ORDER BY ALL

-- ## Earlier games, and the reads that include them: F (last ten in {mlfs.recent_days} days), J ({mlfs.month_days} days, with minutes), I (same opponent, {mlfs.opponent_years} years) (§2.3)
SELECT read_f AS "#", concat_ws(', ', CASE WHEN read_f IS NOT NULL THEN 'recent' END, CASE WHEN read_j THEN '{mlfs.month_days} days' END, CASE WHEN read_i THEN 'opponent' END) AS role,
    game_date, game_id, opponent_team_abbr AS opponent, points, minutes_played AS minutes, ft_makes
FROM earlier WHERE read_f IS NOT NULL OR read_j OR read_i ORDER BY game_number

-- ## Sums of the reads: means leave out NULL points, except that read F counts them as 0 (§2.3, §2.4)
SELECT * FROM (
    SELECT 'F: newest {mlfs.enough_games}' AS "read", count(*)::BIGINT AS games, sum(points)::BIGINT AS points, count(points)::BIGINT AS games_with_points, sum(minutes_played)::DOUBLE AS minutes, sum(ft_makes)::BIGINT AS ft_makes FROM earlier WHERE read_f <= {mlfs.enough_games}
    UNION ALL
    SELECT 'F: up to {mlfs.recent_games}', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, sum(ft_makes)::BIGINT FROM earlier WHERE read_f IS NOT NULL
    UNION ALL
    SELECT 'G: season', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, NULL FROM earlier WHERE read_g
    UNION ALL
    SELECT 'I: opponent', count(*), sum(points)::BIGINT, count(points), NULL, NULL FROM earlier WHERE read_i
    UNION ALL
    SELECT 'J: {mlfs.month_days} days', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, NULL FROM earlier WHERE read_j)

-- ## Features: value, source, and label with its weight in the quality score (§3, §4.1)
-- told: features

-- ## Stored row: quality = sum of the 33 weights / 33, rounded to two decimals (§4.2)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (features, feature_names))::VARCHAR FROM ml_feature_store_v2 WHERE game_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name IN ('feature_quality_score', 'quality_tier', 'is_production_ready', 'data_quality_issues', 'opponent_team_abbr', 'is_home', 'days_rest', 'actual_games_count', 'data_source', 'data_hash', 'game_id')
