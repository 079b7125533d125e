-- §3.6: the teams of finished games in the order of dates; of every season and kind.
SELECT game_date, home_team_tricode AS home_team, away_team_tricode AS away_team
FROM nbac_schedule
WHERE game_status = 3 AND game_date < (SELECT max(game_date) FROM plan)
ORDER BY game_date
