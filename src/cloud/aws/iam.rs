//! Reads and changes of IAM. Lists are followed to the last page; `NoSuchEntity` is an absence.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType, Tag};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::{document, iam_tags, parsed, parsed_if_there, rfc3339};
use super::ec2_apply::{Touched, confirmed, refused, touched};
use super::errors::{Answer, read};
use crate::change::{Change, Document, KeyStatus, Kind, LoginProfile, Taggable, Tags, policy_text};
use crate::cloud::{Receipt, Result, Role, User, UserKey};
use crate::id::{AccessKeyId, RoleName, UserName};

pub(super) async fn role(client: &Client, name: &RoleName) -> Result<Option<Role>> {
    const OPERATION: &str = "iam:GetRole";
    let answer = if_there(OPERATION, client.get_role().role_name(name.as_str()).send().await)?;
    let Some(found) = answer.as_ref().and_then(|answer| answer.role()) else {
        return Ok(None);
    };
    let profiles = client
        .list_instance_profiles_for_role()
        .role_name(name.as_str())
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|e| read("iam:ListInstanceProfilesForRole", e))?;
    Ok(Some(Role {
        name: name.clone(),
        arn: found.arn().to_owned(),
        path: found.path().to_owned(),
        unique_id: found.role_id().to_owned(),
        trust: document(OPERATION, found.assume_role_policy_document().unwrap_or("{}"))?,
        instance_profiles: profiles.iter().map(|p| p.instance_profile_name().to_owned()).collect(),
        tags: iam_tags(found.tags()),
    }))
}

pub(super) async fn profile_role(client: &Client, profile_arn: &str) -> Result<Option<RoleName>> {
    const OPERATION: &str = "iam:GetInstanceProfile";
    // arn:aws:iam::123456789012:instance-profile/path/name
    let name = profile_arn.rsplit('/').next().unwrap_or_default();
    let call = client.get_instance_profile().instance_profile_name(name);
    let answer = if_there(OPERATION, call.send().await)?;
    // A profile holds one role at most (IAM User Guide, instance profiles).
    let profile = answer.as_ref().and_then(|answer| answer.instance_profile());
    let role = profile.and_then(|profile| profile.roles().first());
    parsed_if_there(OPERATION, role.map(|role| role.role_name()))
}

pub(super) async fn role_policy(
    client: &Client,
    role: &RoleName,
    policy: &str,
) -> Result<Option<Document>> {
    const OPERATION: &str = "iam:GetRolePolicy";
    let call = client.get_role_policy().role_name(role.as_str()).policy_name(policy);
    let answer = if_there(OPERATION, call.send().await)?;
    answer.map(|answer| document(OPERATION, answer.policy_document())).transpose()
}

pub(super) async fn user_policy(
    client: &Client,
    user: &UserName,
    policy: &str,
) -> Result<Option<Document>> {
    const OPERATION: &str = "iam:GetUserPolicy";
    let call = client.get_user_policy().user_name(user.as_str()).policy_name(policy);
    let answer = if_there(OPERATION, call.send().await)?;
    answer.map(|answer| document(OPERATION, answer.policy_document())).transpose()
}

/// `None` also for the root user's key, whose answer names no user.
pub(super) async fn key_owner(client: &Client, key: &AccessKeyId) -> Result<Option<UserName>> {
    const OPERATION: &str = "iam:GetAccessKeyLastUsed";
    let call = client.get_access_key_last_used().access_key_id(key.as_str());
    let answer = if_there(OPERATION, call.send().await)?;
    parsed_if_there(OPERATION, answer.as_ref().and_then(|answer| answer.user_name()))
}

pub(super) async fn user(client: &Client, name: &UserName) -> Result<Option<User>> {
    const OPERATION: &str = "iam:GetUser";
    let answer = if_there(OPERATION, client.get_user().user_name(name.as_str()).send().await)?;
    let Some(found) = answer.as_ref().and_then(|answer| answer.user()) else {
        return Ok(None);
    };
    // A user that is deleted between two of these calls is gone, not an error.
    let Some(keys) = keys(client, name).await? else {
        return Ok(None);
    };
    let Some(tags) = user_tags(client, name).await? else {
        return Ok(None);
    };
    Ok(Some(User {
        name: name.clone(),
        arn: found.arn().to_owned(),
        unique_id: found.user_id().to_owned(),
        keys,
        login_profile: login_profile(client, name).await?,
        tags,
    }))
}

async fn keys(client: &Client, name: &UserName) -> Result<Option<Vec<UserKey>>> {
    const OPERATION: &str = "iam:ListAccessKeys";
    let pages = client.list_access_keys().user_name(name.as_str()).into_paginator().items().send();
    let found: Option<Vec<AccessKeyMetadata>> = if_there(OPERATION, pages.collect().await)?;
    let Some(found) = found else {
        return Ok(None);
    };
    let mut keys = Vec::new();
    for key in &found {
        let status = status(key.status());
        keys.push(UserKey { id: parsed(OPERATION, key.access_key_id())?, status });
    }
    Ok(Some(keys))
}

/// `Expired` can't be used any more; a status that we do not know must not pass for contained.
pub(super) fn status(told: Option<&StatusType>) -> KeyStatus {
    match told {
        Some(StatusType::Inactive) => KeyStatus::Inactive,
        Some(other) if other.as_str() == "Expired" => KeyStatus::Inactive,
        _ => KeyStatus::Active,
    }
}

pub(super) fn status_type(status: KeyStatus) -> StatusType {
    match status {
        KeyStatus::Active => StatusType::Active,
        KeyStatus::Inactive => StatusType::Inactive,
    }
}

async fn login_profile(client: &Client, name: &UserName) -> Result<Option<LoginProfile>> {
    let call = client.get_login_profile().user_name(name.as_str());
    let answer = if_there("iam:GetLoginProfile", call.send().await)?;
    let profile = answer.as_ref().and_then(|answer| answer.login_profile());
    Ok(profile.map(|profile| LoginProfile {
        created: rfc3339(profile.create_date()),
        reset_required: profile.password_reset_required(),
    }))
}

pub(super) async fn role_tags(client: &Client, name: &RoleName) -> Result<Option<Tags>> {
    let pages = client.list_role_tags().role_name(name.as_str()).into_paginator().items().send();
    let tags: Option<Vec<Tag>> = if_there("iam:ListRoleTags", pages.collect().await)?;
    Ok(tags.as_deref().map(iam_tags))
}

pub(super) async fn user_tags(client: &Client, name: &UserName) -> Result<Option<Tags>> {
    let pages = client.list_user_tags().user_name(name.as_str()).into_paginator().items().send();
    let tags: Option<Vec<Tag>> = if_there("iam:ListUserTags", pages.collect().await)?;
    Ok(tags.as_deref().map(iam_tags))
}

/// The answer to a read, or nothing where IAM knows no such entity.
pub(super) fn if_there<A, E>(operation: &str, answer: Answer<A, E>) -> Result<Option<A>>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if absent(error.code()) => Ok(None),
        Err(error) => Err(read(operation, error)),
    }
}

fn absent(code: Option<&str>) -> bool {
    matches!(code, Some("NoSuchEntity" | "NoSuchEntityException"))
}

/// Makes every change of IAM but tags.
pub(super) async fn apply(client: &Client, change: &Change) -> Result<Receipt> {
    let operation = change.operation();
    match &change.kind {
        Kind::RolePolicy { role, policy, after: Some(document), .. } => confirmed(
            operation,
            client
                .put_role_policy()
                .role_name(role.as_str())
                .policy_name(policy)
                .policy_document(policy_text(document))
                .send()
                .await,
        ),
        Kind::RolePolicy { role, policy, after: None, .. } => confirmed(
            operation,
            client.delete_role_policy().role_name(role.as_str()).policy_name(policy).send().await,
        ),
        Kind::UserPolicy { user, policy, after: Some(document), .. } => confirmed(
            operation,
            client
                .put_user_policy()
                .user_name(user.as_str())
                .policy_name(policy)
                .policy_document(policy_text(document))
                .send()
                .await,
        ),
        Kind::UserPolicy { user, policy, after: None, .. } => confirmed(
            operation,
            client.delete_user_policy().user_name(user.as_str()).policy_name(policy).send().await,
        ),
        Kind::AccessKey { user, key, after, .. } => confirmed(
            operation,
            client
                .update_access_key()
                .user_name(user.as_str())
                .access_key_id(key.as_str())
                .status(status_type(*after))
                .send()
                .await,
        ),
        Kind::DeleteLoginProfile { user, .. } => confirmed(
            operation,
            client.delete_login_profile().user_name(user.as_str()).send().await,
        ),
        Kind::Credential { .. }
        | Kind::InterfaceGroups { .. }
        | Kind::ElasticAddress { .. }
        | Kind::TerminationProtection { .. }
        | Kind::ShutdownBehavior { .. }
        | Kind::DeleteOnTermination { .. }
        | Kind::CreateGroup { .. }
        | Kind::GroupRules { .. }
        | Kind::CreateSnapshots { .. }
        | Kind::CopySnapshot { .. }
        | Kind::SnapshotSharing { .. }
        | Kind::GroupMinimum { .. }
        | Kind::Standby { .. }
        | Kind::Balancer(_)
        | Kind::InstanceProfile(_)
        | Kind::PublicAccess { .. }
        | Kind::SnapshotLock(_)
        | Kind::Finding(_)
        | Kind::Database(_)
        | Kind::Task(_)
        | Kind::Trust(_)
        | Kind::Function(_)
        | Kind::Tags { .. } => Err(refused(operation, "this change is made elsewhere")),
    }
}

/// Sets or removes tags of a role or a user.
pub(super) async fn tags(
    client: &Client,
    change: &Change,
    resource: &Taggable,
    before: &Tags,
    after: &Tags,
) -> Result<Receipt> {
    let operation = change.operation();
    match (resource, touched(operation, before, after)?) {
        (Taggable::Role(name), Touched::Set(tags)) => confirmed(
            operation,
            client
                .tag_role()
                .role_name(name.as_str())
                .set_tags(Some(tag_list(operation, &tags)?))
                .send()
                .await,
        ),
        (Taggable::Role(name), Touched::Removed(tags)) => confirmed(
            operation,
            client
                .untag_role()
                .role_name(name.as_str())
                .set_tag_keys(Some(tags.into_keys().collect()))
                .send()
                .await,
        ),
        (Taggable::User(name), Touched::Set(tags)) => confirmed(
            operation,
            client
                .tag_user()
                .user_name(name.as_str())
                .set_tags(Some(tag_list(operation, &tags)?))
                .send()
                .await,
        ),
        (Taggable::User(name), Touched::Removed(tags)) => confirmed(
            operation,
            client
                .untag_user()
                .user_name(name.as_str())
                .set_tag_keys(Some(tags.into_keys().collect()))
                .send()
                .await,
        ),
        _ => Err(refused(operation, "not a resource of IAM")),
    }
}

fn tag_list(operation: &str, tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| refused(operation, "a tag needs a key and a value"))
}
