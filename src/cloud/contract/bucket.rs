//! How far a bucket is open to everybody.

use super::{Bench, Outcome, equal, some, text};
use crate::change::{Kind, PublicAccessBlock};
use crate::cloud::{ErrorClass, Exposure, Standing};
use crate::id::BucketName;

/// New buckets of S3 have it all on since April 2023, those of the emulators have none configured.
pub async fn blocks_public_access_and_gives_it_back(bench: &Bench<'_>) -> Outcome {
    let bucket = bench.fixture().bucket(bench.here()).await?;
    let part = PublicAccessBlock { block_policy: false, restrict: false, ..PublicAccessBlock::ALL };
    let change =
        |before, after| bench.change(Kind::PublicAccess { bucket: bucket.clone(), before, after });
    let read =
        async || some("bucket", bench.session.exposure(bench.here(), &bucket).await.map_err(text)?);
    let was = read().await?;
    equal("exposure", &was, &Exposure { block: None, public_policy: false })?;
    bench.passes(&change(None, Some(part))).await?;
    equal("exposure", &read().await?, &Exposure { block: Some(part), ..was })?;
    let all = change(Some(part), Some(PublicAccessBlock::ALL));
    bench.passes(&all).await?;
    equal("block", &read().await?.block, &Some(PublicAccessBlock::ALL))?;
    // Once more does no harm.
    bench.apply(&all).await?;
    bench.passes(&change(Some(PublicAccessBlock::ALL), Some(part))).await?;
    bench.passes(&change(Some(part), None)).await?;
    equal("exposure", &read().await?, &was)
}

pub async fn finds_no_exposure_of_the_unknown(bench: &Bench<'_>) -> Outcome {
    let bucket: BucketName = "no-such-bucket-of-tourniquet".parse().unwrap();
    let found = bench.session.exposure(bench.here(), &bucket).await.map_err(text)?;
    equal("exposure", &found, &None)?;
    let after = Some(PublicAccessBlock::ALL);
    let change = bench.change(Kind::PublicAccess { bucket, before: None, after });
    bench.stands(&change, &Standing::Gone).await?;
    bench.refuses(&change, &[ErrorClass::Gone]).await.map(drop)
}
