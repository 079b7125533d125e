//! One Parquet file of a table, of whatever writer.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels, parquet_to_arrow_schema_by_columns};
use parquet::basic::{Compression, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{SchemaDescriptor, Type};

use super::decoder::{Batches, ahead, decode};
use super::listing::TableFile;
use crate::catalog::{Role, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::warehouse::conform::{Found, LiveColumn, LiveTable, SchemaMatch, arrow_type, can_be_kept, find};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1 << 14;

/// An open file. Types are those of Parquet itself: what a writer's library adds about its own is not needed.
pub(super) struct ParquetFile<'a> {
    table: Table,
    file: &'a TableFile,
    pub place: String,
    reader: Arc<dyn FileReader>,
    columns: Vec<LiveColumn>,
}

impl<'a> ParquetFile<'a> {
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a damaged file, [`ErrorKind::Schema`] for what was never Parquet.
    pub fn open(table: Table, file: &'a TableFile) -> Result<Self> {
        let opened = File::open(&file.path).map_err(|error| Error::io("open", &file.path, error))?;
        let reader: Arc<dyn FileReader> = match decode(|| SerializedFileReader::new(opened)).and_then(|reader| reader) {
            Ok(reader) => Arc::new(reader),
            Err(error) => return Err(not_parquet(table, &file.path, error)),
        };
        let columns = live_columns(&*reader);
        Ok(Self { table, file, place: file.path.display().to_string(), reader, columns })
    }

    /// Without rows or columns: such a shard says nothing, its types neither.
    pub fn is_empty(&self) -> bool {
        self.reader.metadata().file_metadata().num_rows() == 0 || self.columns.is_empty()
    }

    /// # Errors
    /// As [`SchemaMatch::compare`].
    pub fn compare(&self) -> Result<SchemaMatch> {
        let keys: Vec<&str> = self.file.folders.iter().map(|folder| folder.key.as_str()).collect();
        let has_values = |index: usize| self.has_values(index);
        let live = LiveTable { columns: &self.columns, in_folders: &keys, place: &self.place, has_values: &has_values };
        live.compare(self.table)
    }

    /// Hands over the columns that the table has and that can be read, under the names they have here.
    pub fn read(&self, sink: &mut dyn FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        let known = self.known_columns();
        let batches = self.rows_of(&known).map_err(|error| self.cannot_read(error, &known))?;
        ahead(batches, |batch| sink(batch.map_err(|error| self.cannot_read(error, &known))?))
    }

    /// By their index: those that are needed, and of the others what can be kept in our type.
    fn known_columns(&self) -> Vec<usize> {
        let schema = self.table.schema();
        let names = || self.columns.iter().map(|live| live.name.as_str());
        let usable = |column: &&crate::catalog::Column| {
            let Found::At(index) = find(names(), &column.name) else { return None };
            let ty = self.columns[index].ty.as_ref().ok()?;
            let is_wanted = schema.is_needed(&column.name) || can_be_kept(ty, &arrow_type(self.table, &column.name));
            is_wanted.then_some(index)
        };
        let mut known: Vec<usize> = schema.columns().iter().filter_map(|column| usable(&column)).collect();
        known.sort_unstable();
        known
    }

    fn rows_of(&self, columns: &[usize]) -> Result<Batches, ParquetError> {
        let levels = levels(descriptor(&*self.reader), columns)?;
        let open = || ParquetRecordBatchReader::try_new_with_row_groups(&levels, &self.reader, BATCH_ROWS, None);
        decode(open)?.map(Batches::new)
    }

    /// Looks at the values themselves: statistics may be missing.
    fn has_values(&self, column: usize) -> Result<bool> {
        for batch in self.rows_of(&[column]).map_err(|error| self.cannot_read(error, &[column]))? {
            let batch = batch.map_err(|error| self.cannot_read(error, &[column]))?;
            if batch.column(0).logical_null_count() < batch.num_rows() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A file that cannot be decoded, with the column that is to blame where that can be told.
    fn cannot_read(&self, error: ParquetError, columns: &[usize]) -> Error {
        if let ParquetError::External(source) = &error
            && source.downcast_ref::<std::io::Error>().is_some_and(|source| source.raw_os_error().is_some())
        {
            return Error::new(ErrorKind::Unexpected, format!("cannot read {}", self.place)).because(error);
        }
        let fails = |index: &&usize| match self.rows_of(&[**index]) {
            Ok(mut rows) => rows.any(|batch| batch.is_err()),
            Err(_) => true,
        };
        let column = columns.iter().find(fails).map(|&index| self.columns[index].name.as_str());
        let (table, place) = (self.table, &self.place);
        if let Some(column) = column.filter(|_| error.to_string().to_lowercase().contains("utf")) {
            return Error::new(
                ErrorKind::Schema,
                format!("{table}: column {column} in {place} holds text that is not UTF-8"),
            )
            .hint("export the column as UTF-8; nothing was pulled")
            .because(error);
        }
        let what = column.map_or(String::new(), |column| format!(" in column {column}"));
        Error::new(ErrorKind::Corrupt, format!("{table}: {place} cannot be read as Parquet{what}"))
            .hint(repair(table))
            .because(error)
    }
}

fn descriptor(reader: &dyn FileReader) -> &SchemaDescriptor {
    reader.metadata().file_metadata().schema_descr()
}

fn live_columns(reader: &dyn FileReader) -> Vec<LiveColumn> {
    let schema = descriptor(reader);
    let roots = schema.root_schema().get_fields();
    let in_lzo = roots_in_lzo(reader);
    let all: Vec<usize> = (0..roots.len()).collect();
    // Only where the schema cannot be understood as a whole, each column is looked at alone.
    let at_once = fields(schema, &all).ok().filter(|fields| fields.len() == roots.len());
    let ty = |root: usize| match &at_once {
        _ if in_lzo.contains(&root) => Err("compressed with LZO".to_owned()),
        Some(fields) => Ok(fields[root].data_type().clone()),
        None => match fields(schema, &[root]) {
            Ok(fields) if fields.len() == 1 => Ok(fields[0].data_type().clone()),
            Ok(_) => Err("of a type without values".to_owned()),
            Err(error) => Err(format!("of a type that is not known ({error})")),
        },
    };
    all.iter().map(|&root| LiveColumn { name: roots[root].name().to_owned(), ty: ty(root) }).collect()
}

/// The columns in the one codec of Parquet that nothing reads any more.
fn roots_in_lzo(reader: &dyn FileReader) -> BTreeSet<usize> {
    let schema = descriptor(reader);
    let groups = reader.metadata().row_groups();
    let is_lzo = |leaf: &usize| groups.iter().any(|group| group.column(*leaf).compression() == Compression::LZO);
    (0..schema.num_columns()).filter(is_lzo).map(|leaf| schema.get_column_root_idx(leaf)).collect()
}

/// Columns as Arrow knows them. INT96 is read in microseconds: in nanoseconds, years beyond 2262 would be others.
fn fields(schema: &SchemaDescriptor, columns: &[usize]) -> Result<Fields, ParquetError> {
    let roots = schema.root_schema().get_fields();
    let in_micros = |field: &Arc<Field>| match roots.iter().find(|root| root.name() == field.name()) {
        Some(root) if is_int96(root) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Microsecond, None)))
        }
        _ => Arc::clone(field),
    };
    let plain = parquet_to_arrow_schema_by_columns(schema, mask(schema, columns), None)?;
    Ok(plain.fields().iter().map(in_micros).collect())
}

/// How columns are decoded, as [`fields`] says.
fn levels(schema: &SchemaDescriptor, columns: &[usize]) -> Result<FieldLevels, ParquetError> {
    let roots = schema.root_schema().get_fields();
    let hint = match columns.iter().any(|&column| is_int96(&roots[column])) {
        true => Some(fields(schema, &(0..roots.len()).collect::<Vec<_>>())?),
        false => None,
    };
    parquet_to_arrow_field_levels(schema, mask(schema, columns), hint.as_ref())
}

fn mask(schema: &SchemaDescriptor, columns: &[usize]) -> ProjectionMask {
    ProjectionMask::roots(schema, columns.iter().copied())
}

fn is_int96(root: &Type) -> bool {
    root.is_primitive() && root.get_physical_type() == PhysicalType::INT96
}

/// Says what a file is that cannot be opened as Parquet.
fn not_parquet(table: Table, path: &Path, error: ParquetError) -> Error {
    let (start, end) = ends_of(path).unwrap_or_default();
    let place = path.display();
    let other = match start.as_slice() {
        _ if end.ends_with(b"PARE") => Some("encrypted Parquet"),
        [] => return damaged(table, path, error, "is empty: it has no bytes"),
        start if start.starts_with(b"PAR1") => None,
        start if start.starts_with(b"\x1f\x8b") => Some("compressed as a whole with gzip"),
        start if start.starts_with(b"\x28\xb5\x2f\xfd") => Some("compressed as a whole with zstd"),
        start if start.starts_with(b"PK") => Some("a zip archive"),
        start if start.starts_with(b"Obj\x01") => Some("an Avro file"),
        start if start.starts_with(b"ORC") => Some("an ORC file"),
        start if start.starts_with(b"ARROW1") => Some("an Arrow file"),
        start if start.starts_with(b"version https://git-lfs") => Some("a pointer of Git LFS, not the file itself"),
        start if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => Some("a text file"),
        _ => None,
    };
    match other {
        None => damaged(table, path, error, "cannot be read as Parquet"),
        Some(other) => {
            Error::new(ErrorKind::Schema, format!("{table}: {place} cannot be read as Parquet: it is {other}"))
                .hint("export the table as Parquet; nothing was pulled")
        }
    }
}

fn damaged(table: Table, path: &Path, error: ParquetError, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{table}: {} {what}", path.display())).hint(repair(table)).because(error)
}

fn repair(table: Table) -> &'static str {
    match table.role() {
        Role::Output => "the file is truncated or damaged: `putback upload --repair` of its month writes it again",
        _ => "the file is truncated or damaged: export it again; nothing was pulled",
    }
}

/// The first and last bytes of a file.
fn ends_of(path: &Path) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    const HEAD_BYTES: u64 = 64;
    const TAIL_BYTES: u64 = 4;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut start, mut end) = (Vec::new(), Vec::new());
    (&file).take(HEAD_BYTES).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    file.read_to_end(&mut end)?;
    Ok((start, end))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::TimestampMicrosecondType;
    use parquet::data_type::{Int32Type, Int96, Int96Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// Spark and Impala write INT96, in which years beyond 2262 are more nanoseconds than a number can hold.
    #[test]
    fn int96_of_any_year_is_read() {
        const JULIAN_DAY_OF_9999_12_31: u32 = 5_373_484;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rows.parquet");
        let schema = "message m { required int32 x; required int96 processed_at; }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let file = File::create(&path).expect("a file");
        let mut writer =
            SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).expect("a file");
        let mut group = writer.next_row_group().expect("a group");
        let mut column = group.next_column().expect("a column").expect("the first column");
        column.typed::<Int32Type>().write_batch(&[7], None, None).expect("a value");
        column.close().expect("a column");
        let mut day = Int96::new();
        day.set_data(1_500, 0, JULIAN_DAY_OF_9999_12_31);
        let mut column = group.next_column().expect("a column").expect("the second column");
        column.typed::<Int96Type>().write_batch(&[day], None, None).expect("a value");
        column.close().expect("a column");
        group.close().expect("a group");
        writer.close().expect("a file");

        let file = TableFile { path, folders: Vec::new() };
        let parquet = ParquetFile::open(Table::PlayerGameSummary, &file).expect("Parquet");
        let mut moments = Vec::new();
        parquet
            .read(&mut |batch| {
                let column = batch.column_by_name("processed_at").expect("the column");
                moments.extend(column.as_primitive::<TimestampMicrosecondType>().values().iter().copied());
                Ok(())
            })
            .expect("rows");
        assert_eq!(moments, [253_402_214_400_000_001]);
    }
}
