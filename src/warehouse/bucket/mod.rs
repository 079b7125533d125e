//! Buckets as warehouses: `gs://BUCKET/PREFIX` and `s3://BUCKET/PREFIX`.
//!
//! A bucket has the layout of a directory. The code that reads and writes directories decides, on a mirror of the objects
//! that it looks at (`mirror.rs`); what is here lists, reads and writes objects. A listing tells by ETags what is
//! unchanged: such objects come from a cache (`cache.rs`), or are there by their names only.

mod cache;
mod changes;
mod client;
mod fault;
mod mirror;
mod reader;
mod settings;
mod source;
mod state;
mod target;
mod url;

pub use self::reader::PublishedBucket;
pub use self::settings::BucketSettings;
pub use self::source::BucketWarehouse;
pub use self::target::BucketTarget;
pub use self::url::{BucketUrl, Service};
