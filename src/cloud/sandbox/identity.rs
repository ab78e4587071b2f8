//! Roles and users as IAM treats them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::policy;
use super::refusal::Refused;
use super::settle::Settling;
use super::world::{RoleState, UserState, World};
use crate::change::{Document, KeyStatus, policy_text};
use crate::id::{AccessKeyId, AccountId, RoleName, UserName};

/// Characters of all inline policies of a role, without white space (IAM quotas).
const ROLE_POLICIES_MAX: usize = 10_240;
/// Characters of all inline policies of a user, without white space (IAM quotas).
const USER_POLICIES_MAX: usize = 2_048;
/// Characters of a policy's name (IAM API, PutRolePolicy).
const POLICY_NAME_MAX: usize = 128;

/// An inline policy to write, or to delete.
#[derive(Debug, Clone, Copy)]
pub struct Inline<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its document; `None` deletes it.
    pub document: Option<&'a Document>,
}

/// `iam:PutRolePolicy` and `iam:DeleteRolePolicy`.
pub fn role_policy(
    world: &mut World,
    account: &AccountId,
    name: &RoleName,
    inline: Inline<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let delay = world.iam_delay();
    let role = role_mut(world, account, name)?;
    editable(role, name)?;
    put(&mut role.policies, inline, ROLE_POLICIES_MAX, &format!("role {name}"), now, delay)
}

/// `iam:PutUserPolicy` and `iam:DeleteUserPolicy`.
pub fn user_policy(
    world: &mut World,
    account: &AccountId,
    name: &UserName,
    inline: Inline<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let delay = world.iam_delay();
    let user = user_mut(world, account, name)?;
    put(&mut user.policies, inline, USER_POLICIES_MAX, &format!("user {name}"), now, delay)
}

/// `iam:UpdateAccessKey`: the same status again is no error.
pub fn access_key(
    world: &mut World,
    account: &AccountId,
    name: &UserName,
    key: &AccessKeyId,
    status: KeyStatus,
    now: Timestamp,
) -> Result<(), Refused> {
    let delay = world.iam_delay();
    let user = user_mut(world, account, name)?;
    let Some(found) = user.keys.get_mut(key) else {
        return Err(no_such(format!("The Access Key with id {key} cannot be found.")));
    };
    found.write(status, now, delay);
    Ok(())
}

/// `iam:DeleteLoginProfile`.
pub fn delete_login_profile(
    world: &mut World,
    account: &AccountId,
    name: &UserName,
) -> Result<(), Refused> {
    let user = user_mut(world, account, name)?;
    match user.login_profile.take() {
        Some(_) => Ok(()),
        None => Err(no_such(format!("Login Profile for User {name} cannot be found."))),
    }
}

/// The role, to change it.
///
/// # Errors
/// `NoSuchEntity`.
pub fn role_mut<'a>(
    world: &'a mut World,
    account: &AccountId,
    name: &RoleName,
) -> Result<&'a mut RoleState, Refused> {
    let roles = &mut world.account_mut(account)?.roles;
    roles
        .get_mut(name)
        .ok_or_else(|| no_such(format!("The role with name {name} cannot be found.")))
}

/// The user, to change it.
///
/// # Errors
/// `NoSuchEntity`.
pub fn user_mut<'a>(
    world: &'a mut World,
    account: &AccountId,
    name: &UserName,
) -> Result<&'a mut UserState, Refused> {
    let users = &mut world.account_mut(account)?.users;
    users
        .get_mut(name)
        .ok_or_else(|| no_such(format!("The user with name {name} cannot be found.")))
}

/// Service-linked roles and those of Identity Center belong to AWS (IAM User Guide, service-linked
/// roles; revoke role sessions).
///
/// # Errors
/// `UnmodifiableEntity`.
pub fn editable(role: &RoleState, name: &RoleName) -> Result<(), Refused> {
    if role.path.starts_with("/aws-service-role/") || role.path.starts_with("/aws-reserved/") {
        return Err(Refused::new(
            "UnmodifiableEntity",
            format!(
                "Cannot perform the operation on the protected role '{name}': only AWS may change it"
            ),
        ));
    }
    Ok(())
}

fn put(
    policies: &mut BTreeMap<String, Settling<Option<Document>>>,
    inline: Inline<'_>,
    room: usize,
    whose: &str,
    now: Timestamp,
    delay: Duration,
) -> Result<(), Refused> {
    let name = inline.name;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.is_empty() || name.len() > POLICY_NAME_MAX || !name.chars().all(fits) {
        return Err(Refused::new(
            "ValidationError",
            format!("The policy name of {whose} has the wrong form"),
        ));
    }
    let document =
        match inline.document.map(|document| serde_json::from_str(&policy_text(document))) {
            None => None,
            Some(Ok(document)) => Some(document),
            Some(Err(_)) => {
                let why = format!("The policy of {whose} is not JSON");
                return Err(Refused::new("MalformedPolicyDocument", why));
            }
        };
    let there = policies.get(name).is_some_and(|policy| policy.value.is_some());
    match &document {
        None if !there => {
            return Err(no_such(format!(
                "The policy with name {name} of {whose} cannot be found."
            )));
        }
        None => {}
        Some(document) => {
            policy::check(document).map_err(|why| Refused::new("MalformedPolicyDocument", why))?;
            let others: usize = policies
                .iter()
                .filter(|(other, _)| *other != name)
                .filter_map(|(_, policy)| policy.value.as_ref().map(policy::size))
                .sum();
            if others + policy::size(document) > room {
                return Err(Refused::new(
                    "LimitExceeded",
                    format!("Maximum policy size of {room} bytes exceeded for {whose}"),
                ));
            }
        }
    }
    policies
        .entry(name.to_owned())
        .or_insert_with(|| Settling::settled(None))
        .write(document, now, delay);
    Ok(())
}

fn no_such(words: String) -> Refused {
    Refused::new("NoSuchEntity", words)
}
