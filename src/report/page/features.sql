-- The vectors of the planned dates, and their single values.
CREATE TABLE vectors AS
SELECT season_year AS season, quality_tier, feature_quality_score::DOUBLE AS score, actual_games_count, data_quality_issues, features
FROM vectors_of_store JOIN plan USING (game_date)
WHERE len(features) = 33;

CREATE TABLE qualities AS
SELECT season, coalesce(quality_tier, 'none') AS tier, count(*) AS row_count, any_value(low) AS low, any_value(middle) AS middle, any_value(high) AS high
FROM vectors
JOIN (SELECT season, min(score) AS low, quantile_disc(score, 0.5) AS middle, max(score) AS high FROM vectors GROUP BY season) AS scores
    USING (season)
GROUP BY ALL;

CREATE TABLE cells AS
SELECT season, unnest(range(33))::BIGINT AS feature, unnest(features) AS value FROM vectors;

CREATE TABLE bounds AS
SELECT feature, quantile_disc(value, 0.005) AS low, quantile_disc(value, 0.995) AS high FROM cells GROUP BY feature;

CREATE TABLE quantiles AS
SELECT season, feature, row_count, least, q[1] AS q5, q[2] AS q25, q[3] AS q50, q[4] AS q75, q[5] AS q95, most, low, high
FROM (
    SELECT season, feature, count(*) AS row_count, min(value) AS least, max(value) AS most,
        quantile_disc(value, [0.05, 0.25, 0.5, 0.75, 0.95]) AS q
    FROM cells
    GROUP BY season, feature
) AS of_seasons
JOIN bounds USING (feature);
