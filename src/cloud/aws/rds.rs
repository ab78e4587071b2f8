//! Databases: who reaches them, and their tags.
//!
//! `ApplyImmediately` of ModifyDBInstance also applies what others left for the maintenance window, such as
//! an upgrade that restarts the database. Neither of our attributes needs it: RDS applies both at once (RDS
//! API, `VpcSecurityGroupIds` and `PubliclyAccessible`). That of ModifyDBCluster is about its own request
//! alone.

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{
    ClusterPendingModifiedValues, ClusterScalabilityType, DbInstance, Filter,
    PendingModifiedValues, Tag, VpcSecurityGroupMembership,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::convert::{parsed, parsed_if_there};
use super::ec2_apply::{Touched, confirmed, touched};
use super::errors::read;
use crate::change::{DatabaseChange, DatabaseRef, Tags};
use crate::cloud::{Database, DatabaseCluster, DatabaseGroup, Receipt, Result};
use crate::id::{DatabaseClusterId, DatabaseId};

const INSTANCES: &str = "rds:DescribeDBInstances";
const CLUSTERS: &str = "rds:DescribeDBClusters";
const TAGS: &str = "rds:ListTagsForResource";

/// The codes of what is not there.
const NO_INSTANCE: &str = "DBInstanceNotFound";
const NO_CLUSTER: &str = "DBClusterNotFoundFault";

pub(super) async fn database(client: &Client, id: &DatabaseId) -> Result<Option<Database>> {
    match client.describe_db_instances().db_instance_identifier(id.as_str()).send().await {
        Ok(answer) => answer.db_instances().first().map(converted).transpose(),
        Err(error) if error.code() == Some(NO_INSTANCE) => Ok(None),
        Err(error) => Err(read(INSTANCES, error)),
    }
}

pub(super) async fn cluster(
    client: &Client,
    id: &DatabaseClusterId,
) -> Result<Option<DatabaseCluster>> {
    let answer = match client.describe_db_clusters().db_cluster_identifier(id.as_str()).send().await
    {
        Ok(answer) => answer,
        Err(error) if error.code() == Some(NO_CLUSTER) => return Ok(None),
        Err(error) => return Err(read(CLUSTERS, error)),
    };
    let Some(found) = answer.db_clusters().first() else {
        return Ok(None);
    };
    let waiting = found.pending_modified_values();
    Ok(Some(DatabaseCluster {
        id: id.clone(),
        status: found.status().unwrap_or_default().to_owned(),
        groups: groups(CLUSTERS, found.vpc_security_groups())?,
        limitless: found.cluster_scalability_type() == Some(&ClusterScalabilityType::Limitless)
            || found.limitless_database().is_some(),
        pending: waiting.is_some_and(|it| *it != ClusterPendingModifiedValues::builder().build()),
        members: members(client, id).await?,
    }))
}

async fn members(client: &Client, id: &DatabaseClusterId) -> Result<Vec<Database>> {
    let of = Filter::builder().name("db-cluster-id").values(id.as_str()).build();
    let found = client
        .describe_db_instances()
        .filters(of)
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<Vec<_>, _>>()
        .await
        .map_err(|error| read(INSTANCES, error))?;
    found.iter().map(converted).collect()
}

fn converted(found: &DbInstance) -> Result<Database> {
    let waiting = found.pending_modified_values();
    Ok(Database {
        id: parsed(INSTANCES, found.db_instance_identifier())?,
        status: found.db_instance_status().unwrap_or_default().to_owned(),
        engine: found.engine().unwrap_or_default().to_owned(),
        vpc: parsed_if_there(INSTANCES, found.db_subnet_group().and_then(|group| group.vpc_id()))?,
        groups: groups(INSTANCES, found.vpc_security_groups())?,
        public: found.publicly_accessible().unwrap_or_default(),
        pending: waiting.is_some_and(|it| *it != PendingModifiedValues::builder().build()),
        cluster: parsed_if_there(INSTANCES, found.db_cluster_identifier())?,
    })
}

fn groups(operation: &str, found: &[VpcSecurityGroupMembership]) -> Result<Vec<DatabaseGroup>> {
    found
        .iter()
        .map(|group| {
            Ok(DatabaseGroup {
                id: parsed(operation, group.vpc_security_group_id())?,
                status: group.status().unwrap_or_default().to_owned(),
            })
        })
        .collect()
}

pub(super) async fn apply(
    client: &Client,
    operation: &str,
    change: &DatabaseChange,
) -> Result<Receipt> {
    match change {
        DatabaseChange::Groups { database: DatabaseRef::Instance(id), after, .. } => {
            let after = after.iter().map(|group| group.as_str().to_owned()).collect();
            let call = client.modify_db_instance().db_instance_identifier(id.as_str());
            confirmed(operation, call.set_vpc_security_group_ids(Some(after)).send().await)
        }
        DatabaseChange::Groups { database: DatabaseRef::Cluster(id), after, .. } => {
            let after = after.iter().map(|group| group.as_str().to_owned()).collect();
            let call = client.modify_db_cluster().db_cluster_identifier(id.as_str());
            let call = call.set_vpc_security_group_ids(Some(after)).apply_immediately(true);
            confirmed(operation, call.send().await)
        }
        DatabaseChange::PublicAccess { instance, after, .. } => {
            let call = client.modify_db_instance().db_instance_identifier(instance.as_str());
            confirmed(operation, call.publicly_accessible(*after).send().await)
        }
    }
}

pub(super) async fn tags(client: &Client, arn: &str) -> Result<Option<Tags>> {
    match client.list_tags_for_resource().resource_name(arn).send().await {
        Ok(answer) => {
            let pair = |tag: &Tag| {
                Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
            };
            Ok(Some(answer.tag_list().iter().filter_map(pair).collect()))
        }
        Err(error) => match error.code() {
            Some(NO_INSTANCE | NO_CLUSTER) => Ok(None),
            _ => Err(read(TAGS, error)),
        },
    }
}

/// Sets or removes tags.
pub(super) async fn retag(
    client: &Client,
    operation: &str,
    arn: &str,
    before: &Tags,
    after: &Tags,
) -> Result<Receipt> {
    match touched(operation, before, after)? {
        Touched::Set(tags) => {
            let tag =
                |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
            let tags = tags.iter().map(tag).collect();
            let call = client.add_tags_to_resource().resource_name(arn).set_tags(Some(tags));
            confirmed(operation, call.send().await)
        }
        Touched::Removed(tags) => {
            let keys = tags.into_keys().collect();
            let call =
                client.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys));
            confirmed(operation, call.send().await)
        }
    }
}
