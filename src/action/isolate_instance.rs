//! Cuts an instance off the network: every interface behind a verified, empty quarantine group, and no
//! Elastic IP address leading to it.
//!
//! An interface goes through the transition group first, because a single swap leaves established
//! connections alive. How the groups are found and verified stands in `quarantine_group`, what is
//! told afterwards in `isolation_report`.
//!
//! Elastic IP addresses are disassociated beside the last swap, never before it: they cost no time of
//! their own, and one that AWS refuses can't keep an interface open. None is ever released.
//!
//! An interface that an AWS service manages can't be changed. The others are contained all the same,
//! but the step does not end as contained: a person is told which one stays open.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures::future::try_join_all;

use super::isolation_report::{contained, stays_open};
use super::look::INSTANCE_STATES;
use super::params::INSTANCE;
use super::quarantine_group::{Found, Purpose, Wall, find};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamSpec, Params, Settings, Shape, Verdict, gone};
use crate::change::{AddressUse, Change, Inverse, Kind, Permission, RuleEffect, Urgency};
use crate::cloud::Interface;
use crate::id::{GroupId, InstanceId, Place, VpcId};

/// Cuts an instance off: every interface behind a verified, empty quarantine group.
pub struct IsolateInstance;

#[async_trait]
impl Action for IsolateInstance {
    fn name(&self) -> &'static str {
        "contain::isolate_instance"
    }

    fn summary(&self) -> &'static str {
        "Cuts an instance off: every interface behind a verified, empty quarantine group."
    }

    fn params(&self) -> &'static [ParamSpec] {
        INSTANCE
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("instance", Shape::Text),
            ("state", Shape::OneOf(INSTANCE_STATES)),
            ("vpc", Shape::Text),
            ("already", Shape::Any),
            ("quarantine", Shape::Tags),
            ("interfaces", Shape::Any),
            ("unmanaged", Shape::List(&Shape::Text)),
            ("notes", Shape::List(&Shape::Text)),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Instance, Read::Groups], at);
        let mut kinds = vec![
            Kind::InterfaceGroups {
                interface: any("eni-"),
                instance: any("i-"),
                before: vec![any("sg-")],
                after: vec![any("sg-")],
                passing: false,
            },
            Kind::ElasticAddress {
                interface: any("eni-"),
                instance: any("i-"),
                allocation: any("eipalloc-"),
                association: any("eipassoc-"),
                public_ip: String::new(),
                private_ip: String::new(),
                before: AddressUse::Associated,
                after: AddressUse::Free,
            },
        ];
        kinds.extend(Purpose::Quarantine.kinds());
        kinds.extend(Purpose::Transition.kinds());
        needed.extend(permissions_to(kinds, at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: InstanceId = params.id("instance")?;
        let instance = match context.session.instance(context.at, &id).await? {
            Some(instance)
                if !matches!(instance.state.as_str(), "terminated" | "shutting-down") =>
            {
                instance
            }
            _ => return Ok(gone(&format!("instance {id}"), context.at)),
        };
        let (unmanaged, interfaces): (Vec<&Interface>, Vec<&Interface>) =
            instance.interfaces.iter().partition(|interface| interface.requester_managed);
        if interfaces.is_empty() {
            return Ok(Verdict::Refuse(format!(
                "instance {id} has no network interface whose security groups can be changed ({} \
                 belong to AWS services): stop it, or deny its subnet with a network ACL",
                unmanaged.len()
            )));
        }
        let vpcs: BTreeSet<&VpcId> = interfaces.iter().map(|interface| &interface.vpc).collect();
        let found = try_join_all(vpcs.into_iter().map(|vpc| wall(context, vpc))).await?;
        let mut walls: BTreeMap<&VpcId, Wall> = found.into_iter().collect();
        let behind = |walls: &BTreeMap<&VpcId, Wall>, interface: &Interface| {
            walls[&interface.vpc].quarantine.holds(&interface.groups)
                && !opened_meanwhile(context, interface)
        };
        let open: Vec<&Interface> =
            interfaces.iter().copied().filter(|interface| !behind(&walls, interface)).collect();
        let reachable = disassociations(context, &id, &interfaces);
        if open.is_empty() && reachable.is_empty() {
            let output = contained(context, &instance, &walls, &unmanaged);
            return Ok(match unmanaged.is_empty() {
                true => Verdict::Done(output),
                false => Verdict::Short { output, reason: stays_open(&id, &unmanaged) },
            });
        }
        for (vpc, wall) in &mut walls {
            match (open.iter().any(|interface| interface.vpc == **vpc), &wall.transition) {
                (true, None) => {
                    wall.transition = Some(find(context, vpc, Purpose::Transition).await?);
                }
                (true, Some(_)) => {}
                // Nobody passes through it here.
                (false, _) => wall.transition = None,
            }
        }
        if let Some(verdict) = prepare(&walls) {
            // Nothing waits in the open group.
            let back = passed_back(context, &open);
            return Ok(match verdict {
                Verdict::Wait(..) if !back.is_empty() => Verdict::Change(vec![back]),
                other => other,
            });
        }
        Ok(Verdict::Change({
            let mut stages = swap(context, &id, &open, &walls);
            match stages.last_mut() {
                Some(last) => last.extend(reachable),
                None => stages.push(reachable),
            }
            stages
        }))
    }
}

/// The groups of a VPC. At a first look both are asked for beside each other, because an instance that is to be
/// isolated is open as a rule; later looks ask for the second one only where it is needed.
async fn wall<'a>(context: &Context<'_>, vpc: &'a VpcId) -> Result<(&'a VpcId, Wall), LookError> {
    let quarantine = find(context, vpc, Purpose::Quarantine);
    if !context.applied.is_empty() {
        return Ok((vpc, Wall { quarantine: quarantine.await?, transition: None }));
    }
    let (quarantine, transition) =
        futures::try_join!(quarantine, find(context, vpc, Purpose::Transition))?;
    Ok((vpc, Wall { quarantine, transition: Some(transition) }))
}

/// What has to be so before any interface is touched; `None` when all groups are ready.
fn prepare(walls: &BTreeMap<&VpcId, Wall>) -> Option<Verdict> {
    let (mut changes, mut wait) = (Vec::new(), None);
    for wall in walls.values() {
        for found in std::iter::once(&wall.quarantine).chain(&wall.transition) {
            match found {
                Found::Ready { .. } => {}
                Found::Prepare(more) => changes.extend(more.iter().cloned()),
                Found::Wait(time, reason) => wait = Some(Verdict::Wait(*time, reason.clone())),
            }
        }
    }
    if changes.is_empty() { wait } else { Some(Verdict::Change(vec![changes])) }
}

/// All interfaces into transition side by side, then all into quarantine; those that stand in
/// transition already go there at once. One that AWS refuses keeps none of the others back: the
/// executor leaves it out of the second stage, and puts it back where it was.
fn swap(
    context: &Context<'_>,
    instance: &InstanceId,
    open: &[&Interface],
    walls: &BTreeMap<&VpcId, Wall>,
) -> Vec<Vec<Change>> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for interface in open {
        let wall = &walls[&interface.vpc];
        let (Found::Ready { group: quarantine, .. }, Some(Found::Ready { group: transition, .. })) =
            (&wall.quarantine, &wall.transition)
        else {
            continue;
        };
        let change = |before: &[GroupId], after: &GroupId| Change {
            at: context.at.clone(),
            kind: Kind::InterfaceGroups {
                interface: interface.id.clone(),
                instance: instance.clone(),
                before: before.to_vec(),
                after: vec![after.clone()],
                passing: after == transition,
            },
        };
        if wall.transition.as_ref().is_some_and(|found| found.holds(&interface.groups)) {
            first.push(change(&interface.groups, quarantine));
        } else {
            first.push(change(&interface.groups, transition));
            second.push(change(std::slice::from_ref(transition), quarantine));
        }
    }
    let mut stages = vec![first, second];
    stages.retain(|stage| !stage.is_empty());
    stages
}

/// The way back for each interface that this step has sent into the transition group and that still
/// stands there.
fn passed_back(context: &Context<'_>, open: &[&Interface]) -> Vec<Change> {
    let back = open.iter().filter_map(|interface| {
        let last = context.applied.iter().rev().find(|applied| {
            matches!(&applied.change.kind, Kind::InterfaceGroups { interface: id, .. } if *id == interface.id)
        })?;
        match (&last.change.kind, last.change.inverse()) {
            (Kind::InterfaceGroups { passing: true, after, .. }, Inverse::Change(back))
                if *after == interface.groups =>
            {
                Some(back)
            }
            _ => None,
        }
    });
    back.collect()
}

/// Every Elastic IP address that leads to one of the interfaces, taken off it.
fn disassociations(
    context: &Context<'_>,
    instance: &InstanceId,
    interfaces: &[&Interface],
) -> Vec<Change> {
    let all = interfaces.iter().flat_map(|interface| {
        let off = (AddressUse::Associated, AddressUse::Free);
        interface.addresses.iter().map(move |one| one.switched(&interface.id, instance, off))
    });
    all.map(|kind| Change { at: context.at.clone(), kind }).collect()
}

/// Whether the interface's quarantine group had rules when this step found it, and the interface has
/// not been through transition since: connections opened through those rules are still tracked.
fn opened_meanwhile(context: &Context<'_>, interface: &Interface) -> bool {
    let last = |wanted: &dyn Fn(&Kind) -> bool| {
        context.applied.iter().rposition(|applied| wanted(&applied.change.kind))
    };
    let emptied = last(&|kind| match kind {
        Kind::GroupRules { group, effect: RuleEffect::Revoke, .. } => {
            interface.groups.contains(group)
        }
        _ => false,
    });
    let entered = last(&|kind| match kind {
        Kind::InterfaceGroups { interface: id, after, .. } => {
            *id == interface.id && *after == interface.groups
        }
        _ => false,
    });
    emptied.is_some() && emptied > entered
}
