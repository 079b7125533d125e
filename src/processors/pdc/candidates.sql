-- Candidates of the plan's dates, about: those of dates without contexts are the players of the games.
SELECT greatest(
    (SELECT count(*) FROM upcoming_player_game_context SEMI JOIN plan USING (game_date)),
    (SELECT count(*) FROM player_game_summary SEMI JOIN plan USING (game_date))
)::BIGINT AS candidates
