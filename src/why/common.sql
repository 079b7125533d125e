-- The inputs as processors see them: rows of the 30 teams; an empty opponent stays.
CREATE OR REPLACE TEMP VIEW games AS
SELECT * FROM player_game_summary
WHERE coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams);
CREATE OR REPLACE TEMP VIEW player_window AS
SELECT *, row_number() OVER (ORDER BY game_date DESC, game_id DESC) AS game_number
FROM games
WHERE player_lookup = '{key}' AND game_date BETWEEN {season_start} AND {date}
    AND is_active AND (coalesce(minutes_played, 0) > 0 OR coalesce(fg_attempts, 0) > 0);
CREATE OR REPLACE TEMP VIEW team_window AS
SELECT *, row_number() OVER (ORDER BY game_date DESC, game_id) AS game_number
FROM team_defense_game_summary
WHERE defending_team_abbr = '{key}' AND game_date BETWEEN {season_start} AND {date};
CREATE OR REPLACE TEMP VIEW contexts AS
SELECT * FROM upcoming_player_game_context
WHERE game_date = {date} AND coalesce(team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams)
    AND coalesce(opponent_team_abbr, '') IN (SELECT '' UNION SELECT team_abbr FROM teams);
