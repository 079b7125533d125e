//! Sync and upload against BigQuery's protocols, with the binary as a user runs it: against a fake of our
//! own, which is strict and breaks on demand, and against an emulator made by others.
//!
//! Every statement that the fake got goes through Google's SQL analyzer at the end, which `scripts/analyzer` installs.
//!
//! The emulator is installed by `scripts/emulator`. Where no Python can run it, its tests are reported as
//! ignored.
#![allow(clippy::pedantic, reason = "for the library: tests and benchmarks may repeat and spell out")]

mod analyzer;
mod client;
mod costs;
mod daily_cache;
mod desk;
mod doctor;
mod fake;
mod faults;
mod incidents;
mod live_types;
mod proxy;
mod publishers;
mod quarantine;
mod rehearsal;
mod rerun;
mod service;
mod strict;
mod sync;
mod undo;
mod upload;
mod vanished;

use libtest_mimic::{Arguments, Failed, Trial};

use service::Service;

type Test = fn(&'static Service) -> Result<(), Failed>;

/// Where a test runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Both,
    Fake,
    /// On the fake; in `make test-faults` also on the emulator, which takes minutes for it.
    FakeThenBoth,
    /// On the fake, if Google's client can be installed.
    FakeByGoogle,
    Emulator,
}

use Where::{Both, Emulator, Fake, FakeByGoogle, FakeThenBoth};

const TESTS: [(&str, Where, Test); 74] = [
    ("sync_gives_the_same_store_as_a_directory", Both, sync::same_as_directory),
    ("sync_pulls_only_what_changed", Both, sync::only_what_changed),
    ("sync_leaves_out_games_whose_teams_are_not_known", Both, sync::games_without_teams),
    ("sync_sees_partitions_replaced_by_their_decorators", FakeByGoogle, sync::decorated_partitions),
    ("sync_survives_streams_that_break", Emulator, sync::broken_streams),
    ("sync_survives_streams_that_break_at_any_row", Fake, strict::broken_streams),
    ("sync_falls_back_to_query_results", Both, sync::without_read_api),
    ("sync_says_what_is_missing", Fake, sync::missing_table),
    ("sync_tells_bytes_before_it_reads", Fake, strict::estimates),
    ("sync_stops_at_the_limit_of_bytes", Fake, strict::too_many_bytes),
    ("upload_holds_every_value", Both, upload::read_back),
    ("upload_is_read_back_by_google", Emulator, strict::read_back_by_google),
    ("google_and_the_fake_understand_each_other", FakeByGoogle, strict::read_back_by_google),
    ("upload_sends_only_what_differs", Fake, upload::only_what_differs),
    ("upload_rehearses_without_a_trace", Both, upload::dry_run),
    ("upload_notices_another_writer", Both, upload::another_writer),
    ("upload_publishes_the_daily_cache_when_asked", Fake, daily_cache::asked_for),
    ("upload_leaves_the_daily_cache_alone", Fake, daily_cache::not_asked_for),
    ("doctor_looks_at_a_project_without_writing", Fake, doctor::a_project),
    ("upload_refuses_unfit_targets", Fake, upload::unfit_targets),
    ("upload_survives_a_buffer_that_fills_meanwhile", Fake, strict::late_streaming_buffer),
    ("upload_notices_a_schema_that_changes_meanwhile", Fake, strict::schema_changes),
    ("upload_rounds_to_live_types_and_says_so", Fake, live_types::rounded),
    ("upload_refuses_values_beyond_live_types", Fake, live_types::too_narrow),
    ("diff_compares_json_by_value", Fake, live_types::json),
    ("upload_parses_text_for_json_columns", Fake, strict::json_columns),
    ("upload_tells_a_quota_and_goes_on_later", Fake, strict::quotas),
    ("upload_asks_for_a_token_in_the_middle_of_a_file", Fake, strict::token_in_a_chunk),
    ("upload_outlives_jobs_that_fail", Fake, strict::failing_jobs),
    ("upload_goes_on_after_any_number_of_failures", Fake, rerun::many_failures),
    ("upload_goes_on_under_another_account", Fake, rerun::another_account),
    ("upload_renews_a_staging_table_of_before", Fake, rerun::old_staging),
    ("upload_removes_without_loading", Fake, rerun::only_removals),
    ("upload_notices_values_that_a_load_lost", Fake, rerun::lost_values),
    ("upload_publishes_the_rest_of_dates_with_a_quarantine", Fake, quarantine::rest_of_dates),
    ("upload_keeps_rows_of_vanished_dates", Fake, vanished::dates),
    ("sync_keeps_what_the_warehouse_purges", Fake, vanished::purged),
    ("upload_drops_staging_that_differs_every_time", Fake, rerun::lost_values_again_and_again),
    ("upload_remembers_only_what_nobody_changed", Fake, rerun::changed_meanwhile),
    ("upload_needs_no_more_than_partitions", Fake, strict::partition_filters),
    ("two_publishers_of_new_dates_do_not_both_commit", Fake, publishers::of_new_dates),
    ("two_publishers_create_the_head_of_a_ledger_once", Fake, publishers::of_an_older_ledger),
    ("fake_transactions_conflict_over_common_rows", Fake, publishers::the_fake_conflicts_over_common_rows_only),
    ("fake_keeps_open_transactions_of_projects_apart", Fake, publishers::the_fake_keeps_projects_apart),
    ("upload_keeps_its_ledger_for_ever", Fake, publishers::the_ledger_inherits_no_expiration),
    ("upload_refuses_a_doubled_head", Fake, publishers::a_doubled_head_is_refused),
    ("diff_reads_only_dates_that_differ", Fake, strict::diff_by_dates),
    ("upload_rehearses_in_mapped_datasets_first", Fake, rehearsal::rehearsed_then_published),
    ("upload_rehearses_in_another_project", Fake, rehearsal::into_another_project),
    ("upload_refuses_unfit_mappings", Fake, rehearsal::unfit_mappings),
    ("upload_tells_its_price_and_publishes_a_reviewed_plan", Fake, costs::price_and_plan),
    ("upload_names_what_changed_since_its_plan", Fake, costs::stale_plan),
    ("a_budget_stops_what_would_be_more", Fake, costs::budgets),
    ("status_names_dates_that_others_changed", Fake, costs::drift),
    ("undo_puts_back_what_was_replaced", Both, undo::puts_back),
    ("undo_of_the_first_publication_leaves_nothing", Fake, undo::of_the_first),
    ("undo_puts_back_columns_of_others", Fake, undo::columns_of_others),
    ("undo_says_why_it_cannot", Fake, undo::refusals),
    ("undo_notices_another_writer", Fake, undo::another_writer),
    ("faults_of_an_undo_end_before_or_after_it", Fake, undo::faults),
    ("status_writes_progress_both_ways", Emulator, upload::progress),
    ("faults_of_an_upload_leave_rows_exactly_once", FakeThenBoth, faults::uploads),
    ("faults_of_a_sync_leave_the_same_store", FakeThenBoth, faults::syncs),
    ("faults_of_jobs_leave_rows_exactly_once", Fake, faults::jobs),
    ("faults_of_two_publishers_leave_the_rows_of_one", Fake, faults::publishers),
    ("sync_reads_a_filtered_table_by_partitions", Fake, strict::filtered_sync),
    ("row_21_the_schema_is_that_of_the_live_table", Fake, incidents::row_21),
    ("row_22_a_streaming_buffer_is_a_conflict", Fake, incidents::row_22),
    ("row_23_statements_name_their_partitions", Fake, incidents::row_23),
    ("row_24_another_writer_is_waited_for", Fake, incidents::row_24),
    ("row_25_an_upload_is_a_handful_of_operations", Fake, incidents::row_25),
    ("row_26_jobs_run_where_the_datasets_lie", Fake, incidents::row_26),
    ("row_30_timeouts_are_ridden_out", Fake, incidents::row_30),
    ("row_40_partitions_that_expire_are_refused", Fake, incidents::row_40),
];

fn main() {
    let args = Arguments::from_args();
    let emulator: Option<&'static Service> = if args.list { None } else { started(Service::emulator()) };
    let python = emulator.and_then(|emulator| emulator.python.clone());
    let fake: Option<&'static Service> = if args.list { None } else { started(Service::fake(python)) };
    let mut trials = Vec::new();
    for (name, place, test) in TESTS {
        let mut add = |kind: &str, service: Option<&'static Service>, is_possible: bool| {
            let run = move || test(service.ok_or("the service did not start")?);
            trials.push(Trial::test(name, run).with_kind(kind).with_ignored_flag(!is_possible));
        };
        if place != Emulator {
            add("fake", fake, place != FakeByGoogle || emulator.is_some());
        }
        if matches!(place, Both | Emulator) || (place == FakeThenBoth && faults::is_full_matrix()) {
            add("emulator", emulator, emulator.is_some());
        }
    }
    let conclusion = libtest_mimic::run(&args, trials);
    if let Some(emulator) = emulator {
        emulator.stop();
    }
    // What all the tests before have sent.
    let analyzed = libtest_mimic::run(&args, fake.map(analyzer::trials).unwrap_or_default());
    conclusion.exit_if_failed();
    analyzed.exit();
}

fn started(service: Result<Service, String>) -> Option<&'static Service> {
    match service {
        Ok(service) => Some(Box::leak(Box::new(service))),
        Err(reason) => {
            eprintln!("SKIPPED: BigQuery tests, because a service does not run: {reason}");
            None
        }
    }
}
