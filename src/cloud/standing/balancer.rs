//! Whether a load balancer sends requests to an instance now.

use super::{Standing, compare};
use crate::change::{BalancerChange, Registration};
use crate::cloud::{Result, Session};
use crate::id::Place;

pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &BalancerChange,
) -> Result<Standing> {
    let (registered, before, after) = match change {
        BalancerChange::Target { group, target, before, after, .. } => {
            let found = session.targets(at, group).await?;
            (found.map(|targets| targets.contains(target)), before, after)
        }
        BalancerChange::Classic { balancer, instance, before, after } => {
            let found = session.classic_balancers(at).await?;
            let found = found.iter().find(|found| found.name == *balancer);
            (found.map(|found| found.instances.contains(instance)), before, after)
        }
    };
    Ok(match registered {
        None => Standing::Gone,
        Some(true) => compare(&Registration::Registered, before, after),
        Some(false) => compare(&Registration::Deregistered, before, after),
    })
}
