//! Tasks and services of ECS on moto, made with the SDK.

use aws_sdk_ecs::types::{
    AwsVpcConfiguration, ContainerDefinition, LaunchType, NetworkConfiguration, NetworkMode,
};

use super::{OnMoto, id, text};
use crate::cloud::contract::{Outcome, TaskWish};
use crate::id::{ClusterName, Place, ServiceName, TaskId};

fn client(moto: &OnMoto, at: &Place) -> aws_sdk_ecs::Client {
    aws_sdk_ecs::Client::new(&moto.inside[&at.account])
}

async fn cluster(moto: &OnMoto, at: &Place) -> Outcome<ClusterName> {
    let name = format!("cluster-{}", moto.n());
    client(moto, at).create_cluster().cluster_name(&name).send().await.map_err(text)?;
    id(Some(&name))
}

/// A task definition with both roles: its family.
async fn definition(moto: &OnMoto, at: &Place, mode: NetworkMode) -> Outcome<String> {
    let family = format!("family-{}", moto.n());
    let role = |name: &str| format!("arn:aws:iam::{}:role/made/{name}", at.account);
    let container = ContainerDefinition::builder().name("one").image("one").memory(128).build();
    let call = client(moto, at).register_task_definition().family(&family).network_mode(mode);
    let call = call.container_definitions(container).task_role_arn(role("task-role"));
    let call = call.execution_role_arn(role("ecs-role")).cpu("256").memory("512");
    call.send().await.map_err(text)?;
    Ok(family)
}

pub(super) async fn task(
    moto: &OnMoto,
    at: &Place,
    wish: &TaskWish,
) -> Outcome<(ClusterName, TaskId)> {
    let cluster = cluster(moto, at).await?;
    let mode = if wish.network.is_some() { NetworkMode::Awsvpc } else { NetworkMode::Bridge };
    let family = definition(moto, at, mode).await?;
    // With launch type EC2 moto asks for container instances.
    let call = client(moto, at).run_task().cluster(cluster.as_str()).task_definition(&family);
    let mut call = call.launch_type(LaunchType::Fargate);
    if let Some((vpc, group)) = &wish.network {
        let own = AwsVpcConfiguration::builder()
            .subnets(moto.subnet(at, vpc).await?)
            .security_groups(group.as_str())
            .build()
            .map_err(text)?;
        let network = NetworkConfiguration::builder().awsvpc_configuration(own).build();
        call = call.network_configuration(network);
    }
    let made = call.send().await.map_err(text)?;
    let arn = made.tasks().first().and_then(|task| task.task_arn());
    Ok((cluster, id(arn.and_then(|arn| arn.rsplit('/').next()))?))
}

pub(super) async fn service(
    moto: &OnMoto,
    at: &Place,
    desired: u32,
) -> Outcome<(ClusterName, ServiceName)> {
    let cluster = cluster(moto, at).await?;
    let family = definition(moto, at, NetworkMode::Bridge).await?;
    let name = format!("service-{}", moto.n());
    let call = client(moto, at).create_service().cluster(cluster.as_str()).service_name(&name);
    let call = call.task_definition(&family).desired_count(i32::try_from(desired).map_err(text)?);
    call.send().await.map_err(text)?;
    Ok((cluster, id(Some(&name))?))
}
