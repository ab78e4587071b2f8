//! Guards an instance and its disks against being destroyed: termination protection, a shutdown from
//! inside that stops instead of terminating, and EBS volumes that outlive the instance.
//!
//! A verb of its own beside `contain::isolate_instance`, and a description: a step that AWS refuses a
//! change ends there, and what guards evidence must neither delay nor fail what stops the attacker.
//! All attributes are one stage, so that one which is refused keeps none of the others back.
//!
//! What can't be guarded is told, not tried: a Spot Instance takes no termination protection, an
//! instance with its root in an instance store can't be stopped, and instance store volumes have no
//! attribute that would keep them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::params::INSTANCE;
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{Change, Kind, OnShutdown, Permission, Urgency};
use crate::cloud::Safeguards;
use crate::id::{InstanceId, Place};

/// Guards an instance and its disks against being destroyed. Never stops containment.
pub struct GuardInstance;

/// `InstanceInitiatedShutdownBehavior` (EC2 API Reference): the labels of [`OnShutdown`].
const ON_SHUTDOWN: &[&str] = &["stop", "terminate"];

/// What termination protection does not stop (EC2 User Guide, "Termination protection").
const NOT_STOPPED: &str = "Termination protection does not stop an Auto Scaling group that scales in \
    or replaces an unhealthy instance: `act::enter_standby` takes it out of service there.";

/// Why a Spot Instance is not protected (EC2 User Guide, "Termination protection").
const SPOT: &str = "A Spot Instance takes no termination protection, and AWS may interrupt it at any \
    time: what its snapshots hold is all that is sure to stay.";

/// What an instance store does (EC2 User Guide, "Instance store").
const STORE_ROOT: &str = "The root volume is in an instance store: the instance can't be stopped, and \
    its disk is lost when it ends.";

#[async_trait]
impl Action for GuardInstance {
    fn name(&self) -> &'static str {
        "act::guard_instance"
    }

    fn summary(&self) -> &'static str {
        "Guards an instance and its disks against being destroyed. Never stops containment."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("termination_protection", Shape::Any),
            ("on_shutdown", Shape::OneOf(ON_SHUTDOWN)),
            ("volumes", Shape::Any),
            ("set", Shape::Any),
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
        let mut needed = permissions_for(&[Read::Safeguards], at);
        needed.extend(permissions_to(
            vec![Kind::DeleteOnTermination {
                instance: any("i-"),
                volume: any("vol-"),
                device: String::new(),
                before: true,
                after: false,
            }],
            at,
        ));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let now = match context.session.safeguards(context.at, &id).await? {
            Some(now) if !matches!(now.state.as_str(), "terminated" | "shutting-down") => now,
            _ => return Ok(gone(&format!("instance {id}"), context.at)),
        };
        let changes = missing(context, &id, &now);
        Ok(match changes.is_empty() {
            false => Verdict::Change(vec![changes]),
            true => Verdict::Done(report(context, &id, &now)),
        })
    }
}

/// What is not guarded yet and can be.
fn missing(context: &Context<'_>, id: &InstanceId, now: &Safeguards) -> Vec<Change> {
    let instance = id.clone();
    let mut kinds: Vec<Kind> = now
        .disks
        .iter()
        .filter(|(_, (_, goes))| *goes)
        .map(|(device, (volume, _))| Kind::DeleteOnTermination {
            instance: id.clone(),
            volume: volume.clone(),
            device: device.clone(),
            before: true,
            after: false,
        })
        .collect();
    if now.ebs_root && now.on_shutdown == OnShutdown::Terminate {
        let (before, after) = (OnShutdown::Terminate, OnShutdown::Stop);
        kinds.push(Kind::ShutdownBehavior { instance: id.clone(), before, after });
    }
    if !now.spot && !now.termination_protection {
        kinds.push(Kind::TerminationProtection { instance, before: false, after: true });
    }
    kinds.into_iter().map(|kind| Change { at: context.at.clone(), kind }).collect()
}

fn report(context: &Context<'_>, id: &InstanceId, now: &Safeguards) -> Value {
    let mut notes = vec![NOT_STOPPED];
    notes.extend(now.spot.then_some(SPOT));
    notes.extend((!now.ebs_root).then_some(STORE_ROOT));
    let set: BTreeSet<String> =
        context.applied.iter().map(|applied| applied.change.words()).collect();
    let volumes: Vec<Value> = now
        .disks
        .iter()
        .map(|(device, (volume, goes))| json!({"device": device, "id": volume, "kept": !goes}))
        .collect();
    json!({
        "instance": id,
        "termination_protection": now.termination_protection,
        "on_shutdown": now.on_shutdown.label(),
        "volumes": volumes,
        "set": set,
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
