-- Names of players and teams across tables.
CREATE MACRO folded(name) AS
    regexp_replace(regexp_replace(lower(strip_accents(name)), '[^a-z0-9]', '', 'g'), '(jr|sr|ii|iii|iv)$', '');
-- Lines that MLFS asks for (read H), and who is to play by games or contexts.
CREATE VIEW asked_lines AS
SELECT game_date, player_lookup FROM bettingpros_player_points_props WHERE is_active AND bet_side = 'over' AND points_line IS NOT NULL;
CREATE VIEW expected_players AS
SELECT game_date, player_lookup FROM player_game_summary UNION ALL SELECT game_date, player_lookup FROM upcoming_player_game_context;
-- Names that differ in accents, case, signs or suffixes only.
CREATE TABLE spellings AS
WITH names AS (
    SELECT player_lookup, folded(player_lookup) AS folded
    FROM (SELECT player_lookup FROM expected_players UNION SELECT player_lookup FROM asked_lines)
)
SELECT one.player_lookup AS player_lookup, other.player_lookup AS spelling FROM names AS one JOIN names AS other USING (folded)
WHERE one.player_lookup <> other.player_lookup;
-- Lines of each date with whether their player is to play on it or was on the day before.
CREATE TABLE line_names AS
SELECT game_date, player_lookup,
    (game_date, player_lookup) IN (SELECT (game_date, player_lookup) FROM expected_players SEMI JOIN asked_lines USING (game_date, player_lookup)
        UNION ALL SELECT (game_date, spelling) FROM expected_players JOIN spellings USING (player_lookup)) AS is_of_date,
    (game_date - 1, player_lookup) IN (SELECT (game_date, player_lookup) FROM expected_players
        SEMI JOIN (SELECT game_date - 1 AS game_date, player_lookup FROM asked_lines) USING (game_date, player_lookup)) AS is_of_day_before
FROM (SELECT DISTINCT game_date, player_lookup FROM asked_lines
    SEMI JOIN (SELECT game_date FROM plan UNION SELECT game_date + 1 FROM plan) AS days USING (game_date));
-- Names with another spelling somewhere, where they stand. A table: its exact size keeps the optimizer from joining every name of a
-- date with every other.
CREATE TABLE spelt_names AS
SELECT in_table, game_date, player_lookup, spelling FROM (
    SELECT DISTINCT 'player_game_summary' AS in_table, game_date, player_lookup FROM player_game_summary SEMI JOIN spellings USING (player_lookup)
    UNION ALL SELECT DISTINCT 'upcoming_player_game_context', game_date, player_lookup FROM upcoming_player_game_context SEMI JOIN spellings USING (player_lookup)
    UNION ALL SELECT DISTINCT 'bettingpros_player_points_props', game_date, player_lookup FROM asked_lines SEMI JOIN spellings USING (player_lookup)
) JOIN spellings USING (player_lookup);
-- Players whose game has another spelling of the name than a context or line of the date.
CREATE VIEW spelt_otherwise AS
WITH
games AS (FROM spelt_names WHERE in_table = 'player_game_summary'),
others AS (FROM spelt_names WHERE in_table <> 'player_game_summary')
SELECT others.in_table, games.game_date, games.player_lookup,
    concat('player_lookup ', games.player_lookup, ' is ', others.player_lookup, ' in ', others.in_table) AS example
FROM games JOIN others ON others.game_date = games.game_date AND others.player_lookup = games.spelling AND others.spelling = games.player_lookup
SEMI JOIN scope ON scope.game_date = games.game_date
ANTI JOIN others AS own ON own.in_table = others.in_table AND own.game_date = games.game_date AND own.player_lookup = games.player_lookup
ANTI JOIN games AS spelt ON spelt.game_date = games.game_date AND spelt.player_lookup = others.player_lookup;
-- Rows of a code that is none of the 30 and stands where one of them should: its opponent has no other row of the day.
CREATE VIEW of_teams AS
SELECT 'player_game_summary' AS in_table, game_date, player_lookup, team_abbr, opponent_team_abbr FROM player_game_summary
UNION ALL SELECT 'upcoming_player_game_context', game_date, player_lookup, team_abbr, opponent_team_abbr FROM upcoming_player_game_context
UNION ALL SELECT 'team_defense_game_summary', game_date, NULL, defending_team_abbr, opponent_team_abbr FROM team_defense_game_summary
UNION ALL SELECT 'team_offense_game_summary', game_date, NULL, team_abbr, opponent_team_abbr FROM team_offense_game_summary;
CREATE TABLE unknown_rows AS
SELECT *, team_abbr IN (FROM teams) AS is_known, opponent_team_abbr IN (FROM teams) AS is_known_opponent
FROM of_teams SEMI JOIN scope USING (game_date)
WHERE team_abbr NOT IN (FROM teams) OR (opponent_team_abbr NOT IN (FROM teams) AND opponent_team_abbr <> '');
CREATE VIEW stray_rows AS
WITH
-- Codes with the team that they stand opposite to.
codes AS (
    SELECT in_table, team_abbr AS code, game_date, opponent_team_abbr AS known FROM unknown_rows WHERE NOT is_known AND is_known_opponent
    UNION SELECT in_table, opponent_team_abbr, game_date, team_abbr FROM unknown_rows WHERE is_known AND NOT is_known_opponent
),
stray AS (
    SELECT DISTINCT in_table, code FROM codes
    ANTI JOIN (SELECT in_table, game_date, team_abbr AS known FROM of_teams WHERE team_abbr IN (FROM teams) AND opponent_team_abbr IN (FROM teams)) USING (in_table, game_date, known)
)
SELECT unknown_rows.* FROM unknown_rows
SEMI JOIN stray ON stray.in_table = unknown_rows.in_table AND (stray.code = unknown_rows.team_abbr OR stray.code = unknown_rows.opponent_team_abbr);
