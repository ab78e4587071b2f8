//! Who a session is, and who it may not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::assume::{policy, session_name};
use super::{HUB, REGION, aws, fresh_account, hub, place};
use crate::change::{Permission, Urgency};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::cloud::aws::{AccountAccess, Aws, AwsSettings};
use crate::cloud::{Cloud, CloudError, ErrorClass, Scope, Session};
use crate::id::Place;
use crate::tests::moto::Moto;

fn scope(case: &str, run: Option<&str>, step: &str) -> Scope {
    Scope {
        case: case.parse().unwrap(),
        run: run.map(|run| run.parse().unwrap()),
        step: step.to_owned(),
        permissions: BTreeSet::from([Permission::new("ec2:Describe*", "*")]),
        urgency: Urgency::Containment,
    }
}

/// One call to the account: a look at an instance that is not there.
async fn look(session: &dyn Session, at: &Place) -> Result<(), CloudError> {
    let unknown = "i-0123456789abcdef0".parse().unwrap();
    assert_eq!(session.instance(at, &unknown).await?, None);
    Ok(())
}

/// The AssumeRole calls that moto saw for an account.
fn assumed(moto: &Moto, account: &crate::id::AccountId) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(&moto.assumed_roles()).unwrap();
    let ours = |call: &Value| call["RoleArn"].as_str().unwrap().contains(account.as_str());
    all.into_iter().filter(ours).collect()
}

#[tokio::test]
async fn sts_learns_who_acts_and_why_once_a_step() {
    let moto = Moto::shared();
    let account = fresh_account();
    moto.responder_role(account.as_str(), "right");
    let aws = aws(moto, &[&account], "right").await;
    let at = place(&account);
    let session = aws.open(scope("case-0007", Some("run-0008"), "2[17]/3"));
    for _ in 0..3 {
        look(session.as_ref(), &at).await.unwrap();
    }
    let calls = assumed(moto, &account);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["SourceIdentity"], "case-0007");
    assert_eq!(calls[0]["RoleSessionName"], "run-0008-2.17..3");
    assert_eq!(calls[0]["DurationSeconds"].to_string().trim_matches('"'), "900");
    let policy: Value = serde_json::from_str(calls[0]["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Action"][0], "ec2:Describe*");
    // Another step is another session, with its own name in CloudTrail.
    let other = aws.open(scope("case-0007", Some("run-0008"), "4"));
    look(other.as_ref(), &at).await.unwrap();
    assert_eq!(assumed(moto, &account)[1]["RoleSessionName"], "run-0008-4");
}

#[tokio::test]
async fn a_steps_repeated_opens_assume_the_role_once_for_each_policy() {
    let moto = Moto::shared();
    let account = fresh_account();
    moto.responder_role(account.as_str(), "right");
    let aws = aws(moto, &[&account], "right").await;
    let at = place(&account);
    let step = || scope("case-0011", Some("run-0011"), "1");
    // Every look of a step and every round of changes opens its session anew; branches do at once.
    let sessions: Vec<_> = (0..5).map(|_| aws.open(step())).collect();
    let looks = sessions.iter().map(|session| look(session.as_ref(), &at));
    for looked in futures::future::join_all(looks).await {
        looked.unwrap();
    }
    look(aws.open(step()).as_ref(), &at).await.unwrap();
    assert_eq!(assumed(moto, &account).len(), 1);
    // How urgent a step is has nothing to do with what it may.
    let calm = Scope { urgency: Urgency::Description, ..step() };
    look(aws.open(calm).as_ref(), &at).await.unwrap();
    assert_eq!(assumed(moto, &account).len(), 1);
    let more = Permission::new("ec2:CreateTags", "*");
    let wider =
        Scope { permissions: step().permissions.into_iter().chain([more]).collect(), ..step() };
    look(aws.open(wider).as_ref(), &at).await.unwrap();
    look(aws.open(step()).as_ref(), &at).await.unwrap();
    let calls = assumed(moto, &account);
    assert_eq!(calls.len(), 2, "one for each policy: {calls:?}");
    assert!(calls[1]["Policy"].as_str().unwrap().contains("CreateTags"));
}

#[tokio::test]
async fn no_case_gets_the_credentials_of_another() {
    let moto = Moto::shared();
    let account = fresh_account();
    moto.responder_role(account.as_str(), "right");
    let aws = aws(moto, &[&account], "right").await;
    let at = place(&account);
    for case in ["case-0012", "case-0013", "case-0012"] {
        // Run, step and policy are the same; SourceIdentity can't be changed in a session.
        look(aws.open(scope(case, Some("run-0012"), "1")).as_ref(), &at).await.unwrap();
    }
    let sources: Vec<String> =
        assumed(moto, &account).iter().map(|call| call["SourceIdentity"].to_string()).collect();
    assert_eq!(sources, ["\"case-0012\"", "\"case-0013\""]);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire() {
    let moto = Moto::shared();
    let account = fresh_account();
    let role_arn = Some(moto.responder_role(account.as_str(), "right"));
    let clock = ManualClock::at(SystemClock::new().now());
    let access = AccountAccess { role_arn, external_id: Some("right".to_owned()) };
    let settings = AwsSettings {
        region: REGION.parse().unwrap(),
        accounts: BTreeMap::from([(account.clone(), access)]),
    };
    let hub = hub(&moto.url()).await;
    let aws = Aws::with_hub(hub, settings, Arc::new(clock.clone())).unwrap();
    let session = aws.open(scope("case-0009", None, "1"));
    // A session lasts 15 minutes and is replaced in the last of them.
    for (minutes, calls) in [(0, 1), (13, 1), (2, 2)] {
        clock.advance(Duration::from_secs(minutes * 60));
        look(session.as_ref(), &place(&account)).await.unwrap();
        assert_eq!(assumed(moto, &account).len(), calls, "after {minutes} more minutes");
    }
}

#[tokio::test]
async fn the_wrong_external_id_opens_nothing() {
    let moto = Moto::shared();
    let account = fresh_account();
    moto.responder_role(account.as_str(), "right");
    let session = aws(moto, &[&account], "wrong").await.open(scope("case-0001", None, "1"));
    let error = look(session.as_ref(), &place(&account)).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Denied, "AccessDenied"));
    assert!(assumed(moto, &account).is_empty());
}

#[tokio::test]
async fn without_a_role_only_the_hubs_own_account_is_reached() {
    let moto = Moto::shared();
    let session = aws(moto, &[], "").await.open(scope("case-0002", None, "1"));
    let own = HUB.parse().unwrap();
    look(session.as_ref(), &place(&own)).await.unwrap();
    let error = look(session.as_ref(), &place(&fresh_account())).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Denied, "NoRoleConfigured"));
}

#[tokio::test]
async fn a_role_of_another_account_is_refused_at_the_start() {
    for role_arn in [
        "arn:aws:iam::999999999999:role/tourniquet",
        "arn:aws:iam::111122223333:user/tourniquet",
        "arn:aws:sts::111122223333:role/tourniquet",
        "tourniquet",
    ] {
        let access = AccountAccess { role_arn: Some(role_arn.to_owned()), external_id: None };
        let settings = AwsSettings {
            region: REGION.parse().unwrap(),
            accounts: BTreeMap::from([("111122223333".parse().unwrap(), access)]),
        };
        let error = Aws::connect(settings, Arc::new(SystemClock::new())).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Invalid, "{role_arn}");
    }
}

#[test]
fn session_names_keep_to_what_sts_allows() {
    let long = "run-0123456789abcdef0123456789abcdef";
    for (run, step, name) in [
        (Some("run-0001"), "3", "run-0001-3"),
        (Some("run-0001"), "2[17]/3", "run-0001-2.17..3"),
        (None, "confirm finding", "case-0001-confirm.finding"),
        (Some(long), "ü:/", "run-0123456789abcdef0123456789abcdef-..."),
        (Some(long), &"9".repeat(64), &format!("{long}-{}", "9".repeat(27))),
    ] {
        let found = session_name(&scope("case-0001", run, step));
        assert_eq!(found, name);
        assert!((2..=64).contains(&found.len()));
    }
}

#[tokio::test]
async fn a_session_policy_that_sts_would_not_take_is_no_session_at_all() {
    let moto = Moto::shared();
    let account = fresh_account();
    moto.responder_role(account.as_str(), "right");
    let aws = aws(moto, &[&account], "right").await;
    let many = (0..100).map(|n| Permission::new(&format!("ec2:DescribeSomething{n}"), "*"));
    let scope = Scope { permissions: many.collect(), ..scope("case-0003", None, "1") };
    let error = look(aws.open(scope).as_ref(), &place(&account)).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Invalid, "SessionPolicyTooLong"));
    assert!(error.message.starts_with("E0511"), "{error}");
    assert!(assumed(moto, &account).is_empty());
}

#[test]
fn a_session_without_permissions_is_denied_everything() {
    let account = fresh_account();
    let denied: Value = serde_json::from_str(&policy(&BTreeSet::new(), &account).unwrap()).unwrap();
    assert_eq!(denied["Statement"][0]["Effect"], "Deny");
    let one = BTreeSet::from([Permission::new("iam:GetUser", "*")]);
    let text = policy(&one, &account).unwrap();
    assert!(text.contains("iam:GetUser") && text.contains("Allow"));
}
