//! Takes an instance the credentials of its role: its profile is replaced by one whose role may do nothing, or,
//! where the account has none, taken off.
//!
//! Revoking the role's sessions is not enough for whoever is on the instance: the instance metadata service
//! gives new ones, which no security group filters (EC2 User Guide, "IAM roles for Amazon EC2"). And it is not
//! enough by itself: what was issued before works until it expires, so that `contain::revoke_role_sessions`
//! belongs beside it. A profile that denies everything is better than none: nothing on the instance falls back
//! to credentials that somebody left in a file.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::params::INSTANCE;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{Change, Document, Kind, Permission, ProfileChange, ProfileUse, Urgency};
use crate::cloud::Instance;
use crate::id::{Arn, InstanceId, Place};

/// Takes an instance the credentials of its role.
pub struct ReplaceInstanceProfile;

/// The profile, and its role, that the templates of `tourniquet deploy roles` make.
pub const DENY_PROFILE: &str = "tourniquet-deny-all";

/// The inline policy of that role which denies everything.
pub const DENY_POLICY: &str = "deny-everything";

/// What that policy says.
#[must_use]
pub fn deny_everything() -> Document {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
    })
}

/// Whether an instance profile is the one that denies everything.
pub(super) fn denies(profile: &str) -> bool {
    profile.rsplit('/').next() == Some(DENY_PROFILE)
}

/// What another profile does not stop (EC2 User Guide, "IAM roles for Amazon EC2" and "Instance identity
/// roles").
const NOT_STOPPED: &str = "Credentials that the instance got before work until they expire: revoke the sessions \
    of its role. The instance identity role's credentials can't be taken away; they open nothing that a \
    policy does not name.";

/// Where there is none that denies.
const TAKEN_OFF: &str = "The account has no instance profile tourniquet-deny-all whose role denies everything, \
    so that the profile was taken off instead: `tourniquet deploy roles` makes one.";

#[async_trait]
impl Action for ReplaceInstanceProfile {
    fn name(&self) -> &'static str {
        "contain::replace_instance_profile"
    }

    fn summary(&self) -> &'static str {
        "Takes an instance the credentials of its role: a profile that denies everything, or none."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("profile", Shape::Text),
            ("before", Shape::Text),
            ("role", Shape::Text),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        // The isolation of the instance is another matter, and neither waits for the other.
        Ok(format!("instance/{}/profile", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let profile = |role| ProfileUse {
            arn: any(&format!("arn:aws:iam::{}:instance-profile/", at.account)),
            role: Some(role),
        };
        let deny = DENY_PROFILE.parse().expect("has the form of a role's name");
        let before = Some(profile(any("")));
        let change = |after| {
            Kind::InstanceProfile(ProfileChange {
                instance: any("i-"),
                before: before.clone(),
                after,
            })
        };
        let reads = [Read::Instance, Read::ProfileRole, Read::RolePolicy];
        let mut needed = permissions_for(&reads, at);
        needed.extend(permissions_to(vec![change(Some(profile(deny))), change(None)], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let (session, at) = (context.session, context.at);
        let instance = session.instance(at, &id).await?;
        let Some(instance) = instance.filter(|found| found.state != "terminated") else {
            return Ok(gone(&format!("instance {id}"), at));
        };
        let Some(now) = instance.profile_arn.clone().filter(|now| !denies(now)) else {
            return Ok(Verdict::Done(report(context, &instance)));
        };
        let before = ProfileUse {
            role: session.profile_role(at, &now).await?,
            arn: now.parse().map_err(|_| LookError::Param {
                name: "instance".to_owned(),
                reason: format!("{id} has an instance profile whose ARN can't be read"),
            })?,
        };
        let after = deny_profile(context).await?;
        let kind = ProfileChange { instance: id, before: Some(before), after };
        Ok(Verdict::Change(vec![vec![Change {
            at: at.clone(),
            kind: Kind::InstanceProfile(kind),
        }]]))
    }
}

/// The profile that denies everything; `None` where the account has none whose role really does. A name proves
/// nothing.
async fn deny_profile(context: &Context<'_>) -> Result<Option<ProfileUse>, LookError> {
    let (session, at) = (context.session, context.at);
    let arn = format!("arn:aws:iam::{}:instance-profile/{DENY_PROFILE}", at.account);
    let Some(role) = session.profile_role(at, &arn).await? else {
        return Ok(None);
    };
    let policy = session.role_policy(at, &role, DENY_POLICY).await?;
    let denies = policy.is_some_and(|found| found == deny_everything());
    let arn: Option<Arn> = arn.parse().ok();
    Ok(arn.filter(|_| denies).map(|arn| ProfileUse { arn, role: Some(role) }))
}

fn report(context: &Context<'_>, instance: &Instance) -> Value {
    let first = context.applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::InstanceProfile(change) => change.before.as_ref(),
        _ => None,
    });
    let mut notes = vec![NOT_STOPPED];
    if instance.profile_arn.is_none() && first.is_some() {
        notes.push(TAKEN_OFF);
    }
    json!({
        "instance": instance.id,
        "profile": instance.profile_arn,
        "before": first.map(|before| &before.arn),
        "role": first.and_then(|before| before.role.as_ref()),
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
