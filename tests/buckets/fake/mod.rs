//! A bucket in this process, with the interface of S3 or of Google Cloud Storage, strict, and broken on demand.

mod http;
mod objects;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use self::http::Request;
pub use self::objects::{Objects, hex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    Google,
    S3,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is done.
    LostRequest,
    /// The same, with an answer.
    RefusedRequest,
    /// It is done, and the answer says that it was not.
    DoneAndRefused,
    /// It is done, and the connection is closed.
    DoneAndLost,
    /// From here on nothing is reached any more.
    Down,
    /// The same, and this request was done.
    DoneAndDown,
    /// The process that asks is killed before anything is done.
    KilledBefore,
    /// It is killed after it was done.
    KilledAfter,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::LostRequest,
        Self::RefusedRequest,
        Self::DoneAndRefused,
        Self::DoneAndLost,
        Self::Down,
        Self::DoneAndDown,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    /// Whether one try more helps.
    pub fn passes(self) -> bool {
        matches!(self, Self::LostRequest | Self::RefusedRequest | Self::DoneAndRefused | Self::DoneAndLost)
    }

    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

type Hook = Box<dyn FnMut(usize, &Request) + Send>;

#[derive(Default)]
struct Meddling {
    /// `METHOD path` of every request.
    seen: Vec<String>,
    fault: Option<(usize, Fault)>,
    victim: Option<u32>,
}

pub struct Fake {
    pub interface: Interface,
    pub address: String,
    objects: Arc<Mutex<Objects>>,
    meddling: Arc<Mutex<Meddling>>,
    hook: Arc<Mutex<Option<Hook>>>,
    commits: Arc<Commits>,
}

/// Commits that wait for each other.
#[derive(Default)]
struct Commits {
    /// `None`: nobody waits.
    waiting: Mutex<Option<usize>>,
    came: Condvar,
}

impl Commits {
    /// Waits until a second commit has come, or for too long.
    fn wait_for_another(&self) {
        const PATIENCE: Duration = Duration::from_secs(60);
        let mut waiting = self.waiting.lock().expect("no thread panicked");
        if let Some(count) = waiting.as_mut() {
            *count += 1;
            self.came.notify_all();
            let is_alone = |waiting: &mut Option<usize>| waiting.is_some_and(|count| count < 2);
            drop(self.came.wait_timeout_while(waiting, PATIENCE, is_alone));
        }
    }
}

impl Fake {
    pub fn start(interface: Interface) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let fake = Self {
            interface,
            address,
            objects: Arc::new(Mutex::new(Objects::new(interface))),
            meddling: Arc::default(),
            hook: Arc::default(),
            commits: Arc::default(),
        };
        let shared = (Arc::clone(&fake.objects), Arc::clone(&fake.meddling), Arc::clone(&fake.hook));
        let commits = Arc::clone(&fake.commits);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (objects, meddling, hook) = (Arc::clone(&shared.0), Arc::clone(&shared.1), Arc::clone(&shared.2));
                let commits = Arc::clone(&commits);
                std::thread::spawn(move || {
                    let _ = answer(client, &objects, (&meddling, &commits), &hook);
                });
            }
        });
        Ok(fake)
    }

    /// As `--warehouse` or `--to` names it.
    pub fn url(&self, prefix: &str) -> String {
        let scheme = if self.interface == Interface::Google { "gs" } else { "s3" };
        format!("{scheme}://bucket/{prefix}")
    }

    pub fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// For a hook, which outlives a borrow.
    pub fn share(&self) -> Arc<Mutex<Objects>> {
        Arc::clone(&self.objects)
    }

    /// Meddles with the `index`-th request from now on; forgets what it saw before.
    pub fn meddle(&self, fault: Option<(usize, Fault)>) {
        *self.meddling() = Meddling { fault, ..Meddling::default() };
    }

    /// Requests since [`Fake::meddle`].
    pub fn seen(&self) -> Vec<String> {
        self.meddling().seen.clone()
    }

    /// The process that a fault kills.
    pub fn name_victim(&self, pid: u32) {
        self.meddling().victim = Some(pid);
    }

    /// Called with the number of every request, before it is done; not for requests that it makes itself.
    pub fn on_request(&self, hook: impl FnMut(usize, &Request) + Send + 'static) {
        *self.hook.lock().expect("no thread panicked") = Some(Box::new(hook));
    }

    /// From now on, the first commit waits until another one has come.
    pub fn overlap_commits(&self, overlaps: bool) {
        *self.commits.waiting.lock().expect("no thread panicked") = overlaps.then_some(0);
    }

    /// Removes every object.
    pub fn clear(&self) {
        self.objects().buckets.values_mut().for_each(std::collections::BTreeMap::clear);
    }

    pub fn forget_hook(&self) {
        *self.hook.lock().expect("no thread panicked") = None;
    }

    fn meddling(&self) -> MutexGuard<'_, Meddling> {
        self.meddling.lock().expect("no thread panicked")
    }
}

fn answer(
    mut client: TcpStream,
    objects: &Mutex<Objects>,
    (meddling, commits): (&Mutex<Meddling>, &Commits),
    hook: &Mutex<Option<Hook>>,
) -> std::io::Result<()> {
    let Some(request) = http::read(&mut client)? else { return Ok(()) };
    if request.method == "PUT" && request.path.ends_with("/_putback/published.json") {
        commits.wait_for_another();
    }
    let (index, fault) = {
        let mut meddling = meddling.lock().expect("no thread panicked");
        meddling.seen.push(format!("{} {}", request.method, request.path));
        let index = meddling.seen.len() - 1;
        let fault = meddling.fault.and_then(|(at, fault)| match fault {
            Fault::Down | Fault::DoneAndDown if index > at => Some(Fault::Down),
            _ if index == at => Some(fault),
            _ => None,
        });
        (index, fault)
    };
    // Requests of what the hook runs do not wait for it.
    if let Ok(mut hook) = hook.try_lock()
        && let Some(hook) = hook.as_mut()
    {
        hook(index, &request);
    }
    if fault == Some(Fault::KilledBefore) {
        kill(meddling);
    }
    if matches!(fault, Some(Fault::LostRequest | Fault::Down | Fault::KilledBefore)) {
        return client.shutdown(Shutdown::Both);
    }
    let unavailable = || http::Reply::error(503, "ServiceUnavailable", "Reduce your request rate.");
    let is_head = request.method == "HEAD";
    if fault == Some(Fault::RefusedRequest) {
        return http::write(&mut client, &unavailable(), is_head);
    }
    let reply = objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner).answer(&request);
    match fault {
        Some(Fault::DoneAndRefused) => http::write(&mut client, &unavailable(), is_head),
        Some(Fault::DoneAndLost | Fault::DoneAndDown) => client.shutdown(Shutdown::Both),
        Some(Fault::KilledAfter) => {
            kill(meddling);
            client.shutdown(Shutdown::Both)
        }
        _ => http::write(&mut client, &reply, is_head),
    }
}

/// Kills the victim, whose number is told a moment after it has started.
fn kill(meddling: &Mutex<Meddling>) {
    let patience = Instant::now() + Duration::from_secs(10);
    while Instant::now() < patience {
        let victim = meddling.lock().expect("no thread panicked").victim;
        if let Some(pid) = victim {
            let _ = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status();
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
