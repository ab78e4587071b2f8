//! Elastic IP addresses as EC2 treats them: allocated to the account, associated with an interface.

use super::network::parsed;
use super::refusal::Refused;
use super::world::World;
use crate::cloud::{Address, Interface};
use crate::id::{AllocationId, AssociationId, InterfaceId, Place};

/// `ec2:DisassociateAddress`. The address stays allocated.
pub fn disassociate(
    world: &mut World,
    at: &Place,
    association: &AssociationId,
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    let of = |interface: &&mut Interface| {
        interface.addresses.iter().any(|address| address.association == *association)
    };
    let mut interfaces =
        region.instances.values_mut().flat_map(|machine| &mut machine.instance.interfaces);
    let Some(found) = interfaces.find(of) else {
        return Err(Refused::new(
            "InvalidAssociationID.NotFound",
            format!("The association ID '{association}' does not exist"),
        ));
    };
    if found.requester_managed {
        return Err(managed(&found.id));
    }
    found.addresses.retain(|address| address.association != *association);
    Ok(())
}

/// `ec2:AssociateAddress` without `AllowReassociation`.
pub fn associate(
    world: &mut World,
    at: &Place,
    interface: &InterfaceId,
    allocation: &AllocationId,
    private_ip: &str,
) -> Result<(), Refused> {
    let region = world.region_mut(at)?;
    let Some(public_ip) = region.addresses.get(allocation).cloned() else {
        return Err(Refused::new(
            "InvalidAllocationID.NotFound",
            format!("The allocation ID '{allocation}' does not exist"),
        ));
    };
    let Some(machine) = region.machine_of(interface) else {
        return Err(Refused::new(
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{interface}' does not exist"),
        ));
    };
    let instance = machine.instance.id.clone();
    let all = region.instances.values().flat_map(|machine| &machine.instance.interfaces);
    let mut used = all.flat_map(|i| i.addresses.iter().map(move |address| (i, address)));
    match used.find(|(_, address)| address.allocation == *allocation) {
        // Again is no error (EC2 API, AssociateAddress).
        Some((on, address)) if on.id == *interface && address.private_ip == private_ip => {
            return Ok(());
        }
        Some((on, _)) => {
            return Err(Refused::new(
                "Resource.AlreadyAssociated",
                format!("resource {allocation} is already associated with {}", on.id),
            ));
        }
        None => {}
    }
    let association =
        parsed(&world.fresh_for("eipassoc-", &format!("{at} {allocation} {interface}")))?;
    let machine = world.region_mut(at)?.instances.get_mut(&instance);
    let interfaces = machine.map(|machine| &mut machine.instance.interfaces);
    if let Some(found) = interfaces.into_iter().flatten().find(|found| found.id == *interface) {
        if found.requester_managed {
            return Err(managed(interface));
        }
        // What led to that private address before leads nowhere now (EC2 API, AssociateAddress).
        found.addresses.retain(|address| address.private_ip != private_ip);
        found.addresses.push(Address {
            allocation: allocation.clone(),
            association,
            public_ip,
            private_ip: private_ip.to_owned(),
        });
    }
    Ok(())
}

fn managed(interface: &InterfaceId) -> Refused {
    Refused::new(
        "AuthFailure",
        format!("You do not have permission to modify the requester-managed interface {interface}"),
    )
}
