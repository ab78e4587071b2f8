//! Tasks and services of ECS.
//!
//! What is not there is no error of a Describe call: it stands among the failures as `MISSING`.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{SchedulingStrategy, ServiceField, Tag, TaskDefinition, TaskField};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::access::Clients;
use super::ec2_apply::{Touched, confirmed, interface_groups, refused, touched};
use super::ec2_read::interfaces_by_id;
use super::errors::{Effect, read, unreadable};
use crate::change::{EcsRef, Tags, TaskChange};
use crate::cloud::{Receipt, Result, Task, TaskService};
use crate::id::{ClusterName, RoleName, ServiceName, TaskId};

const TASKS: &str = "ecs:DescribeTasks";
const SERVICES: &str = "ecs:DescribeServices";
const DEFINITION: &str = "ecs:DescribeTaskDefinition";

/// There is no such cluster, so there is nothing in it.
const NO_CLUSTER: &str = "ClusterNotFoundException";

/// The attachment and its detail by which a task's own interface is known (ECS API, Attachment).
const ATTACHMENT: [&str; 2] = ["ElasticNetworkInterface", "networkInterfaceId"];

/// What the group of a service's task begins with (ECS API, Task).
const SERVICE_GROUP: &str = "service:";

async fn described(
    client: &Client,
    cluster: &ClusterName,
    id: &TaskId,
) -> Result<Option<aws_sdk_ecs::types::Task>> {
    let call = client.describe_tasks().cluster(cluster.as_str()).tasks(id.as_str());
    match call.include(TaskField::Tags).send().await {
        Ok(answer) => Ok(answer.tasks.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some(NO_CLUSTER) => Ok(None),
        Err(error) => Err(read(TASKS, error)),
    }
}

pub(super) async fn task(
    clients: &Clients,
    cluster: &ClusterName,
    id: &TaskId,
) -> Result<Option<Task>> {
    let Some(found) = described(clients.ecs(), cluster, id).await? else {
        return Ok(None);
    };
    let attached = found.attachments().iter().filter(|one| one.r#type() == Some(ATTACHMENT[0]));
    let details = attached.flat_map(|one| one.details());
    let own = details.filter(|detail| detail.name() == Some(ATTACHMENT[1]));
    let ids: Vec<String> = own.filter_map(|own| own.value().map(str::to_owned)).collect();
    let definition = match found.task_definition_arn() {
        Some(arn) => definition(clients.ecs(), arn).await?,
        None => None,
    };
    let overrides = found.overrides();
    let task_role = overrides
        .and_then(|own| own.task_role_arn())
        .or_else(|| definition.as_ref().and_then(TaskDefinition::task_role_arn));
    let execution_role = overrides
        .and_then(|own| own.execution_role_arn())
        .or_else(|| definition.as_ref().and_then(TaskDefinition::execution_role_arn));
    let group = found.group().and_then(|group| group.strip_prefix(SERVICE_GROUP));
    Ok(Some(Task {
        cluster: cluster.clone(),
        id: id.clone(),
        status: found.last_status().unwrap_or_default().to_owned(),
        desired: found.desired_status().unwrap_or_default().to_owned(),
        launch: found.launch_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        service: group.and_then(|name| name.parse().ok()),
        task_role: role(task_role),
        execution_role: role(execution_role),
        interfaces: interfaces_by_id(clients.ec2(), &ids).await?,
    }))
}

/// One that was deleted tells of no roles; that it was deregistered does not matter.
async fn definition(client: &Client, arn: &str) -> Result<Option<TaskDefinition>> {
    match client.describe_task_definition().task_definition(arn).send().await {
        Ok(answer) => Ok(answer.task_definition),
        Err(error) if error.code() == Some("ClientException") => Ok(None),
        Err(error) => Err(read(DEFINITION, error)),
    }
}

/// The name in a role's ARN, after its path.
fn role(arn: Option<&str>) -> Option<RoleName> {
    arn?.split_once(":role/")?.1.rsplit('/').next()?.parse().ok()
}

pub(super) async fn service(
    client: &Client,
    cluster: &ClusterName,
    name: &ServiceName,
) -> Result<Option<TaskService>> {
    let Some(found) = described_service(client, cluster, name).await? else {
        return Ok(None);
    };
    let count = |count: i32| {
        u32::try_from(count)
            .map_err(|_| unreadable(SERVICES, Effect::Reads, "a count is less than nothing"))
    };
    Ok(Some(TaskService {
        desired: count(found.desired_count())?,
        running: count(found.running_count().saturating_add(found.pending_count()))?,
        daemon: found.scheduling_strategy() == Some(&SchedulingStrategy::Daemon),
    }))
}

/// A service that was deleted is shown as `INACTIVE` for a while.
async fn described_service(
    client: &Client,
    cluster: &ClusterName,
    name: &ServiceName,
) -> Result<Option<aws_sdk_ecs::types::Service>> {
    let call = client.describe_services().cluster(cluster.as_str()).services(name.as_str());
    match call.include(ServiceField::Tags).send().await {
        Ok(answer) => {
            let mut found = answer.services.unwrap_or_default().into_iter();
            Ok(found.find(|service| service.status() != Some("INACTIVE")))
        }
        Err(error) if error.code() == Some(NO_CLUSTER) => Ok(None),
        Err(error) => Err(read(SERVICES, error)),
    }
}

pub(super) async fn apply(
    clients: &Clients,
    operation: &str,
    change: &TaskChange,
) -> Result<Receipt> {
    match change {
        TaskChange::Groups { interface, after, .. } => {
            interface_groups(clients.ec2(), operation, interface, after).await
        }
        TaskChange::DesiredCount { cluster, service, after, .. } => {
            let after = i32::try_from(*after)
                .map_err(|_| refused(operation, "the number of tasks is too large"))?;
            let call = clients.ecs().update_service().cluster(cluster.as_str());
            confirmed(operation, call.service(service.as_str()).desired_count(after).send().await)
        }
        TaskChange::Stop { cluster, task, reason } => {
            let call = clients.ecs().stop_task().cluster(cluster.as_str()).task(task.as_str());
            confirmed(operation, call.reason(reason).send().await)
        }
    }
}

/// ListTagsForResource refuses what is not there in words alone; Describe says so.
pub(super) async fn tags(client: &Client, resource: &EcsRef) -> Result<Option<Tags>> {
    let pairs = |tags: &[Tag]| -> Tags {
        let pair =
            |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
        tags.iter().filter_map(pair).collect()
    };
    Ok(match resource {
        EcsRef::Task { cluster, task } => {
            described(client, cluster, task).await?.map(|found| pairs(found.tags()))
        }
        EcsRef::Service { cluster, service } => {
            let found = described_service(client, cluster, service).await?;
            found.map(|found| pairs(found.tags()))
        }
    })
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
            let call = client.tag_resource().resource_arn(arn).set_tags(Some(tags));
            confirmed(operation, call.send().await)
        }
        Touched::Removed(tags) => {
            let keys = tags.into_keys().collect();
            let call = client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
            confirmed(operation, call.send().await)
        }
    }
}
