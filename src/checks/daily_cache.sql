-- Rows of the warehouse's daily cache on dates of which MLFS reads them, and whatever rows MLFS reads.
CREATE VIEW synced_daily_cache AS
SELECT * FROM synced_cache SEMI JOIN (SELECT game_date AS cache_date FROM cache_of_date WHERE daily_cache = 'synced') AS dates USING (cache_date);
CREATE VIEW daily_cache_read AS
SELECT * FROM player_daily_cache SEMI JOIN (SELECT game_date AS cache_date FROM cache_of_date WHERE daily_cache = 'computed') AS dates USING (cache_date)
UNION ALL
SELECT * FROM synced_daily_cache;
