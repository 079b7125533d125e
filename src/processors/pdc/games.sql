-- Player games in the order of months: those of the plan's seasons, by date or by the season of the row. `feed.rs` sorts
-- each month by date and player, and `players.rs` keeps each player's windows. Minutes are scaled by 10, usage by 100,
-- true shooting by 1000.
SELECT
    player_lookup, game_date, game_id, team_abbr, season_year,
    -- §2.4: conditions 3 and 4; NULL counts as "not greater".
    {pdc.counted} AS qualifies,
    points, (minutes_played * 10)::BIGINT AS minutes_10, (usage_rate * 100)::BIGINT AS usage_100,
    (ts_pct * 1000)::BIGINT AS ts_1000, fg_makes, assisted_fg_makes, epoch_us(processed_at)::BIGINT AS processed_us
FROM player_game_summary
WHERE (game_date >= getvariable('first_day') OR season_year >= getvariable('first_season'))
    AND game_date <= getvariable('last_date')
