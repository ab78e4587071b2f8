//! What keeps an instance and its disks from being destroyed.

use super::{Bench, Disk, Outcome, equal, holds, some, text};
use crate::change::{Change, Kind, OnShutdown};
use crate::cloud::{ErrorClass, Safeguards, Standing};
use crate::id::InstanceId;

const UNKNOWN_INSTANCE: &str = "i-0123456789abcdef0";

async fn read(bench: &Bench<'_>, id: &InstanceId) -> Outcome<Safeguards> {
    some("instance", bench.session.safeguards(bench.here(), id).await.map_err(text)?)
}

/// There, again, and back.
async fn to_and_fro(bench: &Bench<'_>, there: &Change, back: &Change) -> Outcome {
    bench.passes(there).await?;
    bench.apply(there).await?;
    bench.stands(back, &Standing::Before).await?;
    bench.passes(back).await.map(drop)
}

pub async fn turns_termination_protection_on_and_off(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let was = read(bench, &id).await?;
    equal("state", &was.state.as_str(), &"running")?;
    holds("an On-Demand Instance with a root in EBS", !was.spot && was.ebs_root)?;
    equal("protection", &was.termination_protection, &false)?;
    let change = |before, after| {
        bench.change(Kind::TerminationProtection { instance: id.clone(), before, after })
    };
    bench.apply(&change(false, true)).await?;
    let now = Safeguards { termination_protection: true, ..was.clone() };
    equal("safeguards", &read(bench, &id).await?, &now)?;
    bench.apply(&change(true, false)).await?;
    to_and_fro(bench, &change(false, true), &change(true, false)).await?;
    equal("safeguards", &read(bench, &id).await?, &was)
}

pub async fn turns_a_shutdown_into_a_stop_and_back(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain]).await?;
    let was = read(bench, &id).await?;
    equal("on shutdown", &was.on_shutdown, &OnShutdown::Stop)?;
    let change = |before, after| {
        bench.change(Kind::ShutdownBehavior { instance: id.clone(), before, after })
    };
    let there = change(OnShutdown::Stop, OnShutdown::Terminate);
    to_and_fro(bench, &there, &change(OnShutdown::Terminate, OnShutdown::Stop)).await?;
    bench.apply(&there).await?;
    let now = Safeguards { on_shutdown: OnShutdown::Terminate, ..was };
    equal("safeguards", &read(bench, &id).await?, &now)
}

pub async fn keeps_one_volume_and_lets_it_go_again(bench: &Bench<'_>) -> Outcome {
    let id = bench.instance(&[Disk::Plain, Disk::Plain]).await?;
    let was = read(bench, &id).await?;
    equal("disks", &was.disks.len(), &2)?;
    holds("each goes with the instance", was.disks.values().all(|(_, goes)| *goes))?;
    let (device, (volume, _)) = some("disk", was.disks.last_key_value())?;
    let change = |before, after| {
        bench.change(Kind::DeleteOnTermination {
            instance: id.clone(),
            volume: volume.clone(),
            device: device.clone(),
            before,
            after,
        })
    };
    to_and_fro(bench, &change(true, false), &change(false, true)).await?;
    bench.apply(&change(true, false)).await?;
    let mut now = was.clone();
    now.disks.insert(device.clone(), (volume.clone(), false));
    equal("safeguards", &read(bench, &id).await?, &now)?;
    // Another volume under that name is not ours.
    let other = bench.change(Kind::DeleteOnTermination {
        instance: id.clone(),
        volume: "vol-0123456789abcdef0".parse().unwrap(),
        device: device.clone(),
        before: false,
        after: true,
    });
    bench.stands(&other, &Standing::Gone).await
}

pub async fn finds_no_safeguards_of_the_unknown(bench: &Bench<'_>) -> Outcome {
    let instance: InstanceId = UNKNOWN_INSTANCE.parse().unwrap();
    let found = bench.session.safeguards(bench.here(), &instance).await.map_err(text)?;
    equal("safeguards", &found, &None)?;
    let change = bench.change(Kind::TerminationProtection { instance, before: false, after: true });
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}
