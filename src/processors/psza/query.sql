-- Facts of player_shot_zone_analysis: the qualifying games of the plan's seasons, in the order of
-- dates and players; `rolling.rs` keeps each player's last 20.
SELECT
    player_lookup, universal_player_id, game_date, game_id,
    paint_attempts, paint_makes, mid_range_attempts, mid_range_makes, three_pt_attempts, three_pt_makes,
    fg_makes, assisted_fg_makes, unassisted_fg_makes, epoch_us(processed_at)::BIGINT AS processed_us
FROM player_game_summary
-- §2.2: the filter comes before the ranking; NULL counts as "not greater".
WHERE {psza.counted}
    AND game_date >= (SELECT make_date(min(season_year), 10, 1) FROM plan)
    AND game_date <= (SELECT max(game_date) FROM plan)
ORDER BY game_date, player_lookup
