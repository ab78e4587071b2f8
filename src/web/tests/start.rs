//! Starting where it is not possible, and stopping in order.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::harness::{Harness, config, setup, start};
use crate::clock::ManualClock;
use crate::config::Config;
use crate::web::Service;

async fn refused(config: Config) -> (String, String) {
    match Service::start(setup(config, &ManualClock::at(start()))).await {
        Ok(_) => panic!("it started"),
        Err(error) => (error.code().number.to_owned(), error.to_string()),
    }
}

#[tokio::test]
async fn what_prevents_a_start_has_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no database").unwrap();
    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("broken.rhai"), "fn run(case, p) { let x = ; }").unwrap();
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = config(folder.path());
        change(&mut config);
        config
    };
    for (config, code, word) in [
        (
            with(&|config| config.listen = taken.local_addr().unwrap()),
            "E0002",
            "another program listens there",
        ),
        (with(&|config| config.listen = ([192, 0, 2, 1], 0).into()), "E0002", "192.0.2.1"),
        (
            with(&|config| config.database = format!("sqlite://{}/x.db", file.display())),
            "E0003",
            "x.db",
        ),
        (with(&|config| config.database = format!("sqlite://{}", file.display())), "E0003", "file"),
        (with(&|config| config.runbooks = Some(broken.clone())), "E0004", "broken.rhai"),
        (with(&|config| config.fallback = "nothing".to_owned()), "E0001", "nothing"),
    ] {
        let (seen, words) = refused(config).await;
        assert_eq!(seen, code, "{words}");
        assert!(words.contains(word), "{words}");
    }
}

#[tokio::test]
async fn a_stopped_service_answers_no_more_and_its_address_is_free() {
    let harness = Harness::new().await;
    let address = harness.service.address();
    assert_eq!(harness.get("/v1/cases").await.status, 200);
    harness.service.stop().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
}

#[tokio::test]
async fn one_service_serves_a_database() {
    let harness = Harness::new().await;
    let (code, words) = refused(config(harness.folder.path())).await;
    assert_eq!(code, "E0003", "{words}");
    assert!(words.contains("another `tourniquet serve`"), "{words}");
    // By another name it is the same file.
    let mut linked = config(harness.folder.path());
    let path = linked.database.strip_prefix("sqlite://").unwrap().to_owned();
    let link = harness.folder.path().join("link.db");
    std::os::unix::fs::symlink(path, &link).unwrap();
    linked.database = format!("sqlite://{}", link.display());
    let (code, words) = refused(linked).await;
    assert_eq!(code, "E0003", "{words}");
    assert_eq!(harness.get("/v1/cases").await.status, 200);
    harness.service.stop().await;
    let clock = ManualClock::at(start());
    let again = Service::start(setup(config(harness.folder.path()), &clock)).await;
    again.unwrap().stop().await;
}

/// Whoever sends half a request's head, without a token, must not keep the runs from being given back:
/// `docker stop` kills after ten seconds, and only a drive that sees the stop puts anything back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_does_not_hold_up_the_stop_of_runs() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(start());
    let service = Service::start(setup(config(folder.path()), &clock)).await.unwrap();
    let address = service.address();
    let half = b"GET /readyz HTTP/1.1\r\nHost: x\r\n";
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(half).await.unwrap();
    // Connections are accepted in order: once this one has its answer, the service has the other.
    let mut whole = TcpStream::connect(address).await.unwrap();
    whole.write_all(&[half.as_slice(), b"\r\n"].concat()).await.unwrap();
    let ready = answered(&mut whole).await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let stopped = tokio::spawn(service.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    slow.write_all(b"\r\n").await.unwrap();
    let told = answered(&mut slow).await;
    assert!(told.starts_with("HTTP/1.1 503"), "the driver was stopped before this ended: {told}");
    stopped.await.unwrap();
}

/// The next answer on a connection.
async fn answered(connection: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let length = connection.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}
