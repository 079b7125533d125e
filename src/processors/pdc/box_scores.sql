-- §3.6: raw box scores in the order of dates and players. Rows of one date are ordered by nothing in the reference; here
-- NULL is the newest, then the smaller text.
SELECT player_lookup, game_date, coalesce(minutes IN ('', '0', '00'), true) AS did_not_play
FROM bdl_player_boxscores
WHERE game_date >= (SELECT min(game_date) - {pdc.box_score_days} FROM plan) AND game_date < (SELECT max(game_date) FROM plan)
ORDER BY game_date, player_lookup, minutes DESC NULLS LAST
