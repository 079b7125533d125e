-- Facts of player_composite_factors: the contexts of each date's players, from UPCG or, where that is
-- missing or partial, from PGS. A player whom UPCG has more than once has more than one row. Decimals are scaled integers: minutes by 10, usage and rates
-- by 100, pace by 10.
WITH upcg_rows AS (
    SELECT game_date, count(*) AS row_count FROM upcoming_player_game_context GROUP BY game_date
),
pgs_players AS (
    SELECT game_date, count(DISTINCT player_lookup) AS player_count FROM player_game_summary GROUP BY game_date
),
-- §2.2: UPCG rows against distinct PGS players.
source_of_date AS (
    SELECT plan.game_date, {pcf.is_synthetic} AS is_synthetic
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
        (pace_differential * 10)::BIGINT AS pace_differential_10,
        epoch_us(processed_at)::BIGINT AS processed_us
    FROM upcoming_player_game_context
    JOIN source_of_date USING (game_date)
    WHERE NOT is_synthetic
),
-- §2.3: the distinct combinations that make the population; their number multiplies counts and sums.
population AS (
    SELECT DISTINCT game_date, player_lookup, universal_player_id, game_id, opponent_team_abbr
    FROM player_game_summary
    JOIN source_of_date USING (game_date)
    WHERE is_synthetic
),
-- The days before a synthetic date: often none, and then no game is read for them.
looked_back_on AS (
    SELECT DISTINCT game_date - days AS game_date
    FROM (SELECT game_date, unnest(range(1, {pcf.days} + 1))::INTEGER AS days FROM source_of_date WHERE is_synthetic)
),
-- A game lies in its own week and serves the next one: with that, the join looks at a few games only.
games_by_week AS (
    SELECT
        player_lookup, game_date, minutes_played, usage_rate,
        unnest([(game_date - DATE '1970-01-01') // {pcf.days}, (game_date - DATE '1970-01-01') // {pcf.days} + 1]) AS week
    FROM player_game_summary
    SEMI JOIN looked_back_on USING (game_date)
),
-- What each player looks back on. Games of the date itself are not part of it.
recent AS (
    SELECT
        player.game_date, player.player_lookup,
        bool_or(game.game_date = player.game_date - 1) AS played_yesterday,
        count(*) AS week_games,
        sum((game.minutes_played * 10)::BIGINT) AS week_minutes_10,
        sum((game.usage_rate * 100)::BIGINT) AS week_usage_100,
        count(game.usage_rate) AS week_usage_games
    FROM (SELECT DISTINCT game_date, player_lookup FROM population) AS player
    JOIN games_by_week AS game
        ON game.player_lookup = player.player_lookup
        AND game.week = (player.game_date - DATE '1970-01-01') // {pcf.days}
        AND game.game_date BETWEEN player.game_date - {pcf.days} AND player.game_date - 1
    GROUP BY player.game_date, player.player_lookup
),
from_pgs AS (
    SELECT
        population.*, recent.* EXCLUDE (game_date, player_lookup),
        count(*) OVER (PARTITION BY population.game_date, population.player_lookup) AS combinations
    FROM population
    LEFT JOIN recent
        ON recent.game_date = population.game_date AND recent.player_lookup = population.player_lookup
    QUALIFY row_number() OVER (
        PARTITION BY population.game_date, population.player_lookup
        ORDER BY population.game_id, population.opponent_team_abbr, population.universal_player_id NULLS LAST
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
    context.combinations, context.played_yesterday, context.opponent_team_abbr, context.processed_us,
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
