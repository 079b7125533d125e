//! A second opinion: moto, an S3 made by others.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use super::desk::{Desk, ensure};
use super::fake::{Fake, Interface};
use super::sync::content;

/// A server of moto, ended when dropped.
struct Moto {
    child: Child,
    address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Test = fn(&Moto) -> Result<(), Failed>;

const TESTS: [(&str, Test); 3] = [
    ("moto_is_synced_from_as_a_directory", synced_from),
    ("moto_is_published_into_and_undone", published_into),
    ("moto_lets_one_of_two_publishers_win", two_publishers),
];

pub fn trials(is_list: bool) -> Vec<Trial> {
    let tools = if is_list { None } else { tools() };
    let trial = |(name, test): (&'static str, Test)| {
        let tools = tools.clone();
        let is_possible = tools.is_some();
        let run = move || test(&Moto::start(tools.as_deref().ok_or("moto is not installed")?)?);
        Trial::test(name, run).with_kind("moto").with_ignored_flag(!is_possible && !is_list)
    };
    TESTS.into_iter().map(trial).collect()
}

/// Where `scripts/extra` has installed moto.
fn tools() -> Option<Arc<str>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/extra");
    let found = Command::new(script).args(["path", "buckets"]).output().ok()?;
    if !found.status.success() {
        eprintln!("not run: tests against moto; `make setup-extra` installs it");
        return None;
    }
    Some(String::from_utf8(found.stdout).ok()?.trim().into())
}

impl Moto {
    fn start(tools: &str) -> Result<Self, Failed> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(format!("{tools}/venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let moto = Self { child, address: format!("http://127.0.0.1:{port}") };
        let patience = Instant::now() + Duration::from_secs(60);
        while moto.request("PUT /bucket").is_none_or(|status| status != 200) {
            ensure(Instant::now() < patience, "moto does not answer")?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(moto)
    }

    /// The status of the answer to a request without a body.
    fn request(&self, line: &str) -> Option<u16> {
        let host = self.address.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).ok()?;
        let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    fn desk(&self, make: impl FnOnce(&Fake) -> Result<Desk, Failed>) -> Result<Desk, Failed> {
        let mut desk = make(&Fake::start(Interface::S3)?)?;
        for (name, value) in &mut desk.variables {
            if name == "AWS_ENDPOINT_URL" {
                value.clone_from(&self.address);
            }
        }
        Ok(desk)
    }
}

const TO: [&str; 2] = ["--to", "s3://bucket/nba"];

fn published_into(moto: &Moto) -> Result<(), Failed> {
    let (desk, other) = (moto.desk(Desk::computed)?, moto.desk(Desk::computed_otherwise)?);
    let with = ["diff", "--with", "s3://bucket/nba"];
    desk.done(&[&["upload"], &TO[..]].concat())?;
    desk.done(&with)?;
    ensure(other.run(&with)?.code != Some(0), "the versions do not differ")?;
    other.done(&[&["upload"], &TO[..]].concat())?;
    other.done(&with)?;
    let undone = other.run_quietly(&[&["undo"], &TO[..]].concat())?;
    ensure(undone.code == Some(0), &undone.stderr)?;
    desk.done(&with)?;
    let again = desk.done(&[&["upload"], &TO[..]].concat())?;
    ensure(!again.stdout.is_empty(), "no result").map(|()| eprintln!("moto: upload, diff, undo: 7 commands"))
}

fn two_publishers(moto: &Moto) -> Result<(), Failed> {
    const ROUNDS: usize = 8;
    let desks = [moto.desk(Desk::computed)?, moto.desk(Desk::computed_otherwise)?];
    let mut losers = 0;
    for round in 0..ROUNDS {
        let url = format!("s3://bucket/round-{round}");
        let upload = ["upload", "--to", &url];
        let outcomes = std::thread::scope(|scope| {
            let runs = desks.each_ref().map(|desk| scope.spawn(|| desk.run(&upload)));
            runs.map(|run| run.join().expect("no thread panicked"))
        });
        let [one, other] = outcomes;
        let codes = [one?.code, other?.code];
        let is_expected = codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 6)));
        ensure(is_expected, format!("round {round}: {codes:?}"))?;
        losers += codes.iter().filter(|code| **code == Some(6)).count();
        for desk in &desks {
            desk.done(&upload)?;
            desk.done(&["diff", "--with", &url])?;
        }
    }
    eprintln!("moto: two publishers: {ROUNDS} rounds, {losers} losers; 0 lost, 0 mixed");
    Ok(())
}

/// The warehouse of a desk, put into the bucket with the client of the tests' fake.
fn synced_from(moto: &Moto) -> Result<(), Failed> {
    let desk = moto.desk(Desk::new)?;
    for (name, bytes) in desk.tree("warehouse")? {
        let host = moto.address.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host)?;
        let head = format!(
            "PUT /bucket/phase3/{name} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            bytes.len()
        );
        std::io::Write::write_all(&mut stream, &[head.as_bytes(), &bytes].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure(answer.contains(" 200 "), &answer)?;
    }
    desk.done(&["sync", "--warehouse", "s3://bucket/phase3"])?;
    desk.done(&["sync", "--warehouse", "dir:warehouse", "--store", "of-directory"])?;
    ensure(content(&desk, "of-directory")? == content(&desk, "putback-store")?, "the stores differ")
}
