//! From SDK values to our words. No calls are made here.

use std::str::FromStr;

use aws_sdk_ec2::types as ec2;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::errors::{Effect, unreadable};
use crate::change::{Document, Peer, Rule, Tags, carried};
use crate::cloud::{
    Address, CloudError, Interface, Result, SecurityGroup, Snapshot, SnapshotState,
};
use crate::id::GroupId;

/// A required id of an answer to a read.
pub(super) fn parsed<T>(operation: &str, text: Option<&str>) -> Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.unwrap_or_default()
        .parse()
        .map_err(|e: T::Err| unreadable(operation, Effect::Reads, e.to_string()))
}

/// An optional id: absent or empty is `None`.
pub(super) fn parsed_if_there<T>(operation: &str, text: Option<&str>) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    match text {
        None | Some("") => Ok(None),
        some => parsed(operation, some).map(Some),
    }
}

/// RFC 3339; empty for a date that can't be written, which no AWS answer holds.
pub(super) fn rfc3339(at: &DateTime) -> String {
    at.fmt(Format::DateTime).unwrap_or_default()
}

pub(super) fn ec2_tags(tags: &[ec2::Tag]) -> Tags {
    tags.iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

pub(super) fn iam_tags(tags: &[aws_sdk_iam::types::Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// An interface as DescribeNetworkInterfaces shows it.
pub(super) fn interface(operation: &str, found: &ec2::NetworkInterface) -> Result<Interface> {
    let groups: Result<Vec<GroupId>> =
        found.groups().iter().map(|group| parsed(operation, group.group_id())).collect();
    Ok(Interface {
        id: parsed(operation, found.network_interface_id())?,
        vpc: parsed(operation, found.vpc_id())?,
        groups: groups?,
        requester_managed: found.requester_managed().unwrap_or(false),
        ips: ips(found),
        addresses: addresses(operation, found)?,
    })
}

/// All its own addresses: EC2 lists the primary one first.
fn ips(found: &ec2::NetworkInterface) -> Vec<String> {
    let v4 = found.private_ip_addresses().iter().filter_map(|ip| ip.private_ip_address());
    let v6 = found.ipv6_addresses().iter().filter_map(|ip| ip.ipv6_address());
    v4.chain(v6).map(str::to_owned).collect()
}

/// The Elastic IP addresses of an interface, each on its private address. What has no allocation is
/// lent by AWS and can't be taken off.
fn addresses(operation: &str, found: &ec2::NetworkInterface) -> Result<Vec<Address>> {
    let of = |private_ip: Option<&str>, association: Option<&ec2::NetworkInterfaceAssociation>| {
        let association = association?;
        let allocation = association.allocation_id().filter(|id| !id.is_empty())?;
        Some(parsed(operation, Some(allocation)).and_then(|allocation| {
            Ok(Address {
                allocation,
                association: parsed(operation, association.association_id())?,
                public_ip: association.public_ip().unwrap_or_default().to_owned(),
                private_ip: private_ip.unwrap_or_default().to_owned(),
            })
        }))
    };
    let mut addresses: Vec<Address> = found
        .private_ip_addresses()
        .iter()
        .filter_map(|private| of(private.private_ip_address(), private.association()))
        .collect::<Result<_>>()?;
    // The primary one is told twice.
    if let Some(primary) = of(found.private_ip_address(), found.association()).transpose()?
        && addresses.iter().all(|address| address.allocation != primary.allocation)
    {
        addresses.push(primary);
    }
    Ok(addresses)
}

pub(super) fn security_group(operation: &str, found: &ec2::SecurityGroup) -> Result<SecurityGroup> {
    Ok(SecurityGroup {
        id: parsed(operation, found.group_id())?,
        name: found.group_name().unwrap_or_default().to_owned(),
        vpc: parsed(operation, found.vpc_id())?,
        ingress: rules(operation, found.ip_permissions())?,
        egress: rules(operation, found.ip_permissions_egress())?,
        tags: ec2_tags(found.tags()),
    })
}

/// EC2 gathers peers that share protocol and ports; ours have one peer each.
fn rules(operation: &str, permissions: &[ec2::IpPermission]) -> Result<Vec<Rule>> {
    let rules: Result<Vec<Vec<Rule>>> =
        permissions.iter().map(|permission| rules_of(operation, permission)).collect();
    Ok(rules?.concat())
}

/// A peer that we can't name is an error: left out, it would let an open group pass for an empty one.
fn rules_of(operation: &str, permission: &ec2::IpPermission) -> Result<Vec<Rule>> {
    let protocol = permission.ip_protocol().unwrap_or("-1").to_owned();
    // "Everything" has no ports; some answers write them as -1 or 0 all the same.
    let (from_port, to_port) = match protocol.as_str() {
        "-1" => (None, None),
        _ => (permission.from_port(), permission.to_port()),
    };
    let ipv4 = permission
        .ip_ranges()
        .iter()
        .filter_map(|range| Some((Peer::Ipv4(range.cidr_ip()?.to_owned()), range.description())));
    let ipv6 = permission
        .ipv6_ranges()
        .iter()
        .filter_map(|range| Some((Peer::Ipv6(range.cidr_ipv6()?.to_owned()), range.description())));
    let lists = permission.prefix_list_ids().iter().filter_map(|list| {
        Some((Peer::PrefixList(list.prefix_list_id()?.to_owned()), list.description()))
    });
    let groups = permission
        .user_id_group_pairs()
        .iter()
        .filter_map(|pair| Some((Peer::Group(pair.group_id()?.to_owned()), pair.description())));
    let rules: Vec<Rule> = ipv4
        .chain(ipv6)
        .chain(lists)
        .chain(groups)
        .map(|(peer, description)| Rule {
            protocol: protocol.clone(),
            from_port,
            to_port,
            peer,
            description: description.filter(|text| !text.is_empty()).map(str::to_owned),
        })
        .collect();
    let peers = permission.ip_ranges().len()
        + permission.ipv6_ranges().len()
        + permission.prefix_list_ids().len()
        + permission.user_id_group_pairs().len();
    if rules.is_empty() || rules.len() != peers {
        let what = format!("a rule of {protocol} has a peer that can't be read");
        return Err(unreadable(operation, Effect::Reads, what));
    }
    Ok(rules)
}

/// A rule as EC2 takes it when it comes, with its description.
pub(super) fn permission(rule: &Rule) -> ec2::IpPermission {
    let blank = ec2::IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.from_port)
        .set_to_port(rule.to_port);
    let text = rule.description.clone();
    match &rule.peer {
        Peer::Ipv4(cidr) => {
            blank.ip_ranges(ec2::IpRange::builder().cidr_ip(cidr).set_description(text).build())
        }
        Peer::Ipv6(cidr) => blank
            .ipv6_ranges(ec2::Ipv6Range::builder().cidr_ipv6(cidr).set_description(text).build()),
        Peer::PrefixList(id) => blank.prefix_list_ids(
            ec2::PrefixListId::builder().prefix_list_id(id).set_description(text).build(),
        ),
        Peer::Group(id) => blank.user_id_group_pairs(
            ec2::UserIdGroupPair::builder().group_id(id).set_description(text).build(),
        ),
    }
    .build()
}

/// A rule as EC2 takes it when it goes: without its description, which somebody may have rewritten since and
/// which EC2 does not need (EC2 API, RevokeSecurityGroupIngress).
pub(super) fn bare_permission(rule: &Rule) -> ec2::IpPermission {
    permission(&Rule { description: None, ..rule.clone() })
}

pub(super) fn snapshot(operation: &str, found: &ec2::Snapshot) -> Result<Snapshot> {
    Ok(Snapshot {
        id: parsed(operation, found.snapshot_id())?,
        owner: parsed(operation, found.owner_id())?,
        volume: parsed_if_there(operation, found.volume_id())?,
        state: match found.state() {
            Some(ec2::SnapshotState::Completed) => SnapshotState::Completed,
            Some(ec2::SnapshotState::Error) => SnapshotState::Error,
            // `pending`, `recoverable` and `recovering` are not usable yet.
            _ => SnapshotState::Pending,
        },
        state_message: found.state_message().filter(|m| !m.is_empty()).map(str::to_owned),
        encrypted: found.encrypted().unwrap_or(false),
        kms_key: found.kms_key_id().map(str::to_owned),
        size: found.volume_size().unwrap_or_default(),
        started: found.start_time().map(rfc3339),
        description: found.description().unwrap_or_default().to_owned(),
        tags: ec2_tags(found.tags()),
    })
}

/// A tag specification for a create; `None` without tags, which EC2 refuses to take empty.
pub(super) fn tag_specification(
    of: ec2::ResourceType,
    tags: &Tags,
) -> Option<ec2::TagSpecification> {
    (!tags.is_empty()).then(|| {
        ec2::TagSpecification::builder().resource_type(of).set_tags(Some(tag_list(tags))).build()
    })
}

pub(super) fn tag_list(tags: &Tags) -> Vec<ec2::Tag> {
    tags.iter().map(|(key, value)| ec2::Tag::builder().key(key).value(value).build()).collect()
}

/// A policy document as IAM returns it: JSON, percent-encoded after RFC 3986 (IAM API, GetRolePolicy).
pub(super) fn document(operation: &str, text: &str) -> Result<Document> {
    let wrong = |why: String| -> CloudError { unreadable(operation, Effect::Reads, why) };
    // Encoded JSON never begins with a brace, and decoding plain JSON could damage a `%` in it.
    let plain = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        percent_decoded(text)
            .ok_or_else(|| wrong("the policy is not percent-encoded text".to_owned()))?
    };
    let parsed = serde_json::from_str(&plain);
    parsed.map(carried).map_err(|e| wrong(format!("the policy is not JSON: {e}")))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let (digits, tail) = tail.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                tail
            }
            other => {
                bytes.push(other);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{IpPermission, IpRange, UserIdGroupPair};
    use serde_json::json;

    use super::{document, rules};

    #[test]
    fn a_rule_whose_peer_can_not_be_read_never_passes_for_none() {
        let all = || IpPermission::builder().ip_protocol("-1");
        let range = || IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let nameless = || UserIdGroupPair::builder().group_name("default").build();
        for (permission, expected) in [
            (all().ip_ranges(range()).build(), Some(1)),
            (all().ip_ranges(range()).user_id_group_pairs(nameless()).build(), None),
            (all().user_id_group_pairs(nameless()).build(), None),
            (all().build(), None),
        ] {
            let read = rules("ec2:DescribeSecurityGroups", std::slice::from_ref(&permission));
            assert_eq!(read.ok().map(|rules| rules.len()), expected, "{permission:?}");
        }
    }

    #[test]
    fn documents_are_read_encoded_or_plain_and_damage_is_an_error() {
        let policy = json!({"Statement": [{"Resource": "a%b+c ü"}]});
        let encoded: String = policy.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
        for (text, expected) in [
            (policy.to_string(), Some(policy.clone())),
            (encoded, Some(policy)),
            ("%7B%7D".to_owned(), Some(json!({}))),
            ("%7".to_owned(), None),
            ("%zz".to_owned(), None),
            ("%FF".to_owned(), None),
            ("%7B".to_owned(), None),
        ] {
            assert_eq!(document("iam:GetRolePolicy", &text).ok(), expected, "{text}");
        }
    }
}
