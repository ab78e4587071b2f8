//! The way of a finding over HTTP, to the verified timeline and its export.

use serde_json::json;

use super::harness::{Harness, answer, finding};

#[tokio::test]
async fn a_finding_becomes_a_case_that_anyone_can_verify() {
    let harness = Harness::new().await;
    let ready = answer(harness.request("GET", "/readyz")).await;
    assert_eq!(ready.body, json!({"status": "ready", "cloud": "sandbox"}));

    let document = finding("f1", "i-0abcdef1234567890");
    let first = harness.post("intake", "/v1/findings", &document).await;
    assert_eq!(first.status, 202, "{first:?}");
    assert_eq!(first.body["findings"][0]["disposition"], "new");
    let again = harness.post("intake", "/v1/findings", &document).await;
    assert_eq!(again.body["findings"][0]["disposition"], "duplicate");
    assert_eq!(again.body["case"], first.body["case"]);

    let case = first.body["case"].as_str().unwrap();
    let shown = harness.settled(case).await;
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["runs"][0]["mode"], "observe", "no account is on the allow list");
    // Its world has no instances: that the instance is gone must be said, not passed over.
    assert_eq!(shown["runs"][0]["state"], "failed", "{shown}");
    let summary = shown["runs"][0]["summary"].as_str().unwrap();
    assert!(summary.contains("look for what runs now"), "{summary}");
    assert_eq!((&shown["severity"], &shown["findings"]), (&json!(8.0), &json!(1)));
    assert_eq!(shown["deliveries"], 2, "one finding, delivered twice");

    let run = shown["runs"][0]["id"].as_str().unwrap();
    let one = harness.get(&format!("/v1/runs/{run}")).await.body;
    assert_eq!(one["state"], shown["runs"][0]["state"]);
    let undo = harness.post("responder", &format!("/v1/runs/{run}/undo"), &json!({})).await;
    assert_eq!((undo.status.as_u16(), undo.code()), (409, "E0205"), "it only observed");

    // A note that names what was quarantined brings nobody to its bytes.
    harness.post("intake", "/v1/findings", &json!({"no": "finding"})).await;
    let kept = harness.get("/v1/quarantine").await.body["items"][0]["raw"].clone();
    let note =
        harness.post("responder", &format!("/v1/cases/{case}/notes"), &json!({"text": kept})).await;
    assert_eq!(note.status, 200, "{note:?}");
    let closed = harness
        .post("responder", &format!("/v1/cases/{case}/close"), &json!({"reason": "a test"}))
        .await;
    assert_eq!(closed.body["status"], "closed", "{closed:?}");
    let again = harness
        .post("responder", &format!("/v1/cases/{case}/close"), &json!({"reason": "again"}))
        .await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "E0205"), "{again:?}");
    let after = harness.get(&format!("/v1/cases/{case}")).await.body;
    assert_eq!(after["length"], closed.body["length"], "a refused close writes nothing");

    let listed = harness.get("/v1/cases?status=closed&limit=10").await.body;
    assert_eq!(listed["items"][0]["id"], *case);
    assert_eq!(harness.get("/v1/cases?status=open").await.body["items"], json!([]));
    let part = harness.get(&format!("/v1/cases/{case}/timeline?from=1&limit=1")).await.body;
    assert_eq!((&part["entries"][0]["seq"], &part["next"]), (&json!(1), &json!(2)));

    let export = harness.get(&format!("/v1/cases/{case}/export")).await.body;
    let raw = export["blobs"].as_object().unwrap().len();
    assert!(raw >= 2, "the raw finding and the runbook at least: {raw}");
    assert!(kept.is_string() && export["blobs"][kept.as_str().unwrap()].is_null(), "{kept}");
    let length = export["entries"].as_array().map(Vec::len);
    assert_eq!(length, export["head"]["length"].as_u64().map(|length| length as usize));
    harness.service.stop().await;
}

#[tokio::test]
async fn several_findings_in_one_body_are_told_apart() {
    let harness = Harness::new().await;
    let detail = |id: &str, instance: &str| finding(id, instance)["detail"].clone();
    let mut broken = detail("f2", "i-0bbbbbbbbbbbbbbbb");
    broken["type"] = json!(7);
    let findings =
        [detail("f1", "i-0aaaaaaaaaaaaaaaa"), broken, detail("f3", "i-0cccccccccccccccc")];
    let seen = harness.post("intake", "/v1/findings", &json!({"findings": findings})).await;
    assert_eq!(seen.status, 202, "{seen:?}");
    assert_eq!(seen.body["findings"].as_array().map(Vec::len), Some(2), "{seen:?}");
    assert_eq!(seen.body["rejected"][0]["code"], "E0103", "{seen:?}");
    assert_eq!(harness.get("/v1/cases").await.body["items"].as_array().map(Vec::len), Some(2));
    harness.service.stop().await;
}

#[tokio::test]
async fn the_catalogue_is_listed_and_planned_against_nothing() {
    let harness = Harness::new().await;
    let listed = harness.get("/v1/runbooks").await.body;
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"observe") && names.contains(&"compromised-instance"), "{names:?}");
    let plan = json!({"account": "111122223333", "region": "eu-west-1"});
    let seen = harness.post("author", "/v1/runbooks/observe/plan", &plan).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(harness.get("/v1/cases").await.body["items"], json!([]), "a plan writes nothing");
    harness.service.stop().await;
}

#[tokio::test]
async fn a_question_says_what_it_is_about_wherever_it_is_shown() {
    let harness = Harness::with(|config| {
        let account = crate::config::AccountConfig::contain();
        config.accounts.insert("111122223333".parse().unwrap(), account);
    })
    .await;
    let start = json!({"runbook": "stolen-role-credentials", "params": {"role": "worker"}, "mode": "approve",
        "account": "111122223333", "region": "eu-west-1", "reason": "seen in CloudTrail"});
    let run = harness.post("responder", "/v1/runs", &start).await.body;
    let mut pending = json!([]);
    for _ in 0..5_000 {
        pending = harness.get("/v1/approvals").await.body["items"].take();
        if pending != json!([]) {
            break;
        }
    }
    let about = &pending[0]["about"];
    for (key, expected) in [
        ("account", "111122223333"),
        ("region", "eu-west-1"),
        ("resource", "role/worker"),
        ("runbook", "stolen-role-credentials"),
        ("mode", "approve"),
        ("reason", "seen in CloudTrail"),
        ("finding_type", "manual"),
    ] {
        assert_eq!(about[key], expected, "{key}: {pending}");
    }
    let id = pending[0]["id"].as_str().unwrap();
    let (case, run) = (run["case"].as_str().unwrap(), run["id"].as_str().unwrap());
    assert_eq!(harness.get(&format!("/v1/approvals/{id}")).await.body, pending[0]);
    assert_eq!(harness.get(&format!("/v1/cases/{case}")).await.body["approvals"], pending);
    assert_eq!(harness.get(&format!("/v1/runs/{run}")).await.body["approvals"], pending);
    // What stands in the way of closing the case is named, with the command that answers it.
    let close = format!("/v1/cases/{case}/close");
    let refused = harness.post("responder", &close, &json!({"reason": "x"})).await;
    assert_eq!(refused.code(), "E0205");
    let words = format!(
        "a run of this case is not over yet: {run} (stolen-role-credentials) asks a person: tourniquet approve {id}"
    );
    assert_eq!(refused.body["detail"], words);
    harness.service.stop().await;
}
