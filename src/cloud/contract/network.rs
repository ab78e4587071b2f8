//! Instances, interfaces and security groups.

use super::{Bench, Disk, InstanceWish, Ip, Outcome, equal, holds, some, tags, text};
use crate::change::{Kind, Rule};
use crate::cloud::{ErrorClass, Instance, Standing};
use crate::id::{GroupId, InstanceId};

const UNKNOWN_GROUP: &str = "sg-0123456789abcdef0";
const UNKNOWN_INSTANCE: &str = "i-0123456789abcdef0";
const UNKNOWN_VPC: &str = "vpc-0123456789abcdef0";

async fn read(bench: &Bench<'_>, id: &InstanceId) -> Outcome<Instance> {
    some("instance", bench.session.instance(bench.here(), id).await.map_err(text)?)
}

fn sorted(groups: &[GroupId]) -> Vec<GroupId> {
    let mut groups = groups.to_vec();
    groups.sort();
    groups
}

pub async fn reads_an_instance(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let (one, two) =
        (bench.fixture().group(at, &vpc).await?, bench.fixture().group(at, &vpc).await?);
    let wish = InstanceWish {
        interfaces: vec![(vpc.clone(), vec![one.clone()]), (vpc.clone(), vec![two.clone()])],
        disks: vec![Disk::Plain, Disk::DefaultKey],
        tags: tags(&[("criticality", "high")]),
    };
    let id = bench.fixture().instance(at, &wish).await?;
    let found = read(bench, &id).await?;
    equal("id", &found.id, &id)?;
    equal("state", &found.state.as_str(), &"running")?;
    equal("vpc", &found.vpc, &Some(vpc.clone()))?;
    equal("interfaces", &found.interfaces.len(), &2)?;
    for wanted in [&one, &two] {
        holds(
            "each group is on an interface",
            found.interfaces.iter().any(|i| i.groups.contains(wanted)),
        )?;
    }
    holds(
        "interfaces are in the VPC and ours",
        found.interfaces.iter().all(|i| i.vpc == vpc && !i.requester_managed),
    )?;
    equal("tag", &found.tags.get("criticality").map(String::as_str), &Some("high"))?;
    equal("volumes", &found.volumes.len(), &2)?;
    let root = some("root device", found.root_device.clone())?;
    holds(
        "the root device is a volume's",
        found.volumes.iter().any(|(device, _)| *device == root),
    )?;
    let groups = bench.session.groups(at, &[one.clone(), two]).await.map_err(text)?;
    equal("groups", &groups.len(), &2)?;
    let first = some("group", groups.into_iter().find(|group| group.id == one))?;
    equal("egress", &first.egress, &vec![Rule::everything_ipv4()])?;
    equal("ingress", &first.ingress, &Vec::new())?;
    equal("vpc", &first.vpc, &vpc)
}

pub async fn finds_nothing_unknown(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let session = &bench.session;
    let instance = session.instance(at, &UNKNOWN_INSTANCE.parse().unwrap()).await.map_err(text)?;
    equal("instance", &instance, &None)?;
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let known = bench.fixture().group(at, &vpc).await?;
    let groups =
        session.groups(at, &[UNKNOWN_GROUP.parse().unwrap(), known.clone()]).await.map_err(text)?;
    equal(
        "groups",
        &groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>(),
        &vec![known],
    )?;
    equal("groups", &session.groups(at, &[]).await.map_err(text)?, &Vec::new())?;
    for vpc in [UNKNOWN_VPC.parse().unwrap(), vpc] {
        let groups = session.groups_for(at, &vpc, "quarantine").await.map_err(text)?;
        equal("groups", &groups, &Vec::new())?;
    }
    Ok(())
}

pub async fn swaps_the_groups_of_one_interface(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let vpc = bench.fixture().vpc(at, Ip::V4).await?;
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(bench.fixture().group(at, &vpc).await?);
    }
    let both = vec![groups[0].clone(), groups[1].clone()];
    let wish = InstanceWish {
        interfaces: vec![(vpc.clone(), both.clone()), (vpc, both.clone())],
        disks: vec![Disk::Plain],
        ..InstanceWish::default()
    };
    let id = bench.fixture().instance(at, &wish).await?;
    for turned in [0, 1] {
        let found = read(bench, &id).await?;
        let interface = &found.interfaces[turned];
        let other = found.interfaces[1 - turned].clone();
        equal("groups", &sorted(&interface.groups), &sorted(&both))?;
        let change = bench.change(Kind::InterfaceGroups {
            interface: interface.id.clone(),
            instance: id.clone(),
            before: interface.groups.clone(),
            after: vec![groups[2].clone()],
            passing: false,
        });
        bench.passes(&change).await?;
        bench.apply(&change).await?;
        bench.stands(&change, &Standing::After).await?;
        let now = read(bench, &id).await?.interfaces;
        holds("the other interface is as it was", now.contains(&other))?;
        let back = bench.change(Kind::InterfaceGroups {
            interface: interface.id.clone(),
            instance: id.clone(),
            before: vec![groups[2].clone()],
            after: both.clone(),
            passing: false,
        });
        bench.passes(&back).await?;
        let third = bench.change(Kind::InterfaceGroups {
            interface: interface.id.clone(),
            instance: id.clone(),
            before: vec![groups[2].clone()],
            after: vec![groups[0].clone()],
            passing: false,
        });
        let stands = crate::cloud::standing(bench.session.as_ref(), &third).await.map_err(text)?;
        holds("groups that are neither are drift", matches!(stands, Standing::Other(_)))?;
    }
    Ok(())
}

async fn refused_groups(bench: &Bench<'_>, after: Vec<GroupId>, classes: &[ErrorClass]) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let interface = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    let before = interface.groups.clone();
    let kind = Kind::InterfaceGroups {
        interface: interface.id,
        instance: id.clone(),
        before,
        after,
        passing: false,
    };
    bench.refuses(&bench.change(kind), classes).await?;
    let now = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    equal("groups", &now.groups, &interface.groups)
}

pub async fn refuses_groups_that_are_not_there(bench: &Bench<'_>) -> Outcome {
    refused_groups(bench, vec![UNKNOWN_GROUP.parse().unwrap()], &[ErrorClass::Gone]).await
}

pub async fn refuses_groups_of_another_vpc(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    // AWS's answer is InvalidGroup.NotFound or InvalidParameter, by the kind of call.
    refused_groups(
        bench,
        vec![group],
        &[ErrorClass::Gone, ErrorClass::Conflict, ErrorClass::Invalid],
    )
    .await
}

pub async fn refuses_an_empty_list_of_groups(bench: &Bench<'_>) -> Outcome {
    refused_groups(bench, Vec::new(), &[ErrorClass::Invalid]).await
}

pub async fn refuses_an_unknown_interface(bench: &Bench<'_>) -> Outcome {
    let vpc = bench.fixture().vpc(bench.here(), Ip::V4).await?;
    let group = bench.fixture().group(bench.here(), &vpc).await?;
    let change = bench.change(Kind::InterfaceGroups {
        interface: "eni-0123456789abcdef0".parse().unwrap(),
        instance: UNKNOWN_INSTANCE.parse().unwrap(),
        before: vec![group.clone()],
        after: vec![group],
        passing: false,
    });
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}

pub async fn shows_a_terminated_instance(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let interface = some("interface", read(bench, &id).await?.interfaces.into_iter().next())?;
    bench.fixture().terminate(bench.here(), &id).await?;
    let found = bench.session.instance(bench.here(), &id).await.map_err(text)?;
    // EC2 shows it for a while, and then no more.
    holds("it is terminated", found.is_none_or(|instance| instance.state == "terminated"))?;
    let groups = interface.groups;
    let change = bench.change(Kind::InterfaceGroups {
        interface: interface.id,
        instance: id,
        before: groups.clone(),
        after: groups,
        passing: false,
    });
    bench.stands(&change, &Standing::Gone).await
}
