-- §3.6: on which dates each team had finished games, at home and away; of every season and kind.
SELECT DISTINCT game_date, team_abbr, is_home FROM (
    SELECT game_date, home_team_tricode AS team_abbr, true AS is_home FROM nbac_schedule WHERE game_status = 3
    UNION ALL
    SELECT game_date, away_team_tricode, false FROM nbac_schedule WHERE game_status = 3)
WHERE team_abbr IS NOT NULL AND game_date < (SELECT max(game_date) FROM plan)
ORDER BY game_date, team_abbr, is_home
