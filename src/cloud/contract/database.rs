//! Who reaches a database.

use super::{Bench, Ip, Outcome, equal, holds, some, text};
use crate::change::{Change, DatabaseChange, DatabaseRef, Kind};
use crate::cloud::contract::DatabaseWish;
use crate::cloud::{Database, DatabaseCluster, ErrorClass, Standing, settled_groups};
use crate::id::{DatabaseClusterId, DatabaseId, GroupId};

async fn read(bench: &Bench<'_>, id: &DatabaseId) -> Outcome<Database> {
    some("database", bench.session.database(bench.here(), id).await.map_err(text)?)
}

async fn read_cluster(bench: &Bench<'_>, id: &DatabaseClusterId) -> Outcome<DatabaseCluster> {
    some("cluster", bench.session.database_cluster(bench.here(), id).await.map_err(text)?)
}

fn groups(bench: &Bench<'_>, database: DatabaseRef, before: &GroupId, after: &GroupId) -> Change {
    let (before, after) = (vec![before.clone()], vec![after.clone()]);
    bench.change(Kind::Database(DatabaseChange::Groups { database, before, after }))
}

fn public(bench: &Bench<'_>, instance: &DatabaseId, before: bool, after: bool) -> Change {
    let instance = instance.clone();
    bench.change(Kind::Database(DatabaseChange::PublicAccess { instance, before, after }))
}

/// A VPC with two groups of its own.
async fn two_groups(bench: &Bench<'_>) -> Outcome<(crate::id::VpcId, GroupId, GroupId)> {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let one = bench.fixture().group(bench.here(), &vpc).await?;
    let two = bench.fixture().group(bench.here(), &vpc).await?;
    Ok((vpc, one, two))
}

/// Makes a change and looks until it is shown: AWS takes its time.
async fn passes(bench: &Bench<'_>, change: &Change) -> Outcome {
    bench.stands(change, &Standing::Before).await?;
    bench.apply(change).await?;
    // The first look may show it as it was.
    let _first = crate::cloud::standing(bench.session.as_ref(), change).await.map_err(text)?;
    bench.stands(change, &Standing::After).await
}

pub async fn changes_who_reaches_a_database_and_back(bench: &Bench<'_>) -> Outcome {
    let (vpc, one, two) = two_groups(bench).await?;
    let wish = DatabaseWish { vpc: vpc.clone(), group: one.clone(), cluster: None };
    let id = bench.fixture().database(bench.here(), &wish).await?;
    let was = read(bench, &id).await?;
    equal("groups", &settled_groups(&was.groups), &vec![one.clone()])?;
    equal("vpc", &was.vpc, &Some(vpc))?;
    equal("cluster", &was.cluster, &None)?;
    equal("status", &was.status.as_str(), &"available")?;
    holds("it is public, and nothing is pending", was.public && !was.pending)?;
    let own = || DatabaseRef::Instance(id.clone());
    passes(bench, &groups(bench, own(), &one, &two)).await?;
    passes(bench, &public(bench, &id, true, false)).await?;
    let now = read(bench, &id).await?;
    equal("groups", &settled_groups(&now.groups), &vec![two.clone()])?;
    holds("all groups are in force", now.groups.iter().all(|group| group.status == "active"))?;
    passes(bench, &public(bench, &id, false, true)).await?;
    passes(bench, &groups(bench, own(), &two, &one)).await?;
    equal("database", &read(bench, &id).await?, &was)
}

pub async fn changes_who_reaches_a_cluster_and_back(bench: &Bench<'_>) -> Outcome {
    let (vpc, one, two) = two_groups(bench).await?;
    let cluster = bench.fixture().database_cluster(bench.here(), &one).await?;
    let wish = DatabaseWish { vpc, group: one.clone(), cluster: Some(cluster.clone()) };
    let id = bench.fixture().database(bench.here(), &wish).await?;
    equal("cluster", &read(bench, &id).await?.cluster, &Some(cluster.clone()))?;
    let was = read_cluster(bench, &cluster).await?;
    let members: Vec<&DatabaseId> = was.members.iter().map(|member| &member.id).collect();
    equal("members", &members, &vec![&id])?;
    holds("it is no Limitless Database, and nothing is pending", !was.limitless && !was.pending)?;
    equal("groups", &settled_groups(&was.groups), &vec![one.clone()])?;
    let own = || DatabaseRef::Cluster(cluster.clone());
    passes(bench, &groups(bench, own(), &one, &two)).await?;
    let now = read_cluster(bench, &cluster).await?;
    equal("groups", &settled_groups(&now.groups), &vec![two.clone()])?;
    passes(bench, &groups(bench, own(), &two, &one)).await?;
    equal("groups", &settled_groups(&read_cluster(bench, &cluster).await?.groups), &vec![one])
}

pub async fn finds_no_database_of_that_name(bench: &Bench<'_>) -> Outcome {
    let id: DatabaseId = "no-such-database".parse().unwrap();
    let cluster: DatabaseClusterId = "no-such-cluster".parse().unwrap();
    let found = bench.session.database(bench.here(), &id).await.map_err(text)?;
    equal("database", &found, &None)?;
    let found = bench.session.database_cluster(bench.here(), &cluster).await.map_err(text)?;
    equal("cluster", &found, &None)?;
    let change = public(bench, &id, true, false);
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await?;
    let group: GroupId = "sg-0123456789abcdef0".parse().unwrap();
    let change = groups(bench, DatabaseRef::Cluster(cluster), &group, &group);
    bench.stands(&change, &Standing::Gone).await
}
