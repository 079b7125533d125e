//! Reads rows through the Storage Read API, as Arrow over several streams, or as query results where that is
//! not available.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamDecoder;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1 as storage;
use storage::big_query_read_client::BigQueryReadClient;
use storage::read_rows_response::Rows;
use storage::read_session::TableReadOptions;
use tokio::sync::mpsc;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use super::auth::Tokens;
use super::cells::batch_of;
use super::fault::Fault;
use super::rest::RetryPolicy;
use super::{BigQuery, dataset_of, retry_later};
use crate::calendar::DateRanges;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::warehouse::Selection;
use crate::warehouse::conform::{Conformer, Fitted};

const STREAMS: i32 = 4;
const LARGEST_MESSAGE_BYTES: usize = 256 << 20;

/// The rows of a live table that are read.
struct LiveRows {
    table: Table,
    /// Project, dataset and name.
    place: String,
    /// Columns that both the live table and ours have, in the live order.
    columns: Vec<String>,
    restriction: Option<String>,
}

/// One session's streams, ready to be read.
struct OpenedSession {
    reader: Reader,
    /// What reading all of it is billed as.
    bytes: u64,
    streams: Vec<String>,
    /// The schema message that comes before every stream's batches.
    schema: Vec<u8>,
}

/// A stream of a session.
struct Stream {
    name: String,
    /// See [`OpenedSession::schema`].
    schema: Arc<[u8]>,
}

/// What a reader of a stream needs, for each of its tries.
#[derive(Clone)]
struct Reader {
    client: BigQueryReadClient<Channel>,
    tokens: Tokens,
    quota_project: Option<String>,
    retry: RetryPolicy,
}

impl BigQuery {
    /// Hands the selected rows to `sink`, with exactly the columns of the table. Returns how many are left out.
    pub(super) fn read_rows(
        &self,
        table: Table,
        selection: &Selection,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        let restriction = match selection {
            Selection::Everything => None,
            Selection::Ranges(ranges) => Some(restriction(table, ranges)),
        };
        let rows = LiveRows { table, place: self.name_of(table), columns: self.known_columns(table)?, restriction };
        let place = &rows.place;
        let by_query = |why: &str, sink: &mut dyn FnMut(RecordBatch) -> Result<()>| {
            self.note(format!(
                "{place}: the Storage Read API is not available ({why}); rows come as query results, which are slower \
                 and billed by the bytes they scan"
            ));
            self.read_by_query(&rows, sink)
        };
        let Some(endpoint) = &self.settings.endpoint.storage else {
            return by_query("no address of it is given", sink);
        };
        match self.runtime.block_on(self.open_session(endpoint, &rows)) {
            Ok(session) => {
                self.refuse_if_over(session.bytes, &format!("reading {place}"))?;
                self.meter.read(session.bytes);
                self.drain(&rows, session, sink)
            }
            Err(status) if is_out_of_reach(&status) => by_query(status.message(), sink),
            Err(status) => Err(describe(&status, &format!("opening a read session on {place}"))),
        }
    }

    /// Columns that both the live table and ours have, in the live order.
    fn known_columns(&self, table: Table) -> Result<Vec<String>> {
        let live = self.described(table)?.expect("only tables that were described are read");
        let names = live.arrow().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        let is_known =
            |name: &String| table.schema().columns().iter().any(|known| known.name.eq_ignore_ascii_case(name));
        Ok(names.into_iter().filter(is_known).collect())
    }

    async fn open_session(&self, endpoint: &str, rows: &LiveRows) -> Result<OpenedSession, Status> {
        let LiveRows { table, columns, restriction, .. } = rows;
        let retry = self.settings.retry;
        let channel = connect(endpoint).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let client = BigQueryReadClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let mut reader =
            Reader { client, tokens: self.tokens.clone(), quota_project: self.settings.quota_project.clone(), retry };
        let (project, dataset) = self.place(dataset_of(*table));
        let name = table.name();
        let path = format!("projects/{project}/datasets/{dataset}/tables/{name}");
        let request = storage::CreateReadSessionRequest {
            parent: format!("projects/{}", self.settings.project),
            read_session: Some(storage::ReadSession {
                table: path.clone(),
                data_format: storage::DataFormat::Arrow as i32,
                read_options: Some(TableReadOptions {
                    selected_fields: columns.clone(),
                    row_restriction: restriction.clone().unwrap_or_default(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            max_stream_count: STREAMS,
            ..Default::default()
        };
        let mut failures = 0;
        let session = loop {
            let prepared = reader.request(request.clone(), &format!("read_session.table={path}")).await?;
            match reader.client.create_read_session(prepared).await {
                Ok(response) => break response.into_inner(),
                Err(status) => {
                    failures += 1;
                    if !retry_later(status.code(), failures) || failures >= retry.attempts || is_out_of_reach(&status) {
                        return Err(status);
                    }
                    tokio::time::sleep(retry.delay(failures, u64::from(failures))).await;
                }
            }
        };
        let Some(storage::read_session::Schema::ArrowSchema(schema)) = session.schema else {
            return Err(Status::internal("the read session has no Arrow schema"));
        };
        let bytes = session.estimated_total_bytes_scanned.max(0).unsigned_abs();
        let streams = session.streams.into_iter().map(|stream| stream.name).collect();
        Ok(OpenedSession { reader, bytes, streams, schema: schema.serialized_schema })
    }

    /// Reads the streams side by side; batches are handed on one at a time, so that memory stays small.
    fn drain(
        &self,
        rows: &LiveRows,
        session: OpenedSession,
        sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        let LiveRows { table, place, .. } = rows;
        let (sender, mut receiver) = mpsc::channel(STREAMS as usize);
        let schema: Arc<[u8]> = session.schema.into();
        for name in session.streams {
            let stream = Stream { name, schema: Arc::clone(&schema) };
            let (reader, sender) = (session.reader.clone(), sender.clone());
            self.runtime.spawn(async move {
                if let Err(status) = reader.read_stream(&stream, &sender).await {
                    let _ = sender.send(Err(status)).await;
                }
            });
        }
        drop(sender);
        let mut conformer = Conformer::new(*table, place);
        while let Some(batch) = receiver.blocking_recv() {
            let batch = batch.map_err(|status| describe(&status, &format!("reading {place}")))?;
            if batch.num_rows() > 0 {
                sink(conformer.fit(&batch)?)?;
            }
        }
        let Fitted { notes, left_out, .. } = conformer.finish()?;
        notes.into_iter().for_each(|note| self.note(note));
        Ok(left_out)
    }

    fn read_by_query(&self, rows: &LiveRows, sink: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<u64> {
        let LiveRows { table, place, columns, restriction } = rows;
        let live = self.described(*table)?.expect("only tables that were described are read").arrow();
        let fields = columns.iter().map(|name| live.field_with_name(name).expect("a live column").clone());
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let filter = restriction.as_ref().map_or_else(String::new, |restriction| format!(" WHERE {restriction}"));
        let sql = format!("SELECT {} FROM `{place}`{filter}", columns.join(", "));
        let mut conformer = Conformer::new(*table, place);
        for rows in self.query_rows(&sql, &format!("reading {place}"))?.chunks(1 << 14) {
            sink(conformer.fit(&batch_of(&schema, rows)?)?)?;
        }
        let Fitted { notes, left_out, .. } = conformer.finish()?;
        notes.into_iter().for_each(|note| self.note(note));
        Ok(left_out)
    }
}

impl Reader {
    async fn request<T>(&self, message: T, params: &str) -> Result<tonic::Request<T>, Status> {
        let mut request = tonic::Request::new(message);
        let invalid = |_| Status::invalid_argument("a name that cannot be sent");
        request.metadata_mut().insert("x-goog-request-params", params.parse().map_err(invalid)?);
        if let Some(project) = &self.quota_project {
            request.metadata_mut().insert("x-goog-user-project", project.parse().map_err(invalid)?);
        }
        let token = self.tokens.token().await.map_err(|error| Status::unauthenticated(error.message))?;
        if let Some(token) = token {
            let mut value: tonic::metadata::MetadataValue<_> = format!("Bearer {token}")
                .parse()
                .map_err(|_| Status::unauthenticated("the access token cannot be sent"))?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }

    /// Reads a stream to its end; one that breaks is opened again at the first row that has not arrived.
    async fn read_stream(
        mut self,
        stream: &Stream,
        sender: &mpsc::Sender<Result<RecordBatch, Status>>,
    ) -> Result<(), Status> {
        let (mut offset, mut failures) = (0, 0);
        loop {
            let before = offset;
            let Err(status) = self.read_from(stream, &mut offset, sender).await else { return Ok(()) };
            // Rows that arrived show that the service is there: the count starts anew.
            failures = if offset > before { 1 } else { failures + 1 };
            if !retry_later(status.code(), failures) || failures >= self.retry.attempts {
                return Err(status);
            }
            tokio::time::sleep(self.retry.delay(failures, offset.cast_unsigned())).await;
        }
    }

    async fn read_from(
        &mut self,
        stream: &Stream,
        offset: &mut i64,
        sender: &mpsc::Sender<Result<RecordBatch, Status>>,
    ) -> Result<(), Status> {
        let request = storage::ReadRowsRequest { read_stream: stream.name.clone(), offset: *offset };
        let request = self.request(request, &format!("read_stream={}", stream.name)).await?;
        let mut messages = self.client.read_rows(request).await?.into_inner();
        let broken = |error: arrow::error::ArrowError| Status::data_loss(format!("not an Arrow message: {error}"));
        let mut decoder = StreamDecoder::new();
        decoder.decode(&mut Buffer::from(stream.schema.to_vec())).map_err(broken)?;
        while let Some(message) = messages.message().await? {
            let Some(Rows::ArrowRecordBatch(batch)) = message.rows else { continue };
            let mut bytes = Buffer::from(batch.serialized_record_batch);
            while !bytes.is_empty() {
                let Some(batch) = decoder.decode(&mut bytes).map_err(broken)? else { continue };
                *offset += batch.num_rows() as i64;
                if sender.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

async fn connect(endpoint: &str) -> Result<Channel, tonic::transport::Error> {
    let mut target = Endpoint::from_shared(endpoint.to_owned())?
        .connect_timeout(Duration::from_secs(20))
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(true);
    if endpoint.starts_with("https://") {
        target = target.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    target.connect().await
}

/// The Read API is missing, disabled or forbidden: query results may work.
fn is_out_of_reach(status: &Status) -> bool {
    matches!(status.code(), Code::Unimplemented | Code::PermissionDenied)
}

fn describe(status: &Status, what: &str) -> Error {
    let fault = Fault::of_grpc(status.code());
    Error::new(fault.kind(), format!("{what}: {} ({:?})", status.message(), status.code())).hint(fault.hint())
}

/// The predicate on the partition column, in the words of both SQL and row restrictions.
pub(super) fn restriction(table: Table, ranges: &DateRanges) -> String {
    let column = table.schema().partition_column();
    let each: Vec<String> =
        ranges.iter().map(|range| format!("{column} BETWEEN DATE '{}' AND DATE '{}'", range.from, range.to)).collect();
    if each.is_empty() { "FALSE".to_owned() } else { each.join(" OR ") }
}
