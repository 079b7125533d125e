CREATE MACRO season_of(day) AS CASE WHEN month(day) >= 10 THEN year(day) ELSE year(day) - 1 END;
-- Rows of a player_lookup under another universal id than most of its rows of the season.
CREATE VIEW mixed_players AS
WITH ids AS (
    SELECT 'player_game_summary' AS in_table, game_date, player_lookup, team_abbr, universal_player_id FROM player_game_summary
    UNION ALL SELECT 'upcoming_player_game_context', game_date, player_lookup, team_abbr, universal_player_id FROM upcoming_player_game_context
),
counted AS (
    SELECT in_table, season_of(game_date) AS season, player_lookup, universal_player_id, count(*) AS rows FROM ids
    WHERE universal_player_id IS NOT NULL GROUP BY ALL
)
SELECT in_table, game_date, player_lookup, team_abbr, concat(in_table, ' ', player_lookup, ': ', universal_player_id) AS example
FROM ids SEMI JOIN (
    SELECT * FROM counted QUALIFY row_number() OVER (PARTITION BY in_table, season, player_lookup ORDER BY rows DESC, universal_player_id) > 1) AS other
    ON other.in_table = ids.in_table AND other.season = season_of(ids.game_date) AND other.player_lookup = ids.player_lookup
    AND other.universal_player_id = ids.universal_player_id;
