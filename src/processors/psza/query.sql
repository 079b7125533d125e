-- Facts of player_shot_zone_analysis: one row per player and date with a qualifying game, holding
-- the sums of the last 10 and 20 qualifying games and the days for which they stand:
-- [game_date, next_game_date), within the season.
WITH games AS (
    SELECT
        player_lookup, universal_player_id, game_date, game_id,
        CASE WHEN month(game_date) >= 10 THEN year(game_date) ELSE year(game_date) - 1 END AS season,
        paint_attempts, paint_makes, mid_range_attempts, mid_range_makes, three_pt_attempts, three_pt_makes,
        fg_makes, assisted_fg_makes, unassisted_fg_makes, processed_at
    FROM player_game_summary
    -- §2.2: the filter comes before the ranking; NULL counts as "not greater".
    WHERE is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(fg_attempts, 0) > 0)
)
SELECT
    player_lookup, season, game_date, universal_player_id,
    lead(game_date) OVER so_far AS next_game_date,
    count(*) OVER so_far AS games_so_far,
    coalesce(sum(paint_attempts) OVER last_10, 0)::BIGINT AS paint_attempts_10,
    coalesce(sum(paint_makes) OVER last_10, 0)::BIGINT AS paint_makes_10,
    coalesce(sum(mid_range_attempts) OVER last_10, 0)::BIGINT AS mid_range_attempts_10,
    coalesce(sum(mid_range_makes) OVER last_10, 0)::BIGINT AS mid_range_makes_10,
    coalesce(sum(three_pt_attempts) OVER last_10, 0)::BIGINT AS three_pt_attempts_10,
    coalesce(sum(three_pt_makes) OVER last_10, 0)::BIGINT AS three_pt_makes_10,
    coalesce(sum(fg_makes) OVER last_10, 0)::BIGINT AS fg_makes_10,
    coalesce(sum(assisted_fg_makes) OVER last_10, 0)::BIGINT AS assisted_10,
    coalesce(sum(unassisted_fg_makes) OVER last_10, 0)::BIGINT AS unassisted_10,
    coalesce(sum(paint_attempts) OVER last_20, 0)::BIGINT AS paint_attempts_20,
    coalesce(sum(paint_makes) OVER last_20, 0)::BIGINT AS paint_makes_20,
    coalesce(sum(mid_range_attempts) OVER last_20, 0)::BIGINT AS mid_range_attempts_20,
    coalesce(sum(three_pt_attempts) OVER last_20, 0)::BIGINT AS three_pt_attempts_20
FROM games
-- Ranking is by date descending, then game_id ascending; the further columns only make rows that
-- share both take a fixed order.
WINDOW
    so_far AS (
        PARTITION BY player_lookup, season
        ORDER BY game_date, game_id DESC, processed_at, universal_player_id, paint_attempts, paint_makes,
            mid_range_attempts, mid_range_makes, three_pt_attempts, three_pt_makes, fg_makes, assisted_fg_makes,
            unassisted_fg_makes
    ),
    last_10 AS (
        PARTITION BY player_lookup, season
        ORDER BY game_date, game_id DESC, processed_at, universal_player_id, paint_attempts, paint_makes,
            mid_range_attempts, mid_range_makes, three_pt_attempts, three_pt_makes, fg_makes, assisted_fg_makes,
            unassisted_fg_makes
        ROWS BETWEEN 9 PRECEDING AND CURRENT ROW
    ),
    last_20 AS (
        PARTITION BY player_lookup, season
        ORDER BY game_date, game_id DESC, processed_at, universal_player_id, paint_attempts, paint_makes,
            mid_range_attempts, mid_range_makes, three_pt_attempts, three_pt_makes, fg_makes, assisted_fg_makes,
            unassisted_fg_makes
        ROWS BETWEEN 19 PRECEDING AND CURRENT ROW
    )
-- The last row of a date speaks for the date.
QUALIFY next_game_date IS DISTINCT FROM game_date
ORDER BY player_lookup, season, game_date
