-- ## Window: the last {tdza.games} games of the season up to {window_end} (§2.2)
SELECT game_number AS "#", game_date, game_id, opponent_team_abbr AS opponent,
    opp_paint_makes AS paint_made, opp_paint_attempts AS paint_att, opp_mid_range_makes AS mid_made, opp_mid_range_attempts AS mid_att,
    opp_three_pt_makes AS three_made, opp_three_pt_attempts AS three_att, points_in_paint_allowed AS paint_points,
    blocks_paint AS paint_blk, blocks_mid_range AS mid_blk, blocks_three_pt AS three_blk,
    points_allowed AS points, defensive_rating AS rating, opponent_pace AS pace
FROM team_window WHERE game_number <= {tdza.games} ORDER BY game_number

-- ## Sums over the window (NULL counts as 0), and means of known ratings and paces; a row needs {tdza.games} games (§3.1, §3.3)
-- told: sums

-- ## League averages: means of the teams that have {tdza.league_games} games from {tdza.league_days} days before the date to {window_end} and all three ratios; defaults with fewer than {tdza.league_teams} such teams (§2.3, §3.2)
-- told: league

-- ## Stored row: pct = makes / attempts, NULL where attempts are not above 0; per game = sum / {tdza.games}; versus league = (pct - league) x 100 points, unrounded; zones by the smallest and greatest difference (§3.1, §3.4 to §3.6, §4.2)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(last_15|per_game|vs_league|pace|sample|zone|notes|hash).*'
