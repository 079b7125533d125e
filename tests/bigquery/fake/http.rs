//! HTTP/1.1, one request for each connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::Core;

pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn error(status: u16, reason: &str, message: &str) -> Self {
        let each = json!([{ "message": message, "domain": "global", "reason": reason }]);
        let error = json!({ "error": { "code": status, "message": message, "errors": each } });
        Self { status, ..Self::json(&error) }
    }
}

pub fn serve(core: Arc<Mutex<Core>>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let own = address.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (core, own) = (Arc::clone(&core), own.clone());
            std::thread::spawn(move || {
                let _ = answer(client, &own, &core);
            });
        }
    });
    Ok(address)
}

fn answer(mut client: TcpStream, own: &str, core: &Mutex<Core>) -> std::io::Result<()> {
    let Some(request) = read(&mut client)? else { return Ok(()) };
    let reply = core.lock().expect("no thread panicked").answer(&request, own);
    write!(client, "HTTP/1.1 {} -\r\ncontent-type: application/json\r\nconnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(client, "{name}: {value}\r\n")?;
    }
    write!(client, "content-length: {}\r\n\r\n", reply.body.len())?;
    client.write_all(&reply.body)
}

/// `None`: the connection ended before the request did.
fn read(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = parsed.parse(&bytes).map_err(std::io::Error::other)?;
        if let httparse::Status::Complete(head) = head {
            let headers: BTreeMap<String, String> = parsed
                .headers
                .iter()
                .map(|header| (header.name.to_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
                .collect();
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= head + length {
                let target = parsed.path.unwrap_or_default();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                return Ok(Some(Request {
                    method: parsed.method.unwrap_or_default().to_owned(),
                    path: path.to_owned(),
                    query: pairs(query),
                    headers,
                    body: bytes[head..head + length].to_vec(),
                }));
            }
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}
