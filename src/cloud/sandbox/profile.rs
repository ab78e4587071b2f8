//! The instance profile of an instance.

use super::refusal::Refused;
use super::world::World;
use crate::change::{ProfileChange, ProfileUse};
use crate::id::Place;

/// Associates, replaces or disassociates, as the change says.
pub fn apply(world: &mut World, at: &Place, change: &ProfileChange) -> Result<(), Refused> {
    if let Some(after) = &change.after {
        let prefix = format!("arn:aws:iam::{}:instance-profile/", at.account);
        let name = after.arn.as_str().strip_prefix(&prefix);
        let known = &world.account(&at.account)?.profiles;
        if !name.is_some_and(|name| known.contains_key(name)) {
            return Err(Refused::new(
                "InvalidParameterValue",
                format!("Value ({}) for parameter iamInstanceProfile.arn is invalid", after.arn),
            ));
        }
    }
    let found = world.region_mut(at)?.instances.get_mut(&change.instance);
    let Some(machine) = found else {
        return Err(Refused::new(
            "InvalidInstanceID.NotFound",
            format!("The instance ID '{}' does not exist", change.instance),
        ));
    };
    if !matches!(machine.instance.state.as_str(), "running" | "stopped" | "stopping" | "pending") {
        return Err(Refused::new(
            "IncorrectInstanceState",
            format!("The instance '{}' is {}", change.instance, machine.instance.state),
        ));
    }
    let arn = |profile: &Option<ProfileUse>| profile.as_ref().map(|one| one.arn.to_string());
    if machine.instance.profile_arn != arn(&change.before) {
        return Err(match &change.before {
            Some(before) => Refused::new(
                "ProfileChanged",
                format!(
                    "{} has another instance profile than {} by now",
                    change.instance, before.arn
                ),
            ),
            None => Refused::new(
                "IncorrectState",
                format!("There is an existing association for instance {}", change.instance),
            ),
        });
    }
    machine.instance.profile_arn = arn(&change.after);
    Ok(())
}
