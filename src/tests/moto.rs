//! A real moto server with our overlay: AWS over the wire, for tests.
//!
//! The first use makes a virtual environment in the user's cache folder (a minute, once); a server
//! then starts in about three seconds. One server serves a test binary; tests keep apart by accounts
//! and resources of their own. The server ends when its standard input closes, so it ends with the
//! process that started it, however that ends.
//!
//! This file uses nothing of the crate, so that an integration test can include it by its path.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The version that the overlay patches; another one may have other insides.
const MOTO: &str = "5.2.5";

const OVERLAY: &str = include_str!("moto_overlay.py");

/// A running server.
pub struct Moto {
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

impl Moto {
    /// The server of this test binary, started at the first call.
    ///
    /// # Panics
    /// When Python is missing, moto can't be installed or the server does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own, for tests that stop it.
    ///
    /// # Panics
    /// As [`Moto::shared`].
    pub fn start() -> Self {
        let home = environment();
        let overlay = own_file("py");
        fs::write(&overlay, OVERLAY).expect("the overlay can be written");
        let log_path = own_file("log");
        let log = File::create(&log_path).expect("the server's log can be written");
        let mut server = Command::new(home.join("bin/python"))
            .arg(&overlay)
            // Without these, every account has 1,300 images and none of AWS's own policies.
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the moto server can be started");
        let mut first = String::new();
        let out = server.stdout.take().expect("standard output is a pipe");
        BufReader::new(out).read_line(&mut first).expect("the server's output can be read");
        let Ok(port) = first.trim().parse() else {
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            panic!("the moto server did not start; its log {}:\n{log}", log_path.display());
        };
        // The interpreter has read it; the log stays for whoever looks into a failed test.
        let _ = fs::remove_file(&overlay);
        let moto = Self { port, server };
        let ready = moto.request("GET", "/moto-api/", &[], "");
        assert_eq!(ready.status, 200, "moto is not ready: {}", ready.body);
        moto
    }

    /// Where it listens: what goes into `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes the responder role of `account`, which demands `external_id`, and returns its ARN.
    ///
    /// # Panics
    /// When moto refuses.
    pub fn responder_role(&self, account: &str, external_id: &str) -> String {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Condition":{{"StringEquals":{{"sts:ExternalId":"{external_id}"}}}}}}]}}"#
        );
        let body = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName=tourniquet-responder&AssumeRolePolicyDocument={}",
            form_encoded(&trust)
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.call("iam", "us-east-1", account, &form, &body);
        assert_eq!(answer.status, 200, "the role was not made: {}", answer.body);
        format!("arn:aws:iam::{account}:role/tourniquet-responder")
    }

    /// Puts a finding (lower-camel JSON with `id`) into GuardDuty, which has a detector from then on.
    ///
    /// # Panics
    /// When the overlay refuses.
    pub fn inject_finding(&self, account: &str, region: &str, finding: &str) {
        let path = format!("/moto-api/tourniquet/findings?account={account}&region={region}");
        let answer = self.request("POST", &path, &[("Content-Type", "application/json")], finding);
        assert_eq!(answer.status, 200, "the finding was not taken: {}", answer.body);
    }

    /// Puts an event (as CloudTrail writes it) into its history, as of now.
    ///
    /// # Panics
    /// When the overlay refuses.
    pub fn inject_event(&self, account: &str, region: &str, event: &str) {
        let path = format!("/moto-api/tourniquet/events?account={account}&region={region}");
        let answer = self.request("POST", &path, &[("Content-Type", "application/json")], event);
        assert_eq!(answer.status, 200, "the event was not taken: {}", answer.body);
    }

    /// All AssumeRole calls that succeeded, as a JSON list of their parameters.
    pub fn assumed_roles(&self) -> String {
        self.request("GET", "/moto-api/tourniquet/assumed-roles", &[], "").body
    }

    /// A POST to a service in any account, past credentials and SDKs.
    pub fn call(
        &self,
        service: &str,
        region: &str,
        account: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=none"
        );
        let mut all = vec![("Authorization", credential.as_str()), ("x-moto-account-id", account)];
        all.extend_from_slice(headers);
        self.request("POST", "/", &all, body)
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto listens");
        stream.write_all(request.as_bytes()).expect("moto takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("moto answers in text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.expect("the answer has a status"), body: body.to_owned() }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The virtual environment, made once for all tests of all checkouts.
fn environment() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .expect("XDG_CACHE_HOME or HOME is set")
        .join("tourniquet");
    fs::create_dir_all(&cache).expect("the cache folder can be made");
    let home = cache.join(format!("moto-{MOTO}"));
    let lock = File::create(cache.join(format!("moto-{MOTO}.lock"))).expect("a lock file");
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
                .arg(format!("moto[server]=={MOTO}")),
            "moto can't be installed from the Python package index",
        );
        File::create(&complete).expect("the cache folder can be written");
    }
    home
}

/// A file of this server's own in the temporary folder.
fn own_file(extension: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("tourniquet-moto-{}-{count}.{extension}", std::process::id());
    std::env::temp_dir().join(name)
}

fn run(command: &mut Command, wrong: &str) {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{wrong}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{wrong}: {error}"),
    }
}

fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}
