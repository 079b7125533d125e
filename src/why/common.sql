-- The inputs as processors see them: rows of the 30 teams; an empty opponent stays.
CREATE OR REPLACE TEMP VIEW games AS
SELECT * FROM player_game_summary
WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams);
CREATE OR REPLACE TEMP VIEW team_games AS
SELECT * FROM team_defense_game_summary
WHERE coalesce(defending_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams);
CREATE OR REPLACE TEMP VIEW contexts AS
SELECT * FROM upcoming_player_game_context
WHERE game_date = {date} AND coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams);
-- Newest first: the order of the processors turned round, NULLs included.
CREATE OR REPLACE TEMP TABLE player_window AS
SELECT *, row_number() OVER (
    ORDER BY game_date DESC, game_id, processed_at DESC NULLS FIRST, universal_player_id DESC NULLS FIRST,
        paint_attempts DESC NULLS FIRST, mid_range_attempts DESC NULLS FIRST, three_pt_attempts DESC NULLS FIRST,
        paint_makes DESC NULLS FIRST, mid_range_makes DESC NULLS FIRST, three_pt_makes DESC NULLS FIRST,
        fg_makes DESC NULLS FIRST, assisted_fg_makes DESC NULLS FIRST, unassisted_fg_makes DESC NULLS FIRST) AS game_number
FROM games
WHERE player_lookup = '{key}' AND game_date BETWEEN {season_start} AND {window_end}
    AND is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(fg_attempts, 0) > 0);
CREATE OR REPLACE TEMP TABLE team_window AS
SELECT *, row_number() OVER (
    ORDER BY game_date DESC, game_id, processed_at DESC NULLS FIRST, points_allowed DESC NULLS FIRST,
        opp_paint_makes DESC NULLS FIRST, opp_paint_attempts DESC NULLS FIRST, opp_mid_range_makes DESC NULLS FIRST,
        opp_mid_range_attempts DESC NULLS FIRST, opp_three_pt_makes DESC NULLS FIRST, opp_three_pt_attempts DESC NULLS FIRST,
        points_in_paint_allowed DESC NULLS FIRST, blocks_paint DESC NULLS FIRST, blocks_mid_range DESC NULLS FIRST,
        blocks_three_pt DESC NULLS FIRST, defensive_rating DESC NULLS FIRST, opponent_pace DESC NULLS FIRST) AS game_number
FROM team_games
WHERE defending_team_abbr = '{key}' AND game_date BETWEEN {season_start} AND {window_end};
-- Contexts: which one the date takes, and the rows of the player, the first of each being the one that counts.
CREATE OR REPLACE TEMP TABLE context_taken AS
SELECT upcg_rows, pgs_players, upcg_rows = 0 OR (pgs_players > 0 AND upcg_rows::DOUBLE < pgs_players::DOUBLE * 0.9::DOUBLE) AS is_synthetic
FROM (SELECT count(*)::BIGINT AS upcg_rows FROM contexts),
    (SELECT count(DISTINCT player_lookup)::BIGINT AS pgs_players FROM games WHERE game_date = {date});
CREATE OR REPLACE TEMP TABLE upcg_of_player AS
SELECT *, row_number() OVER (
    ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST, processed_at NULLS LAST, days_rest NULLS LAST,
        back_to_back NULLS LAST, games_in_last_7_days NULLS LAST, minutes_in_last_7_days NULLS LAST,
        avg_minutes_per_game_last_7 NULLS LAST, back_to_backs_last_14_days NULLS LAST, player_age NULLS LAST,
        projected_usage_rate NULLS LAST, avg_usage_rate_last_7_games NULLS LAST, star_teammates_out NULLS LAST,
        pace_differential NULLS LAST) AS choice
FROM contexts WHERE player_lookup = '{key}';
CREATE OR REPLACE TEMP TABLE pgs_of_player AS
SELECT *, row_number() OVER (ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST) AS choice, count(*) OVER () AS combinations
FROM (SELECT DISTINCT game_id, opponent_team_abbr, universal_player_id FROM games WHERE game_date = {date} AND player_lookup = '{key}');
CREATE OR REPLACE TEMP TABLE context_of_player AS
WITH week AS (
    SELECT coalesce(bool_or(game_date = {date} - 1), false) AS yesterday, count(*)::BIGINT AS games, sum(minutes_played) AS minutes,
        sum((minutes_played * 10)::BIGINT) AS minutes_10, sum((usage_rate * 100)::BIGINT) AS usage_100, count(usage_rate) AS usage_games
    FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 7 AND {date} - 1
)
SELECT opponent_team_abbr AS opponent, days_rest, back_to_back, games_in_last_7_days AS games_7, minutes_in_last_7_days::DOUBLE AS minutes_7,
    avg_minutes_per_game_last_7::DOUBLE AS avg_minutes_7, back_to_backs_last_14_days AS b2b_14, player_age AS age,
    projected_usage_rate::DOUBLE AS usage_projected, avg_usage_rate_last_7_games::DOUBLE AS usage_7, star_teammates_out AS stars_out,
    pace_differential::DOUBLE AS pace_diff
FROM upcg_of_player WHERE choice = 1 AND NOT (SELECT is_synthetic FROM context_taken)
UNION ALL
SELECT opponent_team_abbr, CASE WHEN yesterday THEN 0 ELSE 1 END, yesterday, combinations * games, round(combinations * coalesce(minutes, 0))::DOUBLE,
    CASE WHEN minutes_10 IS NULL THEN 0 ELSE ((minutes_10 * 200000000 + games) // (2 * games))::DOUBLE / 1000000000 END, 0, NULL, NULL,
    ((usage_100 * 20000000 + usage_games) // (2 * usage_games))::DOUBLE / 1000000000, 0, NULL
FROM pgs_of_player, week WHERE choice = 1 AND (SELECT is_synthetic FROM context_taken);
-- The steps of PCF §3.1 to §3.6, with the defaults of §3.0 put in.
CREATE OR REPLACE TEMP TABLE factor_steps AS
WITH inputs AS (
    SELECT
        coalesce(back_to_back, false) AS b2b, coalesce(days_rest, 1) AS rest, coalesce(games_7, 3) AS games,
        coalesce(minutes_7, 200::DOUBLE) AS minutes, coalesce(avg_minutes_7, 30::DOUBLE) AS average, coalesce(b2b_14, 0) AS b2bs,
        coalesce(age, 25) AS age, coalesce(usage_projected, 25::DOUBLE) AS projected, coalesce(usage_7, 25::DOUBLE) AS baseline,
        coalesce(stars_out, 0) AS stars, coalesce(pace_diff, 0::DOUBLE) AS pace_diff,
        shot.player_lookup IS NOT NULL AS has_psza, defense.team_abbr IS NOT NULL AS has_tdza, shot.primary_scoring_zone AS primary_zone,
        CASE primary_scoring_zone WHEN 'mid_range' THEN 'mid_range' WHEN 'perimeter' THEN 'three_pt' ELSE 'paint' END AS zone,
        coalesce(CASE primary_scoring_zone WHEN 'mid_range' THEN mid_range_rate_last_10 WHEN 'perimeter' THEN three_pt_rate_last_10
            ELSE paint_rate_last_10 END::DOUBLE, 50::DOUBLE) AS rate,
        coalesce(CASE primary_scoring_zone WHEN 'mid_range' THEN mid_range_defense_vs_league_avg WHEN 'perimeter' THEN three_pt_defense_vs_league_avg
            ELSE paint_defense_vs_league_avg END::DOUBLE, 0::DOUBLE) AS defense,
        days_rest IS NOT NULL AS has_rest, usage_projected IS NOT NULL AS has_projected, context.pace_diff IS NOT NULL AS has_pace
    FROM context_of_player AS context
    LEFT JOIN player_shot_zone_analysis AS shot ON shot.analysis_date = {date} AND shot.player_lookup = '{key}'
    LEFT JOIN team_defense_zone_analysis AS defense ON defense.analysis_date = {date} AND defense.team_abbr = nullif(context.opponent, '')
),
scored AS (
    SELECT *,
        greatest(0, least(100, 100 + CASE WHEN b2b THEN -15 WHEN rest >= 3 THEN 5 ELSE 0 END + CASE WHEN games >= 4 THEN -10 ELSE 0 END
            + CASE WHEN minutes > 240 THEN -10 ELSE 0 END + CASE WHEN average > 35 THEN -8 ELSE 0 END
            + CASE WHEN b2bs >= 2 THEN -12 WHEN b2bs = 1 THEN -5 ELSE 0 END + CASE WHEN age >= 35 THEN -10 WHEN age >= 30 THEN -5 ELSE 0 END)) AS fatigue,
        least(rate / 50, 1::DOUBLE) AS weight, defense * least(rate / 50, 1::DOUBLE) AS weighted,
        CASE WHEN baseline <> 0 THEN projected - baseline ELSE 0::DOUBLE END AS difference
    FROM inputs
),
adjusted AS (
    SELECT *,
        (fatigue - 100) / 20::DOUBLE AS fatigue_adjustment,
        CASE WHEN has_psza AND has_tdza
            THEN greatest(-10::DOUBLE, least(10::DOUBLE, CASE WHEN abs(weighted) > 5 THEN weighted * 1.2::DOUBLE ELSE weighted END)) ELSE 0::DOUBLE END AS mismatch,
        greatest(-3::DOUBLE, least(3::DOUBLE, pace_diff / 2)) AS pace,
        CASE WHEN difference * 0.3::DOUBLE > 0 AND stars >= 2 THEN 1.3::DOUBLE WHEN difference * 0.3::DOUBLE > 0 AND stars = 1 THEN 1.15::DOUBLE ELSE 1::DOUBLE END AS boost
    FROM scored
)
SELECT *, greatest(-3::DOUBLE, least(3::DOUBLE, difference * 0.3::DOUBLE * boost)) AS usage,
    fatigue_adjustment + mismatch + pace + greatest(-3::DOUBLE, least(3::DOUBLE, difference * 0.3::DOUBLE * boost)) AS total
FROM adjusted;
-- The player's row on the date: of several the first, which MLFS §8.3 leaves open. `copies` multiplies read I (MLFS §2.2).
CREATE OR REPLACE TEMP TABLE roster AS
SELECT *, row_number() OVER newest AS choice, count(*) OVER () * count(*) OVER (PARTITION BY opponent_team_abbr) AS copies
FROM games WHERE game_date = {date} AND player_lookup = '{key}'
WINDOW newest AS (
    ORDER BY game_id DESC, opponent_team_abbr NULLS LAST, team_abbr NULLS LAST, universal_player_id NULLS LAST,
        processed_at NULLS LAST, points NULLS LAST, minutes_played NULLS LAST, ft_makes NULLS LAST, season_year NULLS LAST);
-- Earlier games of the player, newest first, and which reads of MLFS §2.3 they belong to.
CREATE OR REPLACE TEMP TABLE earlier AS
SELECT *,
    CASE WHEN game_date >= {date} - 60 AND game_number <= 10 THEN game_number END AS read_f,
    season_year = {season_year} AND game_date >= {season_start} AS read_g,
    opponent_team_abbr IS NOT DISTINCT FROM (SELECT opponent_team_abbr FROM roster WHERE choice = 1) AND EXISTS (FROM roster WHERE choice = 1 AND opponent_team_abbr <> '') AS read_i,
    game_date >= {date} - 30 AND minutes_played > 0 AS read_j
FROM (
    SELECT *, row_number() OVER (
        ORDER BY game_date DESC, game_id, opponent_team_abbr DESC NULLS FIRST, team_abbr DESC NULLS FIRST,
            universal_player_id DESC NULLS FIRST, processed_at DESC NULLS FIRST, points DESC NULLS FIRST,
            minutes_played DESC NULLS FIRST, ft_makes DESC NULLS FIRST, season_year DESC NULLS FIRST) AS game_number
    FROM games WHERE player_lookup = '{key}' AND game_date < {date});
CREATE OR REPLACE TEMP TABLE context_row AS
SELECT * FROM contexts WHERE player_lookup = '{key}'
ORDER BY game_id DESC NULLS LAST, opponent_team_abbr DESC NULLS LAST, universal_player_id DESC NULLS LAST, processed_at DESC NULLS LAST,
    home_game NULLS LAST, back_to_back NULLS LAST, season_phase NULLS LAST, player_status NULLS LAST, days_rest NULLS LAST, opponent_days_rest NULLS LAST
LIMIT 1;
CREATE OR REPLACE TEMP TABLE cache_row AS
SELECT * FROM player_daily_cache WHERE cache_date = {date} AND player_lookup = '{key}'
ORDER BY data_hash NULLS LAST, points_avg_last_5 NULLS LAST, points_avg_last_10 NULLS LAST, points_avg_season NULLS LAST, points_std_last_10 NULLS LAST,
    minutes_avg_last_10 NULLS LAST, team_pace_last_10 NULLS LAST, team_off_rating_last_10 NULLS LAST, games_in_last_7_days NULLS LAST,
    paint_rate_last_10 NULLS LAST, three_pt_rate_last_10 NULLS LAST, is_production_ready NULLS LAST
LIMIT 1;
CREATE OR REPLACE TEMP TABLE line_rows AS
SELECT * FROM bettingpros_player_points_props
WHERE game_date = {date} AND player_lookup = '{key}' AND bet_side = 'over' AND points_line IS NOT NULL AND is_active;
-- The game list of PDC (PDC §2.4), newest first.
CREATE OR REPLACE TEMP TABLE cache_games AS
SELECT *, row_number() OVER (
    ORDER BY game_date DESC, game_id, team_abbr, processed_at DESC NULLS FIRST, season_year DESC NULLS FIRST, points DESC NULLS FIRST,
        minutes_played DESC NULLS FIRST, usage_rate DESC NULLS FIRST, ts_pct DESC NULLS FIRST, fg_makes DESC NULLS FIRST,
        assisted_fg_makes DESC NULLS FIRST) AS game_number
FROM games
WHERE player_lookup = '{key}' AND season_year = {season_year} AND game_date <= {window_end}
    AND is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(points, 0) > 0)
QUALIFY game_number <= 82;
-- The context row that PDC takes: of several the first, or the synthetic one where UPCG has nobody (PDC §2.2, §2.3).
CREATE OR REPLACE TEMP TABLE cache_context AS
SELECT 'upcoming_player_game_context' AS source, team_abbr, universal_player_id,
    games_in_last_7_days, games_in_last_14_days, minutes_in_last_7_days, minutes_in_last_14_days, back_to_backs_last_14_days,
    avg_minutes_per_game_last_7::DECIMAL(38, 9) AS avg_minutes_per_game_last_7, fourth_quarter_minutes_last_7, player_age,
    row_number() OVER (ORDER BY team_abbr NULLS LAST, universal_player_id NULLS LAST, processed_at NULLS LAST,
        games_in_last_7_days NULLS LAST, games_in_last_14_days NULLS LAST, minutes_in_last_7_days NULLS LAST,
        minutes_in_last_14_days NULLS LAST, back_to_backs_last_14_days NULLS LAST, avg_minutes_per_game_last_7 NULLS LAST,
        fourth_quarter_minutes_last_7 NULLS LAST, player_age NULLS LAST) AS choice
FROM contexts WHERE player_lookup = '{key}'
UNION ALL
SELECT 'synthetic', team_abbr, universal_player_id, copies * games_7, copies * games_14,
    round(copies * minutes_7)::BIGINT, round(copies * minutes_14)::BIGINT, 0,
    CASE WHEN games_7 > 0 THEN round(minutes_7 / games_7, 9) ELSE 0 END::DECIMAL(38, 9), NULL, NULL,
    row_number() OVER (ORDER BY team_abbr, universal_player_id NULLS LAST)
FROM (
    SELECT *, count(*) OVER () AS copies
    FROM (SELECT DISTINCT team_abbr, universal_player_id FROM games WHERE game_date = {date} AND player_lookup = '{key}'))
CROSS JOIN (
    SELECT count(*) FILTER (game_date >= {date} - 7) AS games_7, count(*) AS games_14,
        coalesce(sum(minutes_played) FILTER (game_date >= {date} - 7), 0) AS minutes_7, coalesce(sum(minutes_played), 0) AS minutes_14
    FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 14 AND {date} - 1)
WHERE NOT EXISTS (FROM contexts);
CREATE OR REPLACE TEMP TABLE cache_team_games AS
SELECT game_date, game_id, pace, offensive_rating, row_number() OVER (
    ORDER BY game_date DESC, game_id, processed_at NULLS LAST, pace NULLS LAST, offensive_rating NULLS LAST) AS game_number
FROM team_offense_game_summary
WHERE team_abbr = (SELECT team_abbr FROM cache_context WHERE choice = 1) AND game_date <= {window_end}
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
QUALIFY game_number <= 10;
-- The windows of completeness (PDC §3.6): "expected" by the schedule and the team of the player's last game, "actual" by PGS,
-- and the dates of which raw box scores say that the player did not play.
CREATE OR REPLACE TEMP TABLE cache_windows AS
WITH
last_team AS (
    SELECT team_abbr FROM games WHERE player_lookup = '{key}' AND game_date < {date} ORDER BY game_date DESC, game_id, team_abbr LIMIT 1),
team_dates AS (
    SELECT DISTINCT game_date, side FROM (
        SELECT game_date, home_team_tricode AS team_abbr, away_team_tricode AS other, 'home' AS side FROM nbac_schedule WHERE game_status = 3
        UNION ALL SELECT game_date, away_team_tricode, home_team_tricode, 'away' FROM nbac_schedule WHERE game_status = 3)
    WHERE team_abbr = (FROM last_team) AND other IN (SELECT team_abbr FROM teams) AND game_date < {date}),
box_scores AS (
    SELECT game_date, coalesce(minutes IN ('', '0', '00'), true) AS did_not_play,
        row_number() OVER (ORDER BY game_date DESC, minutes NULLS FIRST) AS row_number
    FROM bdl_player_boxscores WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - 30 AND {date} - 1),
counts AS (
    SELECT place, n, name, (SELECT team_abbr FROM last_team) AS team,
        CASE WHEN name IN ('l5', 'l10') THEN least(n, (SELECT count(*) FROM team_dates))
            ELSE (SELECT count(DISTINCT game_date) FROM team_dates WHERE game_date >= {date} - n) END AS expected,
        CASE WHEN name IN ('l5', 'l10') THEN (SELECT count(DISTINCT game_date) FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {season_start} AND {window_end})
            ELSE (SELECT count(DISTINCT game_date) FROM games WHERE player_lookup = '{key}' AND game_date BETWEEN {date} - n AND {window_end}) END AS actual,
        CASE WHEN name IN ('l5', 'l10') THEN (SELECT count(DISTINCT game_date) FROM box_scores WHERE did_not_play AND row_number <= n)
            ELSE (SELECT count(DISTINCT game_date) FROM box_scores WHERE did_not_play AND game_date >= {date} - n) END AS did_not_play
    FROM (VALUES (1, 5, 'l5'), (2, 10, 'l10'), (3, 7, 'l7d'), (4, 14, 'l14d')) AS sizes(place, n, name))
SELECT *, greatest(0, expected - did_not_play) AS needed,
    CASE WHEN expected <= did_not_play THEN 100::DOUBLE ELSE actual / (expected - did_not_play)::DOUBLE * 100 END AS pct
FROM counts;
