-- Facts of team_defense_zone_analysis: one row per date of the plan and team with a game in the
-- season so far, or in the league window. Sums are exact integers; decimals are scaled.
WITH games AS (
    SELECT
        game_id, game_date, defending_team_abbr AS team_abbr,
        season_of(game_date) AS season,
        opp_paint_makes, opp_paint_attempts, opp_mid_range_makes, opp_mid_range_attempts,
        opp_three_pt_makes, opp_three_pt_attempts, points_in_paint_allowed,
        blocks_paint, blocks_mid_range, blocks_three_pt, points_allowed,
        (defensive_rating * 100)::BIGINT AS defensive_rating_100,
        (opponent_pace * 10)::BIGINT AS opponent_pace_10,
        data_hash, processed_at
    FROM team_defense_game_summary
),
-- §2.2: the last rows up to and including each game. Ranking is by date descending, then game_id
-- ascending; the further columns only make rows that share both take a fixed order.
running AS (
    SELECT
        team_abbr, season, game_date,
        count(*) OVER so_far AS games_so_far,
        sum(opp_paint_makes) OVER newest_games AS paint_makes,
        sum(opp_paint_attempts) OVER newest_games AS paint_attempts,
        sum(opp_mid_range_makes) OVER newest_games AS mid_range_makes,
        sum(opp_mid_range_attempts) OVER newest_games AS mid_range_attempts,
        sum(opp_three_pt_makes) OVER newest_games AS three_pt_makes,
        sum(opp_three_pt_attempts) OVER newest_games AS three_pt_attempts,
        sum(points_in_paint_allowed) OVER newest_games AS paint_points,
        sum(blocks_paint) OVER newest_games AS paint_blocks,
        sum(blocks_mid_range) OVER newest_games AS mid_range_blocks,
        sum(blocks_three_pt) OVER newest_games AS three_pt_blocks,
        sum(points_allowed) OVER newest_games AS points,
        sum(defensive_rating_100) OVER newest_games AS rating_100,
        count(defensive_rating_100) OVER newest_games AS rating_games,
        sum(opponent_pace_10) OVER newest_games AS pace_10,
        count(opponent_pace_10) OVER newest_games AS pace_games,
        lead(game_date) OVER so_far AS next_game_date
    FROM games
    WINDOW
        so_far AS (
            PARTITION BY team_abbr, season
            ORDER BY game_date, game_id DESC, processed_at, points_allowed, opp_paint_makes, opp_paint_attempts,
                opp_mid_range_makes, opp_mid_range_attempts, opp_three_pt_makes, opp_three_pt_attempts,
                points_in_paint_allowed, blocks_paint, blocks_mid_range, blocks_three_pt,
                defensive_rating_100, opponent_pace_10
        ),
        newest_games AS (
            PARTITION BY team_abbr, season
            ORDER BY game_date, game_id DESC, processed_at, points_allowed, opp_paint_makes, opp_paint_attempts,
                opp_mid_range_makes, opp_mid_range_attempts, opp_three_pt_makes, opp_three_pt_attempts,
                points_in_paint_allowed, blocks_paint, blocks_mid_range, blocks_three_pt,
                defensive_rating_100, opponent_pace_10
            ROWS BETWEEN {tdza.games} - 1 PRECEDING AND CURRENT ROW
        )
    -- The last row of a date speaks for the date.
    QUALIFY next_game_date IS DISTINCT FROM game_date
),
team_window AS (
    SELECT plan.game_date AS analysis_date, running.* EXCLUDE (season, game_date, next_game_date)
    FROM plan
    JOIN running
        ON running.season = plan.season_year
        AND running.game_date <= plan.window_end
        AND (running.next_game_date IS NULL OR running.next_game_date > plan.window_end)
),
-- §2.3, §3.2: no season bound; SUM is NULL where every value is.
league_window AS (
    SELECT
        plan.game_date AS analysis_date, games.team_abbr,
        sum(opp_paint_makes) AS league_paint_makes, sum(opp_paint_attempts) AS league_paint_attempts,
        sum(opp_mid_range_makes) AS league_mid_range_makes, sum(opp_mid_range_attempts) AS league_mid_range_attempts,
        sum(opp_three_pt_makes) AS league_three_pt_makes, sum(opp_three_pt_attempts) AS league_three_pt_attempts
    FROM plan
    JOIN games ON games.game_date BETWEEN plan.game_date - {tdza.league_days} AND plan.window_end
    GROUP BY ALL
    HAVING count(*) >= {tdza.league_games}
),
-- §2.4: the hash of the row processed last, season to date.
newest AS (
    SELECT
        season, game_date,
        max(max({'at': processed_at, 'hash': data_hash})) OVER (PARTITION BY season ORDER BY game_date) AS row_processed_last,
        lead(game_date) OVER (PARTITION BY season ORDER BY game_date) AS next_game_date
    FROM games
    WHERE data_hash IS NOT NULL
    GROUP BY season, game_date
),
lineage AS (
    SELECT plan.game_date AS analysis_date, newest.row_processed_last.hash AS source_hash
    FROM plan
    JOIN newest
        ON newest.season = plan.season_year
        AND newest.game_date <= plan.window_end
        AND (newest.next_game_date IS NULL OR newest.next_game_date > plan.window_end)
)
SELECT
    analysis_date, team_abbr, games_so_far::BIGINT AS games_so_far,
    coalesce(paint_makes, 0)::BIGINT AS paint_makes, coalesce(paint_attempts, 0)::BIGINT AS paint_attempts,
    coalesce(mid_range_makes, 0)::BIGINT AS mid_range_makes, coalesce(mid_range_attempts, 0)::BIGINT AS mid_range_attempts,
    coalesce(three_pt_makes, 0)::BIGINT AS three_pt_makes, coalesce(three_pt_attempts, 0)::BIGINT AS three_pt_attempts,
    coalesce(paint_points, 0)::BIGINT AS paint_points, coalesce(paint_blocks, 0)::BIGINT AS paint_blocks,
    coalesce(mid_range_blocks, 0)::BIGINT AS mid_range_blocks, coalesce(three_pt_blocks, 0)::BIGINT AS three_pt_blocks,
    coalesce(points, 0)::BIGINT AS points,
    rating_100::BIGINT AS rating_100, rating_games::BIGINT AS rating_games,
    pace_10::BIGINT AS pace_10, pace_games::BIGINT AS pace_games,
    league_paint_makes::BIGINT AS league_paint_makes, league_paint_attempts::BIGINT AS league_paint_attempts,
    league_mid_range_makes::BIGINT AS league_mid_range_makes, league_mid_range_attempts::BIGINT AS league_mid_range_attempts,
    league_three_pt_makes::BIGINT AS league_three_pt_makes, league_three_pt_attempts::BIGINT AS league_three_pt_attempts,
    source_hash
FROM team_window
FULL JOIN league_window USING (analysis_date, team_abbr)
LEFT JOIN lineage USING (analysis_date)
ORDER BY analysis_date, team_abbr
