//! The worked examples of the specifications, typed in, from input rows to stored columns.

mod corners;
mod mlfs;
mod pcf;
mod pdc;
mod pdc_corners;
mod psza;
mod tdza;
