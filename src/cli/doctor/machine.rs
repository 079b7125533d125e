//! Disk, memory and clock.

use std::path::Path;

use chrono::{DateTime, Datelike, Utc};
use rustix::fs::statvfs;

use super::super::environment;
use super::super::recorder::records;
use super::super::settings::Settings;
use super::store::{Manifests, existing};
use super::{ExitCode, Finding};
use crate::calendar::years;
use crate::price::size;
use crate::store::{FileEntry, Phase3Manifest, Phase4Manifest, Store};

/// Free space below which a run is not begun: a month is written beside the one that it replaces, and data spill.
const LEAST_DISK_BYTES: u64 = 1 << 30;

/// Available memory below which a run is likely to be killed; `--memory-limit` makes it spill earlier.
const LEAST_MEMORY_BYTES: u64 = 512 << 20;

pub fn findings(settings: &Settings, manifests: &Manifests) -> Vec<Finding> {
    let store = settings.store();
    vec![disk(&store, manifests), memory(settings), clock(&store)]
}

/// A run may write everything again before it removes what was there.
fn disk(store: &Store, manifests: &Manifests) -> Finding {
    const ABOUT: &str = "disk";
    let place = existing(store.root());
    let space = match statvfs(&place) {
        Ok(space) => space,
        Err(error) => {
            return Finding::unknown(ABOUT, format!("free space of {} is not known: {error}", place.display()));
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let Manifests { phase3, phase4 } = manifests;
    let both = phase3.as_ref().ok().zip(phase4.as_ref().ok());
    let held = both.map_or(0, |(phase3, phase4)| bytes_of(phase3, phase4));
    let wanted = held.max(LEAST_DISK_BYTES);
    let says = format!("{} free at {}; the store has {}", size(free), place.display(), size(held));
    // Some file systems count no files.
    if free < wanted || (space.f_files > 0 && space.f_favail == 0) {
        let fix = format!("free {} there, or name a --store on another disk", size(wanted));
        return Finding::stops(ABOUT, ExitCode::Unexpected, says, fix);
    }
    Finding::fine(ABOUT, says)
}

fn bytes_of(phase3: &Phase3Manifest, phase4: &Phase4Manifest) -> u64 {
    let inputs = phase3.tables.values().flat_map(|table| table.files.values());
    let outputs = phase4.files.values().flat_map(|files| files.values());
    inputs.chain(outputs).map(|file: &FileEntry| file.size_bytes).sum()
}

fn memory(settings: &Settings) -> Finding {
    const ABOUT: &str = "memory";
    let limit = match &settings.memory_limit {
        Some(limit) => format!("--memory-limit {}", limit.value),
        None => "the database may use 80 % of the machine's".to_owned(),
    };
    let Some(available) = available_bytes() else {
        return Finding::unknown(ABOUT, format!("available memory is not known on this system; {limit}"));
    };
    let says = format!("{} available; {limit}", size(available));
    match available < LEAST_MEMORY_BYTES {
        true => Finding::stops(ABOUT, ExitCode::Unexpected, says, "end other programs, or add memory"),
        false => Finding::fine(ABOUT, says),
    }
}

/// What the kernel says is available, or what the control group leaves, if that is less.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let number = |name: &str| {
        let text = std::fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let left = number("memory.max").zip(number("memory.current")).map(|(most, used)| most.saturating_sub(used));
    Some(left.map_or(kib << 10, |left| left.min(kib << 10)))
}

/// A clock that is behind would clip ranges to a day that is past, and name runs in a wrong order.
fn clock(store: &Store) -> Finding {
    const ABOUT: &str = "clock";
    let now: DateTime<Utc> = environment::now().into();
    let shown = now.format("%Y-%m-%d %H:%M UTC");
    let latest = records(store).unwrap_or_default().iter().map(|run| run.started_at).max();
    if let Some(latest) = latest.filter(|latest| *latest > now) {
        let says = format!("it is {shown}, and the store has a run of {}", latest.format("%Y-%m-%d %H:%M UTC"));
        return Finding::stops(ABOUT, ExitCode::Unexpected, says, "set the clock");
    }
    if !crate::calendar::YEARS.contains(&now.year()) {
        return Finding::stops(
            ABOUT,
            ExitCode::Unexpected,
            format!("it is {shown}; putback takes the years {}", years()),
            "set the clock",
        );
    }
    Finding::fine(
        ABOUT,
        format!("{shown}; ranges end on {} at the latest, yesterday in US Eastern", environment::yesterday()),
    )
}
