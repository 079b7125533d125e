-- ## Context of the date: below {pcf.context_share} % of the PGS players, every player gets the synthetic context (§2.2)
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

-- ## Synthetic context: games of the {pcf.days} days before the date (§2.3)
SELECT game_date, game_id, minutes_played AS minutes, usage_rate, game_date = {date} - 1 AS yesterday
FROM games WHERE (SELECT is_synthetic FROM context_taken) AND EXISTS (FROM pgs_of_player) AND player_lookup = '{key}' AND game_date BETWEEN {date} - {pcf.days} AND {date} - 1
ORDER BY game_date DESC, game_id

-- ## Inputs: as read, and the default that replaces NULL (§3.0)
-- told: inputs

-- ## Fatigue: {pcf.rested} plus these steps, clamped to 0 to 100 (§3.1)
-- told: fatigue

-- ## Shot zone mismatch: the player's PSZA row against the TDZA row of the opponent (§3.2)
SELECT context.opponent, shot.primary_scoring_zone AS primary_zone,
    shot.paint_rate_last_10 AS paint_rate, shot.mid_range_rate_last_10 AS mid_rate, shot.three_pt_rate_last_10 AS three_rate,
    defense.weakest_zone AS weak_zone, defense.paint_defense_vs_league_avg AS paint,
    defense.mid_range_defense_vs_league_avg AS mid_range, defense.three_pt_defense_vs_league_avg AS three_pt
FROM context_of_player AS context
JOIN player_shot_zone_analysis AS shot ON shot.analysis_date = {date} AND shot.player_lookup = '{key}'
JOIN team_defense_zone_analysis AS defense ON defense.analysis_date = {date} AND defense.team_abbr = nullif(context.opponent, '')

-- ## Shot zone mismatch: defense in the primary zone x min(rate / {pcf.full_rate}, 1), x {pcf.mismatch_boost} beyond ±{pcf.great_mismatch}, clamped to ±{pcf.mismatch_limit} (§3.2)
-- told: mismatch

-- ## Shot zone mismatch: 0, because a row is absent (§3.2)
-- told: no_mismatch

-- ## Pace: the difference / {pcf.pace_divisor}, clamped to ±{pcf.pace_limit} (§3.3)
-- told: pace

-- ## Usage spike: (projected - baseline) x {pcf.usage_share}; if positive, x {pcf.one_star_boost} with one star out or x {pcf.stars_boost} with more; clamped to ±{pcf.usage_limit} (§3.4)
-- told: usage

-- ## Total: (fatigue - {pcf.rested}) / {pcf.fatigue_share} plus the three unrounded scores; the four deferred scores are 0 (§3.1, §3.5, §3.6)
-- told: total

-- ## Completeness: {pcf.check_pct} points for each of these (§3.7)
-- told: completeness

-- ## Warnings: fatigue below {pcf.low_fatigue}, mismatch beyond ±{pcf.extreme_mismatch}, total beyond ±{pcf.extreme_total} (§3.8)
-- told: warnings

-- ## Stored row: scores are rounded in the columns and unrounded in the JSON (§3.9, §4)
SELECT name, value FROM (SELECT COLUMNS(* EXCLUDE (data_quality_issues))::VARCHAR FROM player_composite_factors WHERE game_date = {date} AND player_lookup = '{key}')
    UNPIVOT INCLUDE NULLS (value FOR name IN (COLUMNS(*)))
WHERE name SIMILAR TO '.*(_score|_adjustment|_json|completeness_pct|missing_data|warning|data_hash).*' AND name NOT SIMILAR TO 'source.*'
