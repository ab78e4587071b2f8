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

fn with_other_account() -> Deployment {
    let deployment = deployment();
    deployment.write("scenario.toml", &format!("{SCENARIO}{OTHER}"));
    deployment
}

fn is_problem(what: &str, reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, reply.code()),
        (status, code),
        "{what}: {reply:?}"
    );
    assert_eq!(
        reply.header("content-type"),
        "application/problem+json",
        "{what}"
    );
    for field in ["title", "detail", "remedy"] {
        let words = reply.body[field].as_str().unwrap_or_default();
        assert!(
            !words.is_empty() && !words.contains("Error {"),
            "{what}: {field}: {words}"
        );
    }
}

/// A command that failed in order: the number first, then what to do.
fn is_failure(what: &str, output: &Output, code: &str, word: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    assert!(
        first.starts_with(&format!("{code}: ")) && first.contains(word),
        "{what}: {said}"
    );
    assert!(
        lines
            .next_back()
            .is_some_and(|remedy| remedy.starts_with("  ")),
        "{what}: {said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
        "{what}: {said}"
    );
}

fn items(server: &Server, path: &str, token: &str) -> Vec<Value> {
    let reply = server.get(path, token).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["items"].as_array().unwrap().clone()
}

/// What changed in the twin's world.
fn mutations(deployment: &Deployment) -> Vec<Value> {
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
        (
            "a wrong token",
            "tq_wrong",
            findings,
            finding.clone(),
            401,
            "E0201",
        ),
        (
            "a token of another role",
            viewer.as_str(),
            findings,
            finding,
            403,
            "E0202",
        ),
        ("10 MB", &admin, findings, large, 413, "E0105"),
        (
            "broken JSON",
            &admin,
            findings,
            CUT_OFF.into(),
            400,
            "E0101",
        ),
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
        (
            "a missing parameter",
            &admin,
            runs,
            run(|body| body["params"] = json!({})),
            422,
            "E0304",
        ),
        (
            "a hostile parameter",
            &admin,
            runs,
            run(|body| body["params"]["instance"] = json!("*")),
            422,
            "E0304",
        ),
        (
            "an unknown field",
            &admin,
            runs,
            run(|body| body["force"] = json!(true)),
            400,
            "E0204",
        ),
        (
            "another account",
            &admin,
            runs,
            run(|body| body["account"] = json!("222233334444")),
            403,
            "E0501",
        ),
    ] {
        let reply = server
            .post(path, token, &body)
            .unwrap_or_else(|| panic!("{what}: no answer"));
        is_problem(what, &reply, status, code);
        assert_eq!(
            reply.header("www-authenticate").is_empty(),
            status != 401,
            "{what}"
        );
    }
    let nothing_happened = |server: &Server| {
        assert_eq!(items(server, "/v1/cases", &admin), Vec::<Value>::new());
        assert_eq!(mutations(&deployment), Vec::<Value>::new());
        let kept = items(server, "/v1/quarantine", &admin);
        let mut codes: Vec<&str> = kept
            .iter()
            .map(|row| row["code"].as_str().unwrap())
            .collect();
        codes.sort_unstable();
        assert_eq!(codes, ["E0101", "E0102"], "{kept:?}");
        assert!(
            kept.iter()
                .all(|row| row["raw"].as_str().is_some_and(|raw| raw.len() >= 64)),
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
    assert_eq!(
        picture(&deployment, &server, &ended).case[0],
        "\"contained\""
    );
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
        (vec!["finding", "send", "broken.json"], "E0101", ""),
        (
            and(&["--account", "111122223333", "--param", "colour=red"]),
            "E0304",
            "colour",
        ),
        (and(&["--account", "222233334444"]), "E0501", "222233334444"),
        (
            vec![
                "run",
                "none",
                "--account",
                "111122223333",
                "--region",
                "eu-west-1",
            ],
            "E0303",
            "none",
        ),
        (vec!["case", "show", "case-none"], "E0203", ""),
        (vec!["case", "verify", "case-none"], "E0203", ""),
        (vec!["undo", "run-none"], "E0203", ""),
    ] {
        is_failure(
            &arguments.join(" "),
            &deployment.client(&server, &arguments),
            code,
            word,
        );
    }
    let mut wrong = deployment.command();
    wrong
        .env("TOURNIQUET_URL", &server.url)
        .env("TOURNIQUET_TOKEN", "tq_wrong");
    is_failure(
        "a wrong token",
        &wrong
            .args(["finding", "send", "finding.json"])
            .output()
            .unwrap(),
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
        vec!["finding", "send", "missing.json"],
        vec!["run", "compromised-instance", "--mode", "destroy"],
    ] {
        let output = deployment.client(&server, &arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
    assert_eq!(
        items(&server, "/v1/cases", &deployment.token),
        Vec::<Value>::new()
    );
    assert_eq!(mutations(&deployment), Vec::<Value>::new());
    assert_eq!(items(&server, "/v1/quarantine", &deployment.token).len(), 1);
}

#[test]
fn a_finding_of_another_account_is_kept_and_observed_and_nothing_is_changed() {
    let deployment = with_other_account();
    let mut server = deployment.serve("");
    let body = FINDING.replace("111122223333", "222233334444");
    let reply = server
        .post("/v1/findings", &deployment.token, body.as_bytes())
        .unwrap();
    assert_eq!(reply.status, 202, "{reply:?}");
    let case = reply.body["case"].as_str().unwrap().to_owned();
    let ended = server.wait_for_runs(&deployment.token, &case).unwrap();
    let run = &ended["runs"][0];
    assert_eq!(
        (run["mode"].as_str(), run["state"].as_str()),
        (Some("observe"), Some("succeeded")),
        "{run}"
    );
    assert_ne!(ended["status"], "contained", "{ended}");
    let entries = server.timeline(&deployment.token, &case);
    let routed = entries
        .iter()
        .find(|entry| entry["kind"] == "routing.decided")
        .unwrap();
    let reasons = routed["body"]["reasons"].to_string();
    assert!(
        reasons.contains("E0501") && reasons.contains("not on the allow list"),
        "{reasons}"
    );
    assert!(
        !entries.iter().any(|entry| entry["kind"] == "change.intent"),
        "{entries:#?}"
    );
    let planned = entries
        .iter()
        .find(|entry| entry["kind"] == "plan.made")
        .unwrap();
    assert!(
        planned["body"]["changes"]
            .as_array()
            .is_some_and(|changes| !changes.is_empty()),
        "{planned}"
    );
    assert_eq!(mutations(&deployment), Vec::<Value>::new());
}

#[test]
fn a_role_may_do_what_it_is_for_and_a_revoked_token_nothing() {
    let deployment = deployment();
    let mut tokens = std::collections::BTreeMap::from([
        ("none", String::new()),
        ("admin", deployment.token.clone()),
    ]);
    for role in ["viewer", "intake", "responder", "approver", "auditor"] {
        tokens.insert(role, deployment.make_token(role));
    }
    let server = deployment.serve("");
    for (method, path, statuses) in [
        (
            "GET",
            "/v1/cases",
            [("none", 401), ("intake", 403), ("viewer", 200)],
        ),
        (
            "POST",
            "/v1/findings",
            [("none", 401), ("viewer", 403), ("intake", 400)],
        ),
        (
            "GET",
            "/v1/quarantine",
            [("none", 401), ("viewer", 403), ("auditor", 200)],
        ),
        (
            "POST",
            "/v1/runs",
            [("none", 401), ("auditor", 403), ("responder", 400)],
        ),
        (
            "POST",
            "/v1/approvals/apr-none",
            [("none", 401), ("responder", 403), ("approver", 400)],
        ),
        (
            "POST",
            "/v1/runs/run-none/undo",
            [("none", 401), ("approver", 403), ("responder", 404)],
        ),
        (
            "GET",
            "/healthz",
            [("none", 200), ("viewer", 200), ("intake", 200)],
        ),
    ] {
        for (role, status) in statuses {
            let key = [("x-api-key", tokens[role].as_str())];
            let headers = if role == "none" { &key[..0] } else { &key[..] };
            let reply = server.send(method, path, headers, b"").unwrap();
            assert_eq!(reply.status, status, "{method} {path} as {role}: {reply:?}");
            let code = [(401, "E0201"), (403, "E0202")]
                .iter()
                .find(|(known, _)| *known == status);
            assert!(
                code.is_none_or(|(_, code)| reply.code() == *code),
                "{reply:?}"
            );
        }
    }
    let listed = deployment.run(&["token", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(
        tokens
            .values()
            .all(|secret| secret.is_empty() || !listed.to_string().contains(secret))
    );
    let row = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["role"] == "viewer")
        .unwrap();
    let revoked = deployment.run(&["token", "revoke", row["id"].as_str().unwrap()]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    // A token that was good a moment ago is remembered for a second.
    let started = std::time::Instant::now();
    while server.get("/v1/cases", &tokens["viewer"]).unwrap().status != 401 {
        assert!(
            started.elapsed().as_secs() < 10,
            "a revoked token still works"
        );
        super::support::pause();
    }
    assert!(
        tokens
            .values()
            .all(|secret| secret.is_empty() || !server.log().contains(secret))
    );
}
