//! What is told of an isolation: what was where before, how long each interface stood open on the way,
//! and what no security group cuts. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Context;
use super::quarantine_group::{Wall, quarantine_groups};
use crate::change::{AddressUse, Kind};
use crate::cloud::{Instance, Interface};
use crate::id::{GroupId, InstanceId, InterfaceId, VpcId};

/// What no security group cuts (VPC User Guide, "Security groups").
const NEVER_FILTERED: &str = "Security groups do not filter DNS to the VPC resolver, the instance \
    metadata service (IMDS), NTP or DHCP: data can still leave by DNS, and the instance still gets \
    credentials of its role. Revoke the role's sessions, and block domains with Route 53 Resolver DNS \
    Firewall or stop the instance.";

/// What survives the swap (EC2 User Guide, "Automatically tracked connections").
const ALWAYS_TRACKED: &str = "Connections through a NAT gateway, Network Load Balancer, PrivateLink, \
    Network Firewall, Global Accelerator or egress-only internet gateway are always tracked: those \
    open before the isolation can last until they idle out. Only a network ACL breaks them.";

/// What the groups are for both families.
const BOTH_FAMILIES: &str = "The quarantine group has no rule for IPv4 and none for IPv6.";

/// What the times under `open` are.
const WINDOW: &str = "On its way an interface rests in the transition group, which lets everything in \
    and out: `open` holds when the call into it and the call out of it were sent; the timeline has \
    when each was answered.";

/// Why the step does not end as contained although every interface of ours is.
pub(super) fn stays_open(id: &InstanceId, unmanaged: &[&Interface]) -> String {
    let ids: Vec<&str> = unmanaged.iter().map(|interface| interface.id.as_str()).collect();
    format!(
        "{} of {id} stays open: an AWS service manages it, and only the service can change its \
         security groups. Everything else of {id} is behind the quarantine group. Stop the instance, \
         take the interface away through its service, or deny its subnet with a network ACL",
        ids.join(", ")
    )
}

/// The output of an isolation whose end was observed.
pub(super) fn contained(
    context: &Context<'_>,
    instance: &Instance,
    walls: &BTreeMap<&VpcId, Wall>,
    unmanaged: &[&Interface],
) -> Value {
    let mut warnings = Vec::new();
    if !unmanaged.is_empty() {
        warnings.push(stays_open(&instance.id, unmanaged));
    }
    let mut interfaces = Map::new();
    for interface in instance.interfaces.iter().filter(|interface| !interface.requester_managed) {
        let before = original(context, interface);
        let open = windows(context, interface);
        if before.is_some() && open.iter().all(|(start, _)| start.is_none()) {
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
        let open: Vec<Value> =
            open.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
        let told = json!({
            "before": before,
            "after": interface.groups,
            "open": open,
            "elastic_ips": taken_off(context, &interface.id),
        });
        interfaces.insert(interface.id.to_string(), told);
    }
    json!({
        "instance": instance.id,
        "state": instance.state,
        "vpc": instance.vpc,
        "already": context.applied.is_empty(),
        "quarantine": quarantine_groups(walls),
        "interfaces": interfaces,
        "unmanaged": unmanaged.iter().map(|interface| &interface.id).collect::<Vec<_>>(),
        "notes": [NEVER_FILTERED, ALWAYS_TRACKED, BOTH_FAMILIES, WINDOW],
        "warnings": warnings,
    })
}

/// The groups an interface had before this step touched it; `None` when it was never touched.
fn original<'a>(context: &Context<'a>, interface: &Interface) -> Option<&'a [GroupId]> {
    swaps(context, &interface.id).next().map(|(_, before, _)| before)
}

/// Each time an interface stood in the transition group: when the call into it was sent, which is not
/// known where it stood there before this step, and when the call out of it.
fn windows(
    context: &Context<'_>,
    interface: &Interface,
) -> Vec<(Option<Timestamp>, Option<Timestamp>)> {
    let (mut windows, mut entered) = (Vec::new(), None);
    for (at, _, after) in swaps(context, &interface.id) {
        if after == interface.groups {
            match (entered.take(), windows.last_mut()) {
                // The call out of it was sent once more.
                (None, Some((_, end))) => *end = Some(at),
                (start, _) => windows.push((start, Some(at))),
            }
        } else if entered.is_none() {
            entered = Some(at);
        }
    }
    if entered.is_some() {
        windows.push((entered, None));
    }
    windows
}

/// What this step did to the groups of an interface, oldest first: when, from what, to what.
fn swaps<'a>(
    context: &Context<'a>,
    interface: &InterfaceId,
) -> impl Iterator<Item = (Timestamp, &'a [GroupId], &'a [GroupId])> {
    let applied: &'a [super::Applied] = context.applied;
    applied.iter().filter_map(move |applied| {
        let told = applied.change.kind.interface_swap()?;
        (told.interface == interface).then_some((applied.at, told.before, told.after))
    })
}

/// The Elastic IP addresses that this step has taken off an interface, each once.
fn taken_off(context: &Context<'_>, interface: &InterfaceId) -> Vec<Value> {
    let of = |kind: &Kind| match kind {
        Kind::ElasticAddress {
            interface: id,
            allocation,
            association,
            public_ip,
            private_ip,
            after: AddressUse::Free,
            ..
        } if id == interface => Some(json!({
            "public_ip": public_ip,
            "private_ip": private_ip,
            "allocation": allocation,
            "association": association,
        })),
        _ => None,
    };
    let all = context.applied.iter().filter_map(|applied| of(&applied.change.kind));
    all.fold(Vec::new(), |mut once, told| {
        if !once.contains(&told) {
            once.push(told);
        }
        once
    })
}
