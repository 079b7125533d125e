//! Comparing two batches cell by cell, bit for bit.

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{cast, take};
use arrow::row::{RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use putback::catalog::Table;

/// What was compared and where the two differ.
pub struct Comparison {
    pub rows: usize,
    pub cells: usize,
    pub differences: Vec<String>,
}

/// Compares all columns but the operational ones; rows are matched by key.
pub fn compare(table: Table, golden: &RecordBatch, ours: &RecordBatch) -> Result<Comparison, String> {
    let schema = table.schema();
    let aligned = |batch: &RecordBatch, name: &str| -> Result<ArrayRef, String> {
        let to = schema.arrow().field_with_name(name).map_err(|error| error.to_string())?.data_type();
        let column = batch.column_by_name(name).ok_or_else(|| format!("{table} has no column {name}"))?;
        cast(column, to).map_err(|error| error.to_string())
    };
    let keys = |batch: &RecordBatch| -> Result<Rows, String> {
        let columns: Vec<ArrayRef> =
            schema.key_columns().iter().map(|key| aligned(batch, key)).collect::<Result<_, _>>()?;
        rows_of(&columns)
    };
    let (golden_keys, our_keys) = (keys(golden)?, keys(ours)?);
    let (golden_order, our_order) = (order(&golden_keys), order(&our_keys));
    let mut differences = Vec::new();
    if golden.num_rows() != ours.num_rows() {
        differences.push(format!("{} golden rows, {} of ours", golden.num_rows(), ours.num_rows()));
    }
    let matched: Vec<(u32, u32)> = golden_order
        .iter()
        .zip(&our_order)
        .map(|(&g, &o)| (g, o))
        .take_while(|&(g, o)| golden_keys.row(g as usize) == our_keys.row(o as usize))
        .collect();
    if matched.len() < golden.num_rows() {
        differences.push(format!("row {} by key is another row", matched.len()));
    }
    let mut cells = 0;
    for field in golden.schema().fields().iter().filter(|field| is_compared(field.name())) {
        let (golden_column, our_column) = (aligned(golden, field.name())?, aligned(ours, field.name())?);
        let golden_rows = rows_of(&[pick(&golden_column, matched.iter().map(|pair| pair.0))])?;
        let our_rows = rows_of(&[pick(&our_column, matched.iter().map(|pair| pair.1))])?;
        for (index, &(g, o)) in matched.iter().enumerate() {
            cells += 1;
            if golden_rows.row(index) != our_rows.row(index) {
                differences.push(format!(
                    "{}: golden {}, ours {} (golden row {g})",
                    field.name(),
                    text(&golden_column, g),
                    text(&our_column, o)
                ));
            }
        }
    }
    Ok(Comparison { rows: matched.len(), cells, differences })
}

/// Operational columns, named in the specifications, are left out.
fn is_compared(column: &str) -> bool {
    const OPERATIONAL: [&str; 6] =
        ["processed_at", "created_at", "updated_at", "run_id", "feature_generation_time_ms", "resolution_status"];
    let is_lineage = column.starts_with("source_") && column != "source_player_game_last_updated";
    !OPERATIONAL.contains(&column) && !is_lineage
}

fn rows_of(columns: &[ArrayRef]) -> Result<Rows, String> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(|error| error.to_string())?;
    converter.convert_columns(columns).map_err(|error| error.to_string())
}

fn order(keys: &Rows) -> Vec<u32> {
    let mut order: Vec<u32> = (0..keys.num_rows() as u32).collect();
    order.sort_by(|&a, &b| keys.row(a as usize).cmp(&keys.row(b as usize)));
    order
}

fn pick(column: &ArrayRef, rows: impl Iterator<Item = u32>) -> ArrayRef {
    take(column, &UInt32Array::from_iter_values(rows), None).expect("rows exist")
}

fn text(column: &dyn Array, row: u32) -> String {
    array_value_to_string(column, row as usize).unwrap_or_else(|error| error.to_string())
}
