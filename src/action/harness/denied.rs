//! Derived policies held against the sandbox, which enforces them: each action under what its role is
//! given, its guards and its undo too, and under that with any one IAM action taken away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::case::{CASES, Case};
use super::drive::Stop;
use super::undo::fold;
use super::{Bench, Record};
use crate::action::{LookError, Need, Params, needs, queries, registry};
use crate::change::{Change, Inverse, Permission, Taggable};
use crate::cloud::{Cloud, ErrorClass, Scope, Session, standing};
use crate::id::AccountId;

/// What is derived and never used by a row of the table, and why it is in the policy all the same.
const UNUSED: &[(&str, &str, &str)] = &[
    ("act::tag_resource", "ec2:DescribeSnapshots", "the table tags no snapshot"),
    ("contain::revoke_role_sessions", CARRIERS, "where that is not allowed, nothing waits for it"),
    ("contain::deny_role_assumption", CARRIERS, "where that is not allowed, nothing waits for it"),
    (
        "contain::disable_access_keys",
        "iam:ListUserTags",
        "the sandbox tells a user's tags with the user; AWS is asked for them",
    ),
];

/// Who carries an instance profile.
const CARRIERS: &str = "ec2:DescribeIamInstanceProfileAssociations";

/// Lists of what a user signs with besides its keys.
const LISTS: [&str; 3] =
    ["iam:ListSSHPublicKeys", "iam:ListSigningCertificates", "iam:ListServiceSpecificCredentials"];

/// As [`UNUSED`], of queries.
const UNUSED_BY_QUERIES: &[(&str, &str, &str)] =
    &[("look::user", "iam:ListUserTags", "as with disable_access_keys")];

fn told(table: &[(&str, &str, &str)]) -> BTreeSet<(String, String)> {
    assert!(table.iter().all(|(.., reason)| !reason.is_empty()));
    table.iter().map(|(verb, action, _)| ((*verb).to_owned(), (*action).to_owned())).collect()
}

fn actions(permissions: &BTreeSet<Permission>) -> BTreeSet<String> {
    permissions.iter().map(|one| one.action.clone()).collect()
}

/// Drives a case whose role does not allow `lacking`; whether that ended it, with its name.
async fn is_denied(case: &Case, lacking: &str) -> bool {
    let name = format!("{} without {lacking}", case.named());
    let bench = Bench::of(case);
    let (action, params) = case.verb();
    let mut step = bench.step("1");
    step.lacks = Some(lacking.to_owned());
    match step.drive(&bench.sandbox, action, &params, None).await {
        Ok(_) => false,
        Err(Stop::Failed(error)) => {
            assert_eq!(error.class, ErrorClass::Denied, "{name}: {error}");
            assert!(error.message.contains(lacking), "{name}: {error}");
            true
        }
        // What can't be listed keeps nothing else back.
        Err(Stop::Refused(reason)) if LISTS.contains(&lacking) => {
            assert!(reason.contains(lacking), "{name}: {reason}");
            true
        }
        // KMS is asked only after CopySnapshot has answered: the copy ends in error and says why.
        Err(Stop::Refused(reason)) if lacking.starts_with("kms:") => {
            assert!(reason.contains(lacking), "{name}: {reason}");
            true
        }
        Err(other) => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_policy_that_lacks_any_one_action_ends_in_a_denial_that_names_it() {
    let mut unused = BTreeSet::new();
    for action in registry() {
        let bench = Bench::new(true);
        for lacking in actions(&action.permissions(&bench.at, &bench.settings)) {
            let mut denied = false;
            for case in CASES.iter().filter(|case| case.action == action.name()) {
                denied |= is_denied(case, &lacking).await;
            }
            if !denied {
                unused.insert((action.name().to_owned(), lacking));
            }
        }
    }
    assert_eq!(unused, told(UNUSED));
}

#[tokio::test]
async fn a_query_that_lacks_any_one_action_is_denied_and_names_it() {
    let mut unused = BTreeSet::new();
    for query in queries() {
        let rows = match query.name() {
            "look::instance" => vec![json!({"instance": "i-000000000000000a1"})],
            "look::profile" => {
                vec![json!({"profile": "arn:aws:iam::111122223333:instance-profile/web"})]
            }
            "look::function" => vec![json!({"function": "export"})],
            "look::role" => vec![json!({"role": "web"})],
            "look::task" => {
                vec![json!({"cluster": "prod", "task": "000000000000000000000000000000a1"})]
            }
            "look::user" => vec![json!({"user": "deploy"}), json!({"key": "AKIAAAAAAAAAAAAAAAA3"})],
            "look::security_group" => vec![json!({"group": "sg-000000000000000f1"})],
            "look::assumed_roles" => vec![json!({"user": "deploy"})],
            other => panic!("{other} is not in the table"),
        };
        let bench = Bench::new(false);
        let permissions = query.permissions(&bench.at);
        for lacking in actions(&permissions) {
            let mut denied = false;
            for row in &rows {
                let mut permissions = permissions.clone();
                permissions.retain(|one| one.action != lacking);
                let session = bench.sandbox.open(Scope { permissions, ..Bench::anything() });
                let given = row.as_object().cloned().unwrap();
                let params = Params::check(query.params(), given).unwrap();
                match query.read(session.as_ref(), &bench.at, &params).await {
                    Ok(_) => {}
                    Err(LookError::Cloud(error)) => {
                        assert_eq!(error.class, ErrorClass::Denied, "{error}");
                        assert!(error.message.contains(&lacking), "{error}");
                        denied = true;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            if !denied {
                unused.insert((query.name().to_owned(), lacking));
            }
        }
    }
    assert_eq!(unused, told(UNUSED_BY_QUERIES));
}

fn need_of(case: &Case, bench: &Bench) -> BTreeMap<AccountId, Need> {
    needs(case.verb().0, &bench.at, &bench.settings, &[])
}

/// Sessions that may do all that the role in an account is given for this case.
fn as_role(bench: &Bench, need: &Need) -> std::sync::Arc<dyn Session> {
    let permissions = need.run.union(&need.undo).cloned().collect();
    bench.sandbox.open(Scope { permissions, ..Bench::anything() })
}

fn inverse(change: &Change) -> Option<Change> {
    match change.inverse() {
        Inverse::Change(inverse) | Inverse::Revives(inverse, _) => Some(inverse),
        Inverse::Kept(_) | Inverse::Lost(_) => None,
    }
}

#[tokio::test]
async fn what_a_role_is_given_is_enough_for_the_changes_in_its_account_their_looks_and_the_guards()
{
    for case in CASES {
        let (bench, step, ..) = case.plain().await;
        let needed = need_of(case, &bench);
        for Record { change, .. } in &step.records {
            let need = &needed[&change.at.account];
            for one in change.permissions() {
                let allowed = need.run.iter().any(|have| have.covers(&one));
                assert!(allowed, "{}: {one:?}", case.named());
            }
            let session = as_role(&bench, need);
            // After a crash, and before an undo.
            standing(session.as_ref(), change).await.unwrap();
            if let Some(subject) = change.subject() {
                session.tags(&bench.at, &subject).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_a_role_is_given_takes_everything_back_and_no_more() {
    let mut used: BTreeSet<Permission> = BTreeSet::new();
    let mut given: BTreeSet<Permission> = BTreeSet::new();
    for case in CASES {
        let (bench, step, ..) = case.plain().await;
        let needed = need_of(case, &bench);
        given.extend(needed.values().flat_map(|need| need.undo.clone()));
        for change in fold(&step.records).iter().rev() {
            let Some(inverse) = inverse(change) else {
                continue;
            };
            let need = &needed[&change.at.account];
            let wanted = inverse.permissions();
            for one in &wanted {
                let all = need.run.iter().chain(&need.undo);
                let by: Vec<_> = all.filter(|have| have.covers(one)).cloned().collect();
                assert!(!by.is_empty(), "{}: {one:?}", case.named());
                used.extend(by);
            }
            let session = as_role(&bench, need);
            standing(session.as_ref(), &inverse).await.unwrap();
            session.apply(&inverse).await.unwrap();
        }
    }
    // The table tags no snapshot.
    let rare = |one: &&Permission| one.part(5) == Some("snapshot/*");
    let never: Vec<_> = given.difference(&used).filter(|one| !rare(one)).collect();
    assert!(never.is_empty(), "{never:?}");
}

#[tokio::test]
async fn the_guards_read_of_a_kind_is_asked_for_where_the_kind_is_touched_and_nowhere_else() {
    for case in CASES.iter().filter(|case| !case.action.starts_with("act::")) {
        let (bench, step, ..) = case.plain().await;
        let need = &need_of(case, &bench)[&bench.at.account];
        let touched: BTreeSet<&str> = step
            .records
            .iter()
            .filter_map(|record| match record.change.subject()? {
                Taggable::Instance(_) | Taggable::SecurityGroup(_) => Some("ec2:DescribeTags"),
                Taggable::Role(_) => Some("iam:ListRoleTags"),
                Taggable::User(_) => Some("iam:ListUserTags"),
                Taggable::Bucket(_) => Some("s3:GetBucketTagging"),
                Taggable::Database(_) => Some("rds:ListTagsForResource"),
                // What the verbs read of them anyway has their tags.
                Taggable::Ecs(_) | Taggable::Volume(_) | Taggable::Snapshot(_) => None,
                Taggable::Function(_) => Some("lambda:ListTags"),
            })
            .collect();
        let read = actions(&need.run);
        for action in [
            "ec2:DescribeTags",
            "iam:ListRoleTags",
            "iam:ListUserTags",
            "s3:GetBucketTagging",
            "rds:ListTagsForResource",
            "lambda:ListTags",
        ] {
            // Where nothing was changed, nothing was touched.
            let expected = touched.contains(action);
            assert!(
                read.contains(action) == expected || touched.is_empty(),
                "{} {action}",
                case.named()
            );
        }
    }
}

#[test]
fn no_session_of_a_step_is_too_long_for_sts_and_all_keep_their_exact_resources() {
    let bench = Bench::new(true);
    let forensics = bench.settings.forensics.clone().unwrap().account;
    for action in registry() {
        let permissions = action.permissions(&bench.at, &bench.settings);
        for account in [&bench.at.account, &forensics] {
            let policy = Permission::session_policy(&permissions, account).unwrap();
            assert!(policy.chars().count() <= 2048, "{}", action.name());
            let in_place = permissions.iter().filter(|one| one.part(4) == Some(account.as_str()));
            for one in in_place {
                assert!(policy.contains(&one.resource), "{}: {one:?}", action.name());
            }
        }
    }
}
