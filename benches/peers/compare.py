"""Times PSZA of putback and its windows in Polars, DuckDB and pandas in turns, and compares the values.

usage: compare.py PUTBACK [WAREHOUSE YEARS [RUNS]]

PUTBACK is the binary, WAREHOUSE a directory with Phase 3, YEARS what `--year` takes, such as 2024 or 2021..2025. Without
them the season of `putback demo` is taken.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow.dataset
import pyarrow.parquet
from windows import COLUMNS

PEERS = ["polars", "duckdb", "pandas"]
OUTPUT = "nba_precompute.player_shot_zone_analysis"
# Polars and DuckDB take all cores; all take as many as putback.
THREADS = "2"
# What rounding of a double at two decimals can differ by.
CLOSE = 0.0101


def measured(command):
    """Wall time and CPU time in seconds, peak memory in MB."""
    environment = {**os.environ, "POLARS_MAX_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))} failed")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def rows_of(path):
    """The columns by date and player."""
    table = pyarrow.dataset.dataset(path, format="parquet").to_table(columns=COLUMNS).to_pydict()
    table["analysis_date"] = [str(day)[:10] for day in table["analysis_date"]]
    keys = zip(table["analysis_date"], table["player_lookup"])
    return dict(zip(keys, zip(*(table[name] for name in COLUMNS[2:]))))


def differing(ours, theirs):
    """Cells that differ, of rows that either has."""
    count = 0
    for key in ours.keys() | theirs.keys():
        pair = (ours.get(key), theirs.get(key))
        if None in pair:
            count += len(COLUMNS) - 2
            continue
        for one, other in zip(*pair):
            one, other = (None if value is None or value != value else float(value) for value in (one, other))
            count += (one is None) != (other is None) or (one is not None and abs(one - other) > CLOSE)
    return count


def main(putback, warehouse=None, years="2023..2024", runs=5):
    putback = str(pathlib.Path(putback).resolve())
    work = pathlib.Path(tempfile.mkdtemp(prefix="putback-peers-"))
    try:
        if warehouse is None:
            warehouse = work / "demo" / "warehouse"
            subprocess.run([putback, "demo", "--quiet", "--dir", work / "demo"], check=True, stdout=subprocess.DEVNULL)
        compare(putback, pathlib.Path(warehouse).resolve(), (years, int(runs)), work)
    finally:
        shutil.rmtree(work)


def compare(putback, warehouse, asked, work):
    years, runs = asked
    store = work / "store"
    common = ["--store", store, "--year", years, "--quiet"]
    subprocess.run([putback, "sync", "--warehouse", f"dir:{warehouse}", *common], check=True, stdout=subprocess.DEVNULL)
    compute = [putback, "compute", "--processor", "PSZA", "--force", "--skip-validation", *common]
    measured(compute)
    games = f"{store}/phase3/nba_analytics.player_game_summary/*.parquet"
    outputs = sorted((store / "phase4" / OUTPUT).glob("*.parquet"))
    days = pyarrow.dataset.dataset(outputs).to_table(columns=["analysis_date"])
    dates = work / "dates.parquet"
    pyarrow.parquet.write_table(days.group_by("analysis_date").aggregate([]), dates)

    windows = pathlib.Path(__file__).with_name("windows.py")
    out = {peer: work / f"{peer}.parquet" for peer in PEERS}
    commands = {"putback": compute}
    commands |= {peer: [sys.executable, windows, peer, games, dates, out[peer]] for peer in PEERS}
    times = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(measured(command))

    ours = rows_of(outputs)
    print(f"{len(ours):,} rows on {days.column(0).unique().__len__()} dates; medians of {runs} runs in turns, {THREADS} threads")
    print(f"{'':8} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}  cells that differ from putback's")
    for name, runs_of in times.items():
        wall, cpu, peak = (statistics.median(column) for column in zip(*runs_of))
        cells = "" if name == "putback" else f"{differing(ours, rows_of(out[name])):,} of {len(ours) * (len(COLUMNS) - 2):,}"
        print(f"{name:8} {wall:7.2f} {cpu:7.2f} {peak:8.0f}  {cells}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
