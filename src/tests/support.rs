//! A folder, a configuration, and commands of the binary in it; `serve` among them.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use super::server::{Reply, Server};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_tourniquet");

/// How long a server or a run may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long one answer may take.
pub const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The wait between two looks at another process: real processes know no injected clock.
const PAUSE: Duration = Duration::from_millis(15);

/// A deployment in a folder of its own.
pub struct Deployment {
    pub folder: tempfile::TempDir,
    /// Variables for every process of it.
    pub environment: Vec<(String, String)>,
    pub token: String,
}

impl Deployment {
    /// A deployment with this configuration and an admin's token.
    pub fn new(config: &str) -> Self {
        let mut deployment = Self::bare(config);
        deployment.token = deployment.make_token("admin");
        deployment
    }

    /// A folder with this configuration, and no database yet.
    pub fn bare(config: &str) -> Self {
        let deployment = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: vec![],
            token: String::new(),
        };
        deployment.write("tourniquet.toml", config);
        deployment
    }

    /// Another one with the same files, which no process may use meanwhile.
    pub fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        Self { folder, environment: self.environment.clone(), token: self.token.clone() }
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
        self.command().env("TOURNIQUET_URL", &server.url).args(arguments).output().unwrap()
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
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        drop(free);
        let mut child = command.spawn().unwrap();
        let (mut words, mut file) = (child.stderr.take().unwrap(), File::create(&log).unwrap());
        std::thread::spawn(move || std::io::copy(&mut words, &mut file));
        let mut server = Server { child, url: format!("http://{address}"), address, log };
        let started = Instant::now();
        while server.get("/readyz", "").is_none_or(|reply| reply.status != 200) {
            if server.is_dead() {
                return server;
            }
            assert!(started.elapsed() < PATIENCE, "the server is not ready:\n{}", server.log());
            pause();
        }
        server
    }
}

/// Runs a command that should end by itself; it is killed when it does not.
pub fn ended(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
