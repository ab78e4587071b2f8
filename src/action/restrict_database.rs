//! Takes a database off the network: nothing but our empty, verified quarantine group is on it, and its name
//! leads to no public address.
//!
//! The security groups of a member of a cluster are its cluster's, so that the whole cluster is restricted,
//! with every member that has a public address. Connections that are open stay open: to end them costs the
//! database's work, so that a person decides. No user of the database is locked: for an attacker who only
//! guesses passwords we would do so ourselves.
//!
//! RDS takes modifications in some of its statuses only, and carries them out by and by. What is told stands in
//! `restriction_report`.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::creation::{age, sent};
use super::database_site::{Site, site};
use super::quarantine_group::{Found, Purpose, find};
use super::reads::{Read, any, permissions_for, permissions_to};
use super::restriction_report::report;
use super::{
    Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict, gone,
};
use crate::change::{Change, DatabaseChange, DatabaseRef, Kind, Permission, SHOWN_WITHIN, Urgency};
use crate::cloud::{Database, DatabaseGroup, GROUP_ACTIVE, settled_groups};
use crate::id::{DatabaseId, GroupId, Place};

/// Stops everybody from opening a connection to a database.
pub struct RestrictDatabase;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "database",
    kind: ParamKind::DatabaseId,
    required: true,
    doc: "The DB instance.",
}];

/// Time between two looks at what RDS carries out: a group takes seconds, an address about a minute.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Time between two looks at a status that passes by itself: most take minutes.
const STATUS_EVERY: Duration = Duration::from_secs(15);

/// Statuses in which RDS takes modifications that are not about storage (RDS User Guide, "Viewing Amazon RDS
/// DB instance status").
const TAKES: [&str; 3] = ["available", "storage-initialization", "storage-optimization"];

/// Statuses that do not pass by themselves (as above; Aurora User Guide, "Viewing cluster status").
const STUCK: [&str; 7] = [
    "cloning-failed",
    "failed",
    "insufficient-capacity",
    "migration-failed",
    "restore-error",
    "stopped",
    "storage-full",
];

/// How further statuses begin that do not pass by themselves.
const STUCK_PREFIXES: [&str; 2] = ["inaccessible-encryption-credentials", "incompatible-"];

/// What is left to do.
enum Part<'a> {
    Groups,
    Public(&'a Database),
}

/// When RDS takes a part.
enum Takes {
    Now,
    Later(Duration, String),
    Never(String),
}

#[async_trait]
impl Action for RestrictDatabase {
    fn name(&self) -> &'static str {
        "contain::restrict_database"
    }

    fn summary(&self) -> &'static str {
        "Stops new connections to a database, and to its cluster: a quarantine group, and no public address."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("database", Shape::Text),
            ("cluster", Shape::Text),
            ("vpc", Shape::Text),
            ("quarantine", Shape::Text),
            ("members", Shape::List(&Shape::Text)),
            ("groups_before", Shape::List(&Shape::Text)),
            ("public_before", Shape::List(&Shape::Text)),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
            ("warnings", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(DatabaseRef::Instance(params.id("database")?).path())
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let groups = |database| {
            let (before, after) = (vec![any("sg-")], vec![any("sg-")]);
            Kind::Database(DatabaseChange::Groups { database, before, after })
        };
        let mut kinds = Purpose::Quarantine.kinds();
        kinds.push(groups(DatabaseRef::Instance(any(""))));
        kinds.push(groups(DatabaseRef::Cluster(any(""))));
        kinds.push(Kind::Database(off(any(""))));
        let mut needed =
            permissions_for(&[Read::Database, Read::DatabaseCluster, Read::Groups], at);
        needed.extend(permissions_to(kinds, at));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let id: DatabaseId = params.id("database")?;
        let Some(site) = site(context, &id).await? else {
            return Ok(gone(&format!("database {id}"), context.at));
        };
        let vpc = match (untouchable(&site), &site.database.vpc) {
            (Some(reason), _) => return Ok(Verdict::Refuse(reason)),
            (None, Some(vpc)) => vpc,
            (None, None) => {
                let reason =
                    format!("database {id} is in no VPC: no VPC security group reaches it");
                return Ok(Verdict::Refuse(reason));
            }
        };
        let quarantine = find(context, vpc, Purpose::Quarantine).await?;
        let parts = left(&site, &quarantine);
        if parts.is_empty() {
            return Ok(match site.groups().iter().find(|group| group.status != GROUP_ACTIVE) {
                Some(DatabaseGroup { id: group, status }) => {
                    Verdict::Wait(LOOK_EVERY, format!("security group {group} of {id} is {status}"))
                }
                None => Verdict::Done(report(context, &site, &settled_groups(site.groups()))),
            });
        }
        Ok(decide(context, &site, &quarantine, &parts))
    }
}

/// Why this verb is not for it, with what to do instead.
fn untouchable(site: &Site) -> Option<String> {
    let id = &site.database.id;
    if let Some(cluster) = site.cluster.as_ref().filter(|cluster| cluster.limitless) {
        return Some(format!(
            "cluster {} of {id} is an Aurora Limitless Database, whose shards are no DB instances: set the \
             VPC security groups of the cluster by hand to one without rules, and see that its shard group \
             has no public address",
            cluster.id
        ));
    }
    site.database.engine.starts_with("custom-").then(|| {
        format!(
            "database {id} is RDS Custom, whose security groups RDS does not change: isolate the EC2 \
             instance that it runs on"
        )
    })
}

fn left<'a>(site: &'a Site, quarantine: &Found) -> Vec<(Part<'a>, &'a str)> {
    let behind = quarantine.holds(&settled_groups(site.groups()));
    let groups = (!behind).then(|| (Part::Groups, site.owner().1));
    let fixed: BTreeSet<&DatabaseId> = site.stay_public().iter().map(|one| &one.id).collect();
    let public = site.members().iter().filter(|one| one.public && !fixed.contains(&one.id));
    groups.into_iter().chain(public.map(|one| (Part::Public(one), one.status.as_str()))).collect()
}

/// What RDS takes now is told to it; the rest waits, and is refused when nothing else is left.
fn decide(
    context: &Context<'_>,
    site: &Site,
    quarantine: &Found,
    parts: &[(Part<'_>, &str)],
) -> Verdict {
    let (mut groups, mut public) = (Vec::new(), Vec::new());
    let (mut later, mut never) = (None, None);
    for (part, status) in parts {
        let kind = change(site, quarantine, part);
        match takes(context, site, &kind, status) {
            Takes::Later(time, reason) => later = later.or(Some(Verdict::Wait(time, reason))),
            Takes::Never(reason) => never = never.or(Some(Verdict::Refuse(reason))),
            Takes::Now => match (part, quarantine) {
                // Before anything is changed the group is there.
                (Part::Groups, Found::Prepare(first)) => {
                    return Verdict::Change(vec![first.clone()]);
                }
                (Part::Groups, Found::Wait(time, reason)) => {
                    later = later.or(Some(Verdict::Wait(*time, reason.clone())));
                }
                (Part::Groups, Found::Ready { .. }) => groups.push(kind),
                (Part::Public(_), _) => public.push(kind),
            },
        }
    }
    let made = |kind| Change { at: context.at.clone(), kind: Kind::Database(kind) };
    let stages = [groups, public].map(|stage| stage.into_iter().map(made).collect::<Vec<_>>());
    let stages: Vec<Vec<Change>> = stages.into_iter().filter(|stage| !stage.is_empty()).collect();
    let nothing = || Verdict::Refuse(format!("nothing can be changed of {}", site.database.id));
    match stages.is_empty() {
        false => Verdict::Change(stages),
        true => later.or(never).unwrap_or_else(nothing),
    }
}

fn change(site: &Site, quarantine: &Found, part: &Part<'_>) -> DatabaseChange {
    match part {
        Part::Public(one) => off(one.id.clone()),
        Part::Groups => DatabaseChange::Groups {
            database: site.owner().0,
            before: settled_groups(site.groups()),
            after: match quarantine {
                Found::Ready { group, .. } => vec![group.clone()],
                Found::Prepare(_) | Found::Wait(..) => Vec::<GroupId>::new(),
            },
        },
    }
}

fn off(instance: DatabaseId) -> DatabaseChange {
    DatabaseChange::PublicAccess { instance, before: true, after: false }
}

fn takes(context: &Context<'_>, site: &Site, wanted: &DatabaseChange, status: &str) -> Takes {
    let what = wanted.subject().words();
    let attribute = wanted.resource();
    let same = |kind: &Kind| matches!(kind, Kind::Database(told) if told.resource() == attribute);
    let told = sent(context, same).last().map(|applied| age(applied.at, context.now));
    if told.is_some_and(|age| age < SHOWN_WITHIN) {
        Takes::Later(LOOK_EVERY, format!("RDS does not show yet what it was told of {what}"))
    } else if status == "stopped" || (status == "stopping" && site.cluster.is_none()) {
        Takes::Never(format!(
            "{what} is {status}: nobody can open a connection, and RDS takes no modification. It starts \
             again by itself after seven days: run this again when it is started, or delete it after a \
             final snapshot"
        ))
    } else if STUCK.contains(&status)
        || STUCK_PREFIXES.iter().any(|start| status.starts_with(start))
    {
        Takes::Never(format!(
            "{what} is {status}, in which RDS takes no such modification: repair that and run this again, \
             or deny its subnets with a network ACL"
        ))
    } else if TAKES.contains(&status) {
        Takes::Now
    } else {
        let text = format!("{what} is {status}: RDS takes no modification before that is over");
        Takes::Later(STATUS_EVERY, text)
    }
}
