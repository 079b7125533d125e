-- ## Window: the last 15 games of the season up to {window_end} (§2.2)
SELECT game_number AS "#", game_date, game_id, opponent_team_abbr AS opponent,
    opp_paint_makes AS paint_made, opp_paint_attempts AS paint_att, opp_mid_range_makes AS mid_made, opp_mid_range_attempts AS mid_att,
    opp_three_pt_makes AS three_made, opp_three_pt_attempts AS three_att, points_in_paint_allowed AS paint_points,
    blocks_paint AS paint_blk, blocks_mid_range AS mid_blk, blocks_three_pt AS three_blk,
    points_allowed AS points, defensive_rating AS rating, opponent_pace AS pace
FROM team_window WHERE game_number <= 15 ORDER BY game_number

-- ## Sums over the window (NULL counts as 0), and means of known ratings and paces; a row needs 15 games (§3.1, §3.3)
SELECT concat(count(*), ' of 15 games') AS games, coalesce(sum(opp_paint_makes), 0)::BIGINT AS paint_made, coalesce(sum(opp_paint_attempts), 0)::BIGINT AS paint_att,
    coalesce(sum(opp_mid_range_makes), 0)::BIGINT AS mid_made, coalesce(sum(opp_mid_range_attempts), 0)::BIGINT AS mid_att,
    coalesce(sum(opp_three_pt_makes), 0)::BIGINT AS three_made, coalesce(sum(opp_three_pt_attempts), 0)::BIGINT AS three_att,
    coalesce(sum(points_in_paint_allowed), 0)::BIGINT AS paint_points,
    coalesce(sum(blocks_paint), 0)::BIGINT AS paint_blk, coalesce(sum(blocks_mid_range), 0)::BIGINT AS mid_blk, coalesce(sum(blocks_three_pt), 0)::BIGINT AS three_blk,
    coalesce(sum(points_allowed), 0)::BIGINT AS points,
    sum((defensive_rating * 100)::BIGINT)::DOUBLE / 100::DOUBLE / count(defensive_rating)::DOUBLE AS rating, count(defensive_rating)::BIGINT AS rating_games,
    sum((opponent_pace * 10)::BIGINT)::DOUBLE / 10::DOUBLE / count(opponent_pace)::DOUBLE AS pace, count(opponent_pace)::BIGINT AS pace_games
FROM team_window WHERE game_number <= 15 HAVING count(*) > 0

-- ## League averages: means of the teams that have 10 games from 30 days before the date to {window_end} and all three ratios; defaults with fewer than 10 such teams (§2.3, §3.2)
-- In whole numbers of 2^-57 the sum of the ratios is exact, as the processor's is.
SELECT count(*)::BIGINT AS teams, CASE WHEN count(*) < 10 THEN 'defaults' ELSE 'averages of the teams' END AS taken,
    CASE WHEN count(*) < 10 THEN 0.580::DOUBLE ELSE sum((paint * 144115188075855872)::BIGINT)::BIGINT::DOUBLE / 144115188075855872 / count(*) END AS paint,
    CASE WHEN count(*) < 10 THEN 0.410::DOUBLE ELSE sum((mid * 144115188075855872)::BIGINT)::BIGINT::DOUBLE / 144115188075855872 / count(*) END AS mid_range,
    CASE WHEN count(*) < 10 THEN 0.355::DOUBLE ELSE sum((three * 144115188075855872)::BIGINT)::BIGINT::DOUBLE / 144115188075855872 / count(*) END AS three_pt
FROM (
    SELECT sum(opp_paint_makes) / nullif(sum(opp_paint_attempts), 0) AS paint, sum(opp_mid_range_makes) / nullif(sum(opp_mid_range_attempts), 0) AS mid,
        sum(opp_three_pt_makes) / nullif(sum(opp_three_pt_attempts), 0) AS three
    FROM team_games WHERE game_date BETWEEN {date} - 30 AND {window_end}
    GROUP BY defending_team_abbr HAVING count(*) >= 10)
WHERE paint IS NOT NULL AND mid IS NOT NULL AND three IS NOT NULL

-- ## Stored row: pct = makes / attempts, NULL where attempts are not above 0; per game = sum / 15; versus league = (pct - league) x 100 points, unrounded; zones by the smallest and greatest difference (§3.1, §3.4 to §3.6, §4.2)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(last_15|per_game|vs_league|pace|sample|zone|notes|hash).*'
