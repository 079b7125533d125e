-- Facts of player_composite_factors: one row per date and player with a context, from UPCG or, where
-- that is missing or partial, from PGS. Decimals are scaled integers: minutes by 10, usage and rates
-- by 100, pace by 10.
WITH upcg_rows AS (
    SELECT game_date, count(*) AS row_count FROM upcoming_player_game_context GROUP BY game_date
),
pgs_players AS (
    SELECT game_date, count(DISTINCT player_lookup) AS player_count FROM player_game_summary GROUP BY game_date
),
-- §2.2: UPCG rows against distinct PGS players, as a double product.
source_of_date AS (
    SELECT
        plan.game_date,
        coalesce(row_count, 0) = 0
            OR (coalesce(player_count, 0) > 0 AND row_count::DOUBLE < player_count::DOUBLE * 0.9::DOUBLE) AS is_synthetic
    FROM plan
    LEFT JOIN upcg_rows USING (game_date)
    LEFT JOIN pgs_players USING (game_date)
),
from_upcg AS (
    SELECT
        game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr,
        days_rest, back_to_back, games_in_last_7_days, minutes_in_last_7_days,
        (avg_minutes_per_game_last_7 * 10)::BIGINT AS avg_minutes_10,
        back_to_backs_last_14_days, player_age,
        (projected_usage_rate * 100)::BIGINT AS projected_usage_100,
        (avg_usage_rate_last_7_games * 100)::BIGINT AS avg_usage_100,
        star_teammates_out,
        (pace_differential * 10)::BIGINT AS pace_differential_10
    FROM upcoming_player_game_context
    JOIN source_of_date USING (game_date)
    WHERE NOT is_synthetic
    -- §2.4: one row per player; the further columns only fix the order of what is still equal.
    QUALIFY row_number() OVER (
        PARTITION BY game_date, player_lookup
        ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST, processed_at, days_rest, back_to_back,
            games_in_last_7_days, minutes_in_last_7_days, avg_minutes_per_game_last_7, back_to_backs_last_14_days,
            player_age, projected_usage_rate, avg_usage_rate_last_7_games, star_teammates_out, pace_differential
    ) = 1
),
-- §2.3: what each PGS row looks back on. Rows of the date itself are outside every frame.
recent AS (
    SELECT
        game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr,
        count(*) OVER yesterday > 0 AS played_yesterday,
        count(*) OVER last_week AS week_games,
        sum((minutes_played * 10)::BIGINT) OVER last_week AS week_minutes_10,
        sum((usage_rate * 100)::BIGINT) OVER last_week AS week_usage_100,
        count(usage_rate) OVER last_week AS week_usage_games
    FROM player_game_summary
    WINDOW
        yesterday AS (
            PARTITION BY player_lookup ORDER BY game_date - DATE '1970-01-01' RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING
        ),
        last_week AS (
            PARTITION BY player_lookup ORDER BY game_date - DATE '1970-01-01' RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING
        )
),
-- The distinct combinations that make the population; their number multiplies counts and sums.
from_pgs AS (
    SELECT
        game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr,
        any_value(played_yesterday) AS played_yesterday,
        any_value(week_games) AS week_games,
        any_value(week_minutes_10) AS week_minutes_10,
        any_value(week_usage_100) AS week_usage_100,
        any_value(week_usage_games) AS week_usage_games,
        count(*) OVER (PARTITION BY game_date, player_lookup) AS combinations
    FROM recent
    JOIN source_of_date USING (game_date)
    WHERE is_synthetic
    GROUP BY game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr
    QUALIFY row_number() OVER (
        PARTITION BY game_date, player_lookup
        ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST
    ) = 1
),
context AS (
    SELECT
        *, false AS is_synthetic, NULL::BIGINT AS week_games, NULL::BIGINT AS week_minutes_10,
        NULL::BIGINT AS week_usage_100, NULL::BIGINT AS week_usage_games, NULL::BIGINT AS combinations,
        NULL::BOOLEAN AS played_yesterday
    FROM from_upcg
    UNION ALL BY NAME
    SELECT
        game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr, true AS is_synthetic,
        week_games::BIGINT AS week_games, week_minutes_10::BIGINT AS week_minutes_10,
        week_usage_100::BIGINT AS week_usage_100, week_usage_games::BIGINT AS week_usage_games,
        combinations::BIGINT AS combinations, played_yesterday
    FROM from_pgs
),
-- §6: the latest attempt of each player on each date.
attempts AS (
    SELECT
        analysis_date AS game_date, entity_id AS player_lookup, attempt_number,
        circuit_breaker_tripped AS breaker_tripped, circuit_breaker_until
    FROM reprocess_attempts
    WHERE processor_name = 'player_composite_factors'
    QUALIFY row_number() OVER (
        PARTITION BY analysis_date, entity_id ORDER BY attempt_number DESC, circuit_breaker_until DESC NULLS LAST
    ) = 1
)
SELECT
    context.game_date, context.player_lookup, context.universal_player_id, context.game_id, context.is_synthetic,
    context.days_rest, context.back_to_back, context.games_in_last_7_days, context.minutes_in_last_7_days,
    context.avg_minutes_10, context.back_to_backs_last_14_days, context.player_age, context.projected_usage_100,
    context.avg_usage_100, context.star_teammates_out, context.pace_differential_10,
    context.week_games, context.week_minutes_10, context.week_usage_100, context.week_usage_games,
    context.combinations, context.played_yesterday,
    shot.player_lookup IS NOT NULL AS has_shot_zones, shot.primary_scoring_zone,
    (shot.paint_rate_last_10 * 100)::BIGINT AS paint_rate_100,
    (shot.mid_range_rate_last_10 * 100)::BIGINT AS mid_range_rate_100,
    (shot.three_pt_rate_last_10 * 100)::BIGINT AS three_pt_rate_100,
    defense.team_abbr IS NOT NULL AS has_defense, defense.weakest_zone,
    defense.paint_defense_vs_league_avg, defense.mid_range_defense_vs_league_avg,
    defense.three_pt_defense_vs_league_avg,
    attempts.attempt_number, attempts.breaker_tripped,
    epoch_us(attempts.circuit_breaker_until)::BIGINT AS breaker_until_us
FROM context
LEFT JOIN player_shot_zone_analysis AS shot
    ON shot.analysis_date = context.game_date AND shot.player_lookup = context.player_lookup
LEFT JOIN team_defense_zone_analysis AS defense
    ON defense.analysis_date = context.game_date
    AND defense.team_abbr = nullif(context.opponent_team_abbr, '')
LEFT JOIN attempts
    ON attempts.game_date = context.game_date AND attempts.player_lookup = context.player_lookup
ORDER BY context.game_date, context.player_lookup
