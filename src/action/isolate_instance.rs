//! Cuts an instance off the network: every interface behind a verified, empty quarantine group.
//!
//! An interface goes through the transition group first, because a single swap leaves established
//! connections alive. How the groups are found and verified stands in `quarantine_group`.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::quarantine_group::{Found, Purpose, find};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::{Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Verdict, gone};
use crate::change::{Change, Direction, Kind, Permission, Rule, RuleEffect, Tags, Urgency};
use crate::cloud::{Instance, Interface};
use crate::id::{GroupId, InstanceId, Place, VpcId};

/// Cuts an instance off: every interface behind a verified, empty quarantine group.
pub struct IsolateInstance;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "instance",
    kind: ParamKind::InstanceId,
    required: true,
    doc: "The instance.",
}];

/// What no security group cuts (VPC User Guide, "Security groups").
const NEVER_FILTERED: &str = "Security groups do not filter DNS to the VPC resolver, the instance \
    metadata service, NTP or DHCP: data can still leave by DNS, and the instance still gets \
    credentials of its role.";

/// What survives the swap (EC2 User Guide, "Automatically tracked connections").
const ALWAYS_TRACKED: &str = "Connections through a NAT gateway, Network Load Balancer, PrivateLink, \
    Network Firewall, Global Accelerator or egress-only internet gateway are always tracked: those \
    open before the isolation can last until they idle out. Only a network ACL breaks them.";

#[async_trait]
impl Action for IsolateInstance {
    fn name(&self) -> &'static str {
        "contain::isolate_instance"
    }

    fn summary(&self) -> &'static str {
        "Cuts an instance off: every interface behind a verified, empty quarantine group."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("instance/{}", params.id::<InstanceId>("instance")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let rules = |direction, effect| Kind::GroupRules {
            group: any("sg-"),
            direction,
            effect,
            rules: vec![Rule::everything_ipv4()],
        };
        let mut needed = permissions_for(&[Read::Instance, Read::Groups], at);
        needed.extend(permissions_to(
            vec![
                Kind::InterfaceGroups {
                    interface: any("eni-"),
                    instance: any("i-"),
                    before: vec![any("sg-")],
                    after: vec![any("sg-")],
                },
                Kind::CreateGroup {
                    vpc: any("vpc-"),
                    name: String::new(),
                    description: String::new(),
                    tags: Tags::new(),
                },
                rules(Direction::Ingress, RuleEffect::Revoke),
                rules(Direction::Egress, RuleEffect::Revoke),
                rules(Direction::Ingress, RuleEffect::Authorize),
                rules(Direction::Egress, RuleEffect::Authorize),
            ],
            at,
        ));
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
        let mut walls: BTreeMap<&VpcId, Wall> = BTreeMap::new();
        for &interface in &interfaces {
            if !walls.contains_key(&interface.vpc) {
                let quarantine = find(context, &interface.vpc, Purpose::Quarantine).await?;
                walls.insert(&interface.vpc, Wall { quarantine, transition: None });
            }
        }
        let behind = |walls: &BTreeMap<&VpcId, Wall>, interface: &Interface| {
            walls[&interface.vpc].quarantine.holds(&interface.groups)
                && !opened_meanwhile(context, interface)
        };
        let open: Vec<&Interface> =
            interfaces.iter().copied().filter(|interface| !behind(&walls, interface)).collect();
        if open.is_empty() {
            return Ok(Verdict::Done(report(context, &instance, &walls, &unmanaged)));
        }
        for interface in &open {
            if let Some(wall) = walls.get_mut(&interface.vpc)
                && wall.transition.is_none()
            {
                wall.transition = Some(find(context, &interface.vpc, Purpose::Transition).await?);
            }
        }
        Ok(prepare(&walls).unwrap_or_else(|| swap(context, &id, &open, &walls)))
    }
}

/// The groups of one VPC; the transition group only where it is needed.
struct Wall {
    quarantine: Found,
    transition: Option<Found>,
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

/// One interface after the other, each into transition and at once into quarantine: when AWS refuses
/// one of them, no other is left open to the world. One that is open already comes first.
fn swap(
    context: &Context<'_>,
    instance: &InstanceId,
    open: &[&Interface],
    walls: &BTreeMap<&VpcId, Wall>,
) -> Verdict {
    let (mut half, mut whole) = (Vec::new(), Vec::new());
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
            },
        };
        if wall.transition.as_ref().is_some_and(|found| found.holds(&interface.groups)) {
            half.push(vec![change(&interface.groups, quarantine)]);
        } else {
            whole.push(vec![change(&interface.groups, transition)]);
            whole.push(vec![change(std::slice::from_ref(transition), quarantine)]);
        }
    }
    half.append(&mut whole);
    Verdict::Change(half)
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

/// The groups an interface had before this step touched it; `None` when it was never touched.
fn original<'a>(context: &Context<'a>, interface: &Interface) -> Option<&'a [GroupId]> {
    let applied: &'a [super::Applied] = context.applied;
    applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::InterfaceGroups { interface: id, before, .. } if *id == interface.id => {
            Some(before.as_slice())
        }
        _ => None,
    })
}

fn report(
    context: &Context<'_>,
    instance: &Instance,
    walls: &BTreeMap<&VpcId, Wall>,
    unmanaged: &[&Interface],
) -> Value {
    let mut warnings = vec![NEVER_FILTERED.to_owned(), ALWAYS_TRACKED.to_owned()];
    if !unmanaged.is_empty() {
        warnings.push(
            "Interfaces under `unmanaged` belong to AWS services and could not be changed: they \
             stay reachable."
                .to_owned(),
        );
    }
    let mut interfaces = serde_json::Map::new();
    for interface in instance.interfaces.iter().filter(|interface| !interface.requester_managed) {
        let before = original(context, interface);
        let through_transition = context.applied.iter().any(|applied| {
            matches!(&applied.change.kind, Kind::InterfaceGroups { interface: id, after, .. }
                if *id == interface.id && *after != interface.groups)
        });
        if before.is_some() && !through_transition {
            warnings.push(format!(
                "{} was already in the transition group: its original groups stand in the record \
                 of an earlier step.",
                interface.id
            ));
        }
        if before.is_none() {
            warnings.push(format!(
                "{} was in a quarantine group before this step: nothing new gets through, but what \
                 was open when somebody put it there may last, unless that was an earlier step of \
                 ours.",
                interface.id
            ));
        }
        interfaces
            .insert(interface.id.to_string(), json!({"before": before, "after": interface.groups}));
    }
    let quarantine: BTreeMap<&str, &GroupId> = walls
        .iter()
        .filter_map(|(vpc, wall)| match &wall.quarantine {
            Found::Ready { group, .. } => Some((vpc.as_str(), group)),
            _ => None,
        })
        .collect();
    json!({
        "instance": instance.id,
        "state": instance.state,
        "vpc": instance.vpc,
        "already": context.applied.is_empty(),
        "quarantine": quarantine,
        "interfaces": interfaces,
        "unmanaged": unmanaged.iter().map(|interface| &interface.id).collect::<Vec<_>>(),
        "warnings": warnings,
    })
}
