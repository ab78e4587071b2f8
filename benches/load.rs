//! Load on the real binary: how fast findings are durably acknowledged, beside the floor that the
//! disk sets in the same minute; what a run costs beyond its AWS calls; memory; time to ready.
//!
//! `cargo bench --no-default-features --bench load` — bounded in count and time, loopback only.

#![expect(
    clippy::disallowed_methods,
    clippy::large_futures,
    reason = "a load program measures real time"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// Requests in one measurement.
const REQUESTS: usize = 4_000;
/// Connections beside each other.
const CONNECTIONS: [usize; 3] = [1, 16, 256];
/// Runs that wait beside each other.
const WAITING: usize = 1_000;
/// Cases whose run is timed.
const RUNS: usize = 200;
/// The time between a run's request and the look for its end, which must not disturb it.
const BETWEEN: Duration = Duration::from_millis(25);
/// Findings a second that are offered to an unhurried server: 8.6 million a day.
const OFFERED: u32 = 100;

const CONFIG: &str = r#"
[cloud]
kind = "sandbox"
scenario = "scenario.toml"
[log]
filter = "error"
"#;

fn main() {
    // `cargo test --benches` passes `--test`: then there is nothing to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{:<34} {:>12} {:>10} {:>10}", "measurement", "per second", "p50 ms", "p99 ms");
        for connections in CONNECTIONS {
            let requests = if connections == 1 { REQUESTS / 4 } else { REQUESTS };
            let floor = floor(connections, requests).await;
            print(&format!("bare append + fsync, {connections}"), &floor);
            let server = Server::start();
            let acks = acknowledge(&server, connections, requests, finding).await;
            print(&format!("finding acknowledged, {connections}"), &acks);
            println!("{:<34} {:>12.2}", "  share of the floor", acks.rate() / floor.rate());
            let acks = acknowledge(&Server::start(), connections, requests, version).await;
            print(&format!("new version acknowledged, {connections}"), &acks);
            println!("{:<34} {:>12.2}", "  share of the floor", acks.rate() / floor.rate());
            println!("{:<34} {:>9} KiB", "  memory at the peak", server.memory("VmHWM"));
        }
        let server = Server::start();
        print(&format!("finding acknowledged, {OFFERED}/s offered"), &offered(&server).await);
        drop(server);
        let server = Server::start();
        println!("{:<34} {:>10.1} ms", "start to ready", server.ready.as_secs_f64() * 1e3);
        println!("{:<34} {:>9} KiB", "memory idle", server.memory("VmRSS"));
        runs(&server).await;
        let server = Server::start();
        waiting(&server).await;
    });
}

struct Measured {
    latencies: Vec<Duration>,
    took: Duration,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

fn print(name: &str, measured: &Measured) {
    println!(
        "{name:<34} {:>12.0} {:>10.2} {:>10.2}",
        measured.rate(),
        measured.quantile(0.5),
        measured.quantile(0.99)
    );
}

/// What the disk allows: appends of one finding's size, all that wait sharing one fdatasync.
async fn floor(connections: usize, requests: usize) -> Measured {
    let folder = tempfile::tempdir_in(here()).expect("a folder");
    let mut file = std::fs::File::create(folder.path().join("floor")).expect("a file");
    let (send, mut receive) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1024);
    let writer = std::thread::spawn(move || {
        while let Some(first) = receive.blocking_recv() {
            let mut waiting = vec![first];
            while let Ok(next) = receive.try_recv() {
                waiting.push(next);
            }
            for (bytes, _) in &waiting {
                file.write_all(bytes).expect("an append");
            }
            file.sync_data().expect("an fsync");
            for (_, done) in waiting {
                let _ = done.send(());
            }
        }
    });
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|n| {
            let send = send.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for _ in 0..share(requests, connections, n) {
                    let (done, wait) = oneshot::channel();
                    let at = Instant::now();
                    send.send((vec![b'x'; 2_000], done)).await.expect("the writer lives");
                    wait.await.expect("the writer answers");
                    latencies.push(at.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("no panic"));
    }
    let took = started.elapsed();
    drop(send);
    writer.join().expect("no panic");
    Measured { latencies, took }
}

async fn acknowledge(
    server: &Server,
    connections: usize,
    requests: usize,
    body: fn(usize, usize) -> Value,
) -> Measured {
    let token = Arc::new(server.token.clone());
    // Made before: client and server share the cores.
    let bodies = |n| (0..share(requests, connections, n)).map(move |m| body(n, m).to_string());
    let bodies: Vec<Vec<String>> = (0..connections).map(|n| bodies(n).collect()).collect();
    let started = Instant::now();
    let tasks: Vec<_> = bodies
        .into_iter()
        .map(|bodies| {
            let (token, port) = (Arc::clone(&token), server.port);
            tokio::spawn(async move {
                let mut client = Client::connect(port).await;
                let mut latencies = Vec::new();
                for body in bodies {
                    let at = Instant::now();
                    let (status, answer) = client.send("POST", "/v1/findings", &token, &body).await;
                    assert_eq!(status, 202, "{answer}");
                    latencies.push(at.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("no panic"));
    }
    Measured { latencies, took: started.elapsed() }
}

/// Acknowledgement at a rate that the server can hold, over 256 connections: each waits for its turn,
/// not for the others.
async fn offered(server: &Server) -> Measured {
    let token = Arc::new(server.token.clone());
    let connections = CONNECTIONS[2];
    let started = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..connections {
        let (token, port) = (Arc::clone(&token), server.port);
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(port).await;
            let mut latencies = Vec::new();
            for m in 0..4 {
                let turn = u32::try_from(m * connections + n).unwrap_or(u32::MAX);
                let due =
                    started + Duration::from_secs(1) + Duration::from_secs(turn.into()) / OFFERED;
                let body = finding(n, m).to_string();
                tokio::time::sleep_until(due.into()).await;
                let at = Instant::now();
                let (status, answer) = client.send("POST", "/v1/findings", &token, &body).await;
                assert_eq!(status, 202, "{answer}");
                latencies.push(at.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("no panic"));
    }
    Measured { latencies, took: started.elapsed() }
}

/// A run's own cost, in a sandbox whose calls take no time: from `run.requested` to the end of the last
/// step of its script, as its timeline tells it. What comes after that waits for IAM to spread.
async fn runs(server: &Server) {
    let mut client = Client::connect(server.port).await;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for n in 0..RUNS {
        let body = json!({
            "runbook": "stolen-role-credentials", "mode": "contain", "account": "111122223333",
            "region": "eu-west-1", "params": {"role": "bench"}, "reason": format!("measurement {n}"),
        });
        let (status, run) = client.send("POST", "/v1/runs", &server.token, &body.to_string()).await;
        assert_eq!(status, 202, "{run}");
        let path = format!("/v1/cases/{}/timeline", run["case"].as_str().unwrap_or_default());
        let took = loop {
            tokio::time::sleep(BETWEEN).await;
            let (_, timeline) = client.send("GET", &path, &server.token, "").await;
            let at = |kind: &str, step: Option<&str>| -> Option<jiff::Timestamp> {
                let mut entries = timeline["entries"].as_array()?.iter().map(|one| &one["entry"]);
                let entry = entries.find(|entry| {
                    entry["kind"] == kind && entry["body"]["step"].as_str() == step
                })?;
                entry["at"].as_str()?.parse().ok()
            };
            let last = Some("2");
            if let (Some(from), Some(to)) = (at("run.requested", None), at("step.finished", last)) {
                break to.duration_since(from);
            }
        };
        latencies.push(took.unsigned_abs());
    }
    print("one run, beside nothing", &Measured { latencies, took: started.elapsed() });
}

/// Memory with runs that wait for a person.
async fn waiting(server: &Server) {
    let mut client = Client::connect(server.port).await;
    let before = server.memory("VmRSS");
    for n in 0..WAITING {
        let body = json!({
            "runbook": "stolen-role-credentials", "mode": "approve", "account": "111122223333",
            "region": "eu-west-1", "params": {"role": format!("bench-{n}")},
        });
        let (status, run) = client.send("POST", "/v1/runs", &server.token, &body.to_string()).await;
        assert_eq!(status, 202, "{run}");
    }
    let started = Instant::now();
    loop {
        let (_, pending) = client.send("GET", "/v1/approvals", &server.token, "").await;
        let found = pending["items"].as_array().or(pending.as_array()).map_or(0, Vec::len);
        if found >= WAITING || started.elapsed() > Duration::from_secs(120) {
            println!("{:<34} {:>12}", "runs that wait for a person", found);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{:<34} {:>9} KiB (idle {before})", "memory with them", server.memory("VmRSS"));
}

fn share(requests: usize, connections: usize, n: usize) -> usize {
    requests / connections + usize::from(n < requests % connections)
}

fn finding(n: usize, m: usize) -> Value {
    json!({
        "version": "0", "id": format!("{n:08x}-{m:04x}"), "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty", "account": "111122223333", "time": "2026-01-03T10:00:00Z",
        "region": "eu-west-1", "resources": [],
        "detail": {
            "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-west-1", "partition": "aws",
            "id": format!("{n:016x}{m:016x}"),
            "arn": format!("arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/{n:016x}{m:016x}"),
            "type": "Recon:EC2/PortProbeUnprotectedPort", "severity": 2,
            "createdAt": "2026-01-03T09:58:00.000Z", "updatedAt": "2026-01-03T09:59:00.000Z",
            "title": "An unprotected port on an instance is being probed.", "description": "x".repeat(600),
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": format!("i-0{n:08x}{m:08x}")}},
            "service": {"serviceName": "guardduty", "resourceRole": "TARGET", "count": 1, "archived": false,
                "action": {"actionType": "PORT_PROBE"}},
        },
    })
}

/// The `m`-th version of finding `n`: it updates the case and starts nothing, so that the
/// acknowledgement is measured without the run that a new finding starts.
fn version(n: usize, m: usize) -> Value {
    let mut event = finding(n, 0);
    let seconds = format!("2026-01-03T{:02}:{:02}:{:02}.000Z", 10 + m / 3600, m / 60 % 60, m % 60);
    event["detail"]["updatedAt"] = json!(seconds);
    event["detail"]["service"]["count"] = json!(m + 1);
    event
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Server {
    child: Child,
    port: u16,
    token: String,
    ready: Duration,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        // The same disk as the floor's file.
        let folder = tempfile::tempdir_in(here().join("target")).expect("a folder");
        let mut scenario =
            String::from("[[account]]\nid = \"111122223333\"\nregion = \"eu-west-1\"\n");
        let mut config = String::from(CONFIG);
        config.push_str("[accounts.111122223333]\n");
        scenario.push_str("[[account.role]]\nname = \"bench\"\n");
        for n in 0..WAITING {
            scenario.push_str(&format!("[[account.role]]\nname = \"bench-{n}\"\n"));
        }
        std::fs::write(folder.path().join("scenario.toml"), scenario).expect("a scenario");
        std::fs::write(folder.path().join("tourniquet.toml"), config).expect("a configuration");
        let binary = env!("CARGO_BIN_EXE_tourniquet");
        let made = Command::new(binary)
            .current_dir(folder.path())
            .args(["token", "create", "--name", "load", "--role", "admin", "--json"])
            .output()
            .expect("a token");
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let token = made["token"].as_str().expect("a token").to_owned();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port")
            .port();
        let started = Instant::now();
        let child = Command::new(binary)
            .current_dir(folder.path())
            .arg("serve")
            .env("TOURNIQUET_LISTEN", format!("127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("a server");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the server did not start");
            std::thread::yield_now();
        }
        Self { child, port, token, ready: started.elapsed(), folder }
    }

    /// KiB, from the kernel.
    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.folder.path();
    }
}

/// A client that costs little: the server and it share two cores.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new() }
    }

    async fn send(&mut self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(format!("{head}{body}").as_bytes()).await.expect("a request");
        self.buffer.clear();
        let mut chunk = [0_u8; 16 * 1024];
        loop {
            if let Some((head, length)) = complete(&self.buffer)
                && self.buffer.len() >= head + length
            {
                let status = std::str::from_utf8(&self.buffer[9..12])
                    .ok()
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(0);
                return (
                    status,
                    serde_json::from_slice(&self.buffer[head..head + length])
                        .unwrap_or(Value::Null),
                );
            }
            let read = self.stream.read(&mut chunk).await.expect("an answer");
            assert!(read > 0, "the server closed the connection");
            self.buffer.extend_from_slice(&chunk[..read]);
        }
    }
}

fn complete(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    Some((end, length))
}
