//! Ends the sessions of a role: everything is denied to those issued before a cut-off.
//!
//! The role itself stays usable: whoever may assume it gets a new session that works after the
//! cut-off. The policy's form stands in `revocation`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::join;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reads::{Read, any, permissions_for, permissions_to};
use super::revocation::{POLICY, cut_off, document, latest, ours, sessions_expired};
use super::shared_role::{UNSEEN, change, users};
use super::untouchable::untouchable;
use super::{
    Action, Applied, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict,
    gone_from_account,
};
use crate::change::{Change, Document, Kind, Permission, Urgency};
use crate::cloud::Role;
use crate::id::{InstanceId, Place, RoleName};

/// Denies everything to sessions of a role that were issued before now + 30 s.
pub struct RevokeRoleSessions;

const PARAMS: &[ParamSpec] =
    &[ParamSpec { name: "role", kind: ParamKind::RoleName, required: true, doc: "The role." }];

#[async_trait]
impl Action for RevokeRoleSessions {
    fn name(&self) -> &'static str {
        "contain::revoke_role_sessions"
    }

    fn summary(&self) -> &'static str {
        "Denies everything to sessions of a role that were issued before now + 30 s."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("role", Shape::Text),
            ("policy", Shape::Text),
            ("cut_off", Shape::Text),
            ("unsafe_to_undo_before", Shape::Text),
            ("already", Shape::Any),
            ("shared_by", Shape::List(&Shape::Text)),
            ("used_by", Shape::Any),
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
        Ok(format!("role/{}", params.id::<RoleName>("role")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Role, Read::RolePolicy, Read::Carriers], at);
        needed.extend(permissions_to(
            vec![Kind::RolePolicy {
                role: any(""),
                policy: POLICY.to_owned(),
                before: None,
                after: Some(Document::Null),
            }],
            at,
        ));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let name: RoleName = params.id("role")?;
        let Some(role) = context.session.role(context.at, &name).await? else {
            return Ok(gone_from_account(&format!("role {name}"), &context.at.account));
        };
        if let Some(reason) = untouchable(&role, context.settings) {
            return Ok(Verdict::Refuse(reason));
        }
        let (found, users) =
            join!(context.session.role_policy(context.at, &name, POLICY), users(context, &role));
        let (found, users) = (found?, users?);
        let in_place = found.as_ref().and_then(ours);
        let mine = own(context.applied, &name);
        let wanted = mine.map_or_else(|| cut_off(context.requested), |(_, time)| time);
        // A policy that was put only after its own cut-off leaves the sessions issued in between
        // alive (a step that waited or crashed): then the cut-off moves once more.
        let in_time = mine.is_none_or(|(put, time)| put <= time);
        if let Some(time) = in_place.filter(|time| *time >= wanted && in_time) {
            return Ok(Verdict::Done(report(context, &role, time, users)));
        }
        // Only a repeated put takes its cut-off from now: the first stays as it was planned.
        let fresh = match mine {
            Some(_) if context.now > wanted || !in_time => cut_off(context.now),
            _ => wanted,
        };
        // Never back: what is denied now stays denied.
        let time =
            found.as_ref().and_then(latest).map_or(fresh, |found| round_up(found).max(fresh));
        let kind = Kind::RolePolicy {
            role: name,
            policy: POLICY.to_owned(),
            before: found,
            after: Some(document(time)),
        };
        Ok(change(Change { at: context.at.clone(), kind }, users))
    }
}

/// When this step last put its policy, and with which cut-off.
fn own(applied: &[Applied], name: &RoleName) -> Option<(Timestamp, Timestamp)> {
    applied.iter().rev().find_map(|applied| match &applied.change.kind {
        Kind::RolePolicy { role, policy, after: Some(after), .. }
            if role == name && policy == POLICY =>
        {
            Some((applied.at, ours(after)?))
        }
        _ => None,
    })
}

/// A foreign cut-off in whole seconds, not earlier than it was.
fn round_up(time: Timestamp) -> Timestamp {
    match time.subsec_nanosecond() {
        0 => time,
        _ => Timestamp::from_second(time.as_second() + 1).unwrap_or(time),
    }
}

fn report(
    context: &Context<'_>,
    role: &Role,
    time: Timestamp,
    users: Option<BTreeSet<InstanceId>>,
) -> Value {
    let mut warnings = vec![
        "Whoever may still assume the role gets a new session that works after the cut-off: \
         repair its trust policy, use contain::deny_role_assumption, or isolate what uses it."
            .to_owned(),
        "Sessions of other roles that were assumed from this one are not ended.".to_owned(),
    ];
    if !role.instance_profiles.is_empty() {
        warnings.push(
            "Everything that uses the role through the instance profiles under `shared_by` loses \
             its permissions until its credentials are renewed."
                .to_owned(),
        );
    }
    if users.is_none() {
        warnings.push(UNSEEN.to_owned());
    }
    json!({
        "role": role.name,
        "policy": POLICY,
        "cut_off": time.to_string(),
        "unsafe_to_undo_before": sessions_expired(time).to_string(),
        "already": own(context.applied, &role.name).is_none(),
        "shared_by": role.instance_profiles,
        "used_by": users,
        "warnings": warnings,
    })
}
