-- ## Context: rows of upcoming_player_game_context, of several the first; where it has nobody on the date, the synthetic one (§2.2, §2.3)
SELECT CASE WHEN choice = 1 THEN 'taken' ELSE 'duplicate' END AS role, source, team_abbr AS team, universal_player_id, games_in_last_7_days AS games_7,
    games_in_last_14_days AS games_14, minutes_in_last_7_days AS minutes_7, minutes_in_last_14_days AS minutes_14,
    back_to_backs_last_14_days AS b2b_14, avg_minutes_per_game_last_7::DOUBLE AS avg_minutes_7, fourth_quarter_minutes_last_7 AS fourth_7, player_age AS age
FROM cache_context ORDER BY choice

-- ## Game list: the last {pdc.games_long} qualifying games of the season up to {window_end} (§2.4)
SELECT game_number AS "#", CASE WHEN game_number <= {pdc.games} THEN 'last {pdc.games}, {pdc.games_long} and season' ELSE 'last {pdc.games_long} and season' END AS role, game_date, game_id, team_abbr AS team,
    minutes_played AS minutes, points, usage_rate, ts_pct, fg_makes AS fg_made, assisted_fg_makes AS assisted
FROM cache_games WHERE game_number <= {pdc.games_long} ORDER BY game_number

-- ## Sums: NULL is left out of sum and number; a row needs {pdc.games} games, and the season holds {pdc.games_season} at most (§2.4, §3.1, §3.2)
SELECT concat('last ', size) AS "window", count(*)::BIGINT AS games, sum(points)::BIGINT AS points, count(points)::BIGINT AS of_points,
    sum(minutes_played) AS minutes, count(minutes_played)::BIGINT AS of_minutes, sum(usage_rate) AS usage, count(usage_rate)::BIGINT AS of_usage,
    sum(ts_pct) AS ts, count(ts_pct)::BIGINT AS of_ts, sum(coalesce(fg_makes, 0))::BIGINT AS fg_made, sum(coalesce(assisted_fg_makes, 0))::BIGINT AS assisted
FROM cache_games, (VALUES ({pdc.games}), ({pdc.games_long}), ({pdc.games_season})) AS sizes(size) WHERE game_number <= size GROUP BY size ORDER BY size

-- ## Team list: the last {pdc.team_games} games up to {window_end} of the team in the context, of any season (§2.5)
SELECT game_number AS "#", (SELECT team_abbr FROM cache_context WHERE choice = 1) AS team, game_date, game_id, pace, offensive_rating AS rating
FROM cache_team_games ORDER BY game_number

-- ## Team: NULL is left out of sum and number (§3.3)
SELECT sum(pace) AS pace, count(pace)::BIGINT AS of_pace, sum(offensive_rating) AS rating, count(offensive_rating)::BIGINT AS of_rating
FROM cache_team_games HAVING count(*) > 0

-- ## Shot zones: the player's row of shot zones (§2.6)
SELECT primary_scoring_zone AS primary_zone, paint_rate_last_10 AS paint_rate, three_pt_rate_last_10 AS three_rate
FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}'

-- ## Completeness: actual / (expected - did not play) x 100; "actual" of l5 and l10 are all games of the season, so percentages run to thousands (§3.6, Q2)
-- told: completeness

-- ## Stored row: means are rounded to four places, then half away from zero to those of their column (§3.0)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM player_daily_cache WHERE cache_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(_last_5|_last_10|_season|_last_7|days|zone|age|hash|_count|completeness_pct|_complete|ready|tier|score|reason|universal).*' AND name NOT SIMILAR TO 'source.*'
