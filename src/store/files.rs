//! Parquet files: written once, in one row order, with the exact schema of their table.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::precision;
use crate::catalog::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;

/// What the manifest records of a month file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub rows: u64,
    pub size_bytes: u64,
    pub sha256: String,
}

impl FileEntry {
    /// Whether `path` exists with the recorded size; cheap, for reading commands.
    pub fn has_size_of(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| meta.len() == self.size_bytes)
    }

    /// Whether `path` is byte for byte the recorded file.
    pub fn matches(&self, path: &Path) -> bool {
        self.has_size_of(path) && sha256_of_file(path).is_ok_and(|sha256| sha256 == self.sha256)
    }
}

/// Writes `batch` and syncs it to disk; equal batches give equal bytes.
pub fn write_parquet(path: &Path, batch: &RecordBatch) -> Result<FileEntry> {
    let mut file = ParquetFile::create(path, batch.schema())?;
    file.write(batch)?;
    file.finish()
}

/// A Parquet file under construction. Equal rows give equal bytes, however they are cut into batches:
/// the encoder sees them in slices of one size.
pub struct ParquetFile {
    path: PathBuf,
    /// Until the first slice, which says how each column is encoded.
    unopened: Option<(HashingWriter, SchemaRef)>,
    writer: Option<ArrowWriter<HashingWriter>>,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    rows: u64,
}

impl ParquetFile {
    const SLICE_ROWS: usize = 1 << 13;

    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        let properties = properties(&schema).build();
        Self::create_with(path, schema, properties)
    }

    /// For hundreds of columns: in small pages, because BigQuery loads large ones of many columns badly
    /// (<https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet>).
    pub fn create_wide(path: &Path, schema: SchemaRef) -> Result<Self> {
        const PAGE_BYTES: usize = 1 << 17;
        let properties = properties(&schema).set_data_page_size_limit(PAGE_BYTES).build();
        Self::create_with(path, schema, properties)
    }

    /// For a file of just these rows: each column is encoded as suits its values.
    pub fn create_for(path: &Path, rows: &RecordBatch) -> Result<Self> {
        Self::create_with(path, rows.schema(), properties_for(rows))
    }

    /// Into a new, empty file, which errors call `path`: each column is encoded as suits the first slice.
    pub(super) fn into_file(path: &Path, file: File, schema: SchemaRef) -> Self {
        let unopened = Some((HashingWriter::new(file), schema));
        Self { path: path.to_owned(), unopened, writer: None, waiting: Vec::new(), waiting_rows: 0, rows: 0 }
    }

    /// As [`ParquetFile::into_file`], of just these rows: each column is encoded as suits its values.
    pub(super) fn into_file_for(path: &Path, file: File, rows: &RecordBatch) -> Result<Self> {
        let mut file = Self::into_file(path, file, rows.schema());
        file.open(properties_for(rows))?;
        Ok(file)
    }

    fn create_with(path: &Path, schema: SchemaRef, properties: WriterProperties) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io("create", path, error))?;
        let mut file = Self::into_file(path, file, schema);
        file.open(properties)?;
        Ok(file)
    }

    /// Does nothing once the file is open.
    fn open(&mut self, properties: WriterProperties) -> Result<()> {
        let Some((file, schema)) = self.unopened.take() else { return Ok(()) };
        let writer = ArrowWriter::try_new(file, schema, Some(properties));
        self.writer = Some(writer.map_err(|error| Error::io("write", &self.path, error))?);
        Ok(())
    }

    /// Adds rows after those that are there.
    ///
    /// # Errors
    /// Also for a decimal that has more digits than its column's type: other readers cannot open such a file.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        precision::check(batch).map_err(|error| Error::io("write", &self.path, error))?;
        let mut start = 0;
        while start < batch.num_rows() {
            let length = (batch.num_rows() - start).min(Self::SLICE_ROWS - self.waiting_rows);
            self.waiting.push(batch.slice(start, length));
            self.waiting_rows += length;
            start += length;
            if self.waiting_rows == Self::SLICE_ROWS {
                self.encode_waiting()?;
            }
        }
        Ok(())
    }

    fn encode_waiting(&mut self) -> Result<()> {
        let slice = match self.waiting.as_slice() {
            [] => return Ok(()),
            [whole] => whole.clone(),
            parts => concat_batches(parts[0].schema_ref(), parts)?,
        };
        self.rows += self.waiting_rows as u64;
        self.waiting.clear();
        self.waiting_rows = 0;
        if self.unopened.is_some() {
            self.open(properties_from(&slice).build())?;
        }
        let writer = self.writer.as_mut().expect("opened above");
        writer.write(&slice).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Writes the rest and syncs the file to disk.
    pub fn finish(mut self) -> Result<FileEntry> {
        self.encode_waiting()?;
        if let Some((_, schema)) = &self.unopened {
            let properties = properties(schema).build();
            self.open(properties)?;
        }
        let (path, mut writer) = (self.path, self.writer.expect("opened above"));
        // `into_inner` would keep only the text of an error of the file system.
        writer.finish().map_err(|error| Error::io("write", &path, error))?;
        let (size_bytes, sha256) = writer.inner_mut().finish().map_err(|error| Error::io("sync", &path, error))?;
        Ok(FileEntry { rows: self.rows, size_bytes, sha256 })
    }
}

fn properties(schema: &Schema) -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(1).expect("level 1 exists");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("putback".to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(1 << 17));
    // Hashes hardly repeat: a dictionary of them is work for nothing.
    for field in schema.fields().iter().filter(|field| field.name().ends_with("_hash")) {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
    }
    properties
}

/// Whether a dictionary and runs already make a column small: a compressor of its own costs more than it saves.
fn is_small(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..))
}

fn is_empty(values: &ArrayRef) -> bool {
    values.null_count() == values.len()
}

/// For a file that begins with these rows.
fn properties_from(rows: &RecordBatch) -> WriterPropertiesBuilder {
    let mut properties = properties(rows.schema_ref());
    for Leaf { path, values } in leaves(rows) {
        if is_empty(&values) {
            properties = properties.set_column_dictionary_enabled(path.clone(), false);
        }
        if is_empty(&values) || is_small(values.data_type()) {
            properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
        }
    }
    properties
}

/// For a file of just these rows.
fn properties_for(rows: &RecordBatch) -> WriterProperties {
    let mut properties = properties_from(rows);
    for Leaf { path, values } in leaves(rows).filter(|leaf| !is_empty(&leaf.values)) {
        let Some(texts) = values.as_string_opt::<i32>() else { continue };
        // Months are found by their name and dates by their column: nobody asks for the least text.
        properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        if !repeats(texts) {
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

/// A column as Parquet knows it.
struct Leaf {
    path: ColumnPath,
    values: ArrayRef,
}

fn leaves(rows: &RecordBatch) -> impl Iterator<Item = Leaf> {
    rows.schema_ref().fields().iter().zip(rows.columns()).map(|(field, array)| match field.data_type() {
        DataType::List(element) => {
            let path = [field.name(), "list", element.name()].map(str::to_owned);
            Leaf { path: ColumnPath::new(path.to_vec()), values: elements(array.as_list()) }
        }
        _ => Leaf { path: ColumnPath::from(field.name().as_str()), values: Arc::clone(array) },
    })
}

/// Of these lists only: they may be a slice of more.
fn elements(lists: &ListArray) -> ArrayRef {
    let (first, last) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
    lists.values().slice(first as usize, (last - first) as usize)
}

/// Whether texts repeat often enough for a dictionary, judged by a sample: runs, because equal ones may be
/// neighbours, from all over, because they need not.
fn repeats(texts: &StringArray) -> bool {
    const RUN: usize = 1 << 3;
    const RUNS: usize = 1 << 5;
    let rows = texts.len();
    let step = rows.div_ceil(RUNS).max(RUN);
    let sampled = (0..rows).step_by(step).flat_map(|first| first..rows.min(first + RUN));
    let mut sample: Vec<&str> = sampled.filter(|&row| texts.is_valid(row)).map(|row| texts.value(row)).collect();
    let count = sample.len();
    sample.sort_unstable();
    sample.dedup();
    sample.len() * 16 < count * 15
}

/// Digests what passes through, so that a file is not read again for its checksum.
pub(super) struct HashingWriter {
    file: File,
    digest: Sha256,
    size_bytes: u64,
}

impl HashingWriter {
    pub fn new(file: File) -> Self {
        Self { file, digest: Sha256::new(), size_bytes: 0 }
    }

    /// Syncs the file. Returns its size in bytes and its SHA-256.
    pub fn finish(&mut self) -> std::io::Result<(u64, String)> {
        self.file.sync_all()?;
        Ok((self.size_bytes, hex(&std::mem::take(&mut self.digest).finalize())))
    }
}

impl std::io::Write for HashingWriter {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Reads a month file of the store as one batch with the schema of its table.
pub fn read_month_file(table: Table, path: &Path) -> Result<RecordBatch> {
    let corrupt = |error: parquet::errors::ParquetError| {
        Error::new(ErrorKind::Corrupt, format!("{} ({table}) cannot be read as Parquet", path.display())).because(error)
    };
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(corrupt)?
        .with_batch_size(1 << 16)
        .build()
        .map_err(corrupt)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| corrupt(error.into()))?;
    let schema = table.schema().arrow();
    let by_name = |batch: RecordBatch| {
        let column = |field: &Arc<Field>| batch.column_by_name(field.name()).cloned();
        let columns: Option<Vec<_>> = schema.fields().iter().map(column).collect();
        let columns = columns.ok_or_else(|| ArrowError::SchemaError("a column is missing".to_owned()))?;
        RecordBatch::try_new(Arc::clone(schema), columns)
    };
    let conformed: Result<Vec<_>, _> = batches.into_iter().map(by_name).collect();
    let conformed = conformed.map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("{} does not have the columns of {table}", path.display()))
            .hint("move the file away or restore it; nothing was changed")
            .because(error)
    })?;
    Ok(concat_batches(schema, &conformed)?)
}

/// Reads some columns of a file of the store.
pub fn read_columns(table: Table, path: &Path, columns: &[&str]) -> Result<Vec<RecordBatch>> {
    let corrupt = |error: parquet::errors::ParquetError| {
        Error::new(ErrorKind::Corrupt, format!("{} ({table}) cannot be read as Parquet", path.display())).because(error)
    };
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(corrupt)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let reader = builder.with_projection(mask).build().map_err(corrupt)?;
    reader.collect::<Result<Vec<_>, _>>().map_err(|error| corrupt(error.into()))
}

/// Lower-case hexadecimal SHA-256 of a file.
pub fn sha256_of_file(path: &Path) -> std::io::Result<String> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut digest = Sha256::new();
    loop {
        let buffer = std::io::BufRead::fill_buf(&mut reader)?;
        if buffer.is_empty() {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(buffer);
        let length = buffer.len();
        std::io::BufRead::consume(&mut reader, length);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::buffer::OffsetBuffer;
    use parquet::basic::Encoding;

    use super::*;

    fn has_dictionary(column: ArrayRef) -> bool {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file.parquet");
        let rows = RecordBatch::try_from_iter_with_nullable([("c", column, true)]).expect("a column");
        let mut file = ParquetFile::create_for(&path, &rows).expect("a file");
        file.write(&rows).and_then(|()| file.finish()).expect("a file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).expect("the file")).expect("Parquet");
        assert_eq!(concat_batches(rows.schema_ref(), &read(&path)).expect("one schema"), rows);
        reader.metadata().row_group(0).column(0).encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY)
    }

    fn read(path: &Path) -> Vec<RecordBatch> {
        let file = File::open(path).expect("the file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("Parquet");
        reader.map(|batch| batch.expect("rows")).collect()
    }

    #[test]
    fn only_values_that_repeat_get_a_dictionary() {
        let texts =
            |of: fn(usize) -> Option<String>| -> ArrayRef { Arc::new((0..5000).map(of).collect::<StringArray>()) };
        assert!(has_dictionary(texts(|row| Some(format!("player {}", (row * row * 31 + row * 17) / 7 % 450)))));
        assert!(has_dictionary(texts(|row| (row % 3 > 0).then(|| format!("game {}", row / 6)))));
        assert!(!has_dictionary(texts(|row| Some(format!("line {row}")))));
        assert!(!has_dictionary(texts(|_| None)));
        assert!(has_dictionary(Arc::new(Int64Array::from_iter_values((0..5000).map(|n| n % 40)))));
        assert!(!has_dictionary(Arc::new((0..5000).map(|_| None::<i64>).collect::<Int64Array>())));
    }

    fn lists_of(lengths: &[usize]) -> ListArray {
        let element = Arc::new(Field::new("element", DataType::Utf8, false));
        let count = lengths.iter().sum();
        let values: StringArray = std::iter::repeat_n(Some("text"), count).collect();
        ListArray::new(element, OffsetBuffer::from_lengths(lengths.iter().copied()), Arc::new(values), None)
    }

    #[test]
    fn rows_cut_out_of_more_give_the_same_bytes() {
        let lists = lists_of(&[9, 0, 0, 9]);
        let dir = tempfile::tempdir().expect("a directory");
        let rows = RecordBatch::try_from_iter([("lists", Arc::new(lists) as ArrayRef)]).expect("a column").slice(1, 2);
        let own = arrow::compute::take_record_batch(&rows, &arrow::array::UInt32Array::from(vec![0, 1]));
        let written = |rows: &RecordBatch| {
            let mut file = ParquetFile::create_for(&dir.path().join("file.parquet"), rows)?;
            file.write(rows)?;
            file.finish()
        };
        assert_eq!(written(&rows).expect("a file"), written(&own.expect("rows")).expect("a file"));
    }
}
