//! The Auto Scaling group of an instance.

use super::{Bench, Disk, Outcome, equal, some, text};
use crate::change::{Duty, Kind};
use crate::cloud::{Membership, Standing};
use crate::id::InstanceId;

pub async fn takes_an_instance_out_of_service_and_back(bench: &Bench<'_>) -> Outcome {
    let instance = bench.instance(&[Disk::Plain]).await?;
    let group = bench.fixture().scaling_group(bench.here(), &instance).await?;
    let read = async || {
        some("group", bench.session.membership(bench.here(), &instance).await.map_err(text)?)
    };
    let was = read().await?;
    let lifecycle = "InService".to_owned();
    let expected =
        Membership { group: group.clone(), lifecycle, minimum: 1, desired: 1, maximum: 3 };
    equal("membership", &was, &expected)?;
    let minimum = |before, after| {
        let (group, instance) = (group.clone(), instance.clone());
        bench.change(Kind::GroupMinimum { group, instance, before, after })
    };
    let standby = |before, after| {
        let (group, instance) = (group.clone(), instance.clone());
        bench.change(Kind::Standby { group, instance, before, after })
    };
    let (leave, back) =
        (standby(Duty::InService, Duty::Standby), standby(Duty::Standby, Duty::InService));
    bench.passes(&minimum(1, 0)).await?;
    bench.passes(&leave).await?;
    let now = read().await?;
    equal("duty", &now.duty(), &Some(Duty::Standby))?;
    equal("sizes", &(now.minimum, now.desired, now.maximum), &(0, 0, 3))?;
    bench.stands(&back, &Standing::Before).await?;
    bench.passes(&back).await?;
    bench.passes(&minimum(0, 1)).await?;
    equal("membership", &read().await?, &was)
}

pub async fn finds_no_group_of_an_instance_that_is_in_none(bench: &Bench<'_>) -> Outcome {
    let unknown: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    for instance in [bench.instance(&[Disk::Plain]).await?, unknown] {
        let found = bench.session.membership(bench.here(), &instance).await.map_err(text)?;
        equal("membership", &found, &None)?;
        let group = "no-such-group".parse().unwrap();
        let change = bench.change(Kind::GroupMinimum { group, instance, before: 1, after: 0 });
        bench.stands(&change, &Standing::Gone).await?;
    }
    Ok(())
}
