//! Carrying into the bucket what was changed in its mirror.
//!
//! 1. New objects, and what is kept for an undo, are written under the names of their content and read back.
//! 2. The record is replaced on the condition that it is the one that was looked at. This is the only commit point.
//! 3. Plain names are set, each on the condition that it is what was listed.
//! 4. Names that neither the old record nor the new one has are deleted when they are a day old. Younger ones may be those
//!    of a publisher at work. What the old record names is left for the next publication: since the commit, somebody may
//!    have published the same content again, and a request to delete it could come after theirs.
//!
//! A publisher that is killed before step 2 leaves objects that nobody reads; one that is killed after it leaves plain
//! names that the next publisher sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::client::{Client, Condition, Listing, REQUESTS};
use super::state::{RECORD, State, is_content, is_plain};
use crate::error::{Error, ErrorKind, Result};
use crate::numerics::hash::hex;
use crate::parallel;
use crate::store::commit::{file_name, link_or_copy};
use crate::store::sha256_of_file;
use crate::warehouse::DirTarget;

/// What neither the old nor the new record names is deleted when it is older than this.
const ABANDONED_AFTER: TimeDelta = TimeDelta::days(1);

/// The mirror before it is changed: a second name of every file.
pub(super) struct Before {
    files: BTreeMap<String, PathBuf>,
}

impl Before {
    pub fn of(state: &State) -> Result<Self> {
        let dir = state.mirror.root().with_file_name("before");
        let mut files = BTreeMap::new();
        for name in names(state.mirror.root())? {
            let path = dir.join(&name);
            let parent = path.parent().expect("names lie below a directory");
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
            link_or_copy(&state.mirror.path(&name), &path)?;
            files.insert(name, path);
        }
        Ok(Self { files })
    }
}

/// What is to be done in the bucket.
pub(super) struct Changes<'a> {
    state: &'a State,
    content: Vec<String>,
    record: Option<Vec<u8>>,
    plain: Vec<String>,
    /// Checksums of the months that the new record has.
    recorded: BTreeSet<String>,
    /// Plain names that go.
    removed: Vec<String>,
    /// Objects, and what was kept, that go.
    swept: Vec<String>,
}

impl<'a> Changes<'a> {
    pub fn since(before: &Before, state: &'a State) -> Result<Self> {
        let after: BTreeSet<String> = names(state.mirror.root())?.into_iter().collect();
        let is_changed = |name: &&String| {
            let known = before.files.get(*name);
            known.is_none_or(|known| !is_same(known, &state.mirror.path(name)))
        };
        let changed: Vec<&String> = after.iter().filter(is_changed).collect();
        let of = |kind: &dyn Fn(&str) -> bool| {
            changed.iter().filter(|name| kind(name)).map(|name| (*name).clone()).collect()
        };
        let record = match changed.iter().any(|name| *name == RECORD) {
            true => Some(read(state, RECORD)?),
            false => None,
        };
        let gone = || before.files.keys().filter(|name| !after.contains(*name));
        let removed = gone().filter(|name| is_plain(name)).cloned().collect();
        let swept = gone().filter(|name| is_content(name) && may_be_swept(name, state)).cloned().collect();
        let recorded = state.target.recorded()?.into_iter().flatten().map(|(_, _, file)| file.sha256).collect();
        Ok(Self { state, content: of(&is_content), record, plain: of(&is_plain), recorded, removed, swept })
    }

    /// # Errors
    /// [`ErrorKind::StalePlan`] when somebody else published or wrote meanwhile.
    pub fn push(&self, client: &Client) -> Result<()> {
        parallel::try_map(&self.content, REQUESTS, |name| self.write_content(client, name))?;
        if let Some(record) = &self.record {
            self.commit(client, record)?;
        }
        self.finish(client).map_err(|error| self.after_commit(error))
    }

    fn write_content(&self, client: &Client, name: &str) -> Result<()> {
        let bytes = read(self.state, name)?;
        if !file_name(Path::new(name)).starts_with(&hex(&Sha256::digest(&bytes))) {
            return Err(unexpected(client, name));
        }
        client.put(name, bytes.clone(), Condition::Always)?;
        match client.read(name)? {
            Some((found, _)) if found == bytes => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Unexpected,
                format!("{} does not hold what was written; nothing was published", client.shown(name)),
            )
            .hint("stop whatever else writes there and run the same command again")),
        }
    }

    /// Replaces the record. After a failure the record itself says whether it was replaced: an answer may be lost.
    fn commit(&self, client: &Client, record: &[u8]) -> Result<()> {
        let condition = match &self.state.record {
            Some((_, version)) => Condition::Is(version.clone()),
            None => Condition::Absent,
        };
        let failure = match client.put(RECORD, record.to_vec(), condition) {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let found = match client.read(RECORD) {
            Ok(found) => found.map(|(bytes, _)| bytes),
            Err(error) => return Err(unknown_end(client, failure.unwrap_or(error))),
        };
        let was = self.state.record.as_ref().map(|(bytes, _)| bytes);
        if found.as_ref().is_some_and(|found| is_of(found, record, was)) {
            return Ok(());
        }
        match failure {
            Some(error) if found.as_ref() == was => Err(error),
            _ => Err(somebody_published(client)),
        }
    }

    fn finish(&self, client: &Client) -> Result<()> {
        self.write_lost_content(client)?;
        parallel::try_map(&self.plain, REQUESTS, |name| self.set_plain(client, name))?;
        if self.removed.is_empty() && self.swept.is_empty() {
            return Ok(());
        }
        // Who published meanwhile may have taken up what goes here.
        if self.is_still_latest(client)? {
            client.delete(&[self.removed.clone(), self.swept.clone()].concat())?;
        }
        Ok(())
    }

    /// Writes objects again that another publisher deleted because its record did not name them.
    fn write_lost_content(&self, client: &Client) -> Result<()> {
        if self.content.is_empty() {
            return Ok(());
        }
        let present: Listing = client.list_below("_putback")?;
        let lost: Vec<&String> = self.content.iter().filter(|name| !present.contains_key(*name)).collect();
        lost.iter().try_for_each(|name| self.write_content(client, name))
    }

    fn set_plain(&self, client: &Client, name: &str) -> Result<()> {
        let bytes = read(self.state, name)?;
        if !self.recorded.contains(&hex(&Sha256::digest(&bytes))) {
            return Err(unexpected(client, name));
        }
        let condition = client.is_listed(name, self.state.mirror.listing.get(name))?;
        let is_set = match condition {
            Some(condition) => client.put(name, bytes.clone(), condition)?,
            None => false,
        };
        if is_set || client.read(name)?.is_some_and(|(found, _)| found == bytes) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::StalePlan,
            format!("{} changed meanwhile: somebody else writes there", client.shown(name)),
        )
        .hint("stop the other writer and run the same command again"))
    }

    fn is_still_latest(&self, client: &Client) -> Result<bool> {
        let expected = self.record.as_ref().or(self.state.record.as_ref().map(|(bytes, _)| bytes));
        let found = client.read(RECORD)?.map(|(bytes, _)| bytes);
        Ok(found.as_ref() == expected)
    }

    fn after_commit(&self, error: Error) -> Error {
        if self.record.is_none() {
            return error;
        }
        Error::new(error.kind(), format!("{error}; the record has the publication, and plain names may be missing"))
            .hint("run the same command again: it sets them")
            .because(error)
    }
}

/// Whether a record is the one that was sent, or names the publication that was sent among later ones.
fn is_of(found: &[u8], sent: &[u8], before: Option<&Vec<u8>>) -> bool {
    let before = before.map_or_else(Vec::new, |before| DirTarget::publications_in(before));
    let new = DirTarget::publications_in(sent).pop().filter(|publication| !before.contains(publication));
    found == sent || new.is_some_and(|new| DirTarget::publications_in(found).contains(&new))
}

/// Who publishes content that no record names writes it again, which makes it young.
fn may_be_swept(name: &str, state: &State) -> bool {
    let newest = state.mirror.listing.values().map(|listed| listed.modified).max();
    let is_old = |modified| newest.is_some_and(|newest| newest - modified > ABANDONED_AFTER);
    !state.named.contains(name) && state.mirror.listing.get(name).is_some_and(|listed| is_old(listed.modified))
}

fn somebody_published(client: &Client) -> Error {
    Error::new(
        ErrorKind::StalePlan,
        format!("somebody else published into {} meanwhile; nothing was published", client.url),
    )
    .hint("run the same command again: it looks anew")
}

fn unknown_end(client: &Client, error: Error) -> Error {
    Error::new(
        error.kind(),
        format!("no answer came when the record was written into {}, and whether it was is not known", client.url),
    )
    .hint("run the same command again: it looks")
    .because(error)
}

fn unexpected(client: &Client, name: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{} was to become something that was not read", client.shown(name)))
}

fn read(state: &State, name: &str) -> Result<Vec<u8>> {
    let path = state.mirror.path(name);
    std::fs::read(&path).map_err(|error| Error::io("read", &path, error))
}

/// Whether two names are those of one file, or of equal ones.
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(first), Ok(second)) = (std::fs::metadata(one), std::fs::metadata(other)) else { return false };
    if (first.dev(), first.ino()) == (second.dev(), second.ino()) {
        return true;
    }
    let hashes = || Some((sha256_of_file(one).ok()?, sha256_of_file(other).ok()?));
    first.len() == second.len() && hashes().is_some_and(|(one, other)| one == other)
}

/// The names in a mirror that count in a bucket.
fn names(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = std::fs::read_dir(&dir).map_err(|error| Error::io("list", &dir, error))?;
        for entry in entries {
            let path = entry.map_err(|error| Error::io("list", &dir, error))?.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let name = path.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default();
            if name == RECORD || is_content(name) || is_plain(name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(names)
}
