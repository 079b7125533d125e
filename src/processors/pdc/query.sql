-- Candidates of player_daily_cache: the players whom UPCG has on each date or, where it has nobody, those of PGS, with
-- their rows of PSZA. A player whom UPCG has more than once has more than one row. Minutes are scaled by 10, rates by
-- 100.
WITH synthetic_dates AS (
    SELECT game_date FROM populations SEMI JOIN plan USING (game_date) WHERE is_synthetic
),
-- §2.3: the distinct combinations; their number multiplies counts and sums.
population AS (
    SELECT DISTINCT game_date, player_lookup, universal_player_id, team_abbr
    FROM player_game_summary SEMI JOIN synthetic_dates USING (game_date)
),
candidates AS (
    SELECT
        game_date, player_lookup, universal_player_id, team_abbr, false AS is_synthetic, 1::BIGINT AS combinations,
        games_in_last_7_days, games_in_last_14_days, minutes_in_last_7_days, minutes_in_last_14_days,
        back_to_backs_last_14_days, (avg_minutes_per_game_last_7 * 10)::BIGINT AS avg_minutes_10,
        fourth_quarter_minutes_last_7, player_age, epoch_us(processed_at)::BIGINT AS processed_us
    FROM upcoming_player_game_context SEMI JOIN plan USING (game_date)
    UNION ALL BY NAME
    SELECT
        *, true AS is_synthetic, count(*) OVER (PARTITION BY game_date, player_lookup)::BIGINT AS combinations,
        0::BIGINT AS back_to_backs_last_14_days
    FROM population
    QUALIFY row_number() OVER (
        PARTITION BY game_date, player_lookup ORDER BY team_abbr, universal_player_id NULLS LAST) = 1
)
SELECT
    candidates.*, zones.player_lookup IS NOT NULL AS has_zones, zones.primary_scoring_zone,
    (zones.paint_rate_last_10 * 100)::BIGINT AS paint_rate_100,
    (zones.three_pt_rate_last_10 * 100)::BIGINT AS three_pt_rate_100
FROM candidates
LEFT JOIN player_shot_zone_analysis AS zones
    ON zones.analysis_date = candidates.game_date AND zones.player_lookup = candidates.player_lookup
ORDER BY candidates.game_date, candidates.player_lookup
