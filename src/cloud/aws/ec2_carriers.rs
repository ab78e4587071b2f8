//! Which instances carry an instance profile. Lists are followed to the last page.

use std::collections::BTreeSet;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IamInstanceProfileAssociation, IamInstanceProfileAssociationState};

use super::convert::parsed;
use super::errors::read;
use crate::cloud::Result;
use crate::id::InstanceId;

const OPERATION: &str = "ec2:DescribeIamInstanceProfileAssociations";

/// The greatest page (EC2 API Reference): who uses a role is asked before it is revoked.
const PAGE: i32 = 1_000;

pub(super) async fn carriers(
    client: &Client,
    profiles: &BTreeSet<String>,
) -> Result<BTreeSet<InstanceId>> {
    let pages = client.describe_iam_instance_profile_associations().max_results(PAGE);
    let found: Vec<IamInstanceProfileAssociation> = pages
        .into_paginator()
        .items()
        .send()
        .collect::<std::result::Result<_, _>>()
        .await
        .map_err(|error| read(OPERATION, error))?;
    let mut carriers = BTreeSet::new();
    for one in &found {
        // arn:aws:iam::123456789012:instance-profile/path/name
        let arn = one.iam_instance_profile().and_then(|profile| profile.arn()).unwrap_or_default();
        let name = arn.rsplit('/').next().unwrap_or_default();
        if profiles.contains(name) && holds(one.state()) {
            carriers.insert(parsed(OPERATION, one.instance_id())?);
        }
    }
    Ok(carriers)
}

/// What is being taken off does not count any more.
fn holds(state: Option<&IamInstanceProfileAssociationState>) -> bool {
    !matches!(
        state,
        Some(
            IamInstanceProfileAssociationState::Disassociated
                | IamInstanceProfileAssociationState::Disassociating
        )
    )
}
