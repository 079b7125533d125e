"""Google's reference evaluator over committed transactions.

Standard input: one JSON document, a list of {"sql": script, "tables": {name: {"fields": [field of BigQuery's JSON
schema], "before": rows, "after": rows}}}; a row is a list of values as the REST interface spells them.
Standard output: one JSON document, a list of [number of statements, rows compared, [difference, ...]], one for each
script; null for a script that the evaluator refuses, which standard error tells.

What the evaluator does not do is done here: BEGIN and COMMIT are passed over, IF NOT (...) THEN RAISE ends the script
where its condition is not TRUE, and rows are changed in place. Which rows a DELETE or an UPDATE leaves, it says as
rows of a SELECT; how many it takes, it says as well, and both must agree.

Usage: evaluate.py CACHE_FILE
"""
import collections
import datetime
import json
import re
import sys

from google_sql import ASSERTION, catalog, language, statements
from zetasql.core.local_service import ZetaSqlLocalService
from zetasql.types import AnalyzerOptions
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service

CHANGE = re.compile(r"(?:DELETE FROM|UPDATE) `([^`]+)`.*? WHERE (.*)", re.DOTALL)
# The time of a run is not compared.
VOLATILE = {"published_at"}


class Difference(Exception):
    """What is not as it was when putback published."""


def fill(value, field, text):
    """Gives a Value of Google's the value that the REST interface spells."""
    if field.get("mode") == "REPEATED":
        value.array_value.SetInParent()
        for item in text or []:
            fill(value.array_value.element.add(), {"type": field["type"]}, item["v"])
    elif text is not None:
        FILL[field["type"]](value, text)


def fill_numeric(value, text):
    whole, _, decimals = text.lstrip("-").partition(".")
    scaled = int(whole + decimals.ljust(9, "0")) * (-1 if text.startswith("-") else 1)
    bits = (scaled if scaled >= 0 else ~scaled).bit_length()
    value.numeric_value = scaled.to_bytes(bits // 8 + 1, "little", signed=True)


def fill_timestamp(value, text):
    seconds, micros = divmod(int(text), 1_000_000)
    value.timestamp_value.seconds, value.timestamp_value.nanos = seconds, micros * 1000
    value.timestamp_value.SetInParent()


def fill_date(value, text):
    value.date_value = (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def setter(name, read):
    return lambda value, text: setattr(value, name, read(text))


FILL = {
    "STRING": setter("string_value", str), "JSON": setter("json_value", str),
    "INTEGER": setter("int64_value", int), "INT64": setter("int64_value", int),
    "FLOAT": setter("double_value", float), "FLOAT64": setter("double_value", float),
    "BOOLEAN": setter("bool_value", "true".__eq__), "BOOL": setter("bool_value", "true".__eq__),
    "NUMERIC": fill_numeric, "TIMESTAMP": fill_timestamp, "DATE": fill_date,
}


class Warehouse:
    """The tables of a script, changed by its statements."""

    def __init__(self, tables, options):
        self.fields = {name: table["fields"] for name, table in tables.items()}
        self.rows = {name: self.read(name, table["before"]) for name, table in tables.items()}
        self.options = AnalyzerOptions(language_options=options).to_proto()
        self.catalog = catalog(self.fields, options).to_proto()

    def read(self, name, rows):
        content = service.TableContent()
        for cells in rows:
            row = content.table_data.row.add()
            for field, text in zip(self.fields[name], cells, strict=True):
                fill(row.cell.add(), field, text)
        return list(content.table_data.row)

    def call(self, kind, sql):
        request = getattr(service, f"Evaluate{kind}Request")(sql=sql)
        request.options.CopyFrom(self.options)
        request.simple_catalog.CopyFrom(self.catalog)
        for name in set(re.findall(r"`([^`]+)`", sql)):
            request.table_content[name].table_data.row.extend(self.rows[name])
            request.table_content[name].table_data.SetInParent()
        answer = getattr(service, f"Evaluate{kind}Response")
        client = ZetaSqlLocalService.get_instance().wasm_client
        return client.call_grpc_func(f"ZetaSqlLocalService_Evaluate{kind}", request, answer).content

    def run(self, statement):
        assertion = ASSERTION.fullmatch(statement)
        if statement in ("BEGIN TRANSACTION", "COMMIT TRANSACTION"):
            return
        if assertion:
            row = self.call("Query", f"SELECT {assertion[1]}").table_data.row[0]
            if not row.cell[0].bool_value:
                raise Difference(f"a condition does not hold: {assertion[1][:2000]}")
            return
        changed = self.call("Modify", statement)
        if change := CHANGE.fullmatch(statement):
            name, condition = change.groups()
            left = self.call("Query", f"SELECT * FROM `{name}` WHERE NOT IFNULL(({condition}), FALSE)").table_data.row
            if len(left) + len(changed) != len(self.rows[name]):
                raise Difference(f"{len(changed)} rows are changed and {len(left)} are left in {name}")
            self.rows[name] = list(left)
        else:
            name = re.match(r"INSERT INTO `([^`]+)`", statement)[1]
        if not statement.startswith("DELETE"):
            self.rows[name] += [self.stored(name, row.cell) for row in changed]

    def stored(self, name, cells):
        """A changed row as the service stores it: there is no NULL array."""
        row = service.TableContent().table_data.row.add()
        row.cell.extend(cells)
        for field, cell in zip(self.fields[name], row.cell, strict=True):
            if field.get("mode") == "REPEATED":
                cell.array_value.SetInParent()
        return row

    def counted(self, name, rows):
        """How often each row is there."""
        compared = [index for index, field in enumerate(self.fields[name]) if field["name"] not in VOLATILE]
        return collections.Counter(tuple(row.cell[index].SerializeToString() for index in compared) for row in rows)


def evaluate(entry, options):
    tables, parts, compared = entry["tables"], statements(entry["sql"]), 0
    try:
        warehouse = Warehouse(tables, options)
        for part in parts:
            warehouse.run(part)
        differences = []
        for name, table in tables.items():
            there, expected = warehouse.counted(name, warehouse.rows[name]), warehouse.counted(
                name, warehouse.read(name, table["after"]))
            compared += expected.total()
            if off := ((there - expected) + (expected - there)).total():
                sides = [next(iter(side), ()) for side in (there - expected, expected - there)]
                cells = [cells for cells in zip(*sides) if cells[0] != cells[1]]
                differences.append(f"{name}: {off} rows differ, for example in {cells}"[:4000])
        return [len(parts), compared, differences]
    except Difference as difference:
        return [len(parts), compared, [str(difference)]]
    except Exception as error:  # noqa: BLE001  the evaluator's errors have no common class of their own
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return None


def main():
    options = language()
    json.dump([evaluate(entry, options) for entry in json.load(sys.stdin)], sys.stdout)


main()
