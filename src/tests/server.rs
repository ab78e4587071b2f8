//! A running server, and what a client of it sees: a small HTTP/1.1 client that shows every header.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

use serde_json::Value;

use super::support::{ANSWER_MAX, PATIENCE, pause};

/// A running server, killed with SIGKILL when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub address: SocketAddr,
    pub log: PathBuf,
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Reply {
    /// The value of a header, in lower case its name; empty: it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// The number of the error that it tells.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Server {
    /// What the server wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A GET; `None`: no answer.
    pub fn get(&self, path: &str, token: &str) -> Option<Reply> {
        self.send("GET", path, &[("authorization", &format!("Bearer {token}"))], b"")
    }

    /// A POST; `None`: no answer.
    pub fn post(&self, path: &str, token: &str, body: &[u8]) -> Option<Reply> {
        let authorization = format!("Bearer {token}");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json")];
        self.send("POST", path, &headers, body)
    }

    /// A request with these headers; `None`: no answer, or half of one.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        // A server that refuses a body need not read all of it; then its answer still counts.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        parse(&bytes)
    }

    /// Whether the process has ended.
    pub fn is_dead(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the process has ended.
    pub fn wait_for_end(&mut self) -> std::process::ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "the server did not end:\n{}", self.log());
            pause();
        }
    }

    /// Sends the process a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits until every run of the case is over. `None`: the process has ended before.
    pub fn wait_for_runs(&mut self, token: &str, case: &str) -> Option<Value> {
        let started = Instant::now();
        loop {
            if self.is_dead() {
                return None;
            }
            if let Some(reply) = self.get(&format!("/v1/cases/{case}"), token)
                && reply.status == 200
            {
                let runs = reply.body["runs"].as_array().cloned().unwrap_or_default();
                let over = |run: &Value| {
                    matches!(run["state"].as_str(), Some("succeeded" | "failed" | "halted"))
                };
                if !runs.is_empty() && runs.iter().all(over) {
                    return Some(reply.body);
                }
            }
            assert!(started.elapsed() < PATIENCE, "the runs did not end:\n{}", self.log());
            pause();
        }
    }

    /// Every entry of a case's timeline, in order.
    pub fn timeline(&self, token: &str, case: &str) -> Vec<Value> {
        let reply = self.get(&format!("/v1/cases/{case}/timeline?limit=500"), token).unwrap();
        assert!(reply.status == 200 && reply.body["next"].is_null(), "{reply:?}");
        let entries = reply.body["entries"].as_array().unwrap();
        entries.iter().map(|raw| raw["entry"].clone()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let body = &bytes[end + 4..];
    if length.is_some_and(|(_, length)| length.parse() != Ok(body.len())) {
        return None;
    }
    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
    Some(Reply { status, headers, body })
}
