//! Reading Phase 3 from a bucket.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch};
use libtest_mimic::Failed;
use putback::catalog::Table;
use putback::store::{Store, read_month_file, write_parquet};

use super::desk::{Desk, ensure, ensure_same};
use super::fake::Fake;

const WAREHOUSE: &str = "nba/phase3";

/// Content of every date of every table of a store.
pub fn content(desk: &Desk, store: &str) -> Result<BTreeMap<String, String>, Failed> {
    let manifest = Store::at(desk.path(store)).phase3()?;
    let dates = manifest.tables.iter().flat_map(|(table, input)| {
        input.partitions.iter().map(move |(date, partition)| (format!("{table} {date}"), partition.hash.clone()))
    });
    Ok(dates.collect())
}

/// A desk whose warehouse is in the bucket as well, and the name of that.
fn seeded(fake: &Fake) -> Result<(Desk, String), Failed> {
    let desk = Desk::new(fake)?;
    desk.seed(fake, "warehouse", WAREHOUSE)?;
    Ok((desk, fake.url(WAREHOUSE)))
}

pub fn same_as_directory(fake: &Fake) -> Result<(), Failed> {
    let (desk, url) = seeded(fake)?;
    let directory = desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "of-directory"])?;
    let bucket = desk.done(&["sync", "--warehouse", &format!("{url}/"), "--store", "of-bucket"])?;
    ensure(directory.stdout == bucket.stdout, &bucket.stdout)?;
    let (one, other) = (content(&desk, "of-directory")?, content(&desk, "of-bucket")?);
    ensure(!one.is_empty() && one == other, "the stores differ")?;
    let objects = |store: &str| desk.tree(&format!("{store}/phase3/objects"));
    ensure_same(&objects("of-directory")?, &objects("of-bucket")?, "month files")?;
    let manifest = Store::at(desk.path("of-bucket")).phase3()?;
    ensure(manifest.tables.values().all(|input| input.source.warehouse == url), "the warehouse is not named")
}

pub fn only_what_changed(fake: &Fake) -> Result<(), Failed> {
    let (desk, url) = seeded(fake)?;
    let sync = || desk.done(&["sync", "--warehouse", &url]);
    sync()?;
    let first = fake.seen();
    ensure(first.iter().all(|request| request.starts_with("GET ")), format!("{first:?}"))?;
    fake.meddle(None);
    let second = sync()?;
    ensure(fake.seen().len() == 1, format!("nothing changed, and yet: {:?}", fake.seen()))?;
    ensure(second.stdout.contains("unchanged"), &second.stdout)?;
    let name = format!("{}.parquet", Table::TeamDefenseGameSummary);
    let file = desk.path("warehouse").join(&name);
    let rows = read_month_file(Table::TeamDefenseGameSummary, &file)?;
    write_parquet(&file, &rows.slice(0, rows.num_rows() - 1))?;
    fake.objects().put("bucket", &format!("{WAREHOUSE}/{name}"), std::fs::read(&file)?);
    fake.meddle(None);
    sync()?;
    let seen = fake.seen();
    ensure(seen.len() == 2 && seen[1].ends_with(&name), format!("one object changed: {seen:?}"))?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "of-directory"])?;
    ensure(content(&desk, "of-directory")? == content(&desk, "putback-store")?, "the stores differ")?;
    // Without what is kept of it, everything is read again.
    std::fs::remove_dir_all(desk.path("putback-store/buckets"))?;
    fake.meddle(None);
    sync()?;
    ensure(fake.seen().len() >= first.len(), format!("{:?}", fake.seen()))
}

/// A table of 20 MB.
pub fn in_pieces(fake: &Fake) -> Result<(), Failed> {
    let (desk, url) = seeded(fake)?;
    let name = format!("{}.parquet", Table::Schedule);
    let file = desk.path("warehouse").join(&name);
    let rows = read_month_file(Table::Schedule, &file)?;
    let mut state = 7_u64;
    let mut noise = |count: usize| -> Vec<u8> {
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..count).map(|_| byte()).collect()
    };
    let each = 20_000_000 / rows.num_rows();
    let ballast: Vec<Vec<u8>> = (0..rows.num_rows()).map(|_| noise(each)).collect();
    let ballast: ArrayRef = Arc::new(BinaryArray::from_iter_values(ballast));
    let schema = rows.schema();
    let columns = schema.fields().iter().map(|field| field.name().clone()).zip(rows.columns().iter().cloned());
    let large = RecordBatch::try_from_iter(columns.chain([("ballast".to_owned(), ballast)]))?;
    write_parquet(&file, &large)?;
    fake.objects().put("bucket", &format!("{WAREHOUSE}/{name}"), std::fs::read(&file)?);
    desk.done(&["sync", "--warehouse", &url])?;
    let pieces = fake.seen().iter().filter(|request| request.ends_with(&name)).count();
    ensure(pieces == 3, format!("{pieces} pieces"))?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "of-directory"])?;
    ensure(content(&desk, "of-directory")? == content(&desk, "putback-store")?, "the stores differ")
}

/// Folders by date, shards, files without an extension, markers of folders and what is no table.
pub fn layouts(fake: &Fake) -> Result<(), Failed> {
    let desk = Desk::new(fake)?;
    let table = Table::PlayerGameSummary;
    let file = desk.path("warehouse").join(format!("{table}.parquet"));
    let rows = read_month_file(table, &file)?;
    std::fs::remove_file(&file)?;
    let half = rows.num_rows() / 2;
    let folder = desk.path("warehouse").join(table.full_name());
    std::fs::create_dir_all(folder.join("season=2023"))?;
    std::fs::create_dir_all(folder.join("_temporary"))?;
    write_parquet(&folder.join("season=2023/part-0"), &rows.slice(0, half))?;
    write_parquet(&folder.join("second half & more.parquet"), &rows.slice(half, rows.num_rows() - half))?;
    write_parquet(&folder.join("_temporary/left.parquet"), &rows.slice(0, 1))?;
    std::fs::write(folder.join("README.txt"), "not rows")?;
    desk.seed(fake, "warehouse", WAREHOUSE)?;
    fake.objects().put("bucket", &format!("{WAREHOUSE}/{table}/"), Vec::new());
    fake.objects().put("bucket", &format!("{WAREHOUSE}/unrelated/large.bin"), vec![0; 1000]);
    fake.objects().put("bucket", &format!("{WAREHOUSE}-other/{table}.parquet"), vec![0; 10]);
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "of-directory"])?;
    desk.done(&["sync", "--warehouse", &fake.url(WAREHOUSE)])?;
    ensure(content(&desk, "of-directory")? == content(&desk, "putback-store")?, "the stores differ")?;
    ensure(!fake.seen().iter().any(|request| request.contains("large.bin")), "an unrelated object was read")?;
    // A folder that a log describes is refused by its name in the bucket.
    fake.objects().put("bucket", &format!("{WAREHOUSE}/{table}/_delta_log/0.json"), b"{}".to_vec());
    let refused = desk.run(&["sync", "--warehouse", &fake.url(WAREHOUSE)])?;
    let place = format!("{}/{table} is a Delta Lake table", fake.url(WAREHOUSE));
    ensure(
        refused.code == Some(12) && refused.stderr.contains(&place),
        format!("{:?} {}", refused.code, refused.stderr),
    )
}

pub fn vanishing_object(fake: &Fake) -> Result<(), Failed> {
    let (desk, url) = seeded(fake)?;
    let name = format!("{WAREHOUSE}/{}.parquet", Table::Schedule);
    // Counted from the listing on: objects are read one table after another.
    let objects = fake.objects().buckets["bucket"].keys().cloned().collect::<Vec<_>>();
    ensure(objects.contains(&name), "no such table")?;
    let shared = fake.share();
    fake.on_request(move |index, _| {
        if index == 1 {
            shared.lock().expect("no thread panicked").buckets.get_mut("bucket").expect("a bucket").remove(&name);
        }
    });
    let failed = desk.run(&["sync", "--warehouse", &url])?;
    ensure(
        failed.code == Some(6)
            && failed.stderr.contains(&format!("{url}/{}.parquet changed or vanished", Table::Schedule))
            && failed.stderr.contains("run the same command again"),
        format!("{:?} {}", failed.code, failed.stderr),
    )?;
    ensure(content(&desk, "putback-store")?.is_empty(), "half a sync")?;
    fake.forget_hook();
    let missing = desk.run(&["sync", "--warehouse", &url])?;
    ensure(missing.code == Some(5) && missing.stderr.contains("a bucket holds it as"), &missing.stderr)
}
