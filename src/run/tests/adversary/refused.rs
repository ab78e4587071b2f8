//! A no to one question of a run, whatever else goes on in it.

use serde_json::json;

use super::*;

/// A runbook of the account's own for a finding that `compromised-instance` would answer, too.
fn asks_first(body: &str) -> String {
    format!(
        "//! Asks first.\nconst RUNBOOK = #{{ on: [\"CryptoCurrency:EC2/BitcoinTool.B!DNS\"], mode: \"contain\", \
        resource: \"Instance\", role: \"ACTOR\", severity: 1.0, \
        params: #{{ instance: #{{ type: \"instance-id\", from: \"resource.instanceDetails.instanceId\" }} }} }};\n\
        fn run(case, p) {{ {body} }}"
    )
}

/// The mining finding as that runbook answers it.
fn first() -> String {
    let mut event = another(1);
    event["detail"]["type"] = json!("CryptoCurrency:EC2/BitcoinTool.B!DNS");
    event.to_string()
}

/// Another finding on the same instance, which `compromised-instance` answers.
fn second() -> String {
    let mut event = another(2);
    event["detail"]["type"] = json!("Backdoor:EC2/C&CActivity.B");
    event.to_string()
}

fn quarantined(sandbox: &Sandbox) -> bool {
    groups(sandbox).iter().any(|groups| *groups == ["quarantine"])
}

/// A person said no to the isolation; another branch of the same run failed with a number of its own.
#[tokio::test]
async fn a_no_binds_although_another_branch_failed_first() {
    let source = asks_first(
        "parallel([|| throw \"a tag is missing\", || { approve(\"Isolate?\"); \
        contain::isolate_instance(p.instance); }]);",
    );
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("asks", &source), ..settings() }).await;
    let case = lab.deliver(&first()).await;
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    decide(&lab, "grace", false).await.unwrap();
    lab.settle().await;
    assert!(!quarantined(&sandbox));
    let next = lab.deliver(&second()).await;
    lab.settle().await;
    assert!(!quarantined(&sandbox), "isolated after a no: {:#?}", runs(&lab, &next).await);
    lab.finish().await;
}

/// A person said no to the isolation; the same run is still keeping the disks.
#[tokio::test]
async fn a_no_binds_while_its_run_still_keeps_evidence() {
    let source = asks_first(
        "parallel([|| evidence::snapshot_volumes(p.instance), || { approve(\"Isolate?\"); \
        contain::isolate_instance(p.instance); }]);",
    );
    let (lab, sandbox) =
        lab_with(LabSettings { library: library_with("asks", &source), ..settings() }).await;
    let case = lab.deliver(&first()).await;
    // Not until idle: the snapshots would be ready then.
    for _ in 0..3 {
        if drive_once(&lab, &CancellationToken::new()).await.is_none() {
            break;
        }
    }
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    decide(&lab, "grace", false).await.unwrap();
    drive_once(&lab, &CancellationToken::new()).await.unwrap().unwrap();
    let asked = only_run(&lab, &case).await;
    assert!(!asked.state.is_over(), "{asked:?}");
    let next = lab.deliver(&second()).await;
    lab.settle().await;
    assert!(!quarantined(&sandbox), "isolated after a no: {:#?}", runs(&lab, &next).await);
    lab.finish().await;
}
