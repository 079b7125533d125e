//! Parquet files as other writers leave them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;

/// Writes rows with another codec and without what this library adds about its own types.
pub fn write_with(path: &Path, rows: &RecordBatch, codec: Compression) {
    let properties = WriterProperties::builder().set_compression(codec).set_dictionary_enabled(false).build();
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable directory");
    let file = File::create(path).expect("a writable directory");
    let mut writer = ArrowWriter::try_new_with_options(file, rows.schema(), options).expect("a schema of Parquet");
    writer.write(rows).expect("rows");
    writer.close().expect("a file");
}

/// Writes rows as `write_with` in the plainest form: what changes in a value changes in place.
pub fn write_plain(path: &Path, rows: &RecordBatch) {
    write_with(path, rows, Compression::UNCOMPRESSED);
}

/// Claims in the footer that a file's columns are in a codec.
pub fn claim_codec(path: &Path, codec: Compression) {
    let bytes = std::fs::read(path).expect("a file");
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(path).expect("a file")).expect("Parquet");
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().expect("four bytes"));
    let body = &bytes[..bytes.len() - 8 - footer as usize];
    let groups = metadata.row_groups().iter().map(|group| {
        let columns = group.columns().iter();
        let columns = columns.map(|column| column.clone().into_builder().set_compression(codec).build());
        let columns = columns.collect::<Result<Vec<_>, _>>().expect("columns");
        group.clone().into_builder().set_column_metadata(columns).build().expect("a row group")
    });
    let claimed =
        ParquetMetaDataBuilder::new(metadata.file_metadata().clone()).set_row_groups(groups.collect()).build();
    let mut out = body.to_vec();
    let mut tail = Vec::new();
    ParquetMetaDataWriter::new(&mut tail, &claimed).finish().expect("a footer");
    out.extend(tail);
    std::fs::write(path, out).expect("a writable file");
}

/// Rows with a column under another name.
pub fn renamed(rows: &RecordBatch, name: impl Fn(&str) -> String) -> RecordBatch {
    let schema = rows.schema();
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_name(name(field.name())));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), rows.columns().to_vec()).expect("columns")
}

/// Rows with columns changed by `change`, which gets name and values; nullable all.
pub fn changed(rows: &RecordBatch, change: impl Fn(&str, &ArrayRef) -> Option<ArrayRef>) -> RecordBatch {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns());
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns
        .map(|(field, column)| {
            let column = change(field.name(), column).unwrap_or_else(|| Arc::clone(column));
            (Field::new(field.name(), column.data_type().clone(), true), column)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of equal length")
}

/// A change for [`changed`]: columns of one type cast to another.
pub fn cast_all(from: fn(&DataType) -> bool, to: DataType) -> impl Fn(&str, &ArrayRef) -> Option<ArrayRef> {
    move |_, column| from(column.data_type()).then(|| arrow::compute::cast(column, &to).expect("a cast without zones"))
}
