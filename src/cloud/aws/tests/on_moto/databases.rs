//! Databases on moto, made with the SDK.

use super::{OnMoto, id, text};
use crate::cloud::contract::{DatabaseWish, Outcome};
use crate::id::{DatabaseClusterId, DatabaseId, GroupId, Place};

fn client(moto: &OnMoto, at: &Place) -> aws_sdk_rds::Client {
    aws_sdk_rds::Client::new(&moto.inside[&at.account])
}

pub(super) async fn instance(
    moto: &OnMoto,
    at: &Place,
    wish: &DatabaseWish,
) -> Outcome<DatabaseId> {
    let name = format!("database-{}", moto.n());
    let subnets = format!("subnets-of-{name}");
    let client = client(moto, at);
    let call = client.create_db_subnet_group().db_subnet_group_name(&subnets);
    let call = call.db_subnet_group_description("of a check");
    let call = call.subnet_ids(moto.subnet(at, &wish.vpc).await?);
    call.send().await.map_err(text)?;
    let call = client.create_db_instance().db_instance_identifier(&name);
    let call = call.db_instance_class("db.t3.medium").db_subnet_group_name(&subnets);
    let call = call.publicly_accessible(true).allocated_storage(20);
    let call = match &wish.cluster {
        Some(cluster) => call.engine("aurora-postgresql").db_cluster_identifier(cluster.as_str()),
        None => call
            .engine("postgres")
            .master_username("check")
            .master_user_password("correct-horse-9")
            .vpc_security_group_ids(wish.group.as_str()),
    };
    call.send().await.map_err(text)?;
    id(Some(&name))
}

pub(super) async fn cluster(
    moto: &OnMoto,
    at: &Place,
    group: &GroupId,
) -> Outcome<DatabaseClusterId> {
    let name = format!("cluster-{}", moto.n());
    let call = client(moto, at).create_db_cluster().db_cluster_identifier(&name);
    let call = call.engine("aurora-postgresql").vpc_security_group_ids(group.as_str());
    let call = call.master_username("check").master_user_password("correct-horse-9");
    call.send().await.map_err(text)?;
    id(Some(&name))
}
