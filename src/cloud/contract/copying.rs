//! Copies of snapshots: under a key of ours, and in another account.

use super::disk::{completed, copy, ended, made, sharing, snapshot_of, tags_of};
use super::{Bench, Disk, Outcome, equal, holds, some, text};
use crate::cloud::{ErrorClass, SnapshotState, Standing};

pub async fn copies_under_a_key_of_ours(bench: &Bench<'_>) -> Outcome {
    let key = bench.fixture().key(bench.here(), &bench.there().account).await?;
    for disk in [Disk::Plain, Disk::DefaultKey] {
        let source = snapshot_of(bench, disk).await?;
        let change = copy(bench, &source.id, bench.here(), &key);
        let made = made(bench.passes(&change).await?.created)?;
        let (id, _) = some("copy", made.into_iter().next())?;
        let found = completed(bench, bench.here(), &id).await?;
        holds("it is another snapshot", found.id != source.id)?;
        holds("it is encrypted", found.encrypted)?;
        equal("key", &found.kms_key, &Some(key.clone()))?;
        equal("size", &found.size, &source.size)?;
        equal("tags", &found.tags, &tags_of(&change))?;
    }
    Ok(())
}

pub async fn copies_a_shared_snapshot_to_another_account(bench: &Bench<'_>) -> Outcome {
    let (here, there) = (bench.here(), bench.there());
    let transfer = bench.fixture().key(here, &there.account).await?;
    let evidence = bench.fixture().key(there, &there.account).await?;
    for disk in [Disk::Plain, Disk::Key(transfer)] {
        let source = snapshot_of(bench, disk).await?;
        bench.apply(&sharing(bench, &source.id, &[], &[&there.account])).await?;
        let change = copy(bench, &source.id, there, &evidence);
        let made = made(bench.passes(&change).await?.created)?;
        let (id, _) = some("copy", made.into_iter().next())?;
        let found = completed(bench, there, &id).await?;
        equal("owner", &found.owner, &there.account)?;
        equal("key", &found.kms_key, &Some(evidence.clone()))?;
        holds("it is encrypted", found.encrypted)?;
        let here_too = bench.session.snapshot(here, &id).await.map_err(text)?;
        holds("the source's account does not see it", here_too.is_none())?;
        bench.apply(&sharing(bench, &source.id, &[&there.account], &[])).await?;
        completed(bench, there, &id).await?;
    }
    Ok(())
}

pub async fn refuses_to_copy_what_is_not_shared(bench: &Bench<'_>) -> Outcome {
    let key = bench.fixture().key(bench.there(), &bench.there().account).await?;
    let source = snapshot_of(bench, Disk::Plain).await?;
    let change = copy(bench, &source.id, bench.there(), &key);
    bench.refuses(&change, &[ErrorClass::Gone, ErrorClass::Denied]).await?;
    bench.stands(&change, &Standing::Before).await
}

pub async fn ends_a_copy_without_a_key_in_error(bench: &Bench<'_>) -> Outcome {
    let at = bench.here();
    let source = snapshot_of(bench, Disk::Plain).await?;
    let nowhere = format!(
        "arn:aws:kms:{}:{}:key/00000000-0000-4000-8000-000000000000",
        at.region, at.account
    );
    let made = made(bench.apply(&copy(bench, &source.id, at, &nowhere)).await?.created)?;
    let (id, _) = some("copy", made.into_iter().next())?;
    equal("state", &ended(bench, at, &id).await?.state, &SnapshotState::Error)
}
