-- ## Window: the last 15 games of the season, the date's own included (§2.2)
SELECT game_number AS "#", game_date, game_id, opponent_team_abbr AS opponent,
    opp_paint_makes AS paint_made, opp_paint_attempts AS paint_att, opp_mid_range_makes AS mid_made, opp_mid_range_attempts AS mid_att,
    opp_three_pt_makes AS three_made, opp_three_pt_attempts AS three_att, points_allowed AS points, defensive_rating AS rating, opponent_pace AS pace
FROM team_window WHERE game_number <= 15 ORDER BY game_number

-- ## Sums over the window: NULL counts as 0; a row needs 15 games (§3.1)
SELECT concat(count(*), ' of 15 games') AS games, sum(opp_paint_makes)::BIGINT AS paint_made, sum(opp_paint_attempts)::BIGINT AS paint_att,
    sum(opp_mid_range_makes)::BIGINT AS mid_made, sum(opp_mid_range_attempts)::BIGINT AS mid_att,
    sum(opp_three_pt_makes)::BIGINT AS three_made, sum(opp_three_pt_attempts)::BIGINT AS three_att,
    sum(points_allowed)::BIGINT AS points, avg(defensive_rating)::DOUBLE AS rating, avg(opponent_pace)::DOUBLE AS pace
FROM team_window WHERE game_number <= 15 HAVING count(*) > 0

-- ## League: teams with 10 games in the last 31 days; fewer than 10 such teams mean the defaults 0.580, 0.410, 0.355 (§2.3, §3.2)
SELECT count(*)::BIGINT AS teams, CASE WHEN count(*) < 10 THEN 'defaults' ELSE 'averages of the teams' END AS taken,
    avg(paint) AS paint, avg(mid) AS mid_range, avg(three) AS three_pt
FROM (
    SELECT sum(opp_paint_makes) / nullif(sum(opp_paint_attempts), 0) AS paint, sum(opp_mid_range_makes) / nullif(sum(opp_mid_range_attempts), 0) AS mid,
        sum(opp_three_pt_makes) / nullif(sum(opp_three_pt_attempts), 0) AS three
    FROM team_defense_game_summary WHERE game_date BETWEEN {date} - 30 AND {date} AND defending_team_abbr IN (SELECT team_abbr FROM teams)
    GROUP BY defending_team_abbr HAVING count(*) >= 10)
WHERE paint IS NOT NULL AND mid IS NOT NULL AND three IS NOT NULL

-- ## Stored row: pct = made / attempts, versus league = (pct - league) x 100 points, unrounded (§3.3, §4.2)
SELECT name, value FROM (
    UNPIVOT (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = '{key}')
    ON COLUMNS(*) INTO NAME name VALUE value)
WHERE name SIMILAR TO '.*(last_15|per_game|vs_league|pace|sample|zone|hash).*'
