//! The record of a place: JSON whose first line has the format and a checksum of the rest.
//!
//! ```text
//! {"format":2,"checksum":"<32 hexadecimal digits>",
//! "tables":...}
//! ```
//!
//! The checksum is XXH3 (128 bits) of the format, as little-endian bytes, and of everything after the first
//! line break. Format 1 had no checksum. Later formats keep the first line.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{Loaded, Place, Record};
use crate::error::{Error, ErrorKind, Result};

/// The first format with a checksum.
const FIRST_WITH_CHECKSUM: u32 = 2;

#[derive(Deserialize)]
struct Header {
    format: u32,
    checksum: Option<String>,
}

pub(super) fn encode(format: u32, record: &impl Serialize) -> Vec<u8> {
    assert!(format >= FIRST_WITH_CHECKSUM, "records have a checksum");
    let mut body = serde_json::to_vec(record).expect("records serialize");
    assert!(body.starts_with(b"{\""), "a record is an object with members");
    body.push(b'\n');
    let body = &body[1..];
    let mut bytes = format!("{{\"format\":{format},\"checksum\":\"{}\",\n", checksum(format, body)).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn checksum(format: u32, body: &[u8]) -> String {
    let mut hasher = Xxh3::new();
    hasher.update(&format.to_le_bytes());
    hasher.update(body);
    format!("{:032x}", hasher.digest128())
}

pub(super) fn load<R: Record>(place: &Place) -> Result<Option<Loaded<R>>> {
    let path = place.record_path();
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let damaged =
        |why: &str| Error::new(ErrorKind::Store, format!("{} is damaged: {why}", path.display())).hint(&place.rebuild);
    let (header, body) = header(&bytes).ok_or_else(|| damaged("it is not a record of putback"))?;
    let format = header.format;
    match header.checksum {
        Some(expected) if checksum(format, body) != expected => {
            return Err(damaged("its content does not have its checksum"));
        }
        None if (FIRST_WITH_CHECKSUM..=place.format).contains(&format) => {
            return Err(damaged("it has no checksum"));
        }
        _ => {}
    }
    if format > place.format {
        let ours = place.format;
        return Err(Error::new(
            ErrorKind::Store,
            format!("{} was written by a newer version of putback (format {format}, this is {ours})", path.display()),
        )
        .hint("use that version, or another directory"));
    }
    crate::store::loads::note(&path);
    let record = serde_json::from_slice(&bytes).map_err(|error| damaged("it cannot be read").because(error))?;
    Ok(Some(Loaded { record, format }))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut file = match super::staged::open_regular(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| Error::io("read", path, error))?;
    Ok(Some(bytes))
}

/// The header, and what its checksum is of. The format is read on its own: a newer record may not parse as ours.
fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    if let Some(members) = bytes[..end].strip_suffix(b",") {
        let header = serde_json::from_slice(&[members, b"}"].concat()).ok()?;
        return Some((header, bytes.get(end + 1..).unwrap_or_default()));
    }
    Some((serde_json::from_slice(bytes).ok()?, &[]))
}
