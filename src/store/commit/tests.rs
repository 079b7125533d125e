use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use serde::Deserialize;

use super::*;
use crate::store::read_columns;

const TABLE: Table = Table::TeamDefenseZoneAnalysis;

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Months {
    months: BTreeMap<String, FileEntry>,
}

impl Record for Months {
    fn month_files(&self) -> Vec<(Table, Month, &FileEntry)> {
        self.months.iter().map(|(month, entry)| (TABLE, month.parse().expect("a month"), entry)).collect()
    }
}

struct Desk {
    dir: tempfile::TempDir,
    place: Place,
    record: Months,
}

impl Desk {
    fn new(ownership: Ownership) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let place = Place {
            tables: dir.path().join("place"),
            control: dir.path().join("place/control"),
            record: "record.json",
            format: 2,
            ownership,
            rebuild: "start again".to_owned(),
        };
        Self { dir, place, record: Months::default() }
    }

    fn object(&self, value: i64) -> FileEntry {
        self.place.write_object(&rows(value)).expect("an object")
    }

    /// Commits these months and no others.
    fn commit(&mut self, months: &[(&str, i64)]) -> Result<()> {
        let months = months.iter().map(|(month, value)| ((*month).to_owned(), self.object(*value))).collect();
        let new = Months { months };
        self.place.commit(&self.record, &new)?;
        self.record = new;
        Ok(())
    }

    fn plain(&self, month: &str) -> PathBuf {
        self.place.plain_path(TABLE, month.parse().expect("a month"))
    }

    /// Every name below the place, sorted.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut dirs = vec![self.dir.path().join("place")];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(&dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => dirs.push(path),
                    false => names.push(file_name(&path).to_owned()),
                }
            }
        }
        names.sort();
        names
    }
}

fn rows(value: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![value])) as _)]).expect("a row")
}

fn value_of(path: &Path) -> i64 {
    use arrow::array::AsArray;
    let batches = read_columns(TABLE, path, &["n"]).expect("a file");
    batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0)
}

#[test]
fn a_commit_leaves_the_record_its_objects_and_plain_names() {
    let mut desk = Desk::new(Ownership::Sole);
    desk.commit(&[("2024-01", 1), ("2024-02", 2)]).expect("a commit");
    desk.commit(&[("2024-02", 3), ("2024-03", 4)]).expect("a commit");
    let loaded = desk.place.load::<Months>().expect("a record").expect("a record");
    assert_eq!((loaded.record, loaded.format), (desk.record.clone(), 2));
    let mut expected: Vec<String> =
        desk.record.months.values().map(|entry| format!("{}.parquet", entry.sha256)).collect();
    expected.extend(["2024-02.parquet", "2024-03.parquet", "readers", "record.json"].map(str::to_owned));
    expected.sort();
    assert_eq!(desk.names(), expected);
    assert_eq!((value_of(&desk.plain("2024-02")), value_of(&desk.plain("2024-03"))), (3, 4));
}

#[test]
fn what_a_killed_writer_left_is_completed_and_swept() {
    let mut desk = Desk::new(Ownership::Sole);
    desk.commit(&[("2024-01", 1), ("2024-02", 2)]).expect("a commit");
    let before = desk.names();
    // Before the commit point.
    desk.object(9);
    std::fs::write(desk.place.objects_dir().join("object.7-1.staged"), "half").expect("a file");
    std::fs::write(desk.place.control.join("record.json.7-2.staged"), "half").expect("a file");
    desk.place.recover(&desk.record).expect("recovered");
    assert_eq!(desk.names(), before);
    // After it: no plain name is set yet, and a month is gone.
    let new = Months {
        months: BTreeMap::from([("2024-02".to_owned(), desk.object(5)), ("2024-04".to_owned(), desk.object(6))]),
    };
    replace_file(&desk.place.record_path(), &record::encode(2, &new)).expect("a record");
    std::fs::write(desk.plain("2024-02").with_file_name("2024-02.parquet.7-3.staged"), "half").expect("a file");
    desk.place.recover(&new).expect("recovered");
    let mut undisturbed = Desk::new(Ownership::Sole);
    undisturbed.commit(&[("2024-02", 5), ("2024-04", 6)]).expect("a commit");
    assert_eq!(desk.names(), undisturbed.names());
    assert_eq!((value_of(&desk.plain("2024-02")), value_of(&desk.plain("2024-04"))), (5, 6));
}

#[test]
fn what_is_not_ours_is_neither_replaced_nor_removed() {
    for ownership in [Ownership::Sole, Ownership::Shared] {
        let mut desk = Desk::new(ownership);
        desk.commit(&[("2024-01", 1)]).expect("a commit");
        std::fs::write(desk.plain("2024-02"), "somebody's").expect("a file");
        std::fs::write(desk.place.objects_dir().join("note.txt"), "somebody's").expect("a file");
        let error = desk.commit(&[("2024-02", 2)]).expect_err("it is in the way");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("2024-02.parquet is in the way"), "{error}");
        desk.place.recover(&desk.record).expect("recovered");
        assert_eq!(std::fs::read(desk.plain("2024-02")).expect("a file"), b"somebody's");
        assert_eq!(value_of(&desk.plain("2024-01")), 1);
        assert!(desk.names().contains(&"note.txt".to_owned()));
    }
}

#[test]
fn a_month_file_of_others_stays_in_a_shared_place_until_it_is_adopted() {
    let mut desk = Desk::new(Ownership::Shared);
    desk.commit(&[("2024-01", 1)]).expect("a commit");
    // By rename: the file under the name is another one.
    let theirs = desk.dir.path().join("theirs");
    crate::store::write_parquet(&theirs, &rows(7)).expect("a file");
    std::fs::rename(&theirs, desk.plain("2024-01")).expect("renamed");
    desk.place.recover(&desk.record).expect("recovered");
    assert_eq!(value_of(&desk.plain("2024-01")), 7);
    desk.commit(&[("2024-01", 8)]).expect_err("it is in the way");
    let month = "2024-01".parse().expect("a month");
    let sha256 = crate::store::sha256_of_file(&desk.plain("2024-01")).expect("a file");
    assert!(desk.place.adopt(TABLE, month, &sha256).expect("adopted"));
    assert!(!desk.place.adopt(TABLE, month, &desk.record.months["2024-01"].sha256).expect("no such file"));
    desk.commit(&[("2024-01", 8)]).expect("a commit");
    assert_eq!(value_of(&desk.plain("2024-01")), 8);
    // In a place of our own, what lies under a recorded name is ours.
    let mut own = Desk::new(Ownership::Sole);
    own.commit(&[("2024-01", 1)]).expect("a commit");
    std::fs::remove_file(own.plain("2024-01")).expect("removed");
    std::fs::write(own.plain("2024-01"), "damage").expect("a file");
    own.place.recover(&own.record).expect("recovered");
    assert_eq!(value_of(&own.plain("2024-01")), 1);
}

#[test]
fn nothing_is_written_through_a_link() {
    let mut desk = Desk::new(Ownership::Sole);
    let precious = desk.dir.path().join("precious");
    std::fs::write(&precious, "precious").expect("a file");
    std::fs::create_dir_all(desk.place.objects_dir()).expect("a directory");
    std::fs::create_dir_all(desk.place.table_dir(TABLE)).expect("a directory");
    // The names that come next.
    let number =
        |path: PathBuf| file_name(&path).rsplit(['-', '.']).nth(1).expect("a number").parse::<u64>().expect("a number");
    let next = number(staged::staged_name(&precious)) + 1;
    for n in next..next + 50 {
        let name = |of: &str| format!("{of}.{}-{n}.staged", std::process::id());
        let link = |path: PathBuf| std::os::unix::fs::symlink(&precious, path).expect("a link");
        link(desk.place.objects_dir().join(name("object")));
        link(desk.place.control.join(name("record.json")));
        link(desk.place.table_dir(TABLE).join(name("2024-01.parquet")));
    }
    desk.commit(&[("2024-01", 1)]).expect("a commit");
    assert_eq!(std::fs::read(&precious).expect("a file"), b"precious");
    assert_eq!(value_of(&desk.plain("2024-01")), 1);
}

#[test]
fn objects_stay_while_somebody_reads_by_an_older_record() {
    let mut desk = Desk::new(Ownership::Sole);
    desk.commit(&[("2024-01", 1)]).expect("a commit");
    let old = desk.place.object_path(&desk.record.months["2024-01"].sha256);
    let pin = desk.place.pin().expect("a pin");
    desk.commit(&[("2024-01", 2)]).expect("a commit");
    assert_eq!(value_of(&old), 1);
    drop(pin);
    desk.place.recover(&desk.record).expect("recovered");
    assert!(!old.exists());
}

#[test]
fn a_record_with_a_flipped_digit_is_refused() {
    let mut desk = Desk::new(Ownership::Sole);
    desk.commit(&[("2024-01", 1)]).expect("a commit");
    let path = desk.place.record_path();
    let whole = std::fs::read(&path).expect("a record");
    for (index, byte) in whole.iter().enumerate() {
        let flipped = match byte {
            b'0'..=b'8' | b'a'..=b'e' => byte + 1,
            b'9' | b'f' => byte - 1,
            _ => continue,
        };
        let mut bytes = whole.clone();
        bytes[index] = flipped;
        std::fs::write(&path, &bytes).expect("a file");
        let error = desk.place.load::<Months>().expect_err("damaged");
        assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Store, Some("start again")), "{error}");
    }
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).expect("a file");
        // The last line break is all that may be missing.
        assert!(desk.place.load::<Months>().is_err(), "{length} bytes");
    }
}

#[test]
fn records_of_other_versions_are_read_or_refused() {
    let desk = Desk::new(Ownership::Sole);
    std::fs::create_dir_all(&desk.place.control).expect("a directory");
    let path = desk.place.record_path();
    let load = |text: &str| {
        std::fs::write(&path, text).expect("a file");
        desk.place.load::<Months>()
    };
    let old = load("{\n  \"format\": 1,\n  \"months\": {}\n}").expect("format 1").expect("a record");
    assert_eq!((old.record, old.format), (Months::default(), 1));
    assert_eq!(load("{\"format\":1,\"months\":{}}\n").expect("format 1").expect("a record").format, 1);
    let newer = load("{\"format\":3,\"places\":[]}").expect_err("newer").to_string();
    assert!(newer.contains("newer version of putback (format 3, this is 2)"), "{newer}");
    for none in ["{\"format\":2,\"months\":{}}", "", "[]", "{}", "{\"format\":1}"] {
        assert_eq!(load(none).expect_err("no record").kind(), ErrorKind::Store, "{none}");
    }
}
