-- No table here is temporary: checks run on connections of their own, and those would not see it.
-- `plan` with the games of each date; `scope`, with its look-back; `most_games`, of the team that has most of the
-- season up to the date; `older_gaps`, of the look-back of MLFS (three years of games against an opponent).
CREATE TABLE games AS
SELECT DISTINCT
    game_date, league_id(game_id) AS game_id, home_team_tricode, away_team_tricode,
    season_of(game_date) AS season_year
FROM nbac_schedule
WHERE game_status = 3 AND NOT coalesce(is_all_star, false)
    AND (coalesce(is_regular_season, false) OR coalesce(is_playoffs, false) OR league_id(game_id) LIKE '005%')
    AND NOT is_of_other_league(game_id)
    AND home_team_tricode IN (SELECT team_abbr FROM teams) AND away_team_tricode IN (SELECT team_abbr FROM teams);
CREATE TABLE scheduled AS
SELECT game_date, season_year, count(DISTINCT game_id)::BIGINT AS games FROM games GROUP BY ALL;
CREATE TABLE team_games AS
SELECT DISTINCT season_year, game_date, unnest([home_team_tricode, away_team_tricode]) AS team_abbr FROM games;
-- Games that are not final. Of several states of a game the final one counts.
CREATE TABLE open_games AS
SELECT DISTINCT game_date, league_id(game_id) AS game_id, home_team_tricode, away_team_tricode FROM nbac_schedule
WHERE game_status <> 3 AND NOT is_of_other_league(game_id) AND league_id(game_id) NOT IN (SELECT league_id(game_id) FROM nbac_schedule WHERE game_status = 3 AND game_id IS NOT NULL);
-- Final games of the schedule that do not count: of another kind, or flagged so. The verdict tells where flags contradict ids.
CREATE TABLE other_games AS
SELECT DISTINCT game_date, unnest([home_team_tricode, away_team_tricode]) AS team_abbr FROM nbac_schedule
WHERE game_status = 3 AND (coalesce(is_all_star, false)
    OR NOT (coalesce(is_regular_season, false) OR coalesce(is_playoffs, false) OR league_id(game_id) LIKE '005%'));
CREATE TABLE planned AS
SELECT game_date, plan.season_year, window_end, coalesce(games, 0) AS games FROM plan LEFT JOIN scheduled USING (game_date);
DROP TABLE plan;
ALTER TABLE planned RENAME TO plan;
CREATE TABLE scope AS
SELECT game_date, season_year, games, true AS in_range FROM plan
UNION ALL
SELECT scheduled.game_date, season_year, games, false FROM scheduled
JOIN (SELECT season_year, max(game_date) AS last FROM plan GROUP BY season_year) USING (season_year)
ANTI JOIN plan USING (game_date)
WHERE scheduled.game_date < last;
CREATE VIEW most_games AS
SELECT game_date, max(games) AS games FROM (
    SELECT plan.game_date, team_abbr, count(*) AS games FROM plan
    JOIN team_games ON team_games.season_year = plan.season_year AND team_games.game_date <= plan.window_end
    GROUP BY ALL)
GROUP BY game_date;
CREATE TABLE older_gaps AS
SELECT game_date FROM scheduled
WHERE game_date >= (SELECT min(game_date) FROM plan) - INTERVAL {mlfs.opponent_years} YEARS AND game_date < (SELECT min(game_date) FROM scope)
    AND game_date NOT IN (FROM older_dates);
