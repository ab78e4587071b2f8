//! Where a database stands towards a change. A group that goes counts as gone: RDS was told so.

use super::{Standing, compare, set};
use crate::change::{DatabaseChange, DatabaseRef};
use crate::cloud::{Result, Session, settled_groups};
use crate::id::Place;

pub(super) async fn standing(
    session: &dyn Session,
    at: &Place,
    change: &DatabaseChange,
) -> Result<Standing> {
    Ok(match change {
        DatabaseChange::Groups { database, before, after } => {
            let groups = match database {
                DatabaseRef::Instance(id) => session.database(at, id).await?.map(|now| now.groups),
                DatabaseRef::Cluster(id) => {
                    session.database_cluster(at, id).await?.map(|now| now.groups)
                }
            };
            match groups {
                None => Standing::Gone,
                Some(now) => compare(&set(&settled_groups(&now)), &set(before), &set(after)),
            }
        }
        DatabaseChange::PublicAccess { instance, before, after } => {
            match session.database(at, instance).await? {
                None => Standing::Gone,
                Some(now) => compare(&now.public, before, after),
            }
        }
    })
}
