//! Roles, users, policies, keys and passwords.

use serde_json::json;

use super::{Bench, Console, Outcome, equal, holds, some, text};
use crate::change::{Change, Document, KeyStatus, Kind};
use crate::cloud::{ErrorClass, Standing, User};
use crate::id::{AccessKeyId, RoleName, UserName};

const POLICY: &str = "AWSRevokeOlderSessions";

fn deny(until: &str) -> Document {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": until}},
    }]})
}

async fn read(bench: &Bench<'_>, name: &UserName) -> Outcome<User> {
    some("user", bench.session.user(bench.here(), name).await.map_err(text)?)
}

pub async fn reads_a_role_with_its_profiles(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    for path in ["/", "/service/web/"] {
        let name = bench.fixture().role(at, path).await?;
        let arn = bench.fixture().profile(at, &name).await?;
        let role = some("role", bench.session.role(at, &name).await.map_err(text)?)?;
        equal("name", &role.name, &name)?;
        equal("path", &role.path.as_str(), &path)?;
        equal("arn", &role.arn, &format!("arn:aws:iam::{}:role{path}{name}", at.account))?;
        holds("the unique id is a role's", role.unique_id.starts_with("AROA"))?;
        let profile = arn.rsplit('/').next().unwrap_or_default().to_owned();
        equal("profiles", &role.instance_profiles, &[profile].into())?;
        equal(
            "role of the profile",
            &bench.session.profile_role(at, &arn).await.map_err(text)?,
            &Some(name),
        )?;
    }
    let unknown: RoleName = bench.unique("no-role").parse().unwrap();
    equal("role", &bench.session.role(at, &unknown).await.map_err(text)?, &None)?;
    let arn = format!("arn:aws:iam::{}:instance-profile/{unknown}", at.account);
    equal("role of the profile", &bench.session.profile_role(at, &arn).await.map_err(text)?, &None)
}

pub async fn puts_replaces_and_deletes_a_role_policy(bench: &Bench<'_>) -> Outcome {
    let role = bench.fixture().role(bench.here(), "/").await?;
    let (first, second) = (deny("2026-01-01T00:00:00Z"), deny("2026-01-02T00:00:00Z"));
    let change = |before: Option<&Document>, after: Option<&Document>| {
        bench.change(Kind::RolePolicy {
            role: role.clone(),
            policy: POLICY.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        })
    };
    let put = change(None, Some(&first));
    bench.passes(&put).await?;
    bench.apply(&put).await?;
    bench.passes(&change(Some(&first), Some(&second))).await?;
    let found = bench.session.role_policy(bench.here(), &role, POLICY).await.map_err(text)?;
    equal("policy", &found, &Some(second.clone()))?;
    let drift = crate::cloud::standing(bench.session.as_ref(), &put).await.map_err(text)?;
    holds("another document is drift", matches!(drift, Standing::Other(_)))?;
    let delete = change(Some(&second), None);
    bench.passes(&delete).await?;
    bench.refuses(&delete, &[ErrorClass::Gone]).await?;
    equal(
        "policy",
        &bench.session.role_policy(bench.here(), &role, POLICY).await.map_err(text)?,
        &None,
    )
}

pub async fn refuses_policies_of_an_unknown_role(bench: &Bench<'_>) -> Outcome {
    let role: RoleName = bench.unique("no-role").parse().unwrap();
    equal(
        "policy",
        &bench.session.role_policy(bench.here(), &role, POLICY).await.map_err(text)?,
        &None,
    )?;
    let document = deny("2026-01-01T00:00:00Z");
    for (before, after) in [(None, Some(document.clone())), (Some(document.clone()), None)] {
        let kind =
            Kind::RolePolicy { role: role.clone(), policy: POLICY.to_owned(), before, after };
        let change = bench.change(kind);
        bench.stands(&change, &Standing::Gone).await?;
        bench.refuses(&change, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}

pub async fn refuses_a_malformed_policy(bench: &Bench<'_>) -> Outcome {
    let role = bench.fixture().role(bench.here(), "/").await?;
    let malformed = [
        json!({}),
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Forbid", "Action": "*", "Resource": "*"}]}),
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Resource": "*"}]}),
    ];
    for document in malformed {
        let kind = Kind::RolePolicy {
            role: role.clone(),
            policy: POLICY.to_owned(),
            before: None,
            after: Some(document),
        };
        let change = bench.change(kind);
        bench.refuses(&change, &[ErrorClass::Invalid]).await?;
        bench.stands(&change, &Standing::Before).await?;
    }
    Ok(())
}

pub async fn keeps_service_roles(bench: &Bench<'_>) -> Outcome {
    for path in ["/aws-service-role/guardduty.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/"] {
        let role = bench.fixture().role(bench.here(), path).await?;
        let after = Some(deny("2026-01-01T00:00:00Z"));
        let change =
            bench.change(Kind::RolePolicy { role, policy: POLICY.to_owned(), before: None, after });
        bench.refuses(&change, &[ErrorClass::Denied]).await?;
        bench.stands(&change, &Standing::Before).await?;
    }
    Ok(())
}

pub async fn reads_a_user_with_keys_and_password(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    for (keys, console) in [(0, Console::Password), (1, Console::None), (2, Console::Password)] {
        let name = bench.fixture().user(at, keys, console).await?;
        let user = read(bench, &name).await?;
        equal("name", &user.name, &name)?;
        holds(
            "the ARN names it",
            user.arn.ends_with(&format!("/{name}")) && user.arn.contains(at.account.as_str()),
        )?;
        holds("the unique id is a user's", user.unique_id.starts_with("AIDA"))?;
        equal("keys", &user.keys.len(), &keys)?;
        holds("keys are active", user.keys.iter().all(|key| key.status == KeyStatus::Active))?;
        equal("password", &user.login_profile.is_some(), &(console == Console::Password))?;
        for key in &user.keys {
            equal(
                "owner",
                &bench.session.key_owner(at, &key.id).await.map_err(text)?,
                &Some(name.clone()),
            )?;
        }
    }
    let unknown: UserName = bench.unique("no-user").parse().unwrap();
    equal("user", &bench.session.user(at, &unknown).await.map_err(text)?, &None)?;
    let key: AccessKeyId = "AKIA0000000000000000".parse().unwrap();
    equal("owner", &bench.session.key_owner(at, &key).await.map_err(text)?, &None)
}

pub async fn puts_and_deletes_a_user_policy(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let user = bench.fixture().user(at, 0, Console::None).await?;
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    let change = |user: &UserName, before: Option<&Document>, after: Option<&Document>| {
        bench.change(Kind::UserPolicy {
            user: user.clone(),
            policy: "DenyAll".to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        })
    };
    let put = change(&user, None, Some(&all));
    bench.passes(&put).await?;
    bench.apply(&put).await?;
    equal(
        "policy",
        &bench.session.user_policy(at, &user, "DenyAll").await.map_err(text)?,
        &Some(all.clone()),
    )?;
    let delete = change(&user, Some(&all), None);
    bench.passes(&delete).await?;
    bench.refuses(&delete, &[ErrorClass::Gone]).await?;
    let unknown: UserName = bench.unique("no-user").parse().unwrap();
    equal(
        "policy",
        &bench.session.user_policy(at, &unknown, "DenyAll").await.map_err(text)?,
        &None,
    )?;
    let lost = change(&unknown, None, Some(&all));
    bench.stands(&lost, &Standing::Gone).await?;
    bench.refuses(&lost, &[ErrorClass::Gone]).await.map(drop)
}

fn switch(
    bench: &Bench<'_>,
    user: &UserName,
    key: &AccessKeyId,
    before: KeyStatus,
    after: KeyStatus,
) -> Change {
    bench.change(Kind::AccessKey { user: user.clone(), key: key.clone(), before, after })
}

pub async fn switches_access_keys(bench: &Bench<'_>) -> Outcome {
    let name = bench.fixture().user(bench.here(), 2, Console::None).await?;
    let keys = read(bench, &name).await?.keys;
    let off = switch(bench, &name, &keys[0].id, KeyStatus::Active, KeyStatus::Inactive);
    bench.passes(&off).await?;
    bench.apply(&off).await?;
    bench.stands(&off, &Standing::After).await?;
    let user = read(bench, &name).await?;
    holds("the other key is as it was", user.keys.contains(&keys[1]))?;
    let on = switch(bench, &name, &keys[0].id, KeyStatus::Inactive, KeyStatus::Active);
    bench.passes(&on).await.map(drop)
}

pub async fn refuses_keys_that_are_not_there(bench: &Bench<'_>) -> Outcome {
    let known = bench.fixture().user(bench.here(), 1, Console::None).await?;
    let unknown: UserName = bench.unique("no-user").parse().unwrap();
    let key: AccessKeyId = "AKIA0000000000000000".parse().unwrap();
    for user in [known, unknown] {
        let change = switch(bench, &user, &key, KeyStatus::Active, KeyStatus::Inactive);
        bench.stands(&change, &Standing::Gone).await?;
        bench.refuses(&change, &[ErrorClass::Gone]).await?;
    }
    Ok(())
}

pub async fn removes_a_password_once(bench: &Bench<'_>) -> Outcome {
    let name = bench.fixture().user(bench.here(), 0, Console::Password).await?;
    let before = some("password", read(bench, &name).await?.login_profile)?;
    holds("its creation is a time", before.created.parse::<jiff::Timestamp>().is_ok())?;
    let delete = |user: &UserName| {
        bench.change(Kind::DeleteLoginProfile { user: user.clone(), before: before.clone() })
    };
    bench.passes(&delete(&name)).await?;
    bench.refuses(&delete(&name), &[ErrorClass::Gone]).await?;
    let unknown: UserName = bench.unique("no-user").parse().unwrap();
    bench.stands(&delete(&unknown), &Standing::Gone).await?;
    bench.refuses(&delete(&unknown), &[ErrorClass::Gone]).await.map(drop)
}
