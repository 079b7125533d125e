-- What one table says of the facts of another.
-- Points and three-pointers of each side, from its players; a player counts once in a game.
CREATE VIEW side_scores AS
SELECT game_date, team_abbr, sum(points) AS scored, sum(threes) AS threes_scored, sum(attempts) AS threes_attempted
FROM (
    SELECT game_date, team_abbr, max(points) AS points, max(three_pt_makes) AS threes, max(three_pt_attempts) AS attempts
    FROM player_game_summary SEMI JOIN scope USING (game_date) WHERE is_active
    GROUP BY game_date, team_abbr, game_id, player_lookup)
GROUP BY ALL HAVING scored > 0;
-- Rows of teams with what they say that a side scored, what its players and the other table of teams say, and what the
-- players of the other side scored.
CREATE VIEW team_scores AS
WITH said AS (
    SELECT 'team_defense_game_summary' AS in_table, game_date, defending_team_abbr AS team_abbr, opponent_team_abbr AS scorer, defending_team_abbr AS other_side,
        points_allowed AS points, opp_three_pt_makes AS threes, opp_three_pt_attempts AS three_attempts FROM team_defense_game_summary
    UNION ALL SELECT 'team_offense_game_summary', game_date, team_abbr, team_abbr, opponent_team_abbr, points_scored, NULL, NULL FROM team_offense_game_summary),
others AS (SELECT in_table, game_date, scorer, max(points) AS points FROM said GROUP BY ALL)
SELECT said.in_table, said.game_date, said.team_abbr, said.points, said.threes, said.three_attempts,
    sides.scored, sides.threes_scored, sides.threes_attempted, others.points AS other_points, opposite.scored AS of_other_side
FROM said JOIN side_scores AS sides ON sides.game_date = said.game_date AND sides.team_abbr = said.scorer
LEFT JOIN side_scores AS opposite ON opposite.game_date = said.game_date AND opposite.team_abbr = said.other_side
LEFT JOIN others ON others.in_table <> said.in_table AND others.game_date = said.game_date AND others.scorer = said.scorer;
-- Contexts of players that contradict what was played, with the number of contexts of their date. Only where rows of the games of
-- 14 days are there: of every game of the team, and of the player on every day with a context. Not where the data begin within these days, and not where a
-- date that was computed has vanished upstream: that date is told by itself.
CREATE VIEW contradicting_contexts AS
WITH played AS (SELECT DISTINCT game_date, player_lookup FROM player_game_summary WHERE is_active),
gaps AS (SELECT game_date, team_abbr FROM team_games ANTI JOIN player_game_summary USING (game_date, team_abbr)),
openings AS (SELECT season_year, min(game_date) AS first_day FROM scheduled GROUP BY ALL),
unknown AS (SELECT game_date, player_lookup FROM upcoming_player_game_context ANTI JOIN player_game_summary USING (game_date, player_lookup)),
contexts AS (
    SELECT game_date, player_lookup, plan.season_year, min(days_rest) AS days_rest, bool_or(back_to_back) AS back_to_back,
        min(games_in_last_7_days) AS games_7, min(games_in_last_14_days) AS games_14
    FROM (SELECT game_date, player_lookup, team_abbr, days_rest, back_to_back, games_in_last_7_days, games_in_last_14_days FROM upcoming_player_game_context) AS rows
    JOIN plan USING (game_date)
    JOIN openings ON openings.season_year = plan.season_year AND rows.game_date - 14 >= first_day
    ANTI JOIN vanished_days AS vanished ON vanished.game_date BETWEEN rows.game_date - 14 AND rows.game_date - 1
    ANTI JOIN gaps ON gaps.team_abbr = rows.team_abbr AND gaps.game_date BETWEEN rows.game_date - 14 AND rows.game_date - 1
    ANTI JOIN unknown ON unknown.player_lookup = rows.player_lookup AND unknown.game_date BETWEEN rows.game_date - 14 AND rows.game_date - 1
    GROUP BY ALL),
days AS (FROM contexts UNION ALL BY NAME SELECT game_date, player_lookup, game_date AS played_on FROM played),
counts AS (
    SELECT *, max(played_on) OVER days_14 AS last_game, count(played_on) OVER days_7 AS played_7, count(played_on) OVER days_14 AS played_14
    FROM (SELECT *, game_date - DATE '1970-01-01' AS day FROM days)
    WINDOW days_7 AS (PARTITION BY player_lookup ORDER BY day RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING),
        days_14 AS (PARTITION BY player_lookup ORDER BY day RANGE BETWEEN 14 PRECEDING AND 1 PRECEDING)
    QUALIFY season_year IS NOT NULL),
facts AS (SELECT *, game_date - last_game AS rested FROM counts),
-- The reference leaves back_to_back false everywhere; elsewhere it is true after a game on the day before.
habits AS (SELECT season_year, 2 * count(*) FILTER (back_to_back) >= count(*) AS tells FROM facts WHERE rested = 1 GROUP BY ALL),
compared AS (
    SELECT *, CASE WHEN rested IS NULL THEN days_rest <= 14 ELSE days_rest <> rested END AS is_rest_off,
        CASE WHEN back_to_back THEN rested IS DISTINCT FROM 1 ELSE rested = 1 AND tells END AS is_back_to_back_off,
        games_7 <> played_7 AS is_7_off, games_14 <> played_14 AS is_14_off
    FROM facts LEFT JOIN habits USING (season_year))
SELECT game_date, player_lookup, contexts, cell.name AS in_column, cell.said, cell.played
FROM (
    SELECT game_date, player_lookup, unnest([
        {'name': 'days_rest', 'said': days_rest::VARCHAR, 'played': coalesce(rested::VARCHAR, 'more than 14'), 'is_off': is_rest_off},
        {'name': 'back_to_back', 'said': back_to_back::VARCHAR, 'played': (rested = 1)::VARCHAR, 'is_off': is_back_to_back_off},
        {'name': 'games_in_last_7_days', 'said': games_7::VARCHAR, 'played': played_7::VARCHAR, 'is_off': is_7_off},
        {'name': 'games_in_last_14_days', 'said': games_14::VARCHAR, 'played': played_14::VARCHAR, 'is_off': is_14_off}]) AS cell
    FROM compared WHERE is_rest_off OR is_back_to_back_off OR is_7_off OR is_14_off)
JOIN (SELECT game_date, count(*) AS contexts FROM contexts GROUP BY game_date) USING (game_date)
WHERE cell.is_off;
