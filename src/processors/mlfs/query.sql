-- Facts of ml_feature_store: one row per date and roster player. Minutes are scaled by 10, PDC's
-- decimals and PSZA's rates by 100, quotients by 10^9.
WITH games AS (
    SELECT
        player_lookup, universal_player_id, game_id, game_date, team_abbr, opponent_team_abbr, season_year,
        game_date - DATE '1970-01-01' AS day,
        points, ft_makes,
        (minutes_played * 10)::BIGINT AS minutes_10,
        -- §2.4: points / minutes as a NUMERIC, nine decimals, half away from zero.
        CASE WHEN minutes_played > 0 THEN
            sign(points)::BIGINT
            * ((abs(points) * 20000000000 + (minutes_played * 10)::BIGINT) // (2 * (minutes_played * 10)::BIGINT))
        END::BIGINT AS ppm_nano,
        -- 0 for the first row of a player's date, in a fixed order.
        row_number() OVER (
            PARTITION BY player_lookup, game_date
            ORDER BY game_id DESC, opponent_team_abbr, team_abbr, universal_player_id NULLS LAST, processed_at, points,
                minutes_played, ft_makes, season_year
        ) - 1 AS same_day_rows
    FROM player_game_summary
),
history AS (
    SELECT
        *,
        list(day) OVER ten_before AS last_days,
        list(points) OVER ten_before AS last_points,
        list(minutes_10) OVER ten_before AS last_minutes_10,
        list(ft_makes) OVER ten_before AS last_ft_makes,
        -- Read J: 30 days, minutes > 0.
        count(*) FILTER (minutes_10 > 0) OVER month_before AS month_games,
        sum(minutes_10) FILTER (minutes_10 > 0) OVER month_before AS month_minutes_10,
        sum(ppm_nano) FILTER (minutes_10 > 0) OVER month_before AS month_ppm_nano,
        count(ppm_nano) FILTER (minutes_10 > 0) OVER month_before AS month_ppm_games,
        -- Read I: three calendar years against the same opponent. §2.2: a self-join multiplies the roster
        -- rows of a player who has several on the date, and each of them counts the games again.
        count(*) OVER opponent_before
            * count(*) OVER (PARTITION BY player_lookup, game_date)
            * count(*) OVER (PARTITION BY player_lookup, game_date, opponent_team_abbr) AS opponent_games,
        sum(points) OVER opponent_before AS opponent_points,
        count(points) OVER opponent_before AS opponent_points_games
    FROM games
    WINDOW
        -- Read F, before its 60 days are applied; right for the first row of a date, the one kept.
        ten_before AS (
            PARTITION BY player_lookup ORDER BY day, same_day_rows
            ROWS BETWEEN 10 PRECEDING AND 1 PRECEDING
        ),
        month_before AS (
            PARTITION BY player_lookup ORDER BY day RANGE BETWEEN 30 PRECEDING AND 1 PRECEDING
        ),
        opponent_before AS (
            PARTITION BY player_lookup, opponent_team_abbr ORDER BY game_date
            RANGE BETWEEN INTERVAL 3 YEAR PRECEDING AND INTERVAL 1 DAY PRECEDING
        )
),
-- §8.3: one row per player; of several, the greatest game_id.
roster AS (
    SELECT history.*, plan.season_year AS plan_season
    FROM history
    JOIN plan USING (game_date)
    WHERE same_day_rows = 0
),
-- Read G: running sums of the season, by the season column and from October 1; the last row of a
-- day speaks for the day.
season_so_far AS (
    SELECT
        player_lookup, season_year, game_date,
        count(*) OVER so_far AS games,
        sum(points) OVER so_far AS points, count(points) OVER so_far AS points_games,
        sum(minutes_10) OVER so_far AS minutes_10, count(minutes_10) OVER so_far AS minutes_games
    FROM games
    WHERE game_date >= make_date(season_year, 10, 1)
    WINDOW so_far AS (PARTITION BY player_lookup, season_year ORDER BY day, same_day_rows ROWS UNBOUNDED PRECEDING)
    QUALIFY lead(game_date) OVER so_far IS DISTINCT FROM game_date
),
with_season AS (
    SELECT
        roster.*, season.games AS season_games, season.points AS season_points, season.points_games AS season_points_games,
        season.minutes_10 AS season_minutes_10, season.minutes_games AS season_minutes_games
    FROM roster
    ASOF LEFT JOIN season_so_far AS season
        ON season.player_lookup = roster.player_lookup
        AND season.season_year = roster.plan_season
        AND season.game_date < roster.game_date
),
context AS (
    SELECT * FROM upcoming_player_game_context
    QUALIFY row_number() OVER (
        PARTITION BY game_date, player_lookup
        ORDER BY game_id DESC, opponent_team_abbr DESC, universal_player_id DESC NULLS LAST, processed_at DESC,
            home_game, back_to_back, season_phase, player_status, days_rest, opponent_days_rest
    ) = 1
),
cache AS (
    SELECT * FROM player_daily_cache
    QUALIFY row_number() OVER (
        PARTITION BY cache_date, player_lookup
        ORDER BY data_hash, points_avg_last_5, points_avg_last_10, points_avg_season, points_std_last_10,
            minutes_avg_last_10, team_pace_last_10, team_off_rating_last_10, games_in_last_7_days, paint_rate_last_10,
            three_pt_rate_last_10, is_production_ready
    ) = 1
),
-- Read H.
lines AS (
    SELECT
        game_date, player_lookup,
        list(points_line ORDER BY points_line) AS points_lines,
        list(opening_line ORDER BY opening_line) FILTER (opening_line IS NOT NULL) AS opening_lines
    FROM bettingpros_player_points_props
    WHERE bet_side = 'over' AND points_line IS NOT NULL AND is_active
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
    game.game_date, game.player_lookup, game.universal_player_id, game.game_id, game.opponent_team_abbr,
    coalesce(split_part(game.game_id, '_', 3) = game.team_abbr, false) AS is_home, game.day::BIGINT AS day,
    game.last_days, game.last_points, game.last_minutes_10, game.last_ft_makes,
    game.season_games::BIGINT AS season_games, game.season_points::BIGINT AS season_points,
    game.season_points_games::BIGINT AS season_points_games, game.season_minutes_10::BIGINT AS season_minutes_10,
    game.season_minutes_games::BIGINT AS season_minutes_games,
    game.month_games::BIGINT AS month_games, game.month_minutes_10::BIGINT AS month_minutes_10,
    game.month_ppm_nano::BIGINT AS month_ppm_nano, game.month_ppm_games::BIGINT AS month_ppm_games,
    game.opponent_games::BIGINT AS opponent_games, game.opponent_points::BIGINT AS opponent_points,
    game.opponent_points_games::BIGINT AS opponent_points_games,
    context.player_lookup IS NOT NULL AS has_context, context.home_game, context.back_to_back, context.season_phase,
    context.player_status, context.days_rest, context.opponent_days_rest,
    cache.player_lookup IS NOT NULL AS has_cache, cache.is_production_ready AS cache_ready,
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
FROM with_season AS game
LEFT JOIN context USING (game_date, player_lookup)
LEFT JOIN cache
    ON cache.cache_date = game.game_date AND cache.player_lookup = game.player_lookup
LEFT JOIN player_composite_factors AS factors
    ON factors.game_date = game.game_date AND factors.player_lookup = game.player_lookup
LEFT JOIN player_shot_zone_analysis AS zones
    ON zones.analysis_date = game.game_date AND zones.player_lookup = game.player_lookup
LEFT JOIN team_defense_zone_analysis AS defense
    ON defense.analysis_date = game.game_date AND defense.team_abbr = game.opponent_team_abbr
LEFT JOIN lines ON lines.game_date = game.game_date AND lines.player_lookup = game.player_lookup
LEFT JOIN attempts ON attempts.game_date = game.game_date AND attempts.player_lookup = game.player_lookup
ORDER BY game.game_date, game.player_lookup
