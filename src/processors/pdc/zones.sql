-- Rows of PSZA in the order of months; a player has one on a date. Rates are scaled by 100.
SELECT
    analysis_date AS game_date, player_lookup, primary_scoring_zone,
    (paint_rate_last_10 * 100)::BIGINT AS paint_rate_100, (three_pt_rate_last_10 * 100)::BIGINT AS three_pt_rate_100
FROM player_shot_zone_analysis
WHERE analysis_date BETWEEN getvariable('first_date') AND getvariable('last_date')
