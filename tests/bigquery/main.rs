//! Sync and upload against a BigQuery emulator, with the binary as a user runs it.
//!
//! The emulator is installed by `scripts/emulator`. Where no Python can run it, every test here is
//! reported as ignored.

mod client;
mod desk;
mod emulator;
mod faults;
mod proxy;
mod sync;
mod upload;

use libtest_mimic::{Arguments, Failed, Trial};

use emulator::Emulator;

type Test = fn(&'static Emulator) -> Result<(), Failed>;

const TESTS: [(&str, Test); 14] = [
    ("sync_gives_the_same_store_as_a_directory", sync::same_as_directory),
    ("sync_pulls_only_what_changed", sync::only_what_changed),
    ("sync_survives_streams_that_break", sync::broken_streams),
    ("sync_falls_back_to_query_results", sync::without_read_api),
    ("sync_refuses_another_location", sync::another_location),
    ("sync_says_what_is_missing", sync::missing_table),
    ("upload_is_read_back_by_another_client", upload::read_back),
    ("upload_sends_only_what_differs", upload::only_what_differs),
    ("upload_rehearses_without_a_trace", upload::dry_run),
    ("upload_notices_another_writer", upload::another_writer),
    ("upload_refuses_unfit_targets", upload::unfit_targets),
    ("status_writes_progress_both_ways", upload::progress),
    ("faults_of_an_upload_leave_rows_exactly_once", faults::uploads),
    ("faults_of_a_sync_leave_the_same_store", faults::syncs),
];

fn main() {
    let args = Arguments::from_args();
    let emulator: Option<&'static Emulator> = if args.list {
        None
    } else {
        match Emulator::start() {
            Ok(emulator) => Some(Box::leak(Box::new(emulator))),
            Err(reason) => {
                eprintln!("SKIPPED: BigQuery tests, because the emulator does not run: {reason}");
                None
            }
        }
    };
    let trial = |(name, test): (&str, Test)| {
        Trial::test(name, move || test(emulator.expect("ignored without it"))).with_ignored_flag(emulator.is_none())
    };
    let conclusion = libtest_mimic::run(&args, TESTS.into_iter().map(trial).collect());
    if let Some(emulator) = emulator {
        emulator.stop();
    }
    conclusion.exit();
}
