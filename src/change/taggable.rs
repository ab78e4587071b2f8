//! What can be tagged, and how each is called in one word.

use serde::{Deserialize, Serialize};

use super::{DatabaseRef, EcsRef};
use crate::id::{
    BucketName, FunctionName, GroupId, InstanceId, RoleName, SnapshotId, UserName, VolumeId,
};

/// What can be tagged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Taggable {
    /// An EC2 instance.
    Instance(InstanceId),
    /// An EBS volume.
    Volume(VolumeId),
    /// An EBS snapshot.
    Snapshot(SnapshotId),
    /// An IAM role.
    Role(RoleName),
    /// An IAM user.
    User(UserName),
    /// An S3 bucket.
    Bucket(BucketName),
    /// A security group.
    SecurityGroup(GroupId),
    /// A DB instance or cluster.
    Database(DatabaseRef),
    /// An ECS task or service.
    Ecs(EcsRef),
    /// A Lambda function.
    Function(FunctionName),
}

impl Taggable {
    /// `type/id`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Instance(id) => format!("instance/{id}"),
            Self::Volume(id) => format!("volume/{id}"),
            Self::Snapshot(id) => format!("snapshot/{id}"),
            Self::Role(name) => format!("role/{name}"),
            Self::User(name) => format!("user/{name}"),
            Self::Bucket(name) => format!("bucket/{name}"),
            Self::SecurityGroup(id) => format!("security-group/{id}"),
            Self::Database(database) => database.path(),
            Self::Ecs(resource) => resource.path(),
            Self::Function(name) => format!("function/{name}"),
        }
    }
}
