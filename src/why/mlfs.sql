-- ## Upstream rows of the date (§2.5): what the features can be taken from
SELECT
    (SELECT count(*)::BIGINT FROM player_daily_cache WHERE cache_date = {date} AND player_lookup = '{key}') AS daily_cache,
    (SELECT count(*)::BIGINT FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}') AS composite_factors,
    (SELECT count(*)::BIGINT FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}') AS shot_zones,
    (SELECT count(*)::BIGINT FROM team_defense_zone_analysis AS defense JOIN games ON games.game_date = {date} AND games.player_lookup = '{key}' AND defense.team_abbr = games.opponent_team_abbr WHERE defense.analysis_date = {date}) AS opponent_defense,
    (SELECT count(*)::BIGINT FROM contexts WHERE player_lookup = '{key}') AS context,
    (SELECT count(*)::BIGINT FROM bettingpros_player_points_props WHERE game_date = {date} AND player_lookup = '{key}' AND bet_side = 'over' AND points_line IS NOT NULL AND is_active) AS lines

-- ## Recent games: up to ten in the 60 days before the date (read F, §2.3)
SELECT row_number() OVER (ORDER BY game_date DESC, game_id DESC) AS "#", game_date, game_id, points, minutes_played AS minutes, ft_makes
FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 60 AND {date} - 1
ORDER BY game_date DESC, game_id DESC LIMIT 10

-- ## Earlier games of the season and against the opponent (reads G and I, §2.3)
SELECT 'season' AS "set", count(*)::BIGINT AS games, avg(points)::DOUBLE AS points, avg(minutes_played)::DOUBLE AS minutes
FROM games WHERE player_lookup = '{key}' AND season_year = {season_year} AND game_date < {date}
UNION ALL
SELECT concat('against ', min(past.opponent_team_abbr), ', 3 years'), count(*), avg(past.points), avg(past.minutes_played)
FROM games AS past JOIN games AS today ON today.game_date = {date} AND today.player_lookup = '{key}' AND past.opponent_team_abbr = today.opponent_team_abbr
WHERE past.player_lookup = '{key}' AND past.game_date < {date}

-- ## Features: value, where it came from, and what it falls back to (§3)
WITH row_of AS (SELECT * FROM ml_feature_store_v2 WHERE game_date = {date} AND player_lookup = '{key}' LIMIT 1),
cache AS (SELECT * FROM player_daily_cache WHERE cache_date = {date} AND player_lookup = '{key}' LIMIT 1),
factors AS (SELECT * FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}' LIMIT 1),
zones AS (SELECT * FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}' LIMIT 1),
defense AS (SELECT * FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = (SELECT opponent_team_abbr FROM row_of) LIMIT 1),
recent AS (SELECT least(count(*), 10)::BIGINT AS n FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 60 AND {date} - 1),
earlier AS (SELECT count(*)::BIGINT AS n FROM games WHERE player_lookup = '{key}' AND season_year = {season_year} AND game_date < {date}),
month AS (SELECT count(*)::BIGINT AS n FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 30 AND {date} - 1 AND minutes_played > 0),
line AS (SELECT count(*)::BIGINT AS n FROM bettingpros_player_points_props WHERE game_date = {date} AND player_lookup = '{key}' AND bet_side = 'over' AND points_line IS NOT NULL AND is_active),
context AS (SELECT count(*)::BIGINT AS n FROM contexts WHERE player_lookup = '{key}'),
source AS (
    SELECT * FROM (VALUES
        (0, (SELECT CASE WHEN points_avg_last_5 IS NOT NULL THEN 'daily cache' END FROM cache), (SELECT CASE WHEN n >= 5 THEN 'mean of the last 5 games' END FROM recent), 'default 10', '§3.1'),
        (1, (SELECT CASE WHEN points_avg_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), (SELECT CASE WHEN n >= 1 THEN concat('mean of the last ', n, ' games') END FROM recent), 'default 10', '§3.1'),
        (2, (SELECT CASE WHEN points_avg_season IS NOT NULL THEN 'daily cache' END FROM cache), (SELECT CASE WHEN n >= 1 THEN concat('mean of ', n, ' games of the season') END FROM earlier), 'default 10', '§3.1'),
        (3, (SELECT CASE WHEN points_std_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), NULL, 'default 5', '§3.1'),
        (4, (SELECT CASE WHEN games_in_last_7_days IS NOT NULL THEN 'daily cache' END FROM cache), NULL, 'default 3', '§3.1'),
        (5, (SELECT CASE WHEN fatigue_score IS NOT NULL THEN 'composite factors' END FROM factors), NULL, 'default 50', '§3.1'),
        (6, (SELECT CASE WHEN shot_zone_mismatch_score IS NOT NULL THEN 'composite factors' END FROM factors), NULL, 'default 0', '§3.1'),
        (7, (SELECT CASE WHEN pace_score IS NOT NULL THEN 'composite factors' END FROM factors), NULL, 'default 0', '§3.1'),
        (8, (SELECT CASE WHEN usage_spike_score IS NOT NULL THEN 'composite factors' END FROM factors), NULL, 'default 0', '§3.1'),
        (9, NULL, (SELECT CASE WHEN n > 0 THEN 'own minus opponent''s days of rest, within 2' END FROM context), 'no context: 0', '§3.3'),
        (10, NULL, (SELECT CASE WHEN n > 0 THEN 'player status of the context' END FROM context), 'no context: 0', '§3.3'),
        (11, NULL, (SELECT CASE WHEN n >= 5 THEN 'games 4 to 5 minus games 1 to 3' END FROM recent), 'fewer than 5 games: 0', '§3.3'),
        (12, NULL, 'recent minutes against the season''s', '0', '§3.3'),
        (13, (SELECT 'opponent''s TDZA row' FROM defense), NULL, 'default 112', '§3.1'),
        (14, (SELECT 'opponent''s TDZA row' FROM defense), NULL, 'default 100', '§3.1'),
        (15, NULL, (SELECT CASE WHEN n > 0 THEN 'context' END FROM context), 'no context: 0', '§3.1'),
        (16, NULL, (SELECT CASE WHEN n > 0 THEN 'context' END FROM context), 'no context: 0', '§3.1'),
        (17, NULL, (SELECT CASE WHEN n > 0 THEN 'season phase of the context' END FROM context), 'no context: 0', '§3.1'),
        (18, (SELECT CASE WHEN paint_rate_last_10 IS NOT NULL THEN 'PSZA row' END FROM zones), (SELECT CASE WHEN (SELECT count(*) FROM zones) = 0 AND paint_rate_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), 'default 30 %', '§3.1'),
        (19, (SELECT CASE WHEN mid_range_rate_last_10 IS NOT NULL THEN 'PSZA row' END FROM zones), NULL, 'default 20 %', '§3.1'),
        (20, (SELECT CASE WHEN three_pt_rate_last_10 IS NOT NULL THEN 'PSZA row' END FROM zones), (SELECT CASE WHEN (SELECT count(*) FROM zones) = 0 AND three_pt_rate_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), 'default 35 %', '§3.1'),
        (21, NULL, (SELECT CASE WHEN n >= 5 THEN concat('free throws of ', n, ' games') END FROM recent), 'fewer than 5 games or no points: 0.15', '§3.3'),
        (22, (SELECT CASE WHEN team_pace_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), NULL, 'default 100', '§3.1'),
        (23, (SELECT CASE WHEN team_off_rating_last_10 IS NOT NULL THEN 'daily cache' END FROM cache), NULL, 'default 112', '§3.1'),
        (24, NULL, NULL, 'always 0.5: team games are never loaded', '§3.3'),
        (25, NULL, (SELECT CASE WHEN n > 0 THEN concat('mean of ', n, ' lines') END FROM line), 'no line: season mean, else 15', '§3.4'),
        (26, NULL, (SELECT CASE WHEN n > 0 THEN 'mean of the opening lines' END FROM line), 'no line: season mean, else 15', '§3.4'),
        (27, NULL, (SELECT CASE WHEN n > 0 THEN 'line minus opening line' END FROM line), 'no line: 0', '§3.4'),
        (28, NULL, (SELECT CASE WHEN n > 0 THEN 'there is a line' END FROM line), 'no line: 0', '§3.4'),
        (29, NULL, 'mean points against the opponent, 3 years', 'no game: 0', '§3.5'),
        (30, NULL, 'games against the opponent, 3 years', '0', '§3.5'),
        (31, NULL, (SELECT CASE WHEN n > 0 THEN concat('mean minutes of ', n, ' games in 30 days') END FROM month), 'default 28', '§3.5'),
        (32, NULL, (SELECT CASE WHEN n > 0 THEN concat('mean points per minute of ', n, ' games in 30 days') END FROM month), 'default 0.4', '§3.5')
    ) AS v(number, phase4, phase3, fallback, rule)
)
SELECT number AS "#", feature_names[number + 1] AS feature, features[number + 1] AS value, coalesce(phase4, phase3, fallback) AS source,
    CASE WHEN phase4 IS NOT NULL THEN 'Phase 4' WHEN phase3 IS NOT NULL THEN 'Phase 3' ELSE 'fallback' END AS kind, fallback AS otherwise, rule
FROM source, row_of ORDER BY number

-- ## Stored row: quality = (920 + 100 x Phase 4 + 75 x Phase 3 + 40 x default labels) / 33 (§4)
SELECT name, value FROM (
    UNPIVOT (SELECT COLUMNS(* EXCLUDE (features, feature_names, data_quality_issues))::VARCHAR FROM ml_feature_store_v2 WHERE game_date = {date} AND player_lookup = '{key}' LIMIT 1)
    ON COLUMNS(*) INTO NAME name VALUE value)
WHERE name IN ('feature_quality_score', 'quality_tier', 'is_production_ready', 'opponent_team_abbr', 'is_home', 'data_source', 'data_hash', 'game_id')
