//! Exact reach: from changed and faulty rows to the dates that rest on them, by entity and window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat, concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Field, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::NaiveDate;
use putback::calendar::{DateRange, DateRanges, Season};
use putback::catalog::Table;
use putback::compute::{ComputeRequest, DailyCache};
use putback::processors::ProcessorId;
use putback::progress::Silent;
use putback::reach::{self, Content, tables};
use putback::snapshot::Snapshot;
use putback::store::{DateRecord, Owner, Store, WriteLock};
use putback::synth::{self, SeasonSpec};
use putback::warehouse::dir::DirWarehouse;
use tempfile::TempDir;

use crate::fixture::{Desk, RANGE as ASKED};
use crate::incidents::{edit, published};
use crate::support::backfill::{engine_settings, run_context};

type Tables = BTreeMap<Table, RecordBatch>;

/// What is computed: bootstrap, the first windows, full windows, and games against opponents of the season before.
const RANGE: DateRange = DateRange {
    from: NaiveDate::from_ymd_opt(2023, 11, 1).expect("a date"),
    to: NaiveDate::from_ymd_opt(2024, 1, 12).expect("a date"),
};

/// Of the season before, only the end is there.
const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2023, 3, 15).expect("a date");

/// Two seasons, the second up to January.
fn league() -> Tables {
    let seasons = [2022, 2023].map(Season::starting_in).to_vec();
    let spec = SeasonSpec { players_per_team: 8, seasons, last_day: Some(RANGE.to), ..SeasonSpec::default() };
    let mut tables: Tables = synth::generate(&spec).expect("two seasons").into_iter().collect();
    for (table, batch) in &mut tables {
        let late = dates(*table, batch).iter().map(|date| Some(*date >= FIRST)).collect();
        *batch = filter_record_batch(batch, &late).expect("one flag for each row");
    }
    tables
}

fn dates(table: Table, batch: &RecordBatch) -> Vec<NaiveDate> {
    let days = batch.column_by_name(table.schema().partition_column()).expect("a date");
    let date = |day: &i32| Date32Type::to_naive_date_opt(*day).expect("a date");
    days.as_primitive::<Date32Type>().values().iter().map(date).collect()
}

/// A store in which everything was computed.
struct World {
    dir: TempDir,
    store: Store,
}

impl World {
    fn of(rows: &Tables) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let warehouse = dir.path().join("warehouse");
        std::fs::create_dir(&warehouse).expect("a directory");
        for (table, batch) in rows {
            let path = warehouse.join(format!("{table}.parquet"));
            putback::store::write_parquet(&path, batch).expect("a table is written");
        }
        let store = Store::at(dir.path().join("store"));
        let world = Self { dir, store };
        let owner = Owner { pid: std::process::id(), host: "test".into(), command: "test".into() };
        let lock = WriteLock::acquire(&world.store, &owner).expect("a free store");
        let ranges: DateRanges = [RANGE].into_iter().collect();
        let warehouse = DirWarehouse::open(&warehouse).expect("a warehouse");
        let today = "2026-01-01".parse().expect("a date");
        let asked = putback::sync::SyncRequest::new(ranges.clone(), today);
        putback::sync::sync(&warehouse, &lock, &asked, &Silent).expect("a sync");
        let request = ComputeRequest {
            ranges,
            daily_cache: DailyCache::Computed,
            processors: ProcessorId::ALL.to_vec(),
            force: false,
            engine: engine_settings(world.dir.path()),
            context: run_context(),
        };
        putback::compute::compute(&lock, &request, &Silent).expect("a computation");
        drop(lock);
        world
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::load(&self.store).expect("a store")
    }

    /// What the bytes of a date are, by processor.
    fn content(&self) -> BTreeMap<(ProcessorId, NaiveDate), String> {
        let manifest = self.store.phase4().expect("a manifest");
        let text = |record: &DateRecord| format!("{:?} {} {}", record.state, record.hash, record.failures_hash);
        let of = |(id, records): (&ProcessorId, &BTreeMap<NaiveDate, DateRecord>)| {
            records.iter().map(|(date, record)| ((*id, *date), text(record))).collect::<Vec<_>>()
        };
        manifest.processors.iter().flat_map(of).collect()
    }

    /// What rests on rows as they are stored.
    fn reached(&self, rows: &BTreeSet<NamedRow>) -> Reached {
        let dates: BTreeSet<NaiveDate> = self.content().keys().map(|(_, date)| *date).collect();
        let dates: Vec<NaiveDate> = dates.into_iter().collect();
        let session = tables::session(&self.snapshot(), &dates, &engine_settings(self.dir.path())).expect("a session");
        reach::prepare(&session).expect("a table");
        for row in rows {
            reach::start_from(&session, Content::Stored, &row.sql()).expect("a row");
        }
        let reach = reach::follow(&session, Content::Stored).expect("a reach");
        let of_values =
            "SELECT DISTINCT processor, game_date::VARCHAR, coalesce(entity, '*') FROM reached WHERE rests <= 1";
        Reached {
            dates: reach.into_values().flat_map(BTreeMap::into_keys).collect(),
            values: texts(&session.query(of_values).expect("rows"))
                .into_iter()
                .map(|row| (id(&row[0]), row[1].clone(), row[2].clone()))
                .collect(),
        }
    }

    /// The values of every row, without what is kept of the sources of all of its date.
    fn values(&self) -> BTreeMap<RowKey, String> {
        let session = tables::session(&self.snapshot(), &[], &engine_settings(self.dir.path())).expect("a session");
        let mut values = BTreeMap::new();
        for id in ProcessorId::ALL {
            let table = id.output();
            let key = if id == ProcessorId::Tdza { "team_abbr" } else { "player_lookup" };
            let fields = table.schema().arrow().fields().iter().map(|field| field.name().as_str());
            let of_sources: Vec<&str> = fields.filter(|name| name.starts_with("source_")).collect();
            let rows = session.query(&format!(
                "SELECT {date}::VARCHAR, {key}, of_row::VARCHAR \
                 FROM (SELECT * EXCLUDE ({of_sources}) FROM read_parquet('{dir}/*.parquet')) AS of_row",
                date = table.schema().partition_column(),
                of_sources = of_sources.join(", "),
                dir = self.store.root().join("phase4").join(table.full_name()).display(),
            ));
            for row in texts(&rows.expect("rows")) {
                let before = values.insert((id, row[0].clone(), row[1].clone()), row[2].clone());
                assert!(before.is_none(), "{id}: two rows of {} on {}", row[1], row[0]);
            }
        }
        values
    }
}

/// Processor, date, and player or team.
type RowKey = (ProcessorId, String, String);

struct Reached {
    dates: BTreeSet<(ProcessorId, NaiveDate)>,
    /// Rows with a value that rests on them; `*`: all of the date.
    values: BTreeSet<RowKey>,
}

impl Reached {
    fn extend(&mut self, other: Self) {
        self.dates.extend(other.dates);
        self.values.extend(other.values);
    }

    fn has(&self, (id, date, entity): &RowKey) -> bool {
        [entity, "*"].into_iter().any(|entity| self.values.contains(&(*id, date.clone(), entity.to_owned())))
    }
}

fn id(name: &str) -> ProcessorId {
    name.parse().expect("a processor")
}

fn texts(rows: &RecordBatch) -> Vec<Vec<String>> {
    let text = |column: usize, row: usize| rows.column(column).as_string::<i32>().value(row).to_owned();
    (0..rows.num_rows()).map(|row| (0..rows.num_columns()).map(|column| text(column, row)).collect()).collect()
}

/// A row by what identifies it for a reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NamedRow {
    table: Table,
    date: NaiveDate,
    entity: Option<String>,
    /// `None`: the row came or went.
    column: Option<String>,
}

impl NamedRow {
    fn of(table: Table, batch: &RecordBatch, row: usize, column: Option<&str>) -> Self {
        let entity = entity_column(table)
            .map(|name| batch.column_by_name(name).expect("a key").as_string::<i32>().value(row).to_owned());
        let date = dates(table, &batch.slice(row, 1))[0];
        Self { table, date, entity, column: column.map(str::to_owned) }
    }

    fn sql(&self) -> String {
        let text = |text: &Option<String>| text.as_ref().map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"));
        let (player, team) = match self.table {
            Table::TeamDefenseGameSummary | Table::TeamOffenseGameSummary | Table::UpcomingTeamGameContext => {
                ("NULL".to_owned(), text(&self.entity))
            }
            _ => (text(&self.entity), "NULL".to_owned()),
        };
        format!(
            "SELECT 'change' AS cause, '{}' AS in_table, DATE '{}' AS game_date, {player} AS player_lookup, \
             {team} AS team_abbr, {} AS in_column, false AS is_missing",
            self.table.name(),
            self.date,
            text(&self.column)
        )
    }
}

fn entity_column(table: Table) -> Option<&'static str> {
    match table {
        Table::TeamDefenseGameSummary => Some("defending_team_abbr"),
        Table::TeamOffenseGameSummary | Table::UpcomingTeamGameContext => Some("team_abbr"),
        Table::Schedule => None,
        _ => Some("player_lookup"),
    }
}

/// A fixed sequence of draws.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Tables in the order of draws: what most depends on comes most often.
const CHANGED: [Table; 10] = [
    Table::PlayerGameSummary,
    Table::TeamDefenseGameSummary,
    Table::UpcomingPlayerGameContext,
    Table::PlayerGameSummary,
    Table::PlayerPointsProps,
    Table::UpcomingTeamGameContext,
    Table::TeamDefenseGameSummary,
    Table::TeamOffenseGameSummary,
    Table::Schedule,
    Table::PlayerBoxScores,
];

/// Changes a row: it goes, comes once more with another value, or has another value. Gives the rows that were there and
/// that are there now.
fn change(rows: &mut Tables, table: Table, draws: &mut Draws) -> (BTreeSet<NamedRow>, BTreeSet<NamedRow>) {
    let batch = rows[&table].clone();
    // Most rows of the season before are in no window.
    let days = dates(table, &batch);
    let mut tries = (0..4).map(|_| draws.below(batch.num_rows())).collect::<Vec<_>>().into_iter();
    let last = draws.below(batch.num_rows());
    let row = tries.find(|row| days[*row] > NaiveDate::from_ymd_opt(2023, 10, 1).expect("a date")).unwrap_or(last);
    let before = NamedRow::of(table, &batch, row, None);
    let (changed, columns) = other_value(table, &batch.slice(row, 1), draws);
    let others: UInt32Array = (0..batch.num_rows() as u32).filter(|index| *index as usize != row).collect();
    let others = take_record_batch(&batch, &others).expect("rows exist");
    let now = NamedRow::of(table, &changed, 0, None);
    let schema = batch.schema();
    match draws.below(4) {
        0 => {
            rows.insert(table, others);
            (BTreeSet::from([before]), BTreeSet::new())
        }
        1 if table != Table::Schedule => {
            rows.insert(table, concat_batches(&schema, [&batch, &changed]).expect("one schema"));
            (BTreeSet::new(), BTreeSet::from([now]))
        }
        _ => {
            rows.insert(table, concat_batches(&schema, [&others, &changed]).expect("one schema"));
            let of = |named: &NamedRow| {
                let column = |column: &String| NamedRow { column: Some(column.clone()), ..named.clone() };
                columns.iter().map(column).collect::<BTreeSet<_>>()
            };
            (of(&before), of(&now))
        }
    }
}

/// One row with another value in a column that is read, and sometimes with another hash and time.
fn other_value(table: Table, row: &RecordBatch, draws: &mut Draws) -> (RecordBatch, Vec<String>) {
    let schema = table.schema();
    let is_key = |name: &str| schema.partition_column() == name || schema.key_columns().iter().any(|key| key == name);
    let choice: Vec<&String> = schema.columns_read().iter().filter(|name| !is_key(name)).collect();
    let fields = row.schema();
    let mut columns = vec![choice[draws.below(choice.len())].clone()];
    if draws.below(2) == 0 && table != Table::Schedule && table != Table::PlayerPointsProps {
        columns.extend(["data_hash".to_owned(), "processed_at".to_owned()]);
    }
    let new = |(field, array): (&Arc<Field>, &ArrayRef)| match columns.contains(field.name()) {
        true => other(array, draws),
        false => Arc::clone(array),
    };
    let arrays = fields.fields().iter().zip(row.columns()).map(new).collect();
    (RecordBatch::try_new(fields, arrays).expect("the same types"), columns)
}

fn other(value: &ArrayRef, draws: &mut Draws) -> ArrayRef {
    let null = value.is_null(0);
    let delta = 1 + draws.below(3) as i64;
    match value.data_type() {
        DataType::Int64 => {
            let old = if null { 0 } else { value.as_primitive::<Int64Type>().value(0) };
            Arc::new(Int64Array::from(vec![old + delta]))
        }
        DataType::Decimal128(precision, scale) => {
            let old = if null { 0 } else { value.as_primitive::<Decimal128Type>().value(0) };
            let new = Decimal128Array::from(vec![old + i128::from(delta) * 10i128.pow(*scale as u32)]);
            Arc::new(new.with_precision_and_scale(*precision, *scale).expect("the same type"))
        }
        DataType::Boolean => Arc::new(BooleanArray::from(vec![null || !value.as_boolean().value(0)])),
        DataType::Utf8 => Arc::new(StringArray::from(vec![["BOS", "DEN", "UTA"][delta as usize - 1]])),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let old = if null { 0 } else { value.as_primitive::<TimestampMicrosecondType>().value(0) };
            let moved = [-86_400_000_000, 86_400_000_000, 40 * 86_400_000_000][delta as usize - 1];
            Arc::new(TimestampMicrosecondArray::from(vec![old + moved]).with_timezone_opt(zone.clone()))
        }
        DataType::Float64 => {
            let old = if null { 0.0 } else { value.as_primitive::<arrow::datatypes::Float64Type>().value(0) };
            Arc::new(arrow::array::Float64Array::from(vec![old + delta as f64]))
        }
        _ => concat(&[value.as_ref()]).expect("one array"),
    }
}

#[test]
fn reach_has_every_date_and_row_that_differs_and_few_others() {
    const TRIALS: usize = 30;
    let league = league();
    let world = World::of(&league);
    let content = world.content();
    let values = world.values();
    let (mut differing, mut more, mut rows_differ) = (0, 0, 0);
    for trial in 0..TRIALS {
        let mut draws = Draws(trial as u64 + 1);
        let mut rows = league.clone();
        let (before, now) = change(&mut rows, CHANGED[trial % CHANGED.len()], &mut draws);
        let other_world = World::of(&rows);
        let other_content = other_world.content();
        let keys: BTreeSet<_> = content.keys().chain(other_content.keys()).copied().collect();
        let differ: BTreeSet<_> = keys.into_iter().filter(|key| content.get(key) != other_content.get(key)).collect();
        let mut reached = world.reached(&before);
        reached.extend(other_world.reached(&now));
        let other_values = other_world.values();
        let missed: Vec<_> = values
            .keys()
            .chain(other_values.keys())
            .filter(|key| values.get(*key) != other_values.get(*key))
            .inspect(|_| rows_differ += 1)
            .filter(|key| !reached.has(key))
            .collect();
        assert!(
            missed.is_empty(),
            "trial {trial}: {before:?} -> {now:?} changed the rows {missed:?}, which were not reached"
        );
        let reached = reached.dates;
        let missed: Vec<_> = differ.difference(&reached).collect();
        println!("trial {trial}: {} differ, {} reached; {before:?} -> {now:?}", differ.len(), reached.len());
        assert!(missed.is_empty(), "trial {trial}: {before:?} -> {now:?} changed {missed:?}, which was not reached");
        differing += differ.len();
        more += reached.len() - differ.len();
    }
    println!("{differing} dates and {rows_differ} rows differ, {more} more dates were reached");
    assert!(rows_differ > 100, "only {rows_differ} rows changed");
    assert!(differing > 100, "only {differing} dates changed");
    // Whether somebody sat out, or how a game is flagged, seldom changes a value of the dates that read it.
    assert!(5 * more <= 3 * differing, "{more} dates were reached in vain beside {differing}");
}

/// Where the binary is run on a changed season: the dates that are in the target.
fn published_dates(desk: &Desk) -> BTreeSet<String> {
    let dates =
        "SELECT string_agg(DISTINCT game_date::VARCHAR, ' ' ORDER BY game_date::VARCHAR) FROM ml_feature_store_v2";
    match desk.path("published").join(Table::MlFeatureStore.full_name()).is_dir() {
        true => published(desk, dates, Table::MlFeatureStore).split(' ').map(str::to_owned).collect(),
        false => BTreeSet::new(),
    }
}

#[test]
fn reach_of_one_faulty_cell_is_what_rests_on_it_and_no_season() {
    let desk = Desk::computed();
    // Whose next game is not the last of the range.
    let player = published(
        &desk,
        "SELECT arg_min(player_lookup, (dates, player_lookup)) FROM (SELECT player_lookup, count(*) AS dates FROM ml_feature_store_v2 GROUP BY ALL HAVING dates > 3)",
        Table::MlFeatureStore,
    );
    let of_player = format!(
        "SELECT string_agg(game_date::VARCHAR, ' ' ORDER BY game_date) FROM ml_feature_store_v2 WHERE player_lookup = '{player}'"
    );
    let plays: Vec<String> =
        published(&desk, &of_player, Table::MlFeatureStore).split(' ').map(str::to_owned).collect();
    let (first, all) = (&plays[0], published_dates(&desk));
    std::fs::remove_dir_all(desk.path("published")).expect("a target");
    // A season year that is wrong: averages of the season leave the game out.
    edit(
        &desk,
        Table::PlayerGameSummary,
        &format!(
            "SELECT * REPLACE (CASE WHEN player_lookup = '{player}' AND game_date = DATE '{first}' THEN season_year - 1 ELSE season_year END AS season_year) FROM player_game_summary"
        ),
    );
    let outcome = desk.run(&["run", "--warehouse", "dir:warehouse", "--to", "dir:published"], &ASKED);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    let (count, last) = (plays.len(), plays.last().expect("a date"));
    let told = format!(
        "note: not published: season years that are not those of the dates (I30): 1 date, {first}; holds back {count} dates, {first} to {last}, 5 tables, "
    );
    assert!(outcome.stderr.contains(&told), "{told} in\n{}", outcome.stderr);
    let held_back: Vec<String> = all.difference(&published_dates(&desk)).cloned().collect();
    assert_eq!(held_back, plays, "the dates on which {player} plays");
}

#[test]
fn reach_of_games_of_unknown_teams_is_by_window_and_not_by_date() {
    let desk = Desk::new();
    for table in [
        Table::PlayerGameSummary,
        Table::TeamDefenseGameSummary,
        Table::TeamOffenseGameSummary,
        Table::UpcomingPlayerGameContext,
        Table::UpcomingTeamGameContext,
        Table::Schedule,
    ] {
        let alias = |column: &&str| {
            format!(
                "CASE {column} WHEN 'PHX' THEN 'PHO' WHEN 'BKN' THEN 'BRK' WHEN 'CHA' THEN 'CHO' ELSE {column} END AS {column}"
            )
        };
        let columns: Vec<String> = table.team_columns().iter().map(alias).collect();
        edit(&desk, table, &format!("SELECT * REPLACE ({}) FROM {}", columns.join(", "), table.name()));
    }
    let outcome = desk.run(&["run", "--warehouse", "dir:warehouse", "--to", "dir:published"], &ASKED);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("games of unknown teams, or twice, in the schedule (I23)"), "{}", outcome.stderr);
    assert_eq!(published_dates(&desk), BTreeSet::new());
}
