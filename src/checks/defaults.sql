-- How many rows of a date have a feature of MLFS at its default: the constant is there and
-- what it would come from is not (MLFS §3.2 to §3.6). `expected_games_count` is the number of games of list F.
-- `constants`: of each feature, whether all rows of the date have one value.
SELECT store.game_date, count(*)::BIGINT AS rows, coalesce(min(store.player_lookup) < max(store.player_lookup), false) AS has_several,
    count(*) FILTER (features[1] = {mlfs.points_avg_last_5} AND cache.points_avg_last_5 IS NULL AND store.expected_games_count < {mlfs.enough_games}) AS points_avg_last_5,
    count(*) FILTER (features[2] = {mlfs.points_avg_last_10} AND cache.points_avg_last_10 IS NULL AND store.expected_games_count = 0) AS points_avg_last_10,
    count(*) FILTER (features[3] = {mlfs.points_avg_season} AND cache.points_avg_season IS NULL AND store.expected_games_count = 0) AS points_avg_season,
    count(*) FILTER (features[4] = {mlfs.points_std_last_10} AND cache.points_std_last_10 IS NULL) AS points_std_last_10,
    count(*) FILTER (features[5] = {mlfs.games_in_last_7_days} AND cache.games_in_last_7_days IS NULL) AS games_in_last_7_days,
    count(*) FILTER (features[6] = {mlfs.fatigue_score} AND factors.fatigue_score IS NULL) AS fatigue_score,
    count(*) FILTER (features[7] = {mlfs.shot_zone_mismatch_score} AND factors.shot_zone_mismatch_score IS NULL) AS shot_zone_mismatch_score,
    count(*) FILTER (features[8] = {mlfs.pace_score} AND factors.pace_score IS NULL) AS pace_score,
    count(*) FILTER (features[9] = {mlfs.usage_spike_score} AND factors.usage_spike_score IS NULL) AS usage_spike_score,
    count(*) FILTER (features[10] = {mlfs.rest_advantage} AND (context.days_rest IS NULL OR context.opponent_days_rest IS NULL)) AS rest_advantage,
    count(*) FILTER (features[11] = {mlfs.injury_risk} AND context.player_lookup IS NULL) AS injury_risk,
    count(*) FILTER (features[14] = {mlfs.opponent_def_rating} AND defense.defensive_rating_last_15 IS NULL) AS opponent_def_rating,
    count(*) FILTER (features[15] = {mlfs.opponent_pace} AND defense.opponent_pace IS NULL) AS opponent_pace,
    count(*) FILTER (features[16] = {mlfs.home_away} AND context.home_game IS NULL) AS home_away,
    count(*) FILTER (features[17] = {mlfs.back_to_back} AND context.back_to_back IS NULL) AS back_to_back,
    count(*) FILTER (features[18] = {mlfs.playoff_game} AND context.season_phase IS NULL) AS playoff_game,
    count(*) FILTER (features[19] = {mlfs.pct_paint} AND zones.paint_rate_last_10 IS NULL) AS pct_paint,
    count(*) FILTER (features[20] = {mlfs.pct_mid_range} AND zones.mid_range_rate_last_10 IS NULL) AS pct_mid_range,
    count(*) FILTER (features[21] = {mlfs.pct_three} AND zones.three_pt_rate_last_10 IS NULL) AS pct_three,
    count(*) FILTER (features[22] = {mlfs.pct_free_throw} AND (store.expected_games_count < {mlfs.enough_games} OR features[2] = 0)) AS pct_free_throw,
    count(*) FILTER (features[23] = {mlfs.team_pace} AND cache.team_pace_last_10 IS NULL) AS team_pace,
    count(*) FILTER (features[24] = {mlfs.team_off_rating} AND cache.team_off_rating_last_10 IS NULL) AS team_off_rating,
    count(*) FILTER (features[29] = 0) AS vegas_points_line,
    count(*) FILTER (features[29] = 0 OR features[27] = 0) AS vegas_opening_line,
    count(*) FILTER (features[32] = {mlfs.minutes_avg_last_10} AND features[33] = {mlfs.ppm_avg_last_10}) AS minutes_avg_last_10,
    count(*) FILTER (features[33] = {mlfs.ppm_avg_last_10} AND features[32] = {mlfs.minutes_avg_last_10}) AS ppm_avg_last_10,
    {constants}
FROM ml_feature_store_v2 AS store
LEFT JOIN daily_cache_read AS cache ON cache.cache_date = store.game_date AND cache.player_lookup = store.player_lookup
LEFT JOIN player_composite_factors AS factors ON factors.game_date = store.game_date AND factors.player_lookup = store.player_lookup
LEFT JOIN player_shot_zone_analysis AS zones ON zones.analysis_date = store.game_date AND zones.player_lookup = store.player_lookup
LEFT JOIN team_defense_zone_analysis AS defense ON defense.analysis_date = store.game_date AND defense.team_abbr = store.opponent_team_abbr
LEFT JOIN upcoming_player_game_context AS context ON context.game_date = store.game_date AND context.player_lookup = store.player_lookup
GROUP BY store.game_date
