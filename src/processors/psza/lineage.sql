-- §2.3: the hash of the row processed last. Looked up over the season, the window that the values
-- use, so that a row depends on nothing its fingerprint does not cover.
WITH newest AS (
    SELECT
        season, game_date,
        max(max({'at': processed_at, 'hash': data_hash})) OVER (PARTITION BY season ORDER BY game_date) AS row_processed_last,
        lead(game_date) OVER (PARTITION BY season ORDER BY game_date) AS next_game_date
    FROM (
        SELECT
            game_date, processed_at, data_hash,
            season_of(game_date) AS season
        FROM player_game_summary
        WHERE data_hash IS NOT NULL AND processed_at IS NOT NULL
    )
    GROUP BY season, game_date
)
SELECT plan.game_date, newest.row_processed_last.hash AS source_hash
FROM plan
JOIN newest
    ON newest.season = plan.season_year
    AND newest.game_date <= plan.window_end
    AND (newest.next_game_date IS NULL OR newest.next_game_date > plan.window_end)
ORDER BY plan.game_date
