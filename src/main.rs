use putback::*;
struct P;
impl progress::Observer for P {
    fn on(&self, e: progress::Event) {
        if !matches!(e, progress::Event::DateFinished { .. }) {
            eprintln!("{e:?}");
        }
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let store = store::Store::at(&a[2]);
    let lock =
        store::WriteLock::acquire(&store, &store::Owner { pid: 1, host: "h".into(), command: "c".into() }).unwrap();
    let ranges: calendar::DateRanges =
        [calendar::DateRange::new(a[3].parse().unwrap(), a[4].parse().unwrap()).unwrap()].into_iter().collect();
    let t = std::time::Instant::now();
    if a[1].starts_with("dir:") {
        let src = warehouse::open(&a[1].parse().unwrap()).unwrap();
        let r = sync::sync(&*src, &lock, &ranges, &P);
        match r {
            Ok(r) => {
                for t in r.tables {
                    eprintln!(
                        "{} rows {} changed {} dup {} foreign {:?} notes {}",
                        t.table,
                        t.rows,
                        t.changed_dates.len(),
                        t.duplicate_keys,
                        t.foreign_teams,
                        t.notes.len()
                    );
                }
            }
            Err(e) => {
                eprintln!("{e} {:?}", e);
                std::process::exit(1)
            }
        }
        eprintln!("sync {:?}", t.elapsed());
    }
    let t = std::time::Instant::now();
    let req = compute::ComputeRequest {
        ranges,
        daily_cache: if a.get(5).is_some() { compute::DailyCache::Synced } else { compute::DailyCache::None },
        force: false,
        engine: engine::EngineSettings { threads: 2, memory_limit: None, temp_dir: "/tmp/pbtmp".into() },
        context: processors::RunContext { timestamp: chrono::Utc::now() },
    };
    match compute::compute(&lock, &req, &P) {
        Ok(r) => eprintln!("{:?} {:?}", r.processors, t.elapsed()),
        Err(e) => eprintln!("{e} {e:?}"),
    }
}
