//! Where a task or service stands towards a change.

use super::{Standing, compare, set};
use crate::change::TaskChange;
use crate::cloud::{Result, Session, TASK_STOPPED};
use crate::id::Place;

pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &TaskChange,
) -> Result<Standing> {
    Ok(match change {
        TaskChange::Groups { cluster, task, interface, before, after, .. } => {
            let found = session.task(at, cluster, task).await?;
            match found.and_then(|t| t.interfaces.into_iter().find(|i| i.id == *interface)) {
                None => Standing::Gone,
                Some(now) => compare(&set(&now.groups), &set(before), &set(after)),
            }
        }
        TaskChange::DesiredCount { cluster, service, before, after } => {
            match session.task_service(at, cluster, service).await? {
                None => Standing::Gone,
                Some(now) => compare(&now.desired, before, after),
            }
        }
        TaskChange::Stop { cluster, task, .. } => match session.task(at, cluster, task).await? {
            None => Standing::Gone,
            Some(now) if now.desired == TASK_STOPPED => Standing::After,
            Some(_) => Standing::Before,
        },
    })
}
