//! What EC2 lets people put between an instance and its end.

use std::collections::BTreeMap;

use super::refusal::Refused;
use super::world::{Machine, World};
use crate::change::OnShutdown;
use crate::cloud::Safeguards;
use crate::id::{InstanceId, Place, VolumeId};

/// What DescribeInstances and DescribeInstanceAttribute show.
#[must_use]
pub fn shown(machine: &Machine) -> Safeguards {
    let (instance, ending) = (&machine.instance, &machine.ending);
    let disk = |(device, volume): &(String, VolumeId)| {
        (device.clone(), (volume.clone(), !ending.kept.contains(volume)))
    };
    Safeguards {
        state: instance.state.clone(),
        spot: ending.spot,
        ebs_root: !instance.volumes.is_empty(),
        termination_protection: ending.protected,
        on_shutdown: match ending.terminates_itself {
            true => OnShutdown::Terminate,
            false => OnShutdown::Stop,
        },
        disks: instance.volumes.iter().map(disk).collect::<BTreeMap<_, _>>(),
    }
}

/// `DisableApiTermination` (EC2 User Guide, termination protection: not for Spot Instances).
pub fn protect(world: &mut World, at: &Place, id: &InstanceId, after: bool) -> Result<(), Refused> {
    let machine = machine(world, at, id)?;
    if machine.ending.spot && after {
        return Err(Refused::new(
            "UnsupportedOperation",
            format!("You cannot enable termination protection for the Spot Instance {id}"),
        ));
    }
    machine.ending.protected = after;
    Ok(())
}

/// `InstanceInitiatedShutdownBehavior` (only with a root volume in EBS).
pub fn on_shutdown(
    world: &mut World,
    at: &Place,
    id: &InstanceId,
    after: OnShutdown,
) -> Result<(), Refused> {
    let machine = machine(world, at, id)?;
    if machine.instance.volumes.is_empty() && after == OnShutdown::Stop {
        return Err(Refused::new(
            "UnsupportedOperation",
            format!("The instance {id} has an instance store root and can't be stopped"),
        ));
    }
    machine.ending.terminates_itself = after == OnShutdown::Terminate;
    Ok(())
}

/// `DeleteOnTermination` of one device.
pub fn delete_on_termination(
    world: &mut World,
    at: &Place,
    id: &InstanceId,
    device: &str,
    after: bool,
) -> Result<(), Refused> {
    let machine = machine(world, at, id)?;
    let found = machine.instance.volumes.iter().find(|(name, _)| name == device);
    let Some((_, volume)) = found.cloned() else {
        return Err(Refused::new(
            "InvalidInstanceAttributeValue",
            format!("No device is currently mapped at {device}"),
        ));
    };
    match after {
        true => machine.ending.kept.remove(&volume),
        false => machine.ending.kept.insert(volume),
    };
    Ok(())
}

fn machine<'a>(
    world: &'a mut World,
    at: &Place,
    id: &InstanceId,
) -> Result<&'a mut Machine, Refused> {
    let Some(machine) = world.region_mut(at)?.instances.get_mut(id) else {
        return Err(Refused::new(
            "InvalidInstanceID.NotFound",
            format!("The instance ID '{id}' does not exist"),
        ));
    };
    if machine.instance.state == "terminated" {
        return Err(Refused::new(
            "IncorrectInstanceState",
            format!("The instance '{id}' is terminated"),
        ));
    }
    Ok(machine)
}
