//! Strain: a full disk, slow clients, and a hundred deliveries at once.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scene::{FINDING, deployment, picture, send, undisturbed};
use super::support::{Deployment, PATIENCE, Server, text};

const CONFIG: &str = "[cloud]\nkind = \"sandbox\"\n";

/// A finding that is only observed, about an instance of its own, with `padding` bytes of text.
fn finding(n: usize, padding: usize) -> Vec<u8> {
    let mut finding: Value = serde_json::from_str(FINDING).unwrap();
    let detail = &mut finding["detail"];
    detail["id"] = json!(format!("c0ffee0123456789c0ffee01{n:08}"));
    detail["resource"]["instanceDetails"]["instanceId"] = json!(format!("i-0a1b2c3d4{n:08}"));
    detail["type"] = json!("Recon:EC2/PortProbeUnprotectedPort");
    detail["service"]["resourceRole"] = json!("TARGET");
    detail["description"] = json!("x".repeat(padding));
    finding.to_string().into_bytes()
}

/// Every line of a log that a machine reads is one JSON object.
pub fn is_json_lines(server: &Server) {
    let log = server.log();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let object: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(line);
        assert!(object.is_ok_and(|object| object.contains_key("level")), "{line}");
    }
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_that_is_not_kept() {
    const FINDINGS: usize = 40;
    const PADDING: usize = 20_000;
    /// Blocks of 512 bytes: room for the database and for some of the findings.
    const BLOCKS: u64 = 2_000;
    let deployment = Deployment::new(CONFIG);
    let server = deployment.serve_with_files_up_to(BLOCKS);
    let mut kept = BTreeMap::new();
    let (mut refused, mut unready) = (Vec::new(), 0);
    for n in 0..FINDINGS {
        let reply = server.post("/v1/findings", &deployment.token, &finding(n, PADDING)).unwrap();
        match reply.status {
            202 => {
                kept.insert(n, reply.body["case"].as_str().unwrap().to_owned());
            }
            503 => {
                assert_eq!(reply.code(), "E0106", "{reply:?}");
                assert!(
                    reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0),
                    "{reply:?}"
                );
                refused.push(n);
                unready += usize::from(server.get("/readyz", "").unwrap().status == 503);
            }
            _ => panic!("{reply:?}"),
        }
    }
    assert!(kept.len() > 3 && refused.len() > 3, "{} kept, {} refused", kept.len(), refused.len());
    assert!(unready > 0, "nobody was told that it can't write");
    assert_eq!(server.get("/healthz", "").unwrap().status, 200, "it lives");
    assert_eq!(server.get("/v1/cases", &deployment.token).unwrap().status, 200, "and can be asked");
    is_json_lines(&server);
    drop(server);

    // There is room again. What was refused is sent again, as EventBridge does.
    let mut server = deployment.serve("");
    for case in kept.values() {
        let shown = server.get(&format!("/v1/cases/{case}"), &deployment.token).unwrap();
        assert_eq!(shown.status, 200, "an acknowledged finding is lost: {shown:?}");
    }
    let mut anew = 0;
    for n in refused {
        let reply = server.post("/v1/findings", &deployment.token, &finding(n, PADDING)).unwrap();
        assert_eq!(reply.status, 202, "{reply:?}");
        anew += usize::from(reply.body["findings"][0]["disposition"] == "new");
        kept.insert(n, reply.body["case"].as_str().unwrap().to_owned());
    }
    assert!(anew > 0, "what was refused was not there");
    let cases = server.get("/v1/cases?limit=200", &deployment.token).unwrap();
    assert_eq!(
        cases.body["items"].as_array().map(Vec::len),
        Some(FINDINGS),
        "one case each, and no other"
    );
    for case in kept.values() {
        let ended = server.wait_for_runs(&deployment.token, case).unwrap();
        assert_eq!(ended["runs"].as_array().map(Vec::len), Some(1), "{ended}");
    }
    for case in kept.values().step_by(7) {
        let verified = deployment.client(&server, &["case", "verify", case]);
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));
    }
}

#[test]
fn a_client_that_never_ends_its_head_or_its_body_is_cut_off_and_others_are_served() {
    const CLIENTS: usize = 30;
    let deployment = Deployment::new(CONFIG);
    let server = deployment.serve("");
    let slow_body = format!(
        "POST /v1/findings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\n{{",
        deployment.token
    );
    let (address, started) = (server.address, Instant::now());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let head = if n % 3 == 0 {
                    slow_body.as_str()
                } else {
                    "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "
                };
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(head.as_bytes()).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                    let mut seen = Vec::new();
                    // One more byte a second: it never ends, and is never quite silent.
                    loop {
                        let mut part = [0; 1024];
                        match stream.read(&mut part) {
                            Ok(0) => break,
                            Ok(bytes) => seen.extend_from_slice(&part[..bytes]),
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                                assert!(
                                    started.elapsed() < PATIENCE,
                                    "a slow client is never cut off"
                                );
                                if stream.write_all(b"x").is_err() {
                                    break;
                                }
                            }
                            Err(_) => break,
                        }
                    }
                    (n, seen)
                })
            })
            .collect();
        let mut asked = 0;
        while clients.iter().any(|client| !client.is_finished()) {
            let began = Instant::now();
            assert_eq!(server.get("/healthz", "").unwrap().status, 200);
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "the others wait: {:?}",
                began.elapsed()
            );
            asked += 1;
            std::thread::sleep(Duration::from_millis(200));
        }
        assert!(asked > 10, "they were cut off before anybody could have been slow");
        for client in clients {
            let (n, seen) = client.join().unwrap();
            let seen = text(&seen);
            let told = n % 3 != 0 || (seen.starts_with("HTTP/1.1 408 ") && seen.contains("E0204"));
            assert!(told, "client {n}: {seen}");
        }
    });
    assert_eq!(server.get("/v1/cases", &deployment.token).unwrap().body["items"], json!([]));
}

#[test]
fn a_hundred_deliveries_at_once_are_one_case_and_one_run() {
    const DELIVERIES: usize = 100;
    let template = deployment();
    let expected = undisturbed(&template);
    let deployment = template.copied();
    let mut server = deployment.serve("");
    let replies: Vec<_> = std::thread::scope(|scope| {
        let deliver = || {
            server.post("/v1/findings", &deployment.token, FINDING.as_bytes()).expect("an answer")
        };
        let senders: Vec<_> = (0..DELIVERIES).map(|_| scope.spawn(deliver)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let mut dispositions: BTreeMap<String, usize> = BTreeMap::new();
    for reply in &replies {
        assert_eq!(
            (reply.status, &reply.body["case"]),
            (202, &replies[0].body["case"]),
            "{reply:?}"
        );
        let disposition = reply.body["findings"][0]["disposition"].as_str().unwrap();
        *dispositions.entry(disposition.to_owned()).or_default() += 1;
    }
    assert_eq!(
        dispositions,
        BTreeMap::from([("duplicate".to_owned(), DELIVERIES - 1), ("new".to_owned(), 1)])
    );
    let case = send(&server, &deployment.token).unwrap();
    let ended = server.wait_for_runs(&deployment.token, &case).unwrap();
    assert_eq!(ended["runs"].as_array().map(Vec::len), Some(1), "{ended}");
    assert!(picture(&deployment, &server, &ended) == expected, "each effect once");
}
