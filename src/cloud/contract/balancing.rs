//! Load balancers: what is registered with them.

use super::{Bench, Disk, Outcome, equal, holds, some, text};
use crate::change::{BalancerChange, Kind, Registration, Target};
use crate::cloud::Standing;
use crate::id::InstanceId;

const OUT: (Registration, Registration) = (Registration::Registered, Registration::Deregistered);
const IN: (Registration, Registration) = (Registration::Deregistered, Registration::Registered);

pub async fn takes_a_target_out_of_its_group_and_back(bench: &Bench<'_>) -> Outcome {
    let instance = bench.instance(&[Disk::Plain]).await?;
    let group = bench.fixture().target_group(bench.here(), &instance).await?;
    let seen = bench.session.target_groups(bench.here()).await.map_err(text)?;
    let listed = some("target group", seen.into_iter().find(|one| one.arn == group))?;
    let found = bench.session.instance(bench.here(), &instance).await.map_err(text)?;
    equal("its VPC", &listed.vpc, &found.and_then(|found| found.vpc))?;
    let targets =
        async || some("group", bench.session.targets(bench.here(), &group).await.map_err(text)?);
    let target = Target { id: instance.to_string(), port: Some(80), zone: None };
    equal("targets", &targets().await?, &vec![target.clone()])?;
    let change = |(before, after)| {
        let (group, target, instance) = (group.clone(), target.clone(), instance.clone());
        bench.change(Kind::Balancer(BalancerChange::Target {
            group,
            target,
            instance,
            before,
            after,
        }))
    };
    bench.passes(&change(OUT)).await?;
    equal("targets", &targets().await?, &Vec::new())?;
    bench.passes(&change(IN)).await?;
    equal("targets", &targets().await?, &vec![target.clone()])
}

pub async fn takes_an_instance_out_of_a_classic_load_balancer_and_back(
    bench: &Bench<'_>,
) -> Outcome {
    let instance = bench.instance(&[Disk::Plain]).await?;
    let balancer = bench.fixture().classic_balancer(bench.here(), &instance).await?;
    let behind = async || {
        let all = bench.session.classic_balancers(bench.here()).await.map_err(text)?;
        let found = some("load balancer", all.into_iter().find(|one| one.name == balancer))?;
        Ok::<bool, String>(found.instances.contains(&instance))
    };
    holds("the instance is behind it", behind().await?)?;
    let change = |(before, after)| {
        let (balancer, instance) = (balancer.clone(), instance.clone());
        bench.change(Kind::Balancer(BalancerChange::Classic { balancer, instance, before, after }))
    };
    bench.passes(&change(OUT)).await?;
    holds("it is not any more", !behind().await?)?;
    bench.passes(&change(IN)).await?;
    holds("it is again", behind().await?)
}

pub async fn finds_nothing_registered_with_the_unknown(bench: &Bench<'_>) -> Outcome {
    let here = bench.here();
    let group = format!(
        "arn:aws:elasticloadbalancing:{}:{}:targetgroup/no-such-group/0123456789abcdef",
        here.region, here.account
    );
    let group = group.parse().map_err(|error| format!("{error}"))?;
    equal("targets", &bench.session.targets(here, &group).await.map_err(text)?, &None)?;
    let (before, after) = OUT;
    let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    let target = Target { id: instance.to_string(), port: Some(80), zone: None };
    let of_group =
        BalancerChange::Target { group, target, instance: instance.clone(), before, after };
    let balancer = "no-such-balancer".parse().unwrap();
    for what in [of_group, BalancerChange::Classic { balancer, instance, before, after }] {
        let change = bench.change(Kind::Balancer(what));
        bench.stands(&change, &Standing::Gone).await?;
    }
    Ok(())
}
