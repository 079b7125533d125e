-- Where the candidates of each of the plan's dates come from (§2.3), and about how many there are: from UPCG or, where it
-- has nobody, from PGS. Dates without any are left out.
CREATE OR REPLACE TEMP TABLE populations AS
WITH in_context AS (
    SELECT game_date, count(*) AS candidates FROM upcoming_player_game_context SEMI JOIN plan USING (game_date) GROUP BY ALL
),
in_games AS (
    SELECT game_date, count(*) AS candidates
    FROM player_game_summary SEMI JOIN (FROM plan ANTI JOIN in_context USING (game_date)) AS others USING (game_date)
    GROUP BY ALL
)
SELECT *, false AS is_synthetic FROM in_context UNION ALL BY NAME SELECT *, true AS is_synthetic FROM in_games
