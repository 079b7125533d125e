"""Computes seasons side by side on a Spark cluster, and publishes them once.

    python -m putback.spark --season 2021-22..2025-26 --warehouse WAREHOUSE --units DIR --store DIR [--to WAREHOUSE]

Each season is one task, which runs ``putback unit``: its store appears in --units when it is whole. The driver merges
the stores into --store, validates and publishes. Executors need this package, and see --units under the same name.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import putback

if TYPE_CHECKING:
    from pyarrow import RecordBatch

# Statuses that another attempt may not end with: a failure of the machine, a change meanwhile, a store in use.
_RETRIED = (1, 6, 10)
# Statuses with which a store is there: all is done, dates failed, a check failed.
_FINISHED = (0, 3, 4)
_SCHEMA = "season string, attempt int, exit_status int, seconds double, log string"


class Unit(NamedTuple):
    """What a task needs to know; it travels to the executors."""

    seasons: list[str]
    arguments: list[str]
    environment: dict[str, str]


def main() -> int:
    arguments = parse()
    environment = {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or str(int(time.time()))}
    os.environ.update(environment)
    seasons = [unit["season"] for unit in putback.run(["unit", "--of", arguments.season, "--list"])["units"]]
    units = Path(arguments.units).absolute()
    words = ["--of", arguments.season, "--units", str(units), "--warehouse", arguments.warehouse]
    if arguments.scratch:
        words += ["--scratch", arguments.scratch]
    rows = compute(Unit(seasons, words + arguments.option, environment), arguments)
    sweep(units, seasons)
    for row in rows:
        print(f"{row['season']}: status {row['exit_status']}, attempt {row['attempt']}, {row['seconds']:.1f} s", file=sys.stderr)
    failed = next((row for row in rows if row["exit_status"] not in _FINISHED), None)
    if failed:
        print(f"{failed['season']} was not computed; nothing was merged\n{failed['log']}", file=sys.stderr)
        return failed["exit_status"]
    return publish(arguments, [units / season for season in seasons])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m putback.spark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--season", required=True, help="like 2021-22..2025-26 or 2021-22,2023-24")
    parser.add_argument("--warehouse", required=True, help="as of `putback sync`; executors read it")
    parser.add_argument("--units", required=True, help="directory that the driver and all executors see")
    parser.add_argument("--store", required=True, help="store of the driver that takes all seasons in")
    parser.add_argument("--to", help="as of `putback upload`; without it nothing is published")
    parser.add_argument("--scratch", help="directory of each executor for its work")
    parser.add_argument("--option", action="append", default=[], help="an option for each unit, like --option=--windows=day-before")
    parser.add_argument("--master", help="as of spark-submit, which sets it otherwise")
    parser.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE", help="as of spark-submit")
    return parser.parse_args()


def compute(unit: Unit, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One task for each season: a range with as many partitions as numbers is not shuffled."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("putback")
    if arguments.master:
        builder = builder.master(arguments.master)
    for setting in arguments.conf:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()
    try:
        count = len(unit.seasons)
        tasks = spark.range(0, count, 1, count)
        return [row.asDict() for row in tasks.mapInArrow(lambda batches: attempts(batches, unit), _SCHEMA).collect()]
    finally:
        spark.stop()


def attempts(batches: Iterator[RecordBatch], unit: Unit) -> Iterator[RecordBatch]:
    """Runs on an executor. Raises only for what another attempt can mend."""
    import pyarrow
    from pyspark import TaskContext

    schema = pyarrow.schema(
        [("season", "string"), ("attempt", "int32"), ("exit_status", "int32"), ("seconds", "double"), ("log", "string")]
    )
    context = TaskContext.get()
    assert context is not None
    for batch in batches:
        for index in batch.column(0).to_pylist():
            started = time.monotonic()
            status, log = attempt(index, unit, context.cpus())
            if status < 0 or status in _RETRIED:
                raise RuntimeError(f"{unit.seasons[index]}: putback ended with status {status}\n{log}")
            row = (unit.seasons[index], context.attemptNumber(), status, time.monotonic() - started, log)
            yield pyarrow.RecordBatch.from_pylist([dict(zip(schema.names, row))], schema=schema)


def attempt(index: int, unit: Unit, threads: int) -> tuple[int, str]:
    """Exit status and log of a unit. Its process is in the group of the executor's, and ends with it."""
    words = ["--threads", str(threads), "unit", "--index", str(index), *unit.arguments]
    done = subprocess.run(
        [putback.binary(), *words],
        env=os.environ | unit.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


def sweep(units: Path, seasons: list[str]) -> None:
    """Removes what attempts that were killed left: no task runs any more."""
    for season in seasons:
        for left in units.glob(f".{season}-*"):
            shutil.rmtree(left, ignore_errors=True)


def publish(arguments: argparse.Namespace, stores: list[Path]) -> int:
    ranges = [word for store in stores for word in ("--season", store.name)]
    of_store = ["--store", arguments.store]
    steps = [["merge", *map(str, stores)], ["validate", *ranges]]
    if arguments.to:
        steps.append(["upload", *ranges, "--to", arguments.to])
    status = 0
    for step in steps:
        status = subprocess.run([putback.binary(), *of_store, *step], check=False).returncode
        # What fails a check is held back from the publication.
        if status not in _FINISHED:
            break
    return status


if __name__ == "__main__":
    sys.exit(main())
