"""Google's SQL analyzer over the statements of a request log.

Standard input: one JSON document, a list of {"sql": script, "tables": {name: [field of BigQuery's JSON schema]}}.
Standard output: one JSON document, a list of [number of statements, [refusal, ...]], one for each script. A script
that differs from an earlier one in names, numbers and dates only is not analyzed again and counts 0 statements.

Usage: analyze.py CACHE_FILE (the compiled analyzer is kept there: 70 s the first time, less than a second later)
"""
import json
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
        if not CACHE.exists():
            compiled = wasmtime.Module.from_file(engine, path).serialize()
            unfinished = CACHE.with_suffix(".new")
            unfinished.write_bytes(compiled)
            unfinished.rename(CACHE)
        return wasmtime.Module.deserialize_file(engine, str(CACHE))


wasm_client.Module = CachedModule

from zetasql.api import Analyzer, CatalogBuilder, Parser, TableBuilder  # noqa: E402
from zetasql.api.type_factory import TypeFactory  # noqa: E402
from zetasql.types import (  # noqa: E402
    AnalyzerOptions, LanguageOptions, ProductMode, ResolvedQueryStmt, TypeKind, ZetaSQLBuiltinFunctionOptions,
)

TYPES = {
    "STRING": TypeKind.TYPE_STRING, "INTEGER": TypeKind.TYPE_INT64, "INT64": TypeKind.TYPE_INT64,
    "FLOAT": TypeKind.TYPE_DOUBLE, "FLOAT64": TypeKind.TYPE_DOUBLE, "BOOLEAN": TypeKind.TYPE_BOOL,
    "BOOL": TypeKind.TYPE_BOOL, "DATE": TypeKind.TYPE_DATE, "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
    "NUMERIC": TypeKind.TYPE_NUMERIC, "BIGNUMERIC": TypeKind.TYPE_BIGNUMERIC, "JSON": TypeKind.TYPE_JSON,
    "DATETIME": TypeKind.TYPE_DATETIME, "BYTES": TypeKind.TYPE_BYTES,
}
# https://cloud.google.com/bigquery/docs/information-schema-partitions and -tables
METADATA = {
    "PARTITIONS": [
        ("table_catalog", "STRING"), ("table_schema", "STRING"), ("table_name", "STRING"), ("partition_id", "STRING"),
        ("total_rows", "INT64"), ("total_logical_bytes", "INT64"), ("total_billable_bytes", "INT64"),
        ("last_modified_time", "TIMESTAMP"), ("storage_tier", "STRING"),
    ],
    "TABLES": [
        ("table_catalog", "STRING"), ("table_schema", "STRING"), ("table_name", "STRING"), ("table_type", "STRING"),
        ("is_insertable_into", "STRING"), ("is_typed", "STRING"), ("creation_time", "TIMESTAMP"), ("ddl", "STRING"),
    ],
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


def with_metadata(sql, tables):
    """The views of a dataset's metadata that a script names."""
    for name, view in re.findall(r"`([^`]+\.INFORMATION_SCHEMA\.(\w+))`", sql):
        tables[name] = [{"name": column, "type": kind} for column, kind in METADATA[view]]
    return tables


def statements(script):
    parts = re.split(r";\s*\n", script)
    return [part.strip().rstrip(";") for part in parts if part.strip().rstrip(";")]


def refusal(analyzer, statement):
    assertion = ASSERTION.fullmatch(statement)
    try:
        if assertion is None:
            analyzer.analyze_statement(statement)
            return None
        resolved = analyzer.analyze_statement(f"SELECT {assertion[1]}")
        kind = resolved.output_column_list[0].column.type.type_kind
        return None if kind == TypeKind.TYPE_BOOL else f"a condition is no BOOL: {assertion[1]}"
    except Exception as error:  # noqa: BLE001  the analyzer's errors have no common class of their own
        return f"{error}\n  in {statement[:2000]}"


def kind(entry):
    """What is left of a script without projects, ids, numbers and lists of dates."""
    sql = re.sub(r"(DATE '[^']*'(, )?)+", "D", entry["sql"])
    return re.sub(r"[0-9a-f]{6,}|[0-9]+", "#", sql)


def main():
    options = language()
    results, seen = [], set()
    for entry in json.load(sys.stdin):
        if kind(entry) in seen:
            results.append([0, []])
            continue
        seen.add(kind(entry))
        tables = with_metadata(entry["sql"], dict(entry["tables"]))
        analyzer = Analyzer(AnalyzerOptions(language_options=options), catalog(tables, options))
        parts = statements(entry["sql"])
        results.append([len(parts), [found for part in parts if (found := refusal(analyzer, part))]])
    json.dump(results, sys.stdout)


main()
