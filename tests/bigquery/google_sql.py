"""Google's SQL library, as the tests of BigQuery use it: BigQuery's features, tables of the tests, parts of a script."""
import fcntl
import os
import pathlib
import re
import sys

import wasmtime
import zetasql.core.wasm_client as wasm_client

CACHE = pathlib.Path(sys.argv[1])


class CachedModule:
    """Stands for wasmtime.Module, whose compilation takes over a minute."""

    @staticmethod
    def from_file(engine, path):
        # Tests run beside each other: the first compiles, the others wait for it.
        with open(CACHE.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not CACHE.exists():
                unfinished = CACHE.with_suffix(f".{os.getpid()}")
                unfinished.write_bytes(wasmtime.Module.from_file(engine, path).serialize())
                unfinished.rename(CACHE)
        return wasmtime.Module.deserialize_file(engine, str(CACHE))


wasm_client.Module = CachedModule

from zetasql.api import CatalogBuilder, TableBuilder  # noqa: E402
from zetasql.api.type_factory import TypeFactory  # noqa: E402
from zetasql.types import LanguageOptions, ProductMode, TypeKind, ZetaSQLBuiltinFunctionOptions  # noqa: E402

TYPES = {
    "STRING": TypeKind.TYPE_STRING, "INTEGER": TypeKind.TYPE_INT64, "INT64": TypeKind.TYPE_INT64,
    "FLOAT": TypeKind.TYPE_DOUBLE, "FLOAT64": TypeKind.TYPE_DOUBLE, "BOOLEAN": TypeKind.TYPE_BOOL,
    "BOOL": TypeKind.TYPE_BOOL, "DATE": TypeKind.TYPE_DATE, "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
    "NUMERIC": TypeKind.TYPE_NUMERIC, "BIGNUMERIC": TypeKind.TYPE_BIGNUMERIC, "JSON": TypeKind.TYPE_JSON,
    "DATETIME": TypeKind.TYPE_DATETIME, "BYTES": TypeKind.TYPE_BYTES,
}
ASSERTION = re.compile(r"IF NOT \((.*)\) THEN RAISE USING MESSAGE = '[^']*'; END IF", re.DOTALL)


def language():
    options = LanguageOptions.maximum_features()
    options.product_mode = ProductMode.PRODUCT_EXTERNAL
    options.supported_statement_kinds = []
    return options


def catalog(tables, options):
    builder = CatalogBuilder("project")
    for name, fields in tables.items():
        table = TableBuilder(name)
        for field in fields:
            kind = TypeFactory.create_simple_type(TYPES[field["type"]])
            repeated = field.get("mode") == "REPEATED"
            table.add_column(field["name"], TypeFactory.create_array_type(kind) if repeated else kind)
        builder.add_table(table.build())
    return builder.with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=options)).build()


def statements(script):
    parts = re.split(r";\s*\n", script)
    return [part.strip().rstrip(";") for part in parts if part.strip().rstrip(";")]
