"""What Google's own Python client does in the tests: make the warehouse, and read back what was published."""
import datetime
import decimal
import io
import json
import os
import pathlib
import sys

import pyarrow.compute
import pyarrow.parquet
from google.api_core.exceptions import BadRequest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

LOCATION = "us-west2"


def connect(project):
    options = {"api_endpoint": os.environ["BIGQUERY_EMULATOR_HOST"]}
    return bigquery.Client(project=project, credentials=AnonymousCredentials(), client_options=options, location=LOCATION)


def schema_of(path):
    return [bigquery.SchemaField.from_api_repr(field) for field in json.loads(path.read_text())]


def seed(project, schemas, partitions, warehouse):
    """Datasets, and every table of `schemas`, partitioned by day; rows of those that the directory has."""
    client = connect(project)
    columns = json.loads(pathlib.Path(partitions).read_text())["tables"]
    datasets = {path.stem.split(".")[0] for path in pathlib.Path(schemas).glob("*.json")} | {"nba_backfill"}
    for name in sorted(datasets):
        dataset = bigquery.Dataset(f"{project}.{name}")
        dataset.location = LOCATION
        client.create_dataset(dataset)
    for path in sorted(pathlib.Path(schemas).glob("*.json")):
        roles = columns[path.stem]
        schema = schema_of(path)
        if pathlib.Path(warehouse, f"{path.stem}.parquet").exists():
            schema = [relaxed(field, roles) for field in schema]
        table = bigquery.Table(f"{project}.{path.stem}", schema=schema)
        table.time_partitioning = bigquery.TimePartitioning(field=roles["partition_column"])
        client.create_table(table)
        load(client, project, path.stem, pathlib.Path(warehouse, f"{path.stem}.parquet"))


def relaxed(field, roles):
    """Generated rows leave columns NULL that nothing reads, whatever the schema requires."""
    needed = [roles["partition_column"], *roles["key_columns"]]
    if field.mode != "REQUIRED" or field.name in needed:
        return field
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "mode": "NULLABLE"})


def load(client, project, name, file):
    if not file.exists():
        return
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
    config.parquet_options = bigquery.ParquetOptions.from_api_repr({"enableListInference": True})
    with file.open("rb") as rows:
        client.load_table_from_file(rows, f"{project}.{name}", job_config=config).result()


def replace(project, name, warehouse):
    """Rows of a table that changed upstream."""
    client = connect(project)
    client.query_and_wait(f"DELETE FROM `{project}.{name}` WHERE true")
    load(client, project, name, pathlib.Path(warehouse, f"{name}.parquet"))


def replace_partition(project, name, column, warehouse, day):
    """Loads a day without its first row over the partition of that day; rows of other days are refused there."""
    client = connect(project)
    rows = pyarrow.parquet.read_table(pathlib.Path(warehouse, f"{name}.parquet"))
    rows = rows.filter(pyarrow.compute.equal(rows[column], datetime.date.fromisoformat(day)))
    config = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_TRUNCATE")
    config.parquet_options = bigquery.ParquetOptions.from_api_repr({"enableListInference": True})

    def load_into(partition):
        file = io.BytesIO()
        pyarrow.parquet.write_table(rows.slice(1), file)
        file.seek(0)
        client.load_table_from_file(file, f"{project}.{name}${partition}", job_config=config).result()

    load_into(day.replace("-", ""))
    try:
        load_into("20000101")
    except BadRequest as error:
        assert "different partitions" in str(error), error
    else:
        raise AssertionError("rows of another day were taken")


def delete_partition(project, name, day):
    connect(project).delete_table(f"{project}.{name}${day.replace('-', '')}")


def run(project, sql):
    rows = connect(project).query_and_wait(sql.replace("PROJECT", project))
    print(json.dumps([list(row.values()) for row in rows], default=str))


def compare(project, store):
    """Every value of every published table, against the Parquet of the store: rows here, there, different."""
    client = connect(project)
    for directory in sorted(pathlib.Path(store, "phase4").iterdir()):
        files = sorted(directory.glob("*.parquet"))
        if not files or directory.name == "objects":
            continue
        local = pyarrow.concat_tables(pyarrow.parquet.read_table(file) for file in files)
        names = local.column_names
        ours = sorted(str([plain(value) for value in row.values()]) for row in local.to_pylist())
        rows = client.query_and_wait(f"SELECT {', '.join(names)} FROM `{project}.{directory.name}`")
        theirs = sorted(str([plain(value) for value in row.values()]) for row in rows)
        if directory.name.endswith(".player_daily_cache") and not theirs:
            continue  # published only when asked for
        different = sum(a != b for a, b in zip(ours, theirs)) + abs(len(ours) - len(theirs))
        print(directory.name, len(ours), len(theirs), different)


def plain(value):
    """Values that both sides spell the same."""
    if isinstance(value, decimal.Decimal):
        return f"decimal {value.normalize():f}"
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
