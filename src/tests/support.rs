//! A folder, a configuration, a server on a free port, and a client.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_tourniquet");

/// How long a server or a run may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The wait between two looks at another process: real processes know no injected clock.
const PAUSE: Duration = Duration::from_millis(15);

/// A deployment in a folder of its own.
pub struct Deployment {
    pub folder: tempfile::TempDir,
    /// Variables for every process of it.
    pub environment: Vec<(String, String)>,
    pub token: String,
}

/// A running server, killed with SIGKILL when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub address: SocketAddr,
    log: PathBuf,
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

impl Deployment {
    /// A deployment with this configuration and an admin's token.
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tourniquet.toml"), config).unwrap();
        let mut deployment = Self {
            folder,
            environment: vec![],
            token: String::new(),
        };
        deployment.token = deployment.make_token("admin");
        deployment
    }

    /// Another one with the same files, which no process may use meanwhile.
    pub fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        Self {
            folder,
            environment: self.environment.clone(),
            token: self.token.clone(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// A new token with this role.
    pub fn make_token(&self, role: &str) -> String {
        let name = format!("the-{role}");
        let made = self.run(&["token", "create", "--name", &name, "--role", role, "--json"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    fn prepare(&self, mut command: Command) -> Command {
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("TOURNIQUET_TOKEN", &self.token)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The binary, to be run in the folder.
    pub fn command(&self) -> Command {
        self.prepare(Command::new(BINARY))
    }

    /// The binary, as `$0` of a shell's script, to be run in the folder.
    pub fn through_shell(&self, script: &str) -> Command {
        let mut command = self.prepare(Command::new("sh"));
        command.args(["-c", script, BINARY]);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a client command against a server to its end.
    pub fn client(&self, server: &Server, arguments: &[&str]) -> Output {
        self.command()
            .env("TOURNIQUET_URL", &server.url)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Starts `serve` on a free port, with `failpoints` as the `fail` crate reads them, and waits
    /// until it is ready or dead.
    pub fn serve(&self, failpoints: &str) -> Server {
        let mut command = self.command();
        command.arg("serve").env("FAILPOINTS", failpoints);
        self.start(command)
    }

    /// As [`Deployment::serve`], where no file may grow beyond so many blocks of 512 bytes.
    pub fn serve_with_files_up_to(&self, blocks: u64) -> Server {
        // The signal stays ignored across exec, so that the write itself fails, as on a full disk.
        // The log goes through a pipe: only files are limited.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = self.through_shell(&script);
        command.arg("serve");
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Server {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        let log = self.path().join(format!("serve-{}.log", address.port()));
        command.env("TOURNIQUET_LISTEN", address.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        drop(free);
        let mut child = command.spawn().unwrap();
        let (mut words, mut file) = (child.stderr.take().unwrap(), File::create(&log).unwrap());
        std::thread::spawn(move || std::io::copy(&mut words, &mut file));
        let mut server = Server {
            child,
            url: format!("http://{address}"),
            address,
            log,
        };
        let started = Instant::now();
        while server
            .get("/readyz", "")
            .is_none_or(|reply| reply.status != 200)
        {
            if server.is_dead() {
                return server;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the server is not ready:\n{}",
                server.log()
            );
            pause();
        }
        server
    }
}

impl Server {
    /// What the server wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A GET; `None`: no answer.
    pub fn get(&self, path: &str, token: &str) -> Option<Reply> {
        self.send(
            "GET",
            path,
            &[("authorization", &format!("Bearer {token}"))],
            b"",
        )
    }

    /// A POST; `None`: no answer.
    pub fn post(&self, path: &str, token: &str, body: &[u8]) -> Option<Reply> {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
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
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        // A server that refuses a body need not read all of it; then its answer still counts.
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body));
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
            assert!(
                started.elapsed() < PATIENCE,
                "the server did not end:\n{}",
                self.log()
            );
            pause();
        }
    }

    /// Sends the process a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
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
                    matches!(
                        run["state"].as_str(),
                        Some("succeeded" | "failed" | "halted")
                    )
                };
                if !runs.is_empty() && runs.iter().all(over) {
                    return Some(reply.body);
                }
            }
            assert!(
                started.elapsed() < PATIENCE,
                "the runs did not end:\n{}",
                self.log()
            );
            pause();
        }
    }

    /// Every entry of a case's timeline, in order.
    pub fn timeline(&self, token: &str, case: &str) -> Vec<Value> {
        let reply = self
            .get(&format!("/v1/cases/{case}/timeline?limit=500"), token)
            .unwrap();
        assert!(
            reply.status == 200 && reply.body["next"].is_null(),
            "{reply:?}"
        );
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
    Some(Reply {
        status,
        headers,
        body,
    })
}

/// Runs a command that should end by itself; it is killed when it does not.
pub fn ended(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > ANSWER_MAX {
            child.kill().unwrap();
        }
        pause();
    }
    child.wait_with_output().unwrap()
}

/// Bytes that a process wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A moment for another process.
pub fn pause() {
    std::thread::sleep(PAUSE);
}
