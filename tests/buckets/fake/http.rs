//! HTTP/1.1, one request for each connection.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

pub struct Request {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Reply {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn xml(body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into_bytes() }
    }

    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
        Self { status, ..Self::xml(body) }
    }
}

pub fn write(client: &mut TcpStream, reply: &Reply, is_head: bool) -> std::io::Result<()> {
    write!(client, "HTTP/1.1 {} -\r\ncontent-type: application/xml\r\nconnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(client, "{name}: {value}\r\n")?;
    }
    if reply.status != 204 {
        write!(client, "content-length: {}\r\n", reply.body.len())?;
    }
    write!(client, "\r\n")?;
    if is_head { Ok(()) } else { client.write_all(&reply.body) }
}

/// `None`: the connection ended before the request did.
pub fn read(client: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = parsed.parse(&bytes).map_err(std::io::Error::other)?;
        if let httparse::Status::Complete(head) = head {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers: BTreeMap<String, String> =
                parsed.headers.iter().map(|header| (header.name.to_lowercase(), text(header.value))).collect();
            let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= head + length {
                let target = parsed.path.unwrap_or_default();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let pairs = query
                    .split('&')
                    .filter(|pair| !pair.is_empty())
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                return Ok(Some(Request {
                    method: parsed.method.unwrap_or_default().to_owned(),
                    path: decoded(path),
                    query: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(),
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

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
