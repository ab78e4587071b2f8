//! A folder, a configuration, a server on a free port, and a client.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_tourniquet");

/// How long a server or a run may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A deployment in a folder of its own.
pub struct Deployment {
    pub folder: tempfile::TempDir,
    pub environment: Vec<(String, String)>,
    pub token: String,
}

/// A running server, killed with SIGKILL when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    log: PathBuf,
}

impl Deployment {
    /// A deployment with this configuration.
    pub fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tourniquet.toml"), config).unwrap();
        let mut deployment = Self { folder, environment: vec![], token: String::new() };
        let made = deployment.run(&["token", "create", "--name", "tester", "--role", "admin", "--json"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        deployment.token = made["token"].as_str().unwrap().to_owned();
        deployment
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("TOURNIQUET_TOKEN", &self.token)
            .envs(self.environment.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a client command against a server and parses its `--json`.
    pub fn client(&self, server: &Server, arguments: &[&str]) -> (bool, Value) {
        let output = self.command().env("TOURNIQUET_URL", &server.url).args(arguments).arg("--json").output().unwrap();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments:?}: {error}\n{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        });
        (output.status.success(), value)
    }

    /// Starts `serve` on a free port; `failpoints` as the `fail` crate reads them.
    pub fn serve(&self, failpoints: &str) -> Server {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = self.path().join(format!("serve-{port}.log"));
        let child = self
            .command()
            .arg("serve")
            .env("TOURNIQUET_LISTEN", format!("127.0.0.1:{port}"))
            .env("FAILPOINTS", failpoints)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut server = Server { child, url: format!("http://127.0.0.1:{port}"), log };
        let started = Instant::now();
        while server.get("/readyz", "").is_none_or(|(status, _)| status != 200) {
            if server.child.try_wait().unwrap().is_some() {
                return server;
            }
            assert!(started.elapsed() < PATIENCE, "the server did not become ready:\n{}", server.log());
            pause();
        }
        server
    }
}

impl Server {
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A GET; `None`: no answer.
    pub fn get(&self, path: &str, token: &str) -> Option<(u16, Value)> {
        self.request("GET", path, token, None)
    }

    /// A POST; `None`: no answer.
    pub fn post(&self, path: &str, token: &str, body: &[u8]) -> Option<(u16, Value)> {
        self.request("POST", path, token, Some(body))
    }

    fn request(&self, method: &str, path: &str, token: &str, body: Option<&[u8]>) -> Option<(u16, Value)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_vec());
            }
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            let bytes = answer.bytes().await.ok()?;
            Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
        })
    }

    /// Waits until the server's process has ended.
    pub fn wait_for_end(&mut self) {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "the server did not end:\n{}", self.log());
            pause();
        }
    }

    /// Waits until every run of the case is over, or the process has ended. Returns the case.
    pub fn wait_for_runs(&mut self, token: &str, case: &str) -> Option<Value> {
        let started = Instant::now();
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return None;
            }
            if let Some((200, found)) = self.get(&format!("/v1/cases/{case}"), token) {
                let runs = found["runs"].as_array().cloned().unwrap_or_default();
                let over = |run: &Value| matches!(run["state"].as_str(), Some("succeeded" | "failed" | "halted"));
                if !runs.is_empty() && runs.iter().all(over) {
                    return Some(found);
                }
            }
            assert!(started.elapsed() < PATIENCE, "the runs did not end:\n{}", self.log());
            pause();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A moment for another process: real processes know no injected clock.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
