//! One processor alone, on given inputs and given rows of its upstreams.

use chrono::{Days, NaiveDate};
use putback::calendar::{DateRange, DateRanges};
use putback::catalog::Table;
use putback::engine::{Session, quote};
use putback::processors::{self, Failure, PlannedSession, Processor, ProcessorId};
use putback::store::DateState;
use tempfile::TempDir;

use super::backfill::{engine_settings, run_context};
use super::rows::{Row, rows_of};
use super::tables::{Tables, file_of};

/// What a processor made of a date.
pub struct DirectOutput {
    pub rows: Vec<Row>,
    pub failures: Vec<Failure>,
    pub state: DateState,
}

/// Runs a processor for one date. `tables` holds its inputs and its upstreams' rows.
pub fn run(id: ProcessorId, date: NaiveDate, tables: &Tables) -> DirectOutput {
    Desk::set_up(id, tables).load_inputs(date).run(date)
}

/// As [`run`], but teams need not be among the 30: some worked examples have made-up codes.
pub fn run_with_any_team(id: ProcessorId, date: NaiveDate, tables: &Tables) -> DirectOutput {
    Desk::set_up(id, tables).load_inputs_with_any_team().run(date)
}

/// A session with the upstreams of a processor, and the inputs as files.
struct Desk<'a> {
    processor: &'static dyn Processor,
    tables: &'a Tables,
    session: Session,
    dir: TempDir,
}

impl<'a> Desk<'a> {
    fn set_up(id: ProcessorId, tables: &'a Tables) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        tables.write_in_order_to(dir.path());
        let session = Session::open(&engine_settings(dir.path())).expect("a session");
        let processor = processors::get(id);
        for upstream in processor.upstream() {
            let table = upstream.output();
            let files = if tables.contains(table) { vec![file_of(dir.path(), table)] } else { Vec::new() };
            session.view_output(table, &files, &[]).expect("rows of an upstream");
        }
        Self { processor, tables, session, dir }
    }

    /// The inputs as `compute` loads them for a range that began 40 days earlier, so that rows
    /// outside the look-back of `date` are there to be left out.
    fn load_inputs(self, date: NaiveDate) -> Self {
        let first = date - Days::new(40);
        for input in self.processor.inputs() {
            let range = DateRange { from: input.look_back.first_day(first), to: date };
            self.session.view_input(input.table, &self.files(input.table), range).expect("an input");
        }
        self
    }

    /// The inputs as they are.
    fn load_inputs_with_any_team(self) -> Self {
        for input in self.processor.inputs() {
            if !self.tables.contains(input.table) {
                let always = DateRanges::everything().span().expect("a range");
                self.session.view_input(input.table, &[], always).expect("an input without rows");
                continue;
            }
            let path = quote(&file_of(self.dir.path(), input.table));
            let sql = format!("CREATE TABLE {} AS SELECT * FROM read_parquet({path})", input.table.name());
            self.session.execute(&sql).expect("an input");
        }
        self
    }

    fn files(&self, table: Table) -> Vec<std::path::PathBuf> {
        if self.tables.contains(table) { vec![file_of(self.dir.path(), table)] } else { Vec::new() }
    }

    fn run(self, date: NaiveDate) -> DirectOutput {
        self.session.set_plan(&[date], run_context().windows).expect("a plan");
        let mut outputs = Vec::new();
        let planned = PlannedSession { session: &self.session, dates: &[date] };
        let gathered = self.processor.gather(planned, &run_context(), &mut |work| {
            outputs.extend(work.outputs());
            Ok(())
        });
        gathered.expect("facts of a date");
        let [output] = <[_; 1]>::try_from(outputs).expect("one month");
        let output = output.expect("scored");
        let [day] = <[_; 1]>::try_from(output.dates).expect("one date");
        assert_eq!(day.rows, 0..output.rows.num_rows());
        DirectOutput { rows: rows_of(&output.rows), failures: day.failures, state: day.state }
    }
}
