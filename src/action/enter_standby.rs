//! Takes an instance out of the service of its Auto Scaling group, which would otherwise replace it as soon as
//! it fails its health checks, as an isolated instance does: with the instance its disks and its memory go.
//!
//! A verb of its own beside `contain::isolate_instance`, and a description, as `act::guard_instance` is: what
//! keeps evidence must neither delay nor fail what stops the attacker. In standby the group checks no health
//! and sends no traffic, and its load balancers let go of the instance (Auto Scaling User Guide, "Temporarily
//! remove instances from your Auto Scaling group"). Nothing is launched in its place: the group is to have one
//! instance less, and where it may not, its least size becomes one less first.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::params::INSTANCE;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict};
use crate::change::{Change, Duty, Kind, Permission, Urgency};
use crate::cloud::Membership;
use crate::id::{InstanceId, Place};

/// Takes an instance out of the service of its Auto Scaling group. Never stops containment.
pub struct EnterStandby;

/// The wait while the group makes up its mind about an instance that it has just started.
const SETTLES: Duration = Duration::from_secs(5);

/// What standby does not stop.
const NOT_STOPPED: &str = "In standby the group checks no health, sends no traffic and terminates nothing \
    by itself; its load balancers take up to 300 s to drain. Whoever may change the group can still terminate \
    the instance.";

/// What to do while it stands by.
const ONE_LESS: &str = "The group runs one instance less until the undo, which makes it one more.";

#[async_trait]
impl Action for EnterStandby {
    fn name(&self) -> &'static str {
        "act::enter_standby"
    }

    fn summary(&self) -> &'static str {
        "Takes an instance out of the service of its Auto Scaling group, which would replace it. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("group", Shape::Text),
            ("minimum", Shape::Any),
            ("desired", Shape::Any),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Description
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Membership], at);
        let (group, instance) = (any(""), any("i-"));
        let minimum = Kind::GroupMinimum { group, instance, before: 1, after: 0 };
        let (group, instance) = (any(""), any("i-"));
        let (before, after) = (Duty::InService, Duty::Standby);
        let standby = Kind::Standby { group, instance, before, after };
        needed.extend(permissions_to(vec![minimum, standby], at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let mut now = context.session.membership(context.at, &id).await?;
        if now.is_none() {
            // A read may be older than the group, and nobody looks again at what seems to be in none.
            now = context.session.membership(context.at, &id).await?;
        }
        let Some(now) = now else {
            return Ok(Verdict::Done(report(context, &id, None)));
        };
        Ok(match now.lifecycle.as_str() {
            "Standby" => Verdict::Done(report(context, &id, Some(&now))),
            "InService" => Verdict::Change(leave(context, &id, now)),
            "EnteringStandby" | "Pending" | "Pending:Wait" | "Pending:Proceed" => {
                let reason =
                    format!("{id} is {} in its Auto Scaling group {}", now.lifecycle, now.group);
                Verdict::Wait(SETTLES, reason)
            }
            other => Verdict::Refuse(format!(
                "{id} is {other} in its Auto Scaling group {}, and only an instance in service can stand by: \
                 what its snapshots hold may be all that is left of it",
                now.group
            )),
        })
    }
}

/// First room, where there is none, and then, at the next look, the instance: where AWS refuses the one, the
/// other would fail.
fn leave(context: &Context<'_>, id: &InstanceId, now: Membership) -> Vec<Vec<Change>> {
    let left = now.desired.saturating_sub(1);
    let (group, instance) = (now.group, id.clone());
    let kind = if left < now.minimum {
        Kind::GroupMinimum { group, instance, before: now.minimum, after: left }
    } else {
        Kind::Standby { group, instance, before: Duty::InService, after: Duty::Standby }
    };
    vec![vec![Change { at: context.at.clone(), kind }]]
}

fn report(context: &Context<'_>, id: &InstanceId, now: Option<&Membership>) -> Value {
    let notes: &[&str] = if now.is_some() { &[NOT_STOPPED, ONE_LESS] } else { &[] };
    json!({
        "instance": id,
        "group": now.map(|now| &now.group),
        "minimum": now.map(|now| now.minimum),
        "desired": now.map(|now| now.desired),
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
