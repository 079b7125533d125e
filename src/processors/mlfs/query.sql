-- Facts of ml_feature_store: the roster of each date with everything read for that date. PDC's decimals
-- and PSZA's rates are scaled by 100. A player whom the roster, UPCG or PDC has more than once has more
-- than one row.
WITH
-- Read H.
lines AS (
    SELECT
        game_date, player_lookup,
        list(points_line ORDER BY points_line) AS points_lines,
        list(opening_line ORDER BY opening_line) FILTER (opening_line IS NOT NULL) AS opening_lines
    FROM bettingpros_player_points_props SEMI JOIN plan USING (game_date)
    WHERE {mlfs.line_counts}
    GROUP BY game_date, player_lookup
),
attempts AS (
    SELECT
        analysis_date AS game_date, entity_id AS player_lookup, attempt_number,
        circuit_breaker_tripped AS breaker_tripped, circuit_breaker_until
    FROM reprocess_attempts
    WHERE processor_name = 'ml_feature_store_v2'
    QUALIFY row_number() OVER (
        PARTITION BY analysis_date, entity_id ORDER BY attempt_number DESC, circuit_breaker_until DESC NULLS LAST
    ) = 1
)
SELECT
    game.game_date, game.player_lookup, game.universal_player_id, game.game_id, game.team_abbr, game.opponent_team_abbr,
    coalesce(split_part(game.game_id, '_', 3) = game.team_abbr, false) AS is_home, game.season_year, game.points,
    game.ft_makes, (game.minutes_played * 10)::BIGINT AS minutes_10, epoch_us(game.processed_at)::BIGINT AS processed_us,
    context.player_lookup IS NOT NULL AS has_context, context.game_id AS context_game_id,
    context.opponent_team_abbr AS context_opponent, context.universal_player_id AS context_universal_id,
    epoch_us(context.processed_at)::BIGINT AS context_processed_us, context.home_game, context.back_to_back, context.season_phase,
    context.player_status, context.days_rest, context.opponent_days_rest,
    cache.player_lookup IS NOT NULL AS has_cache, cache.data_hash AS cache_hash, cache.is_production_ready AS cache_ready,
    (cache.points_avg_last_5 * 100)::BIGINT AS cache_points_avg_last_5,
    (cache.points_avg_last_10 * 100)::BIGINT AS cache_points_avg_last_10,
    (cache.points_avg_season * 100)::BIGINT AS cache_points_avg_season,
    (cache.points_std_last_10 * 100)::BIGINT AS cache_points_std_last_10,
    (cache.minutes_avg_last_10 * 100)::BIGINT AS cache_minutes_avg_last_10,
    (cache.team_pace_last_10 * 100)::BIGINT AS cache_team_pace_last_10,
    (cache.team_off_rating_last_10 * 100)::BIGINT AS cache_team_off_rating_last_10,
    cache.games_in_last_7_days AS cache_games_in_last_7_days,
    (cache.paint_rate_last_10 * 100)::BIGINT AS cache_paint_rate_last_10,
    (cache.three_pt_rate_last_10 * 100)::BIGINT AS cache_three_pt_rate_last_10,
    factors.player_lookup IS NOT NULL AS has_factors, factors.is_production_ready AS factors_ready,
    factors.fatigue_score AS factors_fatigue,
    (factors.shot_zone_mismatch_score * 10)::BIGINT AS factors_mismatch_10,
    (factors.pace_score * 10)::BIGINT AS factors_pace_10, (factors.usage_spike_score * 10)::BIGINT AS factors_usage_10,
    zones.player_lookup IS NOT NULL AS has_zones, zones.is_production_ready AS zones_ready,
    (zones.paint_rate_last_10 * 100)::BIGINT AS zones_paint_rate_100,
    (zones.mid_range_rate_last_10 * 100)::BIGINT AS zones_mid_range_rate_100,
    (zones.three_pt_rate_last_10 * 100)::BIGINT AS zones_three_pt_rate_100,
    defense.team_abbr IS NOT NULL AS has_defense, defense.is_production_ready AS defense_ready,
    defense.defensive_rating_last_15 AS defense_rating, defense.opponent_pace AS defense_pace,
    lines.points_lines, lines.opening_lines,
    attempts.attempt_number, attempts.breaker_tripped,
    epoch_us(attempts.circuit_breaker_until)::BIGINT AS breaker_until_us
FROM player_game_summary AS game
SEMI JOIN plan USING (game_date)
LEFT JOIN (FROM upcoming_player_game_context SEMI JOIN plan USING (game_date)) AS context
    ON context.game_date = game.game_date AND context.player_lookup = game.player_lookup
LEFT JOIN (FROM player_daily_cache SEMI JOIN plan ON plan.game_date = cache_date) AS cache
    ON cache.cache_date = game.game_date AND cache.player_lookup = game.player_lookup
LEFT JOIN (FROM player_composite_factors SEMI JOIN plan USING (game_date)) AS factors
    ON factors.game_date = game.game_date AND factors.player_lookup = game.player_lookup
LEFT JOIN (FROM player_shot_zone_analysis SEMI JOIN plan ON plan.game_date = analysis_date) AS zones
    ON zones.analysis_date = game.game_date AND zones.player_lookup = game.player_lookup
LEFT JOIN (FROM team_defense_zone_analysis SEMI JOIN plan ON plan.game_date = analysis_date) AS defense
    ON defense.analysis_date = game.game_date AND defense.team_abbr = game.opponent_team_abbr
LEFT JOIN lines ON lines.game_date = game.game_date AND lines.player_lookup = game.player_lookup
LEFT JOIN attempts ON attempts.game_date = game.game_date AND attempts.player_lookup = game.player_lookup
ORDER BY game.game_date, game.player_lookup
