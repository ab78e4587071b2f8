//! Instances with their interfaces and volumes, from a scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::super::machine::Ending;
use super::super::naming::derived;
use super::super::network::default_egress;
use super::super::scenario::{AccountSpec, InstanceSpec, InterfaceSpec, VolumeSpec};
use super::super::world::{Machine, RegionState, Volume};
use super::{EBS_DEFAULT_ALIAS, words};
use crate::change::{Peer, Rule};
use crate::cloud::{Address, Instance, Interface, SecurityGroup};
use crate::id::{AllocationId, GroupId, InterfaceId, Region, VpcId};

pub(super) fn add_instance(
    state: &mut RegionState,
    spec: &AccountSpec,
    region: &Region,
    instance: &InstanceSpec,
) -> Result<Machine, String> {
    let one = vec![InterfaceSpec::default()];
    let specs = instance.interfaces.as_ref().unwrap_or(&one);
    let interfaces = add_interfaces(state, spec, region, instance.id.as_str(), specs)?;
    let one = vec![VolumeSpec {
        id: None,
        size: 8,
        encrypted: false,
        key: None,
        snapshots_fail: None,
        device: None,
        tags: BTreeMap::new(),
    }];
    let mut volumes = Vec::new();
    for (index, volume) in instance.volumes.as_ref().unwrap_or(&one).iter().enumerate() {
        let id = match &volume.id {
            Some(id) => id.clone(),
            None => derived("vol-", &format!("{}/{index}", instance.id)).parse().map_err(words)?,
        };
        let key = volume.key.as_deref().or(volume.encrypted.then_some(EBS_DEFAULT_ALIAS));
        let kms_key = match key.map(|key| (key, state.key(key))) {
            None => None,
            Some((_, Some(found))) => Some(found.arn.clone()),
            Some((name, None)) => return Err(format!("volume {id}: there is no key {name}")),
        };
        let built = Volume {
            id: id.clone(),
            size: volume.size,
            encrypted: key.is_some(),
            kms_key,
            tags: volume.tags.clone(),
        };
        state.volumes.insert(id.clone(), built);
        if let Some(failure) = &volume.snapshots_fail {
            state.bad_volumes.insert(id.clone(), failure.clone());
        }
        volumes.push((volume.device.clone().unwrap_or_else(|| device(index)), id));
    }
    Ok(Machine {
        tracked_open: BTreeSet::new(),
        ending: Ending {
            spot: instance.spot,
            protected: instance.protected,
            terminates_itself: instance.terminates_itself,
            kept: BTreeSet::new(),
        },
        instance: Instance {
            id: instance.id.clone(),
            state: instance.state.clone().unwrap_or_else(|| "running".to_owned()),
            vpc: interfaces.first().map(|interface| interface.vpc.clone()),
            interfaces,
            root_device: Some(
                volumes.first().map_or_else(|| device(0), |(device, _)| device.clone()),
            ),
            volumes,
            profile_arn: instance
                .profile
                .as_ref()
                .map(|name| format!("arn:aws:iam::{}:instance-profile/{name}", spec.id)),
            tags: instance.tags.clone(),
        },
    })
}

/// An address that no other interface has, as far as 24 bits tell them apart.
fn private_ip(id: &InterfaceId) -> String {
    let hex = derived("", &format!("ip/{id}"));
    let byte = |n: usize| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap_or_default();
    format!("10.{}.{}.{}", byte(0), byte(1), byte(2))
}

/// Interfaces of an instance or a task, with what they need.
pub(super) fn add_interfaces(
    state: &mut RegionState,
    spec: &AccountSpec,
    region: &Region,
    owner: &str,
    specs: &[InterfaceSpec],
) -> Result<Vec<Interface>, String> {
    let mut interfaces = Vec::new();
    for (index, interface) in specs.iter().enumerate() {
        let vpc = interface.vpc.clone().map_or_else(|| default_vpc(spec, region), Ok)?;
        let ipv6 = state.vpcs.entry(vpc.clone()).or_default().ipv6;
        let groups = match interface.groups.as_slice() {
            [] => vec![derived("sg-", vpc.as_str()).parse::<GroupId>().map_err(words)?],
            given => given.to_vec(),
        };
        for group in &groups {
            let found = state.groups.entry(group.clone()).or_insert_with(|| SecurityGroup {
                id: group.clone(),
                name: group.to_string(),
                vpc: vpc.clone(),
                ingress: vec![https()],
                egress: default_egress(ipv6),
                tags: BTreeMap::new(),
            });
            if found.vpc != vpc {
                return Err(format!("{group} is in {}, its interface is in {vpc}", found.vpc));
            }
        }
        let id = match &interface.id {
            Some(id) => id.clone(),
            None => derived("eni-", &format!("{owner}/{index}")).parse().map_err(words)?,
        };
        let mut addresses = Vec::new();
        for (n, public_ip) in interface.elastic_ips.iter().enumerate() {
            let allocation: AllocationId =
                derived("eipalloc-", public_ip).parse().map_err(words)?;
            if state.addresses.insert(allocation.clone(), public_ip.clone()).is_some() {
                return Err(format!("{public_ip} is there twice"));
            }
            addresses.push(Address {
                allocation,
                association: derived("eipassoc-", public_ip).parse().map_err(words)?,
                public_ip: public_ip.clone(),
                private_ip: format!("10.0.{index}.{}", n + 10),
            });
        }
        let mut ips: Vec<String> =
            addresses.iter().map(|address| address.private_ip.clone()).collect();
        if ips.is_empty() {
            ips.push(private_ip(&id));
        }
        interfaces.push(Interface {
            ips,
            addresses,
            id,
            vpc,
            groups,
            requester_managed: interface.requester_managed,
        });
    }
    Ok(interfaces)
}

/// `/dev/xvda` for the root volume, `/dev/sdf`, `/dev/sdg`, … for data (EC2 User Guide, device names).
fn device(index: usize) -> String {
    match u8::try_from(index) {
        Ok(0) => "/dev/xvda".to_owned(),
        Ok(n @ 1..=11) => format!("/dev/sd{}", char::from(b'e' + n)),
        _ => format!("/dev/xvdb{index}"),
    }
}

pub(super) fn https() -> Rule {
    let peer = Peer::Ipv4("0.0.0.0/0".to_owned());
    let port = Some(443);
    Rule { protocol: "tcp".to_owned(), from_port: port, to_port: port, peer, description: None }
}

pub(super) fn default_vpc(spec: &AccountSpec, region: &Region) -> Result<VpcId, String> {
    // The first VPC that the scenario names for the Region is the default one.
    let named = spec.vpc.iter().find(|vpc| vpc.region.as_ref().unwrap_or(&spec.region) == region);
    match named {
        Some(vpc) => Ok(vpc.id.clone()),
        None => derived("vpc-", &format!("{}/{region}", spec.id)).parse().map_err(words),
    }
}
