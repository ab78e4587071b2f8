//! The way of network interfaces into quarantine, whatever they belong to: through the transition group, because
//! a single swap leaves established connections alive, and behind a group that is verified.
//!
//! What an interface belongs to writes its own kind of change. Whether an interface can be changed at all is
//! not decided here.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::quarantine_group::{Found, Purpose, Wall, find};
use super::{Context, LookError, Verdict};
use crate::change::{Change, Inverse, Kind, RuleEffect};
use crate::cloud::Interface;
use crate::id::{GroupId, VpcId};

/// The groups of each VPC.
pub(super) type Walls<'a> = BTreeMap<&'a VpcId, Wall>;

/// The change of an interface's groups: the interface, its groups before and the one after, and whether it
/// only passes there.
pub(super) type Swap<'a> = &'a (dyn Fn(&Interface, &[GroupId], &GroupId, bool) -> Kind + Sync);

/// What is next.
pub(super) enum Next {
    /// Nothing: every interface is behind a verified quarantine group.
    Behind,
    /// This, before any interface is touched.
    First(Verdict),
    /// The swaps.
    Swap(Vec<Vec<Change>>),
}

/// Looks at the groups of `interfaces`, and says what is next.
///
/// # Errors
/// When a read fails.
pub(super) async fn lead<'a>(
    context: &Context<'_>,
    interfaces: &[&'a Interface],
    swap: Swap<'_>,
) -> Result<(Walls<'a>, Next), LookError> {
    let vpcs: BTreeSet<&'a VpcId> = interfaces.iter().map(|interface| &interface.vpc).collect();
    let found = try_join_all(vpcs.into_iter().map(|vpc| wall(context, vpc))).await?;
    let mut walls: Walls<'a> = found.into_iter().collect();
    let behind = |walls: &Walls<'_>, interface: &Interface| {
        walls[&interface.vpc].quarantine.holds(&interface.groups)
            && !opened_meanwhile(context, interface)
    };
    let open: Vec<&Interface> =
        interfaces.iter().copied().filter(|interface| !behind(&walls, interface)).collect();
    if open.is_empty() {
        return Ok((walls, Next::Behind));
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
    let next = match prepare(&walls) {
        Some(verdict) => {
            // Nothing waits in the open group.
            let back = passed_back(context, &open);
            Next::First(match verdict {
                Verdict::Wait(..) if !back.is_empty() => Verdict::Change(vec![back]),
                other => other,
            })
        }
        None => Next::Swap(swaps(context, &open, &walls, swap)),
    };
    Ok((walls, next))
}

/// The groups of a VPC. At a first look both are asked for beside each other, because what is to be isolated is
/// open as a rule; later looks ask for the second one only where it is needed.
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
fn prepare(walls: &Walls<'_>) -> Option<Verdict> {
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
fn swaps(
    context: &Context<'_>,
    open: &[&Interface],
    walls: &Walls<'_>,
    swap: Swap<'_>,
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
            kind: swap(interface, before, after, after == transition),
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
            let told = applied.change.kind.interface_swap();
            told.is_some_and(|told| *told.interface == interface.id)
        })?;
        let told = last.change.kind.interface_swap()?;
        match last.change.inverse() {
            Inverse::Change(back) if told.passing && *told.after == interface.groups => Some(back),
            _ => None,
        }
    });
    back.collect()
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
    let entered = last(&|kind| {
        let told = kind.interface_swap();
        told.is_some_and(|told| *told.interface == interface.id && *told.after == interface.groups)
    });
    emptied.is_some() && emptied > entered
}
