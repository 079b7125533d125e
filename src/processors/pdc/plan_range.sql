-- The range of the plan, for the queries that read in the order of the files: a subquery would be a join, which need not
-- keep that order.
SET VARIABLE first_date = (SELECT min(game_date) FROM plan);
SET VARIABLE last_date = (SELECT max(game_date) FROM plan);
SET VARIABLE first_season = (SELECT min(season_year) FROM plan);
SET VARIABLE first_day = (SELECT {pdc.first_day} FROM plan);
