-- ## Roster row: the player's row of player_game_summary on the date; of several, the first is used (§2.2, §8.3)
SELECT CASE WHEN choice = 1 THEN 'taken' ELSE 'duplicate' END AS role, game_id, team_abbr AS team, opponent_team_abbr AS opponent, universal_player_id FROM roster ORDER BY choice

-- ## Upstream rows of the date, from which features are taken (§2.3, §2.5)
SELECT source, name AS "column", value FROM (
    SELECT 1 AS n, 'daily cache' AS source, name, value FROM (SELECT COLUMNS('(points|minutes|team_pace|team_off|games_in|paint|three_pt).*_(last|season|days).*')::VARCHAR FROM cache_row) UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 2, 'composite factors', name, value FROM (SELECT fatigue_score::VARCHAR AS fatigue_score, shot_zone_mismatch_score::VARCHAR AS shot_zone_mismatch_score, pace_score::VARCHAR AS pace_score, usage_spike_score::VARCHAR AS usage_spike_score FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}') UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 3, 'PSZA', name, value FROM (SELECT paint_rate_last_10::VARCHAR AS paint_rate_last_10, mid_range_rate_last_10::VARCHAR AS mid_range_rate_last_10, three_pt_rate_last_10::VARCHAR AS three_pt_rate_last_10 FROM player_shot_zone_analysis WHERE analysis_date = {date} AND player_lookup = '{key}') UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
    UNION ALL
    SELECT 4, concat('TDZA of ', team), name, value FROM (SELECT defensive_rating_last_15::VARCHAR AS defensive_rating_last_15, opponent_pace::VARCHAR AS opponent_pace, team_abbr AS team FROM team_defense_zone_analysis WHERE analysis_date = {date} AND team_abbr = (SELECT opponent_team_abbr FROM roster WHERE choice = 1)) UNPIVOT INCLUDE NULLS (value FOR name IN (defensive_rating_last_15, opponent_pace))
    UNION ALL
    SELECT 5, 'UPCG', name, value FROM (SELECT COLUMNS('^(home_game|back_to_back|season_phase|player_status|days_rest|opponent_days_rest)$')::VARCHAR FROM context_row) UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*))))
ORDER BY n, name

-- ## Betting lines of the date: active, over side, line known (read H, §2.3)
SELECT points_line, opening_line FROM line_rows ORDER BY ALL

-- ## Earlier games, and the reads that include them: F (last ten in 60 days), J (30 days, with minutes), I (same opponent, 3 years) (§2.3)
SELECT read_f AS "#", concat_ws(', ', CASE WHEN read_f IS NOT NULL THEN 'recent' END, CASE WHEN read_j THEN '30 days' END, CASE WHEN read_i THEN 'opponent' END) AS role,
    game_date, game_id, opponent_team_abbr AS opponent, points, minutes_played AS minutes, ft_makes
FROM earlier WHERE read_f IS NOT NULL OR read_j OR read_i ORDER BY game_number

-- ## Sums of the reads: means leave out NULL points, except that read F counts them as 0 (§2.3, §2.4)
SELECT * FROM (
    SELECT 'F: newest 5' AS "read", count(*)::BIGINT AS games, sum(points)::BIGINT AS points, count(points)::BIGINT AS games_with_points, sum(minutes_played)::DOUBLE AS minutes, sum(ft_makes)::BIGINT AS ft_makes FROM earlier WHERE read_f <= 5
    UNION ALL
    SELECT 'F: up to 10', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, sum(ft_makes)::BIGINT FROM earlier WHERE read_f IS NOT NULL
    UNION ALL
    SELECT 'G: season', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, NULL FROM earlier WHERE read_g
    UNION ALL
    SELECT 'I: opponent', count(*), sum(points)::BIGINT, count(points), NULL, NULL FROM earlier WHERE read_i
    UNION ALL
    SELECT 'J: 30 days', count(*), sum(points)::BIGINT, count(points), sum(minutes_played)::DOUBLE, NULL FROM earlier WHERE read_j)

-- ## Features: value, source, and label with its weight in the quality score (§3, §4.1)
WITH row_of AS (SELECT * FROM ml_feature_store_v2 WHERE game_date = {date} AND player_lookup = '{key}'),
one AS (SELECT 1),
f AS (
    SELECT count(*)::BIGINT AS n, coalesce(sum(points) FILTER (read_f <= 5), 0)::BIGINT AS points_5, coalesce(sum(points), 0)::BIGINT AS points,
        coalesce(sum(points) FILTER (read_f <= 3), 0)::BIGINT AS newer, coalesce(sum(points) FILTER (read_f BETWEEN 4 AND 5), 0)::BIGINT AS older,
        coalesce(sum(minutes_played), 0) AS minutes, coalesce(sum(ft_makes), 0)::BIGINT AS free_throws
    FROM earlier WHERE read_f IS NOT NULL),
g AS (SELECT count(*)::BIGINT AS n, sum(points)::BIGINT AS points, count(points)::BIGINT AS with_points, sum(minutes_played) AS minutes, count(minutes_played)::BIGINT AS with_minutes FROM earlier WHERE read_g),
i AS (SELECT count(*)::BIGINT AS n, sum(points)::BIGINT AS points, count(points)::BIGINT AS with_points FROM earlier WHERE read_i),
j AS (SELECT count(*)::BIGINT AS n, count(points)::BIGINT AS with_points, sum(minutes_played) AS minutes FROM earlier WHERE read_j),
h AS (SELECT count(*)::BIGINT AS n, count(opening_line)::BIGINT AS openings, sum(opening_line) AS opening FROM line_rows),
facts AS (
    SELECT f.n AS f_n, f.points_5, f.points AS f_points, f.newer, f.older, f.minutes AS f_minutes, f.free_throws,
        g.n AS g_n, g.points AS g_points, g.with_points AS g_with_points, g.minutes AS g_minutes, g.with_minutes AS g_with_minutes,
        i.n AS i_n, i.points AS i_points, i.with_points AS i_with_points, (SELECT copies FROM roster WHERE choice = 1) AS copies,
        coalesce((SELECT opponent_team_abbr <> '' FROM roster WHERE choice = 1), false) AS names_opponent,
        j.n AS j_n, j.with_points AS j_with_points, j.minutes AS j_minutes, h.n AS h_n, h.openings, h.opening,
        cache.cache_date IS NOT NULL AS has_cache, cache.points_avg_last_5, cache.points_avg_last_10, cache.points_avg_season, cache.points_std_last_10,
        cache.games_in_last_7_days, cache.minutes_avg_last_10, cache.team_pace_last_10, cache.team_off_rating_last_10,
        cache.paint_rate_last_10 AS cache_paint, cache.three_pt_rate_last_10 AS cache_three,
        factors.fatigue_score, factors.shot_zone_mismatch_score, factors.pace_score, factors.usage_spike_score,
        zones.analysis_date IS NOT NULL AS has_zones, zones.paint_rate_last_10 AS paint, zones.mid_range_rate_last_10 AS mid, zones.three_pt_rate_last_10 AS three,
        defense.analysis_date IS NOT NULL AS has_defense, defense.defensive_rating_last_15 AS rating, defense.opponent_pace AS pace,
        context.game_date IS NOT NULL AS has_context, context.home_game, context.back_to_back, context.season_phase, context.player_status,
        context.days_rest AS own_rest, context.opponent_days_rest AS other_rest
    FROM one CROSS JOIN f CROSS JOIN g CROSS JOIN i CROSS JOIN j CROSS JOIN h
    LEFT JOIN cache_row AS cache ON true
    LEFT JOIN player_composite_factors AS factors ON factors.game_date = {date} AND factors.player_lookup = '{key}'
    LEFT JOIN player_shot_zone_analysis AS zones ON zones.analysis_date = {date} AND zones.player_lookup = '{key}'
    LEFT JOIN team_defense_zone_analysis AS defense ON defense.analysis_date = {date} AND defense.team_abbr = (SELECT opponent_team_abbr FROM roster WHERE choice = 1)
    LEFT JOIN context_row AS context ON true),
texts AS (
    SELECT *,
        CASE WHEN minutes_avg_last_10 IS NOT NULL THEN concat('daily cache ', minutes_avg_last_10) WHEN f_n > 0 THEN concat(f_minutes, ' minutes / ', f_n, ' games') ELSE '0' END AS recent_minutes,
        coalesce(minutes_avg_last_10, f_minutes) AS recent_sum,
        CASE WHEN g_with_minutes > 0 THEN concat(g_minutes, ' minutes / ', g_with_minutes, ' games of the season') ELSE '0' END AS season_minutes,
        CASE WHEN has_cache THEN 'no line: season mean of the daily cache'
            WHEN g_n > 0 THEN CASE WHEN g_with_points > 0 THEN concat('no line: ', g_points, ' points / ', g_with_points, ' games of the season') ELSE 'no line: season without points, NaN stored as 0' END
            ELSE 'no line, no game of the season: 15' END AS no_line
    FROM facts),
source AS (
    SELECT unnest([
        {'n': 0, 'label': CASE WHEN points_avg_last_5 IS NOT NULL THEN 'phase4' WHEN f_n >= 5 THEN 'phase3' ELSE 'default' END,
            'source': CASE WHEN points_avg_last_5 IS NOT NULL THEN 'daily cache' WHEN f_n >= 5 THEN concat(points_5, ' points / 5 games') ELSE concat('10, as there are ', f_n, ' games') END, 'rule': '§3.2: daily cache, 5 recent games, 10'},
        {'n': 1, 'label': CASE WHEN points_avg_last_10 IS NOT NULL THEN 'phase4' WHEN f_n >= 1 THEN 'phase3' ELSE 'default' END,
            'source': CASE WHEN points_avg_last_10 IS NOT NULL THEN 'daily cache' WHEN f_n >= 1 THEN concat(f_points, ' points / ', f_n, ' games') ELSE '10' END, 'rule': '§3.2: daily cache, recent games, 10'},
        {'n': 2, 'label': CASE WHEN points_avg_season IS NOT NULL THEN 'phase4' WHEN g_n >= 1 THEN 'phase3' ELSE 'default' END,
            'source': CASE WHEN points_avg_season IS NOT NULL THEN 'daily cache' WHEN g_with_points >= 1 THEN concat(g_points, ' points / ', g_with_points, ' games of the season') WHEN g_n >= 1 THEN 'season without points: NaN stored as 0' ELSE '10' END, 'rule': '§3.2: daily cache, season, 10'},
        {'n': 3, 'label': CASE WHEN points_std_last_10 IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN points_std_last_10 IS NOT NULL THEN 'daily cache' ELSE '5' END, 'rule': '§3.2: daily cache, 5'},
        {'n': 4, 'label': CASE WHEN games_in_last_7_days IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN games_in_last_7_days IS NOT NULL THEN 'daily cache' ELSE '3' END, 'rule': '§3.2: daily cache, 3'},
        {'n': 5, 'label': CASE WHEN fatigue_score IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN fatigue_score IS NOT NULL THEN 'composite factors' ELSE '50' END, 'rule': '§3.2: composite factors, 50'},
        {'n': 6, 'label': CASE WHEN shot_zone_mismatch_score IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN shot_zone_mismatch_score IS NOT NULL THEN 'composite factors' ELSE '0' END, 'rule': '§3.2: composite factors, 0'},
        {'n': 7, 'label': CASE WHEN pace_score IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN pace_score IS NOT NULL THEN 'composite factors' ELSE '0' END, 'rule': '§3.2: composite factors, 0'},
        {'n': 8, 'label': CASE WHEN usage_spike_score IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN usage_spike_score IS NOT NULL THEN 'composite factors' ELSE '0' END, 'rule': '§3.2: composite factors, 0'},
        {'n': 9, 'label': 'calculated', 'source': CASE WHEN NOT has_context THEN 'no context: 0' WHEN own_rest IS NULL THEN 'own days of rest NULL: 0' WHEN other_rest IS NULL THEN 'opponent''s days of rest NULL: 0' ELSE concat(own_rest, ' - ', other_rest, ' days of rest, within 2') END, 'rule': '§3.3'},
        {'n': 10, 'label': 'calculated', 'source': CASE WHEN NOT has_context THEN 'no context: 0' WHEN player_status IS NULL THEN 'status NULL: 0' ELSE concat('status ', player_status) END, 'rule': '§3.3'},
        {'n': 11, 'label': 'calculated', 'source': CASE WHEN f_n < 5 THEN concat(f_n, ' games, fewer than 5: 0') ELSE concat(older, ' points / 2 - ', newer, ' points / 3, in steps') END, 'rule': '§3.3: games 4 and 5 against 1 to 3'},
        {'n': 12, 'label': 'calculated', 'source': concat(recent_minutes, ' against ', season_minutes, CASE WHEN coalesce(recent_sum, 0) = 0 OR coalesce(g_minutes, 0) = 0 THEN ': 0' ELSE ', in steps' END), 'rule': '§3.3: daily cache or recent games against the season'},
        {'n': 13, 'label': CASE WHEN has_defense THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN NOT has_defense THEN '112' WHEN rating IS NULL THEN 'opponent''s TDZA row: NULL stored as 0' ELSE 'opponent''s TDZA row' END, 'rule': '§3.2: TDZA, 112'},
        {'n': 14, 'label': CASE WHEN has_defense THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN NOT has_defense THEN '100' WHEN pace IS NULL THEN 'opponent''s TDZA row: NULL stored as 0' ELSE 'opponent''s TDZA row' END, 'rule': '§3.2: TDZA, 100'},
        {'n': 15, 'label': 'phase3', 'source': CASE WHEN has_context THEN concat('home_game ', coalesce(home_game::VARCHAR, 'NULL')) ELSE 'no context: 0' END, 'rule': '§3.2: 1 if true'},
        {'n': 16, 'label': 'phase3', 'source': CASE WHEN has_context THEN concat('back_to_back ', coalesce(back_to_back::VARCHAR, 'NULL')) ELSE 'no context: 0' END, 'rule': '§3.2: 1 if true'},
        {'n': 17, 'label': 'phase3', 'source': CASE WHEN has_context THEN concat('season_phase ', coalesce(season_phase, 'NULL')) ELSE 'no context: 0' END, 'rule': '§3.2: 1 if playoffs'},
        {'n': 18, 'label': CASE WHEN paint IS NOT NULL OR (NOT has_zones AND cache_paint IS NOT NULL) THEN 'phase4' ELSE 'default' END,
            'source': CASE WHEN paint IS NOT NULL THEN 'PSZA row / 100' WHEN has_zones THEN 'NULL in the PSZA row: 30 / 100' WHEN cache_paint IS NOT NULL THEN 'no PSZA row: daily cache / 100' ELSE '30 / 100' END, 'rule': '§2.5, §3.2: PSZA, daily cache if there is no PSZA row, 30'},
        {'n': 19, 'label': CASE WHEN mid IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN mid IS NOT NULL THEN 'PSZA row / 100' WHEN has_zones THEN 'NULL in the PSZA row: 20 / 100' ELSE '20 / 100' END, 'rule': '§3.2: PSZA, 20'},
        {'n': 20, 'label': CASE WHEN three IS NOT NULL OR (NOT has_zones AND cache_three IS NOT NULL) THEN 'phase4' ELSE 'default' END,
            'source': CASE WHEN three IS NOT NULL THEN 'PSZA row / 100' WHEN has_zones THEN 'NULL in the PSZA row: 35 / 100' WHEN cache_three IS NOT NULL THEN 'no PSZA row: daily cache / 100' ELSE '35 / 100' END, 'rule': '§2.5, §3.2: PSZA, daily cache if there is no PSZA row, 35'},
        {'n': 21, 'label': 'calculated', 'source': CASE WHEN f_n < 5 THEN concat(f_n, ' games, fewer than 5: 0.15') WHEN f_points = 0 THEN 'no points: 0.15' ELSE concat(free_throws, ' free throws / ', f_points, ' points, within 0 and 0.5') END, 'rule': '§3.3'},
        {'n': 22, 'label': CASE WHEN team_pace_last_10 IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN team_pace_last_10 IS NOT NULL THEN 'daily cache' ELSE '100' END, 'rule': '§3.2: daily cache, 100'},
        {'n': 23, 'label': CASE WHEN team_off_rating_last_10 IS NOT NULL THEN 'phase4' ELSE 'default' END, 'source': CASE WHEN team_off_rating_last_10 IS NOT NULL THEN 'daily cache' ELSE '112' END, 'rule': '§3.2: daily cache, 112'},
        {'n': 24, 'label': 'calculated', 'source': 'always 0.5: team games are never loaded', 'rule': '§3.3'},
        {'n': 25, 'label': CASE WHEN h_n > 0 THEN 'vegas' ELSE 'fallback' END, 'source': CASE WHEN h_n > 0 THEN concat('mean of ', h_n, ' lines') ELSE no_line END, 'rule': '§3.4: lines, daily cache, season, 15'},
        {'n': 26, 'label': CASE WHEN h_n > 0 THEN 'vegas' ELSE 'fallback' END, 'source': CASE WHEN h_n = 0 THEN no_line WHEN openings = 0 THEN 'lines without opening: NaN stored as 0' ELSE concat('mean of ', openings, ' opening lines') END, 'rule': '§3.4: lines, daily cache, season, 15'},
        {'n': 27, 'label': CASE WHEN h_n > 0 THEN 'vegas' ELSE 'fallback' END, 'source': CASE WHEN h_n = 0 THEN 'no line: 0' WHEN openings = 0 THEN 'lines without opening: NaN stored as 0' WHEN opening = 0 THEN 'opening is 0: line minus itself' ELSE 'line minus opening line' END, 'rule': '§3.4'},
        {'n': 28, 'label': CASE WHEN h_n > 0 THEN 'vegas' ELSE 'fallback' END, 'source': CASE WHEN h_n > 0 THEN 'there is a line' ELSE 'no line: 0' END, 'rule': '§3.4'},
        {'n': 29, 'label': 'opponent_history', 'source': CASE WHEN NOT names_opponent THEN concat('no opponent; ', no_line) WHEN i_with_points > 0 THEN concat(i_points, ' points / ', i_with_points, ' games') WHEN i_n > 0 THEN 'games without points: NaN stored as 0' ELSE 'no game: NaN stored as 0' END, 'rule': '§3.5'},
        {'n': 30, 'label': 'opponent_history', 'source': CASE WHEN NOT names_opponent THEN 'no opponent: 0' WHEN copies > 1 THEN concat(i_n, ' games x ', copies, ' joined rows of the date') ELSE concat(i_n, ' games') END, 'rule': '§2.2, §3.5'},
        {'n': 31, 'label': CASE WHEN j_n > 0 THEN 'minutes_ppm' ELSE 'fallback' END, 'source': CASE WHEN j_n > 0 THEN concat(j_minutes, ' minutes / ', j_n, ' games') ELSE 'no game: 28' END, 'rule': '§3.6: 30 days, 28'},
        {'n': 32, 'label': CASE WHEN j_n > 0 THEN 'minutes_ppm' ELSE 'fallback' END, 'source': CASE WHEN j_n = 0 THEN 'no game: 0.4' WHEN j_with_points = 0 THEN 'games without points: 0.4' ELSE concat('mean of points / minutes of ', j_with_points, ' games') END, 'rule': '§3.6: 30 days, 0.4'}], recursive := true)
    FROM texts)
SELECT n AS "#", feature_names[n + 1] AS feature, features[n + 1] AS value, source, label,
    CASE WHEN label IN ('phase4', 'calculated') THEN 100 WHEN label = 'phase3' THEN 75 ELSE 40 END AS weight, rule
FROM source, row_of ORDER BY n

-- ## Stored row: quality = sum of the 33 weights / 33, rounded to two decimals (§4.2)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (features, feature_names))::VARCHAR FROM ml_feature_store_v2 WHERE game_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name IN ('feature_quality_score', 'quality_tier', 'is_production_ready', 'data_quality_issues', 'opponent_team_abbr', 'is_home', 'days_rest', 'actual_games_count', 'data_source', 'data_hash', 'game_id')
