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
    AND {psza.counted};
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
SELECT row_count AS upcg_rows, player_count AS pgs_players, {pcf.is_synthetic} AS is_synthetic
FROM (SELECT count(*)::BIGINT AS row_count FROM contexts),
    (SELECT count(DISTINCT player_lookup)::BIGINT AS player_count FROM games WHERE game_date = {date});
CREATE OR REPLACE TEMP TABLE upcg_of_player AS
SELECT *, row_number() OVER (
    ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST, processed_at NULLS LAST, days_rest NULLS LAST,
        back_to_back NULLS LAST, games_in_last_7_days NULLS LAST, minutes_in_last_7_days NULLS LAST,
        avg_minutes_per_game_last_7 NULLS LAST, back_to_backs_last_14_days NULLS LAST, player_age NULLS LAST,
        projected_usage_rate NULLS LAST, avg_usage_rate_last_7_games NULLS LAST, star_teammates_out NULLS LAST,
        pace_differential NULLS LAST) AS choice
FROM contexts WHERE player_lookup = '{key}';
CREATE OR REPLACE TEMP TABLE pgs_of_player AS
SELECT *, row_number() OVER (ORDER BY game_id, opponent_team_abbr, universal_player_id NULLS LAST) AS choice
FROM (SELECT DISTINCT game_id, opponent_team_abbr, universal_player_id FROM games WHERE game_date = {date} AND player_lookup = '{key}');
CREATE OR REPLACE TEMP TABLE context_of_player AS
SELECT opponent_team_abbr AS opponent FROM upcg_of_player WHERE choice = 1 AND NOT (SELECT is_synthetic FROM context_taken)
UNION ALL
SELECT opponent_team_abbr FROM pgs_of_player WHERE choice = 1 AND (SELECT is_synthetic FROM context_taken);
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
    CASE WHEN game_date >= {date} - {mlfs.recent_days} AND game_number <= {mlfs.recent_games} THEN game_number END AS read_f,
    season_year = {season_year} AND game_date >= {season_start} AS read_g,
    opponent_team_abbr IS NOT DISTINCT FROM (SELECT opponent_team_abbr FROM roster WHERE choice = 1) AND EXISTS (FROM roster WHERE choice = 1 AND opponent_team_abbr <> '') AS read_i,
    game_date >= {date} - {mlfs.month_days} AND minutes_played > 0 AS read_j
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
WHERE game_date = {date} AND player_lookup = '{key}' AND {mlfs.line_counts};
-- The game list of PDC (PDC §2.4), newest first.
CREATE OR REPLACE TEMP TABLE cache_games AS
SELECT *, row_number() OVER (
    ORDER BY game_date DESC, game_id, team_abbr, processed_at DESC NULLS FIRST, season_year DESC NULLS FIRST, points DESC NULLS FIRST,
        minutes_played DESC NULLS FIRST, usage_rate DESC NULLS FIRST, ts_pct DESC NULLS FIRST, fg_makes DESC NULLS FIRST,
        assisted_fg_makes DESC NULLS FIRST) AS game_number
FROM games
WHERE player_lookup = '{key}' AND season_year = {season_year} AND game_date <= {window_end}
    AND {pdc.counted}
QUALIFY game_number <= {pdc.games_season};
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
SELECT 'synthetic', team_abbr, universal_player_id, {told.games_7}::BIGINT, {told.games_14}::BIGINT, {told.minutes_7}::BIGINT,
    {told.minutes_14}::BIGINT, {told.b2b_14}::BIGINT, {told.avg_minutes_7}::DECIMAL(38, 9), NULL, NULL,
    row_number() OVER (ORDER BY team_abbr, universal_player_id NULLS LAST)
FROM (SELECT DISTINCT team_abbr, universal_player_id FROM games WHERE game_date = {date} AND player_lookup = '{key}')
WHERE NOT EXISTS (FROM contexts);
CREATE OR REPLACE TEMP TABLE cache_team_games AS
SELECT game_date, game_id, pace, offensive_rating, row_number() OVER (
    ORDER BY game_date DESC, game_id, processed_at NULLS LAST, pace NULLS LAST, offensive_rating NULLS LAST) AS game_number
FROM team_offense_game_summary
WHERE team_abbr = (SELECT team_abbr FROM cache_context WHERE choice = 1) AND game_date <= {window_end}
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
QUALIFY game_number <= {pdc.team_games};
