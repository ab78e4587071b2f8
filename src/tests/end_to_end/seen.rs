//! What is in an account on moto, read with clients of the test's own. Nothing here decides what is
//! right.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    Filter, NetworkInterface, SecurityGroup, Snapshot, SnapshotAttributeName, TagDescription,
};
use serde_json::Value;

use super::account::{Account, Instance, wait};

impl Account {
    /// The groups of each interface, as they are now.
    pub fn groups_of(&self, instance: &Instance) -> BTreeMap<String, BTreeSet<String>> {
        let ids = instance.interfaces.iter().map(|(id, _, _)| id.clone()).collect();
        let call = self.ec2.describe_network_interfaces().set_network_interface_ids(Some(ids));
        let found = wait(call.send()).unwrap();
        let groups = |interface: &NetworkInterface| {
            interface.groups().iter().map(|group| group.group_id().unwrap().to_owned()).collect()
        };
        let of = |interface| (interface_id(interface), groups(interface));
        found.network_interfaces().iter().map(of).collect()
    }

    /// The groups of a VPC.
    pub fn groups_in(&self, vpc: &str) -> Vec<SecurityGroup> {
        let filter = Filter::builder().name("vpc-id").values(vpc).build();
        let found = wait(self.ec2.describe_security_groups().filters(filter).send()).unwrap();
        found.security_groups().to_vec()
    }

    /// Every snapshot that carries the case's tag.
    pub fn snapshots(&self, case: &str) -> Vec<Snapshot> {
        let filter = Filter::builder().name("tag:tourniquet:case").values(case).build();
        let found =
            wait(self.ec2.describe_snapshots().owner_ids("self").filters(filter).send()).unwrap();
        found.snapshots().to_vec()
    }

    /// The accounts that may make volumes of a snapshot.
    pub fn shared_with(&self, snapshot: &str) -> BTreeSet<String> {
        let call = self.ec2.describe_snapshot_attribute().snapshot_id(snapshot);
        let found =
            wait(call.attribute(SnapshotAttributeName::CreateVolumePermission).send()).unwrap();
        let permissions = found.create_volume_permissions();
        permissions
            .iter()
            .map(|permission| permission.user_id().unwrap_or("a group").to_owned())
            .collect()
    }

    /// The tags of an instance.
    pub fn tags(&self, resource: &str) -> BTreeMap<String, String> {
        let filter = Filter::builder().name("resource-id").values(resource).build();
        let found = wait(self.ec2.describe_tags().filters(filter).send()).unwrap();
        let tag = |tag: &TagDescription| {
            (tag.key().unwrap().to_owned(), tag.value().unwrap_or_default().to_owned())
        };
        found.tags().iter().map(tag).collect()
    }

    /// A role's inline policies, by name.
    pub fn role_policies(&self, role: &str) -> BTreeMap<String, Value> {
        wait(async {
            let names = self.iam.list_role_policies().role_name(role).send().await.unwrap();
            let mut policies = BTreeMap::new();
            for name in names.policy_names() {
                let call = self.iam.get_role_policy().role_name(role).policy_name(name);
                policies
                    .insert(name.clone(), document(call.send().await.unwrap().policy_document()));
            }
            policies
        })
    }

    /// A user's inline policies, by name.
    pub fn user_policies(&self, user: &str) -> BTreeMap<String, Value> {
        wait(async {
            let names = self.iam.list_user_policies().user_name(user).send().await.unwrap();
            let mut policies = BTreeMap::new();
            for name in names.policy_names() {
                let call = self.iam.get_user_policy().user_name(user).policy_name(name);
                policies
                    .insert(name.clone(), document(call.send().await.unwrap().policy_document()));
            }
            policies
        })
    }
}

fn interface_id(interface: &NetworkInterface) -> String {
    interface.network_interface_id().unwrap().to_owned()
}

/// IAM gives documents percent-encoded.
fn document(text: &str) -> Value {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let code: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&code).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    serde_json::from_slice(&bytes).unwrap()
}
