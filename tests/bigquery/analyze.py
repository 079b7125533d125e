"""Google's SQL analyzer over the statements of a request log.

Standard input: one JSON document, a list of {"sql": script, "tables": {name: [field of BigQuery's JSON schema]}}.
Standard output: one JSON document, a list of [number of statements, [refusal, ...]], one for each script. A script
that differs from an earlier one in names, numbers and dates only is not analyzed again and counts 0 statements.

Usage: analyze.py CACHE_FILE (the compiled analyzer is kept there: 70 s the first time, less than a second later)
"""
import json
import re
import sys

# First: it sees to it that the library is compiled once.
from google_sql import ASSERTION, catalog, language, statements
from zetasql.api import Analyzer
from zetasql.types import AnalyzerOptions, TypeKind

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

def with_metadata(sql, tables):
    """The views of a dataset's metadata that a script names."""
    for name, view in re.findall(r"`([^`]+\.INFORMATION_SCHEMA\.(\w+))`", sql):
        tables[name] = [{"name": column, "type": kind} for column, kind in METADATA[view]]
    return tables


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
