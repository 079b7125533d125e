-- ## Context of the date: below 90 % of the PGS players, every player gets the synthetic context (§2.2)
SELECT upcg_rows, pgs_players, CASE WHEN is_synthetic THEN 'synthetic, from past games' ELSE 'upcoming_player_game_context' END AS taken FROM context_taken

-- ## Rows of upcoming_player_game_context: the first of several is used, and none on a synthetic date (§2.1, §2.4)
SELECT CASE WHEN (SELECT is_synthetic FROM context_taken) THEN 'left out' WHEN choice = 1 THEN 'taken' ELSE 'duplicate' END AS role,
    game_id, opponent_team_abbr AS opponent, days_rest, back_to_back, games_in_last_7_days AS games_7, minutes_in_last_7_days AS minutes_7,
    avg_minutes_per_game_last_7 AS avg_minutes_7, back_to_backs_last_14_days AS b2b_14, player_age AS age, projected_usage_rate AS usage_projected,
    avg_usage_rate_last_7_games AS usage_7, star_teammates_out AS stars_out, pace_differential AS pace_diff
FROM upcg_of_player ORDER BY choice

-- ## Synthetic context: rows of the date; the first of several is used (§2.3, §2.4)
SELECT CASE WHEN choice = 1 THEN 'taken' ELSE 'duplicate' END AS role, game_id, opponent_team_abbr AS opponent, universal_player_id
FROM pgs_of_player WHERE (SELECT is_synthetic FROM context_taken) ORDER BY choice

-- ## Synthetic context: games of the 7 days before the date (§2.3)
SELECT game_date, game_id, minutes_played AS minutes, usage_rate, game_date = {date} - 1 AS yesterday
FROM games WHERE (SELECT is_synthetic FROM context_taken) AND EXISTS (FROM pgs_of_player) AND player_lookup = '{key}' AND game_date BETWEEN {date} - 7 AND {date} - 1
ORDER BY game_date DESC, game_id

-- ## Inputs: as read, and the default that replaces NULL (§3.0)
SELECT name AS input, value AS "read", fallback AS "default", coalesce(value, fallback) AS used, CASE WHEN value IS NULL THEN 'default' ELSE source END AS taken
FROM (
    SELECT CASE WHEN (SELECT is_synthetic FROM context_taken) THEN 'synthetic' ELSE 'UPCG' END AS source, unnest([
        {'n': 1, 'name': 'days_rest', 'value': days_rest::VARCHAR, 'fallback': '1'},
        {'n': 2, 'name': 'back_to_back', 'value': back_to_back::VARCHAR, 'fallback': 'false'},
        {'n': 3, 'name': 'games_in_last_7_days', 'value': games_7::VARCHAR, 'fallback': '3'},
        {'n': 4, 'name': 'minutes_in_last_7_days', 'value': minutes_7::VARCHAR, 'fallback': '200'},
        {'n': 5, 'name': 'avg_minutes_per_game_last_7', 'value': avg_minutes_7::VARCHAR, 'fallback': '30'},
        {'n': 6, 'name': 'back_to_backs_last_14_days', 'value': b2b_14::VARCHAR, 'fallback': '0'},
        {'n': 7, 'name': 'player_age', 'value': age::VARCHAR, 'fallback': '25'},
        {'n': 8, 'name': 'projected_usage_rate', 'value': usage_projected::VARCHAR, 'fallback': '25'},
        {'n': 9, 'name': 'avg_usage_rate_last_7_games', 'value': usage_7::VARCHAR, 'fallback': '25'},
        {'n': 10, 'name': 'star_teammates_out', 'value': stars_out::VARCHAR, 'fallback': '0'},
        {'n': 11, 'name': 'pace_differential', 'value': pace_diff::VARCHAR, 'fallback': '0'}], recursive := true)
    FROM context_of_player)
ORDER BY n

-- ## Fatigue: 100 plus these steps, clamped to 0 to 100 (§3.1)
SELECT step, points FROM (
    SELECT unnest([
        {'n': 1, 'step': 'back to back', 'points': CASE WHEN b2b THEN -15 ELSE 0 END},
        {'n': 2, 'step': '3 days of rest or more, not back to back', 'points': CASE WHEN NOT b2b AND rest >= 3 THEN 5 ELSE 0 END},
        {'n': 3, 'step': '4 games in 7 days or more', 'points': CASE WHEN games >= 4 THEN -10 ELSE 0 END},
        {'n': 4, 'step': 'more than 240 minutes in 7 days', 'points': CASE WHEN minutes > 240 THEN -10 ELSE 0 END},
        {'n': 5, 'step': 'more than 35 minutes a game', 'points': CASE WHEN average > 35 THEN -8 ELSE 0 END},
        {'n': 6, 'step': 'back to backs in 14 days: 2 or more, or 1', 'points': CASE WHEN b2bs >= 2 THEN -12 WHEN b2bs = 1 THEN -5 ELSE 0 END},
        {'n': 7, 'step': 'age 35 or more, or 30', 'points': CASE WHEN age >= 35 THEN -10 WHEN age >= 30 THEN -5 ELSE 0 END},
        {'n': 8, 'step': 'fatigue score', 'points': fatigue}], recursive := true)
    FROM factor_steps)
ORDER BY n

-- ## Shot zone mismatch: the player's PSZA row against the TDZA row of the opponent (§3.2)
SELECT context.opponent, shot.primary_scoring_zone AS primary_zone,
    shot.paint_rate_last_10 AS paint_rate, shot.mid_range_rate_last_10 AS mid_rate, shot.three_pt_rate_last_10 AS three_rate,
    defense.weakest_zone AS weak_zone, defense.paint_defense_vs_league_avg AS paint,
    defense.mid_range_defense_vs_league_avg AS mid_range, defense.three_pt_defense_vs_league_avg AS three_pt
FROM context_of_player AS context
JOIN player_shot_zone_analysis AS shot ON shot.analysis_date = {date} AND shot.player_lookup = '{key}'
JOIN team_defense_zone_analysis AS defense ON defense.analysis_date = {date} AND defense.team_abbr = nullif(context.opponent, '')

-- ## Shot zone mismatch: defense in the primary zone x min(rate / 50, 1), x 1.2 beyond ±5, clamped to ±10 (§3.2)
SELECT zone, rate, weight, defense, weighted, CASE WHEN abs(weighted) > 5 THEN 1.2 ELSE 1.0 END AS boost, mismatch AS score
FROM factor_steps WHERE has_psza AND has_tdza

-- ## Shot zone mismatch: 0, because a row is absent (§3.2)
SELECT CASE WHEN NOT has_psza THEN 'the player has no row of PSZA on the date' END AS psza,
    CASE WHEN NOT has_tdza THEN 'the opponent has no row of TDZA on the date' END AS tdza, mismatch AS score
FROM factor_steps WHERE NOT (has_psza AND has_tdza)

-- ## Pace: the difference / 2, clamped to ±3 (§3.3)
SELECT pace_diff AS difference, pace AS score FROM factor_steps

-- ## Usage spike: (projected - baseline) x 0.3; if positive, x 1.15 with one star out or x 1.3 with more; clamped to ±3 (§3.4)
SELECT projected, baseline, difference, difference * 0.3::DOUBLE AS spike, stars AS stars_out, boost, usage AS score FROM factor_steps

-- ## Total: (fatigue - 100) / 20 plus the three unrounded scores; the four deferred scores are 0 (§3.1, §3.5, §3.6)
SELECT fatigue_adjustment AS fatigue, mismatch, pace, usage, total FROM factor_steps

-- ## Completeness: 20 points for each of these (§3.7)
SELECT has_rest AS days_rest, has_projected AS projected_usage_rate, has_pace AS pace_differential, has_psza AS player_shot_zone, has_tdza AS team_defense_zone,
    20 * (has_rest::BIGINT + has_projected::BIGINT + has_pace::BIGINT + has_psza::BIGINT + has_tdza::BIGINT) AS pct
FROM factor_steps

-- ## Warnings: fatigue below 50, mismatch beyond ±8, total beyond ±12 (§3.8)
SELECT CASE WHEN fatigue < 50 THEN 'EXTREME_FATIGUE' END AS fatigue, CASE WHEN abs(mismatch) > 8 THEN 'EXTREME_MATCHUP' END AS mismatch,
    CASE WHEN abs(total) > 12 THEN 'EXTREME_ADJUSTMENT' END AS total
FROM factor_steps WHERE fatigue < 50 OR abs(mismatch) > 8 OR abs(total) > 12

-- ## Stored row: scores are rounded in the columns and unrounded in the JSON (§3.9, §4)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(_score|_adjustment|_json|completeness_pct|missing_data|warning|data_hash).*' AND name NOT SIMILAR TO 'source.*'
