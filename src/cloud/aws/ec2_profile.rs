//! The instance profile of an instance: replaced, taken off, given.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IamInstanceProfileAssociationState, IamInstanceProfileSpecification};

use super::ec2_apply::confirmed;
use super::ec2_read::filter;
use super::errors::read;
use crate::change::{ProfileChange, ProfileUse};
use crate::cloud::{CloudError, ErrorClass, Receipt, Result};
use crate::id::InstanceId;

/// Sent only while the instance still has the profile that the change begins with.
pub(super) async fn apply(
    client: &Client,
    operation: &str,
    change: &ProfileChange,
) -> Result<Receipt> {
    let given = |profile: &ProfileUse| {
        IamInstanceProfileSpecification::builder().arn(profile.arn.as_str()).build()
    };
    match (&change.before, &change.after) {
        (None, after) => {
            let call = client.associate_iam_instance_profile();
            let call = call.instance_id(change.instance.as_str());
            let call = call.set_iam_instance_profile(after.as_ref().map(given));
            confirmed(operation, call.send().await)
        }
        (Some(before), Some(after)) => {
            let association = association(client, operation, &change.instance, before).await?;
            let call = client.replace_iam_instance_profile_association();
            let call = call.association_id(association).iam_instance_profile(given(after));
            confirmed(operation, call.send().await)
        }
        (Some(before), None) => {
            let association = association(client, operation, &change.instance, before).await?;
            let call = client.disassociate_iam_instance_profile().association_id(association);
            confirmed(operation, call.send().await)
        }
    }
}

/// The id of the association of an instance with that profile.
async fn association(
    client: &Client,
    operation: &str,
    instance: &InstanceId,
    profile: &ProfileUse,
) -> Result<String> {
    const OPERATION: &str = "ec2:DescribeIamInstanceProfileAssociations";
    use IamInstanceProfileAssociationState::{Associated, Associating};
    let call = client
        .describe_iam_instance_profile_associations()
        .filters(filter("instance-id", [instance.as_str()]));
    let answer = call.send().await.map_err(|e| read(OPERATION, e))?;
    let mut found = answer.iam_instance_profile_associations().iter();
    let found = found.find(|one| {
        let arn = one.iam_instance_profile().and_then(|found| found.arn());
        matches!(one.state(), Some(Associated | Associating)) && arn == Some(profile.arn.as_str())
    });
    found.and_then(|one| one.association_id()).map(str::to_owned).ok_or_else(|| {
        let reason = format!("{instance} has another instance profile than {} by now", profile.arn);
        CloudError::new(ErrorClass::Conflict, operation, "ProfileChanged", reason)
    })
}
