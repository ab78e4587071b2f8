//! Tags of S3 buckets. PutBucketTagging replaces the whole set, so a change reads and merges first.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Tag, Tagging};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ec2_apply::{confirmed, refused};
use super::errors::read;
use crate::change::Tags;
use crate::cloud::{CloudError, ErrorClass, Receipt, Result};

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
