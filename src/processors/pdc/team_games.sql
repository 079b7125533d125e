-- §2.5: team games in the order of dates; `teams.rs` keeps each team's last ten, of whatever season. Of two games on one
-- date the smaller game_id is the newer. Paces are scaled by 10, ratings by 100.
SELECT team_abbr, game_date, (pace * 10)::BIGINT AS pace_10, (offensive_rating * 100)::BIGINT AS rating_100
FROM team_offense_game_summary
WHERE game_date <= (SELECT max(game_date) FROM plan)
ORDER BY game_date, game_id DESC, team_abbr, processed_at DESC NULLS FIRST, pace DESC NULLS FIRST, offensive_rating DESC NULLS FIRST
