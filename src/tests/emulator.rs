//! An emulator of AWS: a Python package of one version, with our overlay, as a server on loopback.
//!
//! The first use makes a virtual environment in the user's cache folder (a minute, once, from the Python
//! package index); a server then starts in about three seconds, and needs no network. It ends when its
//! standard input closes, so it ends with the process that started it, however that ends.
//!
//! This file uses nothing of the crate, so that an integration test can include it by its path.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What is installed, and what is started.
pub struct Recipe {
    /// A short name, for files.
    pub name: &'static str,
    /// What pip installs, with its version.
    pub requirement: &'static str,
    /// A program that prints its port as its first line and ends with its standard input.
    pub overlay: &'static str,
}

/// A running server.
pub struct Emulator {
    port: u16,
    server: Child,
}

/// An answer: status and body.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

impl Emulator {
    /// Starts a server with these variables, and waits until it has said where it listens.
    ///
    /// # Panics
    /// When Python is missing, the package can't be installed or the server does not start.
    pub fn start(recipe: &Recipe, environment: &[(&str, &str)]) -> Self {
        let home = installed(recipe);
        let name = recipe.name;
        let overlay = own_file(name, "py");
        fs::write(&overlay, recipe.overlay).expect("the overlay can be written");
        let log_path = own_file(name, "log");
        let log = File::create(&log_path).expect("the server's log can be written");
        let mut server = Command::new(home.join("bin/python"))
            .arg(&overlay)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server can be started");
        let mut first = String::new();
        let out = server.stdout.take().expect("standard output is a pipe");
        BufReader::new(out).read_line(&mut first).expect("the server's output can be read");
        let Ok(port) = first.trim().parse() else {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            panic!("the {name} server did not start; its log {}:\n{log}", log_path.display());
        };
        // The interpreter has read it; the log stays for whoever looks into a failed test.
        let _ = fs::remove_file(&overlay);
        Self { port, server }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A request, past credentials and SDKs.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.port,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.port)).expect("the emulator listens");
        stream.write_all(request.as_bytes()).expect("the emulator takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the emulator answers in text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.expect("the answer has a status"), body: body.to_owned() }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The virtual environment with the package, made once for all tests of all checkouts.
fn installed(recipe: &Recipe) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .expect("XDG_CACHE_HOME or HOME is set")
        .join("tourniquet");
    fs::create_dir_all(&cache).expect("the cache folder can be made");
    let Recipe { name, requirement, .. } = recipe;
    let version = requirement.rsplit("==").next().expect("a requirement names its version");
    let home = cache.join(format!("{name}-{version}"));
    let lock = File::create(cache.join(format!("{name}-{version}.lock"))).expect("a lock file");
    // Test binaries run side by side; the first one installs, the others wait for it.
    lock.lock().expect("the lock can be taken");
    let complete = home.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&home);
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&home),
            "these tests need python3 with venv (Debian: apt install python3-venv)",
        );
        run(
            Command::new(home.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg(requirement),
            &format!("{requirement} can't be installed from the Python package index"),
        );
        File::create(&complete).expect("the cache folder can be written");
    }
    home
}

/// A file of this server's own in the temporary folder.
fn own_file(name: &str, extension: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("tourniquet-{name}-{}-{count}.{extension}", std::process::id());
    std::env::temp_dir().join(name)
}

fn run(command: &mut Command, wrong: &str) {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{wrong}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{wrong}: {error}"),
    }
}

/// Text as the value of a form's field.
pub fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}
