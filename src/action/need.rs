//! All that a role must allow for a call of an action: what the action itself calls, the guards' look
//! at the target's tags, and what takes its changes back.
//!
//! Derived from what the action says of itself, in `permissions_of_call`; nothing here is async and
//! nothing here calls AWS. The harness drives every action, its guards and its undo under exactly this.

use std::collections::{BTreeMap, BTreeSet};

use super::reads::tag_reads;
use super::{Action, Settings};
use crate::change::{Permission, Statement, statements};
use crate::id::{AccountId, Place};

/// What a role in one account must allow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Need {
    /// For the step.
    pub run: BTreeSet<Permission>,
    /// Besides, for taking it back.
    pub undo: BTreeSet<Permission>,
}

impl Need {
    /// The need of both.
    pub fn add(&mut self, other: Self) {
        self.run.extend(other.run);
        self.undo.extend(other.undo);
        let run = &self.run;
        self.undo.retain(|one| !run.iter().any(|have| have.covers(one)));
    }

    /// The same with another word for an account or a Region in its ARNs.
    #[must_use]
    pub fn renamed(self, from: &str, to: &str) -> Self {
        let rename = |set: BTreeSet<Permission>| {
            set.into_iter()
                .map(|Permission { action, resource }| {
                    let mut parts: Vec<&str> = resource.splitn(6, ':').collect();
                    for part in parts.iter_mut().skip(3).take(2).filter(|part| **part == from) {
                        *part = to;
                    }
                    Permission { action, resource: parts.join(":") }
                })
                .collect()
        };
        Self { run: rename(self.run), undo: rename(self.undo) }
    }

    /// The statements of the policy: those for the run, then those that only an undo needs, whose
    /// names begin with `Undo`.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        let mut all = statements("", &self.run);
        all.extend(statements("Undo", &self.undo));
        all
    }
}

/// What a call of `action` in `at` needs, by account. `starts`: how the text of each argument begins,
/// where that is known.
#[must_use]
pub fn needs(
    action: &dyn Action,
    at: &Place,
    settings: &Settings,
    starts: &[Option<String>],
) -> BTreeMap<AccountId, Need> {
    let called = action.permissions_of_call(at, settings, starts);
    called
        .into_iter()
        .map(|(account, own)| {
            let mut run: BTreeSet<Permission> = own.iter().map(every_id).collect();
            let undo = run.iter().filter_map(|one| taking_back(one, &run)).collect();
            if account == at.account {
                run.extend(guard_reads(&own, at));
            }
            let mut need = Need::default();
            need.add(Need { run, undo });
            (account, need)
        })
        .collect()
}

/// What the guards read before the first change: the tags of each instance, role, user, bucket, function, database and
/// security group of the account's own that the action touches, because a tag may protect it.
fn guard_reads(own: &BTreeSet<Permission>, at: &Place) -> BTreeSet<Permission> {
    let makes_groups = own.iter().any(|one| one.action == "ec2:CreateSecurityGroup");
    let touched = |kind: &&str| {
        let start = format!("{kind}/");
        let is_one = |one: &Permission| match *kind {
            // What Auto Scaling groups and load balancers make of an instance is about that.
            "instance" if matches!(one.part(2), Some("autoscaling" | "elasticloadbalancing")) => {
                true
            }
            // A bucket's ARN is its name.
            "bucket" => one.part(2) == Some("s3"),
            "database" => one.part(2) == Some("rds"),
            // Whatever makes groups changes those alone, and nobody's tag protects ours.
            "security-group" if makes_groups => false,
            // What calls a function is about that.
            "function" => one.part(2) == Some("lambda"),
            _ => one.part(5).is_some_and(|id| id.starts_with(&start)),
        };
        own.iter().any(|one| changes(one) && is_one(one))
    };
    let kinds = ["instance", "role", "user", "bucket", "function", "security-group", "database"];
    kinds.into_iter().filter(touched).flat_map(|kind| tag_reads(kind, at)).collect()
}

/// Who passes a role changes nothing of it.
fn changes(permission: &Permission) -> bool {
    let verb = permission.action.split(':').nth(1).unwrap_or_default();
    !["Describe", "Get", "List", "Pass"].iter().any(|reads| verb.starts_with(reads))
}

/// What takes back what a permission allowed to do, where it is another call: the inverse of
/// `change::inverse`. What is tagged as it is made is evidence or a quarantine group, and is kept.
fn taking_back(one: &Permission, run: &BTreeSet<Permission>) -> Option<Permission> {
    let inverse = match one.action.as_str() {
        "ec2:CreateTags" => {
            let creates = ["ec2:CreateSecurityGroup", "ec2:CreateSnapshots", "ec2:CopySnapshot"];
            let made = |by: &&str| run.contains(&Permission::new(by, one.resource.as_str()));
            if creates.iter().any(made) {
                return None;
            }
            "ec2:DeleteTags"
        }
        "ec2:DisassociateAddress" => "ec2:AssociateAddress",
        "ec2:DisassociateIamInstanceProfile" => "ec2:AssociateIamInstanceProfile",
        // What is given back is a role that nobody knows before.
        "iam:PassRole" => {
            let account = one.part(4).unwrap_or_default();
            return Some(Permission::new("iam:PassRole", format!("arn:aws:iam::{account}:role/*")));
        }
        "ec2:RevokeSecurityGroupIngress" => "ec2:AuthorizeSecurityGroupIngress",
        "guardduty:ArchiveFindings" => "guardduty:UnarchiveFindings",
        "ecs:TagResource" => "ecs:UntagResource",
        "rds:AddTagsToResource" => "rds:RemoveTagsFromResource",
        "autoscaling:EnterStandby" => "autoscaling:ExitStandby",
        "elasticloadbalancing:DeregisterTargets" => "elasticloadbalancing:RegisterTargets",
        "elasticloadbalancing:DeregisterInstancesFromLoadBalancer" => {
            "elasticloadbalancing:RegisterInstancesWithLoadBalancer"
        }
        "iam:PutRolePolicy" => "iam:DeleteRolePolicy",
        "iam:PutUserPolicy" => "iam:DeleteUserPolicy",
        "lambda:PutFunctionConcurrency" => "lambda:DeleteFunctionConcurrency",
        "lambda:TagResource" => "lambda:UntagResource",
        "iam:TagRole" => "iam:UntagRole",
        "iam:TagUser" => "iam:UntagUser",
        _ => return None,
    };
    Some(Permission::new(inverse, one.resource.as_str()))
}

/// `instance/i-*` is every instance, and so is `instance/*`: with one word for it, a policy has one
/// statement for it.
fn every_id(permission: &Permission) -> Permission {
    let kind = permission.resource.strip_suffix("-*").and_then(|stem| stem.rsplit_once('/'));
    match kind {
        Some((kind, _)) if permission.part(2) == Some("ec2") => {
            Permission::new(&permission.action, format!("{kind}/*"))
        }
        _ => permission.clone(),
    }
}
