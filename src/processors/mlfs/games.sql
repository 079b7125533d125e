-- Reads F, G, I and J: every game of the look-back, in the order of dates and players; `history.rs`
-- keeps what each read needs of it. Minutes are scaled by 10, quotients by 10^9.
SELECT
    player_lookup, universal_player_id, game_id, game_date, team_abbr, opponent_team_abbr, season_year, points, ft_makes,
    (minutes_played * 10)::BIGINT AS minutes_10, epoch_us(processed_at)::BIGINT AS processed_us,
    -- §2.4: points / minutes as a NUMERIC, nine decimals, half away from zero.
    CASE WHEN minutes_played > 0 THEN
        sign(points)::BIGINT
        * ((abs(points) * 20000000000 + (minutes_played * 10)::BIGINT) // (2 * (minutes_played * 10)::BIGINT))
    END::BIGINT AS ppm_nano
FROM player_game_summary
WHERE game_date >= (SELECT min(game_date) - INTERVAL {mlfs.opponent_months} MONTH FROM plan)
    AND game_date <= (SELECT max(game_date) FROM plan)
ORDER BY game_date, player_lookup
