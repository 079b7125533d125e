-- Whatever rows of player_daily_cache MLFS reads.
CREATE VIEW daily_cache_read AS
SELECT * FROM player_daily_cache SEMI JOIN (SELECT game_date AS cache_date FROM cache_of_date WHERE daily_cache = 'computed') AS dates USING (cache_date)
UNION ALL BY NAME
SELECT * FROM synced_daily_cache;
