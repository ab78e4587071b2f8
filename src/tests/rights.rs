//! Who may do what, and where: an account that is not on the allow list is only observed, a role
//! does what it is for, and a revoked token does nothing.

use serde_json::Value;

use super::bad_input::{mutations, with_other_account};
use super::scene::{FINDING, deployment};
use super::support::{Deployment, pause, text};

#[test]
fn a_finding_of_another_account_is_kept_and_observed_and_nothing_is_changed() {
    let deployment = with_other_account();
    let mut server = deployment.serve("");
    let body = FINDING.replace("111122223333", "222233334444");
    let reply = server.post("/v1/findings", &deployment.token, body.as_bytes()).unwrap();
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
    let routed = entries.iter().find(|entry| entry["kind"] == "routing.decided").unwrap();
    let reasons = routed["body"]["reasons"].to_string();
    assert!(reasons.contains("E0501") && reasons.contains("not on the allow list"), "{reasons}");
    assert!(!entries.iter().any(|entry| entry["kind"] == "change.intent"), "{entries:#?}");
    let planned = entries.iter().find(|entry| entry["kind"] == "plan.made").unwrap();
    assert!(
        planned["body"]["changes"].as_array().is_some_and(|changes| !changes.is_empty()),
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
        ("GET", "/v1/cases", [("none", 401), ("intake", 403), ("viewer", 200)]),
        ("POST", "/v1/findings", [("none", 401), ("viewer", 403), ("intake", 400)]),
        ("GET", "/v1/quarantine", [("none", 401), ("viewer", 403), ("auditor", 200)]),
        ("POST", "/v1/runs", [("none", 401), ("auditor", 403), ("responder", 400)]),
        ("POST", "/v1/approvals/apr-none", [("none", 401), ("responder", 403), ("approver", 400)]),
        ("POST", "/v1/runs/run-none/undo", [("none", 401), ("approver", 403), ("responder", 404)]),
        ("GET", "/healthz", [("none", 200), ("viewer", 200), ("intake", 200)]),
    ] {
        for (role, status) in statuses {
            let key = [("x-api-key", tokens[role].as_str())];
            let headers = if role == "none" { &key[..0] } else { &key[..] };
            let reply = server.send(method, path, headers, b"").unwrap();
            assert_eq!(reply.status, status, "{method} {path} as {role}: {reply:?}");
            let code = [(401, "E0201"), (403, "E0202")].iter().find(|(known, _)| *known == status);
            assert!(code.is_none_or(|(_, code)| reply.code() == *code), "{reply:?}");
        }
    }
    let listed = deployment.run(&["token", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(
        tokens.values().all(|secret| secret.is_empty() || !listed.to_string().contains(secret))
    );
    let row = listed.as_array().unwrap().iter().find(|row| row["role"] == "viewer").unwrap();
    let revoked = deployment.run(&["token", "revoke", row["id"].as_str().unwrap()]);
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    // A token that was good a moment ago is remembered for a second.
    let started = std::time::Instant::now();
    while server.get("/v1/cases", &tokens["viewer"]).unwrap().status != 401 {
        assert!(started.elapsed().as_secs() < 10, "a revoked token still works");
        pause();
    }
    assert!(tokens.values().all(|secret| secret.is_empty() || !server.log().contains(secret)));
}

#[test]
fn serve_warns_of_what_is_open_as_config_check_does() {
    let deployment = Deployment::bare(
        "[cloud]\nkind = \"sandbox\"\n\n[accounts.111122223333]\n\
         role_arn = \"arn:aws:iam::111122223333:role/responder\"\n",
    );
    let words = "WARNING: accounts.111122223333 has no external_id";
    let checked = deployment.run(&["config", "check"]);
    assert!(text(&checked.stderr).contains(words), "{checked:?}");
    let server = deployment.serve("");
    while !server.log().contains("serves http://") {
        pause();
    }
    assert!(server.log().contains(words), "{}", server.log());
}
