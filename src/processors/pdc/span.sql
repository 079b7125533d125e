-- What the queries beside this one read: constants, so that files of other months are not opened.
SET VARIABLE first_date = (SELECT min(game_date) FROM plan);
SET VARIABLE last_date = (SELECT max(game_date) FROM plan);
SET VARIABLE first_season = (SELECT min(season_year) FROM plan);
SET VARIABLE first_day = (SELECT {pdc.first_day} FROM plan);
