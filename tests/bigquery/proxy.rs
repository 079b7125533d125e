//! A proxy between putback and the emulator that loses, refuses and breaks what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut before the service sees the request.
    LostRequest,
    /// The service does it, and its answer is lost.
    LostAnswer,
    /// The request is cut in the middle.
    CutRequest,
    /// A page of the load balancer.
    BadGateway,
    RateLimit,
    TokenExpired,
    /// From here on nothing is reached any more.
    Down,
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::LostRequest,
        Self::LostAnswer,
        Self::CutRequest,
        Self::BadGateway,
        Self::RateLimit,
        Self::TokenExpired,
        Self::Down,
    ];
}

type Hook = Box<dyn FnMut(&str) + Send>;

/// Counts requests, and meddles with one of them.
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    seen: AtomicUsize,
    fault: Mutex<Option<(usize, Fault)>>,
    hook: Mutex<Option<Hook>>,
}

impl Proxy {
    /// Before the REST interface at `http://HOST:PORT`.
    pub fn before(rest: &str) -> std::io::Result<Self> {
        let upstream = rest.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, upstream) = (Arc::clone(&shared), upstream.clone());
                std::thread::spawn(move || {
                    let _ = pass(client, &upstream, &state);
                });
            }
        });
        Ok(Self { address, state })
    }

    /// Meddles with the `index`-th request from now on; forgets what it saw before.
    pub fn meddle(&self, fault: Option<(usize, Fault)>) {
        self.state.seen.store(0, Ordering::SeqCst);
        *self.state.fault.lock().expect("no thread panicked") = fault;
    }

    /// Requests seen since [`Proxy::meddle`].
    pub fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }

    /// Called with every request, before it is passed on.
    pub fn on_request(&self, hook: impl FnMut(&str) + Send + 'static) {
        *self.state.hook.lock().expect("no thread panicked") = Some(Box::new(hook));
    }
}

fn pass(mut client: TcpStream, upstream: &str, state: &State) -> std::io::Result<()> {
    let request = read_request(&mut client)?;
    if request.is_empty() {
        return Ok(());
    }
    let index = state.seen.fetch_add(1, Ordering::SeqCst);
    if let Some(hook) = state.hook.lock().expect("no thread panicked").as_mut() {
        hook(&String::from_utf8_lossy(&request));
    }
    let fault = state.fault.lock().expect("no thread panicked").and_then(|(at, fault)| match fault {
        Fault::Down if index >= at => Some(fault),
        _ if index == at => Some(fault),
        _ => None,
    });
    let refuse = |mut client: TcpStream, status: &str, body: &str| {
        write!(client, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let google = |reason: &str| format!(r#"{{"error":{{"message":"{reason}","errors":[{{"reason":"{reason}"}}]}}}}"#);
    match fault {
        None => {
            let answer = forward(&request, upstream)?;
            client.write_all(&answer)
        }
        Some(Fault::LostRequest | Fault::Down) => client.shutdown(Shutdown::Both),
        Some(Fault::LostAnswer) => {
            forward(&request, upstream)?;
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::CutRequest) => {
            let mut server = TcpStream::connect(upstream)?;
            server.write_all(&request[..request.len() / 2])?;
            server.shutdown(Shutdown::Both)?;
            client.shutdown(Shutdown::Both)
        }
        Some(Fault::BadGateway) => refuse(client, "502 Bad Gateway", "<html>Bad Gateway</html>"),
        Some(Fault::RateLimit) => refuse(client, "403 Forbidden", &google("rateLimitExceeded")),
        Some(Fault::TokenExpired) => refuse(client, "401 Unauthorized", &google("authError")),
    }
}

/// One request with its body, and a wish to close the connection after it.
fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match client.read(&mut buffer)? {
            0 => return Ok(Vec::new()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while bytes.len() < head + length {
        match client.read(&mut buffer)? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
    let mut request = text.trim_end_matches("\r\n\r\n").as_bytes().to_vec();
    request.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
    request.extend_from_slice(&bytes[head..]);
    Ok(request)
}

fn forward(request: &[u8], upstream: &str) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Before the Storage Read API: connections are cut after some bytes, fewer at every new one.
pub fn cutting_proxy(grpc: &str, first_bytes: usize, cuts: usize) -> std::io::Result<String> {
    let upstream = grpc.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            let budget = if number < cuts { first_bytes / (number + 1) } else { usize::MAX };
            let upstream = upstream.clone();
            std::thread::spawn(move || {
                let Ok(server) = TcpStream::connect(upstream) else { return };
                let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
                std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
                let _ = copy_some(server, client, budget);
            });
        }
    });
    Ok(address)
}

fn copy_some(mut from: TcpStream, mut to: TcpStream, budget: usize) -> std::io::Result<()> {
    let mut left = budget;
    let mut buffer = [0; 1 << 14];
    while left > 0 {
        let read = from.read(&mut buffer[..left.min(1 << 14)])?;
        if read == 0 {
            break;
        }
        to.write_all(&buffer[..read])?;
        left -= read;
    }
    let _ = from.shutdown(Shutdown::Both);
    to.shutdown(Shutdown::Both)
}
