//! The instance profile of an instance.

use super::{Bench, Disk, Outcome, equal, some, text};
use crate::change::{Kind, ProfileChange, ProfileUse};
use crate::cloud::{ErrorClass, Standing};
use crate::id::InstanceId;

pub async fn gives_an_instance_a_profile_replaces_it_and_takes_it_off(
    bench: &Bench<'_>,
) -> Outcome {
    let instance = bench.instance(&[Disk::Plain]).await?;
    let mut profiles = Vec::new();
    for _ in 0..2 {
        let role = bench.fixture().role(bench.here(), "/").await?;
        let arn = bench.fixture().profile(bench.here(), &role).await?;
        let arn = arn.parse().map_err(|error| format!("{error}"))?;
        profiles.push(ProfileUse { arn, role: Some(role) });
    }
    let [first, second] = &profiles[..] else { return Err("two profiles".to_owned()) };
    let change = |before: Option<&ProfileUse>, after: Option<&ProfileUse>| {
        let (before, after) = (before.cloned(), after.cloned());
        let instance = instance.clone();
        bench.change(Kind::InstanceProfile(ProfileChange { instance, before, after }))
    };
    let now = async || {
        let found = bench.session.instance(bench.here(), &instance).await.map_err(text)?;
        Ok::<_, String>(some("instance", found)?.profile_arn)
    };
    equal("profile", &now().await?, &None)?;
    bench.passes(&change(None, Some(first))).await?;
    equal("profile", &now().await?, &Some(first.arn.to_string()))?;
    bench.passes(&change(Some(first), Some(second))).await?;
    equal("profile", &now().await?, &Some(second.arn.to_string()))?;
    // Somebody has replaced it since: what is there is not ours to take away.
    bench.refuses(&change(Some(first), None), &[ErrorClass::Conflict]).await?;
    bench.passes(&change(Some(second), None)).await?;
    equal("profile", &now().await?, &None)
}

pub async fn finds_no_profile_of_an_unknown_instance(bench: &Bench<'_>) -> Outcome {
    let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
    let arn = format!("arn:aws:iam::{}:instance-profile/none", bench.here().account);
    let profile = ProfileUse { arn: arn.parse().unwrap(), role: None };
    let change = ProfileChange { instance, before: Some(profile), after: None };
    bench.stands(&bench.change(Kind::InstanceProfile(change)), &Standing::Gone).await
}
