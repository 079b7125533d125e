"""putback from Python: its results as objects, and its tables as PyArrow datasets.

Everything is done by the binary of this package. Its commands and options are those of ``putback --help``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Sequence
from datetime import date
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset

__all__ = ["Failed", "binary", "features", "run"]


class Failed(Exception):
    """A command that ended with a status that was not accepted.

    ``status`` is the exit status (docs/reference.md lists them), ``messages`` what was written to standard error, and
    ``result`` the parsed result where there is one: a computation whose dates failed (status 3) has one.
    """

    def __init__(self, status: int, messages: str, result: Any) -> None:
        super().__init__(f"putback ended with status {status}\n{messages}".rstrip())
        self.status = status
        self.messages = messages
        self.result = result


def binary() -> Path:
    """The binary of this package."""
    return Path(__file__).parent / "bin" / "putback"


def run(arguments: Sequence[str | PathLike[str]], *, accept: Collection[int] = (0,)) -> Any:
    """Runs a command and returns its result, the parsed JSON of ``--format json``; ``None`` where it prints nothing.

    Raises :class:`Failed` for an exit status that is not in ``accept``.
    """
    words = [fspath(word) for word in arguments]
    done = subprocess.run(
        [binary(), "--format", "json", *words], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    is_accepted = done.returncode in accept
    try:
        result = json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError:
        if is_accepted:
            raise
        result = None
    if not is_accepted:
        raise Failed(done.returncode, done.stderr, result)
    return result


def features(store: str | PathLike[str], table: str = "ml_feature_store_v2") -> Dataset:
    """The rows of a computed table of a store, as a PyArrow dataset (needs ``pyarrow``).

    The dataset is of the moment of the call: later commands do not change it, but may remove its files, which is an
    error when it is read. Rows of dates whose games vanished are left out, as in putback itself. ``putback status``
    says which dates are stale or held back.

    Raises :class:`Failed` for a store that cannot be read, and for a table that it does not have.
    """
    from pyarrow import array, date32
    from pyarrow.dataset import dataset, field

    found = run(["--store", store, "table-files", table])
    rows = dataset(found["files"], format="parquet")
    vanished = array(map(date.fromisoformat, found["vanished_dates"]), type=date32())
    return rows.filter(~field(found["date_column"]).isin(vanished)) if len(vanished) else rows
