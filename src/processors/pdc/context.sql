-- Candidates of player_daily_cache whom UPCG has, in the order of months; `candidates.rs` sorts each month by date and
-- player. A player whom UPCG has more than once has more than one row. Minutes are scaled by 10.
SELECT
    game_date, player_lookup, universal_player_id, team_abbr, false AS is_synthetic, 1::BIGINT AS combinations,
    games_in_last_7_days, games_in_last_14_days, minutes_in_last_7_days, minutes_in_last_14_days,
    back_to_backs_last_14_days, (avg_minutes_per_game_last_7 * 10)::BIGINT AS avg_minutes_10,
    fourth_quarter_minutes_last_7, player_age, epoch_us(processed_at)::BIGINT AS processed_us
FROM upcoming_player_game_context
WHERE game_date BETWEEN getvariable('first_date') AND getvariable('last_date')
