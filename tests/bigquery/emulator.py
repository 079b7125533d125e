"""local-bigquery on loopback, mended where BigQuery answers otherwise.

Prints `READY http://HOST:PORT HOST:GRPC_PORT` when it serves. Made for the tests: the emulator's own
functions are replaced from outside, and its version is pinned in requirements.txt.
"""
import hashlib
import re
import sys
import threading
import uuid

import pyarrow
import uvicorn
from google.cloud.bigquery_storage_v1 import types as storage_types
from local_bigquery import app
from local_bigquery.catalog import metadata, tables
from local_bigquery.engine import database
from local_bigquery.engine.database import quote
from local_bigquery.grpc import read as storage_read
from local_bigquery.grpc import server
from local_bigquery.models import Table
from local_bigquery.settings import settings
import local_bigquery.sql.rules.information_schema as views

# ---- What local-bigquery leaves out of its answers ---------------------------------------------------
# numRows is an estimate that deletes do not lower; lastModifiedTime and etag ignore data changes; location is
# always US; PARTITIONS has neither bytes nor times; REQUIRED is lost when a load replaces a table.

_observed = {}
_observing = threading.Lock()

def observe(reference, partitioning, modified):
    """Per partition: rows, and when its content was first seen to be what it is."""
    field = partitioning.field if partitioning else None
    fmt = views.PARTITION_FORMATS.get((partitioning and partitioning.type) or "DAY", "%Y%m%d")
    key = f"coalesce(strftime({quote(field)}, '{fmt}'), '__NULL__')" if field else "NULL"
    with _observing:
        try:
            rows = database.fetch(f"SELECT {key}, count(*), sum((hash(t) >> 8)::HUGEINT) FROM {tables.name(*reference)} t GROUP BY 1 ORDER BY 1")
        except Exception:
            return [], int(modified)
        known, now = _observed.get(reference), int(metadata.now())
        stamp = lambda p, content: known["parts"][p][1] if known and p in known["parts"] and known["parts"][p][0] == content else (now if known else int(modified))
        parts = {p: ((n, h), stamp(p, (n, h))) for p, n, h in rows}
        changed = known is None or parts != known["parts"]
        table = max(int(modified), now if known and changed else known["table"] if known else int(modified))
        _observed[reference] = {"parts": parts, "table": table}
        return [(p, n, at) for p, ((n, _), at) in parts.items()], table

orig_load = tables.load
def load_table(project_id, dataset_id, table_id):
    t = orig_load(project_id, dataset_id, table_id)
    if dataset_id == tables.RESULTS or t.type != "TABLE":
        return t
    parts, modified = observe((project_id, dataset_id, table_id), t.timePartitioning, t.lastModifiedTime)
    rows = sum(n for _, n, _ in parts)
    size = str(tables.logical_bytes(rows, len(tables.fields(t))))
    found = metadata.load(tables.Dataset, project_id, dataset_id)
    return t.replace(
        numRows=str(rows), numBytes=size, numTotalLogicalBytes=size, numActiveLogicalBytes=size,
        lastModifiedTime=str(modified), location=(found and found.location) or "US",
        etag=hashlib.md5(f"{t.etag} {modified}".encode()).hexdigest())
tables.load = load_table

def partitions(project_id, dataset_id):
    columns = [*views.IDENTITY, "partition_id", "total_rows INT64", "total_logical_bytes INT64", "total_billable_bytes INT64", "last_modified_time TIMESTAMP", "storage_tier"]
    rows = []
    for t in views._tables(project_id, dataset_id):
        if t.type != "TABLE":
            continue
        width = len(tables.fields(t))
        for part, n, at in observe(tuple(views._identity(t)), t.timePartitioning, t.lastModifiedTime)[0]:
            size = tables.logical_bytes(n, width)
            rows.append([*views._identity(t), part, n, size, size, views._timestamp(str(at)), "ACTIVE"])
    return columns, rows
views.VIEWS["PARTITIONS"] = partitions

plain_write = tables.write
def write_required(cur, query, params, reference, config, *rest, **named):
    out = plain_write(cur, query, params, reference, config, *rest, **named)
    schema = getattr(config, "schema_", None)
    if schema and schema.fields and config.writeDisposition != "WRITE_APPEND":
        for f in schema.fields:
            if f.mode == "REQUIRED":
                cur.execute(f"ALTER TABLE {tables.name(*reference)} ALTER COLUMN {quote(f.name)} SET NOT NULL")
        tables.annotate(reference, Table(schema=schema))
    return out
tables.write = write_required

# ---- A read session is a snapshot; a stream has several batches ---------------------------------------

batch_rows = 0
plain_query = storage_read._query
def pinned_query(path, options, data_format):
    query, fields = plain_query(path, options, data_format)
    pinned = f"emulator._results.{quote('read:' + uuid.uuid4().hex)}"
    database.execute(f"CREATE TABLE {pinned} AS {query}")
    return f"SELECT * FROM {pinned}", fields
storage_read._query = pinned_query

plain_read = storage_read.read_rows
def read_rows(request):
    position = request.offset
    stream = storage_read._streams.get(request.read_stream)
    for r in plain_read(request):
        if stream and (not batch_rows or r.row_count <= batch_rows):
            position += r.row_count
            stream.allocated = max(stream.allocated, position)
        if not batch_rows or r.row_count <= batch_rows or not r.arrow_record_batch.serialized_record_batch:
            yield r
            continue
        schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(r.arrow_schema.serialized_schema))
        batch = pyarrow.ipc.read_record_batch(pyarrow.py_buffer(r.arrow_record_batch.serialized_record_batch), schema)
        for at in range(0, batch.num_rows, batch_rows):
            part = batch.slice(at, batch_rows)
            position += part.num_rows  # a reader that left after this message may come back here
            stream.allocated = max(stream.allocated, position)
            first = {"arrow_schema": r.arrow_schema} if at == 0 else {}
            yield storage_types.ReadRowsResponse(row_count=part.num_rows, arrow_record_batch=storage_types.ArrowRecordBatch(serialized_record_batch=part.serialize().to_pybytes()), **first)
storage_read.read_rows = read_rows
server.SERVICES["google.cloud.bigquery.storage.v1.BigQueryRead"]["ReadRows"] = server._streaming(read_rows, storage_types.ReadRowsRequest, storage_types.ReadRowsResponse)

# ---- A chunk goes where its Content-Range says; local-bigquery appends whatever comes -----------------
import os
from urllib.parse import parse_qs
from local_bigquery.api import uploads

class Chunks:
    def __init__(self, app): self.app = app
    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "PUT" and scope["path"].startswith("/upload/"):
            upload = parse_qs(scope["query_string"].decode()).get("upload_id", [""])[0]
            span = re.match(r"bytes (\d+)-", dict(scope["headers"]).get(b"content-range", b"").decode())
            if span and upload in uploads._resumable:
                path = uploads._file(upload); size = os.path.getsize(path)
                if int(span[1]) < size:
                    os.truncate(path, int(span[1]))
                elif int(span[1]) > size:
                    while (await receive()).get("more_body"): pass
                    headers = [(b"content-length", b"0")] + ([(b"range", b"bytes=0-%d" % (size - 1))] if size else [])
                    await send({"type": "http.response.start", "status": 308, "headers": headers})
                    await send({"type": "http.response.body", "body": b""})
                    return
        await self.app(scope, receive, send)

def main():
    import argparse
    import os
    import pathlib
    import time

    parser = argparse.ArgumentParser(description="local-bigquery on loopback")
    parser.add_argument("--port", type=int, default=0, help="REST port; 0 takes a free one")
    parser.add_argument("--grpc-port", type=int, default=0, help="Storage API port; 0 takes a free one")
    parser.add_argument("--data-dir", required=True, type=pathlib.Path)
    parser.add_argument("--project", default="testproj")
    parser.add_argument("--dataset", default="local")
    parser.add_argument("--stream-rows", type=int, default=storage_read.STREAM_ROWS, help="rows per Read API stream")
    parser.add_argument("--batch-rows", type=int, default=0, help="rows per Read API message; 0 leaves one per stream")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    args = parser.parse_args()
    global batch_rows
    batch_rows = args.batch_rows
    settings.data_dir = args.data_dir
    storage_read.STREAM_ROWS = args.stream_rows
    settings.default_project_id = args.project
    settings.default_dataset_id = args.dataset

    database.connection()  # loads the extensions: fail here, not in the first request
    storage, grpc_port = server.start("127.0.0.1", args.grpc_port)
    rest = uvicorn.Server(uvicorn.Config(Chunks(app), host="127.0.0.1", port=args.port, log_level="warning"))

    def announce():
        while not rest.started:
            time.sleep(0.01)
        port = rest.servers[0].sockets[0].getsockname()[1]
        print(f"READY http://127.0.0.1:{port} 127.0.0.1:{grpc_port}", flush=True)

    threading.Thread(target=announce, daemon=True).start()
    if args.with_parent:
        def follow():
            while sys.stdin.buffer.read(4096):
                pass
            os._exit(0)
        threading.Thread(target=follow, daemon=True).start()
    rest.run()
    storage.stop(None)


if __name__ == "__main__":
    main()
