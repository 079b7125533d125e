CREATE VIEW player_ids AS
SELECT 'player_game_summary' AS in_table, game_date, player_lookup, team_abbr, universal_player_id FROM player_game_summary
UNION ALL SELECT 'upcoming_player_game_context', game_date, player_lookup, team_abbr, universal_player_id FROM upcoming_player_game_context;
CREATE TABLE counted_ids AS
SELECT in_table, season_of(game_date) AS season, player_lookup, universal_player_id, count(*) AS rows FROM player_ids
WHERE universal_player_id IS NOT NULL GROUP BY ALL;
-- Rows of a player_lookup under another universal id than most of its rows of the season.
CREATE VIEW mixed_players AS
SELECT in_table, game_date, player_lookup, team_abbr, concat(in_table, ' ', player_lookup, ': ', universal_player_id) AS example
FROM player_ids SEMI JOIN (
    SELECT * FROM counted_ids QUALIFY row_number() OVER (PARTITION BY in_table, season, player_lookup ORDER BY rows DESC, universal_player_id) > 1) AS other
    ON other.in_table = player_ids.in_table AND other.season = season_of(player_ids.game_date) AND other.player_lookup = player_ids.player_lookup
    AND other.universal_player_id = player_ids.universal_player_id;
-- Rows of a universal id under another player_lookup than most of its rows of the season: they are missing from that one.
CREATE VIEW split_players AS
SELECT player_ids.in_table, game_date, unnest([player_ids.player_lookup, other.most]) AS player_lookup,
    unnest([false, true]) AS is_missing, concat(player_ids.in_table, ' ', player_ids.player_lookup, ': else ', other.most) AS example
FROM player_ids JOIN (
    SELECT *, first_value(player_lookup) OVER (PARTITION BY in_table, season, universal_player_id ORDER BY rows DESC, player_lookup) AS most FROM counted_ids) AS other
    ON other.in_table = player_ids.in_table AND other.season = season_of(player_ids.game_date) AND other.player_lookup = player_ids.player_lookup
    AND other.universal_player_id = player_ids.universal_player_id
WHERE other.most <> player_ids.player_lookup;
