//! Bad input: each gives a numbered, plain error, and nothing is started, lost or half done.

use std::process::Output;

use serde_json::{Value, json};

use super::scene::{FINDING, SCENARIO, deployment, picture, send};
use super::support::{Deployment, Reply, Server, text};

/// A body that EventBridge would have cut off.
const CUT_OFF: &str = include_str!("../finding/fixtures/malformed-cut-off.json");

/// An account that the twin has and that is not on the allow list, with an instance like ours.
const OTHER: &str = r#"
[[account]]
id = "222233334444"
region = "eu-west-1"

[[account.instance]]
id = "i-0a1b2c3d4e5f60718"
profile = "web-server"
"#;

/// The incident's deployment, with that account beside it.
pub fn with_other_account() -> Deployment {
    let deployment = deployment();
    deployment.write("scenario.toml", &format!("{SCENARIO}{OTHER}"));
    deployment
}

fn is_problem(what: &str, reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code()), (status, code), "{what}: {reply:?}");
    assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
    for field in ["title", "detail", "remedy"] {
        let words = reply.body[field].as_str().unwrap_or_default();
        assert!(!words.is_empty() && !words.contains("Error {"), "{what}: {field}: {words}");
    }
}

/// A command that failed in order: a line with the number and what happened, then what to do.
fn is_failure(what: &str, output: &Output, code: &str, word: &str) {
    // `finding send` tells of each file among its results, every other command on standard error.
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.contains(&format!("{code}: ")) && first.contains(word), "{what}: {said}");
    assert!(lines.next().is_some_and(|remedy| remedy.starts_with("  ")), "{what}: {said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{what}: {said}");
}

fn items(server: &Server, path: &str, token: &str) -> Vec<Value> {
    let reply = server.get(path, token).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["items"].as_array().unwrap().clone()
}

/// What changed in the twin's world.
pub fn mutations(deployment: &Deployment) -> Vec<Value> {
    let world = std::fs::read(deployment.path().join("world.json")).unwrap();
    let world: Value = serde_json::from_slice(&world).unwrap();
    world["mutations"].as_array().unwrap().clone()
}

#[test]
fn what_is_refused_over_http_has_a_number_and_leaves_nothing() {
    let deployment = with_other_account();
    let viewer = deployment.make_token("viewer");
    let admin = deployment.token.clone();
    let server = deployment.serve("");
    let large = vec![b' '; 10 * 1024 * 1024];
    let run = |change: fn(&mut Value)| {
        let mut body = json!({
            "runbook": "compromised-instance", "mode": "contain",
            "params": {"instance": "i-0a1b2c3d4e5f60718"}, "account": "111122223333", "region": "eu-west-1",
        });
        change(&mut body);
        body.to_string().into_bytes()
    };
    let finding = FINDING.as_bytes().to_vec();
    let (findings, runs) = ("/v1/findings", "/v1/runs");
    for (what, token, path, body, status, code) in [
        ("no token", "", findings, finding.clone(), 401, "E0201"),
        ("a wrong token", "tq_wrong", findings, finding.clone(), 401, "E0201"),
        ("a token of another role", viewer.as_str(), findings, finding, 403, "E0202"),
        ("10 MB", &admin, findings, large, 413, "E0105"),
        ("broken JSON", &admin, findings, CUT_OFF.into(), 400, "E0101"),
        ("no finding", &admin, findings, b"{}".to_vec(), 422, "E0102"),
        (
            "no such runbook",
            &admin,
            runs,
            run(|body| body["runbook"] = json!("none")),
            404,
            "E0303",
        ),
        (
            "an unknown parameter",
            &admin,
            runs,
            run(|body| body["params"]["colour"] = json!("red")),
            422,
            "E0304",
        ),
        ("a missing parameter", &admin, runs, run(|body| body["params"] = json!({})), 422, "E0304"),
        (
            "a hostile parameter",
            &admin,
            runs,
            run(|body| body["params"]["instance"] = json!("*")),
            422,
            "E0304",
        ),
        ("an unknown field", &admin, runs, run(|body| body["force"] = json!(true)), 400, "E0204"),
        (
            "another account",
            &admin,
            runs,
            run(|body| body["account"] = json!("222233334444")),
            403,
            "E0501",
        ),
    ] {
        let reply = server.post(path, token, &body).unwrap_or_else(|| panic!("{what}: no answer"));
        is_problem(what, &reply, status, code);
        assert_eq!(reply.header("www-authenticate").is_empty(), status != 401, "{what}");
    }
    let nothing_happened = |server: &Server| {
        assert_eq!(items(server, "/v1/cases", &admin), Vec::<Value>::new());
        assert_eq!(mutations(&deployment), Vec::<Value>::new());
        let kept = items(server, "/v1/quarantine", &admin);
        let mut codes: Vec<&str> = kept.iter().map(|row| row["code"].as_str().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["E0101", "E0102"], "{kept:?}");
        assert!(
            kept.iter().all(|row| row["raw"].as_str().is_some_and(|raw| raw.len() >= 64)),
            "{kept:?}"
        );
    };
    nothing_happened(&server);
    drop(server);
    let mut server = deployment.serve("");
    nothing_happened(&server);

    // And what is good is taken as ever.
    let case = send(&server, &admin).unwrap();
    let ended = server.wait_for_runs(&admin, &case).unwrap();
    assert_eq!(picture(&deployment, &server, &ended).case[0], "\"contained\"");
}

#[test]
fn what_is_refused_on_the_command_line_has_a_number_and_leaves_nothing() {
    let deployment = with_other_account();
    deployment.write("broken.json", CUT_OFF);
    deployment.write("finding.json", FINDING);
    let server = deployment.serve("");
    let instance = "instance=i-0a1b2c3d4e5f60718";
    let run = [
        "run",
        "compromised-instance",
        "--region",
        "eu-west-1",
        "--mode",
        "contain",
        "--param",
        instance,
    ];
    let and = |more: &[&'static str]| [&run[..], more].concat();
    for (arguments, code, word) in [
        (vec!["finding", "send", "broken.json"], "E0101", "broken.json"),
        (vec!["finding", "send", "missing.json"], "E0007", "missing.json"),
        (and(&["--account", "111122223333", "--param", "colour=red"]), "E0304", "colour"),
        (and(&["--account", "222233334444"]), "E0501", "222233334444"),
        (
            vec!["run", "none", "--account", "111122223333", "--region", "eu-west-1"],
            "E0303",
            "none",
        ),
        (vec!["case", "show", "case-none"], "E0203", ""),
        (vec!["case", "verify", "case-none"], "E0203", ""),
        (vec!["undo", "run-none"], "E0203", ""),
    ] {
        is_failure(&arguments.join(" "), &deployment.client(&server, &arguments), code, word);
    }
    let mut wrong = deployment.command();
    wrong.env("TOURNIQUET_URL", &server.url).env("TOURNIQUET_TOKEN", "tq_wrong");
    is_failure(
        "a wrong token",
        &wrong.args(["finding", "send", "finding.json"]).output().unwrap(),
        "E0201",
        "token",
    );
    let mut nobody = deployment.command();
    nobody.env("TOURNIQUET_URL", "http://127.0.0.1:1");
    is_failure(
        "nobody there",
        &nobody.args(["case", "list"]).output().unwrap(),
        "E0006",
        "127.0.0.1:1",
    );
    for arguments in [
        vec!["case", "show", "../../etc/passwd"],
        vec!["token", "create", "--role", "king"],
        vec!["run", "compromised-instance", "--mode", "destroy"],
    ] {
        let output = deployment.client(&server, &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(items(&server, "/v1/cases", &deployment.token), Vec::<Value>::new());
    assert_eq!(mutations(&deployment), Vec::<Value>::new());
    assert_eq!(items(&server, "/v1/quarantine", &deployment.token).len(), 1);
}
