-- §3.6: the team of each player's last game before those of `games.sql`.
SELECT player_lookup, max(game_date) AS game_date, first(team_abbr ORDER BY game_date DESC, game_id, team_abbr) AS team_abbr
FROM player_game_summary
WHERE game_date < getvariable('first_day') AND season_year < getvariable('first_season')
GROUP BY player_lookup
