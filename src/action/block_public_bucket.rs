//! Turns on all of a bucket's Block Public Access (S3 User Guide, "Blocking public access to your Amazon S3
//! storage"): what its policy or ACLs grant to everybody works no more. The grants stay as they are, and an
//! undo gives the bucket the configuration that it had, or none.
//!
//! What still reads the bucket is told, not tried: who is let in by name, and links that somebody has signed.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::reads::{Read, any, permissions_for, permissions_to};
use super::{
    Action, Context, LookError, ParamKind, ParamSpec, Params, Settings, Shape, Verdict, gone,
};
use crate::change::{Change, Kind, Permission, PublicAccessBlock, Urgency};
use crate::cloud::Exposure;
use crate::id::{BucketName, Place};

/// Stops everybody without a name from reaching a bucket.
pub struct BlockPublicBucket;

const PARAMS: &[ParamSpec] = &[ParamSpec {
    name: "bucket",
    kind: ParamKind::BucketName,
    required: true,
    doc: "The bucket.",
}];

/// What Block Public Access does not stop (S3 User Guide, "The meaning of public"; GuardDuty User Guide,
/// "Remediating a potentially compromised S3 bucket").
const NOT_STOPPED: &str = "Block Public Access stops nobody whom the bucket's policy, its ACLs or an IAM \
    policy lets in by name, and no presigned URL: that works until it expires (7 days at most) or until \
    whoever signed it is denied.";

/// What a public policy means while it is restricted.
const STILL_PUBLIC: &str = "The bucket's policy still grants something to everybody: it has no effect for \
    other accounts while the block is on, and it will when the block is taken away. Correct it first.";

/// What a website loses.
const WEBSITE: &str = "A website or a download that this bucket served to everybody is down; one behind \
    CloudFront with an origin access control goes on.";

#[async_trait]
impl Action for BlockPublicBucket {
    fn name(&self) -> &'static str {
        "contain::block_public_bucket"
    }

    fn summary(&self) -> &'static str {
        "Turns on a bucket's Block Public Access: what is granted to everybody works no more."
    }

    fn params(&self) -> &'static [ParamSpec] {
        PARAMS
    }

    fn output(&self) -> Shape {
        Shape::Fields(&[
            ("bucket", Shape::Text),
            ("before", Shape::Any),
            ("public_policy", Shape::Any),
            ("already", Shape::Any),
            ("notes", Shape::List(&Shape::Text)),
        ])
    }

    fn urgency(&self) -> Urgency {
        Urgency::Containment
    }

    fn target(&self, params: &Params) -> Result<String, LookError> {
        Ok(format!("bucket/{}", params.id::<BucketName>("bucket")?))
    }

    fn permissions(&self, at: &Place, _settings: &Settings) -> BTreeSet<Permission> {
        let mut needed = permissions_for(&[Read::Exposure], at);
        needed.extend(permissions_to(
            vec![Kind::PublicAccess {
                bucket: any(""),
                before: None,
                after: Some(PublicAccessBlock::ALL),
            }],
            at,
        ));
        needed
    }

    async fn look(&self, context: &Context<'_>, params: &Params) -> Result<Verdict, LookError> {
        let bucket: BucketName = params.id("bucket")?;
        let Some(now) = context.session.exposure(context.at, &bucket).await? else {
            return Ok(gone(&format!("bucket {bucket}"), context.at));
        };
        if now.block == Some(PublicAccessBlock::ALL) {
            return Ok(Verdict::Done(report(context, &bucket, &now)));
        }
        let kind =
            Kind::PublicAccess { bucket, before: now.block, after: Some(PublicAccessBlock::ALL) };
        Ok(Verdict::Change(vec![vec![Change { at: context.at.clone(), kind }]]))
    }
}

fn report(context: &Context<'_>, bucket: &BucketName, now: &Exposure) -> Value {
    let first = context.applied.iter().find_map(|applied| match &applied.change.kind {
        Kind::PublicAccess { before, .. } => Some(*before),
        _ => None,
    });
    let mut notes = vec![NOT_STOPPED];
    notes.extend(now.public_policy.then_some(STILL_PUBLIC));
    notes.extend(first.is_some().then_some(WEBSITE));
    json!({
        "bucket": bucket,
        "before": first.unwrap_or(now.block),
        "public_policy": now.public_policy,
        "already": context.applied.is_empty(),
        "notes": notes,
    })
}
