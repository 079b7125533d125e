-- ## Context of the date: rows of UPCG against players of PGS; below 90 % everybody takes the synthetic one (§2.2)
SELECT contexts, players, CASE WHEN contexts = 0 OR (players > 0 AND contexts < 0.9 * players) THEN 'synthetic, from past games' ELSE 'upcoming_player_game_context' END AS taken
FROM (SELECT count(*)::BIGINT AS contexts FROM contexts), (SELECT count(DISTINCT player_lookup)::BIGINT AS players FROM games WHERE game_date = {date})

-- ## Row of upcoming_player_game_context (§2.1)
SELECT game_id, opponent_team_abbr AS opponent, days_rest, back_to_back, games_in_last_7_days AS games_7, minutes_in_last_7_days AS minutes_7,
    avg_minutes_per_game_last_7 AS avg_minutes_7, back_to_backs_last_14_days AS b2b_14, player_age AS age, projected_usage_rate AS usage_projected,
    avg_usage_rate_last_7_games AS usage_7, star_teammates_out AS stars_out, pace_differential AS pace_diff
FROM contexts WHERE player_lookup = '{key}'

-- ## Games of the 7 days before the date, from which a synthetic context is made (§2.3)
SELECT game_date, game_id, minutes_played AS minutes, usage_rate, game_date = {date} - 1 AS yesterday
FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 7 AND {date} - 1 ORDER BY game_date DESC

-- ## PSZA row of the date: what the player's shots are (§3.4)
SELECT primary_scoring_zone AS primary_zone, paint_rate_last_10 AS paint_rate, mid_range_rate_last_10 AS mid_rate, three_pt_rate_last_10 AS three_rate
FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}'

-- ## TDZA row of the opponent: what it allows, in points against the league (§3.4)
SELECT team_abbr AS opponent, weakest_zone, paint_defense_vs_league_avg AS paint, mid_range_defense_vs_league_avg AS mid_range, three_pt_defense_vs_league_avg AS three_pt
FROM team_defense_zone_analysis
WHERE analysis_date = {date} AND team_abbr IN (
    SELECT opponent_team_abbr FROM contexts WHERE player_lookup = '{key}' UNION SELECT opponent_team_abbr FROM games WHERE game_date = {date} AND player_lookup = '{key}')

-- ## Stored row: four scores with how each came about, and their sum (§3.2 to §3.8)
SELECT name, value FROM (
    UNPIVOT (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}')
    ON COLUMNS(*) INTO NAME name VALUE value)
WHERE name SIMILAR TO '.*(_score|_adjustment|_json|completeness_pct|missing_data|warning|data_hash).*' AND name NOT SIMILAR TO 'source.*'
