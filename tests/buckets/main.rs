//! Buckets as warehouses, with the binary as a user runs it: against a fake of our own with the interfaces of S3 and of
//! Google Cloud Storage, and against moto, an S3 made by others.
//!
//! `scripts/extra install buckets` installs moto. Where it is not installed, its tests are reported as ignored.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

mod desk;
mod fake;
mod faults;
mod moto;
mod publishers;
mod refusals;
mod sync;
mod undo;
mod upload;

use libtest_mimic::{Arguments, Failed, Trial};

use fake::{Fake, Interface};

type Test = fn(&Fake) -> Result<(), Failed>;

const TESTS: [(&str, Test); 22] = [
    ("sync_gives_the_same_store_as_a_directory", sync::same_as_directory),
    ("sync_requests_only_what_changed", sync::only_what_changed),
    ("sync_reads_large_objects_in_pieces", sync::in_pieces),
    ("sync_reads_every_layout_of_a_directory", sync::layouts),
    ("sync_notices_an_object_that_vanishes", sync::vanishing_object),
    ("upload_equals_an_upload_into_a_directory", upload::same_as_directory),
    ("upload_sends_nothing_twice", upload::nothing_twice),
    ("upload_requests_only_the_months_of_its_range", upload::only_its_months),
    ("upload_treats_files_of_others_as_in_a_directory", upload::files_of_others),
    ("upload_repairs_damage_as_in_a_directory", upload::repairs),
    ("upload_publishes_a_reviewed_plan", upload::reviewed_plan),
    ("upload_compares_content_where_etags_say_nothing", upload::opaque_etags),
    ("upload_leaves_what_another_publisher_writes", upload::young_objects),
    ("diff_and_status_read_a_bucket", upload::diff_and_status),
    ("undo_equals_an_undo_in_a_directory", undo::same_as_directory),
    ("undo_says_why_it_cannot", undo::refusals),
    ("two_publishers_at_once_do_not_both_publish", publishers::at_once),
    ("refusals_say_what_to_do", refusals::all),
    ("faults_of_an_upload_end_before_or_after_it", faults::uploads),
    ("faults_of_an_undo_end_before_or_after_it", faults::undos),
    ("faults_of_a_sync_leave_the_same_store", faults::syncs),
    ("another_publisher_before_any_request_loses_nothing", faults::publishers),
];

fn main() {
    let args = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, test) in TESTS {
        for interface in [Interface::Google, Interface::S3] {
            let kind = if interface == Interface::Google { "google" } else { "s3" };
            trials.push(Trial::test(name, move || test(&Fake::start(interface)?)).with_kind(kind));
        }
    }
    trials.extend(moto::trials(args.list));
    libtest_mimic::run(&args, trials).exit();
}
