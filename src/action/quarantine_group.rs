//! The two security groups of a containment, per VPC: found by tag or name, verified, never trusted by
//! either. Tags can be taken off a group, its name can't: found by its tag alone it would be made anew
//! under a name that is taken, and refused for ever.
//!
//! The quarantine group has no rule at all. The transition group lets everything through in both
//! directions: an interface rests there for a moment, so that AWS stops tracking its connections
//! and the quarantine group cuts them too (EC2 User Guide, "Security group connection tracking").
//! Which interface goes where is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use super::creation::{Unseen, created, unseen};
use super::reads::any;
use super::{Context, LookError};
use crate::change::{
    Change, DatabaseChange, Direction, GroupOwner, Kind, Rule, RuleEffect, TAG_CASE, TAG_PURPOSE,
    TAG_STEP, Tags, group_name_prefix,
};
use crate::cloud::{Created, SecurityGroup};
use crate::id::{GroupId, VpcId};

/// Rules of a group that is worth clearing: the default quota is 60 a direction (VPC User Guide,
/// "Security group quotas"), and an entry of the timeline holds some 300.
const RULES_MAX: usize = 120;

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// No rule, in or out, IPv4 or IPv6.
    Quarantine,
    /// Everything, in and out, IPv4 and IPv6.
    Transition,
}

/// The groups of one VPC; the transition group only where it is needed.
pub(super) struct Wall {
    pub(super) quarantine: Found,
    pub(super) transition: Option<Found>,
}

/// The quarantine group of each VPC that has one ready, for an output.
pub(super) fn quarantine_groups<'a>(
    walls: &'a BTreeMap<&'a VpcId, Wall>,
) -> BTreeMap<&'a str, &'a GroupId> {
    let ready = |(vpc, wall): (&&'a VpcId, &'a Wall)| match &wall.quarantine {
        Found::Ready { group, .. } => Some((vpc.as_str(), group)),
        _ => None,
    };
    walls.iter().filter_map(ready).collect()
}

/// What a look found of the groups with one purpose in one VPC.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// A group can be used.
    Ready {
        /// The one to use: this step's own, or else the lowest id, so that every look chooses the
        /// same.
        group: GroupId,
        /// Every verified group with this purpose.
        verified: BTreeSet<GroupId>,
    },
    /// These changes come first; they are independent of each other.
    Prepare(Vec<Change>),
    /// A new group is not visible yet.
    Wait(std::time::Duration, String),
}

impl Found {
    /// Whether `groups` is exactly one verified group of this purpose.
    pub(super) fn holds(&self, groups: &[GroupId]) -> bool {
        match (self, groups) {
            (Self::Ready { verified, .. }, [only]) => verified.contains(only),
            _ => false,
        }
    }
}

impl Purpose {
    /// The value of [`TAG_PURPOSE`].
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Transition => "transition",
        }
    }

    /// The kinds of change that make a group what it has to be.
    pub(super) fn kinds(self) -> Vec<Kind> {
        let rules = |direction, effect| Kind::GroupRules {
            group: any("sg-"),
            direction,
            effect,
            rules: vec![Rule::everything_ipv4()],
            owner: GroupOwner::Ours,
        };
        let effect = match self {
            Self::Quarantine => RuleEffect::Revoke,
            Self::Transition => RuleEffect::Authorize,
        };
        let (vpc, name, description) = (any("vpc-"), String::new(), String::new());
        vec![
            Kind::CreateGroup { vpc, name, description, tags: Tags::new() },
            rules(Direction::Ingress, effect),
            rules(Direction::Egress, effect),
        ]
    }

    fn description(self) -> &'static str {
        // EC2 allows letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* in it.
        match self {
            Self::Quarantine => {
                "Tourniquet: cut off from everything. No rules, and none may be added."
            }
            Self::Transition => {
                "Tourniquet: open for a moment, so that connections are no longer tracked."
            }
        }
    }

    /// The changes that make `group` what this purpose demands; none when it is so already.
    fn corrections(self, context: &Context<'_>, group: &SecurityGroup) -> Vec<Change> {
        let all = [Rule::everything_ipv4(), Rule::everything_ipv6()];
        [(Direction::Ingress, &group.ingress), (Direction::Egress, &group.egress)]
            .into_iter()
            .map(|(direction, present)| {
                let (effect, rules) = match self {
                    Self::Quarantine => (RuleEffect::Revoke, present.clone()),
                    Self::Transition => {
                        let missing = all
                            .iter()
                            .filter(|rule| !present.iter().any(|have| have.same(rule)))
                            .cloned();
                        (RuleEffect::Authorize, missing.collect())
                    }
                };
                (direction, effect, rules)
            })
            .filter(|(_, _, rules)| !rules.is_empty())
            .map(|(direction, effect, rules)| Change {
                at: context.at.clone(),
                kind: Kind::GroupRules {
                    group: group.id.clone(),
                    direction,
                    effect,
                    rules,
                    owner: GroupOwner::Ours,
                },
            })
            .collect()
    }

    fn creation(self, context: &Context<'_>, vpc: &VpcId) -> Change {
        let tags: Tags = [
            (TAG_PURPOSE.to_owned(), self.label().to_owned()),
            (TAG_CASE.to_owned(), context.case.to_string()),
            (TAG_STEP.to_owned(), context.step_tag()),
        ]
        .into();
        // The name is unique in a VPC, so the case in it makes two steps of one case that create at
        // the same time end with one group: AWS refuses the second, and its next look finds the
        // first by tag. A foreign group can't have it by chance.
        let name = format!("{}{}", group_name_prefix(self.label()), context.case);
        let description = self.description().to_owned();
        Change {
            at: context.at.clone(),
            kind: Kind::CreateGroup { vpc: vpc.clone(), name, description, tags },
        }
    }
}

/// Looks for the group with `purpose` in `vpc`.
///
/// # Errors
/// When a read fails.
pub(super) async fn find(
    context: &Context<'_>,
    vpc: &VpcId,
    purpose: Purpose,
) -> Result<Found, LookError> {
    let ours = |kind: &Kind| match kind {
        Kind::CreateGroup { vpc: of, tags, .. } => {
            of == vpc && tags.get(TAG_PURPOSE).map(String::as_str) == Some(purpose.label())
        }
        _ => false,
    };
    let mut groups = context.session.groups_for(context.at, vpc, purpose.label()).await?;
    let answered: Vec<GroupId> = created(context, ours)
        .into_iter()
        .filter_map(|created| match created {
            Created::Group(id) => Some(id.clone()),
            Created::Snapshots(_) => None,
        })
        .collect();
    // What AWS answered with is ours, even where its tag is not visible yet or was taken off it.
    let untagged: Vec<GroupId> =
        answered.iter().filter(|id| groups.iter().all(|group| group.id != **id)).cloned().collect();
    if !untagged.is_empty() {
        groups.extend(context.session.groups(context.at, &untagged).await?);
    }
    groups.retain(|group| group.vpc == *vpc);
    groups.sort_by_key(|group| (!answered.contains(&group.id), group.id.clone()));
    let judged: Vec<(GroupId, Vec<Change>)> = groups
        .iter()
        .map(|group| (group.id.clone(), purpose.corrections(context, group)))
        .collect();
    let verified: BTreeSet<GroupId> = judged
        .iter()
        .filter(|(_, corrections)| corrections.is_empty())
        .map(|(id, _)| id.clone())
        .collect();
    let first = judged.iter().find(|(id, _)| verified.contains(id));
    if let Some((group, _)) = first {
        return Ok(Found::Ready { group: group.clone(), verified });
    }
    // Whoever may tag can tag any group: only one that also has our name, which nobody can change, is
    // corrected. A verified one above is good whatever it is called.
    let prefix = group_name_prefix(purpose.label());
    let ours_by_name: BTreeSet<GroupId> = groups
        .iter()
        .filter(|group| group.name.starts_with(&prefix))
        // Somebody may plant one that takes longer to clear than another takes to make.
        .filter(|group| group.ingress.len() + group.egress.len() <= RULES_MAX)
        .map(|group| group.id.clone())
        .collect();
    if let Some((_, corrections)) = judged.into_iter().find(|(id, _)| ours_by_name.contains(id)) {
        return Ok(Found::Prepare(corrections));
    }
    // A create without an answer is repeated at once: its name makes it happen only once. And a group
    // that interfaces were sent to was there: not to see it now is to see that it was deleted.
    let later = context.applied.iter().rev().take_while(|applied| !ours(&applied.change.kind));
    let mut later = later.map(|applied| &applied.change.kind);
    let was_there = later.any(|kind| {
        kind.interface_swap().is_some()
            || matches!(kind, Kind::Database(DatabaseChange::Groups { .. }))
    });
    if !answered.is_empty()
        && !was_there
        && let Unseen::Wait(time) = unseen(context, ours)
    {
        let reason = format!("the new {} group in {vpc} is not visible yet", purpose.label());
        return Ok(Found::Wait(time, reason));
    }
    Ok(Found::Prepare(vec![purpose.creation(context, vpc)]))
}
