//! What integration tests share: tables typed in as rows, warehouses and stores in temporary
//! directories, and results read back as rows.

pub mod backfill;
pub mod direct;
pub mod parquet;
pub mod rows;
pub mod tables;
