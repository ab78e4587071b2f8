//! Roles, users, their policies and credentials, from a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::naming::unique_id;
use super::super::policy;
use super::super::scenario::{AccountSpec, UserSpec};
use super::super::settle::Settling;
use super::super::world::{Account, CredentialState, Issued, Principal, RoleState, UserState};
use super::words;
use crate::change::{CredentialKind, Document, KeyStatus, LoginProfile};
use crate::id::{AccessKeyId, CredentialId, RoleName};

/// How old the sessions of a scenario are.
const SESSION_AGE: Duration = Duration::from_secs(15 * 60);
/// How long sessions live (IAM: at most 12 hours for a role that is assumed).
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// Users of a scenario were made this long before it.
const USER_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

pub(super) fn add_roles(
    account: &mut Account,
    spec: &AccountSpec,
    now: Timestamp,
) -> Result<(), String> {
    for role in &spec.role {
        let built = RoleState {
            path: role.path.clone().unwrap_or_else(|| "/".to_owned()),
            unique_id: unique_id("AROA", &format!("{}/{}", spec.id, role.name)),
            trust: trust(role.trust.as_deref())
                .map_err(|why| format!("role {}: {why}", role.name))?,
            trust_was: None,
            policies: inline(&role.policies).map_err(|why| format!("role {}: {why}", role.name))?,
            tags: role.tags.clone(),
        };
        account.roles.insert(role.name.clone(), built);
        for profile in &role.profiles {
            account.profiles.insert(profile.clone(), Some(role.name.clone()));
        }
        add_sessions(account, &role.sessions, &Principal::Role(role.name.clone()), now)?;
    }
    for profile in spec.instance.iter().filter_map(|instance| instance.profile.as_ref()) {
        if account.profiles.contains_key(profile) {
            continue;
        }
        let name: RoleName = profile.parse().map_err(words)?;
        account.roles.entry(name.clone()).or_insert_with(|| RoleState {
            path: "/".to_owned(),
            unique_id: unique_id("AROA", &format!("{}/{name}", spec.id)),
            trust: ec2_trust(),
            trust_was: None,
            policies: BTreeMap::new(),
            tags: BTreeMap::new(),
        });
        account.profiles.insert(profile.clone(), Some(name));
    }
    Ok(())
}

pub(super) fn add_users(
    account: &mut Account,
    spec: &AccountSpec,
    now: Timestamp,
) -> Result<(), String> {
    for user in &spec.user {
        let keys = user.keys.iter().map(|key| (key, KeyStatus::Active));
        let keys = keys.chain(user.inactive_keys.iter().map(|key| (key, KeyStatus::Inactive)));
        let created = now.checked_sub(USER_AGE).unwrap_or(now).to_string();
        let built = UserState {
            path: user.path.clone().unwrap_or_else(|| "/".to_owned()),
            unique_id: unique_id("AIDA", &format!("{}/{}", spec.id, user.name)),
            keys: keys.map(|(key, status)| (key.clone(), Settling::settled(status))).collect(),
            credentials: credentials(user),
            login_profile: user.console.then_some(LoginProfile { created, reset_required: false }),
            policies: inline(&user.policies).map_err(|why| format!("user {}: {why}", user.name))?,
            tags: user.tags.clone(),
        };
        account.users.insert(user.name.clone(), built);
        add_sessions(account, &user.sessions, &Principal::User(user.name.clone()), now)?;
    }
    Ok(())
}

fn credentials(user: &UserSpec) -> BTreeMap<CredentialId, CredentialState> {
    let ssh = user.ssh_keys.iter().map(|id| (id, CredentialKind::SshPublicKey, None));
    let signing = user.certificates.iter().map(|id| (id, CredentialKind::SigningCertificate, None));
    let services = user.service_credentials.iter();
    let services = services.map(|(id, of)| (id, CredentialKind::ServiceSpecific, Some(of.clone())));
    let all = ssh.chain(signing).chain(services);
    let built = all.map(|(id, kind, service)| {
        let status = Settling::settled(KeyStatus::Active);
        (id.clone(), CredentialState { kind, service, status })
    });
    built.collect()
}

fn add_sessions(
    account: &mut Account,
    keys: &[AccessKeyId],
    principal: &Principal,
    now: Timestamp,
) -> Result<(), String> {
    let issued_at = now.checked_sub(SESSION_AGE).unwrap_or(now);
    let expires_at = issued_at.checked_add(SESSION_LIFE).unwrap_or(Timestamp::MAX);
    for key in keys {
        if !key.is_temporary() {
            return Err(format!("{key} is no key of a session: those begin with ASIA"));
        }
        account
            .sessions
            .insert(key.clone(), Issued { principal: principal.clone(), issued_at, expires_at });
    }
    Ok(())
}

fn inline(
    policies: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Settling<Option<Document>>>, String> {
    let mut built = BTreeMap::new();
    for (name, text) in policies {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("policy {name}: {error}"))?;
        policy::check(&document).map_err(|why| format!("policy {name}: {why}"))?;
        built.insert(name.clone(), Settling::settled(Some(document)));
    }
    Ok(built)
}

fn trust(text: Option<&str>) -> Result<Document, String> {
    let Some(text) = text else { return Ok(ec2_trust()) };
    serde_json::from_str(text).map_err(|error| format!("trust: {error}"))
}

fn ec2_trust() -> Document {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]})
}
