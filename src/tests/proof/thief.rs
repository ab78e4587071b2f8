//! What is left to somebody who has stolen credentials, once Tourniquet has contained them.

use serde_json::{Value, json};

use super::account::{Account, EXTERNAL_ID, HUB, allowing, hub};
use super::incident::{self, ROLE, USER};
use super::lacking::derived;
use super::principal::{DONE, Principal, Saying, code};
use super::service::Service;
use crate::end_to_end::account::wait;

/// An account whose responder may do what the runbook's derived policy says, and no more.
fn account(id: &str, runbook: &str) -> Account {
    Account::new(id, &derived(runbook, id))
}

/// Lets the service contain what a finding tells of.
fn contained(account: &Account, finding: &Value) {
    let mut service = Service::start([account]);
    let begun = service.send(account, finding);
    let ended = service.over(&[&begun]);
    let case = service.case(&begun);
    let log = service.server.log();
    assert_eq!(case["status"], "contained", "{ended:?}\n{log}");
}

fn codes(told: [&str; 3]) -> [String; 3] {
    told.map(str::to_owned)
}

/// What EC2, S3 and IAM say to a principal that a policy denies.
const DENIED: [&str; 3] = ["UnauthorizedOperation", "AccessDenied", "AccessDenied"];
/// What they say to a key that is not active.
const UNKNOWN: [&str; 3] = ["AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId"];

#[test]
fn stolen_sessions_of_a_role_are_denied_everything_and_a_new_one_works() {
    let account = account("781000000001", "stolen-role-credentials");
    let finding = incident::stolen_role(&account);
    let trusted = format!("arn:aws:iam::{}:root", account.id);
    account.role("reporting", &allowing("sts:AssumeRole", Some(&trusted)), &allowing("*", None));
    let workload = Principal::user(&account.user("workload", &allowing("sts:AssumeRole", None)));
    let session = |role: &str| {
        let arn = format!("arn:aws:iam::{}:role/{role}", account.id);
        Principal::session(&workload.assume(&arn, &Saying::default()).unwrap())
    };
    let (thief, reporting) = (session(ROLE), session("reporting"));
    for one in [&thief, &reporting] {
        assert_eq!(one.tries("workload"), codes([DONE; 3]), "before");
    }

    contained(&account, &finding);

    assert_eq!(thief.tries("workload"), codes(DENIED));
    // The thief can't take it back, either.
    let iam = thief.iam();
    let call = iam.delete_role_policy().role_name(ROLE).policy_name("AWSRevokeOlderSessions");
    assert_eq!(wait(call.send()).map_err(code).unwrap_err(), "AccessDenied");
    assert_eq!(session(ROLE).tries("workload"), codes([DONE; 3]), "a new session");
    assert_eq!(reporting.tries("workload"), codes([DONE; 3]), "another role");
}

#[test]
fn leaked_keys_and_the_sessions_made_of_them_are_denied_everything() {
    let account = account("782000000001", "leaked-access-key");
    let (first, finding) = incident::user_whose_key_leaked(&account);
    let second = account.key(USER);
    let colleague = Principal::user(&account.user("colleague", &allowing("*", None)));
    let keys = [Principal::user(&first), Principal::user(&second)];
    let session = |of: &Principal| {
        let given = wait(of.sts().get_session_token().send()).map_err(code)?;
        Ok::<_, String>(Principal::session(&given.credentials.unwrap()))
    };
    let stolen = session(&keys[0]).unwrap();
    for one in [&keys[0], &keys[1], &stolen, &colleague] {
        assert_eq!(one.tries(USER), codes([DONE; 3]), "before");
    }

    contained(&account, &finding);

    for key in &keys {
        assert_eq!(key.tries(USER), codes(UNKNOWN));
        assert_eq!(session(key).err().as_deref(), Some("InvalidClientTokenId"));
    }
    // A session lives on when its key is disabled: only the deny ends it.
    assert_eq!(stolen.tries(USER), codes(DENIED));
    let iam = stolen.iam();
    let call = iam.update_access_key().user_name(USER).access_key_id(first.access_key_id());
    let call = call.status(aws_sdk_iam::types::StatusType::Active);
    assert_eq!(wait(call.send()).map_err(code).unwrap_err(), "AccessDenied");
    let call = iam.create_access_key().user_name(USER);
    assert_eq!(wait(call.send()).map_err(code).unwrap_err(), "AccessDenied");
    let call = iam.delete_user_policy().user_name(USER).policy_name("TourniquetDenyAll");
    assert_eq!(wait(call.send()).map_err(code).unwrap_err(), "AccessDenied");
    // Somebody who turns a key on again by hand has not let the thief in.
    let call = account.root.iam().update_access_key().user_name(USER);
    let call = call.access_key_id(first.access_key_id());
    wait(call.status(aws_sdk_iam::types::StatusType::Active).send()).unwrap();
    assert_eq!(keys[0].tries(USER), codes(DENIED));
    // The others work on, in new sessions, too.
    assert_eq!(colleague.tries(USER), codes([DONE; 3]));
    assert_eq!(session(&colleague).unwrap().tries(USER), codes([DONE; 3]));
}

#[test]
fn a_responder_role_is_assumed_by_the_hub_alone_with_its_external_id_and_for_a_case() {
    let account = account("783000000001", "observe");
    // One that trusts the hub's account no less, but is none of ours.
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{HUB}:root")},
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}]});
    account.role("admin", &trust, &allowing("*", None));
    let service = Principal::session(hub());
    let same_account = Account::bare(HUB);
    let rights = allowing("sts:*", None);
    let colleague = Principal::user(&same_account.user("colleague-of-the-hub", &rights));
    let right = Saying { external_id: Some(EXTERNAL_ID), source_identity: Some("case-1") };

    let ours = account.responder();
    let given = service.assume(&ours, &right).unwrap();
    assert!(wait(Principal::session(&given).ec2().describe_instances().send()).is_ok());
    for wrong in [
        Saying { external_id: None, ..right },
        Saying { external_id: Some("a guess"), ..right },
        Saying { source_identity: None, ..right },
        Saying { source_identity: Some("somebody"), ..right },
    ] {
        assert_eq!(service.assume(&ours, &wrong).unwrap_err(), "AccessDenied");
    }
    assert_eq!(colleague.assume(&ours, &right).unwrap_err(), "AccessDenied");
    let admin = format!("arn:aws:iam::{}:role/admin", account.id);
    assert!(colleague.assume(&admin, &right).is_ok());
    assert_eq!(service.assume(&admin, &right).unwrap_err(), "AccessDenied");
}
