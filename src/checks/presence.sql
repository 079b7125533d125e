-- Who stands where on a date, as bits: every player with a game, a context, or a row of PCF, PDC or MLFS. A team may be missing in
-- a row that counts; another than the 30 may not.
CREATE TABLE places AS
WITH sides AS (SELECT '' AS team_abbr UNION SELECT team_abbr FROM teams)
SELECT game_date, player_lookup, bit_or(place) AS places FROM (
    SELECT game_date, player_lookup, 1::USMALLINT | CASE WHEN is_active THEN 2 ELSE 0 END::USMALLINT
        | CASE WHEN team_abbr IN (FROM teams) THEN CASE WHEN opponent_team_abbr IN (FROM sides) THEN 12 ELSE 4 END ELSE 0 END::USMALLINT
        | CASE WHEN coalesce(team_abbr, '') IN (FROM sides) AND coalesce(opponent_team_abbr, '') IN (FROM sides) THEN 256 ELSE 0 END::USMALLINT AS place
    FROM player_game_summary
    UNION ALL SELECT game_date, player_lookup, 16::USMALLINT
        | CASE WHEN coalesce(team_abbr, '') IN (FROM sides) AND coalesce(opponent_team_abbr, '') IN (FROM sides) THEN 512 ELSE 0 END::USMALLINT
    FROM upcoming_player_game_context
    UNION ALL SELECT game_date, player_lookup, 32::USMALLINT FROM player_composite_factors
    UNION ALL SELECT cache_date, player_lookup, 64::USMALLINT FROM player_daily_cache
    UNION ALL SELECT game_date, player_lookup, 128::USMALLINT FROM ml_feature_store_v2)
GROUP BY ALL;
CREATE VIEW presence AS
SELECT game_date, player_lookup, places & 1 > 0 AS has_game, places & 2 > 0 AS is_active, places & 4 > 0 AS is_of_team, places & 8 > 0 AS is_of_teams,
    places & 16 > 0 AS has_context, places & 32 > 0 AS in_pcf, places & 64 > 0 AS in_pdc, places & 128 > 0 AS in_mlfs,
    places & 256 > 0 AS in_roster, places & 512 > 0 AS in_contexts
FROM places;
-- Which processors are done on a date.
CREATE VIEW done AS
SELECT game_date, bool_or(processor = 'PCF') AS has_pcf, bool_or(processor = 'PDC') AS has_pdc, bool_or(processor = 'MLFS') AS has_mlfs
FROM state WHERE state = 'done' GROUP BY game_date;
