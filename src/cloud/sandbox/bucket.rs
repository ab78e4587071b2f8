//! What S3 lets everybody do with a bucket, and what keeps it from that.

use serde::{Deserialize, Serialize};

use super::refusal::Refused;
use super::world::World;
use crate::change::{PublicAccessBlock, Tags};
use crate::cloud::Exposure;
use crate::id::{BucketName, Place};

/// A bucket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BucketState {
    /// Its tags.
    pub tags: Tags,
    /// What its public grants may not do, where that is configured.
    pub block: Option<PublicAccessBlock>,
    /// Whether its policy grants reading to everybody.
    pub public_policy: bool,
    /// Whether its ACL does.
    pub public_acl: bool,
}

/// A bucket of the account.
pub fn bucket_mut<'a>(
    world: &'a mut World,
    at: &Place,
    name: &BucketName,
) -> Result<&'a mut BucketState, Refused> {
    let found = world.account_mut(&at.account)?.buckets.get_mut(name);
    found.ok_or_else(|| {
        Refused::new("NoSuchBucket", format!("The specified bucket '{name}' does not exist"))
    })
}

/// What GetPublicAccessBlock and GetBucketPolicyStatus show.
#[must_use]
pub fn exposure(world: &World, at: &Place, name: &BucketName) -> Option<Exposure> {
    let bucket = world.accounts.get(&at.account)?.buckets.get(name)?;
    Some(Exposure { block: bucket.block, public_policy: bucket.public_policy })
}

/// PutPublicAccessBlock, or DeletePublicAccessBlock.
pub fn block(
    world: &mut World,
    at: &Place,
    name: &BucketName,
    after: Option<PublicAccessBlock>,
) -> Result<(), Refused> {
    bucket_mut(world, at, name)?.block = after;
    Ok(())
}

/// Why anybody can read the bucket; `None`: nobody can who is not let in otherwise (S3 User Guide,
/// "Blocking public access": `IgnorePublicAcls` and `RestrictPublicBuckets` act on grants that are there,
/// the other two on new ones).
#[cfg(test)]
#[must_use]
pub fn open_by(bucket: &BucketState) -> Option<&'static str> {
    let block = bucket.block.unwrap_or(PublicAccessBlock {
        block_acls: false,
        ignore_acls: false,
        block_policy: false,
        restrict: false,
    });
    if bucket.public_policy && !block.restrict {
        Some("its policy grants it to everybody")
    } else if bucket.public_acl && !block.ignore_acls {
        Some("its ACL grants it to everybody")
    } else {
        None
    }
}
