-- ## Window: the last {psza.games_long} qualifying games of the season up to {window_end} (§2.2, §3.1)
SELECT game_number AS "#", CASE WHEN game_number <= {psza.games} THEN 'last {psza.games} and {psza.games_long}' ELSE 'last {psza.games_long}' END AS role,
    game_date, game_id, team_abbr AS team, minutes_played AS minutes, paint_attempts AS paint_att, paint_makes AS paint_made,
    mid_range_attempts AS mid_att, mid_range_makes AS mid_made, three_pt_attempts AS three_att, three_pt_makes AS three_made,
    fg_makes AS fg_made, assisted_fg_makes AS assisted, unassisted_fg_makes AS unassisted
FROM player_window WHERE game_number <= {psza.games_long} ORDER BY game_number

-- ## Sums: NULL counts as 0 (§3.1); a row needs {psza.games} games
SELECT concat('last ', size) AS "window", concat(count(*), ' of ', size, ' games') AS games,
    sum(coalesce(paint_attempts, 0))::BIGINT AS paint_att, sum(coalesce(paint_makes, 0))::BIGINT AS paint_made,
    sum(coalesce(mid_range_attempts, 0))::BIGINT AS mid_att, sum(coalesce(mid_range_makes, 0))::BIGINT AS mid_made,
    sum(coalesce(three_pt_attempts, 0))::BIGINT AS three_att, sum(coalesce(three_pt_makes, 0))::BIGINT AS three_made,
    sum(coalesce(paint_attempts, 0) + coalesce(mid_range_attempts, 0) + coalesce(three_pt_attempts, 0))::BIGINT AS shots,
    sum(coalesce(assisted_fg_makes, 0))::BIGINT AS assisted, sum(coalesce(unassisted_fg_makes, 0))::BIGINT AS unassisted, sum(coalesce(fg_makes, 0))::BIGINT AS fg_made,
    count(*) FILTER (paint_attempts IS NULL)::BIGINT AS games_without_zones
FROM player_window, (VALUES ({psza.games}), ({psza.games_long})) AS sizes(size) WHERE game_number <= size
GROUP BY size ORDER BY size

-- ## Stored row: rate = zone attempts / shots x 100, pct = makes / attempts, assisted rate = assisted makes / makes x 100, per game = attempts / {psza.games}; NULL where the divisor is not above 0, and over {psza.games_long} games also with fewer than {psza.trend_games} (§3.2 to §3.5)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(last_10|last_20|sample|sample_quality|per_game|zone|hash|universal).*'
