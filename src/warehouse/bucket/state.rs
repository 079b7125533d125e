//! What was published into a bucket, as a directory that was published into.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::UpdateVersion;

use super::client::Client;
use super::mirror::Mirror;
use super::settings::BucketSettings;
use crate::calendar::Month;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::store::FileEntry;
use crate::warehouse::DirTarget;
use crate::warehouse::dir::{MAGIC_BYTES, is_of_table};

pub(super) const RECORD: &str = "_putback/published.json";
const OBJECTS: &str = "_putback/objects/";
const KEPT: &str = "_putback/kept/";

/// Looks until the listing has the objects of the record: a publisher may commit between the two.
const LOOKS: usize = 3;

/// Months whose rows are needed; of others, what the record says.
pub(super) type Needed<'a> = &'a dyn Fn(Table, Month) -> bool;

/// The record, the listing, and the part of the bucket that lies in a mirror.
pub(super) struct State {
    pub mirror: Mirror,
    pub target: DirTarget,
    /// Bytes and version of the record.
    pub record: Option<(Vec<u8>, UpdateVersion)>,
    /// The recorded months that have a file; `None` where there is no record of this version.
    recorded: Option<Vec<(Table, Month, FileEntry)>>,
    /// Names that the record has: objects and what is kept for an undo.
    pub named: BTreeSet<String>,
}

impl State {
    /// Lists the bucket, then reads the record, so that the record is not older than the listing.
    pub fn look(client: &Arc<Client>, settings: &BucketSettings) -> Result<Self> {
        let mut looks = 0;
        loop {
            looks += 1;
            let mirror = Mirror::of(client, settings)?;
            let record = client.read(RECORD)?;
            let target = DirTarget::open(mirror.root())?.named(client.url.to_string());
            if let Some((bytes, _)) = &record {
                write(&mirror, RECORD, bytes)?;
            }
            let recorded = target.recorded().map_err(|error| mirror.told(error))?;
            let named = target.named_files().map_err(|error| mirror.told(error))?;
            let is_whole = named.iter().all(|name| !name.starts_with(OBJECTS) || mirror.listing.contains_key(name));
            if is_whole || looks == LOOKS {
                return Ok(Self { mirror, target, record, recorded, named });
            }
        }
    }

    /// Brings the rows of the needed months, and stand-ins of everything else that counts.
    pub fn bring(&self, needed: Needed<'_>, brings_kept: bool) -> Result<()> {
        let Some(recorded) = &self.recorded else { return self.bring_everything() };
        let months = recorded.iter().map(|(table, month, file)| {
            let names = [object_name(&file.sha256), plain_name(*table, *month)];
            let is_whole = needed(*table, *month) || !self.is_settled(&names, file);
            (names, is_whole)
        });
        let months: Vec<([String; 2], bool)> = months.collect();
        // Equal months share an object.
        let objects: BTreeSet<&str> =
            months.iter().filter(|(_, is_whole)| *is_whole).map(|(names, _)| names[0].as_str()).collect();
        let (whole, settled): (Vec<_>, Vec<_>) = months.iter().partition(|(names, _)| objects.contains(&*names[0]));
        let plain: BTreeSet<&str> = months.iter().map(|(names, _)| names[1].as_str()).collect();
        let mut whole: Vec<&str> = whole.iter().flat_map(|(names, _)| names).map(String::as_str).collect();
        for name in self.mirror.listing.keys().filter(|name| !plain.contains(name.as_str())) {
            match self.kind(name) {
                Kind::Plain => whole.push(name),
                Kind::Kept if brings_kept => whole.push(name),
                _ => {}
            }
        }
        self.mirror.bring(whole)?;
        for (names, _) in settled {
            self.mirror.stand_in(&[&names[0], &names[1]])?;
        }
        self.stand_in_rest()
    }

    /// Without a record, what lies there says what was published.
    fn bring_everything(&self) -> Result<()> {
        let counts = |name: &&String| !matches!(self.kind(name), Kind::Other | Kind::Foreign { .. });
        self.mirror.bring(self.mirror.listing.keys().filter(counts).map(String::as_str))?;
        self.stand_in_rest()
    }

    fn stand_in_rest(&self) -> Result<()> {
        for name in self.mirror.listing.keys() {
            match self.kind(name) {
                Kind::Object | Kind::Kept | Kind::Foreign { is_named: true } => self.mirror.stand_in(&[name])?,
                Kind::Foreign { is_named: false } => self.mirror.stand_in_with_head(name, MAGIC_BYTES)?,
                Kind::Plain | Kind::Other => {}
            }
        }
        Ok(())
    }

    /// Brings every object of one table.
    pub fn bring_table(&self, table: Table) -> Result<()> {
        let recorded = self.recorded.iter().flatten().filter(|(of, _, _)| *of == table);
        let objects = recorded.map(|(_, _, file)| object_name(&file.sha256)).collect::<Vec<_>>();
        let of_table = |name: &&String| is_of_table(name.split('/').next().unwrap_or_default(), table);
        let names = self.mirror.listing.keys().filter(of_table).map(String::as_str);
        self.mirror.bring(objects.iter().map(String::as_str).chain(names))?;
        for name in self.mirror.listing.keys().filter(|name| self.kind(name) == Kind::Object) {
            self.mirror.stand_in(&[name])?;
        }
        Ok(())
    }

    /// Whether listing and record agree that object and plain name are the recorded file.
    fn is_settled(&self, [object, plain]: &[String; 2], file: &FileEntry) -> bool {
        let content = |name: &str| self.mirror.listing.get(name).and_then(|listed| listed.content());
        content(object).is_some_and(|found| found.1 == file.size_bytes && content(plain) == Some(found))
    }

    fn kind(&self, name: &str) -> Kind {
        if name.starts_with(OBJECTS) {
            return Kind::Object;
        }
        if name.starts_with(KEPT) {
            return Kind::Kept;
        }
        if is_plain(name) {
            return Kind::Plain;
        }
        let top = name.split('/').next().unwrap_or_default();
        match Table::outputs().any(|table| is_of_table(top, table)) {
            true => Kind::Foreign { is_named: name.to_ascii_lowercase().ends_with(".parquet") },
            false => Kind::Other,
        }
    }
}

/// What an object of the bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Kept,
    /// The plain name of a month of an output.
    Plain,
    /// Of an output, in another layout.
    Foreign {
        is_named: bool,
    },
    Other,
}

/// Whether a name is one that a publication writes, apart from the record.
pub(super) fn is_content(name: &str) -> bool {
    name.starts_with(OBJECTS) || name.starts_with(KEPT)
}

/// Whether a name is that of a month of an output.
pub(super) fn is_plain(name: &str) -> bool {
    let Some((table, file)) = name.split_once('/') else { return false };
    Table::output_named(table).is_some()
        && file.strip_suffix(".parquet").is_some_and(|month| month.parse::<Month>().is_ok())
}

fn object_name(sha256: &str) -> String {
    format!("{OBJECTS}{sha256}.parquet")
}

fn plain_name(table: Table, month: Month) -> String {
    format!("{table}/{month}.parquet")
}

fn write(mirror: &Mirror, name: &str, bytes: &[u8]) -> Result<()> {
    let path = mirror.path(name);
    let dir = path.parent().expect("names lie below the root");
    let write = || std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, bytes));
    write().map_err(|error| Error::io("write", &path, error))
}
