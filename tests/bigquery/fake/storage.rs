//! The Storage Read API: HTTP/2 and gRPC's framing by hand, since only two methods are needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::{CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions, write_message};
use bytes::Bytes;
use gcp_bigquery_client::google::cloud::bigquery::storage::v1 as api;
use h2::server::SendResponse;
use prost::Message;
use tonic::{Code, Status};

use super::Core;
use super::tables::Name;

const STREAM_ROWS: usize = 1000;
const MESSAGE_ROWS: usize = 300;

/// Snapshots that are being read, and what will go wrong.
#[derive(Default)]
pub struct Sessions {
    streams: BTreeMap<String, RecordBatch>,
    /// By project.
    pub breaks: BTreeMap<String, Vec<(i64, Code)>>,
}

pub fn serve(core: Arc<Mutex<Core>>) -> std::io::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                let core = Arc::clone(&core);
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(Arc::clone(&core), request, respond));
                    }
                });
            }
        });
    });
    Ok(address)
}

async fn answer(core: Arc<Mutex<Core>>, request: http::Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        bytes.extend_from_slice(&data);
    }
    let message = bytes.get(5..).unwrap_or_default();
    let (messages, status) = {
        let mut core = core.lock().expect("no thread panicked");
        match method.as_str() {
            "CreateReadSession" => core.create_read_session(message),
            "ReadRows" => core.read_rows(message),
            _ => (Vec::new(), Some(Status::unimplemented(method))),
        }
    };
    let head = http::Response::builder().header("content-type", "application/grpc").body(()).expect("a response");
    let Ok(mut stream) = respond.send_response(head, false) else { return };
    for message in messages {
        let mut frame = vec![0];
        frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
        frame.extend_from_slice(&message);
        let mut frame = Bytes::from(frame);
        while !frame.is_empty() {
            stream.reserve_capacity(frame.len());
            let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else { return };
            let part = frame.split_to(room.min(frame.len()));
            if stream.send_data(part, false).is_err() {
                return;
            }
        }
    }
    let mut trailers = http::HeaderMap::new();
    let (code, text) = status.map_or((Code::Ok, String::new()), |status| (status.code(), status.message().to_owned()));
    trailers.insert("grpc-status", (code as i32).to_string().parse().expect("digits"));
    trailers.insert("grpc-message", text.parse().expect("plain text"));
    let _ = stream.send_trailers(trailers);
}

type Answer = (Vec<Vec<u8>>, Option<Status>);

impl Core {
    fn create_read_session(&mut self, message: &[u8]) -> Answer {
        match self.snapshot(message) {
            Ok(session) => (vec![session.encode_to_vec()], None),
            Err(status) => (Vec::new(), Some(status)),
        }
    }

    fn snapshot(&mut self, message: &[u8]) -> Result<api::ReadSession, Status> {
        let request = api::CreateReadSessionRequest::decode(message)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut session = request.read_session.unwrap_or_default();
        let parts: Vec<&str> = session.table.split('/').collect();
        let ["projects", project, "datasets", dataset, "tables", table] = parts[..] else {
            return Err(Status::invalid_argument("not the path of a table"));
        };
        let name = Name::new(project, dataset, table);
        let Some(table) = self.tables.get(&name) else { return Err(Status::not_found(format!("Table {name}"))) };
        let options = session.read_options.clone().unwrap_or_default();
        let names: Vec<String> =
            table.fields().iter().filter_map(|field| field["name"].as_str().map(str::to_owned)).collect();
        if let Some(unknown) = options.selected_fields.iter().find(|field| !names.contains(field)) {
            return Err(Status::invalid_argument(format!("no field {unknown}")));
        }
        // Columns come in the order of the table, whatever the order they are asked for.
        let wanted: Vec<String> = names
            .into_iter()
            .filter(|name| options.selected_fields.is_empty() || options.selected_fields.contains(name))
            .collect();
        let filter = if options.row_restriction.is_empty() { "TRUE" } else { &options.row_restriction };
        let sql = format!("SELECT {} FROM `{project}.{dataset}.{}` WHERE {filter}", wanted.join(", "), name.table);
        let rows = self.run_script(&sql).map_err(|failure| Status::invalid_argument(failure.message))?;
        let rows = rows.expect("a query has rows");
        let batch = arrow::compute::concat_batches(&rows.schema, &rows.batches).expect("batches of one query");
        let batch = plain(&batch);
        let id = self.tick();
        session.name = format!("projects/{project}/locations/us-west2/sessions/{id}");
        session.schema = Some(api::read_session::Schema::ArrowSchema(api::ArrowSchema {
            serialized_schema: encode_schema(&batch.schema()),
        }));
        let most = usize::try_from(request.max_stream_count).unwrap_or(0).max(1);
        let each = batch.num_rows().div_ceil(most).max(STREAM_ROWS);
        for (number, first) in (0..batch.num_rows()).step_by(each).enumerate() {
            let stream = format!("{}/streams/{number}", session.name);
            let part = batch.slice(first, each.min(batch.num_rows() - first));
            self.sessions.streams.insert(stream.clone(), part);
            session.streams.push(api::ReadStream { name: stream });
        }
        Ok(session)
    }

    fn read_rows(&mut self, message: &[u8]) -> Answer {
        let request = match api::ReadRowsRequest::decode(message) {
            Ok(request) => request,
            Err(error) => return (Vec::new(), Some(Status::invalid_argument(error.to_string()))),
        };
        let Some(batch) = self.sessions.streams.get(&request.read_stream) else {
            return (Vec::new(), Some(Status::not_found(request.read_stream)));
        };
        let first = usize::try_from(request.offset).unwrap_or(usize::MAX);
        if first > batch.num_rows() {
            return (Vec::new(), Some(Status::out_of_range(format!("row {first} of {}", batch.num_rows()))));
        }
        let project = request.read_stream.split('/').nth(1).unwrap_or_default();
        let breaks = self.sessions.breaks.get_mut(project).filter(|_| batch.num_rows() > first);
        let broken = breaks.and_then(Vec::pop);
        let last =
            broken.map_or(batch.num_rows(), |(rows, _)| batch.num_rows().min(first + rows.unsigned_abs() as usize));
        let mut messages = Vec::new();
        for at in (first..last).step_by(MESSAGE_ROWS) {
            let part = batch.slice(at, MESSAGE_ROWS.min(last - at));
            let rows = api::read_rows_response::Rows::ArrowRecordBatch(
                #[allow(deprecated, reason = "the message has the field")]
                api::ArrowRecordBatch {
                    serialized_record_batch: encode_batch(&part),
                    row_count: part.num_rows() as i64,
                },
            );
            let response =
                api::ReadRowsResponse { row_count: part.num_rows() as i64, rows: Some(rows), ..Default::default() };
            messages.push(response.encode_to_vec());
        }
        (messages, broken.map(|(_, code)| Status::new(code, "the stream broke")))
    }
}

/// Lists as the service names them, integers as it has them.
fn plain(batch: &RecordBatch) -> RecordBatch {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let ty = match field.data_type() {
            DataType::List(element) => DataType::List(Arc::new(Field::new("item", element.data_type().clone(), true))),
            DataType::Int32 => DataType::Int64,
            ty => ty.clone(),
        };
        columns.push(cast(column, &ty).expect("types of one shape"));
        fields.push(Field::new(field.name(), ty, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
}

fn encode_schema(schema: &SchemaRef) -> Vec<u8> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(false);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    let mut bytes = Vec::new();
    write_message(&mut bytes, encoded, &options).expect("memory");
    bytes
}

fn encode_batch(batch: &RecordBatch) -> Vec<u8> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(false);
    let (_, encoded) = IpcDataGenerator::default()
        .encode(batch, &mut tracker, &options, &mut CompressionContext::default())
        .expect("a batch");
    let mut bytes = Vec::new();
    write_message(&mut bytes, encoded, &options).expect("memory");
    bytes
}
