-- §2.3: candidates of the plan's dates on which UPCG has nobody: the players of PGS, with the columns of `context.sql`.
WITH synthetic_dates AS (
    SELECT game_date FROM plan ANTI JOIN upcoming_player_game_context USING (game_date)
),
-- The distinct combinations; their number multiplies counts and sums.
population AS (
    SELECT DISTINCT game_date, player_lookup, universal_player_id, team_abbr
    FROM player_game_summary SEMI JOIN synthetic_dates USING (game_date)
)
SELECT
    game_date, player_lookup, universal_player_id, team_abbr, true AS is_synthetic,
    count(*) OVER (PARTITION BY game_date, player_lookup)::BIGINT AS combinations,
    NULL::BIGINT AS games_in_last_7_days, NULL::BIGINT AS games_in_last_14_days,
    NULL::BIGINT AS minutes_in_last_7_days, NULL::BIGINT AS minutes_in_last_14_days,
    0::BIGINT AS back_to_backs_last_14_days, NULL::BIGINT AS avg_minutes_10,
    NULL::BIGINT AS fourth_quarter_minutes_last_7, NULL::BIGINT AS player_age, NULL::BIGINT AS processed_us
FROM population
QUALIFY row_number() OVER (
    PARTITION BY game_date, player_lookup ORDER BY team_abbr, universal_player_id NULLS LAST) = 1
ORDER BY game_date, player_lookup
