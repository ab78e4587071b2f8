//! S3 buckets: their tags and their Block Public Access.
//!
//! PutBucketTagging replaces the whole set, so a change reads and merges first. Bucket names are global:
//! Block Public Access is only looked at and changed where the bucket is this account's
//! (`x-amz-expected-bucket-owner`).

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{PublicAccessBlockConfiguration, Tag, Tagging};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ec2_apply::{confirmed, refused};
use super::errors::read;
use crate::change::{PublicAccessBlock, Tags};
use crate::cloud::{CloudError, ErrorClass, Exposure, Receipt, Result};
use crate::id::{BucketName, Place};

const READ: &str = "s3:GetBucketTagging";
const WRITE: &str = "s3:PutBucketTagging";

pub(super) async fn tags(client: &Client, bucket: &str) -> Result<Option<Tags>> {
    match client.get_bucket_tagging().bucket(bucket).send().await {
        Ok(answer) => Ok(Some(
            answer
                .tag_set()
                .iter()
                .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
                .collect(),
        )),
        Err(error) => match error.code() {
            Some("NoSuchTagSet") => Ok(Some(Tags::new())),
            Some("NoSuchBucket") => Ok(None),
            _ => Err(read(READ, error)),
        },
    }
}

/// Sets and removes tags in one write. Tags that the change does not name stay as they are, those of
/// AWS (`aws:…`) among them: S3 refuses a set without them.
pub(super) async fn apply(
    client: &Client,
    bucket: &str,
    before: &Tags,
    after: &Tags,
) -> Result<Receipt> {
    let Some(mut all) = tags(client, bucket).await? else {
        return Err(CloudError::new(
            ErrorClass::Gone,
            WRITE,
            "NoSuchBucket",
            "the bucket does not exist",
        ));
    };
    all.retain(|key, _| after.contains_key(key) || !before.contains_key(key));
    all.extend(after.clone());
    let set: std::result::Result<Vec<Tag>, _> =
        all.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tagging = set
        .and_then(|set| Tagging::builder().set_tag_set(Some(set)).build())
        .map_err(|_| refused(WRITE, "a tag needs a key and a value"))?;
    confirmed(WRITE, client.put_bucket_tagging().bucket(bucket).tagging(tagging).send().await)
}

/// That nothing is configured is an answer, not an error (S3 API Reference, error codes).
const NO_BLOCK: &str = "NoSuchPublicAccessBlockConfiguration";
const NO_POLICY: &str = "NoSuchBucketPolicy";

pub(super) async fn exposure(
    client: &Client,
    at: &Place,
    bucket: &BucketName,
) -> Result<Option<Exposure>> {
    let (name, owner) = (bucket.as_str(), at.account.as_str());
    let block = client.get_public_access_block().bucket(name).expected_bucket_owner(owner).send();
    let status = client.get_bucket_policy_status().bucket(name).expected_bucket_owner(owner).send();
    let (block, status) = futures::join!(block, status);
    let block = match block {
        Ok(answer) => answer.public_access_block_configuration().map(configured),
        Err(error) => match error.code() {
            Some(NO_BLOCK) => None,
            Some("NoSuchBucket") => return Ok(None),
            _ => return Err(read("s3:GetPublicAccessBlock", error)),
        },
    };
    let public_policy = match status {
        Ok(answer) => answer.policy_status().and_then(|status| status.is_public()) == Some(true),
        Err(error) => match error.code() {
            Some(NO_POLICY) => false,
            Some("NoSuchBucket") => return Ok(None),
            _ => return Err(read("s3:GetBucketPolicyStatus", error)),
        },
    };
    Ok(Some(Exposure { block, public_policy }))
}

/// What is left out is off.
fn configured(found: &PublicAccessBlockConfiguration) -> PublicAccessBlock {
    PublicAccessBlock {
        block_acls: found.block_public_acls() == Some(true),
        ignore_acls: found.ignore_public_acls() == Some(true),
        block_policy: found.block_public_policy() == Some(true),
        restrict: found.restrict_public_buckets() == Some(true),
    }
}

pub(super) async fn block(
    client: &Client,
    at: &Place,
    bucket: &BucketName,
    after: Option<PublicAccessBlock>,
) -> Result<Receipt> {
    let (name, owner) = (bucket.as_str(), at.account.as_str());
    let Some(after) = after else {
        let call = client.delete_public_access_block().bucket(name).expected_bucket_owner(owner);
        return confirmed("s3:DeletePublicAccessBlock", call.send().await);
    };
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(after.block_acls)
        .ignore_public_acls(after.ignore_acls)
        .block_public_policy(after.block_policy)
        .restrict_public_buckets(after.restrict)
        .build();
    let call = client.put_public_access_block().bucket(name).expected_bucket_owner(owner);
    let sent = call.public_access_block_configuration(block).send().await;
    confirmed("s3:PutPublicAccessBlock", sent)
}
