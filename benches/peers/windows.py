"""PSZA's windows of ten and twenty games, as users of Polars, DuckDB and pandas would write them.

usage: windows.py PEER GAMES DATES OUT

GAMES is a Parquet file or pattern with player_game_summary, DATES a Parquet file with one column, analysis_date. OUT is
written: a row for each date and player with ten games of the season, with the columns of COLUMNS.
"""

import sys

COLUMNS = ["analysis_date", "player_lookup", "paint_rate_last_10", "mid_range_rate_last_10", "three_pt_rate_last_10",
           "total_shots_last_10", "paint_rate_last_20", "games_in_sample_20"]
ZONES = ["paint", "mid_range", "three_pt"]
ATTEMPTS = [f"{zone}_attempts" for zone in ZONES]


def with_duckdb(games, dates, out):
    import duckdb

    duckdb.execute("SET threads = 2")
    duckdb.execute(f"""
        COPY (
            WITH games AS (
                SELECT *, CASE WHEN month(game_date) >= 10 THEN year(game_date) ELSE year(game_date) - 1 END AS season
                FROM read_parquet('{games}')
                WHERE is_active AND (minutes_played > 0 OR fg_attempts > 0)
            ),
            rolling AS (
                SELECT
                    season, player_lookup, game_date,
                    lead(game_date) OVER player AS next_date,
                    row_number() OVER player AS game,
                    {", ".join(f"sum(coalesce({zone}_attempts, 0)) OVER last_10 AS {zone}_10" for zone in ZONES)},
                    {", ".join(f"sum(coalesce({zone}_attempts, 0)) OVER last_20 AS {zone}_20" for zone in ZONES)},
                FROM games
                WINDOW
                    player AS (PARTITION BY season, player_lookup ORDER BY game_date, game_id DESC),
                    last_10 AS (PARTITION BY season, player_lookup ORDER BY game_date, game_id DESC ROWS 9 PRECEDING),
                    last_20 AS (PARTITION BY season, player_lookup ORDER BY game_date, game_id DESC ROWS 19 PRECEDING)
            ),
            dates AS (
                SELECT analysis_date,
                    CASE WHEN month(analysis_date) >= 10 THEN year(analysis_date) ELSE year(analysis_date) - 1 END AS season
                FROM read_parquet('{dates}')
            )
            SELECT
                analysis_date, player_lookup,
                {", ".join(f"round_even({zone}_10 / nullif(shots_10, 0) * 100, 2) AS {zone}_rate_last_10" for zone in ZONES)},
                nullif(shots_10, 0) AS total_shots_last_10,
                CASE WHEN game >= 15 THEN round_even(paint_20 / nullif(shots_20, 0) * 100, 2) END AS paint_rate_last_20,
                least(game, 20) AS games_in_sample_20
            FROM (SELECT *, paint_10 + mid_range_10 + three_pt_10 AS shots_10,
                    paint_20 + mid_range_20 + three_pt_20 AS shots_20 FROM rolling WHERE game >= 10) AS rolling
            JOIN dates ON dates.season = rolling.season AND analysis_date >= game_date
                AND (next_date IS NULL OR analysis_date < next_date)
        ) TO '{out}' (FORMAT parquet)""")


def with_pandas(games, dates, out):
    import glob

    import numpy as np
    import pandas as pd

    columns = ["player_lookup", "game_date", "game_id", "is_active", "minutes_played", "fg_attempts", *ATTEMPTS]
    games = pd.concat([pd.read_parquet(path, columns=columns) for path in sorted(glob.glob(games))], ignore_index=True)
    dates = pd.read_parquet(dates)
    games["game_date"] = pd.to_datetime(games["game_date"])
    dates["analysis_date"] = pd.to_datetime(dates["analysis_date"])
    games = games[games["is_active"] & ((games["minutes_played"].astype(float) > 0) | (games["fg_attempts"] > 0))]

    def season(days):
        return days.dt.year - (days.dt.month < 10)

    games = games.assign(season=season(games["game_date"]))
    games[ATTEMPTS] = games[ATTEMPTS].fillna(0).astype(float)
    games = games.sort_values(["season", "player_lookup", "game_date", "game_id"], ascending=[True, True, True, False])
    by_player = games.groupby(["season", "player_lookup"], sort=False)
    games["game"] = by_player.cumcount() + 1
    for length in (10, 20):
        sums = by_player[ATTEMPTS].rolling(length, min_periods=1).sum().droplevel([0, 1])
        for zone in ZONES:
            games[f"{zone}_{length}"] = sums[f"{zone}_attempts"]
        games[f"shots_{length}"] = games[[f"{zone}_{length}" for zone in ZONES]].sum(axis=1)
    games = games.drop_duplicates(["season", "player_lookup", "game_date"], keep="last")
    dates = dates.assign(season=season(dates["analysis_date"]))
    players = games[["season", "player_lookup"]].drop_duplicates()
    asked = dates.merge(players, on="season").sort_values("analysis_date")
    rows = pd.merge_asof(asked, games.sort_values("game_date"), left_on="analysis_date", right_on="game_date",
                         by=["season", "player_lookup"])
    rows = rows[rows["game"] >= 10].copy()
    for zone in ZONES:
        rows[f"{zone}_rate_last_10"] = np.round(rows[f"{zone}_10"] / rows["shots_10"].replace(0, np.nan) * 100, 2)
    rows["total_shots_last_10"] = rows["shots_10"].replace(0, np.nan)
    rate = np.round(rows["paint_20"] / rows["shots_20"].replace(0, np.nan) * 100, 2)
    rows["paint_rate_last_20"] = rate.where(rows["game"] >= 15)
    rows["games_in_sample_20"] = rows["game"].clip(upper=20)
    rows[COLUMNS].to_parquet(out, index=False)


def with_polars(games, dates, out):
    import polars as pl

    def season(day):
        return pl.col(day).dt.year() - (pl.col(day).dt.month() < 10).cast(pl.Int32)

    player = ["season", "player_lookup"]
    games = (
        pl.scan_parquet(games)
        .select("player_lookup", "game_date", "game_id", "is_active", "minutes_played", "fg_attempts", *ATTEMPTS)
        .filter(pl.col("is_active") & ((pl.col("minutes_played") > 0) | (pl.col("fg_attempts") > 0)))
        .with_columns(season("game_date").alias("season"), *[pl.col(name).fill_null(0) for name in ATTEMPTS])
        .sort("season", "player_lookup", "game_date", "game_id", descending=[False, False, False, True])
        .with_columns(
            pl.int_range(1, pl.len() + 1).over(player).alias("game"),
            *[pl.col(f"{zone}_attempts").rolling_sum(length, min_samples=1).over(player).alias(f"{zone}_{length}")
              for length in (10, 20) for zone in ZONES],
        )
        .with_columns(
            *[pl.sum_horizontal([f"{zone}_{length}" for zone in ZONES]).alias(f"shots_{length}") for length in (10, 20)]
        )
        .unique([*player, "game_date"], keep="last", maintain_order=True)
    )
    dates = pl.scan_parquet(dates).with_columns(season("analysis_date").alias("season"))
    asked = dates.join(games.select(player).unique(), on="season").sort("analysis_date")

    def rate(zone, length):
        shots = pl.col(f"shots_{length}")
        share = pl.when(shots > 0).then(pl.col(f"{zone}_{length}") / shots * 100)
        return share.round(2, mode="half_to_even")

    rows = (
        asked.join_asof(
            games.sort("game_date"), left_on="analysis_date", right_on="game_date", by=player, check_sortedness=False
        )
        .filter(pl.col("game") >= 10)
        .select(
            "analysis_date", "player_lookup",
            *[rate(zone, 10).alias(f"{zone}_rate_last_10") for zone in ZONES],
            pl.when(pl.col("shots_10") > 0).then(pl.col("shots_10")).alias("total_shots_last_10"),
            pl.when(pl.col("game") >= 15).then(rate("paint", 20)).alias("paint_rate_last_20"),
            pl.col("game").clip(upper_bound=20).alias("games_in_sample_20"),
        )
    )
    rows.collect().write_parquet(out)


if __name__ == "__main__":
    peer, games, dates, out = sys.argv[1:]
    {"duckdb": with_duckdb, "pandas": with_pandas, "polars": with_polars}[peer](games, dates, out)
