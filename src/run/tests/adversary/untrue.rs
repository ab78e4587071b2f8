//! Contained, and it is not.

use serde_json::json;

use super::*;

/// The attacker puts another role's profile on the instance: a second finding names it.
#[tokio::test]
async fn a_finding_that_names_another_role_is_not_answered_by_the_first() {
    let (lab, _) = lab().await;
    let case = lab.deliver(mining()).await;
    lab.settle().await;
    assert_eq!(status(&lab, &case).await, Status::Contained);
    let mut second = another(1);
    second["detail"]["resource"]["instanceDetails"]["iamInstanceProfile"]["arn"] =
        json!("arn:aws:iam::111122223333:instance-profile/batch-worker");
    assert_eq!(lab.deliver(&second.to_string()).await, case);
    lab.settle().await;
    let all = runs(&lab, &case).await;
    assert!(all.len() > 1 || status(&lab, &case).await != Status::Contained, "{all:#?}");
    lab.finish().await;
}

/// The role's sessions are stolen again after they were revoked.
#[tokio::test]
async fn credentials_that_are_stolen_again_are_not_contained() {
    let stolen = fixtures::ALL.iter().find(|(name, _)| *name == "instance-credential-exfiltration");
    let first: Value = serde_json::from_str(stolen.unwrap().1).unwrap();
    for as_version in [true, false] {
        let (lab, _) = lab().await;
        let case = lab.deliver(&first.to_string()).await;
        lab.settle().await;
        assert_eq!(status(&lab, &case).await, Status::Contained);
        lab.clock.advance(std::time::Duration::from_secs(6 * 3600));
        // Another session, seen hours after the revocation.
        let mut again = later(&first, "2026-03-14T15:00:00.000Z", 7);
        again["detail"]["resource"]["accessKeyDetails"]["accessKeyId"] =
            json!("ASIAZ7Q2EXAMPLE00009");
        again["detail"]["service"]["eventLastSeen"] = json!("2026-03-14T14:55:00.000Z");
        if !as_version {
            again["detail"]["id"] = json!("0123456789abcdef0123456789abcdef");
        }
        assert_eq!(lab.deliver(&again.to_string()).await, case);
        lab.settle().await;
        let all = runs(&lab, &case).await;
        let told = lab.told();
        assert!(
            all.len() > 1 || status(&lab, &case).await != Status::Contained,
            "as version {as_version}: {all:#?} {told:#?}"
        );
        lab.finish().await;
    }
}

/// Runs a script that does something `risky` before it contains a role. It has not contained.
async fn is_told(risky: &str, plan: Plan) {
    let source = format!(
        "//! Probe.\nconst RUNBOOK = #{{ on: [\"Never:X/*\"], mode: \"contain\" }};\n\
         fn run(case, p) {{ {risky} contain::revoke_role_sessions(\"web-server\"); }}"
    );
    let (lab, _, _) = faulty_lab(plan, &source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained && done.state != RunState::Succeeded, "{done:?}");
    lab.finish().await;
}

/// The first look is denied.
fn blind() -> Plan {
    Plan::none().counting(Calls::Reads).at(1, Fault::Denied)
}

/// A branch that could not even look, where the script keeps its error.
#[tokio::test]
async fn a_branch_that_could_not_look_is_told_where_its_error_is_kept() {
    let risky = "parallel([|| { let u = look::user(\"deploy-bot\"); \
        contain::disable_access_keys(u.name); }], #{ keep_errors: true });";
    is_told(risky, blind()).await;
}

/// The same outside of `parallel`.
#[tokio::test]
async fn a_caught_look_is_told() {
    let risky = "try { let u = look::user(\"deploy-bot\"); \
        contain::disable_access_keys(u.name); } catch (e) { }";
    is_told(risky, blind()).await;
}

/// A branch's own error that looks like a step's.
#[tokio::test]
async fn a_branch_can_t_pass_its_own_error_off_as_a_steps() {
    let risky = "parallel([|| throw #{ step: \"0\", \
        message: \"the other role is not known\" }], #{ keep_errors: true });";
    is_told(risky, Plan::none()).await;
}

/// A runbook's own error, raised with a field `step`, is no step's.
#[tokio::test]
async fn a_runbook_that_says_no_has_not_contained() {
    let source = "//! Probe.\nconst RUNBOOK = #{ on: [\"Never:X/*\"], mode: \"contain\" };\n\
        fn run(case, p) { contain::revoke_role_sessions(\"web-server\");\n\
        throw #{ step: \"1\", message: \"the other role is not known\" }; }";
    let (lab, _, _) = faulty_lab(Plan::none(), source).await;
    let done = isolate(&lab).await;
    assert!(!done.contained, "{done:?}");
    lab.finish().await;
}

/// The sequence names another role's profile for the instance that it named before.
#[tokio::test]
async fn an_attack_sequence_that_names_another_role_is_asked_about() {
    let (lab, _) = lab().await;
    let case = lab.deliver(&sequence().to_string()).await;
    lab.settle().await;
    decide(&lab, "grace", true).await.unwrap();
    lab.settle().await;
    let mut other = later(&sequence(), "2026-03-14T11:45:12.000Z", 2);
    let resource = "/detail/service/detection/sequence/resources/0";
    *other.pointer_mut(&format!("{resource}/data/ec2Instance/IamInstanceProfile/arn")).unwrap() =
        json!("arn:aws:iam::111122223333:instance-profile/batch-worker");
    assert_eq!(lab.deliver(&other.to_string()).await, case);
    lab.settle().await;
    assert_eq!(pending(&lab).await, 1, "{:#?}", runs(&lab, &case).await);
    lab.finish().await;
}
