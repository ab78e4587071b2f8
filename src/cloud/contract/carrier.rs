//! Which instances carry an instance profile.

use super::{Bench, Disk, Outcome, equal, text};

pub async fn lists_the_instances_that_carry_a_profile(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let (role, other) =
        (bench.fixture().role(at, "/").await?, bench.fixture().role(at, "/").await?);
    let profile = bench.fixture().profile(at, &role).await?;
    let theirs = bench.fixture().profile(at, &other).await?;
    let mut carriers = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let instance = bench.instance(&[Disk::Plain]).await?;
        bench.fixture().carry(at, &instance, &profile).await?;
        carriers.insert(instance);
    }
    let another = bench.instance(&[Disk::Plain]).await?;
    bench.fixture().carry(at, &another, &theirs).await?;
    let named = |arn: &str| [arn.rsplit('/').next().unwrap_or_default().to_owned()].into();
    let found = bench.session.carriers(at, &named(&profile)).await.map_err(text)?;
    equal("carriers", &found, &carriers)?;
    let found = bench.session.carriers(at, &named("arn/no-profile")).await.map_err(text)?;
    equal("carriers of none", &found, &[].into())
}
