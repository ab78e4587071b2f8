//! Takes an IAM user's access away: everything denied, every key and other credential disabled, the
//! password removed.
//!
//! The deny has no condition, because a condition on the session's age does not bind long-term keys.
//! Roles that the user assumed are not touched here: each needs `contain::revoke_role_sessions`.
//!
//! Where the role may not list SSH keys, certificates and service-specific credentials, all else is
//! done all the same, and the step does not end as contained.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::join;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reads::{Read, any, permissions_for, permissions_to};
use super::revocation::{USER_POLICY as POLICY, expired_from};
use super::{
    Action, Applied, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict,
    gone_from_account,
};
use crate::change::{
    Change, CredentialKind, Document, KeyStatus, Kind, LoginProfile, Permission, Urgency,
};
use crate::cloud::{CloudError, ErrorClass, User, UserCredential};
use crate::id::{AccessKeyId, Place, UserName};

/// Denies a user everything, disables all its keys and other credentials and removes its console password; takes a key or a user.
pub struct DisableAccessKeys;

const PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "user", kind: ParamKind::UserName, required: false, doc: "The user." },
    ParamSpec {
        name: "key",
        kind: ParamKind::AccessKeyId,
        required: false,
        doc: "A key of the user; its user is looked up.",
    },
];

#[async_trait]
impl Action for DisableAccessKeys {
    fn name(&self) -> &'static str {
        "contain::disable_access_keys"
    }

    fn summary(&self) -> &'static str {
        "Denies a user everything, disables all its keys and other credentials and removes its console password; takes a key or a user."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("user", Shape::Text),
            ("policy", Shape::Text),
            ("keys", Shape::Tags),
            ("credentials", Shape::Any),
            ("console_removed", Shape::Any),
            ("already", Shape::Any),
            ("unsafe_to_undo_before", Shape::Any),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn spreads(&self) -> bool {
        true
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        // Whose a key is, only a look can tell.
        match (params.text("user"), params.text("key")) {
            (Some(_), _) => Ok(format!("user/{}", params.id::<UserName>("user")?)),
            (None, Some(_)) => Ok(format!("access-key/{}", params.id::<AccessKeyId>("key")?)),
            (None, None) => Err(neither()),
        }
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed =
            permissions_for(&[Read::KeyOwner, Read::User, Read::Credentials, Read::UserPolicy], at);
        let other = |credential| Kind::Credential {
            user: any(""),
            credential,
            id: any("AAAAAAAA"),
            before: KeyStatus::Active,
            after: KeyStatus::Inactive,
        };
        needed.extend(permissions_to(CredentialKind::ALL.map(other).to_vec(), at));
        needed.extend(permissions_to(
            vec![
                Kind::UserPolicy {
                    user: any(""),
                    policy: POLICY.to_owned(),
                    before: None,
                    after: Some(Document::Null),
                },
                Kind::AccessKey {
                    user: any(""),
                    key: "AKIAAAAAAAAAAAAAAAAA".parse().expect("has the form of a key id"),
                    before: KeyStatus::Active,
                    after: KeyStatus::Inactive,
                },
                Kind::DeleteLoginProfile {
                    user: any(""),
                    before: LoginProfile { created: String::new(), reset_required: false },
                },
            ],
            at,
        ));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let named: Option<UserName> = params.text("user").map(|_| params.id("user")).transpose()?;
        // Whoever has the user may have deleted the key by which it was found.
        let named = named.or_else(|| contained(context.applied));
        let key: Option<AccessKeyId> = params.text("key").map(|_| params.id("key")).transpose()?;
        let name = match owner(context, named, key).await? {
            Ok(name) => name,
            Err(verdict) => return Ok(verdict),
        };
        let session = context.session;
        let (user, found, others) = join!(
            session.user(context.at, &name),
            session.user_policy(context.at, &name, POLICY),
            session.credentials(context.at, &name)
        );
        let user = match user? {
            Some(user) if user.arn.ends_with(":root") => return Ok(root()),
            Some(user) => user,
            None if name.as_str().eq_ignore_ascii_case("root") => return Ok(root()),
            None => return Ok(gone_from_account(&format!("user {name}"), &context.at.account)),
        };
        let (others, hidden) = match others {
            Ok(others) => (others.unwrap_or_default(), None),
            Err(error) if error.class == ErrorClass::Denied => (Vec::new(), Some(error)),
            Err(error) => return Err(error.into()),
        };
        let stages = stages(context.at, &user, &others, found?);
        if !stages.is_empty() {
            return Ok(Verdict::Change(stages));
        }
        let output = report(context, &user, &others);
        Ok(match hidden {
            None => Verdict::Done(output),
            Some(error) => Verdict::Short { output, reason: not_listed(&name, &error) },
        })
    }
}

/// What is left open where the lists are not allowed.
fn not_listed(user: &UserName, error: &CloudError) -> String {
    format!(
        "user {user} is denied everything and its access keys are disabled, but its SSH keys, signing \
         certificates and service-specific credentials can't be seen: disable them by hand, and allow \
         the role to list them ({error})"
    )
}

fn neither() -> LookError {
    let reason = "missing; expected a user, a key or both".to_owned();
    LookError::Param { name: "user".to_owned(), reason }
}

/// The user that this step has denied everything.
fn contained(applied: &[Applied]) -> Option<UserName> {
    applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::UserPolicy { user, .. } => Some(user.clone()),
        _ => None,
    })
}

/// The user that is meant, or the verdict when there is none to act on.
async fn owner(
    context: &Context<'_>,
    named: Option<UserName>,
    key: Option<AccessKeyId>,
) -> Result<Result<UserName, Verdict>, LookError> {
    let Some(key) = key else {
        return Ok(Ok(named.ok_or_else(neither)?));
    };
    if key.is_temporary() {
        return Ok(named.ok_or_else(|| {
            Verdict::Refuse(format!(
                "{key} belongs to a session and can't be disabled: use contain::revoke_role_sessions \
                 on the session's role, or name the IAM user whose session it is"
            ))
        }));
    }
    let owner = context.session.key_owner(context.at, &key).await?;
    Ok(match (owner, named) {
        (Some(owner), Some(named)) if owner != named => Err(Verdict::Refuse(format!(
            "access key {key} belongs to user {owner}, not to {named}: check which one is meant"
        ))),
        (Some(owner), _) => Ok(owner),
        // A deleted key has no owner any more; the user that was named still has.
        (None, Some(named)) => Ok(named),
        // IAM tells no owner of a key of the root user's either.
        (None, None) => {
            let what =
                format!("access key {key} of an IAM user (the root user's IAM does not show)");
            Err(gone_from_account(&what, &context.at.account))
        }
    })
}

fn root() -> Verdict {
    Verdict::Refuse(
        "the root user can't be denied by IAM: sign in as root, delete its access keys, change its \
         password and check its MFA; in a member account a service control policy denies it"
            .to_owned(),
    )
}

/// The deny as it has to be.
fn deny_all() -> Document {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "TourniquetDenyAll", "Effect": "Deny", "Action": "*", "Resource": "*"},
        ],
    })
}

/// What is still to do, beside each other and the deny first: an attacker who has filled the user's
/// room for policies, so that AWS refuses the deny, keeps no key by it.
fn stages(
    at: &Place,
    user: &User,
    others: &[UserCredential],
    found: Option<Document>,
) -> Vec<Vec<Change>> {
    let change = |kind| Change { at: at.clone(), kind };
    let deny = (found.as_ref() != Some(&deny_all())).then(|| {
        change(Kind::UserPolicy {
            user: user.name.clone(),
            policy: POLICY.to_owned(),
            before: found.clone(),
            after: Some(deny_all()),
        })
    });
    let keys = user.keys.iter().filter(|key| key.status == KeyStatus::Active).map(|key| {
        change(Kind::AccessKey {
            user: user.name.clone(),
            key: key.id.clone(),
            before: KeyStatus::Active,
            after: KeyStatus::Inactive,
        })
    });
    let active = others.iter().filter(|other| other.status == KeyStatus::Active);
    let others = active.map(|other| {
        change(Kind::Credential {
            user: user.name.clone(),
            credential: other.kind,
            id: other.id.clone(),
            before: KeyStatus::Active,
            after: KeyStatus::Inactive,
        })
    });
    let console = user.login_profile.iter().map(|before| {
        change(Kind::DeleteLoginProfile { user: user.name.clone(), before: before.clone() })
    });
    let stage: Vec<Change> = deny.into_iter().chain(keys).chain(console).chain(others).collect();
    if stage.is_empty() { Vec::new() } else { vec![stage] }
}

/// From when on no session that was made with what this step disabled lives any more; `None`: it denied
/// nothing itself.
fn unsafe_before(applied: &[Applied]) -> Option<Timestamp> {
    let last = applied.iter().map(|applied| applied.at).max()?;
    applied.iter().find_map(|applied| expired_from(&applied.change, last))
}

fn report(context: &Context<'_>, user: &User, others: &[UserCredential]) -> Value {
    let mut keys = serde_json::Map::new();
    for key in &user.keys {
        let before = context.applied.iter().find_map(|applied| match &applied.change.kind {
            Kind::AccessKey { key: id, before, .. } if *id == key.id => Some(*before),
            _ => None,
        });
        keys.insert(key.id.to_string(), before.unwrap_or(key.status).label().into());
    }
    let mut credentials = serde_json::Map::new();
    for other in others {
        let before = context.applied.iter().find_map(|applied| match &applied.change.kind {
            Kind::Credential { id, before, .. } if *id == other.id => Some(*before),
            _ => None,
        });
        let before = before.unwrap_or(other.status).label();
        let told = json!({"kind": other.kind.label(), "service": other.service, "before": before});
        credentials.insert(other.id.to_string(), told);
    }
    let removed = context
        .applied
        .iter()
        .any(|applied| matches!(applied.change.kind, Kind::DeleteLoginProfile { .. }));
    json!({
        "user": user.name,
        "policy": POLICY,
        "unsafe_to_undo_before": unsafe_before(context.applied).map(|at| at.to_string()),
        "keys": keys,
        "credentials": credentials,
        "console_removed": removed,
        "already": context.applied.is_empty(),
        "warnings": [
            "Sessions of roles that the user assumed stay alive: revoke each of these roles.",
            "MFA devices were not changed: look for one that the attacker registered.",
        ],
    })
}
