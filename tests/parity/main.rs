//! Golden parity: every cell of what the reference computed, against what putback computes.
//!
//! The golden data are not part of the project. They are looked for in `../shared` beside the
//! checkout, or where `PUTBACK_GOLDEN` says; without them every test here is reported as ignored.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

mod compare;
mod golden;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};

use golden::{DailyCache, GoldenSet};

fn main() {
    let args = Arguments::from_args();
    let root = golden_root();
    let is_missing = !root.is_dir();
    if is_missing && !args.list {
        eprintln!("SKIPPED: golden parity, because there is no golden data at {}", root.display());
    }
    let sets = [
        GoldenSet {
            name: "real_seasons_without_daily_cache",
            phase3: "real/phase3",
            daily_cache: DailyCache::None,
            golden: &["real/golden"],
        },
        GoldenSet {
            name: "real_seasons_with_daily_cache_of_the_warehouse",
            phase3: "real/phase3",
            daily_cache: DailyCache::Synced("real/daily_cache"),
            golden: &["real/golden_with_daily_cache"],
        },
        GoldenSet {
            name: "real_seasons_with_computed_daily_cache",
            phase3: "real/phase3",
            daily_cache: DailyCache::Computed,
            golden: &["real/daily_cache", "real/golden_with_daily_cache"],
        },
        GoldenSet {
            name: "synthetic_season_with_daily_cache_of_the_warehouse",
            phase3: "synthetic/phase3",
            daily_cache: DailyCache::Synced("synthetic/golden_with_daily_cache"),
            golden: &["synthetic/golden_with_daily_cache"],
        },
        GoldenSet {
            name: "synthetic_season_with_computed_daily_cache",
            phase3: "synthetic/phase3",
            daily_cache: DailyCache::Computed,
            golden: &["synthetic/golden_with_daily_cache"],
        },
    ];
    let trial = |set: GoldenSet| {
        let root = root.clone();
        Trial::test(set.name, move || set.check(&root).map_err(Failed::from)).with_ignored_flag(is_missing)
    };
    libtest_mimic::run(&args, sets.into_iter().map(trial).collect()).exit();
}

fn golden_root() -> PathBuf {
    match std::env::var_os("PUTBACK_GOLDEN") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
    }
}
